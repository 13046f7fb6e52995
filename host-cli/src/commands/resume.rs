//! Finishing what a dead run left: the journal in the pending record says where it was, the plan beside it what it meant to do.

use std::process::ExitCode;
use std::time::Duration;

use backstay_core::health::CauseCode;
use backstay_core::object::Timestamp;
use backstay_core::plan::Plan;
use backstay_core::release::{History, PendingOwner, Record};
use backstay_core::rollout::{
    Command, Input, JOURNAL_FORMAT, JournalEntry, JournalEvent, Policy, ResumeError, Rollout, Verdict,
};
use serde::{Deserialize, Serialize};

use super::ground::{Ground, check_pending, survey};
use super::run::{Request, TimeoutRule, drive};
use crate::args::{GlobalArgs, LockArgs, OnInterrupted, OutputFormat, ResumeArgs};
use crate::cluster::Cluster;
use crate::execute::Manner;
use crate::exit::{Exit, Stop};
use crate::notify::Target;
use crate::policy::PolicyFile;
use crate::records::RecordOptions;

/// The form of what is kept; raised when an older reader could misunderstand it.
const FORMAT: u32 = 1;

/// What another process needs beside the journal.
#[derive(Serialize, Deserialize)]
pub(super) struct Resumable {
    format: u32,
    plan: Plan,
    policy: Policy,
    chart: String,
    #[serde(flatten)]
    manner: Manner,
    keep_history: bool,
    description: Option<String>,
}

/// What is kept beside the journal of a rollout that begins.
pub(super) fn resumable(request: &Request, plan: &Plan, policy: &Policy) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Resumable {
        format: FORMAT,
        plan: plan.clone(),
        policy: policy.clone(),
        chart: request.chart.clone(),
        manner: request.manner,
        keep_history: request.options.keep_history,
        description: request.options.description.clone(),
    })?)
}

/// The record whose rollout has not come to its end, if there is one, with all of its journal.
fn interrupted(history: &History) -> Option<Record> {
    let newest = history.latest()?;
    let latest = newest.release.version;
    // The way back has a record of its own after the one with the journal, and carries the journal as it was then: a part of what
    // goes on in the other, or more than that, when the run died before it wrote there again. What was damaged may be either. Any
    // other newer revision has been made over what was left.
    let is_way_back = |record: &Record| {
        record.release.version + 1 == latest
            && record.journal.as_deref().zip(newest.journal.as_deref()).is_some_and(|(held, begun)| {
                let damaged = [record, newest].into_iter().any(|record| !is_sound(record));
                damaged || held.starts_with(begun) || goes_on(held, begun)
            })
    };
    let whole = |record: &Record| {
        let mut record = record.clone();
        let begun = newest.journal.clone().filter(|_| is_way_back(&record) && newest.intact && record.intact);
        let longer = begun.filter(|begun| goes_on(record.journal.as_deref().unwrap_or_default(), begun));
        record.journal = longer.or(record.journal);
        record
    };
    let unfinished = |record: &Record| match &record.journal {
        Some(_) if !record.intact => record.resume.is_some() || record.release.info.status.is_pending(),
        Some(journal) => record.resume.is_some() && !is_finished(journal),
        None => false,
    };
    let records = history.records().iter().rev();
    let next = records.filter(|record| record.release.version == latest || is_way_back(record));
    next.map(whole).find(unfinished)
}

/// Whether a journal is another one with more entries.
fn goes_on(journal: &str, longer: &str) -> bool {
    !journal.is_empty() && longer.len() > journal.len() && longer.starts_with(journal)
}

/// Whether a journal is what was written, as far as it tells by itself.
fn is_sound(record: &Record) -> bool {
    let in_order = |entries: Vec<JournalEntry>| entries.iter().zip(0..).all(|(entry, seq)| entry.seq == seq);
    record.intact && journal(record).is_ok_and(in_order)
}

fn is_finished(journal: &str) -> bool {
    let last = journal.lines().rev().find(|line| !line.trim().is_empty());
    last.and_then(|line| serde_json::from_str::<JournalEntry>(line).ok())
        .is_some_and(|entry| matches!(entry.event, JournalEvent::Finished { .. }))
}

/// How the command that finishes a dead run's work may end, and who hears of it.
pub(super) struct Ending {
    /// When the process has to be gone.
    pub(super) deadline: Option<Timestamp>,
    pub(super) output: OutputFormat,
    /// Addresses hold tokens, so they are not kept with the release: these are the command's own.
    pub(super) notify: Vec<Target>,
}

