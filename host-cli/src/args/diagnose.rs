//! Flags of `backstay diagnose`, and those that say when a suspicion becomes a verdict.

use std::path::PathBuf;
use std::time::Duration;

use backstay_core::health::Policy;
use clap::Args;

use super::global::OutputFormat;
use super::release::FailFast;

fn duration(text: &str) -> Result<Duration, String> {
    backstay_core::object::parse_duration(text).map_err(|error| error.to_string())
}

/// How long a suspicion has before it is a verdict.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GraceArgs {
    /// Grace for one kind of trouble, such as image=60s; may be repeated. Kinds: image, registry, reference, mount,
    /// unschedulable, autoscaler, quota, volume, provisioning, webhook, controller, declared, settle
    #[arg(long, value_name = "KIND=DURATION", value_parser = grace)]
    pub(crate) grace: Vec<Grace>,
    /// How many of a revision's pods have to crash before that is a verdict, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) crash_share: Option<u32>,
}

/// A grace of its own for one kind of trouble.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grace {
    field: fn(&mut Policy) -> &mut u64,
    time_ms: u64,
}

fn grace(text: &str) -> Result<Grace, String> {
    let (kind, time) = text.split_once('=').ok_or("write KIND=DURATION, for instance image=60s")?;
    let field: fn(&mut Policy) -> &mut u64 = match kind {
        "image" => |policy| &mut policy.image_grace_ms,
        "registry" => |policy| &mut policy.registry_grace_ms,
        "reference" => |policy| &mut policy.reference_grace_ms,
        "mount" => |policy| &mut policy.mount_grace_ms,
        "unschedulable" => |policy| &mut policy.unschedulable_grace_ms,
        "autoscaler" => |policy| &mut policy.autoscaler_grace_ms,
        "quota" => |policy| &mut policy.quota_grace_ms,
        "volume" => |policy| &mut policy.volume_grace_ms,
        "provisioning" => |policy| &mut policy.provisioning_grace_ms,
        "webhook" => |policy| &mut policy.webhook_grace_ms,
        "controller" => |policy| &mut policy.controller_grace_ms,
        "declared" => |policy| &mut policy.declared_grace_ms,
        "settle" => |policy| &mut policy.settle_grace_ms,
        other => return Err(format!("there is no grace called {other:?}")),
    };
    let time_ms = u64::try_from(duration(time)?.as_millis()).map_err(|_| "too long".to_owned())?;
    Ok(Grace { field, time_ms })
}

impl GraceArgs {
    /// The rules with what the flags name changed.
    pub(crate) fn applied(&self, mut policy: Policy) -> Policy {
        self.apply(&mut policy);
        policy
    }

    /// Changes what the flags name.
    fn apply(&self, policy: &mut Policy) {
        for grace in &self.grace {
            *(grace.field)(policy) = grace.time_ms;
        }
        if let Some(share) = self.crash_share {
            policy.crash_share_percent = share;
        }
    }
}

/// `backstay diagnose`.
#[derive(Args, Debug)]
pub(crate) struct DiagnoseArgs {
    /// Release name
    #[arg(required_unless_present = "replay", conflicts_with = "replay")]
    pub(crate) name: Option<String>,
    /// Judge a recording instead of a cluster
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// What is created or changed after so many seconds of the recording is the new revision
    #[arg(long, value_name = "SECONDS", requires = "replay", allow_negative_numbers = true)]
    pub(crate) since: Option<f64>,
    /// When a failure counts as certain
    #[arg(long, value_enum, default_value = "default")]
    pub(crate) fail_fast: FailFast,
    #[command(flatten)]
    pub(crate) grace: GraceArgs,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay evidence`.
#[derive(Args, Debug)]
pub(crate) struct EvidenceArgs {
    /// Release name
    pub(crate) name: String,
    /// Revision; without it, the last that failed
    pub(crate) revision: Option<u32>,
    /// The same as a flag
    #[arg(long = "revision", value_name = "REVISION", conflicts_with = "revision", hide = true)]
    pub(crate) of: Option<u32>,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graces_change_one_number_of_the_policy() {
        for (text, expected) in [
            ("image=60s", Some(Policy { image_grace_ms: 60_000, ..Policy::default() })),
            ("controller=3m", Some(Policy { controller_grace_ms: 180_000, ..Policy::default() })),
            ("image", None),
            ("image=soon", None),
            ("patience=1s", None),
        ] {
            let policy = grace(text).ok().map(|grace| {
                let mut policy = Policy::default();
                GraceArgs { grace: vec![grace], crash_share: None }.apply(&mut policy);
                policy
            });
            assert_eq!(policy, expected, "{text}");
        }
    }
}
