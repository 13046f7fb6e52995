//! `-f helmrelease.yaml`: the scenarios of the controller's own test list, from a terminal, and what is left of each.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod place;

use std::process::Command;

use backstay_core::object::Timestamp;
use backstay_core::release::{Record, Status};
use place::{Place, SANDBOX};
use serde_json::Value;

const TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {motd: '{{ .Values.motd }}'}
---
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: 'post-install,post-upgrade'}}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [sh, -c, 'exit {{ .Values.hook }}']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: smoke, annotations: {helm.sh/hook: test}}
spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [sh, -c, 'exit {{ .Values.test }}']}]}
";

/// What happened before.
enum Step {
    Run(&'static str),
    /// A dead helm left the newest revision so.
    Left(Status),
    /// Somebody deleted the record of a revision.
    Lost(u32),
    Chart(&'static str),
}
use Step::{Chart, Left, Lost, Run};

impl Place {
    fn new(name: &str) -> Self {
        let place = Self::empty(&format!("flux-{name}"), SANDBOX);
        place.chart("0.1.0");
        place.file("chart/values.yaml", "motd: hello\nhook: 0\ntest: 0\n");
        place.file("chart/templates/all.yaml", TEMPLATE);
        place
    }

    fn chart(&self, version: &str) {
        self.file("chart/Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: {version}\n"));
    }

    /// The HelmRelease with these fields of its spec.
    fn release(&self, spec: &str) {
        self.file(
            "apps/web.yaml",
            &format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: default}}\nspec:\n  \
                 interval: 5m\n  timeout: 1m\n  chart:\n    spec:\n      chart: ./chart\n      sourceRef: {{kind: GitRepository, \
                 name: fleet}}\n{spec}"
            ),
        );
    }

    /// Changes the sandbox's file behind everybody's back.
    fn edit(&self, change: &dyn Fn(&mut Vec<Value>)) {
        let path = self.folder.join("cluster.json");
        let mut model: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        change(model["store"]["objects"].as_array_mut().unwrap());
        std::fs::write(&path, model.to_string()).unwrap();
    }

    fn prepare(&self, steps: &[Step]) {
        for step in steps {
            match step {
                Run(line) => assert_eq!(self.run(line).0, 0, "{line}\n{}", self.run(line).1),
                Chart(version) => self.chart(version),
                Left(status) => self.edit(&|objects| {
                    let newest = objects.iter_mut().filter(|object| is_record(object)).last().unwrap();
                    let mut record = Record::from_secret(newest).unwrap();
                    record.release.info.status = *status;
                    record.journal = None;
                    record.resume = None;
                    let mut secret = record.to_secret(Timestamp::default()).unwrap();
                    for field in
                        ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"]
                    {
                        secret["metadata"][field] = newest["metadata"][field].clone();
                    }
                    *newest = secret;
                }),
                Lost(revision) => self.edit(&|objects| {
                    objects.retain(|object| {
                        object["metadata"]["name"] != format!("sh.helm.release.v1.web.v{revision}")
                    });
                }),
            }
        }
    }
}

fn is_record(object: &Value) -> bool {
    object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("sh.helm.release.v1.web"))
}

/// How it ends and what is left.
fn check(name: &str, before: &[Step], spec: &str, exit: i32, history: &str, motd: Option<&str>) {
    let place = Place::new(&name.replace([' ', '(', ')'], "-"));
    place.prepare(before);
    place.release(spec);
    let (code, text) = place.run("deploy -f apps/web.yaml --deadline 8m");
    assert_eq!(code, exit, "{name}\n{text}");
    assert_eq!(place.history("web"), history, "{name}\n{text}");
    let model = std::fs::read_to_string(place.folder.join("cluster.json")).unwrap();
    let runs = motd.is_none_or(|motd| model.contains(&format!("\"data\":{{\"motd\":\"{motd}\"}}")));
    assert!(
        runs && model.contains("\"data\":{\"motd\"") == motd.is_some(),
        "{name}: {motd:?} is not what runs\n{text}"
    );
}

const INSTALL: &str = "install web ./chart";
const FAILS: &str = "  values: {hook: 3, motd: new}\n";
const TEST_FAILS: &str = "  values: {test: 3, motd: new}\n  test: {enable: true}\n";
const RETRY: &str = "strategy: {name: RetryOnFailure, retryInterval: 3m}";