/// `backstay resume`.
pub(crate) async fn resume(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: &ResumeArgs,
) -> anyhow::Result<ExitCode> {
    let notify = arguments.tell.targets(&PolicyFile::receivers(arguments.policy.as_deref())?)?;
    let until = tokio::time::Instant::now() + arguments.busy.wait_for_lock;
    let options = RecordOptions::default();
    let ground =
        when_free(cluster, &arguments.name, &options, (until, arguments.busy.take_over), false).await?;
    if interrupted(&ground.history).is_none() {
        return Err(Stop::with(
            Exit::Failed,
            format!(
                "nothing of {} is unfinished; `backstay history {}` shows its revisions",
                arguments.name, arguments.name
            ),
        ));
    }
    let ending = Ending { deadline: None, output: arguments.output, notify };
    let verdict = finish(cluster, global, &ground, arguments.on_interrupted, &ending).await;
    let verdict = verdict.map_err(|error| match error.downcast::<CannotResume>() {
        Ok(error) => Stop::refused(error.to_string()),
        Err(error) => error,
    })?;
    Ok(Exit::from(&verdict).into())
}

/// The release as a new rollout finds it, once nothing of an earlier one is in the way: waits for the lock as long as asked,
/// finishes what a dead run left. The inner error is the verdict of a rollout that could not be finished well.
pub(super) async fn settled(
    cluster: &Cluster,
    global: &GlobalArgs,
    release: &str,
    options: &RecordOptions,
    locking: &LockArgs,
    ending: &Ending,
) -> anyhow::Result<Result<Ground, Verdict>> {
    let left = ending.deadline.map_or(Duration::MAX, |deadline| deadline.since(cluster.clock.now()));
    let until = tokio::time::Instant::now() + locking.busy.wait_for_lock.min(left);
    loop {
        let ground = when_free(cluster, release, options, (until, locking.busy.take_over), false).await?;
        if interrupted(&ground.history).is_none() {
            // Whoever waits for the lock takes it before planning: between a look and the first write another may begin.
            let waits = !locking.busy.wait_for_lock.is_zero();
            if waits && !ground.records.claim(&ground.history).await? && tokio::time::Instant::now() < until {
                continue;
            }
            return Ok(Ok(ground));
        }
        let finished = finish(cluster, global, &ground, locking.on_interrupted, ending).await;
        let verdict = match finished {
            // What cannot be finished can be begun anew, if somebody says so.
            Err(error) if locking.busy.take_over && error.is::<CannotResume>() => {
                anstream::eprintln!("{error}; taken over, as asked");
                return Ok(Ok(ground));
            }
            Err(error) if error.is::<CannotResume>() => return Err(Stop::refused(error.to_string())),
            finished => finished?,
        };
        if !is_settled(&verdict) {
            return Ok(Err(verdict));
        }
    }
}

/// The release as it is when nobody is at work on it, or at once when somebody says to take it. Waits until then at most.
/// `over_helms`: what Helm left pending is no reason to wait, as for Helm's own rollback.
pub(super) async fn when_free(
    cluster: &Cluster,
    release: &str,
    options: &RecordOptions,
    (until, take_over): (tokio::time::Instant, bool),
    over_helms: bool,
) -> anyhow::Result<Ground> {
    loop {
        let ground = survey(cluster, release, options.clone()).await?;
        match check_pending(&ground, release, cluster).await {
            Ok(note) => {
                note.iter().for_each(|note| anstream::eprintln!("{note}"));
                return Ok(ground);
            }
            Err(error) if take_over => {
                anstream::eprintln!("{error}; taken over, as asked");
                ground.records.lease().seize();
                return Ok(ground);
            }
            Err(_) if over_helms && is_helms(&ground, cluster) => return Ok(ground),
            Err(_) if tokio::time::Instant::now() < until => tokio::time::sleep(LOOK_EVERY).await,
            Err(error) => return Err(error),
        }
    }
}

fn is_helms(ground: &Ground, cluster: &Cluster) -> bool {
    let pending = ground.history.pending(cluster.clock.now());
    pending.is_some_and(|pending| matches!(pending.owner, PendingOwner::Helm))
}

