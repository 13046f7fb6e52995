//! Tokens of an exec plugin that end in the middle of a rollout: the plugin is asked again, and nothing else comes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use backstay_tests_cluster::disturb::kubeconfig_with;
use backstay_tests_cluster::{PATIENCE, Proxy, Run, Started, Weather, World, binary};

/// A plugin that gives `token-1`, then `token-2` and so on, with `more` in its status; a user of it in YAML.
fn plugin(directory: &Path, more: &str) -> String {
    let script = directory.join("plugin.sh");
    let text = format!(
        "#!/bin/sh\ncd '{}'\necho called >> calls\ncount=$(wc -l < calls | tr -d ' ')\n\
         echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"token-'$count'\"{more}}}}}'\n",
        directory.display()
    );
    fs::write(&script, text).unwrap();
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: [{:?}], interactiveMode: Never}}}}",
        script.display().to_string()
    )
}

fn calls(directory: &Path) -> usize {
    fs::read_to_string(directory.join("calls")).unwrap_or_default().lines().count()
}

/// Where a served sandbox listens.
fn address(kubeconfig: &Path) -> SocketAddr {
    let text = fs::read_to_string(kubeconfig).unwrap();
    let url = text.split("http://").nth(1).expect("it is served over plain HTTP");
    url.split(['"', '\n', '/']).next().unwrap().trim().parse().unwrap()
}

fn deploy(world: &World, proxy: &Proxy, user: &str) -> Run {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig_with(world, proxy, user));
    let mut words = world.chart_words(&["deploy", "app", "--create-namespace"], &["hook.enabled=true"]);
    words.extend(["-n".to_owned(), world.namespace.clone(), kubeconfig]);
    let home = world.directory().join("home");
    let environment = [("XDG_STATE_HOME", home.as_os_str()), ("HOME", home.as_os_str())];
    Started::new(&binary(), &words, &environment).finish(PATIENCE)
}

#[test]
fn a_token_that_ends_mid_run_is_had_anew() {
    // Without a time of expiry the server's 401 tells; with one that is over, the client knows beforehand.
    for (name, more) in [("exec", ""), ("exec-expiry", ",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"")] {
        let world = World::sandbox(name);
        let served = world.api();
        // Fewer requests than the rollout needs.
        let proxy = Proxy::start(address(served.kubeconfig()), Weather::TokensEnd(25));
        let user = plugin(world.directory(), more);
        let run = deploy(&world, &proxy, &user).exits(0);
        let asked = calls(world.directory());
        assert!(asked > 1, "{name}: asked once, struck {} times: {}", proxy.struck(), run.text());
        drop(served);
        assert_eq!(world.history("app").last().map(|(_, status, _)| status.as_str()), Some("deployed"));
    }
}

#[test]
fn who_is_refused_for_good_is_told_so() {
    let world = World::sandbox("exec-refused");
    let served = world.api();
    let proxy = Proxy::start(address(served.kubeconfig()), Weather::TokensEnd(20));
    // Always the same token, which ends.
    let user = plugin(world.directory(), "").replace("plugin.sh", "same.sh");
    let text = fs::read_to_string(world.directory().join("plugin.sh")).unwrap().replace("'$count'", "1");
    fs::write(world.directory().join("same.sh"), text).unwrap();
    deploy(&world, &proxy, &user).exits(7).shows("Unauthorized").shows("nothing was changed");
    // Every 10 s at most, for the minute that a beginning may take; making a client asks a plugin three times.
    assert!(calls(world.directory()) <= 8 * 3, "the plugin was asked {} times", calls(world.directory()));
}
