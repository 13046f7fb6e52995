//! What a group file says: releases, where each goes, and who waits for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;

use crate::exit::Stop;

/// How many releases are deployed at once where nothing else is said.
const CONCURRENCY: usize = 4;

/// What becomes of the others when a release fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// They go on; only what needs the failed one is left out.
    Continue,
    /// What runs comes to its end, nothing new is begun.
    #[default]
    Stop,
    /// As stop, and what was deployed in this run goes back, too.
    RollbackGroup,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: Option<String>,
    concurrency: Option<usize>,
    #[serde(default)]
    on_failure: OnFailure,
    releases: Vec<Entry>,
}

/// One release of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    /// What the others call it; the name unless several have the same.
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) chart: String,
    pub(crate) version: Option<String>,
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig.
    pub(crate) context: Option<String>,
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A sandbox's file, in the place of a cluster.
    pub(crate) sandbox: Option<PathBuf>,
    /// Files, and maps with the values themselves; maps win.
    #[serde(default)]
    pub(crate) values: Vec<Value>,
    #[serde(default)]
    pub(crate) set: Vec<String>,
    /// The ids of those that have to be deployed before.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) timeout: Option<String>,
    #[serde(default)]
    pub(crate) create_namespace: bool,
    /// Further flags of `deploy`.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
}

/// A group that makes sense.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) concurrency: usize,
    pub(crate) on_failure: OnFailure,
    /// In an order in which nobody comes before what it needs.
    pub(crate) entries: Vec<Entry>,
    /// How many stand before each in the longest chain of needs.
    pub(crate) waves: Vec<usize>,
    /// What paths are relative to.
    pub(crate) folder: PathBuf,
}

impl Group {
    /// Reads a group file.
    ///
    /// # Errors
    /// With exit code 4, before anything is changed.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Stop::refused(format!("the group file {shown} cannot be read: {error}")))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::read(&text, &stem.unwrap_or_default(), folder)
            .map_err(|words| Stop::refused(format!("{shown}: {words}")))
    }

    fn read(text: &str, stem: &str, folder: PathBuf) -> Result<Self, String> {
        let value = backstay_core::yaml::from_yaml(text)
            .map_err(|error| format!("line {}: {}", error.line, error.kind))?;
        let written: Written = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if written.concurrency == Some(0) {
            return Err("concurrency is at least 1".to_owned());
        }
        let (entries, waves) = ordered(with_ids(written.releases)?)?;
        Ok(Self {
            name: written.name.unwrap_or_else(|| stem.to_owned()),
            concurrency: written.concurrency.unwrap_or(CONCURRENCY),
            on_failure: written.on_failure,
            entries,
            waves,
            folder,
        })
    }
}

/// Gives everybody an id and checks that needs lead somewhere.
fn with_ids(mut entries: Vec<Entry>) -> Result<Vec<Entry>, String> {
    if entries.is_empty() {
        return Err("a group has at least one release".to_owned());
    }
    let mut ids = BTreeSet::new();
    for entry in &mut entries {
        if entry.id.is_empty() {
            entry.id.clone_from(&entry.name);
        }
        if !ids.insert(entry.id.clone()) {
            return Err(format!("two releases are called {:?}; give each an id of its own", entry.id));
        }
        if let Some(wrong) = entry.values.iter().find(|value| !value.is_string() && !value.is_object()) {
            return Err(format!("{}: values are files and maps, not {wrong}", entry.id));
        }
    }
    for entry in &entries {
        if let Some(unknown) = entry.needs.iter().find(|need| !ids.contains(*need)) {
            let known: Vec<&str> = ids.iter().map(String::as_str).collect();
            return Err(format!("{} needs {unknown:?}; known are {}", entry.id, known.join(", ")));
        }
    }
    Ok(entries)
}

/// Sorts by needs; the order of the file counts where needs leave it open.
fn ordered(mut left: Vec<Entry>) -> Result<(Vec<Entry>, Vec<usize>), String> {
    let mut wave_of: BTreeMap<String, usize> = BTreeMap::new();
    let (mut entries, mut waves) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let (ready, rest): (Vec<Entry>, Vec<Entry>) =
            left.into_iter().partition(|entry| entry.needs.iter().all(|need| wave_of.contains_key(need)));
        if ready.is_empty() {
            let ids: Vec<&str> = rest.iter().map(|entry| entry.id.as_str()).collect();
            return Err(format!("these need each other in a circle: {}", ids.join(", ")));
        }
        let found: Vec<(String, usize)> = ready
            .iter()
            .map(|entry| {
                let before = entry.needs.iter().filter_map(|need| wave_of.get(need)).max();
                (entry.id.clone(), before.map_or(0, |wave| wave + 1))
            })
            .collect();
        waves.extend(found.iter().map(|(_, wave)| *wave));
        wave_of.extend(found);
        entries.extend(ready);
        left = rest;
    }
    Ok((entries, waves))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, usize)], &str>) {
        let group = Group::read(text, "fleet", PathBuf::new());
        match (group, expected) {
            (Ok(group), Ok(expected)) => {
                let ids = group.entries.iter().map(|entry| entry.id.as_str());
                let found: Vec<(&str, usize)> = ids.zip(group.waves.iter().copied()).collect();
                assert_eq!(found, expected, "{text}");
            }
            (Err(words), Err(part)) => assert!(words.contains(part), "{text}: {words}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_group_is_sorted_by_needs_or_refused() {
        check("releases: [{name: a, chart: ./a}]", Ok(&[("a", 0)]));
        check(
            "releases:\n- {name: web, chart: w, needs: [db, cache]}\n- {name: db, chart: d}\n\
             - {name: cache, chart: c, needs: [db]}\n- {name: other, chart: o}\n",
            Ok(&[("db", 0), ("other", 0), ("cache", 1), ("web", 2)]),
        );
        check(
            "releases:\n- {id: dev, name: a, chart: w}\n- {id: prod, name: a, chart: w, needs: [dev]}\n",
            Ok(&[("dev", 0), ("prod", 1)]),
        );
        check("releases: [{name: a, chart: w}, {name: a, chart: w}]", Err("two releases are called \"a\""));
        check("releases: [{name: a, chart: w, needs: [b]}]", Err("a needs \"b\"; known are a"));
        let circle = "releases: [{name: a, chart: w, needs: [b]}, {name: b, chart: w, needs: [a]}]";
        check(circle, Err("in a circle: a, b"));
        check("releases: []", Err("at least one"));
        check("releases: [{name: a, chart: w, need: [b]}]", Err("unknown field `need`"));
        check("onFailure: panic\nreleases: [{name: a, chart: w}]", Err("unknown variant `panic`"));
        check("concurrency: 0\nreleases: [{name: a, chart: w}]", Err("at least 1"));
        check("releases: [{name: a, chart: w, values: [3]}]", Err("files and maps"));
    }
}
