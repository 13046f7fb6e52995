//! `test`: the chart's tests of a release (Helm `pkg/action/release_testing.go`). Better than Helm: a test that cannot
//! end well, such as one whose image does not exist, is over as soon as that is certain.

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use backstay_core::health::Cause;
use backstay_core::object::{ResourceKey, Timestamp, condition_is_true, list_at, text_at};
use backstay_core::plan::{HookEvent, PlannedHook};
use backstay_core::release::{Record, Release};
use backstay_core::rollout::Outcome;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use serde_json::Value;

use super::diagnose::certain_cause;
use super::read::{ansi_c, read_one, suites};
use crate::args::TestArgs;
use crate::charts::revision_of;
use crate::cluster::Cluster;
use crate::execute::{Executor, Secrets};
use crate::exit::Exit;
use crate::records::{RecordOptions, Records, replace};

/// How often a test is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is asked whether it still can end well.
const JUDGE_EVERY: u32 = 4;

pub(crate) async fn test(cluster: &Cluster, arguments: &TestArgs) -> anyhow::Result<ExitCode> {
    run_tests(cluster, arguments, true).await
}

/// Runs the tests; what came out is in the record, and shown if somebody looks.
pub(super) async fn run_tests(
    cluster: &Cluster,
    arguments: &TestArgs,
    is_shown: bool,
) -> anyhow::Result<ExitCode> {
    let record = read_one(cluster, &arguments.name, 0).await?;
    let filter = Filter::new(&arguments.filter);
    let mut tests = hooks(cluster, &record.release).await?;
    tests.retain(|test| filter.wants(&test.object.key.name));
    let mut run = Run::new(cluster, record, arguments.timeout)?;
    let failure = run.all(&tests).await?;
    if is_shown {
        print(&run.record.release);
    }
    if arguments.logs {
        anstream::println!();
        logs(cluster, &tests).await;
    }
    let ended = run.clean_up(&tests, failure.as_ref()).await;
    if let Some((name, reason)) = failure {
        anstream::eprintln!("Error: test {name} failed: {reason}");
        return Ok(Exit::Failed.into());
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// The tests of a release in the order they run: weight, then name.
async fn hooks(cluster: &Cluster, release: &Release) -> anyhow::Result<Vec<PlannedHook>> {
    let revision = revision_of(cluster, release).await?;
    let mut tests: Vec<PlannedHook> = revision.hooks.iter().filter_map(PlannedHook::of).collect();
    tests.retain(|hook| hook.events.contains(&HookEvent::Test));
    tests.sort_by(|a, b| (a.weight, &a.object.key.name).cmp(&(b.weight, &b.object.key.name)));
    Ok(tests)
}

/// `name=x` and `!name=x`.
struct Filter {
    only: Vec<String>,
    not: Vec<String>,
}

impl Filter {
    fn new(texts: &[String]) -> Self {
        let mut filter = Self { only: Vec::new(), not: Vec::new() };
        for text in texts {
            let text = text.trim();
            if let Some(name) = text.strip_prefix("name=") {
                filter.only.push(name.to_owned());
            } else if let Some(name) =
                text.strip_prefix('!').and_then(|rest| rest.trim_start().strip_prefix("name="))
            {
                filter.not.push(name.to_owned());
            }
        }
        filter
    }

    fn wants(&self, name: &str) -> bool {
        let has = |list: &[String]| list.iter().any(|other| other == name);
        !has(&self.not) && (self.only.is_empty() || has(&self.only))
    }
}

/// One run of the tests of a release.
struct Run<'a> {
    cluster: &'a Cluster,
    executor: Executor,
    record: Record,
    timeout: Duration,
}

impl<'a> Run<'a> {
    fn new(cluster: &'a Cluster, record: Record, timeout: Duration) -> anyhow::Result<Self> {
        let release = &record.release;
        let options = RecordOptions::default();
        let records = Records::new(cluster, &release.name, &release.namespace, options)?;
        let executor = Executor {
            cluster: cluster.clone(),
            records: Rc::new(records),
            release: release.name.clone(),
            namespace: release.namespace.clone(),
            manner: Default::default(),
            namespace_is_new: false,
            secrets: Secrets::of_objects(&[]),
            evidence: Default::default(),
            notes: Default::default(),
        };
        Ok(Self { cluster, executor, record, timeout })
    }

    /// Runs the tests one after the other; the first that fails ends it. What came out is written into the record.
    async fn all(&mut self, tests: &[PlannedHook]) -> anyhow::Result<Option<(String, String)>> {
        let mut failure = None;
        for test in tests {
            let name = test.object.key.name.to_string();
            let started = self.cluster.clock.now();
            let outcome = self.one(test, started).await;
            let phase = if outcome.is_ok() { "Succeeded" } else { "Failed" };
            let completed = self.cluster.clock.now();
            if let Some(hook) = self.record.release.hooks.iter_mut().find(|hook| hook.name == name) {
                hook.last_run.started_at = Some(started.into());
                hook.last_run.completed_at = Some(completed.into());
                phase.clone_into(&mut hook.last_run.phase);
            }
            if let Err(reason) = outcome {
                failure = Some((name, reason));
                break;
            }
        }
        if !tests.is_empty() {
            replace(&self.cluster.client, &self.record, self.cluster.clock.now()).await?;
        }
        Ok(failure)
    }

    /// One test to its end, or until nothing good can come of it any more.
    async fn one(&self, test: &PlannedHook, started: Timestamp) -> Result<(), String> {
        let key = &test.object.key;
        let deadline = started.after(self.timeout);
        let told = |error: anyhow::Error| format!("{error:#}");
        let mark = format!("test-{}", started.as_millis());
        let created = self.executor.create_hook(test, &mark, deadline).await;
        if let Outcome::Failed { causes, .. } = created {
            return Err(words_of(&causes));
        }
        for look in 0_u32.. {
            let live = self.executor.live(key).await.map_err(told)?;
            let Some(live) = live else { return Err("it was deleted while it ran".to_owned()) };
            if let Some(end) = end_of(key, &live) {
                return end;
            }
            if look % JUDGE_EVERY == 0
                && let Some(cause) = certain_cause(self.cluster, key, started).await.map_err(told)?
            {
                return Err(cause);
            }
            if self.cluster.clock.now() >= deadline {
                return Err(format!("it did not end in {} s", self.timeout.as_secs()));
            }
            self.cluster.clock.sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Deletes what the tests' policies say, after the logs were shown.
    async fn clean_up(
        &self,
        tests: &[PlannedHook],
        failure: Option<&(String, String)>,
    ) -> anyhow::Result<()> {
        let failed = failure.and_then(|(name, _)| tests.iter().find(|test| *test.object.key.name == **name));
        let succeeded: Vec<PlannedHook> = tests
            .iter()
            .take_while(|test| failed.is_none_or(|failed| failed.object.key != test.object.key))
            .cloned()
            .collect();
        let deadline = self.cluster.clock.now().after(self.timeout);
        match self.executor.clean_hooks(&succeeded, failed, deadline).await {
            Outcome::Failed { causes, .. } => {
                anyhow::bail!("cannot clean up after the tests: {}", words_of(&causes))
            }
            _ => Ok(()),
        }
    }
}

fn words_of(causes: &[Cause]) -> String {
    causes.first().map_or_else(|| "the server refused it".to_owned(), |cause| cause.message.clone())
}

/// How a test ended, if it has. Objects of other kinds than Pods and Jobs are done when they are there.
fn end_of(key: &ResourceKey, live: &Value) -> Option<Result<(), String>> {
    match key.kind.as_str() {
        "Pod" => match text_at(live, &["status", "phase"]) {
            Some("Succeeded") => Some(Ok(())),
            Some("Failed") => Some(Err(exit_of_pod(live))),
            _ => None,
        },
        "Job" if condition_is_true(live, "Complete") => Some(Ok(())),
        "Job" if condition_is_true(live, "Failed") => {
            let failed = |condition: &&Value| text_at(condition, &["type"]) == Some("Failed");
            let condition = list_at(live, &["status", "conditions"]).iter().find(failed);
            let message = condition.and_then(|condition| text_at(condition, &["message"]));
            Some(Err(message.unwrap_or("the Job failed").to_owned()))
        }
        "Job" => None,
        _ => Some(Ok(())),
    }
}

/// The containers that ended badly.
fn exit_of_pod(pod: &Value) -> String {
    let mut words = Vec::new();
    for field in ["initContainerStatuses", "containerStatuses"] {
        for status in list_at(pod, &["status", field]) {
            let code = status.pointer("/state/terminated/exitCode").and_then(Value::as_i64).unwrap_or(0);
            if code != 0 {
                let name = text_at(status, &["name"]).unwrap_or_default();
                words.push(format!("container {name} ended with exit code {code}"));
            }
        }
    }
    if words.is_empty() {
        let message = text_at(pod, &["status", "message"]).or_else(|| text_at(pod, &["status", "reason"]));
        return message.unwrap_or("the pod failed").to_owned();
    }
    words.join(", ")
}

/// Helm's block, with a suite for every test that has ever run.
fn print(release: &Release) {
    anstream::println!("NAME: {}", release.name);
    let deployed = release.info.last_deployed.as_ref().and_then(|time| time.timestamp());
    anstream::println!("LAST DEPLOYED: {}", deployed.map(ansi_c).unwrap_or_default());
    anstream::println!("NAMESPACE: {}", release.namespace);
    anstream::println!("STATUS: {}", release.info.status);
    anstream::println!("REVISION: {}", release.version);
    anstream::println!("DESCRIPTION: {}", release.info.description);
    anstream::print!("{}", suites(release));
}

/// What every container of every test pod wrote.
async fn logs(cluster: &Cluster, tests: &[PlannedHook]) {
    for test in tests.iter().filter(|test| test.object.key.kind == "Pod") {
        let name = test.object.key.name.to_string();
        let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &test.object.key.namespace);
        for field in ["initContainers", "containers"] {
            for container in list_at(&test.object.object, &["spec", field]) {
                let container = text_at(container, &["name"]).unwrap_or_default();
                let wanted = LogParams { container: Some(container.to_owned()), ..LogParams::default() };
                match api.logs(&name, &wanted).await {
                    Ok(text) => anstream::println!("POD LOGS: {name} ({container})\n{text}"),
                    Err(error) => anstream::eprintln!(
                        "WARNING: unable to get logs for pod {name}, container {container}: {error}"
                    ),
                }
            }
        }
    }
}
