//! The rules: code, severity, why it matters, what to do. `docs/lint` has a page for each; a test ties them.

use backstay_object::FromJson;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Works, until it does not.
    Warning,
    /// The server will refuse it, or the rollout cannot succeed.
    Error,
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name, for `--ignore`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const fn rule(code: &'static str, severity: Severity, why: &'static str, fix: &'static str) -> Rule {
    Rule { code, severity, why, fix }
}

use Severity::{Error, Info, Warning};

/// All rules, by subject.
pub const RULES: &[Rule] = &[
    // Probes.
    rule(
        "no-readiness-probe",
        Warning,
        "a container without a readinessProbe counts as ready the moment it starts: no rollout can tell whether it works",
        "add a readinessProbe that fails until the program can serve",
    ),
    rule(
        "no-liveness-probe",
        Info,
        "a program that hangs is never restarted",
        "add a livenessProbe if the program can hang without ending",
    ),
    rule(
        "liveness-stricter-than-readiness",
        Warning,
        "the container is restarted before it had the time its readiness allows: a slow start becomes a crash loop",
        "add a startupProbe, or let the livenessProbe begin later and allow more failures",
    ),
    rule(
        "same-liveness-and-readiness",
        Info,
        "what only makes a pod unready (a slow dependency) restarts it, too",
        "ask the livenessProbe something that depends on nothing else",
    ),
    rule(
        "probe-timeout-above-period",
        Warning,
        "a probe is asked again before it was answered",
        "make timeoutSeconds smaller than periodSeconds",
    ),
    rule(
        "probe-success-threshold",
        Error,
        "the server takes only successThreshold 1 for liveness and startup probes",
        "remove successThreshold from that probe",
    ),
    rule(
        "probe-port-unknown",
        Error,
        "the probe asks a named port that the container does not have, so that it never succeeds",
        "name the port in the container's ports, or write its number",
    ),
    // Times.
    rule(
        "timeout-too-short",
        Warning,
        "a healthy rollout may be taken back because its time is over",
        "raise --timeout to what `backstay timeout` recommends, or use --timeout auto",
    ),
    rule(
        "deadline-beyond-timeout",
        Info,
        "the object may go on for longer than the whole rollout has: its own deadline never speaks",
        "make the object's deadline shorter than --timeout",
    ),
    rule(
        "progress-deadline-too-short",
        Warning,
        "the Deployment is called failed while a pod may still become ready by its own probes",
        "raise progressDeadlineSeconds above what one pod may take",
    ),
    rule(
        "progress-deadline-below-min-ready",
        Error,
        "the server refuses a progressDeadlineSeconds that is not above minReadySeconds",
        "raise progressDeadlineSeconds",
    ),
    rule(
        "stop-longer-than-grace",
        Warning,
        "the preStop hook takes as long as the pod has to stop: the program is killed without being asked",
        "raise terminationGracePeriodSeconds above the preStop hook and the program's own end",
    ),
    // Hooks.
    rule(
        "hook-without-deadline",
        Warning,
        "a hook that hangs uses up the whole timeout, and nothing says that it is the hook",
        "set activeDeadlineSeconds in the hook's Job",
    ),
    rule(
        "hook-without-delete-policy",
        Info,
        "the hook's object stays in the cluster and is replaced only by the next run",
        "set helm.sh/hook-delete-policy, usually before-hook-creation,hook-succeeded",
    ),
    rule(
        "hook-retries-by-default",
        Info,
        "a hook's Job is tried seven times by default: a migration may run again after it failed half-way",
        "set backoffLimit in the hook's Job, 0 if it must not run twice",
    ),
    rule(
        "hook-unknown-event",
        Error,
        "Helm does not know the event, so that the object never runs at the time that was meant",
        "use one of pre-install, post-install, pre-upgrade, post-upgrade, pre-rollback, post-rollback, pre-delete, post-delete, test",
    ),
    rule(
        "hook-weight-not-a-number",
        Warning,
        "Helm takes the weight as 0",
        "write a whole number in quotes, such as \"-5\"",
    ),
    rule(
        "hook-is-workload",
        Warning,
        "a hook of this kind is not waited for, belongs to no release and is not deleted with it",
        "make it an object of the release, or a Job",
    ),
    rule(
        "migration-is-not-undone",
        Info,
        "going back does not undo what the hook has changed (a database, for instance)",
        "make the change readable for the old version, or add a pre-rollback hook that takes it back",
    ),
    // Flags of the rollout.
    rule(
        "force-with-undo",
        Warning,
        "forced replacement deletes and creates objects: the way back meets other objects than those it left",
        "leave --force out, or do without the automatic way back",
    ),
    rule(
        "force-on-stateful-set",
        Error,
        "forced replacement deletes the StatefulSet and stops all of its pods at once",
        "leave --force out; change what can be changed, and replace the StatefulSet by hand with --cascade=orphan",
    ),
    // Definitions.
    rule(
        "crd-beside-its-resources",
        Warning,
        "the resource is refused when its definition is not established yet, and deleting the chart deletes all resources of the kind",
        "put definitions into a chart of their own or into crds/",
    ),
    rule(
        "crd-in-templates",
        Info,
        "a definition in templates/ is upgraded with the chart and deleted with it, with every resource of its kind",
        "move it to crds/, or add helm.sh/resource-policy: keep",
    ),
    // Services and what leads to them.
    rule(
        "fixed-node-port",
        Warning,
        "a second release, or another team, cannot have the same port: the server refuses the Service",
        "leave nodePort out, or make it a value that is empty by default",
    ),
    rule(
        "service-selects-nothing",
        Warning,
        "no pod of this chart has the labels the Service selects: it has no endpoints",
        "make the selector the labels of the pod template",
    ),
    rule(
        "service-port-unknown",
        Warning,
        "the Service's targetPort is a name that no container of its pods has",
        "name the container's port so, or write its number",
    ),
    rule(
        "ingress-backend-missing",
        Warning,
        "the Ingress leads to a Service that is not in this chart",
        "correct the Service's name, or make sure it exists before",
    ),
    // Images.
    rule(
        "image-latest",
        Warning,
        "the tag moves: going back to the revision before does not go back to the image before",
        "use a tag that never changes, or a digest",
    ),
    rule(
        "image-pull-never",
        Warning,
        "a node that does not have the image can never run the pod",
        "use IfNotPresent",
    ),
    rule(
        "pull-secret-missing",
        Info,
        "the Secret for pulling images is not in this chart: without it the image cannot be pulled",
        "make sure that it exists in the namespace",
    ),
    // Scaling and disruption.
    rule(
        "replicas-with-autoscaler",
        Warning,
        "every deploy sets the replicas back to the manifest's number and the autoscaler changes them again",
        "leave replicas out where an autoscaler is in charge",
    ),
    rule(
        "autoscaler-target-missing",
        Warning,
        "the autoscaler's target is not in this chart",
        "correct scaleTargetRef",
    ),
    rule(
        "autoscaler-bounds",
        Error,
        "the server refuses an autoscaler with minReplicas above maxReplicas or a target below one",
        "correct minReplicas, maxReplicas and the targets",
    ),
    rule(
        "autoscaler-without-requests",
        Warning,
        "utilization is measured against requests: without them the autoscaler does nothing",
        "set resources.requests of the containers",
    ),
    rule(
        "pdb-blocks",
        Warning,
        "the budget allows no disruption at all: nodes cannot be drained",
        "allow at least one pod to be unavailable",
    ),
    rule(
        "pdb-selects-nothing",
        Info,
        "no pod of this chart has the labels the budget selects",
        "make the selector the labels of the pod template",
    ),
    // Fields the server lets nobody change.
    rule(
        "immutable-selector",
        Error,
        "spec.selector cannot be changed: the server refuses the upgrade",
        "keep the selector, or give the workload a new name",
    ),
    rule(
        "immutable-stateful-set",
        Error,
        "volumeClaimTemplates and most other fields of a StatefulSet cannot be changed: the server refuses the upgrade",
        "delete the StatefulSet with --cascade=orphan before, or give it a new name",
    ),
    rule(
        "immutable-job",
        Error,
        "the template of a Job cannot be changed: the server refuses the upgrade",
        "give the Job a name that changes with its content, or make it a hook",
    ),
    rule(
        "immutable-service",
        Error,
        "spec.clusterIP cannot be changed once it is set",
        "leave clusterIP as it was; delete the Service before if it must change",
    ),
    rule(
        "immutable-claim",
        Error,
        "a claim's spec cannot be changed, except for more storage",
        "make a new claim and copy the data",
    ),
    rule(
        "immutable-role-ref",
        Error,
        "roleRef cannot be changed: the server refuses the upgrade",
        "give the binding a new name",
    ),
    rule(
        "immutable-config",
        Error,
        "the object is marked immutable and its data changes",
        "give it a name that changes with its content",
    ),
    // Room.
    rule(
        "quota-exceeded",
        Error,
        "the pods of this chart ask for more than the quota has: some will never be created",
        "raise the quota, lower the requests, or allow for fewer surplus pods (maxSurge)",
    ),
    rule(
        "request-above-node",
        Error,
        "no node is large enough for this pod: it stays pending for ever",
        "lower the requests, or add a larger node",
    ),
    rule(
        "request-above-limit",
        Error,
        "the server refuses a container whose request is above its limit",
        "lower the request or raise the limit",
    ),
    rule(
        "no-requests",
        Info,
        "a container without requests is the first to be evicted, and no quota or autoscaler can reckon with it",
        "set resources.requests",
    ),
    // Volumes.
    rule(
        "recreate-with-claim",
        Info,
        "Recreate stops all pods before the first new one begins, on the way back once more: the service is away",
        "expect the outage, or use a StatefulSet",
    ),
    rule(
        "rolling-update-with-claim",
        Warning,
        "the new pod waits for a ReadWriteOnce volume that the old pod holds if they are on different nodes: the rollout never ends",
        "use strategy Recreate, a StatefulSet, or a ReadWriteMany claim",
    ),
    rule(
        "claim-missing",
        Warning,
        "the claim a pod mounts is not in this chart: without it the pod stays pending",
        "make sure that it exists, or add it",
    ),
    rule(
        "claim-template-shared",
        Warning,
        "several pods of a Deployment share one ReadWriteOnce claim: only those on one node can start",
        "use one replica, a StatefulSet, or a ReadWriteMany claim",
    ),
    // Versions of the API.
    rule(
        "removed-api",
        Error,
        "this version of Kubernetes does not have the API any more: the server refuses the object",
        "use the API that replaces it",
    ),
    rule(
        "deprecated-api",
        Warning,
        "the API is deprecated and will be removed",
        "use the API that replaces it before the cluster is upgraded",
    ),
    // Secrets and references.
    rule(
        "secret-in-config-map",
        Warning,
        "what looks like a password or key is readable by everybody who may read ConfigMaps",
        "move it to a Secret",
    ),
    rule(
        "secret-in-env",
        Warning,
        "what looks like a password or key is written into the pod's spec",
        "use valueFrom.secretKeyRef",
    ),
    rule(
        "config-missing",
        Info,
        "the ConfigMap or Secret a container needs is not in this chart: without it the container cannot be created",
        "make sure that it exists, add it, or mark it optional",
    ),
    rule(
        "service-account-missing",
        Info,
        "the ServiceAccount is not in this chart: without it no pod is created",
        "make sure that it exists, or add it",
    ),
    // What only the cluster can say: found by `plan` and by every deploy, before the first change.
    rule(
        "access-missing",
        Error,
        "the rollout, or its way back, would be refused in the middle",
        "give this user the permission; `backstay rbac CHART` prints all that are needed",
    ),
    rule(
        "access-optional",
        Info,
        "the rollout works without this permission, with less evidence or foresight",
        "give this user the permission, or do without",
    ),
    rule(
        "server-refuses",
        Error,
        "the server does not accept the object as it is",
        "correct the object; nothing has been changed",
    ),
    rule(
        "way-back-closed",
        Warning,
        "after a failure there is no revision to go back to",
        "repair the release forward, or uninstall it first",
    ),
    // Shape.
    rule(
        "selector-mismatch",
        Error,
        "the selector does not match the labels of the pod template: the server refuses the object",
        "make them equal",
    ),
    rule(
        "duplicate-object",
        Error,
        "two templates describe the same object: the last one wins, or the server refuses it",
        "rename or remove one of them",
    ),
    rule(
        "duplicate-env",
        Warning,
        "a variable is set twice in one container: only the last value counts",
        "remove one of them",
    ),
    rule(
        "other-namespace",
        Info,
        "the object is always put into another namespace than the release",
        "leave metadata.namespace out unless that is meant",
    ),
    rule(
        "resource-policy-keep",
        Info,
        "the object stays when the release is uninstalled or no longer contains it, and the way back does not delete it",
        "expect it, and adopt or delete it by hand later",
    ),
    rule(
        "resource-policy-unknown",
        Warning,
        "helm.sh/resource-policy knows only keep: anything else does nothing",
        "write keep, or remove the annotation",
    ),
    // Strategy.
    rule(
        "no-surge-no-unavailable",
        Error,
        "maxSurge and maxUnavailable are both 0: the server refuses it, because nothing could ever be replaced",
        "allow one of them",
    ),
    rule(
        "single-replica-goes-away",
        Warning,
        "the only replica may be stopped before the new one is ready",
        "set maxUnavailable to 0 and maxSurge to 1",
    ),
    rule(
        "on-delete-strategy",
        Warning,
        "pods are replaced only when somebody deletes them: neither the deploy nor the way back changes what runs",
        "use RollingUpdate",
    ),
    rule(
        "zero-replicas",
        Info,
        "there is nothing to wait for: the deploy succeeds whatever the image is",
        "set replicas above 0 if it is meant to run",
    ),
];

/// The rule of a code.
#[must_use]
pub fn rule_of(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}
