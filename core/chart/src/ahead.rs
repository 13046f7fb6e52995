//! Templates that are parsed while values are checked, where the host has more than one processor.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use backstay_gotemplate::{Beside, Desk, Draft, FunctionTable, Text};

/// Below so many bytes of templates a thread costs more than it saves.
const WORTH_HELP: usize = 64 * 1024;

/// Files that are to be parsed.
pub(crate) struct Ahead<'a>(Vec<(&'a str, &'a Text)>);

impl<'a> Ahead<'a> {
    /// The files, each text once: subcharts bring the same library again and again.
    pub(crate) fn of(files: impl Iterator<Item = (&'a str, &'a Text)>) -> Self {
        let mut known = BTreeSet::new();
        Self(files.filter(|(_, source)| known.insert(&***source)).collect())
    }

    /// Parses them; those that are no templates are left out. `meanwhile` is done first, or at the same time.
    ///
    /// # Errors
    /// Those of `meanwhile`.
    pub(crate) fn parse<E>(
        self,
        functions: &FunctionTable,
        beside: Beside,
        meanwhile: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<impl Iterator<Item = (&'a str, &'a Text, Draft)>, E> {
        let jobs: Vec<(&str, &str)> = self.0.iter().map(|(file, source)| (*file, &***source)).collect();
        let drafts: Vec<OnceLock<Option<Draft>>> = jobs.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut desk = Desk::default();
            let each = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let each = each.map_while(|number| jobs.get(number).zip(drafts.get(number)));
            for ((file, text), draft) in each {
                // Nobody else has this number.
                let _ = draft.set(Draft::new(file, text, functions, &mut desk).ok());
            }
        };
        let mut outcome = Ok(());
        let mut own = || {
            outcome = meanwhile();
            match &outcome {
                Ok(()) => work(),
                Err(_) => next.store(jobs.len(), Ordering::Relaxed),
            }
        };
        if jobs.iter().map(|(_, text)| text.len()).sum::<usize>() < WORTH_HELP {
            own();
        } else {
            beside(&work, &mut own);
        }
        outcome?;
        let parsed = self.0.into_iter().zip(drafts);
        Ok(parsed.filter_map(|((file, source), draft)| Some((file, source, draft.into_inner()??))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use backstay_gotemplate::{Compatibility, Parsed, helm_functions};

    use super::*;

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

    #[test]
    fn every_text_is_parsed_once_whoever_does_it() {
        let (files, functions) = (files(), helm_functions(Compatibility::Helm4));
        let all = || files.iter().map(|(file, source)| (file.as_str(), source));
        assert!(all().map(|(_, source)| source.len()).sum::<usize>() > WORTH_HELP);
        for beside in HANDS {
            let mut checked = 0;
            let mut check = || -> Result<(), ()> {
                checked += 1;
                Ok(())
            };
            let drafts = Ahead::of(all()).parse(&functions, beside, &mut check).unwrap();
            let found: BTreeMap<&str, Parsed> =
                drafts.map(|(file, source, draft)| (file, Parsed::of(draft, source.clone()))).collect();
            assert_eq!(checked, 1);
            let mut known = BTreeSet::new();
            let wanted = all().filter(|(_, source)| known.insert(source.to_string()));
            let wanted: BTreeMap<&str, Parsed> = wanted
                .filter_map(|(file, source)| Some((file, Parsed::new(file, source, &functions).ok()?)))
                .collect();
            assert!((100..180).contains(&wanted.len()), "{}", wanted.len());
            assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
        }
    }

    #[test]
    fn what_fails_meanwhile_is_told() {
        let (files, functions) = (files(), helm_functions(Compatibility::Helm4));
        for beside in HANDS {
            let all = files.iter().map(|(file, source)| (file.as_str(), source));
            let mut fails = || Err("no");
            let outcome = Ahead::of(all).parse(&functions, beside, &mut fails);
            assert_eq!(outcome.err(), Some("no"));
        }
    }
}
