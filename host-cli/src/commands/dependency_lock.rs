//! `Chart.lock`: which version each dependency got, and the digest by which Helm knows whether it still fits.

use std::path::Path;

use backstay_core::chart::Dependency;
use serde_json::{Value, json};

use crate::cluster::wall_now;
use crate::sources::{sha256, write_file};

/// A dependency with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) name: String,
    pub(super) repository: String,
    pub(super) version: String,
}

/// What is written.
pub(super) struct Lock {
    pub(super) digest: String,
    pub(super) dependencies: Vec<Locked>,
}

impl Lock {
    /// The digest of a lock file that was read.
    pub(super) fn digest_of(document: &Value) -> Option<&str> {
        document.get("digest").and_then(Value::as_str)
    }

    /// The dependencies of a lock file that was read.
    pub(super) fn dependencies_of(document: &Value) -> Vec<Locked> {
        let list = document.get("dependencies").and_then(Value::as_array);
        let one = |value: &Value| {
            let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            Locked { name: text("name"), repository: text("repository"), version: text("version") }
        };
        list.into_iter().flatten().map(one).collect()
    }

    /// Writes the file. A link is not followed: it could lead anywhere.
    pub(super) fn write(&self, chart: &Path, api_version: &str) -> anyhow::Result<()> {
        let name = if api_version == "v1" { "requirements.lock" } else { "Chart.lock" };
        let path = chart.join(name);
        anyhow::ensure!(!path.is_symlink(), "the {name} file is a symlink; it is not written through");
        let one = |lock: &Locked| json!({ "name": lock.name, "repository": lock.repository, "version": lock.version });
        let document = json!({
            "dependencies": self.dependencies.iter().map(one).collect::<Vec<_>>(),
            "digest": self.digest,
            "generated": wall_now().to_rfc3339(),
        });
        write_file(&path, backstay_core::yaml::to_yaml(&document)?.as_bytes())
    }
}

/// Helm's digest (`HashReq`): the sha256 of both lists as Go writes them in JSON.
pub(super) fn digest(wanted: &[Dependency], locked: &[Locked]) -> anyhow::Result<String> {
    let wanted: Vec<String> = wanted.iter().map(go_json).collect::<anyhow::Result<_>>()?;
    let locked: Vec<String> = locked
        .iter()
        .map(|lock| {
            go_json(&Dependency {
                name: lock.name.clone(),
                repository: lock.repository.clone(),
                version: lock.version.clone(),
                ..Dependency::default()
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let text = format!("[[{}],[{}]]", wanted.join(","), locked.join(","));
    Ok(format!("sha256:{}", sha256(text.as_bytes())))
}

/// A dependency with the fields in the order of Helm's structure, empty ones left out.
fn go_json(dependency: &Dependency) -> anyhow::Result<String> {
    let mut fields = Vec::new();
    let mut add = |key: &str, value: Value| -> anyhow::Result<()> {
        fields.push(format!("\"{key}\":{}", go_escaped(&serde_json::to_string(&value)?)));
        Ok(())
    };
    let Dependency { name, version, repository, condition, tags, enabled, import_values, alias } = dependency;
    add("name", json!(name))?;
    if !version.is_empty() {
        add("version", json!(version))?;
    }
    add("repository", json!(repository))?;
    if !condition.is_empty() {
        add("condition", json!(condition))?;
    }
    if !tags.is_empty() {
        add("tags", json!(tags))?;
    }
    if *enabled {
        add("enabled", json!(true))?;
    }
    if !import_values.is_empty() {
        add("import-values", json!(import_values))?;
    }
    if !alias.is_empty() {
        add("alias", json!(alias))?;
    }
    Ok(format!("{{{}}}", fields.join(",")))
}

/// Go's `encoding/json` writes these characters as escapes, so that JSON may stand in a page.
fn go_escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_written_as_go_writes_them() {
        let dependency = Dependency {
            name: "db".into(),
            version: ">=1.2 <3".into(),
            repository: "https://a.example/?a&b".into(),
            tags: vec!["x".into()],
            import_values: vec![json!({"parent": "p", "child": "c"})],
            alias: "store".into(),
            ..Dependency::default()
        };
        assert_eq!(
            go_json(&dependency).unwrap(),
            "{\"name\":\"db\",\"version\":\"\\u003e=1.2 \\u003c3\",\"repository\":\"https://a.example/?a\\u0026b\",\
             \"tags\":[\"x\"],\"import-values\":[{\"child\":\"c\",\"parent\":\"p\"}],\"alias\":\"store\"}"
        );
    }
}
