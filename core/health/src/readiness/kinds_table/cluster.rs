//! Clusters, nodes, operators.

use super::{KindRule, NEVER, NOT_READY, READY, rule};

const PHASE_FAILED: &str = "status.phase == 'Failed'";
const BINDING_FAILED: &str =
    "status.aggregatedStatus.exists(a, a.health == 'Unhealthy' || a.applied == false)";
const BINDING_READY: &str = "isTrue('FullyApplied') \
    && !(has(status.schedulerObservedGeneration) && status.schedulerObservedGeneration < metadata.generation && has(condition('Scheduled')) && condition('Scheduled').status != 'True') \
    && status.aggregatedStatus.all(a, a.applied == true)";
const DEGRADED_OR_PROGRESSING: &str = "isTrue('Available') && !isTrue('Progressing')";

pub(super) static RULES: &[KindRule] = &[
    // https://cluster-api.sigs.k8s.io/reference/api/crd-reference (phases; Ready or Available condition)
    rule(
        "cluster.x-k8s.io",
        &["Cluster"],
        "status.phase == 'Failed' && (!has(spec.paused) || spec.paused != true)",
        "status.phase == 'Provisioned' && !isFalse('Ready') && !isFalse('Available')",
    ),
    rule(
        "cluster.x-k8s.io",
        &["Machine"],
        "status.phase == 'Failed' || isFalse('Ready') && condition('Ready').severity == 'Error'",
        "status.phase == 'Running' && !isFalse('Ready')",
    ),
    rule(
        "cluster.x-k8s.io",
        &["MachineDeployment", "MachineSet"],
        PHASE_FAILED,
        "status.phase in ['Running', 'ScalingDown'] && status.readyReplicas >= spec.replicas && (!has(status.updatedReplicas) || !has(spec.replicas) || status.updatedReplicas >= spec.replicas) || status.readyReplicas >= spec.replicas && !has(status.phase)",
    ),
    rule("cluster.x-k8s.io", &["MachinePool"], PHASE_FAILED, READY),
    rule(
        "cluster.x-k8s.io",
        &["MachineHealthCheck"],
        "status.currentHealthy < status.expectedMachines",
        "status.currentHealthy >= status.expectedMachines",
    ),
    rule(
        "cluster.x-k8s.io",
        &["ClusterClass"],
        "isFalse('VariablesReconciled')",
        "isTrue('VariablesReconciled') || !has(status.conditions)",
    ),
    // https://cluster-api.sigs.k8s.io/tasks/cluster-resource-set (ResourcesApplied)
    rule(
        "addons.cluster.x-k8s.io",
        &["ClusterResourceSet"],
        "isFalse('ResourcesApplied') && condition('ResourcesApplied').severity == 'Error'",
        "isTrue('ResourcesApplied')",
    ),
    // https://cluster-api.sigs.k8s.io/developer/providers/contracts/control-plane (Ready, failureMessage)
    rule(
        "controlplane.cluster.x-k8s.io",
        &[],
        "has(status.failureMessage) && status.failureMessage != ''",
        "isTrue('Ready') && !isTrue('EKSControlPlaneUpdating') || isTrue('Available')",
    ),
    rule(
        "infrastructure.cluster.x-k8s.io",
        &[],
        "has(status.failureMessage) && status.failureMessage != ''",
        "isTrue('Ready') || status.ready == true || status.initialization.provisioned == true",
    ),
    rule(
        "bootstrap.cluster.x-k8s.io",
        &[],
        "has(status.failureMessage) && status.failureMessage != ''",
        "isTrue('Ready') || status.ready == true || status.initialization.dataSecretCreated == true",
    ),
    // https://karpenter.sh/docs/concepts/nodeclaims/ (Launched, Registered, Initialized, Ready)
    rule(
        "karpenter.sh",
        &["NodeClaim"],
        "isFalse('Launched') || isTrue('Initialized') && isFalse('Ready')",
        READY,
    ),
    rule(".karpenter.sh", &[], NOT_READY, READY),
    rule("karpenter.sh", &["NodePool"], NOT_READY, READY),
    rule(".k8s.aws", &["EC2NodeClass"], NOT_READY, READY),
    // https://nmstate.io/kubernetes-nmstate/user-guide/102-configuration (Available, Degraded, Progressing)
    rule(
        "nmstate.io",
        &["NodeNetworkConfigurationPolicy", "NodeNetworkConfigurationEnactment"],
        "isTrue('Degraded')",
        "isTrue('Available')",
    ),
    // https://olm.operatorframework.io/docs/concepts/crds/subscription/ and .../clusterserviceversion/ (state, conditions, phase)
    rule(
        "operators.coreos.com",
        &["Subscription"],
        "isTrue('CatalogSourcesUnhealthy') || isTrue('InstallPlanFailed') \
         || (isTrue('InstallPlanMissing') && condition('InstallPlanMissing').reason != 'ReferencedInstallPlanNotFound') \
         || isTrue('ResolutionFailed')",
        "size(status.conditions) > 0 && !(isTrue('InstallPlanPending') && condition('InstallPlanPending').reason != 'RequiresApproval')",
    ),
    rule("operators.coreos.com", &["ClusterServiceVersion"], PHASE_FAILED, "status.phase == 'Succeeded'"),
    rule("operators.coreos.com", &["InstallPlan"], PHASE_FAILED, "status.phase == 'Complete'"),
    rule(
        "operators.coreos.com",
        &["CatalogSource"],
        NEVER,
        "status.connectionState.lastObservedState == 'READY'",
    ),
    // https://red-hat-storage.github.io/ocs-operator/ (conditions, phase)
    rule("ocs.openshift.io", &["StorageCluster"], "isTrue('Degraded')", DEGRADED_OR_PROGRESSING),
    // https://docs.openshift.com/container-platform/latest/rest_api/config_apis/clusteroperator-config-openshift-io-v1.html
    rule("config.openshift.io", &["ClusterOperator"], "isTrue('Degraded')", DEGRADED_OR_PROGRESSING),
    // https://gardener.cloud/docs/gardener/shoot/shoot_status/ (the label sums up conditions, operation and errors)
    rule(
        "core.gardener.cloud",
        &["Shoot"],
        "metadata.labels['shoot.gardener.cloud/status'] == 'unhealthy' \
         || status.lastOperation.state in ['Failed', 'Aborted']",
        "metadata.labels['shoot.gardener.cloud/status'] == 'healthy'",
    ),
    // https://karmada.io/docs/reference/karmada-api/work-resources/resource-binding-v1alpha2 (FullyApplied, Scheduled)
    rule("work.karmada.io", &["ResourceBinding", "ClusterResourceBinding"], BINDING_FAILED, BINDING_READY),
    rule("work.karmada.io", &["Work"], "isFalse('Applied')", "isTrue('Applied')"),
];
