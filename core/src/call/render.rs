//! The call `render`: chart files and values to manifests.

use std::collections::BTreeMap;
use std::rc::Rc;

use backstay_chart::{
    Chart, KubeVersion, RenderError, RenderInput, Rendered, RenderedHook, SetFlag, SourceFile, ValueSources,
    from_archive, from_files, merge_maps, render, set,
};
use backstay_gotemplate::{
    Compatibility, Environment, FunctionError, LookupKey, Map, Value as Data, from_json_floats,
};
use backstay_object::{FromJson, FromJsonError, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map as JsonMap, Value, json};

use super::{CallError, Refusal, input};

/// What a chart is rendered from. Everything but the chart has the default of `helm template`.
#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The files of the chart's folder.
    #[serde(default)]
    files: Vec<File>,
    /// A `.tgz` in base64, instead of `files`.
    #[serde(default)]
    archive: Option<String>,
    /// Values as JSON: over `values_files`, below `set`.
    #[serde(default)]
    values: JsonMap<String, Value>,
    /// Texts of values files, the later one wins.
    #[serde(default)]
    values_files: Vec<String>,
    /// Assignments as `--set` takes them.
    #[serde(default)]
    set: Vec<String>,
    #[serde(default = "default_release")]
    release: String,
    #[serde(default = "super::default_namespace")]
    namespace: String,
    #[serde(default)]
    is_upgrade: bool,
    #[serde(default = "one")]
    revision: u32,
    #[serde(default)]
    kube_version: Option<String>,
    #[serde(default)]
    api_versions: Vec<String>,
    /// Which Helm to follow: 3 or 4.
    #[serde(default = "four")]
    helm: u8,
    /// The source of everything random.
    #[serde(default)]
    seed: Seed,
    /// What `now` gives, RFC 3339; the beginning of 1970 when absent.
    #[serde(default)]
    now: Option<String>,
    #[serde(default)]
    include_crds: bool,
    #[serde(default)]
    skip_schema_validation: bool,
    /// The cluster's answers to `lookup`. When absent, nothing is there, as in `helm template`; when given, a look-up
    /// that is not in it is the error `needs-lookup`.
    #[serde(default)]
    lookups: Option<Vec<Answer>>,
}

/// A number is enough for tests; keys and passwords need 32 bytes that nobody can guess, in base64.
enum Seed {
    Number(u64),
    Bytes(String),
}

impl FromJson for Seed {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        match given {
            Value::String(_) => String::from_json(given).map(Self::Bytes),
            _ => u64::from_json(given).map(Self::Number),
        }
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Seed {
    fn bytes(&self) -> Result<[u8; 32], CallError> {
        match self {
            Self::Number(number) => {
                let mut bytes = [0; 32];
                let (low, _) = bytes.split_at_mut(8);
                low.copy_from_slice(&number.to_le_bytes());
                Ok(bytes)
            }
            Self::Bytes(text) => {
                let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
                bytes.ok_or_else(|| {
                    CallError::BadRequest("input: seed: give a number, or 32 bytes in base64".to_owned())
                })
            }
        }
    }
}

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    base64: Option<String>,
}

/// What the cluster has: `object` is null where nothing is there.
#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Answer {
    api_version: String,
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    object: Value,
}

pub(super) fn default_release() -> String {
    "release-name".to_owned()
}

const fn one() -> u32 {
    1
}

const fn four() -> u8 {
    4
}

/// Renders as `helm template` does, with everything from outside taken from the input.
pub(super) fn call(given: Value) -> Result<Value, CallError> {
    let given: Input = input(given)?;
    let environment = environment(&given)?;
    let chart = chart(&given)?;
    let mut wanted = RenderInput::new(&given.release, &given.namespace, &environment);
    wanted.values = values(&given, environment.compatibility)?;
    wanted.is_upgrade = given.is_upgrade;
    wanted.revision = given.revision;
    wanted.include_crds = given.include_crds;
    wanted.skip_schema_validation = given.skip_schema_validation;
    wanted.capabilities = wanted.capabilities.with_api_versions(&given.api_versions);
    if let Some(version) = &given.kube_version {
        wanted.capabilities.kube_version =
            KubeVersion::parse(version, environment.compatibility).map_err(refused("kube-version"))?;
    }
    render(&chart, &wanted).map(|rendered| answer(&chart, &rendered)).map_err(|error| refusal(&error))
}

