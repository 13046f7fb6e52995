//! `plan --out FILE` and `deploy --plan FILE`: what was reviewed is carried out, or nothing is.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use backstay_core::health::Policy as Health;
use backstay_core::object::{ResourceKey, Timestamp};
use backstay_core::plan::{Change, Operation, Plan, PlannedObject};
use backstay_core::release::{Record, Release};
use backstay_core::rollout::{NoReturn, Remediation, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::bare;
use super::ground::{Ground, check_pending, look_at, plan_of, survey};
use super::run::{Request, TimeoutRule, carry_out};
use crate::args::{DeployArgs, DryRun, GlobalArgs, OutputFormat, Timeout};
use crate::charts;
use crate::cluster::Cluster;
use crate::execute::Manner;
use crate::exit::{Exit, Stop};
use crate::policy::PolicyFile;
use crate::records::RecordOptions;
use crate::sources::sha256;

/// The form of the file; raised when an older reader could misunderstand it.
const FORMAT: u32 = 1;

/// What a review was of, and all it takes to carry it out.
#[derive(Serialize, Deserialize)]
struct PlanFile {
    format: u32,
    /// Over the same file with this field empty: what was edited is not what was reviewed.
    checksum: String,
    /// The API server it was made for.
    server: String,
    namespace: String,
    at: String,
    chart_digest: String,
    values_digest: String,
    seen: Seen,
    /// The content of every object the plan touches, as a digest; `None` where there was none.
    objects: BTreeMap<String, Option<String>>,
    /// What is done with each, in order.
    steps: Vec<(ResourceKey, Change)>,
    request: Kept,
}

/// The history a plan was made upon.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    latest: Option<(u32, String)>,
    running: Option<u32>,
    healthy: Option<u32>,
}

/// The part of a [`Request`] that a review is about.
#[derive(Serialize, Deserialize)]
struct Kept {
    operation: Operation,
    objects: Vec<PlannedObject>,
    hooks: Vec<PlannedObject>,
    release: Release,
    chart: String,
    options: RecordOptions,
    waiting: Waiting,
    remediation: Remediation,
    cleanup_on_fail: bool,
    run_hooks: bool,
    tests: bool,
    /// `None` computes it.
    timeout_ms: Option<u64>,
    no_return: NoReturn,
    bake_ms: u64,
    health: Health,
    patience_ms: Option<u64>,
    manner: Manner,
    notes: Option<String>,
}

