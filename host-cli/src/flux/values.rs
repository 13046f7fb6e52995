//! The values of a `HelmRelease`: those it takes from ConfigMaps and Secrets, in order, then its own.

use backstay_core::chart::ValueSources;
use backstay_core::gotemplate::{Compatibility, map_to_json};
use backstay_core::object::text_at;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::{Api, DynamicObject};
use kube::discovery::ApiResource;
use serde_json::{Map, Value};

use super::files::Files;
use super::release::{HelmRelease, ValuesFrom};
use crate::cluster::Cluster;
use crate::exit::Stop;

/// Where a reference without a key looks (meta `ValuesReference.GetValuesKey`).
const DEFAULT_KEY: &str = "values.yaml";

/// Puts the values together, as one document.
///
/// # Errors
/// With exit code 4: nothing has been changed.
pub(super) async fn of(
    cluster: &Cluster,
    files: &Files,
    release: &HelmRelease,
    namespace: &str,
) -> anyhow::Result<Map<String, Value>> {
    let mut values = Map::new();
    for reference in &release.spec.values_from {
        let place = format!("{} {namespace}/{}", reference.kind, reference.name);
        let Some(text) = text_of(cluster, files, reference, namespace, &place).await? else { continue };
        values =
            with(&values, reference, text).map_err(|error| Stop::refused(format!("{place}: {error}")))?;
    }
    let own = release.spec.values.clone().unwrap_or(Value::Null);
    let own = if own.is_null() { "{}".to_owned() } else { own.to_string() };
    merged(&[Value::Object(values).to_string(), own], None)
        .map_err(|error| Stop::refused(format!("spec.values: {error}")))
}

/// What a reference leads to; `None` for one that is optional and leads nowhere.
async fn text_of(
    cluster: &Cluster,
    files: &Files,
    reference: &ValuesFrom,
    namespace: &str,
    place: &str,
) -> anyhow::Result<Option<String>> {
    let kind = reference.kind.as_str();
    if !["ConfigMap", "Secret"].contains(&kind) {
        return Err(Stop::refused(format!("valuesFrom: {kind} is neither a ConfigMap nor a Secret")));
    }
    let object = match files.find(kind, &reference.name, namespace) {
        Some(object) => Some(object.clone()),
        None => live(cluster, kind, &reference.name, namespace).await?,
    };
    let missing = |what: &str| {
        if reference.optional {
            return Ok(None);
        }
        Err(Stop::refused(format!(
            "valuesFrom: {place} {what}, neither in the files given nor in the cluster"
        )))
    };
    let Some(object) = object else { return missing("is not there") };
    let key = reference.values_key.as_deref().unwrap_or(DEFAULT_KEY);
    let field = |name: &str| object.get(name).and_then(|data| data.get(key)).and_then(Value::as_str);
    let text = match (kind, field("data"), field("stringData")) {
        ("Secret", _, Some(text)) => Some(text.to_owned()),
        ("Secret", Some(encoded), None) => {
            let bytes = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let words = || Stop::refused(format!("valuesFrom: {place}: {key} is no text in base64"));
            Some(bytes.ok_or_else(words)?)
        }
        (_, text, _) => text.map(str::to_owned),
    };
    // The controller: an optional reference may lack its key, too.
    text.map_or_else(|| missing(&format!("has no {key}")), |text| Ok(Some(text)))
}

async fn live(cluster: &Cluster, kind: &str, name: &str, namespace: &str) -> anyhow::Result<Option<Value>> {
    let resource = ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk("", "v1", kind));
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
    Ok(api.get_opt(name).await?.map(serde_json::to_value).transpose()?)
}

/// How a text becomes a value at a path: as `--set`, `--set-string` and `--set-literal` do.
enum Put {
    Typed(String),
    Text(String),
    Literal(String),
}

/// The values with those of one reference over them.
fn with(
    values: &Map<String, Value>,
    reference: &ValuesFrom,
    text: String,
) -> Result<Map<String, Value>, String> {
    let below = Value::Object(values.clone()).to_string();
    let Some(path) = reference.target_path.as_deref().filter(|path| !path.is_empty()) else {
        return merged(&[below, text], None);
    };
    // In quotes it is a text, whatever it looks like.
    let quoted = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let put = match quoted {
        _ if reference.literal => Put::Literal(format!("{path}={text}")),
        Some(inner) => Put::Text(format!("{path}={inner}")),
        None => Put::Typed(format!("{path}={text}")),
    };
    merged(&[below], Some(put))
}

fn merged(files: &[String], put: Option<Put>) -> Result<Map<String, Value>, String> {
    let mut sources = ValueSources {
        files: files.iter().map(|text| ("values".to_owned(), text.clone().into_bytes())).collect(),
        ..ValueSources::default()
    };
    match put {
        Some(Put::Typed(text)) => sources.set.push(text),
        Some(Put::Text(text)) => sources.string.push(text),
        Some(Put::Literal(text)) => sources.literal.push(text),
        None => {}
    }
    let mut no_files = |path: &str| Err(format!("{path} is not read from here"));
    let merged = sources.merge(Compatibility::Helm4, &mut no_files).map_err(|error| error.to_string())?;
    Ok(map_to_json(&merged))
}

/// The field of an object, as text.
pub(super) fn text<'a>(object: &'a Value, path: &[&str]) -> Option<&'a str> {
    text_at(object, path).filter(|text| !text.is_empty())
}

/// An object of the cluster by its full kind; `None` where it or its kind is not there.
pub(super) async fn live_source(
    cluster: &Cluster,
    (group, version, kind, plural): (&str, &str, &str, &str),
    name: &str,
    namespace: &str,
) -> Option<Value> {
    let kind = kube::core::GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
    // Without the controller's kinds nothing is there; what to do then is said by whoever asks.
    api.get_opt(name).await.ok().flatten().and_then(|object| serde_json::to_value(object).ok())
}
