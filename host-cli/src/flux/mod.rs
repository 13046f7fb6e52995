//! `-f helmrelease.yaml`: what was written for a controller, carried out from a terminal (docs/fleet.md).

mod files;
mod release;
mod source;
mod values;

pub(crate) use release::CommonMetadata;

use std::process::ExitCode;

use backstay_core::release::{History, Status};

use crate::args::{DeployArgs, GlobalArgs};
use crate::cluster::Cluster;
use crate::commands::deploy_one;
use crate::exit::{Exit, Stop};
use crate::records;
use crate::storage;
use files::Files;
use release::{Dependency, HelmRelease};

/// How many revisions the controller keeps (api/v2 `GetMaxHistory`), and what the flag says where nobody gave it.
const HISTORY_MAX: u32 = 5;
const HISTORY_FLAG: u32 = 10;

/// What a `HelmRelease` has decided that no flag says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decided {
    /// In the fields of a policy file, which wins over it.
    pub(crate) policy: serde_json::Map<String, serde_json::Value>,
    /// Whether there was one: its times are the controller's, for each way.
    pub(crate) is_given: bool,
    /// Tests by name, and whether each is meant or left out.
    pub(crate) tests: Vec<(String, bool)>,
    /// Whether what is deployed already, unchanged, is left alone.
    pub(crate) if_changed: bool,
}

impl Decided {
    /// Whether a test is to run.
    pub(crate) fn wants_test(&self, test: &str) -> bool {
        let is_named =
            |meant: bool| self.tests.iter().any(|(name, is_meant)| *is_meant == meant && name == test);
        let names_some = self.tests.iter().any(|(_, is_meant)| *is_meant);
        !is_named(false) && (is_named(true) || !names_some)
    }
}

