//! Charts in registries: a real one where `cargo xtask setup` has built it, and a made-up one that misbehaves.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::place::{Place, tool};
use crate::server::{Answer, Server};
use crate::signed::{keys, lay};

/// `me:secret` for an htpasswd file.
const USERS: &str = "me:$2a$10$2F1CElb7QFtQIMLe3qLUnu9v0Wq/NSW5GKX6u0RcOYuGmgsA1Cxae\n";

struct Registry {
    process: Child,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}

impl Registry {
    /// `None`, and a line that says so, where there is no registry.
    fn start(place: &Place) -> Option<Self> {
        let Some(program) = tool("registry-v3.1.2/registry") else {
            eprintln!("skipped: no registry; `cargo xtask setup` builds it");
            return None;
        };
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let (users, data, config) = (place.path("users"), place.path("data"), place.path("registry.yaml"));
        fs::write(&users, USERS).unwrap();
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: \
             {{rootdirectory: {}}}}}\nhttp: {{addr: '{host}'}}\nauth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            data.display(),
            users.display()
        );
        fs::write(&config, text).unwrap();
        let process = Command::new(program)
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { process, host };
        for _ in 0..200 {
            if TcpStream::connect(&registry.host).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the registry does not answer");
    }
}

#[test]
fn a_real_registry_keeps_and_gives_charts() {
    let place = Place::new("registry");
    let Some(registry) = Registry::start(&place) else { return };
    let host = registry.host.as_str();
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1", "1.1.0+b.2"] {
        place.archive(version);
    }
    let repository = format!("oci://{host}/charts");
    let push = |version: &str| {
        let archive = place.path(&format!("archives/web-{version}.tgz"));
        place.run(&["push", archive.to_str().unwrap(), &repository, "--plain-http"])
    };
    assert!(String::from_utf8_lossy(&push("1.0.0").stderr).contains("401 Unauthorized"));
    let wrong = ["registry", "login", host, "-u", "me", "-p", "wrong", "--plain-http"];
    assert!(place.fails(&wrong).1.contains("authenticating to"));
    assert!(!place.path("config/registry/config.json").exists(), "a wrong log-in is not kept");
    place.ok(&["registry", "login", host, "-u", "me", "-p", "secret", "--plain-http"]);
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        let output = push(version);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.starts_with(&format!("Pushed: {host}/charts/web:{version}\nDigest: sha256:")), "{told}");
    }
    let chart = format!("{repository}/web");
    let tagged = format!("{chart}:1.0.0");
    for (words, expected) in [
        (vec![chart.as_str()], Ok("1.1.0")),
        (vec![&chart, "--version", "1.0.0"], Ok("1.0.0")),
        (vec![&chart, "--version", "<1.1"], Ok("1.0.0")),
        (vec![&chart, "--devel"], Ok("2.0.0-rc.1")),
        (vec![&tagged], Ok("1.0.0")),
        (
            vec![&tagged, "--version", "1.1.0"],
            Err("chart reference and version mismatch: 1.1.0 is not 1.0.0"),
        ),
        (
            vec![&chart, "--version", "^9"],
            Err("could not locate a version matching provided version string ^9"),
        ),
        (vec![&chart, "--version", "9.9.9"], Err("not found")),
    ] {
        let mut command = vec!["show", "chart", "--plain-http"];
        command.extend(&words);
        match expected {
            Ok(version) => {
                assert!(place.ok(&command).contains(&format!("version: {version}\n")), "{words:?}")
            }
            Err(expected) => assert!(place.fails(&command).1.contains(expected), "{words:?}"),
        }
    }
    // A `+` travels as `_`.
    assert!(push("1.1.0+b.2").status.success());
    let folder = place.path("pulled");
    let folder = folder.to_str().unwrap();
    place.ok(&["pull", &chart, "--version", "1.1.0+b.2", "--plain-http", "-d", folder]);
    assert_eq!(fs::read(place.path("pulled/web-1.1.0+b.2.tgz")).unwrap(), place.archive("1.1.0+b.2"));
    place.ok(&["deploy", "x", &chart, "--version", "~1.0", "--plain-http"]);
    with_helm(&place, host, &chart);
    signed_charts_keep_their_signature(&place, host, &chart);
    place.ok(&["registry", "logout", host]);
    assert!(place.fails(&["pull", &chart, "--plain-http"]).1.contains("401 Unauthorized"));
}

/// The provenance file travels with the archive, and both Helms and we check it.
fn signed_charts_keep_their_signature(place: &Place, host: &str, unsigned: &str) {
    lay(place, "helm4.tgz", "helm4-ed.prov");
    let repository = format!("oci://{host}/signed");
    place.ok(&["push", "web-1.2.3.tgz", &repository, "--plain-http"]);
    let (chart, ring) = (format!("{repository}/web"), keys("ring.gpg"));
    let verified = ["--verify", "--keyring", &ring, "--plain-http"];
    let ours = place.ok(&[&["pull", &chart, "-d", "ours"], &verified[..]].concat());
    assert!(ours.starts_with("Signed by: ed key <ed@example.com>\n"), "{ours}");
    assert!(place.path("ours/web-1.2.3.tgz.prov").exists());
    if let Some(helm) = tool("helm-v4.3.1/helm") {
        fs::create_dir_all(place.path("theirs")).unwrap();
        let theirs = place.run_program(&helm, &[&["pull", &chart, "-d", "theirs"], &verified[..]].concat());
        let text = String::from_utf8_lossy(&theirs.stdout).into_owned();
        assert!(text.ends_with(&ours), "{text}{}", String::from_utf8_lossy(&theirs.stderr));
    }
    let tagged = format!("{unsigned}:1.0.0");
    let (code, told) = place.fails(&[&["template", "x", &tagged], &verified[..]].concat());
    assert!(code == 1 && told.contains(&format!("failed to fetch provenance \"{tagged}.prov\"")), "{told}");
}

