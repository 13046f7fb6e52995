//! What `list`, `history`, `status` and `get` print, letter by letter what both real Helms print of the same releases: a sandbox
//! is served on a loopback port, and each asks it. Without the binaries only our own half runs.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A folder with a chart and a sandbox that is served.
struct Place {
    folder: PathBuf,
    server: Option<Child>,
}

const TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}'}
data: {motd: '{{ .Values.motd }}'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  replicas: 2
  selector: {matchLabels: {app: '{{ .Release.Name }}'}}
  template:
    metadata: {labels: {app: '{{ .Release.Name }}'}}
    spec: {containers: [{name: main, image: busybox}]}
---
apiVersion: v1
kind: Pod
metadata: {name: '{{ .Release.Name }}-smoke', annotations: {helm.sh/hook: test}}
spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [sh, -c, 'exit {{ .Values.code }}']}]}
";

fn helm(version: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("BACKSTAY_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("backstay")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/backstay")))?;
    Some(cache.join(format!("tools/helm-{version}/helm"))).filter(|path| path.exists())
}

fn ours() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_backstay"))
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-golden-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("chart/templates")).unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.join("chart").join(name), text).unwrap();
        file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: '7.1'\n");
        file("values.yaml", "motd: hello\ncode: 0\nlist: [1, 2]\nmarks: 'a && b > c <d>'\n");
        file("templates/all.yaml", TEMPLATE);
        file("templates/NOTES.txt", "{{ .Release.Name }} says {{ .Values.motd }}\n");
        Self { folder, server: None }
    }

    fn run(&self, program: &Path, line: &str, driver: &str) -> (i32, String) {
        let output = Command::new(program)
            .args(line.split(' '))
            .current_dir(&self.folder)
            .env_remove("BACKSTAY_POLICY")
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env("HELM_DRIVER", driver)
            .env("HELM_MEMORY_DRIVER_DATA", "releases.yaml")
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        (output.status.code().unwrap(), text)
    }

    /// Serves the sandbox and waits for its kubeconfig.
    fn serve(&mut self) {
        let server = Command::new(ours())
            .args(["sandbox", "serve", "--sandbox=cluster.json", "--write-kubeconfig=kubeconfig"])
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.server = Some(server);
        let written = || std::fs::metadata(self.folder.join("kubeconfig")).is_ok_and(|file| file.len() > 0);
        for _ in 0..200 {
            if written() {
                std::thread::sleep(Duration::from_millis(100));
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(written(), "the sandbox is not served");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _gone = server.kill();
            let _status = server.wait();
        }
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// What both Helms print as we do.
const BOTH: [&str; 26] = [
    "list",
    "list -A",
    "list -o json",
    "list -A -o yaml",
    "list -q -A",
    "list -f w",
    "list --failed",
    "list -l name=web",
    "list -A -l name!=web,owner",
    "list -l !team,owner=helm",
    "list -A -l team=a,version>2",
    "list -A -m 1",
    "history web",
    "history web --max 2",
    "get values web",
    "get values web -o json",
    "get values web --all",
    "get values web --all -o json",
    "get values web --revision 2 -o yaml",
    "get manifest web",
    "get hooks web",
    "get notes web",
    "list --time-format 2006-01-02T15:04:05.000Z07:00",
    "list --time-format Jan_2.15h04 -o json",
    "get all web --template {{.Release.Name}}:{{.Release.Info.Status}}:{{.Release.Info.LastDeployed}}",
    "get all web --template {{.Release.Chart.Metadata.Version}}{{range.Release.Hooks}}{{.Name}}{{.Kind}}{{end}}",
];

/// What has fields that Helm 3 does not know.
const NEW: [&str; 10] = [
    "history web --show-rollback-revision",
    "history web -o json",
    "history web -o yaml",
    "get metadata web",
    "get metadata web -o json",
    "get metadata web -o yaml",
    "get all web",
    "status web",
    "status web --revision 2",
    "status web -o json",
];

/// Without what is ours and the ages of objects, the kinds of live objects sorted: Helm takes them in any order.
fn common(text: &str) -> String {
    let mut text = text.replace("HEALTHY: proven by backstay\n", "");
    let is_age = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with(['s', 'm', 'h'])
            && word.chars().all(|c| c.is_ascii_digit() || "smh".contains(c))
    };
    let lines = text.split('\n').map(|line| match line.rsplit_once(' ') {
        Some((before, last)) if is_age(last) => format!("{before} <age>"),
        _ => line.to_owned(),
    });
    text = lines.collect::<Vec<_>>().join("\n");
    if let (Some(from), Some(to)) = (text.find("==> "), text.find("\n\nTEST SUITE:")) {
        let mut kinds: Vec<&str> = text[from..to].split("==> ").map(str::trim).collect();
        kinds.sort_unstable();
        let kinds = kinds.join("\n");
        text.replace_range(from..to, &kinds);
    }
    text
}

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn releases_are_shown_as_helm_shows_them() {
    let mut place = Place::new("shown");
    for (line, code) in [
        ("deploy web ./chart --description first --test", 0),
        ("deploy web ./chart --set code=2 --test", 1),
        ("deploy web ./chart --set motd=bye,code=0 --test -l team=a", 0),
        ("deploy api ./chart -n prod --create-namespace", 0),
    ] {
        let (found, text) = place.run(ours(), &format!("{line} --sandbox=cluster.json"), "");
        assert_eq!(found, code, "{line}\n{text}");
    }
    place.serve();
    for (version, commands) in [("v3.22.0", BOTH.to_vec()), ("v4.3.1", [&BOTH[..], &NEW[..]].concat())] {
        let Some(helm) = helm(version) else {
            eprintln!("skipped: no helm {version}; `cargo xtask setup` builds it");
            continue;
        };
        for line in commands {
            let line = format!("{line} --kubeconfig kubeconfig");
            let (theirs, ours) = (place.run(&helm, &line, ""), place.run(ours(), &line, ""));
            assert_eq!((theirs.0, common(&theirs.1)), (ours.0, common(&ours.1)), "{version}: {line}");
        }
        for line in ["history nope", "status nope", "get values nope", "get manifest web --revision 9"] {
            let line = format!("{line} --kubeconfig kubeconfig");
            let (theirs, ours) = (place.run(&helm, &line, ""), place.run(ours(), &line, ""));
            assert_eq!(theirs.0, ours.0, "{version}: {line}\n{}\n{}", theirs.1, ours.1);
        }
    }
}

/// What goes wrong, and what a script looks for in it.
const ERRORS: [(&str, &str); 28] = [
    ("history nope", "Error: release: not found"),
    ("status nope", "Error: release: not found"),
    ("status web --revision 9", "Error: release: not found"),
    ("get all nope", "Error: release: not found"),
    ("get values nope", "Error: release: not found"),
    ("get values web --revision 9", "Error: release: not found"),
    ("get manifest nope", "Error: release: not found"),
    ("get notes nope", "Error: release: not found"),
    ("get hooks nope", "Error: release: not found"),
    ("get metadata nope", "Error: release: not found"),
    ("test nope", "Error: release: not found"),
    ("rollback nope", "Error: release: not found"),
    ("rollback web 9", "Error: release has no 9 version"),
    ("uninstall nope", "Error: uninstall: Release not loaded: nope: release: not found"),
    ("upgrade nope ./chart", "Error: UPGRADE FAILED: \"nope\" has no deployed releases"),
    ("install web ./chart", "Error: INSTALLATION FAILED: "),
    ("install web ./chart", "a name that is still in use"),
    ("install Web ./chart", "release name \"Web\": invalid release name, must match regex ^[a-z0-9]"),
    ("upgrade Web ./chart", "Error: UPGRADE FAILED: release name is invalid: Web"),
    ("history Web", "Error: release name is invalid: Web"),
    ("install new ./none", "Error: INSTALLATION FAILED: path \"./none\" not found"),
    ("install new none/none", "Error: INSTALLATION FAILED: repo none not found"),
    ("install ./chart", "Error: INSTALLATION FAILED: must either provide a name or specify --generate-name"),
    ("install new ./chart -f no.yaml", "Error: INSTALLATION FAILED: open no.yaml: no such file or directory"),
    (
        "install new ./chart --set a",
        "Error: INSTALLATION FAILED: failed parsing --set data: key \"a\" has no value",
    ),
    (
        "upgrade web ./chart --set motd=\u{7}",
        "Error: UPGRADE FAILED: YAML parse error on web/templates/all.yaml",
    ),
    ("show chart ./none", "Error: path \"./none\" not found"),
    ("template ./chart -s templates/no.yaml", "Error: could not find template templates/no.yaml in chart"),
];

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn errors_begin_with_helms_words() {
    let mut place = Place::new("errors");
    assert_eq!(place.run(ours(), "install web ./chart --sandbox=cluster.json", "").0, 0);
    place.serve();
    for (line, words) in ERRORS {
        let line = format!("{line} --kubeconfig kubeconfig");
        let (code, text) = place.run(ours(), &line, "");
        assert!(code != 0 && text.contains(words), "{line}: exit {code}: {text}");
        for version in ["v3.22.0", "v4.3.1"] {
            let Some(helm) = helm(version) else {
                eprintln!("skipped: no helm {version}; `cargo xtask setup` builds it");
                continue;
            };
            let (code, text) = place.run(&helm, &line, "");
            assert!(code != 0 && text.contains(words), "{version}: {line}: exit {code}: {text}");
        }
    }
    // Each Helm has words of its own for this.
    let in_use = place.run(ours(), "install web ./chart --kubeconfig kubeconfig", "").1;
    for words in ["cannot re-use a name that is still in use", "cannot reuse a name that is still in use"] {
        assert!(in_use.contains(words), "{in_use}");
    }
    let away = place.run(ours(), "install web ./chart --kube-apiserver http://127.0.0.1:1", "").1;
    assert!(away.contains("Error: INSTALLATION FAILED: Kubernetes cluster unreachable: "), "{away}");
}

/// The names of all fields, in their order; files' times are Helm 4's alone.
fn fields(value: &str) -> Vec<String> {
    let names = value.split('"').collect::<Vec<_>>();
    let pairs = names.windows(2).filter(|pair| pair[1].starts_with(':'));
    pairs.map(|pair| pair[0].to_owned()).filter(|name| !name.ends_with("modtime")).collect()
}

/// What `install` and `upgrade` print at the end, and what a dry run prints.
#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn releases_end_as_helms_do() {
    let mut place = Place::new("ends");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: '{{ .Release.Name }}'}\nstringData: {a: hidden-word}\n";
    std::fs::write(place.folder.join("chart/templates/secret.yaml"), secret).unwrap();
    place.serve();
    let Some(helm) = helm("v4.3.1") else {
        eprintln!("skipped: no helm v4.3.1; `cargo xtask setup` builds it");
        return;
    };
    let end = |text: &str| {
        let text = text.replace("ours", "NAME").replace("theirs", "NAME");
        let text =
            text.find("Release \"").or_else(|| text.find("NAME: ")).map_or("", |at| &text[at..]).to_owned();
        let lines = text.lines().filter(|line| {
            let of_progress = line.starts_with('[') || line.starts_with("RESULT ");
            !of_progress && !line.starts_with("LAST DEPLOYED: ")
        });
        lines.map(|line| format!("{}\n", line.trim_end())).collect::<String>()
    };
    for line in [
        "install {} ./chart --dry-run=client",
        "install {} ./chart --dry-run=server --hide-secret",
        "install {} ./chart --dry-run=client --hide-notes",
        "upgrade -i {} ./chart",
        "upgrade {} ./chart --set motd=x",
        "upgrade {} ./chart --hide-notes",
        "upgrade {} ./chart --dry-run=server",
        "rollback {}",
        "uninstall {}",
        "install {} ./chart",
    ] {
        let line = format!("{line} --kubeconfig kubeconfig");
        let theirs = place.run(&helm, &line.replace("{}", "theirs"), "");
        let ours = place.run(ours(), &line.replace("{}", "ours"), "");
        assert_eq!((theirs.0, ours.0), (0, 0), "{line}\n{}\n{}", theirs.1, ours.1);
        if line.starts_with("rollback") || line.starts_with("uninstall") {
            let last = |text: &str| text.lines().last().map(|line| line.replace("theirs", "ours"));
            assert_eq!(last(&theirs.1), last(&ours.1), "{line}");
            continue;
        }
        assert_eq!(end(&theirs.1), end(&ours.1), "{line}");
        assert_eq!(
            ours.1.contains("hidden-word"),
            line.contains("--dry-run") && !line.contains("--hide-secret"),
            "{line}"
        );
    }
    for format in ["json", "yaml"] {
        let line = format!("upgrade {{}} ./chart -o {format} --kubeconfig kubeconfig");
        let theirs = place.run(&helm, &line.replace("{}", "theirs"), "").1;
        let ours = place.run(ours(), &line.replace("{}", "ours"), "").1;
        if format == "json" {
            assert_eq!(fields(&theirs), fields(&ours));
        } else {
            let names = |text: &str| {
                let lines =
                    text.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_owned());
                lines.filter(|name| !name.contains("modtime") && !name.contains("http")).collect::<Vec<_>>()
            };
            assert_eq!(names(&theirs), names(&ours));
        }
    }
    // What fails leaves standard output to nobody.
    let failed =
        place.run(ours(), "upgrade ours ./chart -o json --set motd=\u{7} --kubeconfig kubeconfig", "");
    assert!(failed.0 == 4 && failed.1.starts_with("Error: UPGRADE FAILED: "), "{}", failed.1);
}