/// `deploy`, with a `HelmRelease` among the files or without.
pub(crate) async fn deploy(
    cluster: &Cluster,
    global: &GlobalArgs,
    mut arguments: DeployArgs,
) -> anyhow::Result<ExitCode> {
    let Some(files) = files::take(&mut arguments.render.values).await? else {
        named(&arguments)?;
        return deploy_one(cluster, global, arguments).await;
    };
    let order = order(&files)?;
    if order.len() > 1 && !arguments.name_and_chart.is_empty() {
        return Err(Stop::with(Exit::Usage, "several HelmReleases have names and charts of their own"));
    }
    for index in order {
        let Some((release, _)) = files.releases.get(index) else { continue };
        let of_one = of_one(cluster, global, &files, index, arguments.clone()).await?;
        let name = release.metadata.name.clone();
        let code = deploy_one(&of_one.0, global, of_one.1).await?;
        if code != ExitCode::SUCCESS {
            if files.releases.len() > 1 {
                anstream::eprintln!("HelmRelease {name} is not deployed; what comes after it is not begun");
            }
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// For the commands that look at one release: its cluster and arguments.
pub(crate) async fn one(
    cluster: &Cluster,
    global: &GlobalArgs,
    mut arguments: DeployArgs,
) -> anyhow::Result<(Cluster, DeployArgs)> {
    match files::take(&mut arguments.render.values).await? {
        None => {
            named(&arguments)?;
            Ok((cluster.clone(), arguments))
        }
        Some(files) if files.releases.len() > 1 => {
            Err(Stop::with(Exit::Usage, "one HelmRelease at a time, please; these files have several"))
        }
        Some(files) => of_one(cluster, global, &files, 0, arguments).await,
    }
}

/// Without a `HelmRelease`, the command line names the chart.
fn named(arguments: &DeployArgs) -> anyhow::Result<()> {
    if arguments.name_and_chart.is_empty() && arguments.plan.is_none() {
        return Err(Stop::with(Exit::Usage, "which chart? give [NAME] CHART, or a HelmRelease with -f"));
    }
    Ok(())
}

/// The releases in the order of their needs.
fn order(files: &Files) -> anyhow::Result<Vec<usize>> {
    let is_of = |dependency: &Dependency, from: &HelmRelease, other: &HelmRelease| {
        let namespace = dependency.namespace.as_ref().or(from.metadata.namespace.as_ref());
        dependency.name == other.metadata.name && namespace == other.metadata.namespace.as_ref()
    };
    let mut order: Vec<usize> = Vec::new();
    while order.len() < files.releases.len() {
        let ready = files.releases.iter().enumerate().position(|(index, (release, _))| {
            let waits = |dependency: &Dependency| {
                let mut others = files.releases.iter().enumerate();
                others.any(|(at, (other, _))| is_of(dependency, release, other) && !order.contains(&at))
            };
            !order.contains(&index) && !release.spec.depends_on.iter().any(waits)
        });
        let Some(ready) = ready else {
            return Err(Stop::refused("dependsOn: these HelmReleases need each other in a circle"));
        };
        order.push(ready);
    }
    Ok(order)
}

/// What one of them means on the command line; words given there win.
async fn of_one(
    cluster: &Cluster,
    global: &GlobalArgs,
    files: &Files,
    index: usize,
    mut arguments: DeployArgs,
) -> anyhow::Result<(Cluster, DeployArgs)> {
    let Some((release, folder)) = files.releases.get(index) else {
        return Err(Stop::refused("there is no HelmRelease"));
    };
    let spec = &release.spec;
    let mut cluster = cluster.clone();
    if let (None, Some(namespace)) = (&global.namespace, release.namespace()) {
        namespace.clone_into(&mut cluster.namespace);
    }
    refuse(release, &arguments)?;
    depends(&cluster, files, release).await?;
    let name = release.release_name();
    match arguments.name_and_chart.as_slice() {
        [_, _] => {}
        [chart] => arguments.name_and_chart = vec![name, chart.clone()],
        _ => {
            let found = source::find(&cluster, files, release, folder).await?;
            arguments.name_and_chart = vec![name, found.chart];
            let source = &mut arguments.render.source;
            source.repo = source.repo.take().or(found.repo);
            source.version = source.version.take().or(found.version);
            for path in found.values_files {
                let bytes = std::fs::read(&path)
                    .map_err(|error| Stop::refused(format!("{}: {error}", path.display())))?;
                arguments.render.values.below.push((path.display().to_string(), bytes));
            }
        }
    }
    let at = release.metadata.namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
    let values = values::of(&cluster, files, release, &at).await?;
    let values = serde_json::Value::Object(values).to_string().into_bytes();
    arguments.render.values.below.push(("spec.values".to_owned(), values));
    arguments.render.common.clone_from(&spec.common_metadata);
    arguments.render.skip_crds |=
        spec.install.skip_definitions || spec.install.crds.as_deref() == Some("Skip");
    arguments.render.skip_schema_validation |=
        spec.install.disable_schema_validation && spec.upgrade.disable_schema_validation;
    let reuse = &mut arguments.reuse;
    if !reuse.reset_values && !reuse.reset_then_reuse_values {
        reuse.reuse_values |= spec.upgrade.preserve_values;
        reuse.reset_values = !reuse.reuse_values;
    }
    let apply = &mut arguments.apply;
    apply.create_namespace |= spec.install.create_namespace;
    apply.take_ownership |= !(spec.install.disable_take_ownership || spec.upgrade.disable_take_ownership);
    // The controller's applies always win over other writers.
    apply.force_replace |= spec.upgrade.force;
    apply.force_conflicts = !apply.force_replace;
    if apply.history_max == HISTORY_FLAG {
        apply.history_max = spec.max_history.unwrap_or(HISTORY_MAX);
    }
    apply.decided = Decided {
        policy: release.policy(),
        is_given: true,
        tests: spec.test.filters.iter().map(|filter| (filter.name.clone(), !filter.exclude)).collect(),
        if_changed: spec.drift_detection.mode != "enabled",
    };
    Ok((cluster, arguments))
}

/// What cannot be carried out as it is meant is refused, with the reason; what only the controller needs is said.
fn refuse(release: &HelmRelease, arguments: &DeployArgs) -> anyhow::Result<()> {
    let (name, spec) = (&release.metadata.name, &release.spec);
    let stop = |words: &str| Err(Stop::refused(format!("HelmRelease {name}: {words}")));
    if spec.suspend {
        return stop("it is suspended; nothing is done until spec.suspend is taken away");
    }
    if spec.kube_config.is_some() {
        return stop(
            "spec.kubeConfig names a Secret; give --kubeconfig or --kube-context, and take the field away",
        );
    }
    if !spec.post_renderers.is_empty() && arguments.render.post_renderer.is_none() {
        return stop("spec.postRenderers needs kustomize; give a --post-renderer that does the same");
    }
    let kept = spec.storage_namespace.as_deref().or(release.metadata.namespace.as_deref());
    if let (Some(kept), Some(target)) = (kept, spec.target_namespace.as_deref())
        && kept != target
    {
        anstream::eprintln!(
            "note: HelmRelease {name}: a controller keeps its records in {kept}; here they are kept in {target}, as Helm does"
        );
    }
    if spec.service_account_name.is_some() {
        anstream::eprintln!(
            "note: HelmRelease {name}: serviceAccountName is the controller's; here it is you (--kube-as-user)"
        );
    }
    if spec.upgrade.crds.as_deref() == Some("CreateReplace") {
        anstream::eprintln!(
            "note: HelmRelease {name}: an upgrade leaves definitions (CRDs) as they are; apply the chart's crds/ yourself"
        );
    }
    Ok(())
}

/// What it depends on and is not in the files has to be deployed already.
async fn depends(cluster: &Cluster, files: &Files, release: &HelmRelease) -> anyhow::Result<()> {
    for dependency in &release.spec.depends_on {
        let namespace = dependency.namespace.as_ref().or(release.metadata.namespace.as_ref());
        let given = files.releases.iter().any(|(other, _)| other.metadata.name == dependency.name);
        if given {
            continue;
        }
        let namespace = namespace.unwrap_or(&cluster.namespace);
        let api = storage::api(&cluster.client, Some(namespace));
        let history = History::new(records::list(&api, Some(&dependency.name)).await?);
        let is_deployed =
            history.latest().is_some_and(|latest| latest.release.info.status == Status::Deployed);
        if !is_deployed {
            return Err(Stop::refused(format!(
                "HelmRelease {} depends on {namespace}/{}, which is not deployed; give its file with -f, too",
                release.metadata.name, dependency.name
            )));
        }
    }
    Ok(())
}
