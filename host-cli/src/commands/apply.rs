//! `deploy`, `install`, `upgrade`: a chart becomes a revision.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use backstay_core::chart::{Capabilities, Chart, ReusePolicy, reuse_values};
use backstay_core::gotemplate::{Map, Value, from_json_floats, map_to_json};
use backstay_core::health::FailFast as Level;
use backstay_core::plan::{HookEvent, Operation, PlannedHook, PlannedObject};
use backstay_core::release::{
    ApplyMethod, Info, NameError, Record, Release, Status, check_labels, description, validate_name,
};
use backstay_core::rollout::{Remediation, Waiting};

use super::attempt::{Attempt, Try};
use super::ground::{Ground, exists, survey};
use super::resume::{Ending, settled};
use super::reverse::waiting;
use super::run::{Request, TimeoutRule, carry_out};
use super::voice::{Voice, without_secrets};
use crate::args::{
    ApplyArgs, Cascade, DeployArgs, DiffArgs, DryRun, FailFast, GlobalArgs, InstallArgs, NameArgs,
    OutputFormat, PlanArgs, RenderArgs, ReuseArgs, UpgradeArgs, WaitArgs,
};
use crate::charts::{self, RenderInput, Rendered};
use crate::cluster::Cluster;
use crate::execute::Manner;
use crate::exit::{Exit, Stop};
use crate::notify;
use crate::policy::PolicyFile;
use crate::records::{RecordOptions, Records};
use crate::reporter::Summary;

/// What the three commands have in common, and where they differ.
#[derive(Clone)]
pub(super) struct Apply {
    pub(super) name: String,
    pub(super) chart: String,
    render: RenderArgs,
    pub(super) apply: ApplyArgs,
    reuse: ReuseArgs,
    may_install: bool,
    may_upgrade: bool,
    replace: bool,
    pub(super) waiting: Waiting,
    pub(super) remediation: Remediation,
    /// Whether flags said what happens after a failure; a policy file has no say then.
    pub(super) remediation_is_given: bool,
    pub(super) cleanup_on_fail: bool,
    pub(super) timeout: TimeoutRule,
    /// Whether the chart's tests run, too.
    pub(super) tests: bool,
    /// Whether a test that fails is only told.
    pub(super) tests_decide_nothing: bool,
    pub(super) purpose: Purpose,
    /// Whose words it ends with.
    pub(super) voice: Voice,
}

/// What a request is made for.
#[derive(Clone)]
pub(super) enum Purpose {
    /// To be carried out.
    Deploy,
    /// To say what would be done, without the rules named, and to keep it in a file for a later deploy.
    Plan { ignore: Vec<String>, out: Option<PathBuf> },
    /// To say what would differ.
    Diff(super::diff::Manner),
}

pub(crate) async fn deploy(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: DeployArgs,
) -> anyhow::Result<ExitCode> {
    if let Some(file) = arguments.plan.clone() {
        return super::plan_file::deploy(cluster, global, arguments, &file).await;
    }
    deploy_or_plan(cluster, global, arguments, Purpose::Deploy).await
}

/// `diff`: what a deploy would change, field by field.
pub(crate) async fn diff(
    cluster: &Cluster,
    global: &GlobalArgs,
    mut arguments: DiffArgs,
) -> anyhow::Result<ExitCode> {
    arguments.deploy.apply.dry_run = DryRun::Server;
    let manner = super::diff::Manner { exit_code: arguments.exit_code, context: arguments.context };
    deploy_or_plan(cluster, global, arguments.deploy, Purpose::Diff(manner)).await
}

/// `plan`: everything `deploy` does before its first change, and an answer instead of the change.
pub(crate) async fn plan(
    cluster: &Cluster,
    global: &GlobalArgs,
    mut arguments: PlanArgs,
) -> anyhow::Result<ExitCode> {
    arguments.deploy.apply.dry_run = DryRun::Server;
    let purpose = Purpose::Plan { ignore: arguments.ignore, out: arguments.out };
    deploy_or_plan(cluster, global, arguments.deploy, purpose).await
}

