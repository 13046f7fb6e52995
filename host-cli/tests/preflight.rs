//! What a deploy says and refuses before its first change, as a user meets it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// A sandbox and a chart of one file, forgotten with the folder.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, manifest: &str) -> Self {
        let place =
            Self(std::env::temp_dir().join(format!("backstay-preflight-{name}-{}", std::process::id())));
        std::fs::create_dir_all(place.0.join("chart/templates")).unwrap();
        std::fs::write(place.0.join("chart/Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 1.0.0\n")
            .unwrap();
        std::fs::write(place.0.join("chart/templates/all.yaml"), manifest).unwrap();
        place
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command.args(arguments).arg(format!("--sandbox={}", self.0.join("cluster.json").display()));
        command.env("XDG_STATE_HOME", &self.0).env_remove("BACKSTAY_POLICY").output().unwrap()
    }

    fn deploy(&self, more: &[&str]) -> (Option<i32>, String) {
        let chart = self.0.join("chart").display().to_string();
        let output = self.run(&[&["deploy", "a", &chart], more].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    fn releases(&self) -> String {
        String::from_utf8(self.run(&["list", "--all", "-q"]).stdout).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn web(annotations: &str, spec: &str, label: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, annotations: {{{annotations}}}}}\nspec:\n  {spec}\n  \
         selector: {{matchLabels: {{app: a}}}}\n  template:\n    metadata: {{labels: {{app: {label}}}}}\n    \
         spec: {{containers: [{{name: a, image: 'a:1', readinessProbe: {{tcpSocket: {{port: 80}}}}}}]}}\n"
    )
}

#[test]
fn a_hook_the_server_refuses_stops_a_deploy_before_its_first_change() {
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    let hook = web("helm.sh/hook: post-install", "replicas: 1", "b");
    let place = Place::new("hook", &format!("{hook}{other}"));
    let (code, told) = place.deploy(&[]);
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("web") && told.contains("selector"), "{told}");
    assert_eq!(place.releases(), "", "nothing may be recorded");
    // A hook that does not run is not looked at.
    let (code, told) = place.deploy(&["--no-hooks"]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn a_hook_that_is_there_already_is_no_obstacle() {
    let hook = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}\n";
    let place = Place::new("again", hook);
    for _ in 0..2 {
        let (code, told) = place.deploy(&[]);
        assert_eq!(code, Some(0), "{told}");
    }
}

#[test]
fn what_plan_calls_an_error_is_told_before_a_deploy() {
    let quota =
        "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: narrow}\nspec: {hard: {pods: '2'}}\n";
    let place = Place::new("quota", &format!("{}{quota}", web("", "replicas: 3", "a")));
    let (code, told) = place.deploy(&[]);
    // It may have been raised meanwhile: told, not refused.
    assert_eq!(code, Some(1), "{told}");
    let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{told}");
    assert!(
        warnings[0].contains("quota narrow: pods is limited to 2")
            && warnings[0].ends_with("[quota-exceeded]"),
        "{told}"
    );
    let good = Place::new("good", &web("", "replicas: 3", "a"));
    let (code, told) = good.deploy(&[]);
    assert_eq!((code, told.contains("warning:")), (Some(0), false), "{told}");
}
