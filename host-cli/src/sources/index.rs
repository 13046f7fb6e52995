//! The index of a chart repository (Helm `pkg/repo/v1/index.go`): only the chart that is asked for is read where the
//! file's layout allows it, because public indexes have tens of megabytes.

use backstay_core::gotemplate::semver::{Constraint, Version};
use serde_json::{Map, Value};

/// Why an index or what was looked for in it cannot be used. The words are Helm's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// Nothing in the file.
    #[error("empty index.yaml file")]
    Empty,
    /// No index.
    #[error("no API version specified")]
    NoApiVersion,
    /// Not YAML, or not of an index's shape.
    #[error("{0}")]
    Unreadable(String),
    /// No such chart.
    #[error("no chart name found")]
    NoChartName,
    /// The chart has no version.
    #[error("no chart version found")]
    NoVersions,
    /// None that fits.
    #[error("no chart version found for {0}-{1}")]
    NoVersion(String, String),
    /// A range that is none.
    #[error("{0}")]
    Range(String),
}

/// One version of a chart as the index has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChartVersion {
    /// The whole entry.
    pub(crate) document: Map<String, Value>,
}

impl ChartVersion {
    fn text(&self, key: &str) -> &str {
        self.document.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The version, as it is written.
    pub(crate) fn version(&self) -> &str {
        self.text("version")
    }

    /// The chart's name.
    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    /// The version of what the chart installs.
    pub(crate) fn app_version(&self) -> &str {
        self.text("appVersion")
    }

    /// What the chart is.
    pub(crate) fn description(&self) -> &str {
        self.text("description")
    }

    /// What is searched: name, full name, description and keywords, parted by vertical tabs.
    pub(crate) fn searched(&self, repository: &str) -> String {
        let keywords = self.document.get("keywords").and_then(Value::as_array);
        let keywords: Vec<&str> = keywords.into_iter().flatten().filter_map(Value::as_str).collect();
        let (name, text) = (self.name(), self.description());
        format!("{name}\u{b}{repository}/{name}\u{b}{text}\u{b}{}", keywords.join(" "))
    }

    /// The sha256 of the archive, without `sha256:`; empty where the index has none.
    pub(crate) fn digest(&self) -> &str {
        let digest = self.text("digest");
        digest.split_once(':').map_or(digest, |(_, digest)| digest)
    }

    /// Where the archive lies.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.document.get("urls").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// The versions of each chart, newest first, by the chart's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    /// Sorted by name.
    pub(crate) entries: Vec<(String, Vec<ChartVersion>)>,
}

impl Index {
    /// Reads a whole index.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, IndexError> {
        let text = text_of(bytes)?;
        let mut document = parse(text)?;
        check_api_version(&document)?;
        let entries = match document.remove("entries") {
            Some(Value::Object(entries)) => entries,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(IndexError::Unreadable("entries is not a map of charts".to_owned())),
        };
        let mut read = Vec::with_capacity(entries.len());
        for (name, versions) in entries {
            read.push((name, versions_of(versions)?));
        }
        read.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { entries: read })
    }

    /// The versions of a chart, newest first.
    pub(crate) fn versions(&self, name: &str) -> Option<&[ChartVersion]> {
        let at = self.entries.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        self.entries.get(at).map(|(_, versions)| versions.as_slice())
    }
}

/// The names of an index's charts. The index is read as a whole, so that a broken one is found here.
pub(crate) fn names(bytes: &[u8]) -> Result<Vec<String>, IndexError> {
    Ok(Index::read(bytes)?.entries.into_iter().map(|(name, _)| name).collect())
}

/// The versions of one chart of an index, newest first. Where the index is laid out as Helm writes it, only that chart
/// is read.
pub(crate) fn versions_in(bytes: &[u8], name: &str) -> Result<Vec<ChartVersion>, IndexError> {
    let text = text_of(bytes)?;
    if let Some(found) = slice_of(text, name) {
        let entry = found.and_then(|slice| parse(slice).ok()).and_then(|mut entry| entry.remove(name));
        if let Some(entry) = entry {
            return versions_of(entry);
        }
    }
    let index = Index::read(bytes)?;
    index.versions(name).map(<[ChartVersion]>::to_vec).ok_or(IndexError::NoChartName)
}

