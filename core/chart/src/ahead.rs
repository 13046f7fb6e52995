//! What can be done beside rendering, where the host has more than one processor: templates are parsed and schemas looked
//! over while values are put together, and rendered documents are read while others are rendered.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use backstay_gotemplate::{Beside, Compatibility, Desk, Draft, FunctionTable};

use crate::by_length::ByLength;
use crate::chart::Chart;
use crate::files::SourceFile;
use crate::job::Job;
use crate::manifests::Document;
use crate::schema::Schema;

/// Below so many bytes of templates and schemas a thread costs more than it saves.
const WORTH_HELP: usize = 64 * 1024;

/// So many bytes of documents are handed over at once: waking somebody costs as much as reading a few of them.
const WORTH_WAKING: usize = 16 * 1024;

const SCHEMA: &str = "values.schema.json";
const TEMPLATES: &str = "templates/";

/// What a chart has that can be worked on before its values are known.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// Files and their texts, each text once: subcharts bring the same library again and again.
    templates: BTreeMap<ByLength<&'a str>, &'a str>,
    schemas: Vec<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Whether [`Self::of_folder`] makes something of a file; it need not know the others.
    #[must_use]
    pub fn takes(path: &str) -> bool {
        let path = in_its_chart(path);
        path == SCHEMA || path.starts_with(TEMPLATES)
    }

    /// The parts of a chart that lies in a folder. What lies packed in it is found later.
    #[must_use]
    pub fn of_folder(files: &'a [SourceFile]) -> Self {
        let mut parts = Self::default();
        for file in files {
            match in_its_chart(&file.path) {
                SCHEMA => parts.schema(&file.content),
                path if path.starts_with(TEMPLATES) => {
                    if let Some(text) = file.content.as_text() {
                        parts.template(&file.path, text);
                    }
                }
                _ => {}
            }
        }
        parts
    }

    pub(crate) fn template(&mut self, file: &'a str, text: &'a str) {
        self.templates.insert(ByLength(text), file);
    }

    pub(crate) fn schema(&mut self, schema: &'a [u8]) {
        if !self.schemas.contains(&schema) {
            self.schemas.push(schema);
        }
    }

    /// The schemas of a chart and its subcharts.
    pub(crate) fn schemas_of(&mut self, chart: &'a Chart) {
        if let Some(schema) = &chart.schema {
            self.schema(schema);
        }
        chart.dependencies.iter().for_each(|subchart| self.schemas_of(subchart));
    }

    fn size(&self) -> usize {
        let templates = self.templates.keys().map(|text| text.0.len());
        templates.chain(self.schemas.iter().map(|schema| schema.len())).sum()
    }
}

/// The path of a file below the innermost chart that it lies in.
fn in_its_chart(path: &str) -> &str {
    match path.strip_prefix("charts/").and_then(|inside| inside.split_once('/')) {
        Some((_, rest)) => in_its_chart(rest),
        None => path,
    }
}

struct Template<'a> {
    file: &'a str,
    text: &'a str,
    /// Nothing where it is no template.
    draft: Job<Mutex<Option<Draft>>>,
}

/// Work that helpers do; what they have not begun when it is needed is done by who needs it.
pub struct Ahead<'a> {
    functions: &'a FunctionTable,
    compatibility: Compatibility,
    templates: Vec<Template<'a>>,
    places: BTreeMap<ByLength<&'a str>, usize>,
    schemas: Vec<(&'a [u8], Job<Schema>)>,
    has_helpers: bool,
    rendered: Mutex<Rendered>,
    more: Condvar,
    /// Nothing is needed any more.
    is_over: AtomicBool,
}

/// Documents that nobody has read.
#[derive(Default)]
struct Rendered {
    waiting: VecDeque<Arc<Document>>,
    /// What is kept back until it is worth waking somebody.
    kept: Vec<Arc<Document>>,
    size: usize,
}

