//! Dependencies point downwards, and the core depends on nothing that acts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{assert_none, list, metadata, metadata_with_packages, text};

/// Which package of ours may use which others. It has exactly the members of the workspace.
const ARROWS: &[(&str, &[&str])] = &[
    ("backstay-object", &[]),
    ("backstay-yaml", &["backstay-object"]),
    ("backstay-gotemplate", &["backstay-yaml"]),
    ("backstay-chart", &["backstay-gotemplate", "backstay-yaml", "backstay-object"]),
    ("backstay-release", &["backstay-object"]),
    ("backstay-health", &["backstay-object"]),
    ("backstay-plan", &["backstay-health", "backstay-release", "backstay-object"]),
    ("backstay-rollout", &["backstay-plan", "backstay-health", "backstay-release", "backstay-object"]),
    // Never rollout or health: the model must not share the machine's mistakes.
    ("backstay-sim", &["backstay-object"]),
    (
        "backstay-rehearse",
        &[
            "backstay-rollout",
            "backstay-plan",
            "backstay-health",
            "backstay-release",
            "backstay-sim",
            "backstay-object",
        ],
    ),
    (
        "backstay-core",
        &[
            "backstay-rehearse",
            "backstay-rollout",
            "backstay-plan",
            "backstay-health",
            "backstay-release",
            "backstay-chart",
            "backstay-gotemplate",
            "backstay-yaml",
            "backstay-sim",
            "backstay-object",
        ],
    ),
    ("backstay", &["backstay-core"]),
    ("backstay-wasm", &["backstay-core"]),
    ("backstay-tests-cluster", &[]),
    ("backstay-tests-corpus", &["backstay-chart", "backstay-gotemplate"]),
    ("backstay-tests-embed", &[]),
    ("backstay-tests-fuzz", &[]),
    ("xtask", &[]),
];

/// What reaches for the outside world: sockets, files, clocks, randomness, threads, logs, the Kubernetes client. (`rand`
/// alone only computes; `getrandom` is what asks the system.)
const ACTING: &[&str] = &[
    "anyhow",
    "async-std",
    "chrono",
    "clap",
    "crossbeam",
    "futures",
    "getrandom",
    "h2",
    "hyper",
    "k8s-openapi",
    "kube",
    "log",
    "mio",
    "nix",
    "rayon",
    "reqwest",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tower",
    "tracing",
    "walkdir",
];

/// Without what is used by tests alone.
fn uses(package: &Value) -> impl Iterator<Item = &str> {
    list(&package["dependencies"])
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| text(&dependency["name"]))
}

fn is_core(package: &Value) -> bool {
    text(&package["manifest_path"]).replace('\\', "/").contains("/core/")
}

#[test]
fn arrows_point_downwards() -> anyhow::Result<()> {
    let metadata = metadata(&["--no-deps"])?;
    let table: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        seen.insert(name);
        let Some(allowed) = table.get(name) else {
            wrong.push(format!("{name} is not in the table of this test"));
            continue;
        };
        for used in uses(package).filter(|used| table.contains_key(used) && !allowed.contains(used)) {
            wrong.push(format!("{name} -> {used}"));
        }
        if is_core(package) {
            wrong.extend(
                uses(package).filter(|used| ACTING.contains(used)).map(|used| format!("{name} -> {used}")),
            );
        }
    }
    wrong.extend(
        table.keys().filter(|name| !seen.contains(*name)).map(|name| format!("{name} is in the table only")),
    );
    assert_none("dependencies that ARCHITECTURE.md does not allow", &wrong);
    Ok(())
}

/// What the core uses may not bring it along either.
#[test]
fn nothing_acts_below_the_core() -> anyhow::Result<()> {
    let metadata = metadata_with_packages(&[])?;
    let by_id: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let mut wrong = BTreeSet::new();
    for core in list(&metadata["workspace_members"]).iter().map(text) {
        if !by_id.get(core).is_some_and(|package| is_core(package)) {
            continue;
        }
        let (mut open, mut reached) = (vec![core], BTreeSet::from([core]));
        while let Some(id) = open.pop() {
            for dependency in nodes.get(id).map(|node| list(&node["deps"])).unwrap_or_default() {
                let is_used = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
                let used = text(&dependency["pkg"]);
                if is_used && reached.insert(used) {
                    open.push(used);
                }
            }
        }
        for package in reached.iter().filter_map(|id| by_id.get(id)) {
            let name = text(&package["name"]);
            // A logging facade without a logger does nothing; the core itself may not use it all the same.
            if ACTING.contains(&name) && name != "log" {
                wrong.insert(format!("{} uses {name}", text(&by_id[core]["name"])));
            }
        }
    }
    assert_none("packages that act, below the core", &wrong.into_iter().collect::<Vec<_>>());
    Ok(())
}

/// The lock file is what cargo would write now.
#[test]
fn the_lock_file_is_current() -> anyhow::Result<()> {
    metadata_with_packages(&["--locked"]).map(|_| ())
}
