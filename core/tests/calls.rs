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

fn small_chart(template: &str) -> Value {
    json!([
        {"path": "Chart.yaml", "text": "apiVersion: v2\nname: small\nversion: 1.0.0\n"},
        {"path": "values.yaml", "text": "tag: v1\nsize: 1\n"},
        {"path": "templates/a.yaml", "base64": base64(template.as_bytes())},
        {"path": "templates/NOTES.txt", "text": "{{ .Release.Name }} in {{ .Release.Namespace }}"},
        {"path": "crds/c.yaml", "text": "kind: CustomResourceDefinition\n"},
    ])
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_chart_is_rendered_with_what_the_input_says() {
    let template = "kind: A\nv: {{ .Values.tag }} {{ .Values.size }} {{ .Capabilities.KubeVersion }} {{ now | date \"2006\" }} \
                    {{ .Capabilities.APIVersions.Has \"x/v9\" }}\n---\nkind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: \"-3\"}}\n";
    let plain = ask("render", json!({"files": small_chart(template)}));
    let manifest = "---\n# Source: small/templates/a.yaml\nkind: A\nv: v1 1 v1.37.0 1970 false\n\n";
    assert_eq!(plain["ok"]["manifest"], manifest, "{plain}");
    assert_eq!(plain["ok"]["notes"], "release-name in default");
    assert_eq!(plain["ok"]["crds"][0]["source"], "small/crds/c.yaml");
    assert_eq!(plain["ok"]["hooks"][0]["events"], json!(["pre-install"]));
    assert_eq!(plain["ok"]["hooks"][0]["weight"], -3);
    for (change, words) in [
        (json!({"values": {"tag": "v2"}}), "v: v2 1 "),
        (json!({"values_files": ["tag: v2\nsize: 2", "size: 3"]}), "v: v2 3 "),
        (json!({"values_files": ["size: 2"], "values": {"size": 3}, "set": ["size=4"]}), "v: v1 4 "),
        (json!({"kube_version": "1.30.2"}), " v1.30.2 "),
        (json!({"now": "2031-02-03T04:05:06Z"}), " 2031 "),
        (json!({"api_versions": ["x/v9"]}), " true"),
        (json!({"include_crds": true}), "# Source: small/crds/c.yaml"),
    ] {
        let mut input = change;
        input["files"] = small_chart(template);
        let answer = ask("render", input.clone());
        assert!(answer["ok"]["manifest"].as_str().unwrap_or_default().contains(words), "{input}: {answer}");
    }
    let helm3 = ask("render", json!({"files": small_chart(template), "helm": 3}));
    assert_eq!(helm3["ok"]["manifest"], manifest.trim_end_matches('\n').to_owned() + "\n", "{helm3}");
    let seeded =
        |seed: u64| ask("render", json!({"files": small_chart("a: {{ randAlphaNum 20 }}"), "seed": seed}));
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
    let secret = json!({"files": small_chart("a: {{ randAlphaNum 20 }}"), "seed": base64(&[7; 32])});
    assert_ne!(ask("render", secret)["ok"], seeded(1)["ok"]);
}

#[test]
fn a_chart_that_cannot_be_rendered_says_where() {
    for (template, more, code, line, words) in [
        ("a: 1\nb: {{ .Values.x.y }}", json!({}), "template", 2, "nil pointer evaluating"),
        ("a: 1\n\nb: {{ nope }}", json!({}), "parse", 3, "function \"nope\" not defined"),
        ("a: 1\n{{ fail \"no\" }}", json!({}), "template", 2, "no"),
        ("a: b: c", json!({}), "manifest", 1, "YAML parse error"),
        (
            "{{ lookup \"v1\" \"Secret\" \"n\" \"s\" }}",
            json!({"lookups": []}),
            "needs-lookup",
            0,
            "v1 Secret n/s",
        ),
        ("a: 1", json!({"set": ["a[x]=1"]}), "values", 0, "--set"),
        ("a: 1", json!({"kube_version": "x"}), "kube-version", 0, "x"),
        ("a: 1", json!({"helm": 5}), "bad-request", 0, "helm is 3 or 4"),
        ("a: 1", json!({"now": "today"}), "bad-request", 0, "now"),
        ("a: 1", json!({"seed": "c2hvcnQ="}), "bad-request", 0, "32 bytes in base64"),
        ("a: 1", json!({"archive": "AAAA"}), "bad-request", 0, "either as files or as archive"),
        ("a: 1", json!({"chart": 1}), "bad-request", 0, "unknown field"),
    ] {
        let mut input = more;
        input["files"] = small_chart(template);
        let answer = ask("render", input);
        let error = &answer["error"];
        assert_eq!(error["code"], code, "{template}: {answer}");
        assert_eq!(error["line"].as_u64().unwrap_or(0), line, "{template}: {answer}");
        assert!(error["message"].as_str().unwrap().contains(words), "{template}: {answer}");
        if line > 0 {
            assert_eq!(error["file"], "small/templates/a.yaml", "{answer}");
        }
    }
    let lookups = json!([{"api_version": "v1", "kind": "Secret", "namespace": "n", "name": "s", "object": {"data": {"k": "v"}}}]);
    let template = "a: {{ (lookup \"v1\" \"Secret\" \"n\" \"s\").data.k }}";
    let answer = ask("render", json!({"files": small_chart(template), "lookups": lookups}));
    assert!(answer["ok"]["manifest"].as_str().unwrap().contains("a: v"), "{answer}");
    let answer = ask("render", json!({"archive": "AAAA"}));
    assert_eq!(answer["error"]["code"], "chart", "{answer}");
}

#[test]
fn a_timeout_tells_its_lines_and_what_is_wrong_with_a_given_one() {
    let rule = json!({"rule": {"pods": 6, "initial_delay_ms": 10_000, "period_ms": 5_000, "failure_threshold": 3, "buffer_ms": 60_000}});
    assert_eq!(ask("timeout", rule)["ok"]["total_ms"], 210_000);
    let answer = ask("timeout", json!({"manifest": web("registry.example/web:v1"), "timeout_ms": 20_000}));
    let timing = &answer["ok"]["timing"];
    let terms = timing["objects"][0]["terms"].as_array().unwrap();
    let pull = terms.iter().find(|term| term["what"] == "pull registry.example/web:v1").unwrap();
    assert_eq!(pull["line"], 9, "{answer}");
    let codes: Vec<_> = timing["remarks"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["no-readiness-probe", "timeout-too-short", "deadline-beyond-timeout"], "{answer}");
    assert!(answer["ok"]["text"].as_str().unwrap().contains("recommended --timeout"), "{answer}");
}

#[test]
fn findings_have_their_lines_in_manifest_and_template() {
    let manifest = format!("# Source: shop/templates/web.yaml\n{}", web("registry.example/web:latest"));
    let template = web("{{ .Values.image }}");
    let input = json!({"manifest": manifest, "templates": {"shop/templates/web.yaml": template}, "sarif": true, "ignore": ["no-requests"]});
    let answer = ask("lint", input);
    let found = answer["ok"]["findings"].as_array().unwrap();
    let codes: Vec<_> = found.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["image-latest", "no-readiness-probe", "no-liveness-probe"], "{answer}");
    // The whole pod is one line, so that the next key above stands for it in the template.
    assert_eq!((&found[0]["line"], &found[0]["template_line"]), (&json!(10), &json!(7)), "{answer}");
    assert_eq!(answer["ok"]["sarif"]["runs"][0]["results"].as_array().unwrap().len(), 3);
    assert_eq!(ask("lint", json!({"rules": true}))["ok"]["rules"].as_array().unwrap().len(), 71);
}

