//! The files for hosted pipelines (`action.yml`, `templates/deploy.yml`, `Dockerfile`): well formed, and their scripts run
//! as they stand, against the sandbox.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

fn yaml(text: &str) -> Value {
    backstay_core::yaml::from_yaml(text).unwrap()
}

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-pipelines-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Runs a pipeline's script with these variables, `backstay` in its path.
    fn script(&self, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Output {
        let binary = Path::new(env!("CARGO_BIN_EXE_backstay")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let file = self.0.join("script");
        std::fs::write(&file, script).unwrap();
        let sandbox = format!("--sandbox={}", self.0.join("sandbox.json").display());
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(&file).current_dir(&self.0);
        command.env("PATH", path).env("XDG_STATE_HOME", self.0.join("state"));
        command.env_remove("BACKSTAY_NOTIFY").env_remove("BACKSTAY_POLICY");
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            command.env(name, self.0.join(name));
        }
        for (name, value) in variables {
            command.env(name, value.replace("{sandbox}", &sandbox));
        }
        command.output().unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The names that stand between `before` and ` }}` or `]]` in a text.
fn names_after<'text>(text: &'text str, before: &str) -> Vec<&'text str> {
    let end = |part: &'text str| part.split([' ', '}', ']']).next().unwrap();
    text.split(before).skip(1).map(end).collect()
}

#[test]
fn the_action_names_only_what_it_declares() {
    let text = text("action.yml");
    let action = yaml(&text);
    let inputs = action["inputs"].as_object().unwrap();
    let used = names_after(&text, "inputs.");
    for name in &used {
        assert!(inputs.contains_key(*name), "the action uses the input {name}, which it does not declare");
    }
    for (name, input) in inputs {
        assert!(used.contains(&name.as_str()), "nothing uses the input {name}");
        assert!(input["description"].is_string(), "the input {name} has no description");
        assert!(input["required"] == true || input["default"].is_string(), "the input {name} has no default");
    }
    for step in action["runs"]["steps"].as_array().unwrap() {
        assert_eq!(step["shell"], "bash", "a composite step names its shell");
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "an expression inside a script lets its value run as code");
    }
}

fn deploy_script() -> String {
    let action = yaml(&text("action.yml"));
    let steps = action["runs"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["id"] == "deploy").unwrap();
    step["run"].as_str().unwrap().to_owned()
}

/// GitHub's own way to call `bash` in a composite action.
const GITHUB_BASH: [&str; 5] = ["bash", "--noprofile", "--norc", "-eo", "pipefail"];

fn run_action(place: &Place, set: &str) -> Output {
    let chart = root().join("tests/charts/shop");
    let variables = [
        ("RELEASE", "shop"),
        ("CHART", chart.to_str().unwrap()),
        ("NAMESPACE", "demo"),
        ("VALUES", ""),
        ("SET", set),
        ("TIMEOUT", ""),
        ("ARGUMENTS", "{sandbox} --create-namespace"),
        ("EVIDENCE", ""),
        ("BACKSTAY_ANNOTATE", "github"),
    ];
    place.script(&GITHUB_BASH, &deploy_script(), &variables)
}

#[test]
fn the_scripts_of_the_action_are_bash() {
    let place = Place::new("bash");
    let action = yaml(&text("action.yml"));
    for step in action["runs"]["steps"].as_array().unwrap() {
        let read = place.script(&["bash", "-n"], step["run"].as_str().unwrap(), &[]);
        assert!(read.status.success() && read.stderr.is_empty(), "{}: {read:?}", step["name"]);
    }
    let broken = place.script(&["bash", "-n"], "if true; then", &[]);
    assert!(!broken.status.success(), "the check finds nothing");
}

#[test]
fn the_action_deploys_and_tells_what_failed() {
    let place = Place::new("action");
    let good = run_action(&place, "");
    assert!(good.status.success(), "{good:?}");
    assert_eq!(place.read("GITHUB_OUTPUT"), "verdict=deployed\nrunning=1\n");
    assert!(place.read("GITHUB_STEP_SUMMARY").contains("| shop | demo | 1 | deployed |"));
    assert!(!String::from_utf8_lossy(&good.stderr).contains("::error"));

    let bad = run_action(&place, "image.tag=nope\nreplicas=3");
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let outputs = place.read("GITHUB_OUTPUT");
    assert!(outputs.ends_with("verdict=rolled-back\ncause=image-not-found\nrunning=1\n"), "{outputs}");
    let errors = String::from_utf8_lossy(&bad.stderr).into_owned();
    let annotation = errors.lines().find(|line| line.starts_with("::error ")).unwrap();
    assert!(annotation.contains("title=shop was not deployed%3A image-not-found::"), "{annotation}");
    let page = place.read("GITHUB_STEP_SUMMARY");
    assert!(
        page.contains("1 → 2") && page.contains("**image-not-found**") && page.contains("<details>"),
        "{page}"
    );
}

#[test]
fn the_gitlab_component_runs() {
    let text = text("templates/deploy.yml");
    let (head, body) = text.split_once("\n---\n").unwrap();
    let spec = yaml(head);
    let inputs = spec["spec"]["inputs"].as_object().unwrap();
    let used = names_after(body, "inputs.");
    assert!(
        used.iter().all(|name| inputs.contains_key(*name)),
        "an input is used that is not declared: {used:?}"
    );
    for name in inputs.keys() {
        assert!(used.contains(&name.as_str()), "nothing uses the input {name}");
    }
    let job = yaml(body);
    let job = job.as_object().unwrap().values().next().unwrap();
    let variables = job["variables"].as_object().unwrap();
    let place = Place::new("gitlab");
    let chart = root().join("tests/charts/shop");
    let values = [
        ("release", "shop"),
        ("chart", chart.to_str().unwrap()),
        ("namespace", "default"),
        ("values", ""),
        ("arguments", "{sandbox}"),
    ];
    let given = |template: &str| {
        values.iter().fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("$[[ inputs.{name} ]]"), value)
        })
    };
    let variables: Vec<(&str, String)> =
        variables.iter().map(|(name, value)| (name.as_str(), given(value.as_str().unwrap()))).collect();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let script = job["script"][0].as_str().unwrap();
    let output = place.script(&["sh", "-e"], script, &variables);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("RESULT deployed"), "{output:?}");
}

#[test]
fn the_image_is_empty_but_for_the_binary() {
    let text = text("Dockerfile").replace("\\\n", " ");
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let words: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    for word in &words {
        let known = ["FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "ENTRYPOINT"];
        assert!(known.contains(word), "the Dockerfile has an instruction {word}");
    }
    let last = words.iter().rposition(|word| *word == "FROM").unwrap();
    assert_eq!(lines[last], "FROM scratch");
    let user = lines[last..].iter().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert_ne!(user.split(':').next().unwrap().parse::<u32>().unwrap(), 0);
    for from in lines.iter().filter_map(|line| line.strip_prefix("FROM ")).filter(|from| *from != "scratch") {
        let image = from.split(' ').next().unwrap();
        let version = image.split_once(':').map(|(_, version)| version);
        assert!(version.is_some_and(|version| version != "latest"), "{image} has no version");
    }
    let toolchain = std::fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let version = lines[0].split_once(':').unwrap().1.split('-').next().unwrap();
    assert!(toolchain.contains(version), "the image's Rust {version} is not the project's");
}
