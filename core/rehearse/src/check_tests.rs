//! Each checker sees what it is there to see.

use backstay_health::{Cause, Class};
use backstay_plan::{Operation, PlanInput, PlannedObject, build};
use backstay_rollout::{Outcome, Policy, Remediation, Verdict};
use serde_json::{Value, json};

use super::*;

fn config(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
}

fn rollout() -> Rollout {
    let object = PlannedObject::new(config("ours"), "a.yaml").unwrap();
    let input = PlanInput {
        release: "shop".into(),
        namespace: "default".into(),
        operation: Operation::Install,
        to: 1,
        objects: vec![object],
        hooks: vec![],
        current: None,
        healthy: None,
        live: BTreeMap::new(),
    };
    let policy = Policy {
        waiting: Waiting::All,
        remediation: Remediation::Undo,
        cleanup_on_fail: true,
        hooks: true,
        forward_ms: 1000,
        bake_ms: 0,
        patience_ms: None,
        undo_ms: 1000,
        deadline: None,
        no_return: Default::default(),
        evidence_ms: 100,
        attempts: 1,
        validate: false,
        health: Default::default(),
    };
    Rollout::new(build(input).unwrap(), policy, Timestamp(0))
}

fn act(id: u32, kind: ActionKind) -> Output {
    Output::Act { action: Action { id: ActionId(id), attempt: 1, deadline: Timestamp::MAX, kind } }
}

fn record(seq: u32, event: JournalEvent) -> Output {
    Output::Record { entry: JournalEntry { seq, at: Timestamp(0), event } }
}

fn issued(id: u32, kind: ActionKind) -> Output {
    record(id + 1, JournalEvent::Issued { id: ActionId(id), attempt: 1, kind })
}

/// The invariants that a story violates.
fn check(story: Vec<Output>, expected: &[&str]) {
    let cluster = Cluster::new(1, Timestamp(0));
    let rollout = rollout();
    let mut checker = Checker::new(&cluster, &rollout);
    for output in &story {
        if let Output::Record { entry: JournalEntry { event: JournalEvent::Entered { next }, .. } } = output {
            checker.decided(*next, &rollout, Timestamp(0));
        }
        checker.output(output, &rollout, Timestamp(0));
    }
    let found: BTreeSet<&str> = checker.violations.iter().map(|violation| violation.invariant).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{story:?}");
}

#[test]
fn stories_that_break_a_rule_are_seen() {
    let apply = || ActionKind::Apply { wave: 0 };
    check(vec![issued(0, apply()), act(0, apply())], &[]);
    check(vec![act(0, apply())], &["S1"]);
    check(vec![issued(0, apply()), act(0, apply()), issued(1, apply()), act(1, apply())], &["S2"]);
    check(vec![Output::Finished { verdict: Verdict::Deployed }, issued(0, apply())], &["S3"]);
    check(vec![issued(0, ActionKind::Restore), act(0, ActionKind::Restore)], &["S12"]);
    let evidence = act(READ_ID_FIRST, ActionKind::CaptureEvidence { keys: vec![], of_undo: false });
    check(vec![evidence, issued(0, ActionKind::Restore), act(0, ActionKind::Restore)], &[]);
    check(vec![record(1, JournalEvent::Entered { next: Phase::Applying { wave: 1 } })], &["S4"]);
    let many = (0..60).flat_map(|id| [issued(id, apply()), act(id, apply())]).collect();
    check(many, &["S2", "S9"]);
}

#[test]
fn a_journal_that_does_not_explain_the_state_is_seen() {
    let cluster = Cluster::new(1, Timestamp(0));
    let mut machine = rollout();
    let mut journal = Vec::new();
    loop {
        match machine.poll_output() {
            Output::Record { entry } => journal.push(entry),
            Output::Act { action } => {
                machine
                    .handle(
                        Input::Completed { id: action.id, outcome: Outcome::Succeeded { applied: vec![] } },
                        Timestamp(1),
                    )
                    .unwrap();
            }
            Output::Event { .. } => {}
            Output::Wait { .. } | Output::Finished { .. } => break,
        }
    }
    let mut checker = Checker::new(&cluster, &machine);
    checker.replayed(&journal, &machine, Timestamp(1));
    assert_eq!(checker.violations, []);
    journal.pop();
    checker.replayed(&journal, &machine, Timestamp(1));
    assert_eq!(checker.violations.first().map(|violation| violation.invariant), Some("S6"));
}

#[test]
fn bystanders_that_changed_are_seen() {
    let mut cluster = Cluster::new(1, Timestamp(0));
    let create = |name: &str| backstay_sim::api::Request {
        method: "POST".into(),
        path: "/api/v1/namespaces/default/configmaps".into(),
        content_type: "application/json".into(),
        body: config(name).to_string().into_bytes(),
        ..Default::default()
    };
    assert_eq!(cluster.handle(&create("ours")).status, 201);
    assert_eq!(cluster.handle(&create("theirs")).status, 201);
    let mut machine = rollout();
    let mut checker = Checker::new(&cluster, &machine);
    for name in ["ours", "theirs"] {
        let path = format!("/api/v1/namespaces/default/configmaps/{name}");
        let delete = backstay_sim::api::Request { method: "DELETE".into(), path, ..Default::default() };
        assert_eq!(cluster.handle(&delete).status, 200);
    }
    checker.at_the_end(&cluster, &mut machine);
    let found: Vec<&str> = checker
        .violations
        .iter()
        .filter(|violation| violation.what.contains("theirs"))
        .map(|v| v.invariant)
        .collect();
    assert_eq!(found, ["S5"]);
}

#[test]
fn a_pod_from_before_must_not_condemn() {
    let mut cluster = Cluster::new(1, Timestamp(0));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "old", "namespace": "default"},
                     "spec": {"containers": [{"name": "a", "image": "registry.example/a:v1"}]}});
    let request = backstay_sim::api::Request {
        method: "POST".into(),
        path: "/api/v1/namespaces/default/pods".into(),
        content_type: "application/json".into(),
        body: pod.to_string().into_bytes(),
        ..Default::default()
    };
    assert_eq!(cluster.handle(&request).status, 201);
    let before = PlannedObject::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ours", "namespace": "default"}, "data": {}}), "a").unwrap();
    let mut after = before.clone();
    after.object["data"]["a"] = "b".into();
    let previous = backstay_plan::PreviousRevision { revision: 1, objects: vec![before], hooks: vec![] };
    let input = PlanInput {
        release: "shop".into(),
        namespace: "default".into(),
        operation: Operation::Upgrade,
        to: 2,
        objects: vec![after],
        hooks: vec![],
        current: Some(previous.clone()),
        healthy: Some(previous),
        live: BTreeMap::new(),
    };
    let machine = Rollout::new(build(input).unwrap(), rollout().policy().clone(), Timestamp(0));
    let mut checker = Checker::new(&cluster, &machine);
    let cause = Cause {
        code: CauseCode::CrashLoop,
        class: Class::FatalNow,
        object: ResourceKey::new("v1", "ConfigMap", "default", "ours"),
        pod: Some("old".into()),
        container: None,
        message: String::new(),
        hint: String::new(),
        first_seen: Timestamp(0),
    };
    checker.output(&record(1, JournalEvent::Condemned { cause }), &machine, Timestamp(0));
    assert_eq!(checker.violations.first().map(|violation| violation.invariant), Some("S14"));
}