fn environment(given: &Input) -> Result<Environment, CallError> {
    let now_ns = match &given.now {
        None => 0,
        Some(text) => {
            let now = Timestamp::parse(text)
                .map_err(|error| CallError::BadRequest(format!("input: now: {error}")))?;
            i128::from(now.0) * 1_000_000
        }
    };
    let mut environment = Environment::offline(now_ns, given.seed.bytes()?);
    environment.compatibility = match given.helm {
        3 => Compatibility::Helm3,
        4 => Compatibility::Helm4,
        other => return Err(CallError::BadRequest(format!("input: helm is 3 or 4, not {other}"))),
    };
    if let Some(answers) = &given.lookups {
        let key = |answer: &Answer| LookupKey {
            api_version: answer.api_version.clone(),
            kind: answer.kind.clone(),
            namespace: answer.namespace.clone(),
            name: answer.name.clone(),
        };
        let mut known: BTreeMap<LookupKey, Value> = BTreeMap::new();
        known.extend(answers.iter().map(|answer| (key(answer), answer.object.clone())));
        environment.lookup = Rc::new(move |key| match known.get(key) {
            Some(Value::Null) => Ok(Data::Map(Map::new())),
            Some(object) => Ok(from_json_floats(object)),
            None => Err(FunctionError::NeedsLookup(key.clone())),
        });
    }
    Ok(environment)
}

fn chart(given: &Input) -> Result<Chart, CallError> {
    let bytes = |what: &str, text: &str| {
        STANDARD.decode(text).map_err(|error| CallError::BadRequest(format!("input: {what}: {error}")))
    };
    match (&given.archive, given.files.as_slice()) {
        (Some(archive), []) => from_archive(&bytes("archive", archive)?).map_err(refused("chart")),
        (None, files @ [_, ..]) => {
            let file = |file: &File| {
                let content = match (&file.text, &file.base64) {
                    (Some(text), None) => text.clone().into_bytes(),
                    (None, Some(encoded)) => bytes(&file.path, encoded)?,
                    _ => {
                        let problem = format!("input: {}: give either text or base64", file.path);
                        return Err(CallError::BadRequest(problem));
                    }
                };
                Ok(SourceFile { path: file.path.clone(), content: content.into() })
            };
            let files = files.iter().map(file).collect::<Result<Vec<_>, _>>()?;
            from_files(files).map_err(refused("chart"))
        }
        _ => Err(CallError::BadRequest("input: give the chart either as files or as archive".to_owned())),
    }
}

fn values(given: &Input, compatibility: Compatibility) -> Result<Map, CallError> {
    let name = |index: usize| format!("values_files[{index}]");
    let texts = given.values_files.iter().enumerate();
    let files = texts.map(|(index, text)| (name(index), text.clone().into_bytes())).collect();
    let mut no_files = |path: &str| Err(format!("{path}: there are no files here"));
    let below = ValueSources { files, ..ValueSources::default() }
        .merge(compatibility, &mut no_files)
        .map_err(refused("values"))?;
    let values = match from_json_floats(&Value::Object(given.values.clone())) {
        Data::Map(own) => merge_maps(&below, &own),
        _ => below,
    };
    for text in &given.set {
        set(SetFlag::Typed, text, &values, compatibility, &mut no_files).map_err(refused("values"))?;
    }
    Ok(values)
}

fn answer(chart: &Chart, rendered: &Rendered) -> Value {
    let hook = |hook: &RenderedHook| {
        json!({
            "name": hook.name, "kind": hook.kind, "source": hook.source, "text": hook.text.as_str(), "events": hook.events,
            "weight": hook.weight, "delete_policies": hook.delete_policies,
            "output_log_policies": hook.output_log_policies,
        })
    };
    json!({
        "manifest": rendered.manifest(),
        "text": rendered.template_text(true, false),
        "chart": {"name": chart.metadata.name, "version": chart.metadata.version},
        "hooks": rendered.hooks.iter().map(hook).collect::<Vec<_>>(),
        "notes": rendered.notes,
        "crds": rendered.crds.iter().map(|crd| json!({"source": crd.source, "content": crd.content.text()})).collect::<Vec<_>>(),
        "warnings": rendered.warnings,
    })
}

fn refused<E: std::fmt::Display>(code: &'static str) -> impl Fn(E) -> CallError {
    move |error| Refusal::new(code, error.to_string()).into()
}

/// The error with its place, as far as it has one.
fn refusal(error: &RenderError) -> CallError {
    let message = error.to_string();
    let refusal = match error {
        RenderError::Chart(_) => Refusal::new("chart", message),
        RenderError::Values(_) => Refusal::new("values", message),
        RenderError::Schema(_) => Refusal::new("schema", message),
        RenderError::KubeVersion { .. } => Refusal::new("kube-version", message),
        RenderError::Parse { file, .. } => Refusal::new("parse", message.clone()).at(file, line_in(&message, file)),
        RenderError::Template { file, line, .. } => Refusal::new("template", message).at(file, Some(*line)),
        RenderError::Manifest(error) => Refusal::new("manifest", message).at(&error.file, Some(error.line)),
        RenderError::NeedsLookup(key) => Refusal::new("needs-lookup", message).with(
            "lookup",
            json!({"api_version": key.api_version, "kind": key.kind, "namespace": key.namespace, "name": key.name}),
        ),
        _ => Refusal::new("refused", message),
    };
    refusal.into()
}

/// The line of `… (FILE:LINE): …`.
fn line_in(message: &str, file: &str) -> Option<usize> {
    let (_, after) = message.split_once(file)?;
    let digits = after.strip_prefix(':')?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
