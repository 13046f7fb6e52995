//! `diff`, `plan --out` and `deploy --plan`, as a user runs them.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod place;

use std::path::Path;

use place::{Place, SANDBOX};
use serde_json::Value;

impl Place {
    fn new(name: &str) -> Self {
        let place = Self::empty(&format!("diff-{name}"), SANDBOX);
        place.file("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
        place.file("chart/values.yaml", "motd: hello\npassword: opensesame\nextra: false\n");
        place.file("chart/templates/all.yaml", ALL);
        place
    }

    fn check(&self, line: &str, exit: i32, parts: &[&str]) -> String {
        let (code, text) = self.run(line);
        assert_eq!(code, exit, "{line}\n{text}");
        for part in parts {
            assert!(text.contains(part), "{line} lacks {part:?}\n{text}");
        }
        text
    }
}

const ALL: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  motd: {{ .Values.motd }}
---
apiVersion: v1
kind: Secret
metadata:
  name: web
stringData:
  password: {{ .Values.password }}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: extra
data:
  copied: the {{ .Values.password }} of somebody
{{- end }}
";

#[test]
fn a_diff_shows_what_changes_and_masks_secrets() {
    let place = Place::new("shows");
    place.check("diff web ./chart --exit-code", 2, &["create", "+  motd: hello", "first revision -> 1"]);
    place.check("diff web ./chart -n nowhere", 0, &["create"]);
    place.check("deploy web ./chart", 0, &[]);
    place.check("diff web ./chart --exit-code", 0, &["0 to change, 2 the same"]);
    let text = place.check(
        "diff web ./chart --exit-code --set motd=bye,password=closesesame,extra=true",
        2,
        &[
            "--- live",
            "+++ new",
            "-  motd: hello",
            "+  motd: bye",
            "*** (before)",
            "*** (after)",
            "the *** of",
        ],
    );
    assert!(!text.contains("sesame") && !text.contains("c2VzYW1l") && !text.contains('\x1b'), "{text}");
    let coloured =
        place.check("diff web ./chart --set motd=bye --color always", 0, &["\x1b[32m", "\x1b[31m"]);
    assert!(coloured.contains("motd: bye"));
    let document: Value =
        serde_json::from_slice(&place.output("diff web ./chart --set motd=bye -o json").stdout).unwrap();
    let of = |kind: &str| {
        let objects = document["objects"].as_array().unwrap();
        objects.iter().find(|object| object["object"]["kind"] == kind).unwrap().clone()
    };
    assert_eq!(document["differs"], true);
    assert!(of("ConfigMap")["live"].as_str().unwrap().contains("+  motd: bye"), "{document}");
    assert!(of("ConfigMap")["previous"].as_str().unwrap().starts_with("--- revision 1"), "{document}");
    assert_eq!((&of("Secret")["live"], &of("Secret")["change"]), (&"".into(), &"keep".into()));
    // A failed diff is no difference.
    place.check("diff web ./missing --exit-code", 1, &["missing"]);
}

#[test]
fn what_was_reviewed_is_carried_out_exactly() {
    let place = Place::new("exact");
    place.check("plan web ./chart -o first.json", 0, &["deploy --plan first.json"]);
    // Chart and values are in the file: what the folder says now does not matter.
    place.file("chart/values.yaml", "motd: changed\npassword: other\n");
    place.check("deploy web ./chart --plan first.json", 4, &["the chart differs from the web-1.0.0"]);
    place.file("chart/values.yaml", "motd: hello\npassword: opensesame\nextra: false\n");
    place.check("deploy web ./chart --set motd=x --plan first.json", 4, &["the values differ"]);
    place.check("deploy --plan first.json", 0, &["deployed"]);
    place.check("get manifest web", 0, &["motd: hello"]);
    // Now the world is another one.
    let moved = "the release was not there, now it is at revision 1 (deployed)";
    place.check("deploy --plan first.json", 4, &[moved, "is there now (the plan: create)"]);
    place.check("history web", 0, &["1"]);
}

#[test]
fn a_plan_is_refused_when_the_world_moved_or_it_was_edited() {
    let place = Place::new("moved");
    place.check("deploy web ./chart", 0, &[]);
    place.check("plan web ./chart --set motd=second --out second.json", 0, &[]);
    let path = place.folder.join("second.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("second", "edited")).unwrap();
    place.check("deploy --plan second.json", 4, &["was changed after it was made"]);
    std::fs::write(&path, &text).unwrap();
    // Somebody else writes to the live object; the release's history stays as it was.
    let cluster = place.folder.join("cluster.json");
    let model = std::fs::read_to_string(&cluster).unwrap();
    std::fs::write(&cluster, model.replace("\"motd\":\"hello\"", "\"motd\":\"hullo\"")).unwrap();
    place.check("diff web ./chart", 0, &["changed since revision 1 by somebody else", "-  motd: hullo"]);
    let said = place.check("deploy --plan second.json", 4, &["configmap/web was changed (the plan: change)"]);
    assert!(!said.contains("the release was"), "{said}");
    std::fs::write(&cluster, model).unwrap();
    place.check("deploy --plan second.json -n elsewhere", 4, &["it was made for namespace default"]);
    place.check("deploy --plan second.json --dry-run=server", 0, &["not applied"]);
    place.check("deploy --plan second.json", 0, &["deployed"]);
    place.check("get manifest web", 0, &["motd: second"]);
    assert!(Path::new(&path).is_file());
}
