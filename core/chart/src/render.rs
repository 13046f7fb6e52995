//! A chart and values to manifests, hooks and notes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use backstay_gotemplate::{
    Compatibility, Environment, FunctionTable, LookupKey, Map, MapType, Options, RenderError as EngineError,
    Templates, Text, Value,
};
use backstay_object::sort_by;

use crate::ahead::{Ahead, Parts};
use crate::capabilities::Capabilities;
use crate::chart::{Chart, CrdFile};
use crate::coalesce::Coalescer;
use crate::dependencies::process_dependencies;
use crate::error::{ChartError, ValuesError};
use crate::hint;
use crate::manifests::{
    HEAD, ManifestError, RenderedHook, RenderedObject, Sorted, documents, manifest, sort_documents,
};
use crate::objects::{self, Files};
use crate::pattern::base;
use crate::schema::validate_with;
use crate::template_cache::TemplateCache;
use crate::trace;
use crate::values::table;
use crate::version;

const NOTES: &str = "NOTES.txt";

/// Everything beside the chart that a rendering depends on.
#[derive(Debug, Clone)]
pub struct RenderInput<'a> {
    /// `.Release.Name`.
    pub release_name: String,
    /// `.Release.Namespace`.
    pub namespace: String,
    /// Whether a release of this name is there already.
    pub is_upgrade: bool,
    /// `.Release.Revision`, from 1; 0 for looking a chart over, where it is no installation either.
    pub revision: u32,
    /// What the user gave.
    pub values: Map,
    /// What the cluster can do.
    pub capabilities: Capabilities,
    /// Time, randomness, look-ups, and which Helm to follow.
    pub environment: &'a Environment,
    /// `--include-crds`: the files of `crds/` come first in the manifest.
    pub include_crds: bool,
    /// `--render-subchart-notes`.
    pub subchart_notes: bool,
    /// `--skip-schema-validation`.
    pub skip_schema_validation: bool,
}

impl<'a> RenderInput<'a> {
    /// A first installation without values of the user.
    #[must_use]
    pub fn new(
        release_name: impl Into<String>,
        namespace: impl Into<String>,
        environment: &'a Environment,
    ) -> Self {
        Self {
            release_name: release_name.into(),
            namespace: namespace.into(),
            is_upgrade: false,
            revision: 1,
            values: Map::new(),
            capabilities: Capabilities::default(),
            environment,
            include_crds: false,
            subchart_notes: false,
            skip_schema_validation: false,
        }
    }
}

/// A rendered release.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The objects of the manifest, in the order of installation.
    pub objects: Vec<RenderedObject>,
    /// The hooks, by kind; `helm template` prints them in this order.
    pub hooks: Vec<RenderedHook>,
    /// The notes for the user; may be empty.
    pub notes: String,
    /// The files of `crds/` of all charts that take part.
    pub crds: Vec<CrdFile>,
    /// What Helm would have warned about.
    pub warnings: Vec<String>,
    /// The chart after dependencies were processed, as a release record holds it.
    pub chart: Chart,
    /// Whether the manifest begins with the files of `crds/`.
    includes_crds: bool,
    /// The manifest where it is not what the objects make any more.
    replaced: Option<String>,
}

/// Why a chart was not rendered.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The chart cannot be installed.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The values do not fit the charts.
    #[error(transparent)]
    Values(#[from] ValuesError),
    /// The values do not fit the schema; Helm's text.
    #[error("{0}")]
    Schema(String),
    /// The cluster is of a version that the chart excludes.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {found}")]
    KubeVersion {
        /// The chart's range.
        wanted: String,
        /// The cluster's version.
        found: String,
    },
    /// A template that cannot be parsed.
    #[error("{text}")]
    Parse {
        /// The template's path.
        file: String,
        /// Helm's text.
        text: String,
    },
    /// A template that failed.
    #[error("{text}")]
    Template {
        /// The file the failing piece was read from.
        file: String,
        /// Its 1-based line.
        line: usize,
        /// The failing piece.
        context: String,
        /// What is wrong with it.
        message: String,
        /// Helm's text.
        text: String,
        /// Which value was missing, and what was meant where that is certain.
        hint: Option<Box<str>>,
    },
    /// A rendered document is not YAML.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A template looks something up that the environment does not answer: ask the cluster and render again.
    #[error("lookup {0} is not answered yet")]
    NeedsLookup(LookupKey),
}

