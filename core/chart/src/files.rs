//! The files of a chart folder, and which of them `.helmignore` leaves out.

use crate::content::Content;
use crate::error::ChartError;
use crate::pattern;

/// What all files of one chart may hold together, in bytes (`MaxDecompressedChartSize` of Helm).
pub const MAX_CHART_SIZE: usize = 100 * 1024 * 1024;

/// A file as the host read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path below the chart's folder, with `/`.
    pub path: String,
    /// The bytes. The chart keeps them as they are, without a copy.
    pub content: Content,
}

/// A file of a chart. Copies share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFile {
    /// The path below the chart's folder, with `/`.
    pub name: String,
    /// The bytes, without byte order mark.
    pub data: Content,
}

impl ChartFile {
    /// A file from its path and bytes; a UTF-8 byte order mark is taken off.
    #[must_use]
    pub fn new(name: impl Into<String>, content: impl Into<Content>) -> Self {
        Self { name: name.into(), data: content.into().without_mark() }
    }
}

/// The rules of a `.helmignore` file (Helm `pkg/ignore`).
#[derive(Debug, Clone, Default)]
pub struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: String,
    negate: bool,
    folder_only: bool,
    /// Compared with the whole path, not only the last part.
    whole_path: bool,
}

impl IgnoreRules {
    /// Reads the rules and adds Helm's own: hidden files in `templates/` are never loaded.
    ///
    /// # Errors
    /// For `**` and for patterns that are not well formed, with the line.
    pub fn parse(text: &str) -> Result<Self, ChartError> {
        let mut rules = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            rules.add(line).map_err(|message| ChartError::Ignore { line: index + 1, message })?;
        }
        rules.add("templates/.?*").map_err(|message| ChartError::Ignore { line: 0, message })?;
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Result<(), &'static str> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.contains("**") {
            return Err("double-star (**) syntax is not supported");
        }
        if !pattern::is_valid_path_pattern(line) {
            return Err("syntax error in pattern");
        }
        let (negate, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (folder_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let (whole_path, pattern) = match line.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (line.contains('/'), line),
        };
        self.rules.push(Rule { pattern: pattern.to_owned(), negate, folder_only, whole_path });
        Ok(())
    }

    /// Whether one path (of a file or of a folder) is left out. Helm's negation is kept as it is: a negated rule
    /// leaves out everything that it does not match.
    #[must_use]
    pub fn ignores(&self, path: &str, folder: bool) -> bool {
        for rule in &self.rules {
            let matches = || {
                let subject = if rule.whole_path { path } else { pattern::base(path) };
                pattern::path_match(&rule.pattern, subject)
            };
            if rule.negate {
                if (rule.folder_only && !folder) || !matches() {
                    return true;
                }
            } else if (folder || !rule.folder_only) && matches() {
                return true;
            }
        }
        false
    }

    /// Whether a file is left out, itself or through one of the folders above it.
    #[must_use]
    pub fn ignores_file(&self, path: &str) -> bool {
        self.ignores_folder(path) || self.ignores(path, false)
    }

    /// Whether one of the folders above a path is left out.
    fn ignores_folder(&self, path: &str) -> bool {
        path.match_indices('/').any(|(at, _)| path.get(..at).is_some_and(|folder| self.ignores(folder, true)))
    }
}

/// Keeps what `.helmignore` leaves, in Helm's order of walking (by name, folder by folder).
///
/// # Errors
/// When the rules cannot be read, a path leaves the chart, or the chart is too large.
pub(crate) fn filter(files: Vec<SourceFile>) -> Result<Vec<ChartFile>, ChartError> {
    let rules = files.iter().find(|file| file.path == ".helmignore");
    let rules =
        IgnoreRules::parse(&rules.map(|file| String::from_utf8_lossy(&file.content)).unwrap_or_default())?;
    let mut size = 0_usize;
    let mut kept = Vec::with_capacity(files.len());
    // Files that lie in one folder come together: it is asked once.
    let mut asked = (String::new(), false);
    for file in files {
        if file.path.starts_with('/') || file.path.split('/').any(|part| part.is_empty() || part == "..") {
            return Err(ChartError::Path { path: file.path, message: "leaves the chart's folder" });
        }
        let folder = file.path.rfind('/').and_then(|at| file.path.get(..=at)).unwrap_or_default();
        if folder != asked.0 {
            asked = (folder.to_owned(), rules.ignores_folder(folder));
        }
        if asked.1 || rules.ignores(&file.path, false) {
            continue;
        }
        size = size.saturating_add(file.content.size());
        if size > MAX_CHART_SIZE {
            return Err(ChartError::TooLarge(MAX_CHART_SIZE));
        }
        kept.push(ChartFile::new(file.path, file.content));
    }
    // Go walks each folder sorted by name, so `a/b` comes before `a-b` although `-` sorts before `/`.
    backstay_object::sort_by(&mut kept, |a, b| a.name.split('/').cmp(b.name.split('/')));
    Ok(kept)
}