async fn deploy_or_plan(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: DeployArgs,
    purpose: Purpose,
) -> anyhow::Result<ExitCode> {
    // The times of a HelmRelease are for each way, as Helm's.
    let timeout = if arguments.apply.decided.is_given && arguments.apply.timeout.is_none() {
        TimeoutRule::Helm(None)
    } else {
        TimeoutRule::Total(arguments.apply.timeout)
    };
    let (name, chart) = named(cluster, &arguments.name_and_chart, &arguments.name, &arguments.render)?;
    let apply = Apply {
        name,
        chart,
        render: arguments.render,
        apply: arguments.apply,
        reuse: arguments.reuse,
        may_install: true,
        may_upgrade: true,
        replace: true,
        waiting: Waiting::All,
        remediation: Remediation::Undo,
        remediation_is_given: false,
        cleanup_on_fail: true,
        timeout,
        tests: arguments.test,
        tests_decide_nothing: false,
        purpose,
        voice: Voice::Own,
    };
    apply.run(cluster, global).await
}

pub(crate) async fn install(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: InstallArgs,
) -> anyhow::Result<ExitCode> {
    let (waiting, remediation) = helm_rules(&arguments.wait);
    let timeout = TimeoutRule::Helm(arguments.apply.timeout);
    let (name, chart) = named(cluster, &arguments.name_and_chart, &arguments.name, &arguments.render)?;
    let apply = Apply {
        name,
        chart,
        render: arguments.render,
        apply: arguments.apply,
        reuse: ReuseArgs::default(),
        may_install: true,
        may_upgrade: false,
        replace: arguments.replace,
        waiting,
        remediation,
        remediation_is_given: arguments.wait.rollback_on_failure,
        cleanup_on_fail: false,
        timeout,
        tests: false,
        tests_decide_nothing: false,
        purpose: Purpose::Deploy,
        voice: Voice::Install,
    };
    apply.run(cluster, global).await
}

pub(crate) async fn upgrade(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: UpgradeArgs,
) -> anyhow::Result<ExitCode> {
    let (waiting, remediation) = helm_rules(&arguments.wait);
    let timeout = TimeoutRule::Helm(arguments.apply.timeout);
    let apply = Apply {
        name: arguments.name,
        chart: arguments.chart,
        render: arguments.render,
        apply: arguments.apply,
        reuse: arguments.reuse,
        may_install: arguments.install,
        may_upgrade: true,
        replace: true,
        waiting,
        remediation,
        remediation_is_given: arguments.wait.rollback_on_failure,
        cleanup_on_fail: arguments.cleanup_on_fail,
        timeout,
        tests: false,
        tests_decide_nothing: false,
        purpose: Purpose::Deploy,
        voice: Voice::Upgrade,
    };
    apply.run(cluster, global).await
}

/// How eager to give up: the flag, the file, the default.
pub(super) fn level(flag: Option<FailFast>, file: &PolicyFile) -> Level {
    match flag {
        Some(FailFast::Off) => Level::Off,
        Some(FailFast::Default) => Level::Default,
        Some(FailFast::Strict) => Level::Strict,
        None => file.fail_fast.unwrap_or_default(),
    }
}

fn named(
    cluster: &Cluster,
    words: &[String],
    arguments: &NameArgs,
    render: &RenderArgs,
) -> anyhow::Result<(String, String)> {
    let compatibility = charts::compatibility(&render.compat);
    charts::name_and_chart(words, arguments, None, compatibility, cluster.clock.now())
}

/// Atomic implies waiting, as in Helm.
fn helm_rules(arguments: &WaitArgs) -> (Waiting, Remediation) {
    if !arguments.rollback_on_failure {
        return (waiting(arguments.wait, arguments.wait_for_jobs), Remediation::None);
    }
    let waiting = if arguments.wait_for_jobs { Waiting::All } else { Waiting::AllButJobs };
    (waiting, Remediation::Undo)
}

/// The words of Helm 3 and those of Helm 4: pipelines look for either.
const IN_USE: &str = "cannot re-use a name that is still in use (cannot reuse a name that is still in use)";

