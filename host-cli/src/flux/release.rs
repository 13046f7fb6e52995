//! What a `HelmRelease` (helm.toolkit.fluxcd.io/v2) says, and what that means as a policy. Fields nobody here has a meaning for
//! are read over, as the controller's are read from one version to the next.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The object.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct HelmRelease {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) chart: Option<ChartTemplate>,
    pub(super) chart_ref: Option<Reference>,
    pub(super) suspend: bool,
    pub(super) release_name: Option<String>,
    pub(super) target_namespace: Option<String>,
    pub(super) storage_namespace: Option<String>,
    pub(super) depends_on: Vec<Dependency>,
    timeout: Option<String>,
    pub(super) max_history: Option<u32>,
    pub(super) kube_config: Option<Value>,
    pub(super) service_account_name: Option<String>,
    pub(super) drift_detection: Drift,
    pub(super) install: Action,
    pub(super) upgrade: Action,
    pub(super) test: Test,
    pub(super) uninstall: Uninstall,
    pub(super) values_from: Vec<ValuesFrom>,
    pub(super) values: Option<Value>,
    pub(super) common_metadata: CommonMetadata,
    pub(super) post_renderers: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ChartTemplate {
    pub(super) spec: ChartSpec,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChartSpec {
    pub(super) chart: String,
    pub(super) version: Option<String>,
    pub(super) source_ref: Reference,
    #[serde(default)]
    pub(super) values_files: Vec<String>,
}

/// Another object.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Reference {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Drift {
    #[serde(default)]
    pub(super) mode: String,
}

