//! `cargo xtask book`: the user guide as a book, built by a pinned mdBook. What is built is checked, too: every page is in it,
//! and every link leads somewhere, to the heading that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{paths, run, setup};

/// Builds the book and checks it.
pub(crate) fn run() -> anyhow::Result<()> {
    let mdbook = setup::mdbook()?;
    let source = paths::repository().join("docs");
    let built = paths::built("book");
    if built.exists() {
        fs::remove_dir_all(&built).with_context(|| format!("{}: cannot be removed", built.display()))?;
    }
    let output = Command::new(&mdbook)
        .arg("build")
        .arg(&source)
        .arg("--dest-dir")
        .arg(&built)
        .env("RUST_LOG", "info")
        .output()
        .with_context(|| format!("{}: cannot be started", mdbook.display()))?;
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    let complaints: Vec<&str> = said.lines().filter(|line| is_complaint(line)).collect();
    if !output.status.success() || !complaints.is_empty() {
        bail!("mdbook: {}: {}", output.status, run::last_lines(&said, 8));
    }
    let missing = left_out(&source, &built)?;
    if !missing.is_empty() {
        bail!("not in docs/SUMMARY.md: {}", missing.join(", "));
    }
    let (links, broken) = check_links(&built)?;
    if !broken.is_empty() {
        bail!("{} of {links} links of the book lead nowhere:\n{}", broken.len(), broken.join("\n"));
    }
    println!("    {links} links lead somewhere: {}", built.join("index.html").display());
    Ok(())
}

/// Whether mdBook warns.
fn is_complaint(line: &str) -> bool {
    line.split_whitespace().any(|word| matches!(word, "WARN" | "ERROR"))
}

/// All files below a folder with this ending, as paths from there.
fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("{}: cannot be read", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The pages that were not built, because the table of contents does not name them.
fn left_out(source: &Path, built: &Path) -> anyhow::Result<Vec<String>> {
    let pages = files(source, "md")?.into_iter().filter(|page| page != Path::new("SUMMARY.md"));
    let missing = pages.filter(|page| !built.join(page.with_extension("html")).is_file());
    Ok(missing.map(|page| page.display().to_string()).collect())
}

/// How many links there are inside the book, and those that lead nowhere.
fn check_links(built: &Path) -> anyhow::Result<(usize, Vec<String>)> {
    let mut pages = BTreeMap::new();
    for page in files(built, "html")? {
        let text = fs::read_to_string(built.join(&page)).with_context(|| format!("{}", page.display()))?;
        let ids: BTreeSet<String> = attributes(&text, "id").collect();
        let links: Vec<String> = attributes(&text, "href").chain(attributes(&text, "src")).collect();
        pages.insert(page, (ids, links));
    }
    let (mut count, mut broken) = (0, Vec::new());
    for (page, (_, links)) in &pages {
        for link in links.iter().filter(|link| !is_outside(link)) {
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { beside(page, path) };
            let there = match pages.get(&target) {
                Some((ids, _)) => anchor.is_empty() || ids.contains(anchor),
                None => built.join(&target).exists(),
            };
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    Ok((count, broken))
}

/// Whether a link leaves the book, with a scheme.
fn is_outside(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// The file that a link on a page names, as a path from the book's folder.
fn beside(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap_or(page).to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => _ = path.pop(),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

/// The values of an attribute in the tags of a page.
fn attributes<'page>(text: &'page str, name: &'page str) -> impl Iterator<Item = String> + 'page {
    let tags = text.split('<').skip(1).filter_map(|tag| tag.split('>').next());
    tags.filter_map(move |tag| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&amp;", "&"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_headings_are_found() {
        let text = "<h2 class=\"x\" id=\"a\"><a href=\"b.html#c&amp;d\">b</a></h2> href=\"none\" <img src=\"../e.png\">";
        let all = |name| attributes(text, name).collect::<Vec<_>>();
        assert_eq!(
            (all("id"), all("href"), all("src")),
            (vec!["a".into()], vec!["b.html#c&d".into()], vec!["../e.png".into()])
        );
        assert_eq!(beside(Path::new("lint/x.html"), "../policy.html"), Path::new("policy.html"));
        assert!(is_outside("https://a.example") && is_outside("mailto:a@b") && !is_outside("a.html#b:c"));
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let folder = std::env::temp_dir().join(format!("backstay-book-{}", std::process::id()));
        let (source, built) = (folder.join("docs"), folder.join("book"));
        fs::create_dir_all(built.join("in")).unwrap();
        fs::create_dir_all(&source).unwrap();
        for (file, text) in [
            ("docs/SUMMARY.md", ""),
            ("docs/index.md", ""),
            ("docs/forgotten.md", ""),
            (
                "book/index.html",
                "<a href=\"in/a.html#there\"><a href=\"in/a.html#not\"><a href=\"#top\"><p id=\"top\">",
            ),
            (
                "book/in/a.html",
                "<p id=\"there\"><a href=\"../index.html\"><a href=\"b.html\"><a href=\"https://x.example\">",
            ),
        ] {
            fs::write(folder.join(file), text).unwrap();
        }
        let (count, broken) = check_links(&built).unwrap();
        assert_eq!(
            (count, broken),
            (5, vec!["in/a.html: b.html".to_owned(), "index.html: in/a.html#not".to_owned()])
        );
        assert_eq!(left_out(&source, &built).unwrap(), ["forgotten.md"]);
        assert!(is_complaint(" WARN something") && !is_complaint(" INFO Book building has started"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
