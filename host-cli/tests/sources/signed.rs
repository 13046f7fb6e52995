//! Signed charts: what Helm and gpg signed is checked as Helm 4.3 checks it, and what is signed here passes both Helms.
//!
//! `signed/` holds keys made by gpg for these tests alone, an archive by each Helm, and provenance files of them:
//! by Helm (`helm3-*`, `helm4-*`) and by `gpg --clearsign` with a subkey, an expired key and a revoked one.

use std::fs;
use std::path::PathBuf;

use crate::place::{Place, tool};
use crate::server::{Answer, Server};

const ARCHIVE: &str = "web-1.2.3.tgz";
const HELM4: &str = "sha256:907caf3e78a3ce3ef69d3e1b198234659941b89c1120b9a337542ab205e73651";
const HELM3: &str = "sha256:708b5616b216b7f61f33956d0dd825ce44e8c1563201e91940812368f9ce6960";
const RSA: &str = "Signed by: rsa key <rsa@example.com>\n\
                   Using Key With Fingerprint: EF378DC0A0923C668D4ACE57493B6148732E75D0\n";
const ED: &str = "Signed by: ed key <ed@example.com>\n\
                  Using Key With Fingerprint: 0B4D72432FD1EA9D5E7A7CD5B893813C2BB12DED\n";
const NIST: &str = "Signed by: nist key <nist@example.com>\n\
                    Using Key With Fingerprint: 0326E994C8AAE71329B22C06EA808CCBF0CB94AF\n";
const SUB: &str = "Signed by: Sub <sub@example.com>\nSigned by: Second <second@example.com>\n\
                   Using Key With Fingerprint: ED069E49D45A563A4590EAC07AA05319FBA1942E\n";

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sources/signed").join(name)
}

pub(crate) fn keys(name: &str) -> String {
    fixture(name).display().to_string()
}

/// A folder with the archive and a provenance file, if one is named.
pub(crate) fn lay(place: &Place, archive: &str, provenance: &str) {
    fs::copy(fixture(archive), place.path(ARCHIVE)).unwrap();
    let beside = place.path("web-1.2.3.tgz.prov");
    let _old = fs::remove_file(&beside);
    if !provenance.is_empty() {
        fs::copy(fixture(provenance), beside).unwrap();
    }
}

