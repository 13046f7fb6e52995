//! `list`, `history`, `status`, `get`: what the records say, in Helm's forms.

use std::process::ExitCode;

use backstay_core::object::{LabelQuery, Timestamp};
use backstay_core::release::{HelmTime, History, Hook, Record, Release, Status, validate_name};
use serde_json::{Value, json};

use super::go_template::in_layout;
use super::resources::{Form, resources, section};
use crate::args::{HistoryArgs, ListArgs, OutputFormat, StatusArgs};
use crate::cluster::Cluster;
use crate::exit::{Exit, Stop};
use crate::records;
use crate::storage::{self, StorageApi};
use crate::table::{Table, print_ordered};

pub(crate) async fn list(cluster: &Cluster, arguments: &ListArgs) -> anyhow::Result<ExitCode> {
    let namespace = (!arguments.all_namespaces).then_some(cluster.namespace.as_str());
    let api = storage::api(&cluster.client, namespace);
    let mut latest: Vec<Record> = Vec::new();
    for record in records::list(&api, None).await? {
        let same = |other: &&mut Record| {
            other.release.name == record.release.name && other.release.namespace == record.release.namespace
        };
        match latest.iter_mut().find(same) {
            Some(other) if other.release.version < record.release.version => *other = record,
            Some(_) => {}
            None => latest.push(record),
        }
    }
    latest.retain(|record| is_wanted(arguments, record.release.info.status));
    narrow(&mut latest, arguments)?;
    latest.sort_by(|before, after| {
        (&before.release.name, &before.release.namespace)
            .cmp(&(&after.release.name, &after.release.namespace))
    });
    if arguments.date {
        let time =
            |record: &Record| record.release.info.last_deployed.as_ref().and_then(|time| time.timestamp());
        latest.sort_by_key(time);
    }
    if arguments.reverse {
        latest.reverse();
    }
    latest.drain(..arguments.offset.min(latest.len()));
    if arguments.max > 0 {
        latest.truncate(arguments.max);
    }
    if arguments.short {
        latest.iter().for_each(|record| anstream::println!("{}", record.release.name));
        return Ok(ExitCode::SUCCESS);
    }
    let layout = arguments.time_format.as_deref().filter(|layout| !layout.is_empty());
    let rows = latest.iter().map(|record| row_of(&record.release, layout));
    let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
    let mut table = Table::new(
        &["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"],
        !arguments.no_headers,
    );
    let mut documents = Vec::new();
    for row in rows {
        documents.push(Value::Object(
            row.iter().map(|(key, text)| ((*key).to_owned(), text.clone().into())).collect(),
        ));
        table.row(row.into_iter().map(|(_, text)| text));
    }
    print_ordered(arguments.output, &Value::Array(documents), LIST, || table.print())
}