impl Apply {
    /// One try, up to its end; `claimed` holds what has to be given back when it ends before it began to write.
    pub(super) async fn attempt(
        mut self,
        cluster: &Cluster,
        global: &GlobalArgs,
        (file, tried): (&PolicyFile, Try),
        claimed: &mut Option<Rc<Records>>,
    ) -> anyhow::Result<Attempt> {
        let deadline = tried.deadline;
        validate_name(&self.name).map_err(|error| self.bad_name(error))?;
        if self.render.helm.hide_secret && self.apply.dry_run == DryRun::None {
            return Err(Stop::refused("hiding Kubernetes secrets requires a dry-run mode"));
        }
        // Bad input is found before the cluster is asked anything.
        let given_labels: BTreeMap<String, String> = self.apply.labels.iter().cloned().collect();
        check_labels(&given_labels).map_err(|error| Stop::refused(error.to_string()))?;
        let compatibility = charts::compatibility(&self.render.compat);
        let mut chart = charts::load_from(global, &self.chart, &self.render).await?;
        let given = charts::values(&self.render.values, compatibility).await?;
        let targets = self.apply.tell.targets(&file.notify)?;
        let options = RecordOptions {
            create_namespace: self.apply.create_namespace,
            history_max: self.apply.history_max,
            // A failed install that is cleaned up.
            keep_history: file.way(true).remedy.keep_history.unwrap_or(false),
            description: self.apply.description.clone(),
        };
        let (locking, output) = (&self.apply.locking, self.apply.output);
        let ground = if self.apply.dry_run == DryRun::None {
            let ending = Ending { deadline, output, notify: targets.clone() };
            match settled(cluster, global, &self.name, &options, locking, &ending).await? {
                Ok(ground) => {
                    *claimed = Some(Rc::clone(&ground.records));
                    ground
                }
                Err(verdict) => return Ok(Attempt::Ended(Exit::from(&verdict).into())),
            }
        } else {
            survey(cluster, &self.name, options.clone()).await?
        };
        let is_install = !exists(&ground.history);
        self.check_existence(&ground, is_install)?;
        if is_install && self.voice == Voice::Upgrade && self.apply.output == OutputFormat::Table {
            anstream::println!("Release {:?} does not exist. Installing it now.", self.name);
        }
        // Helm: only a release that is there has a revision to upgrade from. A first install that failed or was
        // interrupted is upgraded from what it left.
        let operation =
            if is_install || ground.current.is_none() { Operation::Install } else { Operation::Upgrade };
        let remedy = self.follow(file, operation, tried, cluster.clock.now());
        let config = self.reused_values(&ground, &mut chart, &given)?;
        let revision = ground.history.next_revision();
        let rendered = self.render(cluster, &chart, &config, revision, operation).await?;
        if self.apply.dry_run != DryRun::None {
            let summary = Summary::supposed(
                &self.name,
                &cluster.namespace,
                operation,
                revision,
                ground.current.as_ref().map(|current| current.revision),
                cluster.clock.now(),
            );
            notify::preview(&targets, &summary, &cluster.server)
                .iter()
                .for_each(|text| anstream::eprintln!("{text}"));
        }
        let record = self.record(cluster, &ground, &rendered, &config, revision, operation);
        if self.apply.dry_run == DryRun::Client {
            self.show_unchecked(&rendered, record.release, operation)?;
            return Ok(Attempt::Ended(ExitCode::SUCCESS));
        }
        rendered.rendered.warnings.iter().for_each(|warning| anstream::eprintln!("{warning}"));
        if self.apply.decided.if_changed
            && matches!(self.purpose, Purpose::Deploy)
            && is_in_sync(&ground, &record)
        {
            anstream::eprintln!("{} is in sync at revision {}; nothing is done", self.name, revision - 1);
            return Ok(Attempt::Ended(ExitCode::SUCCESS));
        }
        self.advise(global, cluster, &rendered);
        let hide_notes = self.apply.hide_notes || self.apply.output != OutputFormat::Table;
        let manner = self.manner();
        let request = Request {
            release: self.name.clone(),
            operation,
            objects: rendered
                .objects_with_definitions(operation == Operation::Install && !self.render.skip_crds),
            hooks: self.hooks(&rendered),
            chart: format!("{}-{}", chart.metadata.name, chart.metadata.version),
            record,
            options,
            waiting: self.waiting,
            remediation: self.remediation,
            cleanup_on_fail: self.cleanup_on_fail,
            run_hooks: !self.apply.no_hooks,
            tests: self.tests && !self.tests_decide_nothing,
            may_be_tried_again: remedy.left > 0,
            timeout: self.timeout,
            deadline,
            no_return: file.no_return.unwrap_or_default(),
            bake: self.apply.bake.or(file.bake).unwrap_or_default(),
            health: self.apply.grace.applied(file.health(level(self.apply.fail_fast, file))),
            patience: file.patience,
            recording: self.apply.record.clone(),
            manner,
            validate: true,
            output: self.apply.output,
            voice: self.voice,
            hide_notes: self.apply.hide_notes,
            evidence_dir: self.apply.evidence_dir.clone(),
            notes: (!hide_notes)
                .then(|| rendered.rendered.notes.clone())
                .filter(|notes| !notes.trim().is_empty()),
            notify: targets,
        };
        match &self.purpose {
            Purpose::Deploy => {}
            Purpose::Plan { ignore, out } => {
                if let Some(file) = out {
                    super::plan_file::write(cluster, &ground, &request, file).await?;
                }
                return super::plan::show(cluster, &ground, request, &rendered, ignore)
                    .await
                    .map(Attempt::Ended);
            }
            Purpose::Diff(manner) => {
                return super::diff::show(cluster, &ground, request, *manner).await.map(Attempt::Ended);
            }
        }
        if self.apply.dry_run == DryRun::Server {
            let hide_secret = self.render.helm.hide_secret;
            return super::dry_run::check_only(cluster, &ground, request, hide_secret)
                .await
                .map(Attempt::Ended);
        }
        let remediation = request.remediation;
        let verdict = carry_out(cluster, global, &ground, request).await?;
        self.conclude(cluster, global, &verdict, (remediation, remedy)).await
    }

