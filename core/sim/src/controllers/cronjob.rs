//! CronJobs: a Job at every scheduled minute (UTC; a `timeZone` is not looked at).

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    ResourceKey, Timestamp, bool_at, int_at, is_deleting, name, namespace, set_at, text_at, uid,
};
use serde_json::{Value, json};

use super::job_status::finished;
use crate::events::{normal, source, warning};
use crate::store::{DeleteOptions, Propagation};
use crate::world::{Ctx, Duty, Task};

const COMPONENT: &str = "cronjob-controller";
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, cron_name: &str) {
    let Some(cron) = ctx.get("batch/v1", "CronJob", space, cron_name) else { return };
    if is_deleting(&cron) {
        return;
    }
    let mut status =
        cron.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    let jobs: Vec<Arc<Value>> = ctx
        .store
        .dependents(uid(&cron))
        .filter(|(key, _)| key.kind == "Job")
        .map(|(_, job)| job.clone())
        .collect();
    let active: Vec<Arc<Value>> = jobs.iter().filter(|job| finished(job).is_none()).cloned().collect();
    note_finished(ctx, &cron, &jobs, &mut status);
    trim(ctx, &cron, &jobs);
    let text = text_at(&cron, &["spec", "schedule"]).unwrap_or("").to_owned();
    let Some(schedule) = Schedule::parse(&text) else {
        let message = format!("unparseable schedule: \"{text}\"");
        return ctx.event(&cron, source(COMPONENT), warning("UnparseableSchedule", &message));
    };
    let mut references: Vec<Value> = active.iter().map(|job| reference(job)).collect();
    if bool_at(&cron, &["spec", "suspend"]) != Some(true) {
        let time = |path: &[&str]| text_at(&cron, path).and_then(|text| Timestamp::parse(text).ok());
        let last = time(&["status", "lastScheduleTime"])
            .or_else(|| time(&["metadata", "creationTimestamp"]))
            .unwrap_or(ctx.now);
        if let Some(due) = schedule.latest(last, ctx.now)
            && let Some(job) = start(ctx, &cron, &active, due)
        {
            if text_at(&cron, &["spec", "concurrencyPolicy"]) == Some("Replace") {
                references.clear();
            }
            references.push(reference(&job));
            status["lastScheduleTime"] = json!(due.to_rfc3339_seconds());
        }
        if let Some(next) = schedule.next(ctx.now) {
            ctx.due(Task::of(Duty::CronJob, &cron), next.since(ctx.now));
        }
    }
    if references.is_empty() {
        backstay_object::remove_at(&mut status, &["active"]);
    } else {
        status["active"] = Value::Array(references);
    }
    ctx.set_status(&cron, status);
}

fn reference(job: &Value) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "name": name(job), "namespace": namespace(job),
        "uid": uid(job), "resourceVersion": job["metadata"]["resourceVersion"]})
}

fn note_finished(ctx: &mut Ctx<'_>, cron: &Value, jobs: &[Arc<Value>], status: &mut Value) {
    let listed = backstay_object::list_at(cron, &["status", "active"]).to_vec();
    for job in jobs.iter().filter(|job| listed.iter().any(|entry| entry["uid"] == job["metadata"]["uid"])) {
        if finished(job).is_none() {
            continue;
        }
        let complete = backstay_object::condition_is_true(job, "Complete");
        let message = format!(
            "Saw completed job: {}, condition: {}",
            name(job),
            if complete { "Complete" } else { "Failed" }
        );
        ctx.event(cron, source(COMPONENT), normal("SawCompletedJob", &message));
        if let Some(time) = job["status"].get("completionTime") {
            status["lastSuccessfulTime"] = time.clone();
        }
    }
}

fn start(ctx: &mut Ctx<'_>, cron: &Value, active: &[Arc<Value>], due: Timestamp) -> Option<Arc<Value>> {
    let policy = text_at(cron, &["spec", "concurrencyPolicy"]).unwrap_or("Allow");
    let late =
        int_at(cron, &["spec", "startingDeadlineSeconds"]).and_then(|seconds| u64::try_from(seconds).ok());
    if late.is_some_and(|late| due.after(Duration::from_secs(late)) < ctx.now) {
        let message = format!("Missed scheduled time to start a job: {}", due.to_rfc3339_seconds());
        ctx.event(cron, source(COMPONENT), warning("MissSchedule", &message));
        return None;
    }
    if policy == "Forbid" && !active.is_empty() {
        let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
        ctx.event(cron, source(COMPONENT), normal("JobAlreadyActive", message));
        return None;
    }
    if policy == "Replace" {
        for job in active {
            delete(ctx, cron, job);
        }
    }
    let template = &cron["spec"]["jobTemplate"];
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": format!("{}-{}", name(cron), due.0 / MINUTE),
            "namespace": namespace(cron),
            "annotations": super::joined(&template["metadata"]["annotations"], &[
                ("batch.kubernetes.io/cronjob-scheduled-timestamp", &due.to_rfc3339_seconds()),
            ]),
            "ownerReferences": super::owner_references(cron),
        },
        "spec": template["spec"],
    });
    if let Some(labels) = template["metadata"].get("labels") {
        set_at(&mut job, &["metadata", "labels"], labels.clone());
    }
    match ctx.create(job) {
        Ok(job) => {
            let message = format!("Created job {}", name(&job));
            ctx.event(cron, source(COMPONENT), normal("SuccessfulCreate", &message));
            Some(job)
        }
        Err(error) => {
            let message = format!("Error creating job: {}", error.message);
            ctx.event(cron, source(COMPONENT), warning("FailedCreate", &message));
            None
        }
    }
}