#[test]
fn the_state_is_brought_to_what_is_wanted() {
    let (new, hello) = (Some("new"), Some("hello"));
    let values = "  values: {motd: new}\n";
    check("in-sync", &[Run(INSTALL)], "", 0, "deployed", hello);
    check("out-of-sync (chart)", &[Run(INSTALL), Chart("0.2.0")], "", 0, "superseded deployed", hello);
    check("out-of-sync (values)", &[Run(INSTALL)], values, 0, "superseded deployed", new);
    check(
        "locked (pending-install)",
        &[Run(INSTALL), Left(Status::PendingInstall)],
        values,
        0,
        "failed deployed",
        new,
    );
    let second = Run("upgrade web ./chart --set motd=second");
    let locked = |status| [Run(INSTALL), Run("upgrade web ./chart --set motd=second"), Left(status)];
    check(
        "locked (pending-upgrade)",
        &locked(Status::PendingUpgrade),
        values,
        0,
        "superseded failed deployed",
        new,
    );
    check(
        "locked (pending-rollback)",
        &locked(Status::PendingRollback),
        values,
        0,
        "superseded failed deployed",
        new,
    );
    check("not installed", &[], values, 0, "deployed", new);
    check(
        "exists but unmanaged",
        &[Run("install web ./chart --set motd=old")],
        values,
        0,
        "superseded deployed",
        new,
    );
    check("upgraded outside", &[Run(INSTALL), second], "", 0, "superseded superseded deployed", hello);
    check(
        "rolled back outside",
        &[Run(INSTALL), Run("upgrade web ./chart --set motd=new"), Run("rollback web 1")],
        values,
        0,
        "superseded superseded superseded deployed",
        new,
    );
    check("deleted outside", &[Run(INSTALL), Run("uninstall web")], values, 0, "deployed", new);
    check(
        "part of the history deleted outside",
        &[Run(INSTALL), Run("upgrade web ./chart --set motd=second"), Lost(1)],
        values,
        0,
        "superseded deployed",
        new,
    );
}

#[test]
fn a_failed_install_is_remedied_as_it_says() {
    let (new, keep) = (Some("new"), "  uninstall: {keepHistory: true}\n");
    let remediate = format!("  install: {{remediation: {{remediateLastFailure: true}}}}\n{keep}");
    let retry = format!("  install: {{{RETRY}}}\n{keep}");
    check("install failure", &[], FAILS, 3, "failed", new);
    check("install failure with remediation", &[], &format!("{FAILS}{remediate}"), 1, "uninstalled", None);
    // The second try is an upgrade, whose own strategy counts, as for the controller.
    check("install failure with retry", &[], &format!("{FAILS}{retry}"), 3, "failed failed", new);
    check(
        "install test failure with remediation",
        &[],
        &format!("{TEST_FAILS}{remediate}"),
        1,
        "uninstalled",
        None,
    );
    check("install test failure with retry", &[], &format!("{TEST_FAILS}{retry}"), 3, "failed failed", new);
    let ignore = "  values: {test: 3, motd: new}\n  test: {enable: true, ignoreFailures: true}\n";
    check("install test failure with test ignore", &[], ignore, 0, "deployed", new);
    check(
        "install with exhausted retries after remediation",
        &[],
        &format!("{FAILS}  install: {{remediation: {{retries: 1, remediateLastFailure: true}}}}\n"),
        1,
        "none",
        None,
    );
}

