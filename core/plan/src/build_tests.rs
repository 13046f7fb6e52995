use alloc::vec;

use backstay_health::Policy;
use serde_json::json;

use super::*;
use crate::step::WatchScope;

fn object(kind: &str, name: &str, value: i32) -> PlannedObject {
    let api_version = match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        _ => "v1",
    };
    PlannedObject::new(
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "prod"}, "spec": {"value": value}}),
        &format!("shop/templates/{name}.yaml"),
    )
    .unwrap()
}

fn revision(revision: u32, objects: Vec<PlannedObject>) -> PreviousRevision {
    PreviousRevision { revision, objects, hooks: vec![] }
}

fn input(operation: Operation, objects: Vec<PlannedObject>, before: Option<PreviousRevision>) -> PlanInput {
    PlanInput {
        release: "shop".into(),
        namespace: "prod".into(),
        operation,
        to: before.as_ref().map_or(1, |before| before.revision + 1),
        objects,
        hooks: vec![],
        current: before.clone(),
        healthy: before,
        live: BTreeMap::new(),
    }
}

fn undo(plan: &Plan, name: &str) -> UndoWork {
    plan.steps.iter().find(|step| step.key.name == name).unwrap().undo.clone()
}

#[test]
fn an_upgrade_changes_creates_deletes_and_knows_the_way_back() {
    let before = revision(
        3,
        vec![object("ConfigMap", "conf", 1), object("Deployment", "web", 1), object("Deployment", "old", 1)],
    );
    let plan = build(input(
        Operation::Upgrade,
        vec![object("ConfigMap", "conf", 2), object("ConfigMap", "new", 1), object("Deployment", "web", 1)],
        Some(before),
    ))
    .unwrap();
    let changes: Vec<_> = plan.steps.iter().map(|step| (step.key.name.as_str(), step.change)).collect();
    assert_eq!(
        changes,
        [
            ("conf", Change::Change),
            ("new", Change::Create),
            ("web", Change::Unchanged),
            ("old", Change::Delete)
        ]
    );
    assert_eq!(undo(&plan, "conf"), UndoWork::Restore { object: object("ConfigMap", "conf", 1).object });
    assert_eq!(undo(&plan, "new"), UndoWork::Delete);
    assert_eq!(undo(&plan, "web"), UndoWork::Nothing);
    assert_eq!(undo(&plan, "old"), UndoWork::Restore { object: object("Deployment", "old", 1).object });
    assert_eq!(plan.undo, UndoTarget::Revision { revision: 3 });
    assert_eq!((plan.from, plan.to), (Some(3), 4));
}

#[test]
fn what_existed_before_a_first_install_is_restored_not_deleted() {
    let mut given = input(
        Operation::Install,
        vec![object("ConfigMap", "mine", 2), object("PersistentVolumeClaim", "data", 1)],
        None,
    );
    let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "prod", "uid": "u", "resourceVersion": "9"}, "data": {"precious": "1"}});
    given.live.insert(given.objects[0].key.clone(), Some(live));
    given.live.insert(given.objects[1].key.clone(), None);
    let plan = build(given).unwrap();
    let UndoWork::Restore { object: former } = undo(&plan, "mine") else { panic!("must be restored") };
    assert_eq!(former["data"]["precious"], "1");
    assert!(former["metadata"].get("uid").is_none());
    assert_eq!(undo(&plan, "data"), UndoWork::Nothing, "claims outlive a failed install");
    assert_eq!(plan.undo, UndoTarget::Nothing);
}

#[test]
fn the_way_back_leads_to_the_healthy_revision_not_the_running_one() {
    let mut given = input(Operation::Upgrade, vec![object("Deployment", "web", 3)], None);
    given.current = Some(revision(2, vec![object("Deployment", "web", 2), object("ConfigMap", "broken", 1)]));
    given.healthy = Some(revision(1, vec![object("Deployment", "web", 1)]));
    let plan = build(given.clone()).unwrap();
    assert_eq!(undo(&plan, "web"), UndoWork::Restore { object: object("Deployment", "web", 1).object });
    assert_eq!(plan.undo, UndoTarget::Revision { revision: 1 });
    given.healthy = None;
    assert!(matches!(build(given).unwrap().undo, UndoTarget::Closed { .. }));
}

