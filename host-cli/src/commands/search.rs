//! `search repo`: charts of the repositories that have a name (Helm `pkg/cmd/search`).

use std::fs;
use std::process::ExitCode;

use backstay_core::gotemplate::semver::{Constraint, Version};
use serde_json::{Value, json};

use crate::args::{GlobalArgs, OutputFormat, SearchCommand, SearchRepoArgs};
use crate::sources::{ChartVersion, Index, RepositoryFile, Settings};
use crate::table::{Table, print_ordered, shortened};

pub(crate) fn search(global: &GlobalArgs, command: &SearchCommand) -> anyhow::Result<ExitCode> {
    match command {
        SearchCommand::Repo(arguments) => in_repositories(&Settings::new(global), arguments),
        SearchCommand::Hub { .. } => anyhow::bail!(
            "hubs are not searched: it would tell a third party what you look for; use its web page, or add the \
             repository with `backstay repo add` and search there"
        ),
    }
}

/// One version of a chart that fits.
struct Hit {
    name: String,
    score: usize,
    version: Version,
    entry: ChartVersion,
}

fn in_repositories(settings: &Settings, arguments: &SearchRepoArgs) -> anyhow::Result<ExitCode> {
    let range = match (arguments.version.as_deref(), arguments.devel) {
        (Some(range), _) if !range.is_empty() => range,
        (_, true) => ">0.0.0-0",
        (_, false) => ">0.0.0",
    };
    let file = RepositoryFile::load(&settings.repository_config)?;
    anyhow::ensure!(!file.repositories.is_empty(), "no repositories configured");
    let query = Query::new(arguments)?;
    let mut hits = Vec::new();
    for repository in &file.repositories {
        let path = settings.index_file(&repository.name);
        let index = fs::read(&path).map_err(|error| error.to_string());
        match index.and_then(|bytes| Index::read(&bytes).map_err(|error| error.to_string())) {
            Ok(index) => query.find(&repository.name, index, &mut hits),
            Err(error) => anstream::eprintln!(
                "WARNING: repo {:?} is corrupt or missing. Try 'backstay repo update'. ({error})",
                repository.name
            ),
        }
    }
    hits.sort_by(|a, b| {
        (a.score, &a.name).cmp(&(b.score, &b.name)).then_with(|| b.version.compare(&a.version))
    });
    let range = Constraint::parse(range)
        .map_err(|error| anyhow::anyhow!("an invalid version/constraint format: {error}"))?;
    hits.retain(|hit| range.check(&hit.version));
    if !arguments.versions {
        let mut seen = std::collections::BTreeSet::new();
        hits.retain(|hit| seen.insert(hit.name.clone()));
    }
    anyhow::ensure!(!hits.is_empty() || !arguments.fail_on_no_result, "no results found");
    print(&hits, arguments)
}

fn print(hits: &[Hit], arguments: &SearchRepoArgs) -> anyhow::Result<ExitCode> {
    if hits.is_empty() && arguments.output == OutputFormat::Table {
        anstream::println!("No results found");
        return Ok(ExitCode::SUCCESS);
    }
    let cut = |cell: &str| shortened(cell, arguments.max_col_width);
    let titles = ["NAME", "CHART VERSION", "APP VERSION", "DESCRIPTION"].map(cut);
    let mut table = Table::new(&titles.each_ref().map(String::as_str), true);
    let mut documents = Vec::new();
    for hit in hits {
        let (version, app, text) = (hit.entry.version(), hit.entry.app_version(), hit.entry.description());
        documents.push(json!({
            "name": hit.name,
            "version": version,
            "app_version": app,
            "description": text,
        }));
        table.row([&hit.name, version, app, text].map(cut));
    }
    let order = ["name", "version", "app_version", "description"];
    print_ordered(arguments.output, &Value::Array(documents), &order, || table.print())
}

/// What is looked for.
enum Query {
    All,
    Text(String),
    Pattern(regex::Regex),
}

impl Query {
    fn new(arguments: &SearchRepoArgs) -> anyhow::Result<Self> {
        if arguments.words.is_empty() {
            return Ok(Self::All);
        }
        let text = arguments.words.join(" ");
        if arguments.regexp {
            Ok(Self::Pattern(regex::Regex::new(&text)?))
        } else {
            Ok(Self::Text(text.to_lowercase()))
        }
    }

    /// Where a line has it, if it has.
    fn position(&self, line: &str) -> Option<usize> {
        match self {
            Self::All => Some(0),
            Self::Text(text) => line.find(text),
            Self::Pattern(pattern) => pattern.find(line).map(|found| found.start()),
        }
    }

    fn find(&self, repository: &str, index: Index, hits: &mut Vec<Hit>) {
        for (chart, versions) in index.entries {
            let name = format!("{repository}/{chart}");
            for entry in versions {
                let Ok(version) = Version::parse(entry.version()) else { continue };
                let mut line = entry.searched(repository);
                if matches!(self, Self::Text(_)) {
                    line = line.to_lowercase();
                }
                let Some(at) = self.position(&line) else { continue };
                // The earlier the part (name, full name, description, keywords), the better.
                let score = match self {
                    Self::All => 0,
                    _ => line.get(..at).unwrap_or_default().matches('\u{b}').count(),
                };
                hits.push(Hit { name: name.clone(), score, version, entry });
            }
        }
    }
}
