//! A rollout with its further tries: what a policy says of failures, carried out around the machine, which knows one try.

use std::process::ExitCode;
use std::time::Duration;

use backstay_core::object::{Timestamp, format_duration};
use backstay_core::plan::Operation;
use backstay_core::rollout::{Remediation, Verdict, Waiting};
use clap::Parser as _;

use super::apply::{Apply, Purpose};
use super::run::{TimeoutRule, is_worth_a_try};
use super::voice::Voice;
use crate::args::{Arguments, CommandLine, DryRun, GlobalArgs, OutputFormat, TestArgs};
use crate::cluster::Cluster;
use crate::exit::{Exit, exit_of};
use crate::group::Member;
use crate::modules::PolicyModules;
use crate::policy::{PolicyFile, Strategy, beside};
use crate::signals::Signals;

/// Most time for each test that decides nothing; Helm's default.
const TEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Which try it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    /// How many failed before it.
    pub(super) failed: u32,
    /// When the command has to be over.
    pub(super) deadline: Option<Timestamp>,
}

/// What becomes of a failure of this try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remedied {
    /// How many tries are left after this one.
    pub(super) left: u32,
    pause: Duration,
    /// The release goes away, although there was one before: nothing the machine does by itself.
    uninstall: Option<Uninstall>,
    is_deploy: bool,
}

#[derive(Clone, Copy, Debug)]
struct Uninstall {
    keep_history: bool,
}

/// How a try ended.
pub(super) enum Attempt {
    /// For good.
    Ended(ExitCode),
    /// With a failure that another try may not meet.
    Failed { exit: Exit, left: u32, pause: Duration },
}

impl Apply {
    /// Tries until it ended well, the tries are over, or somebody says stop.
    pub(super) async fn run(self, cluster: &Cluster, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
        let began = cluster.clock.now();
        let deadline = self.apply.deadline.map(|total| began.after(total));
        let file = self.policy(global)?;
        let mut failed = 0;
        loop {
            let mut claimed = None;
            let attempt = self.clone();
            let ended =
                attempt.attempt(cluster, global, (&file, Try { failed, deadline }), &mut claimed).await;
            // A run that ended before it began to write gives back what it waited for.
            if let Some(records) = claimed {
                records.lease().release().await;
            }
            let (exit, left, pause) = match ended? {
                Attempt::Ended(code) => return Ok(code),
                Attempt::Failed { exit, left, pause } => (exit, left, pause),
            };
            failed += 1;
            let tries = match left {
                1 => "the last try".to_owned(),
                u32::MAX => "tries are not counted".to_owned(),
                left => format!("{left} tries left"),
            };
            let release = global.member.as_ref().map_or(&self.name, |member| &member.id);
            let pause_words = format_duration(pause);
            anstream::eprintln!("{release}: try {failed} failed; again in {pause_words}, {tries}");
            let mut signals = Signals::listen()?;
            tokio::select! {
                () = cluster.clock.sleep(pause) => {}
                () = signals.next() => return Ok(exit.into()),
            }
        }
    }

    /// The policy file: the one that was named, or the one beside the chart.
    fn policy(&self, global: &GlobalArgs) -> anyhow::Result<PolicyFile> {
        let apply = &self.apply;
        let found = if apply.policy.is_none() { beside(&self.chart) } else { None };
        let is_silent = global.member.as_ref().is_some_and(|member| member.silent);
        if let Some(path) = found.as_ref().filter(|_| !is_silent) {
            anstream::eprintln!("policy: {}", path.display());
        }
        let path = apply.policy.as_deref().or(found.as_deref());
        let mut file = PolicyFile::load(path, apply.profile.as_deref(), &apply.decided.policy)?;
        // The policy file speaks for this release, modules for a whole organisation: the file's rules are asked first.
        file.readiness_rules.extend(PolicyModules::new(&apply.policy_module).readiness()?);
        Ok(file)
    }

