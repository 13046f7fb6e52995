//! Rendering with what only a host knows: the cluster's version and APIs, the objects templates look up, the time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use backstay_core::chart::{self, Ahead, Chart, Parts, RenderError, TemplateCache};
use backstay_core::gotemplate::{
    Compatibility, Environment, FunctionError, LookupKey, Map, Value, from_json,
};
use backstay_core::object::Timestamp;
use backstay_core::plan::PlannedObject;
use backstay_core::release::Hook;

use super::objects::{objects_of, place};
use super::post::post_render;
use crate::args::RenderArgs;
use crate::cluster::Cluster;
use crate::exit::Stop;

/// How often a chart is rendered again because templates looked up more objects. Look-ups that depend on each other are
/// rarely deeper than two.
const ROUNDS_MOST: usize = 30;

/// What a chart is rendered for.
#[derive(Clone, Debug)]
pub(crate) struct RenderInput {
    pub(crate) release: String,
    pub(crate) namespace: String,
    pub(crate) revision: u32,
    pub(crate) is_upgrade: bool,
    pub(crate) compatibility: Compatibility,
    pub(crate) skip_schema: bool,
    /// Whether the files of `crds/` become part of the manifest, as `template --include-crds` prints them.
    pub(crate) include_crds: bool,
    /// Whether the notes of subcharts are shown, too.
    pub(crate) subchart_notes: bool,
    pub(crate) capabilities: chart::Capabilities,
    /// Whether templates may ask name servers (`--enable-dns`).
    pub(crate) dns: bool,
    pub(crate) now: Timestamp,
}

/// A rendered chart, ready to be planned and recorded.
pub(crate) struct Rendered {
    pub(crate) rendered: chart::Rendered,
    pub(crate) objects: Vec<PlannedObject>,
    pub(crate) hooks: Vec<PlannedObject>,
    pub(crate) definitions: Vec<PlannedObject>,
}

impl Rendered {
    /// The hooks as a release record keeps them.
    pub(crate) fn recorded_hooks(&self) -> Vec<Hook> {
        let hooks = self.rendered.hooks.iter().map(|hook| Hook {
            name: hook.name.clone(),
            kind: hook.kind.clone(),
            path: hook.source.clone(),
            manifest: hook.text.to_string(),
            events: hook.events.clone(),
            weight: hook.weight,
            delete_policies: hook.delete_policies.clone(),
            output_log_policies: hook.output_log_policies.clone(),
            ..Hook::default()
        });
        hooks.collect()
    }

    /// What is applied: the definitions of `crds/` first, where asked for, then the objects.
    pub(crate) fn objects_with_definitions(&self, with_definitions: bool) -> Vec<PlannedObject> {
        let definitions = self.definitions.iter().filter(|_| with_definitions);
        definitions.chain(&self.objects).cloned().collect()
    }
}

/// Renders a chart, asking the cluster for what templates look up.
///
/// Errors of the chart end with exit code 4: nothing has been changed.
pub(crate) async fn render(
    cluster: &Cluster,
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
    online: bool,
    post_renderer: &RenderArgs,
) -> anyhow::Result<Rendered> {
    let answers: Rc<RefCell<BTreeMap<LookupKey, Value>>> = Rc::default();
    let seed = seed()?;
    for _ in 0..ROUNDS_MOST {
        match render_once(chart, values, input, seed, online.then(|| Rc::clone(&answers))) {
            Ok(mut rendered) => {
                post_render(post_renderer, &mut rendered)?;
                return planned(cluster, rendered, &input.namespace).await;
            }
            Err(RenderError::NeedsLookup(key)) => {
                let found = from_json(&cluster.look_up(&key).await?);
                answers.borrow_mut().insert(key, found);
            }
            Err(failure) => return Err(Stop::refused(told(&failure))),
        }
    }
    Err(Stop::refused(format!("the templates look up more than {ROUNDS_MOST} objects, one after the other")))
}