#[test]
fn rehearsals_tell_a_healthy_run_and_each_failure() {
    let input = json!({"manifest": web("registry.example/web:v2"), "faults": ["image-not-found@web", "never-ready@deployment/web"]});
    let answer = ask("rehearsals", input);
    let runs = answer["ok"]["runs"].as_array().unwrap();
    let exits: Vec<_> = runs.iter().map(|run| run["exit"].as_u64().unwrap()).collect();
    assert_eq!(exits[..2], [0, 1], "{answer}");
    assert!(runs[0]["detected_ms"].is_null());
    assert!(runs[1]["detected_ms"].as_u64() < runs[1]["took_ms"].as_u64(), "{answer}");
    assert!(runs[1]["evidence"][0].as_str().unwrap().starts_with("image-not-found"), "{answer}");
    assert_eq!(runs[1]["end_state"][0], "deployment/web: 2/2 ready, registry.example/web:v2", "{answer}");
    let wrong = ask("rehearsals", json!({"manifest": web("a:1"), "faults": ["crash@nobody"]}));
    assert!(wrong["error"]["message"].as_str().unwrap().contains("there are: deployment/web"), "{wrong}");
}

#[test]
fn a_role_holds_what_a_deploy_needs() {
    let answer = ask("rbac", json!({"release": "shop", "namespace": "prod", "manifest": web("a:1")}));
    let text = answer["ok"]["text"].as_str().unwrap();
    for part in ["kind: Role", "namespace: prod", "- deployments", "- replicasets", "- secrets"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("statefulsets") && !text.contains("'*'"), "{text}");
}

