//! Dependencies point downwards, and the core depends on nothing that acts.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::{assert_none, list, metadata, metadata_with_packages, root, text};

/// Which package of ours may use which others. It has exactly the members of the workspace.
const ARROWS: &[(&str, &[&str])] = &[
    ("backstay-object-derive", &[]),
    ("backstay-object", &["backstay-object-derive"]),
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

/// What the core uses may not bring it along either. Each package is asked for by itself: what a host beside it switches on
/// in a library is not the core's.
#[test]
fn nothing_acts_below_the_core() -> anyhow::Result<()> {
    let metadata = metadata(&["--no-deps"])?;
    let core = list(&metadata["packages"]).iter().filter(|package| is_core(package));
    let core: Vec<&str> = core.map(|package| text(&package["name"])).collect();
    assert!(core.len() > 8, "the core has only {core:?}");
    let mut wrong = BTreeSet::new();
    for package in core {
        let used = below(package)?;
        assert!(used.len() > 1, "nothing is known of what {package} uses");
        // A logging facade without a logger does nothing; the core itself may not use it all the same.
        let acting = ACTING.iter().filter(|name| **name != "log" && used.contains(**name));
        wrong.extend(acting.map(|name| format!("{package} uses {name}")));
    }
    assert_none("packages that act, below the core", &wrong.into_iter().collect::<Vec<_>>());
    Ok(())
}

/// The names of all packages that one is built from.
fn below(package: &str) -> anyhow::Result<BTreeSet<String>> {
    let line = [
        "tree",
        "--offline",
        "--edges",
        "normal",
        "--all-features",
        "--prefix",
        "none",
        "--package",
        package,
    ];
    let output = Command::new(env!("CARGO")).current_dir(root()).args(line).output()?;
    anyhow::ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    Ok(lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

/// The lock file is what cargo would write now.
#[test]
fn the_lock_file_is_current() -> anyhow::Result<()> {
    metadata_with_packages(&["--locked"]).map(|_| ())
}