#[test]
fn a_failed_upgrade_is_remedied_as_it_says() {
    let (new, hello) = (Some("new"), Some("hello"));
    let upgrade = |name: &str, spec: &str, exit: i32, history: &str, motd: Option<&str>| {
        check(name, &[Run(INSTALL)], spec, exit, history, motd);
    };
    let rollback = "  upgrade: {remediation: {remediateLastFailure: true}}\n";
    let retry = format!("  upgrade: {{{RETRY}}}\n");
    upgrade("upgrade failure", FAILS, 3, "deployed failed", new);
    upgrade(
        "upgrade failure with rollback remediation",
        &format!("{FAILS}{rollback}"),
        1,
        "superseded failed deployed",
        hello,
    );
    let uninstall = "  upgrade: {remediation: {remediateLastFailure: true, strategy: uninstall}}\n  uninstall: {keepHistory: true}\n";
    upgrade(
        "upgrade failure with uninstall remediation",
        &format!("{FAILS}{uninstall}"),
        1,
        "superseded uninstalled",
        None,
    );
    upgrade(
        "upgrade failure with retry",
        &format!("{FAILS}{retry}"),
        3,
        "deployed failed failed failed",
        new,
    );
    upgrade(
        "upgrade test failure with remediation",
        &format!("{TEST_FAILS}{rollback}"),
        1,
        "superseded failed deployed",
        hello,
    );
    upgrade(
        "upgrade test failure with retry",
        &format!("{TEST_FAILS}{retry}"),
        3,
        "deployed failed failed failed",
        new,
    );
    let ignore = "  values: {test: 3, motd: new}\n  test: {enable: true, ignoreFailures: true}\n";
    upgrade("upgrade test failure with test ignore", ignore, 0, "superseded deployed", new);
    let other =
        "  values: {test: 3, motd: new}\n  test: {enable: true, filters: [{name: smoke, exclude: true}]}\n";
    upgrade("upgrade with a test left out", other, 0, "superseded deployed", new);
    upgrade(
        "upgrade with exhausted retries after remediation",
        &format!("{FAILS}  upgrade: {{remediation: {{retries: 1}}}}\n"),
        1,
        "superseded failed superseded failed deployed",
        hello,
    );
    upgrade(
        "upgrade remediation results in exhausted retries",
        &format!("{FAILS}  upgrade: {{remediation: {{retries: 1, remediateLastFailure: false}}}}\n"),
        3,
        "superseded failed deployed failed",
        new,
    );
    let failed = [Run(INSTALL), Run("upgrade web ./chart --set motd=second"), Left(Status::Failed)];
    let spec = format!("  values: {{motd: new}}\n{retry}");
    check("upgrade retry does not exhaust", &failed, &spec, 0, "superseded failed deployed", new);
    let metadata = "  commonMetadata: {labels: {team: shop}}\n";
    upgrade("addition of common metadata", metadata, 0, "superseded deployed", hello);
    upgrade("drift is corrected", "  driftDetection: {mode: enabled}\n", 0, "superseded deployed", hello);
}

#[test]
fn what_it_refers_to_is_found_or_refused() {
    let place = Place::new("refers");
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata:\n  values.yaml: 'motd: from the file'\n  plain: deep\n  \
                  list: '{a,b}'\n";
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: secret}\nstringData: {values.yaml: 'token: t0ken'}\n";
    let spec = "  valuesFrom:\n  - {kind: ConfigMap, name: config}\n  - {kind: ConfigMap, name: config, valuesKey: plain, targetPath: \
                a.b}\n  - {kind: ConfigMap, name: config, valuesKey: list, targetPath: list}\n  - {kind: Secret, name: secret}\n  - \
                {kind: Secret, name: absent, optional: true}\n  values: {extra: 1}\n";
    place.release(spec);
    let release = std::fs::read_to_string(place.folder.join("apps/web.yaml")).unwrap();
    place.file("apps/all.yaml", &format!("{config}---\n{secret}---\n{release}"));
    // Words of the command line win over all of it.
    let (code, text) = place.run("deploy -f apps/all.yaml --set extra=2");
    assert_eq!(code, 0, "{text}");
    let (_, values) = place.run("get values web -o json");
    let values: Value = serde_json::from_str(&values).unwrap();
    let expected = serde_json::json!({
        "motd": "from the file", "a": {"b": "deep"}, "list": ["a", "b"], "token": "t0ken", "extra": 2,
    });
    assert_eq!(values, expected);
    let (code, text) = place.run("diff -f apps/all.yaml --set extra=2,motd=other --exit-code");
    assert!(code == 2 && text.contains("+  motd: other"), "{code} {text}");
    for (spec, exit, part) in [
        ("  suspend: true\n", 4, "it is suspended"),
        (
            "  valuesFrom: [{kind: Secret, name: absent}]\n",
            4,
            "valuesFrom: Secret default/absent is not there",
        ),
        ("  dependsOn: [{name: db}]\n", 4, "depends on default/db, which is not deployed"),
        ("  dependsOn: [{name: web}]\n", 4, "in a circle"),
        ("  postRenderers: [{kustomize: {}}]\n", 4, "needs kustomize"),
        ("  kubeConfig: {secretRef: {name: a}}\n", 4, "give --kubeconfig"),
        ("  upgrade: [1]\n", 4, "the HelmRelease cannot be read"),
    ] {
        place.release(spec);
        let (code, text) = place.run("deploy -f apps/web.yaml");
        assert!(code == exit && text.contains(part), "{spec}: {code}\n{text}");
    }
    place.file(
        "apps/web.yaml",
        &release.replace("GitRepository, name: fleet", "HelmRepository, name: charts"),
    );
    let (code, text) = place.run("deploy -f apps/web.yaml");
    assert!(code == 4 && text.contains("HelmRepository default/charts is neither in the files"), "{text}");
    let (code, text) = place.run("deploy ./chart -f apps/all.yaml");
    assert!(code == 0 && text.contains("web"), "the chart of the command line wins\n{text}");
    let (code, text) = place.run("deploy -f chart/values.yaml");
    assert!(code == 64 && text.contains("which chart?"), "{code} {text}");
}