/// Renders a chart.
///
/// # Errors
/// For everything that makes Helm refuse: dependencies that are not there, values that do not fit, templates that fail,
/// documents that are not YAML; and [`RenderError::NeedsLookup`].
pub fn render(chart: &Chart, input: &RenderInput<'_>) -> Result<Rendered, RenderError> {
    render_cached(chart, input, &mut TemplateCache::default())
}

/// [`render`] with templates that were parsed before.
///
/// # Errors
/// As [`render`].
pub fn render_cached(
    chart: &Chart,
    input: &RenderInput<'_>,
    cache: &mut TemplateCache,
) -> Result<Rendered, RenderError> {
    render_ahead(chart, input, cache, None)
}

/// [`render_cached`] with work that was begun before; without it, it begins when the values are known.
///
/// # Errors
/// As [`render`].
pub fn render_ahead(
    chart: &Chart,
    input: &RenderInput<'_>,
    cache: &mut TemplateCache,
    ahead: Option<&Ahead<'_>>,
) -> Result<Rendered, RenderError> {
    let compatibility = input.environment.compatibility;
    chart.check_api_version(compatibility)?;
    chart.check_installable()?;
    let (chart, values, mut warnings) = with_values(chart, input)?;
    let functions = cache.functions(compatibility);
    let mut prepared = Prepared::new(&chart, values.clone(), input, functions.clone());
    let unknown = prepared.unknown(cache);
    let mut found = Ok(Found::default());
    let mut own = |ahead: &Ahead<'_>| {
        found = render_files(&chart, &values, input, &mut prepared, cache, (ahead, &unknown));
    };
    match ahead.filter(|ahead| ahead.covers(unknown.iter().map(|(_, text)| &**text))) {
        Some(ahead) => own(ahead),
        None => {
            let mut parts = Parts::default();
            unknown.iter().for_each(|(file, text)| parts.template(file, text));
            if !input.skip_schema_validation {
                parts.schemas_of(&chart);
            }
            Ahead::work(parts, &functions, compatibility, input.environment.beside, &mut own);
        }
    }
    let Found { mut sorted, notes } = found?;
    warnings.append(&mut sorted.warnings);
    Ok(Rendered {
        objects: sorted.objects,
        hooks: sorted.hooks,
        notes,
        crds: chart.crds(),
        warnings,
        chart,
        includes_crds: input.include_crds,
        replaced: None,
    })
}