/// A release as `list` shows it.
fn row_of(release: &Release, layout: Option<&str>) -> anyhow::Result<[(&'static str, String); 7]> {
    let updated = match (layout, &release.info.last_deployed) {
        (Some(layout), Some(time)) => in_layout(time.as_str(), layout)?,
        _ => updated(release),
    };
    Ok([
        ("name", release.name.clone()),
        ("namespace", release.namespace.clone()),
        ("revision", release.version.to_string()),
        ("updated", updated),
        ("status", release.info.status.to_string()),
        ("chart", chart_of(release)),
        ("app_version", app_version_of(release)),
    ])
}

/// The fields of `list`, `history` and `status` in the order of Helm's (`pkg/cmd/{list,history}.go`, `pkg/release/v1`).
const LIST: &[&str] = &["name", "namespace", "revision", "updated", "status", "chart", "app_version"];
const HISTORY: &[&str] =
    &["revision", "updated", "status", "chart", "app_version", "rollback_revision", "description"];
/// The fields of a release and of its parts, in Helm's order.
pub(super) const RELEASE: &[&str] = &[
    "name",
    "info",
    "first_deployed",
    "last_deployed",
    "deleted",
    "description",
    "status",
    "rollback_revision",
    "notes",
    "resources",
    "chart",
    "metadata",
    "lock",
    "templates",
    "data",
    "values",
    "schema",
    "files",
    "config",
    "kind",
    "path",
    "manifest",
    "hooks",
    "events",
    "last_run",
    "started_at",
    "completed_at",
    "phase",
    "weight",
    "delete_policies",
    "output_log_policies",
    "version",
    "namespace",
    "apply_method",
];

/// By name and by labels.
fn narrow(latest: &mut Vec<Record>, arguments: &ListArgs) -> anyhow::Result<()> {
    if let Some(pattern) = arguments.filter.as_deref().filter(|pattern| !pattern.is_empty()) {
        let pattern = regex::Regex::new(pattern)?;
        latest.retain(|record| pattern.is_match(&record.release.name));
    }
    if let Some(selector) = &arguments.selector {
        let query = LabelQuery::parse(selector)?;
        latest.retain(|record| {
            let labels = record.stored_labels();
            query.matches(|key| labels.get(key).map(String::as_str))
        });
    }
    Ok(())
}

fn is_wanted(arguments: &ListArgs, status: Status) -> bool {
    let filters = [
        (arguments.failed, status == Status::Failed),
        (arguments.deployed, status == Status::Deployed),
        (arguments.pending, status.is_pending()),
        (arguments.uninstalled, status == Status::Uninstalled),
        (arguments.uninstalling, status == Status::Uninstalling),
        (arguments.superseded, status == Status::Superseded),
    ];
    // Without a filter every status is shown (Helm 4).
    arguments.all
        || !filters.iter().any(|(asked, _)| *asked)
        || filters.iter().any(|(asked, holds)| *asked && *holds)
}

pub(crate) async fn history(cluster: &Cluster, arguments: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let history = read_history(cluster, &arguments.name).await?;
    let records = history.records();
    let skip = records.len().saturating_sub(arguments.max.max(1));
    let mut titles = vec!["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "ROLLBACK", "DESCRIPTION"];
    titles.retain(|title| arguments.show_rollback_revision || *title != "ROLLBACK");
    let mut table = Table::new(&titles, true);
    let mut documents = Vec::new();
    for record in records.iter().skip(skip) {
        let release = &record.release;
        let time = release.info.last_deployed.as_ref().and_then(|time| time.timestamp());
        let mut document = json!({
            "revision": release.version,
            "updated": release.info.last_deployed.as_ref().map(|time| time.as_str()),
            "status": release.info.status,
            "chart": chart_of(release),
            "app_version": app_version_of(release),
            "description": release.info.description,
        });
        let mut back = String::new();
        if release.info.rollback_revision > 0 {
            document["rollback_revision"] = release.info.rollback_revision.into();
            back = release.info.rollback_revision.to_string();
        }
        documents.push(document);
        let mut row = vec![
            release.version.to_string(),
            time.map(ansi_c).unwrap_or_default(),
            release.info.status.to_string(),
            chart_of(release),
            app_version_of(release),
        ];
        row.extend(arguments.show_rollback_revision.then_some(back));
        row.push(release.info.description.clone());
        table.row(row);
    }
    print_ordered(arguments.output, &Value::Array(documents), HISTORY, || table.print())
}

pub(crate) async fn status(cluster: &Cluster, arguments: &StatusArgs) -> anyhow::Result<ExitCode> {
    let record = read_one(cluster, &arguments.name, arguments.revision).await?;
    let release = &record.release;
    let form = if arguments.output == OutputFormat::Table { Form::Table } else { Form::Object };
    let found = resources(cluster, release, form).await?;
    let mut document = json!({
        "name": release.name, "namespace": release.namespace, "version": release.version,
        "info": release.info, "config": release.config, "manifest": release.manifest, "hooks": release.hooks,
        "apply_method": release.apply_method,
    });
    if let Some(fields) = document.as_object_mut() {
        // Helm leaves out what is empty.
        fields.retain(|_, value| match value {
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
    }
    if form == Form::Object
        && !found.is_empty()
        && let Some(info) = document.get_mut("info").and_then(Value::as_object_mut)
    {
        let found = found.iter().map(|(heading, objects)| (heading.clone(), Value::from(objects.clone())));
        info.insert("resources".to_owned(), Value::Object(found.collect()));
    }
    print_ordered(arguments.output, &document, RELEASE, || {
        print_head(release, record.healthy);
        anstream::print!("{}", section(&found));
        print_tail(release, false);
    })
}

/// Helm's status block, with what else is known.
pub(super) fn print_head(release: &Release, healthy: bool) {
    anstream::println!("NAME: {}", release.name);
    let deployed = release.info.last_deployed.as_ref().and_then(|time| time.timestamp());
    anstream::println!("LAST DEPLOYED: {}", deployed.map(ansi_c).unwrap_or_default());
    anstream::println!("NAMESPACE: {}", release.namespace);
    anstream::println!("STATUS: {}", release.info.status);
    anstream::println!("REVISION: {}", release.version);
    anstream::println!("DESCRIPTION: {}", release.info.description);
    if healthy {
        anstream::println!("HEALTHY: proven by backstay");
    }
}

pub(super) fn print_tail(release: &Release, hide_notes: bool) {
    anstream::print!("{}", suites(release));
    if !hide_notes && !release.info.notes.is_empty() {
        anstream::println!("NOTES:\n{}", release.info.notes.trim_end());
    }
}

/// How the chart's tests ran (Helm `statusPrinter`); one that never ran is left out.
pub(super) fn suites(release: &Release) -> String {
    let is_test = |hook: &&Hook| hook.events.iter().any(|event| event == "test" || event == "test-success");
    let tests: Vec<&Hook> = release.hooks.iter().filter(is_test).collect();
    if tests.is_empty() {
        return "TEST SUITE: None\n".to_owned();
    }
    let mut text = String::new();
    for test in tests {
        let run = &test.last_run;
        let time = |time: &Option<HelmTime>| time.as_ref().and_then(HelmTime::timestamp).map(ansi_c);
        let Some(started) = time(&run.started_at) else { continue };
        let completed = time(&run.completed_at).unwrap_or_default();
        text.push_str(&format!(
            "TEST SUITE:     {}\nLast Started:   {started}\nLast Completed: {completed}\nPhase:          {}\n",
            test.name, run.phase
        ));
    }
    text
}

/// The history of a release that must exist.
pub(crate) async fn read_history(cluster: &Cluster, name: &str) -> anyhow::Result<History> {
    if let Err(error) = validate_name(name) {
        return Err(Stop::with(Exit::Failed, format!("release name is invalid: {name}: {error}")));
    }
    let api = storage::api(&cluster.client, Some(&cluster.namespace));
    let history = History::new(records::list(&api, Some(name)).await?);
    if history.latest().is_none() {
        return Err(Stop::with(Exit::Failed, not_found(cluster, &api, name).await));
    }
    Ok(history)
}

/// `release: not found`, Helm's words, with the nearest name there is.
async fn not_found(cluster: &Cluster, api: &StorageApi, name: &str) -> String {
    let names: Vec<String> = match records::list(api, None).await {
        Ok(records) => records.into_iter().map(|record| record.release.name).collect(),
        Err(_) => Vec::new(),
    };
    let nearest =
        names.iter().min_by_key(|known| distance(known, name)).filter(|known| distance(known, name) <= 2);
    let hint = nearest.map_or_else(
        || "`backstay list -A` shows what there is".to_owned(),
        |known| format!("did you mean {known}?"),
    );
    format!("release: not found: {name:?} is not in namespace {:?}; {hint}", cluster.namespace)
}

pub(super) async fn read_one(cluster: &Cluster, name: &str, revision: u32) -> anyhow::Result<Record> {
    let history = read_history(cluster, name).await?;
    let record = if revision == 0 { history.latest() } else { history.get(revision) };
    record.cloned().ok_or_else(|| {
        Stop::with(
            Exit::Failed,
            format!("release: not found: {name:?} has no revision {revision}; `backstay history {name}` lists them"),
        )
    })
}

/// Edits between two names, for suggestions.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let change = previous.get(column).copied().unwrap_or(0) + usize::from(letter != *other);
            let insert = current.get(column).copied().unwrap_or(0) + 1;
            let remove = previous.get(column + 1).copied().unwrap_or(0) + 1;
            current.push(change.min(insert).min(remove));
        }
        previous = current;
    }
    previous.last().copied().unwrap_or(0)
}

pub(super) fn metadata<'a>(release: &'a Release, field: &str) -> Option<&'a str> {
    backstay_core::object::text_at(&release.chart, &["metadata", field])
}

