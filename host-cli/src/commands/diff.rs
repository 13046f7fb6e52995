//! `diff`: what a deploy would change, against the live objects and against the revision before.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use backstay_core::object::{ResourceKey, kind};
use backstay_core::plan::{Change, Plan, PlannedObject, Step};
use backstay_core::yaml::to_yaml;
use serde_json::{Value, json};
use similar::TextDiff;

use super::dry_run::refusal;
use super::ground::{Ground, executor_of, look_at, plan_of};
use super::run::Request;
use crate::cluster::Cluster;
use crate::execute::{MASK, Secrets, explain};
use crate::table::print_structured;

/// How a difference is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// End with 2 when something differs.
    pub(crate) exit_code: bool,
    /// Lines around a change.
    pub(crate) context: usize,
}

/// One object and how it differs.
struct Difference {
    key: ResourceKey,
    /// What is done with it, in the words of the dry run; `run` for a hook.
    verb: &'static str,
    source: String,
    /// Against the live object, as a unified diff; empty where it is as it will be.
    live: String,
    /// Against the manifest of the revision before.
    manifest: String,
}

/// Shows how a request's plan differs from what is there. Changes nothing.
pub(crate) async fn show(
    cluster: &Cluster,
    ground: &Ground,
    request: Request,
    manner: Manner,
) -> anyhow::Result<ExitCode> {
    let plan = plan_of(cluster, ground, &request).await?;
    let differences = differences(cluster, ground, &request, &plan, manner).await?;
    let differs = differences.iter().any(Difference::is_one);
    let document = json!({
        "v": 1,
        "release": plan.release,
        "namespace": plan.namespace,
        "from": plan.from,
        "to": plan.to,
        "differs": differs,
        "objects": differences.iter().map(Difference::document).collect::<Vec<_>>(),
    });
    print_structured(request.output, &document, || print(&plan, &differences))?;
    Ok(if differs && manner.exit_code { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

async fn differences(
    cluster: &Cluster,
    ground: &Ground,
    request: &Request,
    plan: &Plan,
    manner: Manner,
) -> anyhow::Result<Vec<Difference>> {
    let executor = executor_of(cluster, ground, request, plan).await?;
    let keys: Vec<ResourceKey> = plan.steps.iter().map(|step| step.key.clone()).collect();
    let mut there = look_at(cluster, &keys).await?;
    let previous = ground.current.as_ref();
    let mut found = Vec::new();
    let mut causes = Vec::new();
    let secrets = secrets(plan, there.values().flatten());
    for step in &plan.steps {
        let live = there.remove(&step.key).flatten();
        let after = match executor.preview(step, live.as_ref()).await {
            Ok(after) => after,
            Err(error) => {
                causes.push(explain(&step.key, &error, cluster.clock.now()).1);
                continue;
            }
        };
        let before = previous.and_then(|revision| named(&revision.objects, &step.key));
        found.push(Difference {
            key: step.key.clone(),
            verb: step.change.word(),
            source: step.source.clone(),
            live: unified([live.as_ref(), after.as_ref()], ["live", "new"], &secrets, manner),
            manifest: against_before(before, step, plan.from, &secrets, manner),
        });
    }
    if !causes.is_empty() {
        return Err(refusal(&executor.secrets, causes));
    }
    let hooks_before = previous.map(|revision| revision.hooks.as_slice()).unwrap_or_default();
    found.extend(hooks(request, hooks_before, plan.from, &secrets, manner));
    Ok(found)
}

/// Hooks have no live object between two runs: only their manifests can differ.
fn hooks(
    request: &Request,
    before: &[PlannedObject],
    from: Option<u32>,
    secrets: &Secrets,
    manner: Manner,
) -> Vec<Difference> {
    let hooks: &[PlannedObject] = if request.run_hooks { &request.hooks } else { &[] };
    let label = from.map_or_else(|| "nothing".to_owned(), |from| format!("revision {from}"));
    let gone = before.iter().filter(|old| request.run_hooks && named(hooks, &old.key).is_none());
    let pairs = hooks.iter().map(|new| (new, named(before, &new.key), Some(&new.object)));
    let gone = gone.map(|old| (old, Some(&old.object), None));
    pairs
        .chain(gone)
        .map(|(hook, old, new)| Difference {
            key: hook.key.clone(),
            verb: if new.is_some() { "run" } else { "drop" },
            source: hook.source.clone(),
            live: String::new(),
            manifest: unified([old, new], [&label, "new"], secrets, manner),
        })
        .collect()
}

fn named<'o>(objects: &'o [PlannedObject], key: &ResourceKey) -> Option<&'o Value> {
    objects.iter().find(|object| object.key == *key).map(|object| &object.object)
}

fn against_before(
    before: Option<&Value>,
    step: &Step,
    from: Option<u32>,
    secrets: &Secrets,
    manner: Manner,
) -> String {
    let Some(from) = from else { return String::new() };
    unified([before, step.desired.as_ref()], [&format!("revision {from}"), "new"], secrets, manner)
}

/// The values of all Secrets, old and new: what quotes one elsewhere must not tell it either.
fn secrets<'v>(plan: &'v Plan, live: impl Iterator<Item = &'v Value>) -> Secrets {
    let desired = plan.steps.iter().filter_map(|step| step.desired.as_ref());
    let objects: Vec<&Value> = desired.chain(live).filter(|object| kind(object) == "Secret").collect();
    Secrets::of_objects(&objects)
}