#[test]
fn a_recording_is_judged_thought_by_thought() {
    let pod = |t: f64, reason: &str, message: &str| {
        let waiting = json!({"waiting": {"reason": reason, "message": message}});
        let status = json!({"phase": "Pending", "containerStatuses": [
            {"name": "web", "image": "web:1", "ready": false, "restartCount": 0, "state": waiting}]});
        let metadata = json!({"name": "web", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:01Z"});
        let spec = json!({"containers": [{"name": "web", "image": "web:1"}]});
        json!({"t": t, "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}})
            .to_string()
    };
    let missing = "failed to resolve image: web:1: not found";
    let lines = [pod(1.0, "ContainerCreating", ""), pod(3.0, "ErrImagePull", missing)].join("\n");
    let answer = ask("replay", json!({"recording": lines}));
    assert_eq!(answer["ok"]["judgement"]["verdict"], "condemned", "{answer}");
    assert_eq!(answer["ok"]["judgement"]["code"], "image-not-found", "{answer}");
    let thoughts = answer["ok"]["thoughts"].as_array().unwrap();
    assert_eq!(thoughts.first().unwrap()["object"], "pod/web", "{answer}");
    assert_eq!(thoughts.last().unwrap()["suspicion"]["code"], "image-not-found", "{answer}");
    assert_eq!(answer["ok"]["sights"].as_array().unwrap().len(), 2);
    assert_eq!(ask("replay", json!({"recording": "{"}))["error"]["code"], "recording");
}

#[test]
fn a_rendered_chart_has_its_whole_text_and_name() {
    let answer = ask("render", json!({"files": small_chart("a: {{ .Release.Name }}\nkind: ConfigMap")}));
    let text = answer["ok"]["text"].as_str().unwrap();
    assert!(text.starts_with("---\n# Source: "), "{answer}");
    assert!(text.ends_with('\n'), "{answer}");
    assert!(answer["ok"]["chart"]["name"].is_string(), "{answer}");
}

#[test]
fn an_archive_that_is_none_is_said_to_be_damaged() {
    assert_eq!(ask("unpack", json!({"archive": base64(b"no gzip")}))["error"]["code"], "chart");
}

#[test]
fn numbers_can_be_tried_out() {
    let times = |overrides: Value| {
        let input = json!({"manifest": web("a:1"), "inputs": {"image_mb": 1, "start_ms": 1000, "overrides": overrides}});
        let answer = ask("timeout", input);
        answer["ok"]["timing"]["expected_ms"].as_u64().unwrap()
    };
    let as_it_is = times(json!([]));
    // One more than runs at once: another round.
    assert!(times(json!([{"object": "deployment/web", "field": "spec.replicas", "value": 3}])) > as_it_is);
    assert_eq!(
        times(json!([{"object": "deployment/other", "field": "spec.replicas", "value": 9}])),
        as_it_is
    );
}