#[test]
fn waves_are_consecutive_and_wrong_ones_refused() {
    let mut late = object("Deployment", "late", 1);
    late.object["metadata"]["annotations"] = json!({"backstay.dev/wave": "10"});
    let mut early = object("Deployment", "early", 1);
    early.object["metadata"]["annotations"] = json!({"backstay.dev/wave": "-3"});
    let plan =
        build(input(Operation::Install, vec![late.clone(), object("Deployment", "middle", 1), early], None))
            .unwrap();
    let waves: Vec<_> = plan.steps.iter().map(|step| (step.key.name.as_str(), step.wave)).collect();
    assert_eq!(waves, [("early", 0), ("middle", 1), ("late", 2)]);
    assert_eq!(plan.wave_count(), 3);
    late.object["metadata"]["annotations"] = json!({"backstay.dev/wave": "soon"});
    let error = build(input(Operation::Install, vec![late], None)).unwrap_err();
    assert!(format!("{error}").contains("shop/templates/late.yaml"), "{error}");
}

#[test]
fn one_object_twice_is_refused_with_both_places() {
    let mut again = object("ConfigMap", "conf", 2);
    again.source = "shop/templates/other.yaml".into();
    let error =
        build(input(Operation::Install, vec![object("ConfigMap", "conf", 1), again], None)).unwrap_err();
    assert!(
        format!("{error}").contains("shop/templates/conf.yaml and in shop/templates/other.yaml"),
        "{error}"
    );
}

#[test]
fn keep_policy_and_absent_objects_are_not_deleted() {
    let mut kept = object("ConfigMap", "kept", 1);
    kept.object["metadata"]["annotations"] = json!({"helm.sh/resource-policy": " Keep "});
    let gone = object("ConfigMap", "gone", 1);
    let mut given = input(
        Operation::Upgrade,
        vec![],
        Some(revision(1, vec![kept, gone.clone(), object("ConfigMap", "there", 1)])),
    );
    given.live.insert(gone.key, None);
    let plan = build(given).unwrap();
    assert_eq!(plan.steps.iter().map(|step| step.key.name.as_str()).collect::<Vec<_>>(), ["there"]);
}

#[test]
fn uninstall_deletes_in_helms_order_and_data_last() {
    let before = revision(
        2,
        vec![
            object("ConfigMap", "conf", 1),
            object("PersistentVolumeClaim", "data", 1),
            object("Deployment", "web", 1),
            object("Service", "web", 1),
        ],
    );
    let plan = build(input(Operation::Uninstall, vec![], Some(before))).unwrap();
    let kinds: Vec<_> = plan.steps.iter().map(|step| step.key.kind.as_str()).collect();
    assert_eq!(kinds, ["Service", "Deployment", "PersistentVolumeClaim", "ConfigMap"]);
    assert_eq!(plan.deletions(true).len(), 1);
    assert_eq!(plan.deletions(false).len(), 3);
}

#[test]
fn the_digest_follows_what_is_executed() {
    let make =
        |value| build(input(Operation::Install, vec![object("ConfigMap", "conf", value)], None)).unwrap();
    assert_eq!(make(1).digest(), make(1).digest());
    assert_ne!(make(1).digest(), make(2).digest());
    let mut slower = make(1);
    slower.budget.reserve_ms += 1;
    assert_eq!(slower.digest(), make(1).digest());
}

#[test]
fn only_what_can_be_unready_is_watched() {
    let plan = build(input(
        Operation::Install,
        vec![object("ConfigMap", "conf", 1), object("Deployment", "web", 1)],
        None,
    ))
    .unwrap();
    let scope = |api_version: &str, kind: &str| WatchScope {
        api_version: api_version.into(),
        kind: kind.into(),
        namespace: "prod".into(),
    };
    assert_eq!(
        plan.watch_scopes(&Policy::default()),
        [
            scope("apps/v1", "Deployment"),
            scope("apps/v1", "ReplicaSet"),
            scope("v1", "Event"),
            scope("v1", "Pod")
        ]
    );
}

#[test]
fn definitions_outside_the_release_come_first_and_stay() {
    let mut definition = object("CustomResourceDefinition", "things", 1);
    definition.owned = false;
    let plan =
        build(input(Operation::Install, vec![object("ConfigMap", "conf", 1), definition], None)).unwrap();
    let order: Vec<_> =
        plan.steps.iter().map(|step| (step.key.name.as_str(), step.wave, step.owned)).collect();
    assert_eq!(order, [("things", 0, false), ("conf", 1, true)]);
    assert_eq!(undo(&plan, "things"), UndoWork::Nothing);
}

#[test]
fn a_plan_of_any_operation_survives_being_kept() {
    for operation in
        [Operation::Install, Operation::Upgrade, Operation::Rollback { to: 1 }, Operation::Uninstall]
    {
        let before = revision(2, vec![object("ConfigMap", "conf", 1)]);
        let plan = build(input(operation, vec![object("ConfigMap", "conf", 2)], Some(before))).unwrap();
        let kept = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&kept).unwrap(), plan, "{kept}");
    }
}