/// How often a release that is held is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Finishes the interrupted rollout of a release: goes on, or goes back.
async fn finish(
    cluster: &Cluster,
    global: &GlobalArgs,
    ground: &Ground,
    mode: OnInterrupted,
    ending: &Ending,
) -> anyhow::Result<Verdict> {
    let Some(record) = interrupted(&ground.history) else {
        return Err(Stop::refused("nothing is unfinished"));
    };
    let name = record.release.name.clone();
    let revision = record.release.version;
    if mode == OnInterrupted::Refuse {
        return Err(Stop::with(
            Exit::Held,
            format!(
                "revision {revision} of {name} was left unfinished and stays so; `backstay resume {name} -n {}` finishes it",
                cluster.namespace
            ),
        ));
    }
    let now = cluster.clock.now();
    let (mut rollout, kept) =
        load(&record, now).map_err(|why| CannotResume { revision, release: name.clone(), why })?;
    if mode == OnInterrupted::Rollback {
        // A machine that is already on its way back, or done, takes no notice.
        rollout.handle(Input::Command { command: Command::Abort }, now)?;
    }
    let word = if mode == OnInterrupted::Rollback { "going back" } else { "going on" };
    anstream::eprintln!("revision {revision} of {name} was left unfinished by a run that is gone; {word}");
    let request = Request {
        release: name,
        operation: rollout.plan().operation,
        objects: Vec::new(),
        hooks: Vec::new(),
        record: record.clone(),
        chart: kept.chart,
        options: RecordOptions {
            keep_history: kept.keep_history,
            description: kept.description,
            ..RecordOptions::default()
        },
        waiting: rollout.policy().waiting,
        remediation: rollout.policy().remediation,
        cleanup_on_fail: rollout.policy().cleanup_on_fail,
        run_hooks: rollout.policy().hooks,
        tests: false,
        may_be_tried_again: false,
        timeout: TimeoutRule::Helm(None),
        // That of this command; the dead run's is over, or told in its journal.
        deadline: ending.deadline,
        no_return: rollout.policy().no_return,
        bake: Duration::ZERO,
        health: backstay_core::health::Policy::default(),
        patience: None,
        recording: None,
        manner: kept.manner,
        validate: false,
        output: ending.output,
        voice: super::voice::Voice::Own,
        hide_notes: false,
        evidence_dir: None,
        notes: None,
        notify: ending.notify.clone(),
    };
    ground.records.go_on(record.clone()).await.map_err(|error| Stop::with(Exit::Held, error.to_string()))?;
    drive(cluster, global, ground, &request, &mut rollout).await
}

/// What a dead run left cannot be finished. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error(
    "revision {revision} of {release} cannot be resumed: {why}; nothing was changed. To begin anew over it: deploy with --take-over"
)]
struct CannotResume {
    revision: u32,
    release: String,
    why: Unusable,
}

/// What is wrong with what a dead run left.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("its journal or plan was changed or damaged after it was written (the checksum differs)")]
    Altered,
    #[error("what was kept of it cannot be read ({0})")]
    Plan(serde_json::Error),
    #[error("it was begun by a newer version (format {0}, this one reads {FORMAT}); use that version")]
    Newer(u64),
    #[error("its journal is damaged ({0})")]
    Entry(serde_json::Error),
    #[error(transparent)]
    Journal(#[from] ResumeError),
}

/// The rollout of a record, where its run left it.
fn load(record: &Record, now: Timestamp) -> Result<(Rollout, Leftover), Unusable> {
    if !record.intact {
        return Err(Unusable::Altered);
    }
    // The number first: what a newer version wrote need not be readable.
    let kept: serde_json::Value =
        serde_json::from_str(record.resume.as_deref().unwrap_or_default()).map_err(Unusable::Plan)?;
    let format = kept.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if format > u64::from(FORMAT) {
        return Err(Unusable::Newer(format));
    }
    let Resumable { plan, policy, chart, manner, keep_history, description, .. } =
        serde_json::from_value(kept).map_err(Unusable::Plan)?;
    let entries = journal(record)?;
    let rollout = Rollout::resume(plan, policy, entries, now)?;
    Ok((rollout, Leftover { chart, manner, keep_history, description }))
}

/// What a rollout's record keeps beside plan and policy.
struct Leftover {
    chart: String,
    manner: Manner,
    keep_history: bool,
    description: Option<String>,
}

/// The entries of a record's journal.
fn journal(record: &Record) -> Result<Vec<JournalEntry>, Unusable> {
    let lines = record.journal.as_deref().unwrap_or_default().lines();
    let mut entries = Vec::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line).map_err(Unusable::Entry)?;
        // The first entry says by which format the others are to be read.
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if let Some(found) = format.filter(|format| entries.is_empty() && *format > u64::from(JOURNAL_FORMAT))
        {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(ResumeError::FormatTooNew { found, supported: JOURNAL_FORMAT }.into());
        }
        entries.push(serde_json::from_value(value).map_err(Unusable::Entry)?);
    }
    Ok(entries)
}

