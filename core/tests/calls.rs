//! The call table, as embedders see it.
#![allow(clippy::unwrap_used, reason = "tests")]

use backstay_core::call::call;
use serde_json::{Value, json};

fn ask(name: &str, input: Value) -> Value {
    serde_json::from_str(&call(&json!({"call": name, "input": input}).to_string())).unwrap()
}

fn web(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  selector: {{matchLabels: {{app: web}}}}\n  \
         template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: web, image: '{image}'}}]}}\n"
    )
}

#[test]
fn a_rehearsal_tells_how_it_ends() {
    for (faults, exit, verdict) in [
        (json!([]), 0, "deployed"),
        (json!(["image-not-found@deployment/web"]), 1, "rolled-back"),
        (json!(["crash@deployment/web"]), 1, "rolled-back"),
    ] {
        let input = json!({"release": "shop", "manifest": web("registry.example/web:v2"), "previous": web("registry.example/web:v1"), "faults": faults});
        let answer = ask("rehearse", input);
        assert_eq!(answer["ok"]["exit"], exit, "{answer}");
        assert_eq!(answer["ok"]["verdict"]["verdict"], verdict, "{answer}");
        assert!(answer["ok"]["took_ms"].as_u64().unwrap() > 0);
    }
}

#[test]
fn a_plan_says_what_is_created_and_how_long_it_may_take() {
    let answer = ask("plan", json!({"release": "shop", "manifest": web("registry.example/web:v1")}));
    assert_eq!(answer["ok"]["steps"][0]["change"], "create", "{answer}");
    assert!(answer["ok"]["budget"]["forward_ms"].as_u64().unwrap() > 0);
    let objects = ask(
        "parse-manifest",
        json!({"manifest": "# Source: a/templates/x.yaml\nkind: A\nmetadata: {name: a}\n"}),
    );
    assert_eq!(objects["ok"][0]["source"], "a/templates/x.yaml");
}

#[test]
fn wrong_calls_are_answered_with_a_code() {
    for (request, code, words) in [
        ("{", "bad-request", "the request is not"),
        (r#"{"call": "fly"}"#, "unknown-call", "known are: version"),
        (r#"{"call": "plan", "input": {"release": "shop"}}"#, "bad-request", "missing field `manifest`"),
        (r#"{"call": "plan", "input": {"release": "shop", "manifest": "a: ["}}"#, "refused", "YAML"),
        (
            r#"{"call": "rehearse", "input": {"release": "shop", "manifest": "", "faults": ["boom@pod/x"]}}"#,
            "refused",
            "no fault is called",
        ),
    ] {
        let answer: Value = serde_json::from_str(&call(request)).unwrap();
        assert_eq!(answer["error"]["code"], code, "{request}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{request}: {answer}");
    }
    assert_eq!(ask("version", Value::Null)["ok"]["abi"], backstay_core::call::ABI_VERSION);
}