/// Picks a version as Helm does: the exact text first, then the newest that the range allows; without a range, the
/// newest that is no pre-release.
pub(crate) fn pick<'a>(
    name: &str,
    versions: &'a [ChartVersion],
    wanted: &str,
) -> Result<&'a ChartVersion, IndexError> {
    if versions.is_empty() {
        return Err(IndexError::NoVersions);
    }
    let range = if wanted.is_empty() { "*" } else { wanted };
    let range = Constraint::parse(range).map_err(|error| IndexError::Range(error.to_string()))?;
    if let Some(exact) = versions.iter().find(|entry| !wanted.is_empty() && entry.version() == wanted) {
        return Ok(exact);
    }
    let fits = |entry: &&ChartVersion| Version::parse(entry.version()).is_ok_and(|found| range.check(&found));
    versions.iter().find(fits).ok_or_else(|| IndexError::NoVersion(name.to_owned(), wanted.to_owned()))
}

/// Whether a version is a range rather than one version (Helm 4 `isVersionRange`).
pub(crate) fn is_range(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or(version);
    version.contains(['^', '~', '<', '>', '=', '!', '*'])
        || version.contains("||")
        || version.contains(" - ")
        || core.contains(['x', 'X'])
}

fn text_of(bytes: &[u8]) -> Result<&str, IndexError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(IndexError::Empty);
    }
    std::str::from_utf8(bytes).map_err(|_| IndexError::Unreadable("the index is not UTF-8".to_owned()))
}

fn parse(text: &str) -> Result<Map<String, Value>, IndexError> {
    // Pages that say "not found" with status 200 come up here, too.
    let value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        backstay_core::yaml::from_yaml(text).map_err(|error| error.to_string())
    };
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(IndexError::Unreadable("the index is not a map".to_owned())),
        Err(reason) => Err(IndexError::Unreadable(format!("the index cannot be read: {reason}"))),
    }
}

fn check_api_version(document: &Map<String, Value>) -> Result<(), IndexError> {
    match document.get("apiVersion") {
        Some(Value::String(version)) if !version.is_empty() => Ok(()),
        _ => Err(IndexError::NoApiVersion),
    }
}

/// Entries that Helm would drop with a warning are left out: without a name or with a version that is none.
fn versions_of(versions: Value) -> Result<Vec<ChartVersion>, IndexError> {
    let list = match versions {
        Value::Array(list) => list,
        Value::Null => Vec::new(),
        _ => return Err(IndexError::Unreadable("a chart of the index is not a list of versions".to_owned())),
    };
    let mut read: Vec<(Version, ChartVersion)> = Vec::with_capacity(list.len());
    for document in list {
        let Value::Object(document) = document else { continue };
        let entry = ChartVersion { document };
        if let Ok(version) = Version::parse(entry.version())
            && !entry.name().is_empty()
            && !entry.name().contains(['/', '\\'])
        {
            read.push((version, entry));
        }
    }
    read.sort_by(|a, b| b.0.compare(&a.0));
    Ok(read.into_iter().map(|(_, entry)| entry).collect())
}