    /// `--dry-run=client`: what was rendered.
    fn show_unchecked(
        &self,
        rendered: &Rendered,
        release: Release,
        operation: Operation,
    ) -> anyhow::Result<()> {
        let hide_secret = self.render.helm.hide_secret;
        if self.voice != Voice::Own {
            let hidden = (self.apply.hide_notes, hide_secret);
            return self.voice.show_dry_run(release, operation, self.apply.output, hidden);
        }
        let text = rendered.rendered.template_text(true, false);
        anstream::print!("{}", if hide_secret { without_secrets(&text) } else { text });
        Ok(())
    }

    /// The hooks, without tests that are not meant.
    fn hooks(&self, rendered: &Rendered) -> Vec<PlannedObject> {
        let is_test = |hook: &PlannedObject| {
            PlannedHook::of(hook).is_some_and(|hook| hook.events.contains(&HookEvent::Test))
        };
        let wanted = |hook: &&PlannedObject| !is_test(hook) || self.apply.decided.wants_test(&hook.key.name);
        rendered.hooks.iter().filter(wanted).cloned().collect()
    }

    /// What may be overridden; said loudly where going back does not bring back what that costs.
    fn manner(&self) -> Manner {
        let apply = &self.apply;
        if self.remediation == Remediation::Undo && !apply.decided.is_given {
            for (given, what) in [
                (apply.force_replace, "--force-replace: what other tools set on the objects is lost"),
                (apply.force_conflicts, "--force-conflicts: fields of other tools are overwritten"),
            ] {
                if given {
                    anstream::eprintln!(
                        "warning: {what}; going back after a failure restores the chart's content only"
                    );
                }
            }
        }
        Manner {
            force_conflicts: apply.force_conflicts,
            take_ownership: apply.take_ownership,
            force_replace: apply.force_replace,
            cascade: Cascade::default(),
        }
    }

    /// Helm has other words in each command; the rule is in all of ours.
    fn bad_name(&self, error: NameError) -> anyhow::Error {
        let name = &self.name;
        Stop::refused(match self.voice {
            Voice::Upgrade => format!("release name is invalid: {name}: {error}"),
            _ => format!("release name {name:?}: {error}"),
        })
    }

    fn check_existence(&self, ground: &Ground, is_install: bool) -> anyhow::Result<()> {
        let name = &self.name;
        if is_install && !self.may_install {
            return Err(Stop::refused(format!(
                "{name:?} has no deployed releases: add --install, or use `backstay deploy`"
            )));
        }
        if is_install && ground.history.latest().is_some() && !self.replace {
            return Err(Stop::refused(format!(
                "{IN_USE}: {name} was uninstalled and its history is kept; add --replace to use the name again"
            )));
        }
        if !is_install && !self.may_upgrade {
            return Err(Stop::refused(format!(
                "{IN_USE}: {name} exists; use `backstay upgrade` or `backstay deploy`"
            )));
        }
        Ok(())
    }

    /// Helm's rules for values given before (`reuseValues`).
    fn reused_values(&self, ground: &Ground, chart: &mut Chart, given: &Map) -> anyhow::Result<Map> {
        let Some(current) = ground.history.current() else { return Ok(given.clone()) };
        let policy = match &self.reuse {
            reuse if reuse.reset_values => ReusePolicy::Reset,
            reuse if reuse.reuse_values => ReusePolicy::Reuse,
            reuse if reuse.reset_then_reuse_values => ReusePolicy::ResetThenReuse,
            _ => ReusePolicy::WhenNoneGiven,
        };
        let before = values_of(&current.release.config);
        let refused = |error: &dyn std::fmt::Display| {
            Stop::refused(format!("the values of revision {}: {error}", current.release.version))
        };
        let old_chart = Chart::from_record_json(&current.release.chart).map_err(|error| refused(&error))?;
        let compatibility = charts::compatibility(&self.render.compat);
        reuse_values(policy, chart, &old_chart, &before, given, compatibility)
            .map_err(|error| refused(&error))
    }