/// The chart with its dependencies processed, and all values.
pub(crate) fn with_values(
    chart: &Chart,
    input: &RenderInput<'_>,
) -> Result<(Chart, Map, Vec<String>), RenderError> {
    let compatibility = input.environment.compatibility;
    let mut chart = chart.clone();
    if chart.metadata.deprecated {
        chart.warnings.push("this chart is deprecated".into());
    }
    process_dependencies(&mut chart, &input.values, compatibility)?;
    let mut coalescer = Coalescer::new(compatibility, false);
    let values = coalescer.coalesce(&chart, &input.values)?;
    let mut warnings = chart.warnings.clone();
    for warning in coalescer.warnings {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    Ok((chart, values, warnings))
}

impl Rendered {
    /// The documents of the manifest, each with where it comes from.
    fn documents(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let crds = self.crds.iter().filter(|_| self.includes_crds);
        let crds = crds.map(|crd| (crd.source.as_str(), crd.content.text()));
        let objects = self.objects.iter();
        crds.chain(objects.map(|object| (object.source.as_str(), Cow::Borrowed(object.text.as_str()))))
    }

    /// Byte for byte what Helm stores: all objects in the order of installation. It is put together here.
    #[must_use]
    pub fn manifest(&self) -> Cow<'_, str> {
        if let Some(text) = &self.replaced {
            return text.into();
        }
        let documents: Vec<_> = self.documents().collect();
        manifest(documents.iter().map(|(source, text)| (*source, &**text))).into()
    }

    /// Puts another text in place of the manifest, e.g. that of a post renderer.
    pub fn replace_manifest(&mut self, manifest: String) {
        self.replaced = Some(manifest);
    }

    /// What `helm template` prints: the manifest and the hooks.
    #[must_use]
    pub fn template_text(&self, hooks: bool, skip_tests: bool) -> String {
        self.template_parts(hooks, skip_tests).collect()
    }

    /// The parts of [`Self::template_text`], one after the other.
    pub fn template_parts(&self, hooks: bool, skip_tests: bool) -> impl Iterator<Item = Cow<'_, str>> {
        let is_test = |hook: &&RenderedHook| hook.events.iter().any(|event| event == "test");
        let shown = self.hooks.iter().filter(move |hook| hooks && !(skip_tests && is_test(hook)));
        let shown = shown.flat_map(|hook| parts(&hook.source, hook.text.as_str().into()));
        let replaced = self.replaced.iter().map(|text| text.trim().into());
        let mut documents = self.documents().filter(|_| self.replaced.is_none()).peekable();
        let documents = std::iter::from_fn(move || {
            let (source, text) = documents.next()?;
            let mut parts = parts(source, text);
            if documents.peek().is_none() {
                trim_end(&mut parts);
            }
            Some(parts)
        });
        replaced.chain(documents.flatten()).chain(["\n".into()]).chain(shown)
    }
}

/// A document as it is in a manifest.
fn parts<'a>(source: &'a str, text: Cow<'a, str>) -> [Cow<'a, str>; 5] {
    [HEAD.into(), source.into(), "\n".into(), text, "\n".into()]
}