impl<'a> Ahead<'a> {
    /// Calls `own` while others work on the parts, where the host has others.
    pub fn work(
        parts: Parts<'a>,
        functions: &'a FunctionTable,
        compatibility: Compatibility,
        beside: Beside,
        own: &mut dyn FnMut(&Self),
    ) {
        let has_helpers = parts.size() >= WORTH_HELP;
        let mut templates: Vec<Template<'a>> = parts
            .templates
            .into_iter()
            .map(|(text, file)| Template { file, text: text.0, draft: Job::default() })
            .collect();
        // A subchart may turn out to be disabled.
        backstay_object::sort_by(&mut templates, |a, b| {
            (depth(a.file), a.file).cmp(&(depth(b.file), b.file))
        });
        let places =
            templates.iter().enumerate().map(|(place, template)| (ByLength(template.text), place)).collect();
        let ahead = Self {
            functions,
            compatibility,
            templates,
            places,
            schemas: parts.schemas.into_iter().map(|schema| (schema, Job::default())).collect(),
            has_helpers,
            rendered: Mutex::default(),
            more: Condvar::new(),
            is_over: AtomicBool::new(false),
        };
        let mut own = || {
            let _over = Over(&ahead);
            own(&ahead);
        };
        if has_helpers {
            beside(&|| ahead.help(), &mut own);
        } else {
            own();
        }
    }

    fn help(&self) {
        let mut desk = Desk::default();
        // Schemas are needed first.
        for (schema, job) in &self.schemas {
            job.begin(|| Schema::read(schema));
        }
        for template in &self.templates {
            template.draft.begin(|| self.draft_of(template, &mut desk));
        }
        while let Some(document) = self.next_document() {
            document.begin(self.compatibility);
        }
    }

    fn draft_of(&self, template: &Template<'_>, desk: &mut Desk) -> Mutex<Option<Draft>> {
        Mutex::new(Draft::new(template.file, template.text, self.functions, desk).ok())
    }

    /// A document to read; nothing when there will be no more.
    fn next_document(&self) -> Option<Arc<Document>> {
        let mut rendered = self.rendered();
        loop {
            if self.is_over.load(Ordering::Relaxed) {
                return None;
            }
            match rendered.waiting.pop_front() {
                Some(document) => return Some(document),
                None => rendered = self.more.wait(rendered).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn rendered(&self) -> MutexGuard<'_, Rendered> {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is little among these texts that is not worked on here.
    pub(crate) fn covers<'b>(&self, texts: impl Iterator<Item = &'b str>) -> bool {
        let others = texts.filter(|text| !self.places.contains_key(&ByLength(*text)));
        others.map(str::len).sum::<usize>() < WORTH_HELP
    }

    /// Nothing but these texts is worth a start any more.
    pub(crate) fn only<'b>(&self, texts: impl Iterator<Item = &'b str>) {
        let mut needed = vec![false; self.templates.len()];
        for text in texts {
            if let Some(needed) = self.places.get(&ByLength(text)).and_then(|place| needed.get_mut(*place)) {
                *needed = true;
            }
        }
        for (template, _) in self.templates.iter().zip(needed).filter(|(_, needed)| !needed) {
            template.draft.give_up();
        }
    }

    /// Parses what nobody has begun to parse.
    pub(crate) fn parse_rest(&self) {
        let mut desk = Desk::default();
        // From the end, so that nobody is in the way.
        for template in self.templates.iter().rev() {
            template.draft.begin(|| self.draft_of(template, &mut desk));
        }
    }

    /// The draft of a text, which goes out of here.
    pub(crate) fn draft(&self, text: &str) -> Option<Draft> {
        let template = self.templates.get(*self.places.get(&ByLength(text))?)?;
        let draft = template.draft.outcome(|| self.draft_of(template, &mut Desk::default()))?;
        draft.lock().ok()?.take()
    }

    /// What is known of a schema.
    pub(crate) fn schema(&self, schema: &[u8]) -> Option<&Schema> {
        let (schema, job) = self.schemas.iter().find(|(known, _)| *known == schema)?;
        job.outcome(|| Schema::read(schema))
    }

    /// Reads what nobody was asked to read: a small chart may render to a lot.
    pub(crate) fn read_rest(&self, files: &BTreeMap<String, Vec<Arc<Document>>>, beside: Beside) {
        let documents: Vec<&Arc<Document>> = files.values().flatten().collect();
        let size = documents.iter().map(|document| document.text.len()).sum::<usize>();
        if self.has_helpers || documents.len() < 2 || size < WORTH_HELP {
            return;
        }
        let help = || documents.iter().for_each(|document| document.begin(self.compatibility));
        beside(&help, &mut || documents.iter().rev().for_each(|document| document.begin(self.compatibility)));
    }

    /// Documents that will be needed.
    pub(crate) fn offer(&self, documents: &[Arc<Document>]) {
        if !self.has_helpers {
            return;
        }
        let mut guard = self.rendered();
        let rendered = &mut *guard;
        rendered.size += documents.iter().map(|document| document.text.len()).sum::<usize>();
        rendered.kept.extend_from_slice(documents);
        if rendered.size >= WORTH_WAKING {
            rendered.waiting.extend(rendered.kept.drain(..));
            rendered.size = 0;
            drop(guard);
            self.more.notify_all();
        }
    }
}

impl fmt::Debug for Ahead<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ahead").field("templates", &self.templates.len()).finish_non_exhaustive()
    }
}