/// The lines of one chart. `None` where the layout is not Helm's; `Some(None)` where the chart is not there.
///
/// Helm writes block style with two blanks: a key of `entries` is a line of two blanks and a name, everything below it
/// is a list item or deeper. Anchors may reach across charts, so they count as another layout.
fn slice_of<'a>(text: &'a str, name: &str) -> Option<Option<&'a str>> {
    let start = match text.strip_prefix("entries:\n") {
        Some(_) => 0,
        None => text.find("\nentries:\n")? + 1,
    };
    let lines = start + "entries:\n".len();
    if !text.starts_with("apiVersion: v") || text.contains("\t") {
        return None;
    }
    let mut begin = None;
    let mut at = lines;
    while at < text.len() {
        let line_end = text.get(at..)?.find('\n').map_or(text.len(), |length| at + length + 1);
        let line = text.get(at..line_end)?;
        let is_end = !line.starts_with(' ') && !line.trim().is_empty();
        if is_end && line.starts_with(['-', '#', '&', '%']) {
            return None;
        }
        let is_key =
            line.starts_with("  ") && !line.as_bytes().get(2).is_some_and(|byte| b" -#\n".contains(byte));
        if let Some(begin) = begin.filter(|_| is_key || is_end) {
            return Some(text.get(begin..at));
        }
        if is_end {
            return Some(None);
        }
        let key = line.trim_end().strip_suffix(':').and_then(|line| line.strip_prefix("  "));
        if key == Some(name) {
            begin = Some(at);
        }
        at = line_end;
    }
    Some(begin.and_then(|begin| text.get(begin..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "apiVersion: v1\nentries:\n  api:\n  - name: api\n    version: 1.0.0\n    urls:\n    - a.tgz\n  \
        web:\n  - description: |\n      web:\n      - x\n    name: web\n    version: 1.9.0\n    urls: [web-1.9.0.tgz]\n  \
        - name: web\n    version: 2.0.0-rc.1\n    urls: [web-2.tgz]\n  - name: web\n    version: 1.10.0\n    \
        digest: sha256:ab\n    urls: [web-1.10.0.tgz]\n  - name: web\n    version: nonsense\n  -\n  \
        - version: 3.0.0\ngenerated: \"2026-11-21T00:00:00Z\"\n";

    #[test]
    fn versions_are_picked_as_helm_picks_them() {
        let versions = versions_in(INDEX.as_bytes(), "web").unwrap();
        let all: Vec<_> = versions.iter().map(ChartVersion::version).collect();
        assert_eq!(all, ["2.0.0-rc.1", "1.10.0", "1.9.0"]);
        for (wanted, expected) in [
            ("", Ok("1.10.0")),
            ("1.9.0", Ok("1.9.0")),
            ("~1.9", Ok("1.9.0")),
            (">0.0.0-0", Ok("2.0.0-rc.1")),
            ("2.0.0-rc.1", Ok("2.0.0-rc.1")),
            ("1", Ok("1.10.0")),
            ("^3", Err("no chart version found for web-^3")),
            ("bogus range", Err("improper constraint")),
        ] {
            match (pick("web", &versions, wanted), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.version(), expected, "{wanted}"),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
                (found, _) => panic!("{wanted}: {found:?}"),
            }
        }
        assert_eq!(pick("web", &versions, "1.10.0").unwrap().digest(), "ab");
    }

    #[test]
    fn the_short_way_finds_what_the_long_way_finds() {
        let long = Index::read(INDEX.as_bytes()).unwrap();
        for name in ["api", "web"] {
            assert!(matches!(slice_of(INDEX, name), Some(Some(_))), "{name}");
            assert_eq!(versions_in(INDEX.as_bytes(), name).unwrap(), long.versions(name).unwrap(), "{name}");
        }
        let missing = versions_in(INDEX.as_bytes(), "nope").unwrap_err().to_string();
        assert_eq!(missing, "no chart name found");
        let json = serde_json::json!({"apiVersion": "v1", "entries": {"web": [{"name": "web", "version": "1.0.0"}]}});
        assert_eq!(versions_in(json.to_string().as_bytes(), "web").unwrap().len(), 1);
        // Another layout is read the long way.
        let flow = "apiVersion: v1\nentries: {web: [{name: web, version: 1.0.0}]}\n";
        assert_eq!(versions_in(flow.as_bytes(), "web").unwrap().len(), 1);
        let deep = "apiVersion: v1\nentries:\n    web:\n        - name: web\n          version: 1.0.0\n";
        assert_eq!(versions_in(deep.as_bytes(), "web").unwrap().len(), 1);
        for (text, expected) in [
            ("", "empty index.yaml file"),
            ("entries: {}\n", "no API version specified"),
            ("<html><body>", "the index"),
            ("apiVersion: v1\nentries: []\n", "entries is not a map"),
        ] {
            let error = Index::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn ranges_are_told_from_versions() {
        for (text, expected) in [
            ("1.2.3", false),
            ("^1", true),
            ("1.x", true),
            ("1.2.3-fix", false),
            ("1 - 2", true),
            ("a || b", true),
        ] {
            assert_eq!(is_range(text), expected, "{text}");
        }
    }
}
