//! All or nothing: what a group deployed before one of it failed goes back, the last first.

use futures::StreamExt as _;

use super::board::Member;
use super::run::{Run, State, deployed};
use crate::args::{Arguments, CommandLine};
use crate::commands::{rollback_one, uninstall_one};
use crate::exit::{Exit, exit_of};

impl Run<'_> {
    /// Takes back what this run deployed: to the revision that ran before, or away where none did.
    pub(super) async fn back(&mut self) {
        let last = self.group.waves.iter().copied().max().unwrap_or(0);
        for wave in (0..=last).rev() {
            let mut work = Vec::new();
            for (index, of) in self.group.waves.iter().enumerate() {
                let before = self.states.get(index).and_then(deployed).map(|summary| summary.from);
                let Some(from) = before.filter(|_| *of == wave) else { continue };
                let (Some(entry), Some(global)) =
                    (self.group.entries.get(index), self.globals.get(index).cloned())
                else {
                    continue;
                };
                work.push((index, entry.name.clone(), from, global));
            }
            let mut futures = Vec::new();
            for (index, name, from, mut global) in work {
                global.member = Some(Member::new(&self.id(index), self.silent));
                let cluster = self.cluster(&global).await;
                futures.push(async move {
                    let ended = match cluster {
                        Ok(cluster) => one(&cluster, &global, &name, from).await,
                        Err((exit, words)) => Err(crate::exit::Stop::with(exit, words)),
                    };
                    (index, from, ended)
                });
            }
            let ends: Vec<_> =
                futures::stream::iter(futures).buffer_unordered(self.group.concurrency).collect().await;
            for (index, from, ended) in ends {
                let (back, words) = match (ended, from) {
                    (Ok(Exit::Success), Some(from)) => (Exit::Failed, format!("back to revision {from}")),
                    (Ok(Exit::Success), None) => (Exit::Failed, "uninstalled again".to_owned()),
                    (Ok(exit), _) => (Exit::UndoFailed, format!("the way back failed (exit {})", exit as u8)),
                    (Err(error), _) => (
                        Exit::UndoFailed,
                        format!("the way back failed (exit {}): {error:#}", exit_of(&error) as u8),
                    ),
                };
                if let Some(State::Ended(end)) = self.states.get_mut(index) {
                    end.back = Some(back);
                    end.words = words;
                }
            }
        }
    }
}

/// One release back to a revision, or away.
async fn one(
    cluster: &crate::cluster::Cluster,
    global: &crate::args::GlobalArgs,
    name: &str,
    from: Option<u32>,
) -> anyhow::Result<Exit> {
    use clap::Parser as _;
    let why = "another release of its group failed";
    let parsed = match from {
        Some(revision) => Arguments::try_parse_from([
            "backstay",
            "rollback",
            name,
            &revision.to_string(),
            "--wait",
            "--wait-for-jobs",
            "--timeout=auto",
            &format!("--description=back to revision {revision}: {why}"),
        ]),
        None => Arguments::try_parse_from(["backstay", "uninstall", name]),
    };
    match parsed?.command {
        CommandLine::Rollback(mut arguments) => {
            arguments.tell.silence();
            rollback_one(cluster, global, arguments).await?;
        }
        CommandLine::Uninstall(mut arguments) => {
            arguments.tell.silence();
            uninstall_one(cluster, global, arguments).await?;
        }
        _ => {}
    }
    let end = global.member.as_ref().and_then(Member::take);
    Ok(end.map_or(Exit::Success, |summary| Exit::from(&summary.verdict)))
}
