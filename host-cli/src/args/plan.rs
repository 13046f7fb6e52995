//! Flags of the commands that say what a deploy will do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use backstay_core::plan::Inputs;
use clap::{Args, ValueEnum as _};

use super::chart::{RenderArgs, rule};
use super::global::OutputFormat;
use super::release::DeployArgs;

fn duration(text: &str) -> Result<Duration, String> {
    backstay_core::object::parse_duration(text).map_err(|error| error.to_string())
}

fn image(text: &str) -> Result<(String, u64), String> {
    let (name, size) = text.rsplit_once('=').ok_or("write IMAGE=MEGABYTES, for instance nginx:1.27=72")?;
    let size = size.parse().map_err(|_| format!("{size:?} is not a whole number of megabytes"))?;
    Ok((name.to_owned(), size))
}

/// What no manifest says.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What was measured")]
pub(crate) struct InputArgs {
    /// Compressed size of images nobody named, in megabytes
    #[arg(long, value_name = "MB", default_value_t = Inputs::default().image_mb)]
    pub(crate) image_size: u64,
    /// Compressed size of one image; may be repeated
    #[arg(long, value_name = "IMAGE=MB", value_parser = image)]
    pub(crate) image: Vec<(String, u64)>,
    /// What a node pulls in one second, in megabytes
    #[arg(long, value_name = "MB", default_value_t = Inputs::default().bandwidth_mb_s)]
    pub(crate) bandwidth: u64,
    /// From a pod's creation until its first container may start
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    pub(crate) scheduling: Duration,
    /// Until a new node is there, where the cluster has to grow
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub(crate) node_start: Duration,
    /// How many nodes take the pods
    #[arg(long, value_name = "NUMBER", default_value_t = Inputs::default().nodes)]
    pub(crate) nodes: u64,
    /// How long the program takes until it answers its probes; without it, what the probes allow counts
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) start: Option<Duration>,
    /// How long an init container works
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) init: Option<Duration>,
    /// How long one pod of a Job works
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) job: Option<Duration>,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl InputArgs {
    /// The same for the core.
    pub(crate) fn inputs(&self, buffer: Option<Duration>) -> Inputs {
        let defaults = Inputs::default();
        Inputs {
            image_mb: self.image_size,
            images: self.image.iter().cloned().collect(),
            bandwidth_mb_s: self.bandwidth,
            scheduling_ms: millis(self.scheduling),
            node_start_ms: millis(self.node_start),
            nodes: self.nodes,
            start_ms: self.start.map(millis),
            init_ms: self.init.map(millis),
            job_ms: self.job.map(millis),
            buffer_ms: buffer.map_or(defaults.buffer_ms, millis),
            ..defaults
        }
    }
}