/// What we pushed Helm pulls, with the log-in that we kept; what Helm pushes we pull.
fn with_helm(place: &Place, host: &str, chart: &str) {
    for version in ["helm-v3.22.0/helm", "helm-v4.3.1/helm"] {
        let Some(helm) = tool(version) else {
            eprintln!("skipped: no {version}");
            continue;
        };
        let run = |words: &[&str]| {
            let output = place.run_program(&helm, words);
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let shown = run(&["show", "chart", chart, "--version", "1.0.0", "--plain-http"]);
        assert!(shown.contains("version: 1.0.0"), "{shown}");
        let archive = place.path("archives/web-1.0.0.tgz");
        let other = format!("oci://{host}/helm");
        run(&["push", archive.to_str().unwrap(), &other, "--plain-http"]);
        let shown = place.ok(&["show", "chart", &format!("{other}/web"), "--plain-http"]);
        assert!(shown.contains("version: 1.0.0"), "{shown}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A registry of one chart on a server, behind a token. Gives the digest of the archive.
fn made_up(place: &Place, server: &Server, tokens: &Server) -> String {
    let archive = place.archive("1.0.0");
    let digest = sha256(&archive);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.helm.config.v1+json",
            "digest": format!("sha256:{}", sha256(b"{}")),
            "size": 2,
        },
        "layers": [{
            "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "digest": format!("sha256:{digest}"),
            "size": archive.len(),
        }],
    });
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"made-up\",scope=\"repository:charts/web:pull\"",
        tokens.url("/token")
    );
    let guarded =
        |bytes: Vec<u8>| Answer::Challenged { challenge: challenge.clone(), expected: "Bearer tok", bytes };
    server.give("/v2/charts/web/tags/list", guarded(br#"{"tags": ["1.0.0", "latest"]}"#.to_vec()));
    server.give("/v2/charts/web/manifests/1.0.0", guarded(manifest.to_string().into_bytes()));
    server.give(&format!("/v2/charts/web/blobs/sha256:{digest}"), guarded(archive));
    let query = "/token?service=made-up&scope=repository%3Acharts%2Fweb%3Apull";
    tokens.give(query, Answer::Bytes(br#"{"token": "tok"}"#.to_vec()));
    digest
}

#[test]
fn tokens_are_asked_for_and_blobs_elsewhere_get_none() {
    let (place, server, tokens) = (Place::new("tokens"), Server::start(), Server::start());
    let digest = made_up(&place, &server, &tokens);
    let chart = format!("oci://127.0.0.1:{}/charts/web", server.port);
    let pull = ["show", "chart", &chart, "--plain-http", "--username", "me", "--password", "secret"];
    assert!(place.ok(&pull).contains("version: 1.0.0"));
    let told: Vec<_> = tokens.take_asked().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(told, [Some("Basic bWU6c2VjcmV0".to_owned())], "the password goes to the realm alone");
    assert!(server.take_asked().iter().all(|asked| {
        asked.authorization.as_deref().is_none_or(|authorization| authorization == "Bearer tok")
    }));
    // A blob that lies elsewhere: fetched there, without the token.
    let _gone = fs::remove_dir_all(place.path("cache"));
    let store = Server::start();
    let blob = format!("/v2/charts/web/blobs/sha256:{digest}");
    server.give(&blob, Answer::Redirect(store.url("/store")));
    store.give("/store", Answer::Bytes(place.archive("1.0.0")));
    assert!(place.ok(&pull).contains("version: 1.0.0"));
    assert!(store.take_asked().iter().all(|asked| asked.authorization.is_none()));
    // What is not what the manifest says is not used.
    let _gone = fs::remove_dir_all(place.path("cache"));
    store.give("/store", Answer::Bytes(place.archive("1.1.0")));
    assert!(place.fails(&pull).1.contains("the registry gave something else"));
    store.give("/store", Answer::CutShort(place.archive("1.0.0")));
    assert!(!place.fails(&pull).1.is_empty());
    assert!(!place.path("cache/content").exists());
}

#[cfg(unix)]
#[test]
fn credential_helpers_are_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, server, tokens) = (Place::new("helpers"), Server::start(), Server::start());
    made_up(&place, &server, &tokens);
    let host = format!("127.0.0.1:{}", server.port);
    let helper = place.path("bin/docker-credential-made-up");
    fs::create_dir_all(helper.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\nread server\necho '{\"ServerURL\": \"x\", \"Username\": \"me\", \"Secret\": \"secret\"}'\n";
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(place.path("docker")).unwrap();
    let config = json!({ "credHelpers": { &host: "made-up" } });
    fs::write(place.path("docker/config.json"), config.to_string()).unwrap();
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new(env!("CARGO_BIN_EXE_backstay"))
        .args(["show", "chart", &format!("oci://{host}/charts/web"), "--plain-http"])
        .env("PATH", path)
        .env("DOCKER_CONFIG", place.path("docker"))
        .env("HELM_CONFIG_HOME", place.path("config"))
        .env("HELM_CACHE_HOME", place.path("cache"))
        .env_remove("HELM_REGISTRY_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<_> = tokens.take_asked().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(told, [Some("Basic bWU6c2VjcmV0".to_owned())]);
}