    /// What the policy file says counts where no flag does.
    pub(super) fn follow(
        &mut self,
        file: &PolicyFile,
        operation: Operation,
        tried: Try,
        now: Timestamp,
    ) -> Remedied {
        let is_install = operation == Operation::Install;
        let way = file.way(is_install);
        self.timeout = match self.timeout {
            TimeoutRule::Total(given) => TimeoutRule::Total(given.or(way.timeout)),
            TimeoutRule::Helm(given) => TimeoutRule::Helm(given.or(way.timeout)),
        };
        self.apply.no_hooks |= way.hooks == Some(false);
        match (way.wait, way.wait_for_jobs) {
            (Some(false), _) => self.waiting = Waiting::None,
            (_, Some(false)) if self.waiting == Waiting::All => self.waiting = Waiting::AllButJobs,
            _ => {}
        }
        let went_back = self.remediation == Remediation::Undo;
        self.tests_decide_nothing = way.ignore_test_failures.or(file.tests.ignore_failures).unwrap_or(false);
        self.tests |= file.tests.enable.unwrap_or(false);
        let is_deploy = matches!(self.purpose, Purpose::Deploy) && self.apply.dry_run == DryRun::None;
        let remedy = &way.remedy;
        let pause = remedy.pause();
        let has_time = tried.deadline.is_none_or(|deadline| now.after(pause) < deadline);
        let left =
            if is_deploy && has_time { remedy.left(tried.failed, tried.deadline.is_some()) } else { 0 };
        let strategy = remedy.strategy.filter(|_| !self.remediation_is_given);
        let mut uninstall = None;
        match strategy {
            Some(Strategy::Rollback) => self.remediation = Remediation::Undo,
            Some(Strategy::Uninstall) if is_install => self.remediation = Remediation::Undo,
            Some(Strategy::Uninstall) => {
                self.remediation = Remediation::None;
                let keep_history = remedy.keep_history.unwrap_or(false);
                uninstall = Some(Uninstall { keep_history }).filter(|_| remedy.applies(left));
            }
            Some(Strategy::None) => self.remediation = Remediation::None,
            None => {}
        }
        if !self.remediation_is_given && !remedy.applies(left) {
            self.remediation = Remediation::None;
        }
        // What is left for inspection is left whole, unless somebody said otherwise.
        let is_left_instead = went_back && self.remediation == Remediation::None;
        self.cleanup_on_fail = way.cleanup_on_fail.unwrap_or(self.cleanup_on_fail && !is_left_instead);
        // Only what is waited for can be seen to fail.
        let matters = self.remediation == Remediation::Undo || uninstall.is_some() || left > 0;
        if strategy.is_some() && matters && way.wait.is_none() && self.waiting == Waiting::None {
            self.waiting = Waiting::AllButJobs;
        }
        Remedied { left, pause, uninstall, is_deploy }
    }

    /// What follows the verdict of a try.
    pub(super) async fn conclude(
        &self,
        cluster: &Cluster,
        global: &GlobalArgs,
        verdict: &Verdict,
        (remediation, remedy): (Remediation, Remedied),
    ) -> anyhow::Result<Attempt> {
        let mut exit = Exit::from(verdict);
        if *verdict == Verdict::Deployed && self.tests && self.tests_decide_nothing && remedy.is_deploy {
            self.tests_for_the_record(cluster).await;
        }
        if !is_worth_a_try(verdict, remediation) {
            return Ok(Attempt::Ended(exit.into()));
        }
        if let Some(uninstall) = remedy.uninstall {
            exit = self.uninstall(cluster, global, uninstall).await;
            if exit != Exit::Failed {
                return Ok(Attempt::Ended(exit.into()));
            }
        }
        if remedy.left == 0 {
            return Ok(Attempt::Ended(exit.into()));
        }
        Ok(Attempt::Failed { exit, left: remedy.left, pause: remedy.pause })
    }

    /// Runs the chart's tests, whose end changes nothing.
    async fn tests_for_the_record(&self, cluster: &Cluster) {
        let arguments = TestArgs {
            name: self.name.clone(),
            logs: false,
            filter: self.test_filter(),
            timeout: TEST_TIMEOUT,
            hide_notes: true,
        };
        let is_shown = self.apply.output == OutputFormat::Table;
        let ended = super::test::run_tests(cluster, &arguments, is_shown).await;
        if !matches!(ended, Ok(code) if code == ExitCode::SUCCESS) {
            let why = ended.err().map(|error| format!(": {error:#}")).unwrap_or_default();
            anstream::eprintln!("{}: a test failed{why}; the policy says to go on", self.name);
        }
    }

    /// As the flag of `backstay test` says it.
    fn test_filter(&self) -> Vec<String> {
        let tests = self.apply.decided.tests.iter();
        tests.map(|(name, is_meant)| format!("{}name={name}", if *is_meant { "" } else { "!" })).collect()
    }

    /// The strategy `uninstall`: a failed upgrade takes the release away.
    async fn uninstall(&self, cluster: &Cluster, global: &GlobalArgs, how: Uninstall) -> Exit {
        // The group hears of the failure, not of what followed.
        let failure = global.member.as_ref().and_then(Member::take);
        let mut words = vec!["backstay", "uninstall", &self.name];
        words.extend(how.keep_history.then_some("--keep-history"));
        words.extend(
            (self.apply.output == OutputFormat::Json && self.voice == Voice::Own).then_some("--output=json"),
        );
        let exit = match Arguments::try_parse_from(words).map(|parsed| parsed.command) {
            Ok(CommandLine::Uninstall(mut arguments)) => {
                arguments.tell.silence();
                arguments.policy = None;
                match super::reverse::uninstall(cluster, global, arguments).await {
                    Ok(code) if code == ExitCode::SUCCESS => Exit::Failed,
                    Ok(_) => Exit::UndoFailed,
                    Err(error) => {
                        anstream::eprintln!("{}: uninstalling failed: {error:#}", self.name);
                        match exit_of(&error) {
                            exit @ (Exit::Held | Exit::Interrupted) => exit,
                            _ => Exit::UndoFailed,
                        }
                    }
                }
            }
            _ => Exit::UndoFailed,
        };
        if let (Some(member), Some(failure)) = (&global.member, failure) {
            member.ended(failure);
        }
        exit
    }
}