/// Takes the white space off the end of a text that is in parts.
fn trim_end(parts: &mut [Cow<'_, str>]) {
    for part in parts.iter_mut().rev() {
        let kept = part.trim_end().len();
        match part {
            Cow::Borrowed(text) => *text = text.get(..kept).unwrap_or_default(),
            Cow::Owned(text) => text.truncate(kept),
        }
        if kept > 0 {
            break;
        }
    }
}

pub(crate) fn check_kube_version(chart: &Chart, capabilities: &Capabilities) -> Result<(), RenderError> {
    let wanted = &chart.metadata.kube_version;
    let kube = &capabilities.kube_version;
    if wanted.is_empty() || version::is_compatible(wanted, &kube.normalized) {
        return Ok(());
    }
    Err(RenderError::KubeVersion { wanted: wanted.clone(), found: kube.version.clone() })
}

/// What was rendered.
#[derive(Default)]
struct Found {
    sorted: Sorted,
    notes: String,
}

/// A template with what it sees.
struct Renderable {
    source: Text,
    scope: Map,
    base_path: String,
}

/// All templates of a chart and its subcharts, ready to run one by one.
pub(crate) struct Prepared<'a> {
    found: BTreeMap<String, Renderable>,
    /// Deepest first, so that what a parent defines is parsed last and holds.
    order: Vec<String>,
    environment: &'a Environment,
    templates: Templates,
    defined: Vec<String>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(
        chart: &Chart,
        values: Map,
        input: &RenderInput<'a>,
        functions: Rc<FunctionTable>,
    ) -> Self {
        let environment = input.environment;
        let mut builder = Scopes {
            release: release(input),
            capabilities: objects::capabilities(&input.capabilities, environment.compatibility),
            compatibility: environment.compatibility,
            found: BTreeMap::new(),
        };
        builder.chart(chart, chart.name(), true, values);
        let found = builder.found;
        let mut order: Vec<(usize, String)> = found.keys().map(|name| (depth(name), name.clone())).collect();
        sort_by(&mut order, |a, b| b.cmp(a));
        let order = order.into_iter().map(|(_, name)| name).collect();
        let templates = Templates::new(functions);
        Self { found, order, environment, templates, defined: Vec::new() }
    }

    /// The files that were not parsed before.
    fn unknown(&self, cache: &TemplateCache) -> Vec<(String, Text)> {
        let files = self.found.iter().map(|(name, renderable)| (name, &renderable.source));
        let files = files.filter(|(name, source)| cache.known(name, source).is_none());
        files.map(|(name, source)| (name.clone(), source.clone())).collect()
    }

    /// Parses every file, those that are unknown with the help that there is; what cannot be parsed goes to `failed`, which says
    /// whether to go on.
    pub(crate) fn parse(
        &mut self,
        cache: &mut TemplateCache,
        failed: &mut dyn FnMut(RenderError) -> Result<(), RenderError>,
        ahead: Option<(&Ahead<'_>, &[(String, Text)])>,
    ) -> Result<(), RenderError> {
        let functions = cache.functions(self.environment.compatibility);
        if let Some((ahead, unknown)) = ahead {
            ahead.only(unknown.iter().map(|(_, text)| &**text));
            ahead.parse_rest();
            for (file, text) in unknown {
                if let Some(draft) = ahead.draft(text).and_then(|draft| draft.renamed(file)) {
                    cache.learn(file, text, draft);
                }
            }
        }
        for name in &self.order {
            let Some(renderable) = self.found.get(name) else { continue };
            match cache.parse(name, &renderable.source, &functions) {
                Ok(parsed) => {
                    self.defined.extend(parsed.defines().map(str::to_owned));
                    self.templates.add(parsed);
                }
                Err(error) => failed(error)?,
            }
        }
        Ok(())
    }

    /// The files that render to something: all but partials.
    pub(crate) fn files(&self) -> impl Iterator<Item = &String> {
        self.order.iter().filter(|name| !base(name).starts_with('_') && self.templates.contains(name))
    }

    /// Renders one file.
    pub(crate) fn render(&self, name: &str) -> Result<String, RenderError> {
        let Some(renderable) = self.found.get(name) else { return Ok(String::new()) };
        let about = [("Name", name), ("BasePath", &renderable.base_path)];
        let about = about.map(|(key, text)| (Rc::from(key), Value::text(text)));
        let of = values_type(self.environment.compatibility);
        renderable.scope.set("Template", Value::Map(Map::of(of, about.into())));
        let scope = Value::Map(renderable.scope.retyped(of));
        self.templates
            .render(name, scope, self.environment, Options::default())
            .map_err(|error| self.failed(error, &renderable.scope))
    }

    fn failed(&self, error: EngineError, scope: &Map) -> RenderError {
        let error = match error {
            EngineError::NeedsLookup(key) => return RenderError::NeedsLookup(key),
            EngineError::Template(error) => error,
        };
        let text = trace::reformat(&error.text, self.environment.compatibility);
        let Some(place) = hint::innermost(&error.text) else {
            let (file, line, context, message) = (error.file, error.line, error.context, error.message);
            return RenderError::Template { file, line, context, message, text, hint: None };
        };
        let source = self.found.get(place.file).map(|renderable| &renderable.source);
        let line = source.as_ref().and_then(|text| text.lines().nth(place.line.wrapping_sub(1)));
        let mut defined = self.defined.iter().cloned();
        let hint = hint::hint(&place, scope, line.unwrap_or_default(), &mut defined).map(Into::into);
        RenderError::Template {
            file: place.file.to_owned(),
            line: place.line,
            context: place.context.to_owned(),
            message: place.message.to_owned(),
            text,
            hint,
        }
    }
}

/// Checks the values, renders every file and reads what it holds. Others read meanwhile, where there are some.
fn render_files(
    chart: &Chart,
    values: &Map,
    input: &RenderInput<'_>,
    prepared: &mut Prepared<'_>,
    cache: &mut TemplateCache,
    (ahead, unknown): (&Ahead<'_>, &[(String, Text)]),
) -> Result<Found, RenderError> {
    if !input.skip_schema_validation {
        validate_with(chart, values, Some(ahead)).map_err(RenderError::Schema)?;
    }
    check_kube_version(chart, &input.capabilities)?;
    prepared.parse(cache, &mut Err, Some((ahead, unknown)))?;
    let own_notes = format!("{}/templates/{NOTES}", chart.name());
    let (mut files, mut notes) = (BTreeMap::new(), BTreeMap::new());
    for name in prepared.files() {
        let text = prepared.render(name)?;
        if !name.ends_with(NOTES) {
            let documents = documents(&Arc::new(text), input.environment.compatibility);
            ahead.offer(&documents);
            files.insert(name.clone(), documents);
        } else if input.subchart_notes || *name == own_notes {
            notes.insert(name, text);
        }
    }
    ahead.read_rest(&files, input.environment.beside);
    let sorted = sort_documents(files, input.environment.compatibility)?;
    Ok(Found { sorted, notes: notes.into_values().collect::<Vec<_>>().join("\n") })
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

fn release(input: &RenderInput<'_>) -> Value {
    let entries = [
        ("Name", Value::text(&input.release_name)),
        ("Namespace", Value::text(&input.namespace)),
        ("IsUpgrade", Value::Bool(input.is_upgrade)),
        // Revision 0 is nobody's: `helm lint` renders for no release, neither as an installation nor as an upgrade.
        ("IsInstall", Value::Bool(!input.is_upgrade && input.revision > 0)),
        ("Revision", Value::Int(i64::from(input.revision))),
        ("Service", Value::text("Helm")),
    ];
    Value::map(entries.map(|(key, value)| (Rc::from(key), value)))
}

/// The Go type of the maps that Helm hands to templates: the dot, `.Values` and `.Template`.
fn values_type(compatibility: Compatibility) -> MapType {
    match compatibility {
        Compatibility::Helm4 => MapType::Values,
        Compatibility::Helm3 => MapType::Values3,
    }
}

/// Builds what the templates of each chart see.
struct Scopes {
    release: Value,
    capabilities: Value,
    compatibility: Compatibility,
    found: BTreeMap<String, Renderable>,
}

impl Scopes {
    fn chart(&mut self, chart: &Chart, path: &str, root: bool, values: Map) -> Map {
        let subcharts = Map::new();
        let values = values.retyped(values_type(self.compatibility));
        let scope = Map::new();
        scope.set("Chart", objects::chart(&chart.metadata, root, self.compatibility));
        scope.set("Files", Value::object(Files::new(&chart.files)));
        scope.set("Release", self.release.clone());
        scope.set("Capabilities", self.capabilities.clone());
        scope.set("Subcharts", Value::Map(subcharts.clone()));
        scope.set("Values", Value::Map(values.clone()));
        let below = match (&chart.name_for_children, path.rsplit_once('/')) {
            (Some(name), Some((folder, _))) => format!("{folder}/{name}"),
            _ => path.to_owned(),
        };
        for child in &chart.dependencies {
            let name = child.name();
            let inner = table(&values, name).unwrap_or_default();
            let scope = self.chart(child, &format!("{below}/charts/{name}"), false, inner);
            subcharts.set(name, Value::Map(scope));
        }
        let library = chart.metadata.is_library();
        for file in &chart.templates {
            if library && !base(&file.name).starts_with('_') {
                continue;
            }
            let renderable = Renderable {
                source: file.data.shared_text(),
                scope: scope.clone(),
                base_path: format!("{path}/templates"),
            };
            self.found.insert(format!("{path}/{}", file.name), renderable);
        }
        scope
    }
}