/// Keeps the plan of a request in a file that only its owner may read: it holds the manifest, Secrets included.
pub(super) async fn write(
    cluster: &Cluster,
    ground: &Ground,
    request: &Request,
    path: &Path,
) -> anyhow::Result<()> {
    let plan = plan_of(cluster, ground, request).await?;
    let release = &request.record.release;
    let mut file = PlanFile {
        format: FORMAT,
        checksum: String::new(),
        server: cluster.server.clone(),
        namespace: cluster.namespace.clone(),
        at: cluster.clock.now().to_rfc3339_seconds(),
        chart_digest: digest(&release.chart)?,
        values_digest: digest(&release.config)?,
        seen: Seen::of(ground),
        objects: contents(cluster, &plan).await?,
        steps: steps_of(&plan),
        request: Kept::of(request),
    };
    file.checksum = digest(&file)?;
    let text = serde_json::to_string_pretty(&file)?;
    write_private(path, text.as_bytes())
        .with_context(|| format!("cannot write the plan to {}", path.display()))?;
    anstream::eprintln!(
        "kept in {}; `backstay deploy --plan {}` carries out exactly this",
        path.display(),
        path.display()
    );
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

/// Carries out what a file keeps, if nothing has moved since.
pub(super) async fn deploy(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: DeployArgs,
    path: &Path,
) -> anyhow::Result<ExitCode> {
    let shown = path.display();
    let file = read(path).map_err(|error| Stop::refused(format!("the plan {shown}: {error:#}")))?;
    let mut cluster = cluster.clone();
    if global.namespace.is_none() {
        cluster.namespace.clone_from(&file.namespace);
    }
    let release = file.request.release.name.clone();
    let options = file.request.options.clone();
    let ground = survey(&cluster, &release, options).await?;
    if let Some(note) = check_pending(&ground, &release, &cluster).await? {
        return Err(Stop::with(Exit::Held, note));
    }
    let mut moved = moved(&cluster, &ground, &file).await?;
    moved.extend(given_differently(&cluster, global, &arguments, &file).await?);
    let began = cluster.clock.now();
    let request = file.request.request(&cluster, &arguments, began)?;
    if moved.is_empty() {
        let plan = plan_of(&cluster, &ground, &request).await?;
        if steps_of(&plan) != file.steps {
            moved.push("the same input makes another plan now; was it made by another version?".to_owned());
        }
    }
    if !moved.is_empty() {
        return Err(Stop::refused(format!(
            "this is not what was reviewed at {}:\n  {}\nplan again, and review that",
            file.at,
            moved.join("\n  ")
        )));
    }
    match arguments.apply.dry_run {
        DryRun::None => Ok(Exit::from(&carry_out(&cluster, global, &ground, request).await?).into()),
        _ => super::dry_run::check_only(&cluster, &ground, request, false).await,
    }
}

fn read(path: &Path) -> anyhow::Result<PlanFile> {
    let value: Value = serde_json::from_slice(&std::fs::read(path)?).context("it is no plan")?;
    // The number first: what a newer version wrote need not be readable.
    let format = value.get("format").and_then(Value::as_u64).unwrap_or(0);
    anyhow::ensure!(
        format <= u64::from(FORMAT),
        "it was made by a newer version (format {format}, this one reads {FORMAT})"
    );
    let mut file: PlanFile = serde_json::from_value(value).context("it is no plan")?;
    let checksum = std::mem::take(&mut file.checksum);
    anyhow::ensure!(digest(&file)? == checksum, "it was changed after it was made (the checksum differs)");
    Ok(file)
}

/// What is not as it was when the plan was made, one line each.
async fn moved(cluster: &Cluster, ground: &Ground, file: &PlanFile) -> anyhow::Result<Vec<String>> {
    let mut moved = Vec::new();
    if cluster.server != file.server {
        moved.push(format!("it was made for {}, this is {}", file.server, cluster.server));
    }
    if cluster.namespace != file.namespace {
        moved.push(format!("it was made for namespace {}, this is {}", file.namespace, cluster.namespace));
    }
    let now = Seen::of(ground);
    if now != file.seen {
        moved.push(format!("the release was {}, now it is {}", file.seen.words(), now.words()));
    }
    let keys: Vec<ResourceKey> = file.steps.iter().map(|(key, _)| key.clone()).collect();
    let live = look_at(cluster, &keys).await?;
    for (key, change) in &file.steps {
        let before = file.objects.get(&key.path()).and_then(Option::as_ref);
        let after = live.get(key).and_then(Option::as_ref).map(content).transpose()?;
        let what = match (before, after) {
            (None, Some(_)) => "is there now",
            (Some(_), None) => "is gone",
            (Some(before), Some(after)) if *before != after => "was changed",
            _ => continue,
        };
        moved.push(format!("{key} {what} (the plan: {})", change.word()));
    }
    Ok(moved)
}

/// Chart and values given beside the plan have to be those it was made of.
async fn given_differently(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: &DeployArgs,
    file: &PlanFile,
) -> anyhow::Result<Vec<String>> {
    let words = &arguments.name_and_chart;
    let mut moved = Vec::new();
    if words.is_empty() {
        return Ok(moved);
    }
    let render = &arguments.render;
    let compatibility = charts::compatibility(&render.compat);
    let now = cluster.clock.now();
    let (name, chart) = charts::name_and_chart(words, &arguments.name, None, compatibility, now)?;
    if name != file.request.release.name {
        moved.push(format!("it was made for the release {}, not {name}", file.request.release.name));
    }
    let chart = charts::load_from(global, &chart, render).await?;
    if digest(&chart.to_record_json())? != file.chart_digest {
        moved.push(format!("the chart differs from the {} that was planned", file.request.chart));
    }
    let values = charts::values(&render.values, compatibility).await?;
    if digest(&backstay_core::gotemplate::map_to_json(&values))? != file.values_digest {
        moved.push("the values differ from those that were planned".to_owned());
    }
    Ok(moved)
}

async fn contents(cluster: &Cluster, plan: &Plan) -> anyhow::Result<BTreeMap<String, Option<String>>> {
    let keys: Vec<ResourceKey> = plan.steps.iter().map(|step| step.key.clone()).collect();
    let live = look_at(cluster, &keys).await?;
    live.into_iter().map(|(key, live)| Ok((key.path(), live.as_ref().map(content).transpose()?))).collect()
}

/// The digest of what people and controllers write of an object, without status and bookkeeping.
fn content(live: &Value) -> anyhow::Result<String> {
    digest(&bare(live))
}

fn digest(value: &impl Serialize) -> anyhow::Result<String> {
    // Through a value, whose maps have one order.
    Ok(sha256(serde_json::to_value(value)?.to_string().as_bytes()))
}

fn steps_of(plan: &Plan) -> Vec<(ResourceKey, Change)> {
    plan.steps.iter().map(|step| (step.key.clone(), step.change)).collect()
}

impl Seen {
    fn of(ground: &Ground) -> Self {
        let latest = ground.history.latest().map(|record| &record.release);
        Self {
            latest: latest.map(|release| (release.version, release.info.status.to_string())),
            running: ground.current.as_ref().map(|current| current.revision),
            healthy: ground.healthy.as_ref().map(|healthy| healthy.revision),
        }
    }

    fn words(&self) -> String {
        match &self.latest {
            Some((revision, status)) => format!("at revision {revision} ({status})"),
            None => "not there".to_owned(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Kept {
    fn of(request: &Request) -> Self {
        let (TimeoutRule::Total(timeout) | TimeoutRule::Helm(timeout)) = request.timeout;
        Self {
            operation: request.operation,
            objects: request.objects.clone(),
            hooks: request.hooks.clone(),
            release: request.record.release.clone(),
            chart: request.chart.clone(),
            options: request.options.clone(),
            waiting: request.waiting,
            remediation: request.remediation,
            cleanup_on_fail: request.cleanup_on_fail,
            run_hooks: request.run_hooks,
            tests: request.tests,
            timeout_ms: timeout.and_then(|timeout| match timeout {
                Timeout::Given(given) => Some(millis(given)),
                Timeout::Auto => None,
            }),
            no_return: request.no_return,
            bake_ms: millis(request.bake),
            health: request.health.clone(),
            patience_ms: request.patience.map(millis),
            manner: request.manner,
            notes: request.notes.clone(),
        }
    }

    fn request(self, cluster: &Cluster, arguments: &DeployArgs, now: Timestamp) -> anyhow::Result<Request> {
        let apply = &arguments.apply;
        let of_policy = PolicyFile::receivers(apply.policy.as_deref())?;
        let mut release = self.release;
        release.namespace.clone_from(&cluster.namespace);
        release.info.last_deployed = Some(now.into());
        if self.operation == Operation::Install {
            release.info.first_deployed = Some(now.into());
        }
        Ok(Request {
            release: release.name.clone(),
            operation: self.operation,
            objects: self.objects,
            hooks: self.hooks,
            record: Record::new(release),
            chart: self.chart,
            options: self.options,
            waiting: self.waiting,
            remediation: self.remediation,
            cleanup_on_fail: self.cleanup_on_fail,
            run_hooks: self.run_hooks,
            tests: self.tests,
            may_be_tried_again: false,
            timeout: TimeoutRule::Total(self.timeout_ms.map(|ms| Timeout::Given(Duration::from_millis(ms)))),
            deadline: apply.deadline.map(|total| now.after(total)),
            no_return: self.no_return,
            bake: Duration::from_millis(self.bake_ms),
            health: self.health,
            patience: self.patience_ms.map(Duration::from_millis),
            recording: apply.record.clone(),
            manner: self.manner,
            validate: true,
            output: apply.output,
            voice: super::voice::Voice::Own,
            hide_notes: false,
            evidence_dir: apply.evidence_dir.clone(),
            notes: self.notes.filter(|_| !apply.hide_notes && apply.output == OutputFormat::Table),
            // Addresses hold tokens, so the file does not keep them.
            notify: apply.tell.targets(&of_policy)?,
        })
    }
}
