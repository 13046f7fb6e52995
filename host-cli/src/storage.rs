//! Where release records are kept: in Secrets, or in ConfigMaps where `HELM_DRIVER` says so (Helm
//! `pkg/storage/driver/{secrets,cfgmaps}.go`): the same names, labels and content; a ConfigMap holds it as text. With
//! `memory` they are Secrets of a model that ends with the process.

use backstay_core::object::{Timestamp, set_at};
use backstay_core::release::{Record, Release, SECRET_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::Value;

use crate::exit::Stop;

/// Records, whatever holds them.
pub(crate) type StorageApi = Api<DynamicObject>;

/// What holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Secret,
    ConfigMap,
    Memory,
}

impl Driver {
    /// What `HELM_DRIVER` says.
    ///
    /// # Errors
    /// With exit code 4, for a driver that is not known here. Looking for records where they are not would find no release,
    /// and install a second one over the first.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        match std::env::var("HELM_DRIVER").as_deref() {
            Err(_) | Ok("" | "secret" | "secrets") => Ok(Self::Secret),
            Ok("configmap" | "configmaps") => Ok(Self::ConfigMap),
            Ok("memory") => Ok(Self::Memory),
            Ok("sql") => Err(Stop::refused(
                "HELM_DRIVER=sql is refused: the journal of a rollout and its record are changed together or not at all, \
                 which is done in Secrets and ConfigMaps only; unset it if the releases are there",
            )),
            Ok(other) => Err(Stop::refused(format!(
                "unknown driver {other:?}: HELM_DRIVER is secret, configmap or memory"
            ))),
        }
    }

    /// Says what is lost with this driver, before anything is done.
    pub(crate) fn warn(self, only_reads: bool) {
        if self == Self::Memory && !only_reads {
            anstream::eprintln!(
                "warning: HELM_DRIVER=memory: nothing reaches a cluster; it happens in a model that ends with this command"
            );
        }
    }

    /// The one that was found to be fine when the command began.
    fn current() -> Self {
        Self::of_environment().unwrap_or(Self::Secret)
    }

    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Secret | Self::Memory => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }

    /// Its name in addresses and roles.
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::Secret | Self::Memory => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }
}

/// The releases that Helm's driver for tests begins with: lists in the files of `HELM_MEMORY_DRIVER_DATA`.
pub(crate) fn releases_given() -> anyhow::Result<Vec<Release>> {
    let mut found = Vec::new();
    let files = std::env::var("HELM_MEMORY_DRIVER_DATA").unwrap_or_default();
    for file in files.split(':').filter(|file| !file.is_empty()) {
        let broken = |reason: String| Stop::refused(format!("HELM_MEMORY_DRIVER_DATA: {file}: {reason}"));
        let text = std::fs::read_to_string(file).map_err(|error| broken(error.to_string()))?;
        let document = backstay_core::yaml::from_yaml(&text).map_err(|error| broken(error.to_string()))?;
        let releases: Option<Vec<Release>> =
            serde_json::from_value(document).map_err(|error| broken(error.to_string()))?;
        found.extend(releases.unwrap_or_default());
    }
    Ok(found)
}

/// The records of a namespace, or of all.
pub(crate) fn api(client: &kube::Client, namespace: Option<&str>) -> StorageApi {
    let driver = Driver::current();
    let kind = GroupVersionKind::gvk("", "v1", driver.kind());
    let resource = ApiResource::from_gvk_with_plural(&kind, driver.resource());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// A record, ready to be sent.
pub(crate) fn to_object(record: &Record, now: Timestamp) -> anyhow::Result<DynamicObject> {
    let mut value = record.to_secret(now)?;
    if Driver::current() == Driver::ConfigMap {
        as_config_map(&mut value)?;
    }
    Ok(serde_json::from_value(value)?)
}

/// The record in an object.
pub(crate) fn from_object(object: &DynamicObject) -> anyhow::Result<Record> {
    let mut value = serde_json::to_value(object)?;
    if Driver::current() == Driver::ConfigMap {
        as_secret(&mut value);
    }
    // Items of a list come without their kind.
    set_at(&mut value, &["kind"], "Secret".into());
    Ok(Record::from_secret(&value)?)
}

/// A Secret holds bytes, a ConfigMap text; what we keep is text.
fn as_config_map(value: &mut Value) -> anyhow::Result<()> {
    set_at(value, &["kind"], "ConfigMap".into());
    if let Some(fields) = value.as_object_mut() {
        fields.remove("type");
    }
    for (key, data) in value.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten() {
        let bytes = STANDARD.decode(data.as_str().unwrap_or_default())?;
        let text = String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("the record's {key} is no text"))?;
        *data = text.into();
    }
    Ok(())
}

fn as_secret(value: &mut Value) {
    set_at(value, &["type"], SECRET_TYPE.into());
    for data in
        value.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(|data| data.values_mut())
    {
        let text = data.as_str().unwrap_or_default();
        *data = STANDARD.encode(text).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_holds_what_a_secret_holds() {
        let release =
            Release { name: "web".into(), namespace: "apps".into(), version: 3, ..Release::default() };
        let record = Record {
            journal: Some("{\"seq\":0}\n".into()),
            resume: Some("{\"plan\":1}".into()),
            healthy: true,
            ..Record::new(release)
        };
        let secret = record.to_secret(Timestamp(5000)).unwrap();
        let mut value = secret.clone();
        as_config_map(&mut value).unwrap();
        assert_eq!((&value["kind"], value.get("type")), (&"ConfigMap".into(), None));
        // Helm reads it as the text that the Secret has in base64.
        let text = value["data"]["release"].as_str().unwrap();
        assert_eq!(STANDARD.encode(text), secret["data"]["release"].as_str().unwrap());
        assert_eq!(value["data"]["backstay.journal"], "{\"seq\":0}\n");
        as_secret(&mut value);
        assert_eq!(Record::from_secret(&value).unwrap().journal, record.journal);
        assert_eq!(value["data"], secret["data"]);
    }
}
