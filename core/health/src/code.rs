//! The stable names of causes.

use core::fmt;
use core::str::FromStr;

use backstay_object::FromJson;
use serde::Serialize;

macro_rules! codes {
    ($($variant:ident $name:literal $meaning:literal $hint:literal;)*) => {
        /// What stands in the way. The names are part of the product: they never change, only new ones come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, FromJson)]
        pub enum CauseCode {
            $(
                #[doc = $meaning]
                #[serde(rename = $name)]
                $variant,
            )*
        }

        impl CauseCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What usually fixes it.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }
        }
    };
}

codes! {
    ImageNotFound "image-not-found" "The registry answers, but does not have this image."
        "check the image name and tag; was the image built and pushed?";
    ImagePullDenied "image-pull-denied" "The registry refuses to hand out the image."
        "check imagePullSecrets and the rights of that account; some registries answer like this for images that do not exist";
    ImagePullFailed "image-pull-failed" "The image could not be pulled: the registry is unreachable, overloaded or broken."
        "check the registry's host name and whether the node reaches it; throttled registries recover by themselves";
    ImageNameInvalid "image-name-invalid" "The image's name cannot be parsed."
        "correct the image name: lower case, no spaces, one colon before the tag";
    CrashLoop "crash-loop" "A container ends again and again instead of running."
        "read the container's last log lines; the exit code says how it ended";
    OutOfMemory "out-of-memory" "A container was killed because it used more memory than its limit."
        "raise resources.limits.memory, or make the application use less";
    ConfigMissing "config-missing" "A container refers to a ConfigMap, Secret or key that is not there."
        "create the missing object or key, or correct the reference";
    ContainerCreateFailed "container-create-failed" "The container runtime refuses to create the container."
        "check securityContext, devices, mounts and profiles of the container";
    ProbeFailing "probe-failing" "A container runs, but its probe fails."
        "check the probe's path, port and timeouts, and what the application logs while it starts";
    Unschedulable "unschedulable" "No node takes the pod."
        "check requests against free capacity, node selectors, taints, host ports and the scheduler's name";
    QuotaExceeded "quota-exceeded" "A ResourceQuota leaves no room."
        "raise the quota, lower requests or replicas, or let maxUnavailable free room for the new pods";
    AdmissionDenied "admission-denied" "An admission rule of the cluster refuses the object."
        "change the object as the rule asks, or ask who owns the rule";
    VolumeNotBound "volume-not-bound" "A volume claim is not bound to a volume."
        "check the storage class and its provisioner, or create a matching PersistentVolume";
    MountFailed "mount-failed" "A volume cannot be mounted."
        "check that what the volume refers to exists and that the node can mount it";
    Evicted "evicted" "The node threw the pod out."
        "check the pod's storage and memory use against its limits and the node's pressure conditions";
    JobFailed "job-failed" "A Job used up its retries or its time."
        "read the log of the Job's last pod";
    PodFailed "pod-failed" "A pod that was to run to its end ended without success."
        "read the log of the container that ended; the exit code says how it ended";
    HookFailed "hook-failed" "A hook of the chart failed."
        "read the log of the hook's pod; --no-hooks leaves hooks out";
    ObjectRejected "object-rejected" "The API server refuses the object as it is."
        "correct the field that the message names";
    PortAllocated "port-allocated" "The port belongs to another Service already."
        "choose another nodePort, or leave it out and let the cluster choose";
    ImmutableField "immutable-field" "A field was changed that cannot change after creation."
        "keep the old value, or delete the object and let it be created again";
    Conflict "conflict" "Somebody else owns or has just changed the object."
        "find out which tool manages the field; --force-conflicts takes it over";
    CrdMissing "crd-missing" "The cluster does not know this kind."
        "install the CustomResourceDefinition or use an API version that this cluster serves";
    PermissionDenied "permission-denied" "The user of this kubeconfig may not do this."
        "ask for the right that the message names";
    NamespaceMissing "namespace-missing" "The namespace does not exist."
        "create it, or use --create-namespace";
    WebhookUnreachable "webhook-unreachable" "An admission webhook does not answer, so the API server refuses."
        "bring the webhook's service up again, or ask who owns it";
    NoProgress "no-progress" "The workload does not come further, for longer than it may take."
        "see what its pods wait for; probes and progressDeadlineSeconds set the limit";
    NotStable "not-stable" "It was ready, and then a container ended or readiness was lost within the bake window."
        "read the container's last log lines; --bake sets how long a revision has to hold";
    DeadlineExceeded "deadline-exceeded" "The time is up."
        "raise the limit if the work is only slow";
    ApiUnreachable "api-unreachable" "The API server does not answer."
        "check the network and the kubeconfig's server address";
    Aborted "aborted" "A person or a signal stopped the rollout."
        "run the same command again when you are ready";
}

impl fmt::Display for CauseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// There is no cause of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown cause code; the names are listed in the documentation of causes")]
pub struct UnknownCode;

impl FromStr for CauseCode {
    type Err = UnknownCode;

    fn from_str(name: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name).ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_are_kebab_case() {
        for code in CauseCode::ALL {
            let name = code.as_str();
            assert_eq!(name.parse(), Ok(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), name);
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
            assert!(!code.meaning().is_empty() && !code.hint().is_empty(), "{name}");
        }
        assert_eq!("image-lost".parse::<CauseCode>(), Err(UnknownCode));
    }
}