    async fn render(
        &self,
        cluster: &Cluster,
        chart: &Chart,
        config: &Map,
        revision: u32,
        operation: Operation,
    ) -> anyhow::Result<Rendered> {
        let compatibility = charts::compatibility(&self.render.compat);
        let online = self.apply.dry_run != DryRun::Client;
        let input = RenderInput {
            dns: self.render.helm.enable_dns,
            release: self.name.clone(),
            namespace: cluster.namespace.clone(),
            revision,
            is_upgrade: operation == Operation::Upgrade,
            compatibility,
            skip_schema: self.render.skip_schema_validation,
            include_crds: false,
            subchart_notes: self.render.helm.render_subchart_notes,
            capabilities: if online {
                cluster.capabilities(compatibility).await?
            } else {
                Capabilities::default()
            },
            now: cluster.clock.now(),
        };
        charts::render(cluster, chart, config, &input, online, &self.render).await
    }

    /// The labels of the record: those of the revision before, on an upgrade, with the given ones on top; `null` takes
    /// one away (Helm `mergeCustomLabels`).
    fn labels(&self, ground: &Ground, operation: Operation) -> BTreeMap<String, String> {
        let before = ground.history.latest().filter(|_| operation == Operation::Upgrade);
        let mut labels = before.map(|record| record.release.labels.clone()).unwrap_or_default();
        labels.extend(self.apply.labels.iter().cloned());
        if operation == Operation::Upgrade {
            labels.retain(|_, value| value != "null");
        }
        labels
    }

    #[allow(clippy::too_many_arguments, reason = "one record is made of all of these, once")]
    fn record(
        &self,
        cluster: &Cluster,
        ground: &Ground,
        rendered: &Rendered,
        config: &Map,
        revision: u32,
        operation: Operation,
    ) -> Record {
        let now = cluster.clock.now();
        let first = ground
            .history
            .latest()
            .filter(|_| operation == Operation::Upgrade)
            .and_then(|record| record.release.info.first_deployed.clone());
        let (status, words) = match operation {
            Operation::Install => (Status::PendingInstall, description::INSTALL_UNDERWAY),
            _ => (Status::PendingUpgrade, description::PREPARING_UPGRADE),
        };
        let info = Info {
            first_deployed: first.or_else(|| Some(now.into())),
            last_deployed: Some(now.into()),
            description: words.to_owned(),
            status,
            notes: rendered.rendered.notes.clone(),
            ..Info::default()
        };
        Record::new(Release {
            name: self.name.clone(),
            namespace: cluster.namespace.clone(),
            info,
            chart: rendered.rendered.chart.to_record_json(),
            config: map_to_json(config),
            manifest: rendered.rendered.manifest().into_owned(),
            hooks: rendered.recorded_hooks(),
            version: revision,
            apply_method: Some(ApplyMethod::ServerSide),
            labels: self.labels(ground, operation),
            ..Release::default()
        })
    }
}

/// Whether the last revision is deployed and is what this record would be.
fn is_in_sync(ground: &Ground, record: &Record) -> bool {
    let Some(latest) = ground.history.latest() else { return false };
    let (old, new) = (&latest.release, &record.release);
    let chart = |release: &Release| {
        let metadata = release.chart.get("metadata");
        let field = |name: &str| metadata.and_then(|metadata| metadata.get(name)).cloned();
        (field("name"), field("version"))
    };
    let hooks =
        |release: &Release| release.hooks.iter().map(|hook| hook.manifest.clone()).collect::<Vec<String>>();
    old.info.status == Status::Deployed
        && chart(old) == chart(new)
        && old.manifest == new.manifest
        && hooks(old) == hooks(new)
        && old.config == new.config
}

/// Recorded values as Helm reads them back: every number is a float64.
pub(super) fn values_of(config: &serde_json::Map<String, serde_json::Value>) -> Map {
    match from_json_floats(&serde_json::Value::Object(config.clone())) {
        Value::Map(map) => map,
        _ => Map::new(),
    }
}