/// Two states of an object as a unified diff; empty where a reader would see the same.
fn unified(states: [Option<&Value>; 2], labels: [&str; 2], secrets: &Secrets, manner: Manner) -> String {
    let [before, after] = masked(states);
    let [old, new] = [before, after].map(|state| state.map(|state| written(&state)).unwrap_or_default());
    if old == new {
        return String::new();
    }
    let diff = TextDiff::from_lines(&old, &new);
    let text = diff.unified_diff().context_radius(manner.context).header(labels[0], labels[1]).to_string();
    text.split_inclusive('\n').map(|line| secrets.clean(line)).collect()
}

fn written(state: &Value) -> String {
    to_yaml(state).unwrap_or_else(|_| serde_json::to_string_pretty(state).unwrap_or_default())
}

/// Both states without what the server keeps for itself, and without the values of Secrets: only whether they differ.
fn masked(states: [Option<&Value>; 2]) -> [Option<Value>; 2] {
    let [mut before, mut after] = states.map(|state| state.map(bare));
    for section in ["data", "stringData"] {
        let [old, new] = [&before, &after].map(|state| secret_section(state.as_ref(), section));
        for (state, own, other, mark) in
            [(&mut before, &old, &new, "before"), (&mut after, &new, &old, "after")]
        {
            let Some(map) = state.as_mut().and_then(|state| state.get_mut(section)?.as_object_mut()) else {
                continue;
            };
            for (name, value) in map.iter_mut() {
                let Some(own) = own.as_ref().and_then(|own| own.get(name)) else { continue };
                let same = other.as_ref().and_then(|other| other.get(name)).is_none_or(|other| other == own);
                *value = if same { MASK.into() } else { format!("{MASK} ({mark})").into() };
            }
        }
    }
    [before, after]
}

/// What a Secret holds in a section, or nothing for other kinds.
fn secret_section(state: Option<&Value>, section: &str) -> Option<serde_json::Map<String, Value>> {
    let state = state.filter(|state| kind(state) == "Secret")?;
    state.get(section)?.as_object().cloned()
}

/// An object without what the server writes itself.
pub(super) fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"]
        {
            metadata.remove(field);
        }
        // kubectl's copy of a whole object, values of Secrets and all.
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            annotations.remove("deployment.kubernetes.io/revision");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