/// With Helm's driver for tests there is a cluster that ends with the command, and the releases of a file are in it.
#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn records_in_memory_end_with_the_command() {
    // Helm asks a real server whether it is there, and reads its releases from the file all the same.
    let mut place = Place::new("memory");
    place.serve();
    let releases = "- {name: web, namespace: default, version: 2, info: {status: deployed, last_deployed: '2026-11-21T06:10:49Z'}, \
                    chart: {metadata: {name: shop, version: 1.0.0, appVersion: '7'}}}\n";
    std::fs::write(place.folder.join("releases.yaml"), releases).unwrap();
    for (line, code) in [
        ("deploy other ./chart --test", 0),
        ("deploy other ./chart --test --set code=1 -n other --create-namespace", 1),
        ("install other ./chart", 0),
        ("list -A -o json", 0),
        ("list -n nowhere -o json", 0),
        ("history web", 0),
        ("history other", 1),
    ] {
        let (found, text) = place.run(ours(), &format!("{line} --kubeconfig none"), "memory");
        assert_eq!(found, code, "{line}: {text}");
        let reads = line.starts_with("list") || line.starts_with("history");
        for version in ["v3.22.0", "v4.3.1"].into_iter().filter(|_| reads) {
            let Some(helm) = helm(version) else {
                eprintln!("skipped: no helm {version}; `cargo xtask setup` builds it");
                continue;
            };
            let theirs = place.run(&helm, &format!("{line} --kubeconfig kubeconfig"), "memory");
            assert_eq!(theirs.0, code, "{version}: {line}: {}", theirs.1);
            assert!(
                code != 0 || line.starts_with("install") || theirs.1 == text,
                "{line}: {} {text}",
                theirs.1
            );
        }
    }
    let model = std::fs::read_to_string(place.folder.join("cluster.json")).unwrap_or_default();
    assert!(!model.contains("sh.helm.release") && !place.folder.join("state/backstay/sandbox.json").exists());
}

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn config_maps_hold_records_for_both() {
    let mut place = Place::new("driver");
    for (driver, reason) in [("sql", "HELM_DRIVER=sql is refused"), ("etcd", "unknown driver \"etcd\"")] {
        let (code, text) = place.run(ours(), "deploy web ./chart --sandbox=cluster.json", driver);
        assert!(code == 4 && text.contains(reason), "{text}");
    }
    assert_eq!(place.run(ours(), "deploy web ./chart --sandbox=cluster.json", "configmap").0, 0);
    let broken = "deploy web ./chart --set code=1 --test --sandbox=cluster.json";
    assert_eq!(place.run(ours(), broken, "configmap").0, 1);
    let model = std::fs::read_to_string(place.folder.join("cluster.json")).unwrap();
    assert!(model.contains("sh.helm.release.v1.web.v3") && !model.contains("helm.sh/release.v1"));
    // The other driver sees nothing.
    assert_eq!(place.run(ours(), "list -q --sandbox=cluster.json", "secret").1, "");
    place.serve();
    let history = "history web --kubeconfig kubeconfig -o yaml";
    let mut revisions = 3;
    for version in ["v3.22.0", "v4.3.1"] {
        let Some(helm) = helm(version) else {
            eprintln!("skipped: no helm {version}; `cargo xtask setup` builds it");
            continue;
        };
        let upgrade = format!("upgrade web ./chart --set motd={version} --kubeconfig kubeconfig");
        let (code, text) = place.run(&helm, &upgrade, "configmap");
        assert_eq!(code, 0, "{version}\n{text}");
        let (code, text) = place.run(ours(), "rollback web --kubeconfig kubeconfig --wait", "configmap");
        assert_eq!(code, 0, "{version}\n{text}");
        revisions += 2;
        let text = place.run(&helm, history, "configmap").1;
        assert_eq!(
            text.matches("revision: ").count() - text.matches("rollback_revision").count(),
            revisions,
            "{text}"
        );
        assert_eq!(text.matches("status: deployed").count(), 1, "{text}");
    }
}

#[test]
fn name_servers_are_asked_only_when_told() {
    let place = Place::new("names");
    let template = "host: '{{ getHostByName .Values.motd }}'\n";
    std::fs::write(place.folder.join("chart/templates/all.yaml"), template).unwrap();
    for (flag, address) in [("", ""), (" --enable-dns", "127.0.0.9")] {
        // An address is its own, without a server.
        let line = format!("template ./chart --set motd=127.0.0.9{flag}");
        let mut programs = vec![ours().to_owned()];
        programs.extend(["v3.22.0", "v4.3.1"].into_iter().filter_map(helm));
        for program in programs {
            let (code, text) = place.run(&program, &line, "");
            assert!(code == 0 && text.contains(&format!("host: '{address}'")), "{line}: {text}");
        }
    }
    let (code, text) = place.run(ours(), "template ./chart --set motd=no.invalid --enable-dns", "");
    assert!(code == 1 && text.contains("error calling getHostByName: lookup no.invalid: "), "{text}");
}
