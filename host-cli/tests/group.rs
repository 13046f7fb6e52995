//! `deploy --group`, as a user runs it: three environments, several clusters, one of them broken.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod place;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use place::Place;
use serde_json::Value;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers:
      - {name: web, image: {{ .Values.image }}}
";

impl Place {
    fn new(name: &str) -> Self {
        let place = Self::empty(&format!("group-{name}"), &[]);
        place.file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
        place.file("web/values.yaml", "image: registry.example/web:1\n");
        place.file("web/templates/web.yaml", WEB);
        place
    }

    /// Three environments, each on a cluster of its own.
    fn loops(&self, on_failure: &str) {
        let environments = ["dev", "staging", "production"].iter().scan("", |before, id| {
            let needs = if before.is_empty() { String::new() } else { format!("    needs: [{before}]\n") };
            *before = id;
            Some(format!(
                "  - id: {id}\n    name: web\n    chart: ./web\n    namespace: {id}\n    createNamespace: true\n    \
                 sandbox: {id}.json\n    values: [{{motd: hi}}, {id}.yaml]\n{needs}"
            ))
        });
        let text: String = environments.collect();
        self.file("fleet.yaml", &format!("onFailure: {on_failure}\nreleases:\n{text}"));
    }

    fn tag(&self, environment: &str, tag: &str) {
        self.file(&format!("{environment}.yaml"), &format!("image: registry.example/web:{tag}\n"));
    }

    /// Runs the group and gives the result of each release by its id.
    fn results(&self, more: &str, exit: i32) -> Vec<(String, String)> {
        let line = format!("deploy --group fleet.yaml -o json{more}");
        let (code, text) = self.run(&line);
        assert_eq!(code, exit, "{text}");
        let line = text.lines().find(|line| line.starts_with('{')).unwrap_or("null");
        let document: Value = serde_json::from_str(line).unwrap();
        assert_eq!(document["exit"], exit, "{document}");
        let of = |release: &Value, field: &str| release[field].as_str().unwrap().to_owned();
        let releases = document["releases"].as_array().unwrap().iter();
        releases.map(|release| (of(release, "id"), of(release, "result"))).collect()
    }

    /// The image that runs in an environment.
    fn image(&self, environment: &str) -> String {
        let (code, text) =
            self.run(&format!("get manifest web -n {environment} --sandbox={environment}.json"));
        if code != 0 {
            return "nothing".to_owned();
        }
        text.rsplit("web:").next().unwrap().trim_end_matches(['}', '\n']).to_owned()
    }

    fn images(&self) -> [String; 3] {
        ["dev", "staging", "production"].map(|environment| self.image(environment))
    }
}

/// The tag whose image the model's registry does not have.
const MISSING: &str = "nope";

fn check(on_failure: &str, results: [&str; 3], images: [&str; 3], exit: i32) {
    let place = Place::new(on_failure);
    place.loops(on_failure);
    for environment in ["dev", "staging", "production"] {
        place.tag(environment, "1");
    }
    let first = place.results("", 0);
    assert!(first.iter().all(|(_, result)| result == "deployed"), "{first:?}");
    place.tag("dev", "2");
    place.tag("staging", "2");
    place.tag("production", "2");
    let values = place.folder.join("staging.yaml");
    std::fs::write(&values, format!("image: registry.example/web:{MISSING}\n")).unwrap();
    let found = place.results("", exit);
    let found: Vec<&str> = found.iter().map(|(_, result)| result.as_str()).collect();
    assert_eq!(found, results, "{on_failure}");
    assert_eq!(place.images(), images, "{on_failure}");
}

#[test]
fn a_broken_environment_stops_the_loop() {
    check("stop", ["deployed", "rolled-back", "not-begun"], ["2", "1", "1"], 1);
}

#[test]
fn a_broken_environment_takes_the_others_back() {
    check("rollback-group", ["taken-back", "rolled-back", "not-begun"], ["1", "1", "1"], 1);
}

