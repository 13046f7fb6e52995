//! What can be wrong with a chart, its values, and its rendering.

/// A chart that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// No `Chart.yaml` among the files (or `.helmignore` leaves it out).
    #[error("Chart.yaml file is missing")]
    NoChartYaml,
    /// A rule of `.helmignore` that Helm refuses.
    #[error(".helmignore:{line}: {message}")]
    Ignore {
        /// 1-based line.
        line: usize,
        /// What is wrong with it.
        message: &'static str,
    },
    /// A path that no chart may have.
    #[error("chart file {path:?}: {message}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// More than Helm's limit.
    #[error("decompressed chart is larger than the maximum size {0}")]
    TooLarge(usize),
    /// An archive that is no gzipped tar file of a chart.
    #[error("{0}")]
    Archive(String),
    /// A file that is not readable YAML.
    #[error("cannot load {file}: {file}:{line}: {message}")]
    Yaml {
        /// The file.
        file: String,
        /// 1-based line.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A file that is YAML of the wrong shape.
    #[error("cannot load {file}: {message}")]
    Shape {
        /// The file.
        file: String,
        /// What is wrong, with Helm's words where it has some.
        message: String,
    },
    /// Helm's check of the metadata.
    #[error("validation: {0}")]
    Validation(String),
    /// A subchart that cannot be loaded.
    #[error("error unpacking subchart {name} in {chart}: {source}")]
    Subchart {
        /// The folder or archive below `charts/`.
        name: String,
        /// The chart it is in.
        chart: String,
        /// What is wrong with it.
        source: Box<ChartError>,
    },
    /// Declared dependencies that are not in `charts/`.
    #[error(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch \
         missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}", .0.join(", ")
    )]
    MissingDependencies(Vec<String>),
    /// A library chart.
    #[error("{0} charts are not installable")]
    NotInstallable(String),
    /// An `apiVersion` that Helm 4 does not install; Helm's text.
    #[error("{0}")]
    ApiVersion(&'static str),
    /// A release record whose chart cannot be read.
    #[error("the chart in the release record is damaged: {0}")]
    Record(String),
}

/// Values that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// A values file that is not readable YAML.
    #[error("failed to parse {name}: {name}:{line}: {message}")]
    Yaml {
        /// The file as the user named it.
        name: String,
        /// 1-based line.
        line: usize,
        /// What is wrong there.
        message: String,
        /// The same in Helm's words, whose line is the one its reader gives.
        helm: String,
    },
    /// A values file that is no map.
    #[error("failed to parse {name}: values must be a map of names to values, found {found}")]
    NotMap {
        /// The file as the user named it.
        name: String,
        /// What it holds instead.
        found: &'static str,
    },
    /// An assignment on the command line that cannot be read.
    #[error("failed parsing {flag} data: {message}")]
    Set {
        /// The flag, e.g. `--set`.
        flag: &'static str,
        /// What is wrong, with Helm's words.
        message: String,
    },
    /// A subchart's name is used for something that is no map.
    #[error("type mismatch on {name}: %!t({found})")]
    Mismatch {
        /// The subchart.
        name: String,
        /// The Go type and value that was found.
        found: String,
    },
}
