//! `create`: the chart lints, deploys and passes its tests, and makes the objects that Helm's makes; manual pages and version.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use backstay_core::yaml::from_yaml;
use serde_json::Value;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-create-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, program: &Path, line: &str) -> (i32, String) {
        let output = Command::new(program)
            .args(line.split(' '))
            .current_dir(&self.0)
            .env_remove("BACKSTAY_POLICY")
            .env("XDG_STATE_HOME", self.0.join("state"))
            .env("HELM_DATA_HOME", self.0.join("helm"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text + &String::from_utf8_lossy(&output.stderr))
    }

    fn ours(&self, line: &str) -> (i32, String) {
        self.run(Path::new(env!("CARGO_BIN_EXE_backstay")), line)
    }

    /// The objects of a chart, by kind.
    fn objects(&self, line: &str) -> BTreeMap<String, Value> {
        let (code, text) = self.ours(line);
        assert_eq!(code, 0, "{line}\n{text}");
        let documents = text.split("---\n").map(|text| from_yaml(text).unwrap());
        let objects = documents.filter(|object| object.is_object());
        objects.map(|object| (object["kind"].as_str().unwrap().to_owned(), object)).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_new_chart_lints_deploys_and_passes_its_tests() {
    let place = Place::new("new");
    // A folder above it that is missing is a slip.
    let (code, text) = place.ours("create charts/shop");
    assert!(code == 1 && text.contains("stat charts: no such file or directory"), "{text}");
    std::fs::create_dir(place.0.join("charts")).unwrap();
    let (code, text) = place.ours("create charts/shop");
    assert_eq!((code, text.as_str()), (0, "Creating charts/shop\n"));
    for line in [
        "lint charts/shop --strict",
        "deploy shop charts/shop --sandbox=c.json --test",
        "package charts/shop",
        "upgrade shop charts/shop --sandbox=c.json --set autoscaling.enabled=true,ingress.enabled=true --timeout 2m",
    ] {
        let (code, text) = place.ours(line);
        assert_eq!(code, 0, "{line}\n{text}");
    }
    let (code, text) = place.ours("create charts/shop");
    assert!(
        code == 0 && text.contains("WARNING: File \"charts/shop/Chart.yaml\" already exists. Overwriting."),
        "{text}"
    );
    for (name, part) in [
        ("a b", ""),
        ("shop,two", "must match the regular expression"),
        ("shop-0.1.0.tgz", "not a directory"),
    ] {
        if !part.is_empty() {
            let (code, text) = place.ours(&format!("create {name}"));
            assert!(code == 1 && text.contains(part), "{name}: {text}");
        }
    }
}

#[test]
fn a_starter_gets_the_name() {
    let place = Place::new("starter");
    let starter = place.0.join("helm/starters/base");
    std::fs::create_dir_all(starter.join("templates")).unwrap();
    std::fs::write(starter.join("Chart.yaml"), "apiVersion: v2\nname: base\nversion: 9.9.9\n").unwrap();
    std::fs::write(starter.join("values.yaml"), "name: <CHARTNAME>\n").unwrap();
    std::fs::write(starter.join("templates/a.yaml"), "kind: A\nmetadata: {name: <CHARTNAME>}\n").unwrap();
    for line in ["create shop -p base".to_owned(), format!("create shop -p {}", starter.display())] {
        let (code, text) = place.ours(&line);
        assert_eq!(code, 0, "{text}");
        let read = |name: &str| std::fs::read_to_string(place.0.join("shop").join(name)).unwrap();
        assert!(read("Chart.yaml").contains("name: shop\n") && read("Chart.yaml").contains("version: 0.1.0"));
        assert_eq!(read("values.yaml"), "name: shop\n");
        assert!(read("templates/a.yaml").contains("{name: shop}"));
    }
    assert_eq!(place.ours("create shop -p nowhere").0, 1);
}

fn helm(version: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("BACKSTAY_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("backstay")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/backstay")))?;
    Some(cache.join(format!("tools/helm-{version}/helm"))).filter(|path| path.exists())
}

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn it_makes_the_objects_that_helms_makes() {
    for version in ["v3.22.0", "v4.3.1"] {
        let Some(helm) = helm(version) else {
            eprintln!("skipped: no helm {version}; `cargo xtask setup` builds it");
            continue;
        };
        let place = Place::new(version);
        assert_eq!(place.run(&helm, "create theirs/demo").0, 1, "as ours");
        for folder in ["theirs", "ours"] {
            std::fs::create_dir_all(place.0.join(folder)).unwrap();
        }
        assert_eq!(place.run(&helm, "create theirs/demo").0, 0);
        assert_eq!(place.ours("create ours/demo").0, 0);
        let names = |folder: &str| {
            let (_, text) = place.run(Path::new("find"), &format!("{folder}/demo -type f -printf %P\\n"));
            let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(names("ours"), names("theirs"), "{version}");
        for set in [
            "a=b",
            "replicaCount=3,image.tag=1.2,image.pullPolicy=Always,imagePullSecrets[0].name=x",
            "nameOverride=other,serviceAccount.create=false",
            "fullnameOverride=full,serviceAccount.annotations.a=b,serviceAccount.automount=false",
            "podAnnotations.a=b,podLabels.c=d,podSecurityContext.fsGroup=1,securityContext.runAsUser=2",
            "service.type=NodePort,service.port=8080,resources.limits.cpu=1,nodeSelector.a=b",
            "ingress.enabled=true,ingress.className=x,ingress.annotations.a=b,ingress.tls[0].secretName=t,ingress.tls[0].hosts[0]=h",
            "autoscaling.enabled=true,autoscaling.targetMemoryUtilizationPercentage=70",
            "httpRoute.enabled=true,httpRoute.annotations.a=b,httpRoute.hostnames[0]=h",
            "volumes[0].name=v,volumeMounts[0].name=v,tolerations[0].key=k,affinity.nodeAffinity.a=b,livenessProbe=null",
        ] {
            let theirs = place.objects(&format!("template x-demo theirs/demo --set {set}"));
            let ours = place.objects(&format!("template x-demo ours/demo --set {set}"));
            assert_eq!(ours, theirs, "helm {version}: {set}");
            let theirs = place.objects(&format!("template other theirs/demo --set {set}"));
            assert_eq!(
                place.objects(&format!("template other ours/demo --set {set}")),
                theirs,
                "{version}: {set}"
            );
        }
    }
}

#[test]
fn every_command_has_a_manual_page_and_the_version_its_commit() {
    let place = Place::new("man");
    assert_eq!(place.ours("man pages").0, 0);
    for name in ["backstay.1", "backstay-deploy.1", "backstay-get-values.1"] {
        let text = std::fs::read_to_string(place.0.join("pages").join(name)).unwrap();
        assert!(text.contains(".TH") && text.contains("SYNOPSIS"), "{name}");
    }
    let deploy = std::fs::read_to_string(place.0.join("pages/backstay-deploy.1")).unwrap();
    assert!(deploy.contains("\\-\\-policy"), "{deploy}");
    let (code, text) = place.ours("--version");
    let commit =
        option_env!("BACKSTAY_COMMIT").map(|commit| format!(" (commit {commit})")).unwrap_or_default();
    assert_eq!((code, text), (0, format!("backstay {}{commit}\n", env!("CARGO_PKG_VERSION"))));
}