/// `backstay timeout`.
#[derive(Args, Debug)]
pub(crate) struct TimeoutArgs {
    /// Chart (a folder or a .tgz), or a file with manifests, `-` for standard input
    #[arg(value_name = "CHART|MANIFESTS", required_unless_present = "rule", conflicts_with = "rule")]
    pub(crate) chart: Option<PathBuf>,
    /// Only the rule of thumb: pods x (initial delay + period x failure threshold) + buffer
    #[arg(long, requires = "pods")]
    pub(crate) rule: bool,
    /// With --rule: how many pods at most
    #[arg(long, value_name = "NUMBER", requires = "rule")]
    pub(crate) pods: Option<u64>,
    /// With --rule: initialDelaySeconds of the probe
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s", requires = "rule")]
    pub(crate) initial_delay: Duration,
    /// With --rule: periodSeconds of the probe
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s", requires = "rule")]
    pub(crate) period: Duration,
    /// With --rule: failureThreshold of the probe
    #[arg(long, value_name = "NUMBER", default_value_t = 3, requires = "rule")]
    pub(crate) failure_threshold: u64,
    /// What is added for everything else: 30s, with --rule 0s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) buffer: Option<Duration>,
    /// A first install; without it, an upgrade that changes every pod
    #[arg(long)]
    pub(crate) install: bool,
    /// Manifests that run now, to count only what changes
    #[arg(long, value_name = "FILE", conflicts_with = "install")]
    pub(crate) previous: Option<PathBuf>,
    /// A --timeout of `deploy` to judge: warns when it is too short, or when deadlines in the manifests contradict it
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) inputs: InputArgs,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) deploy: DeployArgs,
    /// Leave out a rule (docs/lint.md); may be repeated
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = rule)]
    pub(crate) ignore: Vec<String>,
    /// Keep the plan in this file, for `deploy --plan FILE` (also: -o FILE). It holds the manifest, Secrets included
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `backstay diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) deploy: DeployArgs,
    /// End with 2 when something differs, 0 when nothing does
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Lines shown around a change
    #[arg(short = 'U', long, visible_alias = "unified", value_name = "LINES", default_value_t = 3)]
    pub(crate) context: usize,
}

/// The command line with `plan -o FILE` written as `plan --out FILE`: what is no format of output is a file.
pub(super) fn with_plan_file(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if !arguments.iter().skip(1).any(|argument| argument == "plan") {
        return arguments;
    }
    let is_file = |text: &str| !text.is_empty() && OutputFormat::from_str(text, false).is_err();
    let mut at = 1;
    while let Some(argument) = arguments.get(at).and_then(|argument| argument.to_str()) {
        let joined = argument.strip_prefix("--output=").or_else(|| {
            let short = argument.strip_prefix("-o").filter(|_| !argument.starts_with("--"))?;
            Some(short.strip_prefix('=').unwrap_or(short))
        });
        let separate = matches!(argument, "-o" | "--output");
        let next = arguments.get(at + 1).and_then(|next| next.to_str());
        let replaced = match joined {
            Some(file) if !separate && is_file(file) => Some(format!("--out={file}")),
            _ if separate && next.is_some_and(is_file) => Some("--out".to_owned()),
            _ => None,
        };
        if let (Some(replaced), Some(argument)) = (replaced, arguments.get_mut(at)) {
            *argument = replaced.into();
        }
        at += if separate { 2 } else { 1 };
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_put_out_in_a_format_or_in_a_file() {
        for (given, read) in [
            ("backstay plan a ./a -o json", "backstay plan a ./a -o json"),
            ("backstay plan a ./a -o plan.json", "backstay plan a ./a --out plan.json"),
            ("backstay plan a ./a -oplan.json", "backstay plan a ./a --out=plan.json"),
            ("backstay plan a ./a --output=x/y -o yaml", "backstay plan a ./a --out=x/y -o yaml"),
            ("backstay plan a ./a --output x", "backstay plan a ./a --out x"),
            ("backstay list -o plan.json", "backstay list -o plan.json"),
        ] {
            let words = given.split(' ').map(OsString::from);
            let expected: Vec<OsString> = read.split(' ').map(OsString::from).collect();
            assert_eq!(with_plan_file(words), expected);
        }
    }
}

/// `backstay rehearse`.
#[derive(Args, Debug)]
pub(crate) struct RehearseArgs {
    /// Chart (a folder or a .tgz), or a file with manifests, `-` for standard input
    #[arg(value_name = "CHART|MANIFESTS")]
    pub(crate) chart: PathBuf,
    /// What is to go wrong, each in a run of its own: CODE@NAME or CODE@KIND/NAME, e.g. image-not-found@api
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Release name
    #[arg(long, value_name = "NAME", default_value = "release-name")]
    pub(crate) name: String,
    /// A first install; without it, an upgrade that changes every pod
    #[arg(long)]
    pub(crate) install: bool,
    /// Manifests that run now
    #[arg(long, value_name = "FILE", conflicts_with = "install")]
    pub(crate) previous: Option<PathBuf>,
    /// Time for the rollout; computed when absent
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Another number gives other chances: pull times, latencies
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay rbac`.
#[derive(Args, Debug)]
pub(crate) struct RbacArgs {
    /// Chart (a folder or a .tgz), or a file with manifests, `-` for standard input
    #[arg(value_name = "CHART|MANIFESTS")]
    pub(crate) chart: PathBuf,
    /// Release name
    #[arg(long, value_name = "NAME", default_value = "release-name")]
    pub(crate) name: String,
    /// With the permission to make the namespace
    #[arg(long)]
    pub(crate) create_namespace: bool,
    /// Leave out what a deploy can do without: the lease, logs as evidence, reckoning with quotas and nodes
    #[arg(long)]
    pub(crate) required_only: bool,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    /// table prints the roles as YAML; json adds what each permission is for
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay ui`.
#[derive(Args, Debug)]
pub(crate) struct UiArgs {
    /// Chart (a folder or a .tgz), or a file with manifests; without it, the page's example
    #[arg(value_name = "CHART|MANIFESTS")]
    pub(crate) chart: Option<PathBuf>,
    /// Release name; without it, the chart's
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Port on the loopback address; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
}