/// Does something while other processors work on the parts of a chart; for [`render_begun`].
pub(crate) fn ahead(
    parts: Parts<'_>,
    compatibility: Compatibility,
    own: &mut dyn FnMut(&mut TemplateCache, &Ahead<'_>),
) {
    let mut cache = TemplateCache::default();
    let functions = cache.functions(compatibility);
    Ahead::work(parts, &functions, compatibility, beside, &mut |ahead| own(&mut cache, ahead));
    // A process renders once or a few times. Taking the parsed templates apart would cost as much as a tenth of rendering.
    std::mem::forget(cache);
}

/// Renders a chart without a cluster: look-ups find nothing, as in `helm template`.
pub(crate) fn render_offline(
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
    seed: [u8; 32],
) -> Result<chart::Rendered, RenderError> {
    render_once(chart, values, input, seed, None)
}

/// The same with work that was begun before.
pub(crate) fn render_begun(
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
    seed: [u8; 32],
    (cache, ahead): (&mut TemplateCache, &Ahead<'_>),
) -> Result<chart::Rendered, RenderError> {
    let environment = environment(input, seed, None);
    chart::render_ahead(chart, &input_of(values, input, &environment), cache, Some(ahead))
}

/// Every independent error of a chart, without a cluster.
pub(crate) fn every_error(
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
) -> anyhow::Result<Vec<RenderError>> {
    let environment = environment(input, seed()?, None);
    Ok(chart::every_error(chart, &input_of(values, input, &environment)))
}

/// The text of all templates when one of them is no YAML: what `helm template --debug` prints.
pub(crate) fn unreadable_text(chart: &Chart, values: &Map, input: &RenderInput, seed: [u8; 32]) -> String {
    let environment = environment(input, seed, None);
    let input = input_of(values, input, &environment);
    let files = chart::rendered_files(chart, &input).unwrap_or_default();
    let shown = files
        .iter()
        .filter(|(name, text)| !name.ends_with("NOTES.txt") && !text.trim().is_empty())
        .map(|(name, text)| (name.as_str(), text.as_str()));
    chart::manifest(shown)
}

/// An error in Helm's words, followed by what was missing and what was meant.
pub(crate) fn told(error: &RenderError) -> String {
    match error {
        RenderError::Template { text, hint: Some(hint), .. } => format!("{text}\n\n{hint}"),
        other => other.to_string(),
    }
}

fn render_once(
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
    seed: [u8; 32],
    answers: Option<Rc<RefCell<BTreeMap<LookupKey, Value>>>>,
) -> Result<chart::Rendered, RenderError> {
    let environment = environment(input, seed, answers);
    let mut cache = TemplateCache::default();
    let rendered = chart::render_cached(chart, &input_of(values, input, &environment), &mut cache);
    // As above.
    std::mem::forget(cache);
    rendered
}

fn environment(
    input: &RenderInput,
    seed: [u8; 32],
    answers: Option<Rc<RefCell<BTreeMap<LookupKey, Value>>>>,
) -> Environment {
    let mut environment = Environment::offline(i128::from(input.now.0) * 1_000_000, seed);
    environment.compatibility = input.compatibility;
    environment.beside = beside;
    if input.dns {
        environment.host_of = host_of;
    }
    if let Some(answers) = answers {
        environment.lookup = Rc::new(move |key| match answers.borrow().get(key) {
            // Templates may change what they are given; the next round must find it as it was.
            Some(found) => Ok(found.deep_copy()),
            None => Err(FunctionError::NeedsLookup(key.clone())),
        });
    }
    environment
}

/// Asks the system for a host. Helm takes any of the addresses, here it is the first, those of version 4 before the others:
/// what has not changed renders the same.
fn host_of(name: &str) -> Result<String, FunctionError> {
    use std::net::ToSocketAddrs as _;
    let found = (name, 0).to_socket_addrs();
    let found = found.map_err(|error| FunctionError::new(format!("lookup {name}: {error}")))?;
    let first = found.map(|address| address.ip()).min();
    first
        .map(|address| address.to_string())
        .ok_or_else(|| FunctionError::new(format!("lookup {name}: no such host")))
}

/// How many processors help: more than these and there is too little for each of them.
const HELPERS_MOST: usize = 7;

/// Work on all processors.
fn beside(help: &(dyn Fn() + Sync), own: &mut dyn FnMut()) {
    let helpers = std::thread::available_parallelism().map_or(0, |all| all.get() - 1).min(HELPERS_MOST);
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // A thread that cannot be had only makes it slower.
            let _ = std::thread::Builder::new().spawn_scoped(scope, help);
        }
        own();
    });
}

/// The same in the words of the core.
fn input_of<'a>(values: &Map, input: &RenderInput, environment: &'a Environment) -> chart::RenderInput<'a> {
    chart::RenderInput {
        release_name: input.release.clone(),
        namespace: input.namespace.clone(),
        is_upgrade: input.is_upgrade,
        revision: input.revision,
        values: values.clone(),
        capabilities: input.capabilities.clone(),
        environment,
        include_crds: input.include_crds,
        subchart_notes: input.subchart_notes,
        skip_schema_validation: input.skip_schema,
    }
}

async fn planned(cluster: &Cluster, rendered: chart::Rendered, namespace: &str) -> anyhow::Result<Rendered> {
    let mut objects = objects_of(&rendered.manifest(), "the rendered manifest")?;
    let mut hooks = Vec::new();
    for hook in &rendered.hooks {
        hooks.extend(objects_of(&hook.text, &hook.source)?);
    }
    let mut definitions = Vec::new();
    for file in &rendered.crds {
        definitions.extend(objects_of(&file.content.text(), &file.source)?);
    }
    for definition in &mut definitions {
        definition.owned = false;
    }
    // Definitions are looked at first: they say where objects of their kinds live.
    let count = definitions.len();
    definitions.append(&mut objects);
    place(cluster, namespace, &mut definitions, &mut hooks).await?;
    let objects = definitions.split_off(count);
    Ok(Rendered { rendered, objects, hooks, definitions })
}

/// What `randAlphaNum` and the like begin from: not to be guessed, because charts make passwords of it.
pub(crate) fn seed() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes)
}
