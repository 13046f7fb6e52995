//! Policy files, good and wrong, and the published schema.

use backstay_core::chart::validate_json;
use serde_json::Value;

use super::fields::{known_graces, schema};
use super::read::Wrong;
use super::remedy::{Remedy, Retries};
use super::*;
use crate::args::Timeout;

fn read(text: &str) -> Result<PolicyFile, Wrong> {
    read::read(text, None, &Map::new())
}

const DOCUMENTATION: &str = include_str!("../../../docs/policy.md");

/// The first example in the documentation.
fn example() -> String {
    let (_, rest) = DOCUMENTATION.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_documented_example_is_read_as_it_is_meant() {
    let policy = read(&example()).unwrap();
    assert_eq!(policy.way(false).timeout, Some(Timeout::Given(Duration::from_secs(600))));
    assert_eq!(policy.bake, Some(Duration::from_secs(30)));
    assert_eq!(policy.fail_fast, Some(FailFast::Strict));
    let remedy = policy.way(false).remedy;
    assert_eq!(remedy.strategy, Some(Strategy::Rollback));
    assert_eq!(
        (remedy.retries, policy.way(true).remedy.retries),
        (Some(Retries::Count(2)), Some(Retries::Count(0)))
    );
    assert_eq!(policy.notify.len(), 2);
    assert!(!policy.notify[0].wants(true) && policy.notify[0].wants(false));
    let health = policy.health(FailFast::Strict);
    assert_eq!(health.image_grace_ms, 60_000);
    assert_eq!(health.crash_restarts, 5, "the file wins over the level");
    assert_eq!(health.quota_grace_ms, Health::default().quota_grace_ms);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, expected) in [
        ("", None),
        ("# nothing yet\n", None),
        ("bake: 0\n", None),
        ("{\"bake\": \"30s\", \"failFast\": \"off\"}", None),
        ("timeout: 5m\nbakee: 30s\n", Some((2, "unknown field \"bakee\"; did you mean bake?"))),
        ("fail_fast: off\n", Some((1, "unknown field \"fail_fast\"; did you mean failFast?"))),
        (
            "{\n  \"bake\": \"30s\",\n  \"Timeout\": \"5m\"\n}\n",
            Some((3, "unknown field \"Timeout\"; did you mean timeout?")),
        ),
        (
            "bake: 30s\ngraces:\n  quota: 1s\n  imag: 60s\n",
            Some((4, "unknown field \"imag\"; did you mean image?")),
        ),
        ("bake: 30\n", Some((1, "bake is a duration with its unit"))),
        ("graces:\n  image: soon\n", Some((2, "image: "))),
        ("failFast: never\n", Some((1, "failFast is one of off, default, strict"))),
        ("crashSharePercent: 0\n", Some((1, "a whole number from 1 to 100"))),
        ("notify: x\n", Some((1, "notify is a list of maps"))),
        ("notify:\n  - slack: https://a.example/t0ken\n  - slakc: x\n", Some((3, "did you mean slack?"))),
        (
            "notify:\n  - webhook: https://a.example\n    when: [always]\n",
            Some((3, "when holds success, failure")),
        ),
        ("notify:\n  - slack: t0ken\n", Some((2, "is not an http or https URL"))),
        ("notify:\n  - {slack: http://a, webhook: http://b}\n", Some((2, "either slack or webhook"))),
        ("- bake\n", Some((1, "a policy is a map"))),
        ("bake: 30s\n  timeout: 5m\n", Some((2, ""))),
        ("readinessRules:\n  - {apiVersion: a/v1, kind: A, ready: 'true', failed: '('}\n", Some((2, ""))),
        ("readinessRules:\n  - apiVersion: a/v1\n    kind: A\n", Some((2, "missing field `ready`"))),
        ("wholly-else: 1\n", Some((1, "known are timeout, bake"))),
        ("remediation: undo\n", None),
        ("remediation: {strategy: uninstall, retries: unlimited}\n", None),
        ("remediation: never\n", Some((1, "one of rollback, uninstall, none, undo, or a map"))),
        ("remediation:\n  retries: -1\n", Some((2, "from 0 to 100, or unlimited"))),
        ("upgrade:\n  remediation:\n    strategi: none\n", Some((3, "did you mean strategy?"))),
        ("test:\n  enable: 'yes'\n", Some((2, "enable is true or false"))),
        ("profile: production\n", None),
        ("profile: prod\n", Some((1, "no profile \"prod\"; known are production"))),
        ("profiles:\n  slow:\n    bake: 5\n", Some((3, "bake is a duration"))),
        ("profiles:\n  slow:\n    notify:\n    - slack: nowhere\n", Some((4, "is not an http"))),
        ("profiles:\n  slow:\n    profile: other\n", Some((3, "no profiles of its own"))),
    ] {
        match (read(text), expected) {
            (Ok(_), None) => {}
            (Err(Wrong { line, words }), Some((at, part))) => {
                assert!(line == at && words.contains(part), "{text:?}: line {line}: {words}");
                assert!(!words.contains("t0ken"), "{words}");
            }
            (found, expected) => panic!("{text:?}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_profile_counts_below_what_the_file_says_and_its_own_part_above() {
    let text = "bake: 10s\nremediation: {retries: 3}\nprofiles:\n  canary: {timeout: 4m}\n  slow: {bake: 5m, remediation: none}\n";
    let check = |chosen: Option<&str>, bake, strategy, retries| {
        let policy = read::read(text, chosen, &Map::new()).unwrap();
        let way = policy.way(false);
        assert_eq!(policy.bake, Some(Duration::from_secs(bake)), "{chosen:?}");
        assert_eq!(
            (way.remedy.strategy, way.remedy.retries),
            (strategy, Some(Retries::Count(retries))),
            "{chosen:?}"
        );
        assert_eq!(policy.tests.enable, (chosen == Some("canary")).then_some(true));
        assert_eq!(way.timeout.is_some(), chosen == Some("canary"));
    };
    check(None, 10, None, 3);
    check(Some("canary"), 10, Some(Strategy::Rollback), 3);
    check(Some("development"), 10, Some(Strategy::None), 3);
    check(Some("slow"), 300, Some(Strategy::None), 3);
    assert!(read::read(text, Some("fast"), &Map::new()).is_err());
    // What was decided elsewhere is below all of it.
    let mut elsewhere = Map::new();
    elsewhere.insert("bake".into(), "1h".into());
    elsewhere.insert("remediation".into(), serde_json::json!({"strategy": "uninstall", "retries": 9}));
    let policy = read::read(text, None, &elsewhere).unwrap();
    let expected =
        Remedy { strategy: Some(Strategy::Uninstall), retries: Some(Retries::Count(3)), ..Remedy::default() };
    assert_eq!((policy.bake, policy.way(true).remedy), (Some(Duration::from_secs(10)), expected));
    // Each that is built in can be read.
    for name in profiles::NAMES {
        assert!(read::read("", Some(name), &Map::new()).is_ok(), "{name}");
        assert!(DOCUMENTATION.contains(&format!("| `{name}` |")), "docs/policy.md lacks {name}");
    }
}

#[test]
fn the_published_schema_is_up_to_date_and_fits_the_example() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas/policy.schema.json");
    let text = format!("{:#}\n", schema());
    if std::env::var_os("BACKSTAY_UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == text,
        "docs/schemas/policy.schema.json is old; BACKSTAY_UPDATE_SCHEMAS=1 cargo test writes it"
    );
    let fits = |text: &str| validate_json(&schema(), &backstay_core::yaml::from_yaml(text).unwrap());
    assert_eq!(fits(&example()), Ok(()));
    for wrong in [
        "bakee: 30s",
        "bake: 30",
        "graces: {imag: 1s}",
        "notify: [{slakc: x}]",
        "failFast: never",
        "remediation: {retries: -1}",
        "profiles: {a: {bakee: 1s}}",
    ] {
        assert!(fits(wrong).is_err(), "{wrong}");
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_grace_can_be_set_and_every_field_is_documented() {
    let schema = schema();
    let names = |path: &str| -> Vec<String> {
        schema.pointer(path).and_then(Value::as_object).unwrap().keys().cloned().collect()
    };
    let mut graces: Vec<String> =
        names("/properties/graces/properties").iter().map(|name| fields::health_name(name)).collect();
    graces.sort();
    let mut known = known_graces();
    known.sort();
    assert_eq!(graces, known);
    for path in [
        "/properties",
        "/properties/graces/properties",
        "/properties/notify/items/properties",
        "/properties/readinessRules/items/properties",
        "/properties/remediation/anyOf/1/properties",
        "/properties/install/properties",
        "/properties/upgrade/properties",
        "/properties/test/properties",
    ] {
        for name in names(path) {
            assert!(DOCUMENTATION.contains(&format!("| `{name}` |")), "docs/policy.md lacks {name}");
        }
    }
}