/// `install` and `upgrade`; each has fields the other has not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Action {
    timeout: Option<String>,
    strategy: Option<Strategy>,
    remediation: Remediation,
    pub(super) disable_take_ownership: bool,
    disable_wait: bool,
    disable_wait_for_jobs: bool,
    disable_hooks: bool,
    pub(super) disable_schema_validation: bool,
    #[serde(rename = "skipCRDs")]
    pub(super) skip_definitions: bool,
    pub(super) crds: Option<String>,
    pub(super) create_namespace: bool,
    pub(super) force: bool,
    pub(super) preserve_values: bool,
    cleanup_on_fail: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Strategy {
    name: String,
    retry_interval: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Remediation {
    retries: i64,
    ignore_test_failures: Option<bool>,
    remediate_last_failure: Option<bool>,
    strategy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Test {
    pub(super) enable: bool,
    ignore_failures: bool,
    pub(super) filters: Vec<Filter>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Filter {
    pub(super) name: String,
    #[serde(default)]
    pub(super) exclude: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Uninstall {
    keep_history: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ValuesFrom {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) values_key: Option<String>,
    pub(super) target_path: Option<String>,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(default)]
    pub(super) literal: bool,
}

/// Labels and annotations of every object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct CommonMetadata {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// How long between tries of `RetryOnFailure` (api/v2 `GetRetryInterval`).
const RETRY_INTERVAL: &str = "5m";

/// The longest name of a release, and how much of a hash ends one that was too long (`release.ShortenName`).
const NAME_MOST: usize = 53;
const HASH_LENGTH: usize = 12;

impl HelmRelease {
    /// The name of the release (api/v2 `GetReleaseName`, shortened as the controller does).
    pub(super) fn release_name(&self) -> String {
        let name = match (&self.spec.release_name, &self.spec.target_namespace) {
            (Some(name), _) => name.clone(),
            (None, Some(namespace)) => format!("{namespace}-{}", self.metadata.name),
            (None, None) => self.metadata.name.clone(),
        };
        if name.len() <= NAME_MOST {
            return name;
        }
        let hash = crate::sources::sha256(name.as_bytes());
        let hash = hash.get(..HASH_LENGTH).unwrap_or_default();
        format!("{}-{hash}", name.get(..NAME_MOST - HASH_LENGTH - 1).unwrap_or(&name))
    }

    /// Where its objects go; `None` where it does not say.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.spec.target_namespace.as_deref().or(self.metadata.namespace.as_deref())
    }

    /// What it has decided, in the fields of a policy file.
    pub(super) fn policy(&self) -> Map<String, Value> {
        let spec = &self.spec;
        let mut policy = Map::new();
        if let Some(timeout) = &spec.timeout {
            policy.insert("timeout".into(), timeout.as_str().into());
        }
        policy.insert("install".into(), self.way(&spec.install, true));
        policy.insert("upgrade".into(), self.way(&spec.upgrade, false));
        policy.insert(
            "test".into(),
            json!({"enable": spec.test.enable, "ignoreFailures": spec.test.ignore_failures}),
        );
        policy
    }

    /// One of the two ways. Defaults are those of the controller: nothing is remedied after the last try of an install; after
    /// that of an upgrade only where there were others.
    fn way(&self, action: &Action, is_install: bool) -> Value {
        let remediation = &action.remediation;
        let retry = action.strategy.as_ref().filter(|strategy| strategy.name == "RetryOnFailure");
        let remedy = if let Some(retry) = retry {
            let interval = retry.retry_interval.as_deref().unwrap_or(RETRY_INTERVAL);
            json!({"strategy": "none", "retries": "unlimited", "retryInterval": interval})
        } else {
            let retries = u64::try_from(remediation.retries).ok();
            let last = remediation.remediate_last_failure.unwrap_or(!is_install && remediation.retries > 0);
            let strategy = match remediation.strategy.as_deref() {
                // The machine cleans up a failed install.
                _ if is_install => "uninstall",
                Some("uninstall") => "uninstall",
                _ => "rollback",
            };
            json!({
                "strategy": strategy,
                "retries": retries.map_or_else(|| Value::from("unlimited"), |retries| retries.min(100).into()),
                "remediateLastFailure": last,
                "keepHistory": self.spec.uninstall.keep_history,
            })
        };
        let mut way = json!({
            "remediation": remedy,
            "hooks": !action.disable_hooks,
            "wait": !action.disable_wait,
            "waitForJobs": !action.disable_wait_for_jobs,
        });
        if let Some(way) = way.as_object_mut() {
            if !is_install {
                way.insert("cleanupOnFail".into(), action.cleanup_on_fail.into());
            }
            if let Some(timeout) = &action.timeout {
                way.insert("timeout".into(), timeout.as_str().into());
            }
            if let Some(ignore) = remediation.ignore_test_failures {
                way.insert("ignoreTestFailures".into(), ignore.into());
            }
        }
        way
    }
}

#[cfg(test)]
mod tests {
    use backstay_core::yaml::from_yaml;

    use super::*;

    fn release(spec: &str) -> HelmRelease {
        let text = format!("metadata: {{name: web, namespace: apps}}\nspec: {spec}\n");
        serde_json::from_value(from_yaml(&text).unwrap()).unwrap()
    }

    #[test]
    fn a_release_becomes_a_policy() {
        let check = |spec: &str, path: &str, expected: Value| {
            let policy = Value::Object(release(spec).policy());
            assert_eq!(policy.pointer(path), Some(&expected), "{spec} {path}\n{policy:#}");
        };
        let remedy = |strategy: &str, retries: Value, last: bool, keep: bool| json!({"strategy": strategy, "retries": retries, "remediateLastFailure": last, "keepHistory": keep});
        let (install, upgrade) = ("/install/remediation", "/upgrade/remediation");
        check("{}", install, remedy("uninstall", 0.into(), false, false));
        check("{}", upgrade, remedy("rollback", 0.into(), false, false));
        check("{upgrade: {remediation: {retries: 3}}}", upgrade, remedy("rollback", 3.into(), true, false));
        check("{install: {remediation: {retries: 3}}}", install, remedy("uninstall", 3.into(), false, false));
        check(
            "{upgrade: {remediation: {retries: -1, strategy: uninstall}}, uninstall: {keepHistory: true}}",
            upgrade,
            remedy("uninstall", "unlimited".into(), false, true),
        );
        check(
            "{install: {strategy: {name: RetryOnFailure}}}",
            install,
            json!({"strategy": "none", "retries": "unlimited", "retryInterval": "5m"}),
        );
        check(
            "{upgrade: {strategy: {name: RetryOnFailure, retryInterval: 1m}}}",
            "/upgrade/remediation/retryInterval",
            "1m".into(),
        );
        check("{timeout: 2m, install: {timeout: 7m}}", "/install/timeout", "7m".into());
        check("{timeout: 2m}", "/timeout", "2m".into());
        check("{upgrade: {cleanupOnFail: true}}", "/upgrade/cleanupOnFail", true.into());
        check("{install: {disableWait: true}}", "/install/wait", false.into());
        check(
            "{test: {enable: true, ignoreFailures: true}}",
            "/test",
            json!({"enable": true, "ignoreFailures": true}),
        );
    }

    #[test]
    fn the_name_is_the_controllers() {
        for (spec, name, namespace) in [
            ("{}", "web", "apps"),
            ("{releaseName: shop}", "shop", "apps"),
            ("{targetNamespace: prod}", "prod-web", "prod"),
            ("{targetNamespace: prod, releaseName: shop}", "shop", "prod"),
        ] {
            let release = release(spec);
            assert_eq!((release.release_name().as_str(), release.namespace()), (name, Some(namespace)));
        }
        let long =
            release("{releaseName: some-front-appended-namespace-release-with-a-long-name-x}").release_name();
        assert_eq!(long.len(), NAME_MOST);
        assert!(long.starts_with("some-front-appended-namespace-release-wi"), "{long}");
    }
}
