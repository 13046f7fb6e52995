//! Charts from repositories: what is fetched, what is refused, and who is told a password.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

#[path = "sources/place.rs"]
mod place;
#[path = "sources/registry.rs"]
mod registry;
#[path = "sources/release_tests.rs"]
mod release_tests;
#[path = "sources/server.rs"]
mod server;
#[path = "sources/signed.rs"]
mod signed;

use std::fs;

use place::Place;
use server::{Answer, Server};

/// `me:secret`.
const BASIC: &str = "Basic bWU6c2VjcmV0";

/// An index with one chart in two versions and a pre-release.
fn index(digest: &str, url: &str) -> Answer {
    let entry = |version: &str, url: &str, digest: &str| {
        format!(
            "  - apiVersion: v2\n    name: web\n    version: {version}\n    digest: \"{digest}\"\n    urls: [{url}]\n"
        )
    };
    let text = format!(
        "apiVersion: v1\nentries:\n  web:\n{}{}{}generated: \"2026-01-01T00:00:00Z\"\n",
        entry("1.2.0", url, digest),
        entry("1.1.0", "web-1.1.0.tgz", ""),
        entry("2.0.0-rc.1", "web-2.0.0-rc.1.tgz", "")
    );
    Answer::Bytes(text.into_bytes())
}

#[test]
fn charts_are_fetched_from_wherever_they_are() {
    let (place, server) = (Place::new("fetched"), Server::start());
    for version in ["1.2.0", "1.1.0", "2.0.0-rc.1"] {
        server.give(&format!("/charts/web-{version}.tgz"), Answer::Bytes(place.archive(version)));
    }
    server.give("/charts/index.yaml", index(&place.digest("1.2.0"), "web-1.2.0.tgz"));
    let url = server.url("/charts");
    assert_eq!(place.ok(&["repo", "add", "mine", &url]), "\"mine\" has been added to your repositories\n");
    let archive = server.url("/charts/web-1.1.0.tgz");
    for (words, version) in [
        (vec!["mine/web"], "1.2.0"),
        (vec!["mine/web", "--version", "~1.1"], "1.1.0"),
        (vec!["mine/web", "--version", "1.1.0"], "1.1.0"),
        (vec!["mine/web", "--devel"], "2.0.0-rc.1"),
        (vec!["web", "--repo", &url], "1.2.0"),
        (vec!["web", "--repo", &url, "--version", "<1.2"], "1.1.0"),
        (vec![&archive], "1.1.0"),
    ] {
        let mut command = vec!["show", "chart"];
        command.extend(&words);
        let shown = place.ok(&command);
        assert!(shown.contains(&format!("version: {version}\n")), "{words:?}: {shown}");
    }
    // The same chart by its digest again: no second download.
    server.take_asked();
    assert!(place.ok(&["template", "x", "mine/web"]).contains("name: 'x-web'"));
    assert_eq!(server.take_asked(), []);
    let deployed = place.ok(&["deploy", "x", "mine/web", "--version", "1.1.0"]);
    assert!(deployed.contains('x'), "{deployed}");
    assert!(place.ok(&["history", "x"]).contains("web-1.1.0"));
}

#[test]
fn what_is_not_what_was_promised_is_refused() {
    let (place, server) = (Place::new("refused"), Server::start());
    let good = place.archive("1.2.0");
    let digest = place.digest("1.2.0");
    server.give("/index.yaml", index(&digest, "web-1.2.0.tgz"));
    let url = server.url("");
    place.ok(&["repo", "add", "mine", &url]);
    let other = place.archive("1.1.0");
    for (answer, expected) in [
        (Answer::Bytes(other), "is not what the index promises"),
        (Answer::CutShort(good.clone()), "cannot fetch"),
        (Answer::Redirect(server.url("/web-1.2.0.tgz")), "stopped after 10 redirects"),
        (Answer::Bytes(Vec::new()), "is not what the index promises"),
        (Answer::Redirect("ftp://127.0.0.1/web.tgz".to_owned()), "could not find protocol handler for: ftp"),
    ] {
        server.give("/web-1.2.0.tgz", answer);
        for words in [["mine/web", "", ""], ["web", "--repo", &url]] {
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let mut command = vec!["deploy", "x"];
            command.extend(words);
            let (code, told) = place.fails(&command);
            assert!(told.contains(expected), "{expected}: {told}");
            assert_eq!(code, 4, "{told}");
        }
    }
    assert!(!place.path("cache/content").exists(), "nothing of all that is kept");
    server.give("/web-1.2.0.tgz", Answer::Bytes(good));
    place.ok(&["deploy", "x", "mine/web"]);
}