fn delete(ctx: &mut Ctx<'_>, cron: &Value, job: &Value) {
    let options = DeleteOptions::with(Propagation::Background);
    if let Some(key) = ResourceKey::of(job)
        && ctx.store.delete(&key, &options, ctx.now).is_ok()
    {
        let message = format!("Deleted job {}", name(job));
        ctx.event(cron, source(COMPONENT), normal("SuccessfulDelete", &message));
    }
}

/// Deletes the oldest finished jobs beyond the history limits.
fn trim(ctx: &mut Ctx<'_>, cron: &Value, jobs: &[Arc<Value>]) {
    for (end, field, default) in
        [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
    {
        let limit = usize::try_from(int_at(cron, &["spec", field]).unwrap_or(default)).unwrap_or(0);
        let mut ended: Vec<&Arc<Value>> = jobs
            .iter()
            .filter(|job| backstay_object::condition_is_true(job, end) && !is_deleting(job))
            .collect();
        ended.sort_by_key(|job| text_at(job, &["metadata", "creationTimestamp"]).unwrap_or("").to_owned());
        for job in ended.iter().take(ended.len().saturating_sub(limit)) {
            delete(ctx, cron, job);
        }
    }
}

/// A cron schedule: sets of minutes, hours, days of the month, months and days of the week, as bits.
struct Schedule {
    sets: [u64; 5],
    /// Whether days of month and of week are both given: then one of them is enough.
    either_day: bool,
}

const LIMITS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
const NAMES: [&str; 19] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sun", "mon", "tue",
    "wed", "thu", "fri", "sat",
];

impl Schedule {
    fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != 5 {
            return None;
        }
        let mut sets = [0; 5];
        for ((set, field), (low, high)) in sets.iter_mut().zip(&fields).zip(LIMITS) {
            for part in field.split(',') {
                *set |= part_set(part, low, high)?;
            }
        }
        let given = |at: usize| fields.get(at).is_some_and(|field| !field.starts_with(['*', '?']));
        Some(Self { sets, either_day: given(2) && given(4) })
    }

    fn has(&self, at: usize, number: u64) -> bool {
        self.sets.get(at).is_some_and(|set| set >> number & 1 == 1)
    }

    fn day_fits(&self, day: u64) -> bool {
        let (month, of_month) = month_and_day(day);
        let (by_month, by_week) = (self.has(2, of_month), self.has(4, (day + 4) % 7));
        self.has(3, month) && if self.either_day { by_month || by_week } else { by_month && by_week }
    }

    /// The first scheduled minute after a time, within five years.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let first = after.0 / MINUTE + 1;
        let first_day = first * MINUTE / DAY;
        for day in (first_day..first_day + 5 * 366).filter(|day| self.day_fits(*day)) {
            let minutes = (day * 1440).max(first)..(day + 1) * 1440;
            let hit =
                minutes.into_iter().find(|minute| self.has(1, minute / 60 % 24) && self.has(0, minute % 60));
            if let Some(minute) = hit {
                return Some(Timestamp(minute * MINUTE));
            }
        }
        None
    }

    /// The last scheduled minute after one time and not after another.
    fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        // Long ago does not matter: no more than the last week is looked through.
        let mut at = Timestamp(after.0.max(until.0.saturating_sub(7 * DAY)));
        let mut latest = None;
        while let Some(next) = self.next(at).filter(|next| *next <= until) {
            latest = Some(next);
            at = next;
        }
        latest
    }
}

fn part_set(part: &str, low: u32, high: u32) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
        None => (part, 1),
    };
    let number = |text: &str| -> Option<u32> {
        let word = text.to_ascii_lowercase();
        let value = match NAMES.iter().position(|name| *name == word) {
            Some(at) if at < 12 => u32::try_from(at + 1).ok()?,
            Some(at) => u32::try_from(at - 12).ok()?,
            None => text.parse().ok()?,
        };
        let value = if high == 6 && value == 7 { 0 } else { value };
        (low..=high).contains(&value).then_some(value)
    };
    let (from, to) = match range {
        "*" | "?" => (low, high),
        range => match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if step > 1 => (number(range)?, high),
            None => (number(range)?, number(range)?),
        },
    };
    let step = usize::try_from(step).ok()?;
    Some((from..=to).step_by(step).fold(0, |set, value| set | 1 << value))
}

/// Month and day of the month of a day since 1970 (the days-to-civil rule of the proleptic Gregorian calendar).
fn month_and_day(day: u64) -> (u64, u64) {
    let shifted = day + 719_468;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        let start = Timestamp::parse("2026-02-27T23:59:30Z").unwrap();
        for (schedule, next) in [
            ("* * * * *", Some("2026-02-28T00:00:00Z")),
            ("*/15 3 * * *", Some("2026-02-28T03:00:00Z")),
            ("30 4 1 * *", Some("2026-03-01T04:30:00Z")),
            ("0 0 * * mon", Some("2026-03-02T00:00:00Z")),
            ("0 0 29 2 *", Some("2028-02-29T00:00:00Z")),
            ("0 12 1 * 6", Some("2026-02-28T12:00:00Z")),
            ("@monthly", Some("2026-03-01T00:00:00Z")),
            ("61 * * * *", None),
            ("* * * *", None),
        ] {
            let found = Schedule::parse(schedule).and_then(|schedule| schedule.next(start));
            assert_eq!(found.map(Timestamp::to_rfc3339_seconds).as_deref(), next, "{schedule}");
        }
    }
}
