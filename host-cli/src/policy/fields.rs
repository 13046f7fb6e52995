//! What a policy file may say: one table that the reader checks against and the JSON Schema is made from.

use backstay_core::health::Policy as Health;
use serde_json::Value;
#[cfg(test)]
use serde_json::{Map, json};

/// A field of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it does, one sentence, for the schema.
    #[cfg_attr(not(test), expect(dead_code, reason = "the schema is made by a test"))]
    pub(crate) about: &'static str,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A duration such as `90s` or `1m30s`.
    Duration,
    /// The same, or the word `auto`.
    DurationOrAuto,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number between these.
    Number(u32, u32),
    /// Yes or no.
    Flag,
    /// A text.
    Text,
    /// Some of these words.
    Words(&'static [&'static str]),
    /// A map.
    Section(&'static [Field]),
    /// One of these words, or a map.
    WordOr(&'static [&'static str], &'static [Field]),
    /// A whole number up to this, or the word `unlimited`.
    Retries(u32),
    /// A list of maps.
    List(&'static [Field]),
    /// Policies by name.
    Profiles,
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// The file.
pub(crate) const ROOT: &[Field] = &[
    field("timeout", Kind::DurationOrAuto, "Time for the rollout; as --timeout."),
    field(
        "bake",
        Kind::Duration,
        "How long everything has to stay ready before it counts as deployed; as --bake.",
    ),
    field(
        "patience",
        Kind::DurationOrAuto,
        "How long pods that run may go without progress; auto computes it from their probes.",
    ),
    field(
        "failFast",
        Kind::Word(&["off", "default", "strict"]),
        "When a failure counts as certain; as --fail-fast.",
    ),
    field(
        "remediation",
        Kind::WordOr(STRATEGIES, REMEDIATION),
        "What happens after a failure: the strategy alone, or with tries.",
    ),
    field("install", Kind::Section(INSTALL), "What counts for installs alone."),
    field("upgrade", Kind::Section(UPGRADE), "What counts for upgrades alone."),
    field("hooks", Kind::Flag, "Whether hooks run; --no-hooks wins."),
    field("wait", Kind::Flag, "Whether objects are waited for; deploy does, Helm's commands with --wait."),
    field("waitForJobs", Kind::Flag, "Whether Jobs are waited for, too."),
    field(
        "cleanupOnFail",
        Kind::Flag,
        "Whether what a failed upgrade created is deleted; as --cleanup-on-fail.",
    ),
    field("test", Kind::Section(TEST), "Whether the chart's tests are a part of the rollout; as --test."),
    field("profile", Kind::Text, "The profile that counts where --profile says nothing."),
    field("profiles", Kind::Profiles, "Policies by name, over this one when chosen with --profile."),
    field(
        "afterIrreversible",
        Kind::Word(&["ask", "undo"]),
        "What a failure after a hook marked backstay.dev/irreversible means: stop for a person, or go back all the same.",
    ),
    field(
        "readiness",
        Kind::Word(&["backstay", "helm-legacy", "helm-watcher"]),
        "By whose rules an object is ready.",
    ),
    field(
        "crashRestarts",
        Kind::Number(0, 100),
        "How many restarts may crash before a crash loop is certain.",
    ),
    field(
        "crashSharePercent",
        Kind::Number(1, 100),
        "How many of a revision's pods have to crash, in percent.",
    ),
    field("graces", Kind::Section(GRACES), "How long a suspicion has before it is a verdict."),
    field(
        "readinessRules",
        Kind::List(RULES),
        "What ready and failed mean for certain kinds; the first that fits counts.",
    ),
    field("notify", Kind::List(NOTIFY), "Who is told how a rollout ended; as --notify."),
];

/// What becomes of a failure; `undo` is the older word for `rollback`.
pub(crate) const STRATEGIES: &[&str] = &["rollback", "uninstall", "none", "undo"];

const REMEDIATION: &[Field] = &[
    field("strategy", Kind::Word(STRATEGIES), "Back to what worked, uninstall the release, or leave it."),
    field("retries", Kind::Retries(100), "How often a failed rollout is tried again."),
    field("retryInterval", Kind::Duration, "How long to wait before the next try."),
    field(
        "remediateLastFailure",
        Kind::Flag,
        "Whether the strategy counts for the last failure, too; else only between tries.",
    ),
    field("keepHistory", Kind::Flag, "With uninstall: the release's records stay."),
];

const INSTALL: &[Field] = &[
    field("timeout", Kind::DurationOrAuto, "Time for an install."),
    field("remediation", Kind::WordOr(STRATEGIES, REMEDIATION), "What happens after a failed install."),
    field("hooks", Kind::Flag, "Whether an install runs hooks."),
    field("wait", Kind::Flag, "Whether its objects are waited for."),
    field("waitForJobs", Kind::Flag, "Whether its Jobs are waited for, too."),
    field("ignoreTestFailures", Kind::Flag, "Whether a test that fails after it is only told."),
];

const UPGRADE: &[Field] = &[
    field("timeout", Kind::DurationOrAuto, "Time for an upgrade."),
    field("remediation", Kind::WordOr(STRATEGIES, REMEDIATION), "What happens after a failed upgrade."),
    field("hooks", Kind::Flag, "Whether an upgrade runs hooks."),
    field("wait", Kind::Flag, "Whether its objects are waited for."),
    field("waitForJobs", Kind::Flag, "Whether its Jobs are waited for, too."),
    field("ignoreTestFailures", Kind::Flag, "Whether a test that fails after it is only told."),
    field("cleanupOnFail", Kind::Flag, "Whether what a failed upgrade created is deleted."),
];

const TEST: &[Field] = &[
    field("enable", Kind::Flag, "Whether they run; a test that fails is a failure of the rollout."),
    field("ignoreFailures", Kind::Flag, "They run and are told, and decide nothing."),
];

const GRACES: &[Field] = &[
    field(
        "declared",
        Kind::Duration,
        "A custom resource that calls itself failed; its controller may try again.",
    ),
    field("image", Kind::Duration, "An image that the registry does not have; it may be pushed late."),
    field("registry", Kind::Duration, "A registry that is unreachable, throttled or broken."),
    field("reference", Kind::Duration, "A ConfigMap, Secret or key that nobody in the release brings."),
    field("mount", Kind::Duration, "A volume that cannot be mounted."),
    field("unschedulable", Kind::Duration, "A pod that no node takes."),
    field("autoscaler", Kind::Duration, "The same, once an autoscaler has said that a node is coming."),
    field("quota", Kind::Duration, "A quota that nothing of the release will free."),
    field("volume", Kind::Duration, "A claim that may still be bound by hand or by a slow provisioner."),
    field("provisioning", Kind::Duration, "A claim whose provisioning is refused."),
    field("webhook", Kind::Duration, "An admission webhook that does not answer."),
    field("controller", Kind::Duration, "A missing Secret that a controller writes for the release."),
    field("settle", Kind::Duration, "How long a container without a probe runs before it counts as ready."),
];

const RULES: &[Field] = &[
    field("apiVersion", Kind::Text, "The kind's apiVersion; group/* stands for all versions of a group."),
    field("kind", Kind::Text, "The kind."),
    field("ready", Kind::Text, "When it is ready: an expression over the object."),
    field("failed", Kind::Text, "When it has failed for good: an expression over the object."),
];

const NOTIFY: &[Field] = &[
    field("slack", Kind::Text, "Address of a Slack incoming webhook."),
    field("webhook", Kind::Text, "Address that gets a CloudEvent."),
    field("when", Kind::Words(&["success", "failure"]), "For which ends; both where it is absent."),
    field("secretFile", Kind::Text, "File with the secret that signs what a webhook gets."),
];

/// The name under which [`Health`] keeps a grace.
pub(crate) fn health_name(grace: &str) -> String {
    format!("{grace}GraceMs")
}

/// The JSON Schema (draft 2020-12) of the file.
#[cfg(test)]
pub(crate) fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://backstay.dev/schemas/policy.schema.json",
        "title": "Policy of a rollout",
        "description": "What --policy reads, as YAML or JSON. Flags win over it.",
    });
    if let (Some(schema), Value::Object(object)) = (schema.as_object_mut(), object_of(ROOT)) {
        schema.extend(object);
    }
    schema
}

