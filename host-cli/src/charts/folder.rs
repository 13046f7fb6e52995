//! The files of a chart's folder.

use std::cell::RefCell;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use backstay_core::chart::{Content, IgnoreRules, MAX_CHART_SIZE, SourceFile};

use crate::exit::Stop;

/// How deep folders may be nested: deeper ones are a loop of links.
const DEPTH_MOST: usize = 64;

/// Files outside of `templates/` that every chart is loaded with. Of the others most are never asked for.
const LOADED: [&str; 7] = [
    "Chart.yaml",
    "Chart.lock",
    "values.yaml",
    "values.schema.json",
    "requirements.yaml",
    "requirements.lock",
    ".helmignore",
];

/// The first file that could be opened when the chart was loaded, and not be read when it was asked for.
#[derive(Clone, Default)]
pub(crate) struct Unread(Rc<RefCell<Option<String>>>);

impl Unread {
    /// To be called before what was made of the chart is used.
    ///
    /// Errors end with exit code 4: nothing has been changed.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.0.borrow_mut().take().map_or(Ok(()), |problem| Err(Stop::refused(problem)))
    }
}

/// Reads the files; symbolic links are followed, as Helm does. With `unread` those that templates may ask for, and rarely
/// do, are only opened.
pub(super) fn read(root: &Path, unread: Option<&Unread>) -> anyhow::Result<Vec<SourceFile>> {
    let rules = match fs::read_to_string(root.join(".helmignore")) {
        // A broken rule is told by the chart itself, with its line.
        Ok(text) => IgnoreRules::parse(&text).unwrap_or_default(),
        Err(_) => IgnoreRules::default(),
    };
    let mut reader = Reader { rules, unread, files: Vec::new(), size: 0, buffer: Vec::new() };
    reader.folder(root, "", 0)?;
    Ok(reader.files)
}

struct Reader<'a> {
    rules: IgnoreRules,
    unread: Option<&'a Unread>,
    files: Vec<SourceFile>,
    size: usize,
    /// What one file after the other is read into.
    buffer: Vec<u8>,
}

impl Reader<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> anyhow::Result<()> {
        anyhow::ensure!(
            depth < DEPTH_MOST,
            "{}: folders are nested too deep; is there a loop of links?",
            folder.display()
        );
        let entries = fs::read_dir(folder)?;
        let mut entries: Vec<_> =
            entries.map(|entry| entry.map(|entry| (entry.file_name(), entry))).collect::<Result<_, _>>()?;
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (name, entry) in entries {
            let path = entry.path();
            let error = |error: std::io::Error| anyhow::anyhow!("{}: {error}", path.display());
            let name =
                name.to_str().ok_or_else(|| anyhow::anyhow!("{}: the name is not UTF-8", path.display()))?;
            let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            // The folder says what most entries are; where a link leads has to be asked.
            let mut kind = entry.file_type().map_err(error)?;
            if !kind.is_dir() && !kind.is_file() {
                kind = fs::metadata(&path).map_err(error)?.file_type();
            }
            if kind.is_dir() {
                if !self.rules.ignores(&relative, true) {
                    self.folder(&path, &relative, depth + 1)?;
                }
            } else if !self.rules.ignores(&relative, false) {
                // A device or a pipe would be read for ever.
                anyhow::ensure!(
                    kind.is_file(),
                    "cannot load irregular file {} as it has file mode type bits set; use .helmignore",
                    path.display()
                );
                let content = self.file(&path, name, &relative)?;
                self.files.push(SourceFile { path: relative, content });
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str, relative: &str) -> anyhow::Result<Content> {
        let error = |error: std::io::Error| anyhow::anyhow!("{}: {error}", path.display());
        let file = fs::File::open(path).map_err(error)?;
        let length = usize::try_from(file.metadata().map_err(error)?.len()).unwrap_or(usize::MAX);
        self.size = self.size.saturating_add(length);
        anyhow::ensure!(
            self.size <= MAX_CHART_SIZE,
            "its files are larger than {MAX_CHART_SIZE} bytes together; use .helmignore"
        );
        let is_loaded = LOADED.contains(&name)
            || name.ends_with(".tgz")
            || relative.split('/').any(|folder| folder == "templates");
        match self.unread {
            Some(unread) if !is_loaded => {
                let (path, unread) = (path.to_owned(), unread.clone());
                Ok(Content::later(length, move || {
                    let mut content = Vec::new();
                    let read = fs::File::open(&path).and_then(|file| read_into(&mut content, file, length));
                    if let Err(error) = read {
                        content.clear();
                        let problem = || format!("{}: {error}", path.display());
                        unread.0.borrow_mut().get_or_insert_with(problem);
                    }
                    Content::as_read(content)
                }))
            }
            _ => {
                read_into(&mut self.buffer, file, length).map_err(error)?;
                Ok(self.buffer[..].into())
            }
        }
    }
}

/// Reads at most so many bytes of a file.
fn read_into(buffer: &mut Vec<u8>, file: fs::File, length: usize) -> std::io::Result<()> {
    buffer.clear();
    buffer.reserve_exact(length);
    file.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(buffer)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what is asked for is read later, and what has gone until then is told.
    #[test]
    fn a_file_that_has_gone_is_told_when_it_is_asked_for() {
        let folder = std::env::temp_dir().join(format!("backstay-unread-{}", std::process::id()));
        fs::create_dir_all(folder.join("templates")).unwrap();
        for name in ["Chart.yaml", "README.md", "notes.txt", "templates/a.yaml"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let unread = Unread::default();
        let files = read(&folder, Some(&unread)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let found = |name: &str| files.iter().find(|file| file.path == name).unwrap().content.text();
        assert_eq!(found("Chart.yaml"), "Chart.yaml");
        assert_eq!(found("templates/a.yaml"), "templates/a.yaml");
        assert!(unread.check().is_ok());
        assert_eq!(found("notes.txt"), "");
        let told = unread.check().unwrap_err().to_string();
        assert!(told.contains("notes.txt: No such file"), "{told}");
    }
}