fn depth(file: &str) -> usize {
    file.matches("charts/").count()
}

/// Sends the helpers home, also where the work broke off.
struct Over<'a, 'b>(&'a Ahead<'b>);

impl Drop for Over<'_, '_> {
    fn drop(&mut self) {
        self.0.templates.iter().for_each(|template| template.draft.give_up());
        self.0.schemas.iter().for_each(|(_, job)| job.give_up());
        let rendered = self.0.rendered();
        self.0.is_over.store(true, Ordering::Relaxed);
        drop(rendered);
        self.0.more.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::rc::Rc;

    use backstay_gotemplate::{Parsed, Text, helm_functions};

    use super::*;
    use crate::manifests::{documents, sort_documents};

    /// Three helpers, or none.
    const HANDS: [Beside; 2] = [
        |_, own| own(),
        |help, own| {
            std::thread::scope(|scope| {
                (0..3).for_each(|_| drop(scope.spawn(help)));
                own();
            });
        },
    ];

    /// Files of which every seventh is no template, and every eleventh says what its neighbour says.
    fn files() -> Vec<(String, Text)> {
        let text = |number: usize| match number {
            _ if number.is_multiple_of(7) => format!("{{{{ if {number} }}}}"),
            _ => format!("{{{{ define \"t{number}\" }}}}{}{{{{ end }}}}", "text ".repeat(200)),
        };
        let same = |number: usize| if number.is_multiple_of(11) { number + 1 } else { number };
        (0..200).map(|number| (format!("f{number}"), Rc::from(text(same(number))))).collect()
    }

    fn parts(files: &[(String, Text)]) -> Parts<'_> {
        let mut parts = Parts::default();
        files.iter().for_each(|(file, text)| parts.template(file, text));
        assert!(parts.size() >= WORTH_HELP);
        parts
    }

    #[test]
    fn every_text_is_parsed_once_whoever_does_it() {
        let (files, functions) = (files(), helm_functions(Compatibility::Helm4));
        for beside in HANDS {
            let mut count = 0;
            Ahead::work(parts(&files), &functions, Compatibility::Helm4, beside, &mut |ahead| {
                ahead.parse_rest();
                for (file, text) in &files {
                    // The second of two that are alike finds that it went with the first.
                    let Some(draft) = ahead.draft(text) else { continue };
                    let found = Parsed::of(draft.renamed(file).unwrap(), text.clone());
                    let wanted = Parsed::new(file, text, &functions).unwrap();
                    assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
                    assert_eq!(found.name(), file);
                    count += 1;
                }
            });
            assert!((100..180).contains(&count), "{count}");
        }
    }

    #[test]
    fn what_nobody_needs_is_given_up() {
        let (files, functions) = (files(), helm_functions(Compatibility::Helm4));
        let needed = |(file, _): &&(String, Text)| file.ends_with('5');
        Ahead::work(parts(&files), &functions, Compatibility::Helm4, HANDS[0], &mut |ahead| {
            assert!(ahead.covers(files.iter().map(|(_, text)| &**text)));
            assert!(!ahead.covers(["more ".repeat(WORTH_HELP).as_str()].into_iter()));
            ahead.only(files.iter().filter(needed).map(|(_, text)| &**text));
            let found = files.iter().filter_map(|(file, text)| ahead.draft(text).map(|_| file));
            assert!(found.count() < 30);
        });
    }