/// `shop-2.3.0`.
pub(crate) fn chart_of(release: &Release) -> String {
    match (metadata(release, "name"), metadata(release, "version")) {
        (Some(name), version) => format!("{name}-{}", version.unwrap_or_default()),
        // Helm's word for a record without its chart.
        (None, _) => "MISSING".to_owned(),
    }
}

pub(super) fn app_version_of(release: &Release) -> String {
    metadata(release, "appVersion").unwrap_or_default().to_owned()
}

/// Go's default form of a time, as `helm list` prints it.
fn updated(release: &Release) -> String {
    release.info.last_deployed.as_ref().map_or_else(|| "-".to_owned(), |time| in_go(time.as_str()))
}

/// A time as Go prints it.
pub(super) fn in_go(text: &str) -> String {
    match text.split_once('T') {
        Some((date, rest)) => match rest.strip_suffix('Z') {
            Some(clock) => format!("{date} {clock} +0000 UTC"),
            None => {
                let at = rest.rfind(['+', '-']).unwrap_or(rest.len());
                let (clock, zone) = rest.split_at(at);
                let zone = zone.replace(':', "");
                format!("{date} {clock} {zone} {zone}")
            }
        },
        None => text.to_owned(),
    }
}

/// Go's `time.ANSIC`: `Sat Nov 21 06:10:49 2026`.
pub(super) fn ansi_c(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = time.to_rfc3339_seconds();
    let day_name = usize::try_from(time.as_millis() / 86_400_000 % 7)
        .ok()
        .and_then(|day| DAYS.get(day))
        .copied()
        .unwrap_or_default();
    let field = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = field(5, 7)
        .parse::<usize>()
        .ok()
        .and_then(|month| MONTHS.get(month.wrapping_sub(1)))
        .copied()
        .unwrap_or_default();
    let day = field(8, 10).trim_start_matches('0');
    format!("{day_name} {month} {day:>2} {} {}", field(11, 19), field(0, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_helms() {
        let time = Timestamp::parse("2026-11-21T06:10:49Z").unwrap();
        assert_eq!(ansi_c(time), "Sat Nov 21 06:10:49 2026");
        assert_eq!(ansi_c(Timestamp::parse("2026-02-03T00:00:00Z").unwrap()), "Tue Feb  3 00:00:00 2026");
    }

    #[test]
    fn near_names_are_near() {
        for (left, right, edits) in
            [("shop", "shop", 0), ("shop", "shpo", 2), ("shop", "shops", 1), ("", "abc", 3)]
        {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }
}