/// A HelmRelease from standard input or an address is one, too; what else comes from there stays values.
#[test]
fn one_from_elsewhere_counts_as_a_file_does() {
    let place = Place::new("elsewhere");
    place.release("  values: {motd: piped}\n");
    let release = std::fs::read(place.folder.join("apps/web.yaml")).unwrap();
    let piped = |line: &str, text: &[u8]| {
        place.file("input", &String::from_utf8_lossy(text));
        let output = Command::new(env!("CARGO_BIN_EXE_backstay"))
            .args(line.split(' '))
            .arg("--sandbox=cluster.json")
            .current_dir(&place.folder)
            .env("XDG_STATE_HOME", place.folder.join("state"))
            .env_remove("BACKSTAY_POLICY")
            .stdin(std::fs::File::open(place.folder.join("input")).unwrap())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let motd = || {
        let (_, text) = place.run("get values web -o json");
        let values: Value = serde_json::from_str(&text).unwrap();
        values["motd"].as_str().unwrap_or_default().to_owned()
    };
    let (code, text) = piped("deploy -f -", &release);
    assert_eq!((code, motd().as_str()), (0, "piped"), "{text}");
    let (code, text) = piped("diff -f - --set motd=other --exit-code", &release);
    assert!(code == 2 && text.contains("+  motd: other"), "{text}");
    let (code, text) = piped("deploy web ./chart -f -", b"motd: plain values\n");
    assert_eq!((code, motd().as_str()), (0, "plain values"), "{text}");
    let (code, text) = piped("deploy -f apps/web.yaml -f -", b"motd: over it\n");
    assert_eq!((code, motd().as_str()), (0, "over it"), "{text}");

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}/web.yaml", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{BufRead as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", release.len());
        stream.write_all(&[head.as_bytes(), &release].concat()).unwrap();
    });
    let (code, text) = place.run(&format!("deploy -f {address}"));
    assert_eq!((code, motd().as_str()), (0, "piped"), "{text}");
    server.join().unwrap();
}

#[test]
fn several_are_deployed_in_the_order_of_their_needs() {
    let place = Place::new("several");
    let one = |name: &str, more: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  timeout: \
             1m\n  chart: {{spec: {{chart: ./chart, sourceRef: {{kind: GitRepository, name: fleet}}}}}}\n{more}---\n"
        )
    };
    let chart = TEMPLATE
        .replace("name: web", "name: '{{ .Release.Name }}'")
        .replace("name: hook", "name: '{{ .Release.Name }}-hook'");
    place.file("chart/templates/all.yaml", &chart);
    let front = one("front", "  dependsOn: [{name: back}]\n");
    place.file("all.yaml", &(front.clone() + &one("back", "  values: {hook: 3}\n")));
    let (code, text) = place.run("deploy -f all.yaml");
    assert!(
        code == 3 && text.contains("HelmRelease back is not deployed; what comes after it is not begun"),
        "{text}"
    );
    assert_eq!(place.run("status front").0, 1);
    place.file("all.yaml", &(front.clone() + &one("back", "")));
    assert_eq!(place.run("deploy -f all.yaml").0, 0);
    place.file("front.yaml", &(front + "\n"));
    let (code, text) = place.run("deploy -f front.yaml");
    assert!(code == 0 && text.contains("front is in sync at revision 1; nothing is done"), "{text}");
}
