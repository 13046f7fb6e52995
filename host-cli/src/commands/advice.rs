//! Where all or nothing is the wrong tool: one line with the reason, before anything is changed.

use backstay_core::plan::PlannedObject;
use backstay_core::rollout::Remediation;

use super::apply::{Apply, Purpose};
use crate::args::{GlobalArgs, OutputFormat};
use crate::charts::Rendered;
use crate::cluster::Cluster;

/// Marks a hook after which nothing goes back.
const IRREVERSIBLE: &str = "backstay.dev/irreversible";

/// What a chart and its place look like.
struct Look<'a> {
    release: &'a str,
    namespace: &'a str,
    objects: &'a [PlannedObject],
    definitions: usize,
    hooks: &'a [PlannedObject],
    tests: bool,
}

impl Apply {
    /// Advice for a rollout that goes back on failure, unless a profile says that somebody has thought about it.
    pub(super) fn advise(&self, global: &GlobalArgs, cluster: &Cluster, rendered: &Rendered) {
        let is_shown = self.apply.output == OutputFormat::Table
            && matches!(self.purpose, Purpose::Deploy)
            && global.member.is_none();
        if !is_shown || self.remediation != Remediation::Undo || self.apply.profile.is_some() {
            return;
        }
        let look = Look {
            release: &self.name,
            namespace: &cluster.namespace,
            objects: &rendered.objects,
            definitions: rendered.definitions.len(),
            hooks: &rendered.hooks,
            tests: self.tests,
        };
        if let Some(words) = advice(&look) {
            anstream::eprintln!("advice: {words}");
        }
    }
}

/// The one thing worth saying.
fn advice(look: &Look<'_>) -> Option<String> {
    let is_definition = |object: &&PlannedObject| object.key.kind == "CustomResourceDefinition";
    let owned_definitions = look.objects.iter().filter(is_definition).count();
    let definitions = owned_definitions + look.definitions;
    if definitions > 0 && owned_definitions == look.objects.len() {
        return Some(
            "this chart brings definitions (CRDs) only, and going back never deletes one, for that would delete every object \
             of its kind; --profile crd-install leaves them and tries again"
                .to_owned(),
        );
    }
    if let Some(hook) = look.hooks.iter().find(|hook| is_migration(hook)) {
        return Some(format!(
            "{} looks like a migration: going back brings back the objects, not the data it changed; mark it {IRREVERSIBLE}: \
             \"true\" to be asked, or keep it readable for the version before",
            hook.key
        ));
    }
    if has_word(look.release, &["canary"]) && !look.tests {
        return Some(
            "a canary is judged by its own tests and by holding for a while, not by becoming ready alone; --profile canary \
             does both"
                .to_owned(),
        );
    }
    has_word(look.namespace, &["dev", "development"]).then(|| {
        "going back takes away what failed, so that nobody can look at it; in development --profile development leaves it"
            .to_owned()
    })
}

fn is_migration(hook: &PlannedObject) -> bool {
    let annotation = |name: &str| {
        hook.object.pointer("/metadata/annotations").and_then(|annotations| annotations.get(name)?.as_str())
    };
    let events = annotation("helm.sh/hook").unwrap_or_default();
    let runs_on_upgrade =
        events.split(',').any(|event| ["pre-upgrade", "post-upgrade"].contains(&event.trim()));
    let name = hook.key.name.to_lowercase();
    runs_on_upgrade
        && ["Job", "Pod"].contains(&hook.key.kind.as_str())
        && name.contains("migrat")
        && annotation(IRREVERSIBLE).is_none()
}

/// Whether a name has one of these words between dashes.
fn has_word(name: &str, words: &[&str]) -> bool {
    name.split('-').any(|part| words.contains(&part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str, annotations: serde_json::Value) -> PlannedObject {
        let object =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "annotations": annotations}});
        PlannedObject::new(object, "").unwrap()
    }

    #[test]
    fn advice_is_given_where_going_back_is_the_wrong_tool() {
        let web = [object("Deployment", "web", json!({}))];
        let definition = [object("CustomResourceDefinition", "widgets.example.com", json!({}))];
        let hook = |more: &str| {
            let mut annotations = json!({"helm.sh/hook": "pre-install, pre-upgrade"});
            if !more.is_empty() {
                annotations[more] = "true".into();
            }
            [object("Job", "db-migrate", annotations)]
        };
        let (migration, marked) = (hook(""), hook(IRREVERSIBLE));
        let plain = Look {
            release: "web",
            namespace: "prod",
            objects: &web,
            definitions: 0,
            hooks: &[],
            tests: false,
        };
        for (look, part) in [
            (Look { ..plain }, None),
            (Look { definitions: 2, ..plain }, None),
            (Look { objects: &[], definitions: 2, ..plain }, Some("CRDs")),
            (Look { objects: &definition, ..plain }, Some("CRDs")),
            (Look { hooks: &migration, ..plain }, Some("db-migrate looks like a migration")),
            (Look { hooks: &marked, ..plain }, None),
            (Look { release: "web-canary", ..plain }, Some("--profile canary")),
            (Look { release: "web-canary", tests: true, ..plain }, None),
            (Look { namespace: "team-dev", ..plain }, Some("--profile development")),
            (Look { namespace: "devices", ..plain }, None),
        ] {
            let found = advice(&look);
            match (&found, part) {
                (None, None) => {}
                (Some(words), Some(part)) if words.contains(part) => {}
                _ => panic!("{found:?} instead of {part:?}"),
            }
        }
    }
}