impl Difference {
    fn is_one(&self) -> bool {
        !self.live.is_empty() || !self.manifest.is_empty()
    }

    /// Somebody changed the live object: the chart's content is the same as before, and will be put back.
    fn is_drift(&self) -> bool {
        !self.live.is_empty() && self.manifest.is_empty() && self.verb == Change::Unchanged.word()
    }

    fn document(&self) -> Value {
        json!({
            "object": self.key,
            "source": self.source,
            "change": self.verb,
            "drift": self.is_drift(),
            "live": self.live,
            "previous": self.manifest,
        })
    }
}

fn print(plan: &Plan, differences: &[Difference]) {
    let bold = Style::new().bold();
    let (mut changed, mut same) = (0_usize, 0_usize);
    for difference in differences {
        if !difference.is_one() {
            same += 1;
            continue;
        }
        changed += 1;
        anstream::println!(
            "{bold}{:<9}  {}{bold:#}{}",
            difference.verb,
            difference.key,
            remark(difference, plan)
        );
        let text = if difference.live.is_empty() { &difference.manifest } else { &difference.live };
        text.lines().for_each(print_line);
    }
    let from = plan.from.map_or_else(|| "first revision".to_owned(), |from| format!("revision {from}"));
    anstream::println!(
        "{}: {from} -> {}: {changed} to change, {same} the same; nothing was changed",
        plan.release,
        plan.to
    );
}

/// Where live object and former manifest tell different stories.
fn remark(difference: &Difference, plan: &Plan) -> String {
    let Some(from) = plan.from else { return String::new() };
    if difference.is_drift() {
        format!(" (changed since revision {from} by somebody else; the chart's content is put back)")
    } else if difference.live.is_empty() && difference.verb != "run" && difference.verb != "drop" {
        format!(" (against revision {from}; the live object is already so)")
    } else {
        String::new()
    }
}

fn print_line(line: &str) {
    let colour = match line.as_bytes().first() {
        _ if line.starts_with("---") || line.starts_with("+++") => Style::new().bold(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        _ => Style::new(),
    };
    anstream::println!("{colour}{line}{colour:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<Value>, after: Option<Value>, expected: &[&str]) {
        let objects: Vec<&Value> =
            before.iter().chain(&after).filter(|object| kind(object) == "Secret").collect();
        let secrets = Secrets::of_objects(&objects);
        let manner = Manner { exit_code: false, context: 0 };
        let text = unified([before.as_ref(), after.as_ref()], ["live", "new"], &secrets, manner);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("@@")).skip(2).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn values_of_secrets_are_never_told() {
        let secret =
            |value: &str, more: Value| json!({"kind": "Secret", "data": {"key": value, "more": more}});
        check(
            Some(secret("b2xkLW9sZA==", json!("YQ=="))),
            Some(secret("bmV3LW5ldw==", json!("YQ=="))),
            &["-  key: '*** (before)'", "+  key: '*** (after)'"],
        );
        check(
            None,
            Some(json!({"kind": "Secret", "stringData": {"key": "open sesame"}})),
            &["+kind: Secret", "+stringData:", "+  key: '***'"],
        );
        let copied = json!({"kind": "Secret", "metadata": {"name": "a", "annotations":
            {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"key\":\"b2xk\"}}"}}});
        check(Some(copied), Some(json!({"kind": "Secret", "metadata": {"name": "a"}})), &[]);
    }

    #[test]
    fn what_the_server_writes_is_no_difference() {
        let live = json!({"kind": "ConfigMap", "metadata": {"name": "a", "uid": "1", "resourceVersion": "7"},
            "data": {"a": "1"}, "status": {"x": 1}});
        check(
            Some(live.clone()),
            Some(json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}})),
            &[],
        );
        check(
            Some(live),
            Some(json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "2"}})),
            &["-  a: \"1\"", "+  a: \"2\""],
        );
    }
}