/// Whether a new rollout may follow what finishing the old one ended in.
fn is_settled(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Deployed | Verdict::Uninstalled | Verdict::RolledBack { .. } | Verdict::CleanedUp { .. } => {
            true
        }
        Verdict::LeftInPlace { cause } => cause.code == CauseCode::Aborted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use backstay_core::health::Policy as Health;
    use backstay_core::object::Timestamp;
    use backstay_core::plan::{Operation, PlanInput, PlannedObject, build};
    use backstay_core::release::Release;
    use backstay_core::rollout::{ActionId, BEHAVIOUR, Output, Remediation, Waiting};
    use serde_json::{Value, json};

    use super::*;

    fn plan(text: &str) -> Plan {
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"b": text}});
        build(PlanInput {
            release: "shop".into(),
            namespace: "prod".into(),
            operation: Operation::Install,
            to: 1,
            objects: vec![PlannedObject::new(object, "a.yaml").unwrap()],
            hooks: vec![],
            current: None,
            healthy: None,
            live: Default::default(),
        })
        .unwrap()
    }

    fn policy() -> Policy {
        Policy {
            waiting: Waiting::All,
            remediation: Remediation::Undo,
            cleanup_on_fail: true,
            hooks: true,
            forward_ms: 60_000,
            bake_ms: 0,
            patience_ms: None,
            deadline: None,
            no_return: Default::default(),
            undo_ms: 60_000,
            evidence_ms: 1_000,
            attempts: 5,
            validate: false,
            health: Health::default(),
        }
    }

    /// The Secret of a rollout that died after a few entries.
    fn left(change_resume: impl Fn(&mut Value)) -> Value {
        let mut rollout = Rollout::new(plan("one"), policy(), Timestamp(1_000));
        let (mut journal, mut reads) = (String::new(), 0x8000_0000);
        for _ in 0..12 {
            match rollout.poll_output() {
                Output::Record { entry } => journal += &(serde_json::to_string(&entry).unwrap() + "\n"),
                Output::Wait { .. } => {
                    let id = ActionId(reads);
                    reads += 1;
                    let input = Input::Completed { id, outcome: crate::execute::done() };
                    let _not_a_read = rollout.handle(input, Timestamp(2_000));
                }
                _ => {}
            }
        }
        assert!(journal.lines().count() >= 3, "{journal}");
        let mut resume = serde_json::to_value(Resumable {
            format: FORMAT,
            plan: plan("one"),
            policy: policy(),
            chart: "shop-1".into(),
            manner: Manner::default(),
            keep_history: false,
            description: None,
        })
        .unwrap();
        change_resume(&mut resume);
        let release =
            Release { name: "shop".into(), namespace: "prod".into(), version: 1, ..Release::default() };
        let record =
            Record { journal: Some(journal), resume: Some(resume.to_string()), ..Record::new(release) };
        record.to_secret(Timestamp(0)).unwrap()
    }

    /// What loading says when a Secret's record was changed.
    fn refusal(secret: &Value, change: impl Fn(&mut Record)) -> String {
        let mut record = Record::from_secret(secret).unwrap();
        change(&mut record);
        load(&record, Timestamp(3_000)).err().map_or_else(|| "none".into(), |error| error.to_string())
    }

    fn with_journal(change: impl Fn(&str) -> String) -> impl Fn(&mut Record) {
        move |record| record.journal = record.journal.as_deref().map(&change)
    }

    #[test]
    fn a_journal_that_is_not_what_was_written_is_refused_by_its_kind() {
        let whole = left(|_| {});
        assert_eq!(refusal(&whole, |_| {}), "none");
        let check = |what: &str, said: String, expected: &str| {
            assert!(said.contains(expected), "{what}: {said:?} does not say {expected:?}");
        };
        let drop_line = |wanted: usize| {
            with_journal(move |text| {
                let lines = text.lines().enumerate().filter(|(number, _)| *number != wanted);
                lines.map(|(_, line)| line.to_owned() + "\n").collect()
            })
        };
        check("no beginning", refusal(&whole, drop_line(0)), "does not begin with its first entry");
        let journal = Record::from_secret(&whole).unwrap().journal.unwrap();
        for missing in 1..journal.lines().count() - 1 {
            let gap = format!("entry {} where entry {missing} is expected; it was cut", missing + 1);
            check("a gap", refusal(&whole, drop_line(missing)), &gap);
        }
        let cut = with_journal(|text| text[..text.len() - 9].to_owned());
        check("cut in an entry", refusal(&whole, cut), "journal is damaged");
        let newer = with_journal(|text| text.replacen("\"format\":1", "\"format\":9", 1));
        check("a newer journal", refusal(&whole, newer), "format 9");
        let rules = |number: &str| {
            let changed = format!("\"behaviour\":{number}");
            let own = format!("\"behaviour\":{BEHAVIOUR}");
            with_journal(move |text| text.replacen(&own, &changed, 1))
        };
        check("newer rules", refusal(&whole, rules("99")), "written by rules 99, this version knows");
        check("rules that never were", refusal(&whole, rules("0")), "written by rules 0, this version");
        assert_eq!(refusal(&whole, rules("1")), "none", "former rules can be gone on with");
        let other = left(|resume| resume["plan"] = serde_json::to_value(plan("two")).unwrap());
        check("another plan", refusal(&other, |_| {}), "belongs to plan");
        let newer = left(|resume| *resume = json!({"format": 7, "what": "ever"}));
        check("a newer form", refusal(&newer, |_| {}), "newer version (format 7");
        let strange = left(|resume| *resume = json!({"format": 1}));
        check("no plan", refusal(&strange, |_| {}), "cannot be read");
    }

    /// The record of the way back is made with entries that the other record gets with its next write.
    #[test]
    fn a_run_that_died_as_its_way_back_began_is_unfinished() {
        let held = Record::from_secret(&left(|_| {})).unwrap();
        let journal = held.journal.clone().unwrap();
        let cut =
            |lines: usize| journal.lines().take(lines).map(|line| line.to_owned() + "\n").collect::<String>();
        let other = journal.replacen("2000", "2001", 1);
        assert_ne!(other, journal);
        let without = |missing: usize| {
            let kept = journal.lines().enumerate().filter(|(number, _)| *number != missing);
            kept.map(|(_, line)| line.to_owned() + "\n").collect::<String>()
        };
        let (headless, gap) = (without(0), without(1));
        let newer = journal.replacen("\"format\":1", "\"format\":9", 1);
        for (what, of_held, of_newest, expected) in [
            ("both have all of it", journal.clone(), journal.clone(), Some(&journal)),
            ("the way back began earlier", journal.clone(), cut(2), Some(&journal)),
            ("it died as the way back began", cut(2), journal.clone(), Some(&journal)),
            ("another run's", journal.clone(), other, None),
            ("nothing was written", String::new(), journal.clone(), None),
            // What is damaged is said, not taken for another run's.
            ("its first entry is missing", headless.clone(), journal.clone(), Some(&headless)),
            ("an entry is missing", gap.clone(), journal.clone(), Some(&gap)),
            ("it is of a newer version", newer.clone(), journal.clone(), Some(&newer)),
            ("the other's first entry is missing", journal.clone(), headless.clone(), Some(&journal)),
        ] {
            let held = Record { journal: Some(of_held), ..held.clone() };
            let release = Release { version: 2, ..held.release.clone() };
            let newest = Record { journal: Some(of_newest), ..Record::new(release) };
            let found = interrupted(&History::new([held, newest]));
            let found = found.map(|record| (record.release.version, record.journal.unwrap_or_default()));
            assert_eq!(found, expected.map(|journal| (1, journal.clone())), "{what}");
        }
    }

    #[test]
    fn every_flipped_byte_of_what_was_kept_is_noticed() {
        use base64::Engine as _;
        let whole = left(|_| {});
        let base64 = base64::engine::general_purpose::STANDARD;
        let mut tried = 0;
        for key in ["backstay.journal", "backstay.resume", "backstay.sum"] {
            let bytes = base64.decode(whole["data"][key].as_str().unwrap()).unwrap();
            for at in 0..bytes.len() {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << (at % 8);
                let mut secret = whole.clone();
                secret["data"][key] = base64.encode(bytes).into();
                let said = refusal(&secret, |_| {});
                assert_eq!(said, Unusable::Altered.to_string(), "byte {at} of {key}");
                let history = History::new([Record::from_secret(&secret).unwrap()]);
                assert!(interrupted(&history).is_some(), "byte {at} of {key}: nobody would notice");
                tried += 1;
            }
        }
        assert!(tried > 500, "only {tried} bytes were tried");
    }
}