    /// Helpers are sent home, whether documents were read by them, are left, or the work ended early.
    #[test]
    fn rendered_documents_are_read_whoever_does_it() {
        let (files, functions) = (files(), helm_functions(Compatibility::Helm4));
        let text = |number: usize| format!("kind: K{}\n---\nkind: B\n#{}", number % 3, "x".repeat(9000));
        for beside in HANDS {
            for (count, is_large) in [(0, true), (1, true), (50, true), (50, false)] {
                let mut kinds = Vec::new();
                let parts = if is_large { parts(&files) } else { Parts::default() };
                Ahead::work(parts, &functions, Compatibility::Helm4, beside, &mut |ahead| {
                    let files: BTreeMap<_, _> = (0..count)
                        .map(|number| {
                            let documents = documents(&Arc::new(text(number)), Compatibility::Helm4);
                            ahead.offer(&documents);
                            (format!("f{number}"), documents)
                        })
                        .collect();
                    ahead.read_rest(&files, beside);
                    let sorted = sort_documents(files, Compatibility::Helm4).unwrap();
                    kinds = sorted.objects.iter().map(|object| object.kind.clone()).collect();
                });
                let of = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
                assert_eq!((kinds.len(), of("B"), of("K0")), (2 * count, count, count.div_ceil(3)));
                assert!(kinds.is_sorted());
            }
        }
    }

    /// Who renders would do all of it alone, too: helpers have to do it before.
    #[test]
    fn helpers_do_what_there_is() {
        let (files, functions) = (files(), helm_functions(Compatibility::Helm4));
        let schema = br#"{"type": "object"}"#;
        let mut parts = parts(&files);
        parts.schema(schema);
        Ahead::work(parts, &functions, Compatibility::Helm4, HANDS[0], &mut |ahead| {
            let large = documents(&Arc::new("x".repeat(WORTH_WAKING)), Compatibility::Helm4);
            ahead.offer(&documents(&Arc::new("kind: A".to_owned()), Compatibility::Helm4));
            assert!(ahead.rendered().waiting.is_empty());
            ahead.offer(&large);
            assert_eq!(ahead.rendered().waiting.len(), 2);
            assert_eq!(ahead.next_document().unwrap().text.as_str(), "kind: A");
            // No document is waited for then.
            ahead.is_over.store(true, Ordering::Relaxed);
            assert!(!ahead.templates.iter().any(|template| template.draft.has_begun()));
            ahead.help();
            assert!(ahead.templates.iter().all(|template| template.draft.has_begun()));
            assert!(ahead.schemas.iter().all(|(_, job)| job.has_begun()));
        });
        let text = Arc::new(format!("a: 1\n---\n{}", "x".repeat(WORTH_HELP)));
        let files = BTreeMap::from([("f".to_owned(), documents(&text, Compatibility::Helm4))]);
        Ahead::work(Parts::default(), &functions, Compatibility::Helm4, HANDS[0], &mut |ahead| {
            ahead.read_rest(&files, |help, _| help());
            assert!(files.values().flatten().all(|document| document.has_begun()));
        });
    }

    #[test]
    fn parts_of_a_folder() {
        let paths = [
            "Chart.yaml",
            "templates/a.yaml",
            "charts/b/templates/b.yaml",
            "charts/b/charts/c/templates/_c.tpl",
            "charts/b/values.schema.json",
            "charts/d-1.tgz",
            "files/templates/e.yaml",
        ];
        let files = paths.map(|path| SourceFile { path: path.into(), content: path.as_bytes().into() });
        assert_eq!(files.iter().filter(|file| Parts::takes(&file.path)).count(), 4);
        let parts = Parts::of_folder(&files);
        let found: Vec<&str> = parts.templates.into_values().collect();
        let wanted = ["templates/a.yaml", "charts/b/templates/b.yaml", "charts/b/charts/c/templates/_c.tpl"];
        assert_eq!(found, wanted);
        assert_eq!(parts.schemas, [b"charts/b/values.schema.json"]);
    }
}