#[cfg(test)]
fn object_of(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = schema_of(field.kind);
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".into(), field.about.into());
            }
            (field.name.to_owned(), schema)
        })
        .collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

#[cfg(test)]
fn schema_of(kind: Kind) -> Value {
    const DURATION: &str = r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+";
    match kind {
        Kind::Duration => json!({"type": "string", "pattern": format!("^(0|{DURATION})$")}),
        Kind::DurationOrAuto => json!({"type": "string", "pattern": format!("^(auto|0|{DURATION})$")}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Text => json!({"type": "string", "minLength": 1}),
        Kind::Words(words) => json!({"type": "array", "items": {"enum": words}, "minItems": 1}),
        Kind::Section(fields) => object_of(fields),
        Kind::WordOr(words, fields) => json!({"anyOf": [{"enum": words}, object_of(fields)]}),
        Kind::Retries(most) => {
            json!({"anyOf": [{"enum": ["unlimited"]}, {"type": "integer", "minimum": 0, "maximum": most}]})
        }
        Kind::Profiles => json!({"type": "object", "additionalProperties": {"$ref": "#"}}),
        Kind::List(fields) => json!({"type": "array", "items": object_of(fields)}),
    }
}

/// The graces of the file have to be those that judging knows.
#[cfg(test)]
pub(crate) fn known_graces() -> Vec<String> {
    let health = serde_json::to_value(Health::default()).unwrap_or_default();
    let names =
        health.as_object().map(|health| health.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    names.into_iter().filter(|name| name.ends_with("GraceMs")).collect()
}

/// Puts graces into the rules of judging.
pub(crate) fn with_graces(health: &Health, graces: &[(String, u64)]) -> Health {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(health) else { return health.clone() };
    for (grace, millis) in graces {
        fields.insert(health_name(grace), (*millis).into());
    }
    serde_json::from_value(Value::Object(fields)).unwrap_or_else(|_| health.clone())
}
