//! Where the chart of a `HelmRelease` comes from: the source it names, looked for in the files given, then in the cluster.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files::Files;
use super::release::{ChartSpec, HelmRelease, Reference};
use super::values::{live_source, text};
use crate::cluster::Cluster;
use crate::exit::Stop;

const SOURCES: &str = "source.toolkit.fluxcd.io";

/// A chart as the command line names one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) chart: String,
    pub(super) repo: Option<String>,
    pub(super) version: Option<String>,
    /// Files with values that lie in the source.
    pub(super) values_files: Vec<PathBuf>,
}

/// Finds the chart.
///
/// # Errors
/// With exit code 4: nothing has been changed.
pub(super) async fn find(
    cluster: &Cluster,
    files: &Files,
    release: &HelmRelease,
    folder: &Path,
) -> anyhow::Result<Found> {
    let namespace = release.metadata.namespace.as_deref().unwrap_or(&cluster.namespace);
    let finder = Finder { cluster, files, folder, namespace };
    match (&release.spec.chart, &release.spec.chart_ref) {
        (Some(template), _) => finder.template(&template.spec).await,
        (None, Some(reference)) => finder.reference(reference).await,
        (None, None) => Err(Stop::refused(format!(
            "the HelmRelease {} has neither chart nor chartRef; give CHART on the command line",
            release.metadata.name
        ))),
    }
}

struct Finder<'a> {
    cluster: &'a Cluster,
    files: &'a Files,
    folder: &'a Path,
    namespace: &'a str,
}

impl Finder<'_> {
    /// `spec.chart`: a chart of a repository, or a folder of a checkout.
    async fn template(&self, spec: &ChartSpec) -> anyhow::Result<Found> {
        let mut found = match spec.source_ref.kind.as_str() {
            "HelmRepository" => {
                let source = self.object(&spec.source_ref).await?;
                let url = self.url(&spec.source_ref, &source)?;
                if url.starts_with("oci://") {
                    let chart = format!("{}/{}", url.trim_end_matches('/'), spec.chart);
                    Found { chart, ..Found::default() }
                } else {
                    Found { chart: spec.chart.clone(), repo: Some(url), ..Found::default() }
                }
            }
            // What the controller checks out is where the file lies: the first folder above it that has the chart.
            "GitRepository" | "Bucket" => {
                let path = self.checkout(&spec.chart)?;
                let values_files = spec.values_files.iter().map(|name| self.checkout(name));
                let values_files = values_files.collect::<anyhow::Result<_>>()?;
                let chart = path.to_string_lossy().into_owned();
                return Ok(Found { chart, values_files, ..Found::default() });
            }
            other => {
                return Err(Stop::refused(format!(
                    "a chart from a {other} cannot be found; give CHART on the command line"
                )));
            }
        };
        if let Some(name) = spec.values_files.first() {
            return Err(Stop::refused(format!(
                "valuesFiles: {name} lies in the chart's archive; give it with -f in the place of it"
            )));
        }
        // The controller's default is any version.
        found.version = spec.version.clone().filter(|version| version.trim() != "*");
        Ok(found)
    }

    /// `spec.chartRef`: an artifact of a registry, or a chart described by an object of its own.
    async fn reference(&self, reference: &Reference) -> anyhow::Result<Found> {
        let source = self.object(reference).await?;
        match reference.kind.as_str() {
            "OCIRepository" => {
                let url = self.url(reference, &source)?;
                let part = |name: &str| text(&source, &["spec", "ref", name]).map(str::to_owned);
                if let Some(digest) = part("digest") {
                    return Ok(Found { chart: format!("{url}@{digest}"), ..Found::default() });
                }
                let version = part("semver").or_else(|| part("tag"));
                Ok(Found { chart: url, version, ..Found::default() })
            }
            "HelmChart" => {
                let spec = source.get("spec").cloned().unwrap_or_default();
                let spec: ChartSpec = serde_json::from_value(spec).map_err(|error| {
                    Stop::refused(format!("the HelmChart {} cannot be read: {error}", reference.name))
                })?;
                self.template(&spec).await
            }
            other => {
                Err(Stop::refused(format!("a {other} is no source here; give CHART on the command line")))
            }
        }
    }

    async fn object(&self, reference: &Reference) -> anyhow::Result<Value> {
        let namespace = reference.namespace.as_deref().unwrap_or(self.namespace);
        let (kind, name) = (reference.kind.as_str(), reference.name.as_str());
        if let Some(object) = self.files.find(kind, name, namespace) {
            return Ok(object.clone());
        }
        let plural = match kind {
            "HelmRepository" => "helmrepositories",
            "OCIRepository" => "ocirepositories",
            _ => "helmcharts",
        };
        let live = live_source(self.cluster, (SOURCES, "v1", kind, plural), name, namespace).await;
        live.ok_or_else(|| {
            Stop::refused(format!(
                "{kind} {namespace}/{name} is neither in the files given nor in the cluster; give its file with -f, too, or \
                 CHART on the command line"
            ))
        })
    }

    fn url(&self, reference: &Reference, source: &Value) -> anyhow::Result<String> {
        text(source, &["spec", "url"])
            .map(str::to_owned)
            .ok_or_else(|| Stop::refused(format!("{} {} has no spec.url", reference.kind, reference.name)))
    }

    fn checkout(&self, name: &str) -> anyhow::Result<PathBuf> {
        let relative = name.trim_start_matches("./");
        let start = std::fs::canonicalize(if self.folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            self.folder
        });
        let start = start.unwrap_or_else(|_| self.folder.to_path_buf());
        let found = start.ancestors().map(|folder| folder.join(relative)).find(|path| path.exists());
        let here = || Some(PathBuf::from(relative)).filter(|path| path.exists());
        found.or_else(here).ok_or_else(|| {
            Stop::refused(format!(
                "{name} is neither here nor in a folder above {}; run it in a checkout, or give CHART on the command line",
                start.display()
            ))
        })
    }
}
