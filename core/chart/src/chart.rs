//! A chart in memory, and its form in a release record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use backstay_gotemplate::{Compatibility, Map, from_json_floats, map_to_json};

use crate::content::Content;
use crate::error::ChartError;
use crate::files::ChartFile;
use crate::metadata::Metadata;

/// A chart with its subcharts.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What `Chart.yaml` says.
    pub metadata: Metadata,
    /// `Chart.lock`, as JSON.
    pub lock: Option<Value>,
    /// The files below `templates/`.
    pub templates: Vec<ChartFile>,
    /// All other files that templates may read, `crds/` included.
    pub files: Vec<ChartFile>,
    /// The defaults of `values.yaml`. A reference: copy it deeply before changing it.
    pub values: Option<Map>,
    /// `values.schema.json`.
    pub schema: Option<Content>,
    /// The subcharts of `charts/`.
    pub dependencies: Vec<Chart>,
    /// What Helm would have said on the way, beside errors.
    pub warnings: Vec<String>,
    /// Under Helm 3, the name below which its subcharts lie when it is not its own (see [`crate::process_dependencies`]).
    pub(crate) name_for_children: Option<String>,
}

/// A file below `crds/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrdFile {
    /// Its path from the root chart on, e.g. `web/charts/db/crds/a.yaml`.
    pub source: String,
    /// Its content.
    pub content: Content,
}

impl Chart {
    /// The name in `Chart.yaml` (for a processed subchart: its alias).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The files of `crds/`, the chart's own before those of its subcharts. Of a processed chart, without the disabled ones.
    #[must_use]
    pub fn crds(&self) -> Vec<CrdFile> {
        let mut crds = Vec::new();
        self.collect_crds(self.name(), &mut crds);
        crds
    }

    fn collect_crds(&self, path: &str, crds: &mut Vec<CrdFile>) {
        let is_manifest = |name: &str| [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        for file in self.files.iter().filter(|file| file.name.starts_with("crds/") && is_manifest(&file.name))
        {
            crds.push(CrdFile { source: format!("{path}/{}", file.name), content: file.data.clone() });
        }
        for chart in &self.dependencies {
            chart.collect_crds(&format!("{path}/charts/{}", chart.name()), crds);
        }
    }

    /// Refuses the versions of `Chart.yaml` that Helm 4 does not install (`pkg/chart/loader/load.go`, `pkg/action/install.go`
    /// v4.3): v3, which it only reads, and unknown ones. Helm 3 takes every version for v2.
    ///
    /// # Errors
    /// With Helm's texts.
    pub fn check_api_version(&self, compatibility: Compatibility) -> Result<(), ChartError> {
        match (compatibility, self.metadata.api_version.as_str()) {
            (Compatibility::Helm3, _) | (_, "" | "v1" | "v2") => Ok(()),
            (_, "v3") => Err(ChartError::ApiVersion("invalid chart apiVersion")),
            _ => Err(ChartError::ApiVersion("unsupported chart version")),
        }
    }

    /// Refuses what Helm refuses to install: library charts, and charts whose declared dependencies are not there.
    ///
    /// # Errors
    /// With Helm's texts.
    pub fn check_installable(&self) -> Result<(), ChartError> {
        if !matches!(self.metadata.kind.as_str(), "" | "application") {
            return Err(ChartError::NotInstallable(self.metadata.kind.clone()));
        }
        let declared = self.metadata.dependencies.iter().flatten().map(|dependency| dependency.name.as_str());
        let missing: Vec<String> = declared
            .filter(|name| !self.dependencies.iter().any(|chart| chart.name() == *name))
            .map(str::to_owned)
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(ChartError::MissingDependencies(missing)) }
    }

    /// The `chart` of a release record. Subcharts are not part of it.
    #[must_use]
    pub fn to_record_json(&self) -> Value {
        let files = |files: &[ChartFile]| -> Value {
            files.iter().map(|file| json!({"name": file.name, "data": STANDARD.encode(&file.data)})).collect()
        };
        json!({
            "metadata": self.metadata.to_json(),
            "lock": self.lock,
            "templates": files(&self.templates),
            "values": self.values.as_ref().map(map_to_json),
            "schema": self.schema.as_ref().map(|schema| STANDARD.encode(schema)),
            "schemamodtime": "0001-01-01T00:00:00Z",
            "files": files(&self.files),
        })
    }

    /// Reads the `chart` of a release record.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn from_record_json(record: &Value) -> Result<Self, ChartError> {
        let damaged = |what: &str| ChartError::Record(what.to_owned());
        let mut metadata = Metadata::default();
        metadata.read(record.get("metadata").unwrap_or(&Value::Null)).map_err(ChartError::Record)?;
        let bytes = |value: &Value| {
            let text = value.as_str().ok_or_else(|| damaged("a file has no data"))?;
            STANDARD.decode(text).map_err(|_| damaged("a file's data is not base64"))
        };
        let files = |key: &str| -> Result<Vec<ChartFile>, ChartError> {
            let items = record.get(key).and_then(Value::as_array);
            items
                .into_iter()
                .flatten()
                .map(|file| {
                    let name = file
                        .get("name")
                        .and_then(Value::as_str)
                        .ok_or_else(|| damaged("a file has no name"))?;
                    let data = file.get("data").filter(|data| !data.is_null()).map(bytes).transpose()?;
                    Ok(ChartFile { name: name.to_owned(), data: data.unwrap_or_default().into() })
                })
                .collect()
        };
        let present = |key: &str| record.get(key).filter(|value| !value.is_null());
        Ok(Self {
            metadata,
            lock: present("lock").cloned(),
            templates: files("templates")?,
            files: files("files")?,
            values: present("values").and_then(|values| from_json_floats(values).as_map().cloned()),
            schema: present("schema").map(bytes).transpose()?.map(Into::into),
            dependencies: Vec::new(),
            warnings: Vec::new(),
            name_for_children: None,
        })
    }
}
