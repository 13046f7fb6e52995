//! What must be in the cluster after each verdict.

use std::collections::BTreeSet;

use backstay_object::ResourceKey;
use backstay_plan::{Operation, PlannedObject};
use backstay_rehearse::{Meanwhile, Trouble};
use backstay_rollout::{RecordChange, Verdict};
use backstay_sim::Cluster;

/// What a run may come to.
pub(crate) struct Expected<'a> {
    operation: Operation,
    first: &'a [PlannedObject],
    second: &'a [PlannedObject],
    /// Paths of what somebody else deleted or scaled.
    meddled: BTreeSet<String>,
    /// The host lost time, somebody took away what it needed, or the old revision is met by the fault, too: the way back may
    /// fail.
    pub(crate) excused: bool,
}

/// Kinds that no run deletes on the way back.
const KEPT: &[&str] = &["PersistentVolumeClaim", "CustomResourceDefinition", "Namespace"];

impl<'a> Expected<'a> {
    pub(crate) fn new(
        operation: Operation,
        first: &'a [PlannedObject],
        second: &'a [PlannedObject],
        trouble: &Trouble,
    ) -> Self {
        let meddled: BTreeSet<String> = trouble
            .meanwhile
            .iter()
            .filter_map(|(_, what)| match what {
                Meanwhile::Asks(request)
                    if request.method == "DELETE" && !request.path.ends_with("/pods") =>
                {
                    Some(request.path.clone())
                }
                Meanwhile::Asks(request) if String::from_utf8_lossy(&request.body).contains("replicas") => {
                    Some(request.path.clone())
                }
                _ => None,
            })
            .collect();
        let excused = !meddled.is_empty() || !trouble.sleeps.is_empty() || !trouble.clock_steps.is_empty();
        Self { operation, first, second, meddled, excused }
    }

    /// How the records end when the way back failed: the revision is failed, and so is the one of the way back if it began.
    /// Then the same command begins anew, and `history` tells what happened.
    pub(crate) fn check_records(&self, verdict: &Verdict, records: &[RecordChange]) -> Result<(), String> {
        if !matches!(verdict, Verdict::UndoFailed { .. }) || self.operation == Operation::Uninstall {
            return Ok(());
        }
        let began = records.iter().any(|change| matches!(change, RecordChange::BeginUndo { .. }));
        match records.last() {
            Some(RecordChange::FailUndo { .. }) => Ok(()),
            Some(RecordChange::Fail { .. }) if !began => Ok(()),
            last => Err(format!("the way back failed, but the last change of the records is {last:?}")),
        }
    }

    /// Whether the cluster is what the verdict says.
    pub(crate) fn check(&self, verdict: &Verdict, cluster: &Cluster) -> Result<(), String> {
        let installs = self.operation == Operation::Install;
        let nothing: &[PlannedObject] = &[];
        let (there, gone) = match verdict {
            Verdict::Deployed => (self.second, if installs { nothing } else { self.first }),
            Verdict::RolledBack { .. } if !installs => (self.first, self.second),
            Verdict::CleanedUp { .. } if installs => (nothing, self.second),
            // Nothing was changed yet.
            Verdict::Refused { .. } | Verdict::Unreachable { .. } if installs => (nothing, self.second),
            Verdict::Refused { .. } | Verdict::Unreachable { .. } => (self.first, self.second),
            Verdict::Uninstalled if self.operation == Operation::Uninstall => (nothing, self.first),
            // There is no way back from an uninstall: it is done again.
            Verdict::UndoFailed { .. } if self.operation == Operation::Uninstall => return Ok(()),
            Verdict::Interrupted { cause } if cause.message.contains("defect") => {
                return Err("the machine has a defect".into());
            }
            Verdict::UndoFailed { .. } if self.excused => return self.is_half_way(cluster),
            Verdict::Interrupted { .. } if self.excused => return self.is_half_way(cluster),
            _ => return Err("such a verdict is not to be".into()),
        };
        for object in there {
            self.is_there(object, cluster)?;
        }
        let present: BTreeSet<&ResourceKey> = there.iter().map(|object| &object.key).collect();
        for object in gone.iter().filter(|object| !present.contains(&object.key)) {
            let keep = object.object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
            let may_stay = keep || KEPT.contains(&object.key.kind.as_str());
            if !may_stay && cluster.store().get(&object.key).is_some() {
                return Err(format!("{} is still there", object.key));
            }
        }
        Ok(())
    }

    /// What must hold when the way back failed: everything is as the old revision or as the new one had it, and nothing that
    /// was there before is missing, except what the new revision no longer has and could not be given back.
    fn is_half_way(&self, cluster: &Cluster) -> Result<(), String> {
        let nothing: &[PlannedObject] = &[];
        let old = if self.operation == Operation::Install { nothing } else { self.first };
        for was in old {
            let becomes = self.second.iter().find(|object| object.key == was.key);
            let keep = was.object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
            let must_be = becomes.is_some() || keep || KEPT.contains(&was.key.kind.as_str());
            if !must_be && cluster.store().get(&was.key).is_none() {
                continue;
            }
            let as_before = self.is_there(was, cluster);
            if as_before.is_err() {
                becomes.map_or_else(|| as_before, |becomes| self.is_there(becomes, cluster))?;
            }
        }
        for is in self.second.iter().filter(|is| old.iter().all(|was| was.key != is.key)) {
            if cluster.store().get(&is.key).is_some() {
                self.is_there(is, cluster)?;
            }
        }
        Ok(())
    }

    fn is_there(&self, wanted: &PlannedObject, cluster: &Cluster) -> Result<(), String> {
        let key = &wanted.key;
        if self.meddled.iter().any(|path| path.ends_with(&format!("/{}", key.name))) {
            return Ok(());
        }
        let Some(live) = cluster.store().get(key) else { return Err(format!("{key} is not there")) };
        let same = wanted.object.get("data").is_none_or(|data| live.get("data") == Some(data));
        let images = |object: &serde_json::Value| -> Vec<String> {
            let containers = object["spec"]["template"]["spec"]["containers"].as_array();
            containers.into_iter().flatten().map(|container| container["image"].to_string()).collect()
        };
        if !same || images(live) != images(&wanted.object) {
            return Err(format!("{key} has another content: {live}"));
        }
        Ok(())
    }
}