#[test]
fn passwords_go_to_the_host_they_are_for_and_to_no_other() {
    let (place, home, other) = (Place::new("passwords"), Server::start(), Server::start());
    let archive = place.archive("1.2.0");
    let digest = place.digest("1.2.0");
    let address = other.url("/web-1.2.0.tgz");
    let login = ["--username", "me", "--password", "secret"];
    other.give("/web-1.2.0.tgz", Answer::Bytes(archive.clone()));
    let Answer::Bytes(own) = index(&digest, "web-1.2.0.tgz") else { panic!() };
    let Answer::Bytes(elsewhere) = index(&digest, &address) else { panic!() };
    home.give("/own/index.yaml", Answer::Guarded(BASIC, own.clone()));
    home.give("/own/web-1.2.0.tgz", Answer::Guarded(BASIC, archive));
    home.give("/elsewhere/index.yaml", Answer::Guarded(BASIC, elsewhere));
    home.give("/moved/index.yaml", Answer::Guarded(BASIC, own));
    home.give("/moved/web-1.2.0.tgz", Answer::Redirect(address));
    for (path, more, told) in [
        ("/own", vec![], None),
        ("/elsewhere", vec![], Some(None)),
        ("/moved", vec![], Some(None)),
        ("/elsewhere", vec!["--pass-credentials"], Some(Some(BASIC))),
    ] {
        let _gone = fs::remove_dir_all(place.path("cache"));
        other.take_asked();
        let url = home.url(path);
        let mut command = vec!["template", "x", "web", "--repo", &url];
        command.extend(login);
        command.extend(more);
        assert!(place.ok(&command).contains("name: 'x-web'"), "{path}");
        let asked: Vec<_> = other.take_asked().into_iter().map(|asked| asked.authorization).collect();
        let expected: Vec<_> = told.into_iter().map(|told: Option<&str>| told.map(str::to_owned)).collect();
        assert_eq!(asked, expected, "{path}");
    }
    // By name: what `repo add` was told is used, and kept where only its owner can read it.
    let url = home.url("/own");
    let (_, refused) = place.fails(&["repo", "add", "mine", &url]);
    assert!(refused.contains("401 Unauthorized"), "{refused}");
    let mut add = vec!["repo", "add", "mine", &url];
    add.extend(login);
    place.ok(&add);
    assert!(place.ok(&["template", "x", "mine/web"]).contains("name: 'x-web'"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(place.path("config/repositories.yaml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // In the address itself: used, and never shown.
    let _gone = fs::remove_dir_all(place.path("cache"));
    let with_password = url.replace("http://", "http://me:secret@");
    assert!(place.ok(&["template", "x", "web", "--repo", &with_password]).contains("name: 'x-web'"));
    let (_, told) = place.fails(&["template", "x", "nope", "--repo", &with_password]);
    assert!(told.contains("not found in") && !told.contains("secret"), "{told}");
}

#[test]
fn references_that_lead_nowhere_are_told_in_helms_words() {
    let (place, server) = (Place::new("nowhere"), Server::start());
    server.give("/index.yaml", index("", "web-1.2.0.tgz"));
    let url = server.url("");
    place.ok(&["repo", "add", "mine", &url]);
    let missing = server.url("/nope.tgz");
    let not_found = format!("failed to fetch {missing} : 404 Not Found");
    for (words, expected) in [
        (vec!["./nope"], "path \"./nope\" not found"),
        (vec!["nope"], "non-absolute URLs should be in form of repo_name/path_to_chart, got: nope"),
        (vec!["other/web"], "repo other not found"),
        (vec!["mine/nope"], "chart \"nope\" matching  not found in mine index."),
        (vec!["mine/web", "--version", "^9"], "no chart version found for web-^9"),
        (vec!["web", "--repo", &url, "--version", "9"], "chart \"web\" version \"9\" not found in"),
        (vec![&missing], not_found.as_str()),
        (vec!["web", "--repo", "http://127.0.0.1:1"], "is not a valid chart repository or cannot be reached"),
        (vec!["ftp://127.0.0.1/x.tgz"], "could not find protocol handler for: ftp"),
        (vec!["oci://127.0.0.1"], "invalid reference"),
    ] {
        let mut command = vec!["template", "x"];
        command.extend(&words);
        let (code, told) = place.fails(&command);
        assert!(told.contains(expected), "{words:?}: {told}");
        assert_eq!(code, 1, "{told}");
    }
}

#[test]
fn dependencies_are_fetched_and_locked_as_helm_locks_them() {
    let (place, server) = (Place::new("dependencies"), Server::start());
    server.give("/web-1.2.0.tgz", Answer::Bytes(place.archive("1.2.0")));
    server.give("/index.yaml", index(&place.digest("1.2.0"), "web-1.2.0.tgz"));
    place.ok(&["repo", "add", "mine", &server.url("")]);
    fs::create_dir_all(place.path("local")).unwrap();
    fs::write(place.path("local/Chart.yaml"), "apiVersion: v2\nname: local\nversion: 0.3.1\n").unwrap();
    fs::create_dir_all(place.path("parent")).unwrap();
    let chart = "apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n- {name: web, version: '>=1.1 <2', \
                 repository: '@mine', condition: web.enabled, tags: [front], import-values: [data]}\n\
                 - {name: local, version: 0.x, repository: 'file://../local'}\n";
    fs::write(place.path("parent/Chart.yaml"), chart).unwrap();
    let listed = place.ok(&["dependency", "list", "parent"]);
    assert!(listed.contains("missing") && !listed.contains("ok"), "{listed}");
    assert!(place.fails(&["template", "x", "parent"]).1.contains("missing in charts/ directory: web, local"));
    place.ok(&["dependency", "update", "parent"]);
    let lock = fs::read_to_string(place.path("parent/Chart.lock")).unwrap();
    assert!(lock.contains("version: 1.2.0") && lock.contains("version: 0.3.1"), "{lock}");
    let listed = place.ok(&["dep", "ls", "parent"]);
    assert_eq!(listed.matches("ok ").count(), 2, "{listed}");
    assert!(place.ok(&["template", "x", "parent"]).contains("name: 'x-web'"));
    // The same again changes nothing, and `build` takes what the lock says.
    place.ok(&["dependency", "update", "parent", "--skip-refresh"]);
    assert_eq!(fs::read_to_string(place.path("parent/Chart.lock")).unwrap(), lock);
    let outdated = place.path("parent/charts/web-1.1.0.tgz");
    fs::write(&outdated, place.archive("1.1.0")).unwrap();
    place.ok(&["dependency", "build", "parent"]);
    assert!(!outdated.exists(), "what belongs to no dependency is deleted");
    helm_takes_the_lock(&place);
    fs::write(place.path("parent/Chart.yaml"), chart.replace(">=1.1 <2", ">=1.2 <2")).unwrap();
    let (_, told) = place.fails(&["dependency", "build", "parent"]);
    assert!(told.contains("the lock file (Chart.lock) is out of sync"), "{told}");
}

/// Helm compares the digest of the lock file with its own.
fn helm_takes_the_lock(place: &Place) {
    for version in ["helm-v3.22.0/helm", "helm-v4.3.1/helm"] {
        let Some(helm) = place::tool(version) else {
            eprintln!("skipped: no {version}");
            continue;
        };
        let output = place.run_program(&helm, &["dependency", "build", "parent"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
