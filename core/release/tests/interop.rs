//! Records as Helm 3 and Helm 4 write them, read and written back.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own data has failed")]

use backstay_object::Timestamp;
use backstay_release::{
    ApplyMethod, EVIDENCE_KEY, HEALTHY_LABEL, JOURNAL_KEY, MAX_SECRET_BYTES, Packed, Record, RecordError,
    Release, Status, decode, encode, history_selector, parse_secret_name, secret_name,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_795_227_497_000);

/// As `helm` 3.22 writes it: empty texts for absent times, `deleted` always.
fn helm3() -> Value {
    json!({
        "name": "shop", "version": 3, "namespace": "prod",
        "info": {"first_deployed": "2026-11-20T10:00:00.123456789+01:00", "last_deployed": "2026-11-21T10:00:00Z",
            "deleted": "", "description": "Upgrade complete", "status": "deployed", "notes": "hello"},
        "chart": {"metadata": {"name": "shop", "version": "1.0.0", "apiVersion": "v2"}, "lock": null,
            "templates": [{"name": "templates/a.yaml", "data": "a2luZDogQQ=="}], "values": {"a": 1, "big": 9007199254740993_u64, "half": 0.5},
            "schema": null, "files": []},
        "config": {"replicas": 2},
        "manifest": "---\n# Source: shop/templates/a.yaml\nkind: A\n",
        "hooks": [{"name": "migrate", "kind": "Job", "path": "shop/templates/job.yaml", "manifest": "kind: Job",
            "events": ["pre-upgrade"], "last_run": {"started_at": "2026-11-21T10:00:00Z", "completed_at": "", "phase": "Running"},
            "weight": -5, "delete_policies": ["before-hook-creation"]}],
    })
}

/// As `helm` 4.3 writes it: absent times are left out, the way of applying is said.
fn helm4() -> Value {
    json!({
        "name": "shop", "version": 1, "namespace": "prod", "apply_method": "ssa",
        "info": {"last_deployed": "2026-11-21T10:00:00Z", "status": "pending-install", "description": "Initial install underway"},
        "chart": {"metadata": {"name": "shop", "version": "1.0.0"}, "schemamodtime": "0001-01-01T00:00:00Z"},
        "config": null, "hooks": null,
        "from_the_future": {"kept": true},
    })
}

fn without_empty_times(mut record: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, value| {
                    value != "" && !(value.is_null() && ["config", "hooks"].contains(&key.as_str()))
                });
                map.values_mut().for_each(walk);
            }
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut record);
    record
}

fn secret(record: &Value, labels: Value) -> Value {
    let release: Release = serde_json::from_value(record.clone()).unwrap();
    let data = STANDARD.encode(encode(&release).unwrap());
    json!({"kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": data},
        "metadata": {"name": "sh.helm.release.v1.shop.v3", "namespace": "prod", "labels": labels, "resourceVersion": "77"}})
}

#[test]
fn nothing_is_lost_on_the_way() {
    for record in [helm3(), helm4()] {
        let release: Release = serde_json::from_value(record.clone()).unwrap();
        let again = decode(encode(&release).unwrap().as_bytes()).unwrap();
        assert_eq!(release, again);
        assert_eq!(serde_json::to_value(&again).unwrap(), without_empty_times(record));
    }
    let release: Release = serde_json::from_value(helm3()).unwrap();
    assert_eq!(release.info.deleted, None);
    assert_eq!(release.applied_by(), ApplyMethod::ClientSide);
    let first = release.info.first_deployed.unwrap();
    assert_eq!(first.as_str(), "2026-11-20T10:00:00.123456789+01:00");
    assert_eq!(first.timestamp().unwrap().to_rfc3339(), "2026-11-20T09:00:00.123Z");
}

#[test]
fn plain_json_is_read_and_rubbish_is_not() {
    let plain = STANDARD.encode(helm4().to_string());
    assert_eq!(decode(plain.as_bytes()).unwrap().info.status, Status::PendingInstall);
    for rubbish in ["", "!!", "H4sI", "bm90IGpzb24="] {
        assert!(decode(rubbish.as_bytes()).is_err(), "{rubbish}");
    }
}

#[test]
fn strange_records_are_read_as_helm_would() {
    for (record, status) in [
        (json!({}), Status::Unknown),
        (json!({"info": null}), Status::Unknown),
        (json!({"info": {"status": "exploded"}}), Status::Unknown),
        (
            json!({"info": {"status": "superseded", "deleted": null, "first_deployed": "0001-01-01T00:00:00Z"}}),
            Status::Superseded,
        ),
    ] {
        let release: Release = serde_json::from_value(record.clone()).unwrap();
        assert_eq!(release.info.status, status, "{record}");
        assert_eq!((release.info.first_deployed, release.info.deleted), (None, None), "{record}");
    }
}

#[test]
fn a_new_secret_is_helms_with_ours_beside() {
    let mut release: Release = serde_json::from_value(helm4()).unwrap();
    release.labels.insert("team".into(), "a".into());
    let record = Record { journal: Some("{\"entry\":1}".into()), healthy: true, ..Record::new(release) };
    let secret = record.to_secret(NOW).unwrap();
    assert_eq!(secret["type"], "helm.sh/release.v1");
    assert_eq!(
        secret["metadata"],
        json!({"name": "sh.helm.release.v1.shop.v1", "namespace": "prod", "labels": {"name": "shop", "owner": "helm",
            "status": "pending-install", "version": "1", "createdAt": "1795227497", "team": "a", HEALTHY_LABEL: "1"}})
    );
    assert_eq!(secret["data"][JOURNAL_KEY], STANDARD.encode("{\"entry\":1}"));
    let read = Record::from_secret(&secret).unwrap();
    assert_eq!(read.created_at, Some(NOW));
    assert_eq!(Record { created_at: None, ..read }, record);
}