fn says(place: &Place, words: &[&str]) -> (i32, String) {
    let output = place.run(words);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn what_helm_and_gpg_signed_is_checked_as_helm_checks_it() {
    let place = Place::new("signed");
    let verified = |signer: &str, hash: &str| (0, format!("{signer}Chart Hash Verified: {hash}\n"));
    let failed = |reason: &str| (1, format!("Error: {reason}\n"));
    let unknown = || failed("openpgp: signature made by unknown entity");
    for (archive, provenance, ring, expected) in [
        ("helm4.tgz", "helm4-rsa.prov", "ring.gpg", verified(RSA, HELM4)),
        ("helm4.tgz", "helm4-ed.prov", "ring.gpg", verified(ED, HELM4)),
        ("helm4.tgz", "helm4-nist.prov", "ring.gpg", verified(NIST, HELM4)),
        ("helm3.tgz", "helm3-rsa.prov", "ring.gpg", verified(RSA, HELM3)),
        ("helm3.tgz", "helm3-ed.prov", "ring.gpg", verified(ED, HELM3)),
        ("helm3.tgz", "helm3-nist.prov", "ring.gpg", verified(NIST, HELM3)),
        ("helm4.tgz", "gpg-sub.prov", "ring.gpg", verified(SUB, HELM4)),
        ("helm4.tgz", "helm4-ed.prov", "ring.kbx", verified(ED, HELM4)),
        ("helm4.tgz", "helm4-ed.prov", "ring.asc", verified(ED, HELM4)),
        ("helm4.tgz", "helm4-ed.prov", "ed.secret.gpg", verified(ED, HELM4)),
        ("helm4.tgz", "helm4-rsa.prov", "ed.secret.gpg", unknown()),
        ("helm4.tgz", "gpg-old.prov", "ring.gpg", failed("openpgp: key expired")),
        ("helm4.tgz", "gpg-gone.prov", "ring.gpg", failed("openpgp: signature made by revoked key")),
        (
            "helm4.tgz",
            "broken-rsa.prov",
            "ring.gpg",
            failed("openpgp: invalid signature: RSA verification failure"),
        ),
        (
            "helm3.tgz",
            "helm4-ed.prov",
            "ring.gpg",
            failed(&format!("sha256 sum does not match for {ARCHIVE}: \"{HELM4}\" != \"{HELM3}\"")),
        ),
        ("helm4.tgz", "ring.asc", "ring.gpg", failed("signature block not found")),
        (
            "helm4.tgz",
            "",
            "ring.gpg",
            failed(
                "could not load provenance file web-1.2.3.tgz.prov: stat web-1.2.3.tgz.prov: no such file or \
                 directory",
            ),
        ),
        (
            "helm4.tgz",
            "helm4-ed.prov",
            "/nowhere",
            failed("failed to load keyring: open /nowhere: no such file or directory"),
        ),
        (
            "helm4.tgz",
            "helm4-ed.prov",
            "helm4-ed.prov",
            failed(&format!(
                "failed to load keyring: reading armored keyring {}: expected a public or private key block, got \
                 \"PGP SIGNED MESSAGE\"",
                keys("helm4-ed.prov")
            )),
        ),
    ] {
        lay(&place, archive, provenance);
        let found = says(&place, &["verify", ARCHIVE, "--keyring", &keys(ring)]);
        assert_eq!(found, expected, "{archive} {provenance} {ring}");
    }
    lay(&place, "helm4.tgz", "helm4-ed.prov");
    let text = fs::read_to_string(place.path("web-1.2.3.tgz.prov")).unwrap();
    fs::write(place.path("web-1.2.3.tgz.prov"), text.replace("version: 1.2.3", "version: 1.2.4")).unwrap();
    let found = says(&place, &["verify", ARCHIVE, "--keyring", &keys("ring.gpg")]);
    assert_eq!(found, failed("openpgp: invalid signature: EdDSA verification failure"));
    for (path, reason) in [
        ("chart", "unpacked charts cannot be verified"),
        ("chart/Chart.yaml", "chart must be a tgz file"),
        ("none.tgz", "stat none.tgz: no such file or directory"),
    ] {
        assert_eq!(says(&place, &["verify", path]), failed(reason));
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn what_is_signed_here_passes_everywhere() {
    let place = Place::new("signs");
    fs::write(place.path("passphrase"), "sesame\n").unwrap();
    fs::write(place.path("wrong"), "simsalabim\n").unwrap();
    let ring = keys("ring.gpg");
    let sign = |key: &str, ring: &str, more: &[&str]| {
        let ring = keys(ring);
        let line = ["package", "chart", "--sign", "--key", key, "--keyring", &ring, "-d", "out"];
        says(&place, &[&line, more].concat())
    };
    for (key, ring_of_key, name) in
        [("ed key", "ed.secret.gpg", "ed"), ("locked@example", "locked.secret.gpg", "locked")]
    {
        let (code, text) = sign(key, ring_of_key, &["--passphrase-file", "passphrase"]);
        assert_eq!(code, 0, "{text}");
        let ours = place.ok(&["verify", "out/web-0.0.1.tgz", "--keyring", &ring]);
        assert!(ours.starts_with(&format!("Signed by: {name} key <{name}@example.com>\n")), "{ours}");
        for version in ["v3.22.0", "v4.3.1"] {
            let Some(helm) = tool(&format!("helm-{version}/helm")) else {
                eprintln!("skipped: no helm {version}; `cargo xtask setup` builds it");
                continue;
            };
            let theirs = place.run_program(&helm, &["verify", "out/web-0.0.1.tgz", "--keyring", &ring]);
            let text = String::from_utf8(theirs.stdout).unwrap();
            assert_eq!(text, ours, "{version}: {}", String::from_utf8_lossy(&theirs.stderr));
        }
    }
    for (key, ring, more, reason) in [
        ("nobody", "ed.secret.gpg", vec![], "private key not found"),
        ("key", "ring.gpg", vec![], "more than one key contain the id \"key\""),
        (
            "ed key <ed@example.com>",
            "ring.gpg",
            vec![],
            "provided key is not a private key. Try providing a keyring",
        ),
        ("locked", "locked.secret.gpg", vec![], "give it with --passphrase-file"),
        ("locked", "locked.secret.gpg", vec!["--passphrase-file", "wrong"], "private key checksum failure"),
        ("", "ed.secret.gpg", vec![], "--key is required for signing a package"),
    ] {
        let (code, text) = sign(key, ring, &more);
        assert!(code == 1 && text.contains(reason), "{key} {ring}: {text}");
    }
}

#[test]
fn charts_from_elsewhere_are_checked_before_they_are_used() {
    let (place, server) = (Place::new("verified"), Server::start());
    let file = |name: &str| Answer::Bytes(fs::read(fixture(name)).unwrap());
    server.give("/a/web-1.2.3.tgz", file("helm4.tgz"));
    server.give("/a/web-1.2.3.tgz.prov", file("helm4-ed.prov"));
    server.give("/b/web-1.2.3.tgz", file("helm3.tgz"));
    server.give("/b/web-1.2.3.tgz.prov", file("helm4-ed.prov"));
    server.give("/c/web-1.2.3.tgz", file("helm4.tgz"));
    let ring = keys("ring.gpg");
    let checked = |words: &[&str]| says(&place, &[words, &["--verify", "--keyring", &ring]].concat());
    let good = server.url("/a/web-1.2.3.tgz");
    for words in [
        vec!["template", "web", &good],
        vec!["show", "chart", &good],
        vec!["install", "web", &good],
        vec!["upgrade", "web", &good],
        vec!["pull", &good],
    ] {
        let (code, text) = checked(&words);
        assert_eq!(code, 0, "{words:?}: {text}");
    }
    let pulled = format!("{ED}Chart Hash Verified: {HELM4}\n");
    assert_eq!(checked(&["pull", &good]).1, pulled);
    assert!(place.path("web-1.2.3.tgz.prov").exists());
    for (folder, reason) in
        [("b", "sha256 sum does not match"), ("c", "failed to fetch provenance \"http://")]
    {
        let url = server.url(&format!("/{folder}/web-1.2.3.tgz"));
        for words in
            [vec!["template", "web", &url], vec!["upgrade", "web", &url], vec!["pull", &url, "-d", "no"]]
        {
            let (code, text) = checked(&words);
            assert!(code != 0 && text.contains(reason), "{words:?}: {text}");
        }
    }
    assert!(!place.path("no").exists());
    // A file beside its provenance, and a folder, which can have none.
    lay(&place, "helm4.tgz", "helm4-ed.prov");
    assert_eq!(checked(&["template", "web", ARCHIVE]).0, 0);
    let (code, text) = checked(&["install", "other", "./chart"]);
    assert!(code == 4 && text.contains("unpacked charts cannot be verified"), "{text}");
}

#[test]
fn dependencies_are_checked_as_helm_checks_them() {
    let (place, server) = (Place::new("needs"), Server::start());
    let file = |name: &str| Answer::Bytes(fs::read(fixture(name)).unwrap());
    let index = "apiVersion: v1\nentries:\n  web:\n  - {apiVersion: v2, name: web, version: 1.2.3, urls: [web-1.2.3.tgz]}\n";
    server.give("/r/index.yaml", Answer::Bytes(index.into()));
    server.give("/r/web-1.2.3.tgz", file("helm4.tgz"));
    fs::create_dir_all(place.path("whole")).unwrap();
    let chart = format!(
        "apiVersion: v2\nname: whole\nversion: 1.0.0\ndependencies:\n- {{name: web, version: 1.2.3, repository: '{}'}}\n",
        server.url("/r")
    );
    fs::write(place.path("whole/Chart.yaml"), chart).unwrap();
    let ring = keys("ring.gpg");
    let run = |command: &str| says(&place, &["dependency", command, "whole", "--verify", "--keyring", &ring]);
    // `update` insists, `build` warns where there is nothing to check.
    let (code, text) = run("update");
    assert!(code == 1 && text.contains("failed to fetch provenance"), "{text}");
    let (code, text) = run("build");
    assert!(code == 0 && text.contains("WARNING: Verification not found for "), "{text}");
    server.give("/r/web-1.2.3.tgz.prov", file("helm3-ed.prov"));
    for command in ["update", "build"] {
        let (code, text) = run(command);
        assert!(code == 1 && text.contains("sha256 sum does not match"), "{command}: {text}");
    }
    server.give("/r/web-1.2.3.tgz.prov", file("helm4-ed.prov"));
    for command in ["update", "build"] {
        let (code, text) = run(command);
        assert!(code == 0 && !text.contains("WARNING"), "{command}: {text}");
    }
}