#[test]
fn without_needs_the_others_go_on() {
    let place = Place::new("continue");
    place.loops("continue");
    let text = std::fs::read_to_string(place.folder.join("fleet.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("needs:")).collect();
    place.file("fleet.yaml", &(lines.join("\n") + "\n"));
    place.tag("dev", "1");
    place.tag("staging", MISSING);
    place.tag("production", "1");
    let found = place.results("", 1);
    let found: Vec<&str> = found.iter().map(|(_, result)| result.as_str()).collect();
    assert_eq!(found, ["deployed", "cleaned-up", "deployed"]);
    assert_eq!(place.images(), ["1", "nothing", "1"]);
    // Everything goes back, a first install too.
    let other = Place::new("all-or-nothing");
    other.file("fleet.yaml", &(lines.join("\n").replace("continue", "rollback-group") + "\n"));
    for (environment, tag) in [("dev", "1"), ("staging", MISSING), ("production", "1")] {
        other.tag(environment, tag);
    }
    let (code, text) = other.run("deploy --group fleet.yaml --concurrency 3");
    assert_eq!(code, 1, "{text}");
    for part in ["RELEASE", "taken-back", "uninstalled again", "image-not-found", "fleet: ", "exit 1"] {
        assert!(text.contains(part), "lacks {part:?}\n{text}");
    }
    assert_eq!(other.images(), ["nothing", "nothing", "nothing"]);
}

/// A control plane on a loopback port, until it is forgotten.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

impl Place {
    /// Serves a sandbox of this name and gives its address.
    fn serve(&self, name: &str) -> (Served, String) {
        let config = self.folder.join(format!("{name}.kubeconfig"));
        let child = Command::new(env!("CARGO_BIN_EXE_backstay"))
            .args(["sandbox", "serve"])
            .arg(format!("--sandbox={name}.json"))
            .arg(format!("--write-kubeconfig={}", config.display()))
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let served = Served(child);
        let mut url = None;
        for _ in 0..400 {
            let text = std::fs::read_to_string(&config).unwrap_or_default();
            url = text
                .split_once("server: \"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(url, _)| url.to_owned());
            if url.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        (served, url.unwrap())
    }
}

/// Two control planes behind contexts of one kubeconfig: what fails on one takes back what is on the other.
#[test]
fn a_failure_on_one_control_plane_takes_the_other_back() {
    let place = Place::new("planes");
    let (_east, east) = place.serve("east");
    let (_west, west) = place.serve("west");
    place.file(
        "kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- {{name: east, cluster: {{server: '{east}'}}}}\n- {{name: west, cluster: \
             {{server: '{west}'}}}}\nusers: [{{name: me, user: {{}}}}]\ncontexts:\n- {{name: east, context: {{cluster: east, user: \
             me}}}}\n- {{name: west, context: {{cluster: west, user: me}}}}\ncurrent-context: east\n"
        ),
    );
    place.file(
        "fleet.yaml",
        "onFailure: rollback-group\nreleases:\n  - {id: east, name: web, chart: ./web, context: east, values: [east.yaml]}\n  - {id: \
         west, name: web, chart: ./web, context: west, values: [west.yaml], needs: [east]}\n",
    );
    let deploy = || place.run("deploy --group fleet.yaml --kubeconfig kubeconfig");
    let runs = |context: &str| {
        let (code, text) =
            place.run(&format!("get values web -o json --kubeconfig kubeconfig --kube-context {context}"));
        let values: Value = serde_json::from_str(&text).unwrap_or_default();
        let image = values["image"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default();
        if code == 0 { image.to_owned() } else { "nothing".to_owned() }
    };
    // The first ever: nothing is left on either.
    place.tag("east", "1");
    place.tag("west", MISSING);
    let (code, text) = deploy();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("uninstalled again") && text.contains("image-not-found"), "{text}");
    assert_eq!([runs("east"), runs("west")], ["nothing", "nothing"], "{text}");
    // A good one, then a broken one: both run what ran before.
    place.tag("west", "1");
    let (code, text) = deploy();
    assert_eq!(code, 0, "{text}");
    place.tag("east", "2");
    place.tag("west", MISSING);
    let (code, text) = deploy();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("back to revision 1"), "{text}");
    assert_eq!([runs("east"), runs("west")], ["1", "1"], "{text}");
    let (_, history) = place.run("history web --kubeconfig kubeconfig --kube-context east -o json");
    let history: Value = serde_json::from_str(&history).unwrap();
    let newest = history.as_array().unwrap().last().unwrap();
    assert!(
        newest["description"].as_str().unwrap().contains("another release of its group failed"),
        "{newest}"
    );
}

#[test]
fn what_is_wrong_is_found_before_anything_begins() {
    let place = Place::new("wrong");
    place.loops("stop");
    for (change, exit, part) in [
        (("needs: [dev]", "needs: [div]"), 4, "staging needs \"div\""),
        (("onFailure: stop", "onFail: stop"), 4, "unknown field `onFail`"),
        (
            ("chart: ./web\n    namespace: dev", "chart: ./web\n    timeout: soon\n    namespace: dev"),
            64,
            "dev: ",
        ),
    ] {
        let text = std::fs::read_to_string(place.folder.join("fleet.yaml")).unwrap();
        place.file("wrong.yaml", &text.replace(change.0, change.1));
        let (code, said) = place.run("deploy --group wrong.yaml");
        assert_eq!(code, exit, "{said}");
        assert!(said.contains(part), "{said}");
    }
    let (code, said) = place.run("deploy web ./web --group fleet.yaml");
    assert_eq!(code, 64, "{said}");
    assert!(!Path::new(&place.folder).join("dev.json").exists());
}

#[test]
fn a_failing_chart_test_takes_the_release_back() {
    let place = Place::new("tests");
    place.file(
        "web/templates/test.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: smoke, annotations: {helm.sh/hook: test}}\nspec: {restartPolicy: \
         Never, containers: [{name: main, image: busybox, command: [sh, -c, \"exit {{ .Values.code | default 0 }}\"]}]}\n",
    );
    let on = "-n dev --create-namespace --sandbox=dev.json";
    let deploy = |more: &str| place.run(&format!("deploy web ./web {on}{more}"));
    let (code, text) = deploy(" --test");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("smoke"), "the test ran\n{text}");
    let (code, text) = deploy(" --test --set code=3,image=registry.example/web:2");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("smoke"), "{text}");
    assert_eq!(place.image("dev"), "1");
    // Without the flag a test decides nothing; with --no-hooks it still does.
    assert_eq!(deploy(" --set code=3,image=registry.example/web:2").0, 0);
    assert_eq!(deploy(" --test --no-hooks --set code=3,image=registry.example/web:3").0, 1);
    assert_eq!(place.image("dev"), "2");
}