#[test]
fn evidence_yields_to_everything_else() {
    let release: Release = serde_json::from_value(helm4()).unwrap();
    let evidence = Packed::new("{\"why\":\"no such image\"}");
    let check = |journal: usize, is_kept: bool| {
        let journal = Some("x".repeat(journal));
        let record = Record { journal, evidence: Some(evidence.clone()), ..Record::new(release.clone()) };
        let secret = record.to_secret(NOW).unwrap();
        assert_eq!(secret["data"].get(EVIDENCE_KEY).is_some(), is_kept);
        let read = Record::from_secret(&secret).unwrap();
        assert_eq!(read.evidence, record.evidence.filter(|_| is_kept));
        assert!(read.intact && read.journal == record.journal);
    };
    check(100, true);
    let rest =
        Record::new(release.clone()).to_secret(NOW).unwrap()["data"]["release"].as_str().unwrap().len() / 4
            * 3;
    check(MAX_SECRET_BYTES - rest, false);
    assert_eq!(evidence.text().unwrap(), "{\"why\":\"no such image\"}");
    // What is damaged is no evidence, and no reason to refuse the record.
    let mut secret = secret(&helm4(), json!({}));
    secret["data"][EVIDENCE_KEY] = STANDARD.encode("no such thing").into();
    assert_eq!(Record::from_secret(&secret).unwrap().evidence.unwrap().text(), None);
}

#[test]
fn an_update_is_conditional_and_keeps_the_birthday() {
    let read =
        Record::from_secret(&secret(&helm3(), json!({"createdAt": "100", "name": "shop", "team": "b"})))
            .unwrap();
    assert_eq!(read.release.labels.len(), 1);
    let written = read.to_secret(NOW).unwrap();
    assert_eq!(written["metadata"]["resourceVersion"], "77");
    assert_eq!(written["metadata"]["labels"]["createdAt"], "100");
    assert_eq!(written["metadata"]["labels"]["modifiedAt"], "1795227497");
    assert_eq!(written["metadata"]["labels"]["team"], "b");
}

#[test]
fn health_is_not_inherited() {
    // Helm copies the labels of the last revision to the next one.
    for (labels, healthy) in
        [(json!({HEALTHY_LABEL: "3"}), true), (json!({HEALTHY_LABEL: "2"}), false), (json!({}), false)]
    {
        let record = Record::from_secret(&secret(&helm3(), labels.clone())).unwrap();
        assert_eq!(record.healthy, healthy, "{labels}");
        assert!(!record.release.labels.contains_key(HEALTHY_LABEL));
    }
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_sent() {
    let mut release: Release = serde_json::from_value(helm4()).unwrap();
    // Text without repetition, so that it does not compress below the limit.
    let mut seed = 1_u64;
    release.manifest = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{seed:x}")
    })
    .take(150_000)
    .collect();
    match Record::new(release.clone()).to_secret(NOW) {
        Err(RecordError::TooLarge { bytes, limit, .. }) => {
            assert!(bytes > limit && limit == MAX_SECRET_BYTES)
        }
        other => panic!("{other:?}"),
    }
    release.manifest.clear();
    release.labels.insert("owner".into(), "me".into());
    assert!(matches!(Record::new(release).to_secret(NOW), Err(RecordError::ReservedLabel)));
}

#[test]
fn other_secrets_are_no_records() {
    let good = secret(&helm3(), json!({}));
    assert!(Record::from_secret(&good).is_ok());
    for (path, value) in [("/type", json!("Opaque")), ("/data/release", json!("%%")), ("/data", json!({}))] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let message = Record::from_secret(&bad).unwrap_err().to_string();
        assert!(message.contains("sh.helm.release.v1.shop.v3"), "{message}");
    }
}

#[test]
fn names_of_secrets() {
    assert_eq!(secret_name("my.shop", 12), "sh.helm.release.v1.my.shop.v12");
    for (name, want) in [
        ("sh.helm.release.v1.my.shop.v12", Some(("my.shop", 12))),
        ("sh.helm.release.v1.a.v1.v2", Some(("a.v1", 2))),
        ("sh.helm.release.v1.shop.v012", None),
        ("sh.helm.release.v1.shop", None),
        ("shop.v1", None),
    ] {
        assert_eq!(parse_secret_name(name), want, "{name}");
    }
    assert_eq!(history_selector(Some("shop")), "name=shop,owner=helm");
    assert_eq!(history_selector(None), "owner=helm");
}

#[test]
fn a_rollback_repeats_its_target() {
    let mut target: Release = serde_json::from_value(helm3()).unwrap();
    target.labels.insert("team".into(), "a".into());
    let last = Release { version: 7, ..serde_json::from_value(helm4()).unwrap() };
    let rollback = Release::rollback(&target, &last, NOW);
    assert_eq!((rollback.version, rollback.info.rollback_revision), (8, 3));
    assert_eq!(
        (rollback.info.status, rollback.info.description.as_str()),
        (Status::PendingRollback, "Rollback to 3")
    );
    assert_eq!(rollback.info.first_deployed, last.info.first_deployed);
    assert_eq!(
        (rollback.manifest, rollback.config, rollback.labels),
        (target.manifest, target.config, target.labels)
    );
}
