//! Monitoring, scaling, workloads of other shapes, applications.

use super::{ALWAYS, KindRule, NEVER, NOT_READY, READY, rule};

const KRUISE_FAILED: &str = "isTrue('FailedCreatePod') || condition('FailedScale').reason == 'Failed'";
const KRUISE_READY: &str = "status.updatedReadyReplicas >= status.replicas && status.replicas >= spec.replicas \
    || status.updatedAvailableReplicas >= spec.replicas";
const MONITORING_FAILED: &str = "isFalse('Reconciled')";
const MONITORING_READY: &str = "isTrue('Available') && isTrue('Reconciled')";
const HUMIO_FAILED: &str = "status.state == 'ConfigError'";
const HUMIO_READY: &str = "status.state in ['Running', 'Exists']";
const SCALE_FAILED: &str = "isTrue('Invalid') || isTrue('Failed') \
    || isTrue('Orphan') || isFalse('Ready')";
const SCALE_READY: &str = "isTrue('Ready') || isTrue('Synced') \
    || status.state == 'suspended' || status.developerUserState == 'suspended'";
const VICTORIA_FAILED: &str = "status.updateStatus == 'failed'";
const VICTORIA_READY: &str = "status.updateStatus in ['operational', 'paused']";

pub(super) static RULES: &[KindRule] = &[
    // https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ConditionType
    rule(
        "monitoring.coreos.com",
        &["Prometheus", "Alertmanager", "PrometheusAgent", "ThanosRuler"],
        MONITORING_FAILED,
        MONITORING_READY,
    ),
    rule("monitoring.coreos.com", &[], NEVER, ALWAYS),
    // https://docs.victoriametrics.com/operator/api/ (updateStatus)
    rule("operator.victoriametrics.com", &[], VICTORIA_FAILED, VICTORIA_READY),
    // https://grafana.github.io/grafana-operator/docs/api/ (stage, NoMatchingInstances, conditions)
    rule(
        "grafana.integreatly.org",
        &["Grafana"],
        "status.stageStatus == 'failed'",
        "status.stage == 'complete' && status.stageStatus == 'success'",
    ),
    rule(
        "grafana.integreatly.org",
        &[],
        "status.NoMatchingInstances == true || isTrue('NoMatchingInstance') \
         || status.conditions.exists(c, c.type.endsWith('Synchronized') && c.status == 'False')",
        "has(status.hash) || has(status.uid) || status.conditions.exists(c, c.type.endsWith('Synchronized') && c.status == 'True')",
    ),
    // https://github.com/open-telemetry/opentelemetry-operator/blob/main/docs/api/ (scale.statusReplicas: ready/all, as text)
    rule(
        "opentelemetry.io",
        &["OpenTelemetryCollector"],
        NEVER,
        "status.scale.replicas == 0 || !(status.scale.statusReplicas.startsWith('0/')) && has(status.scale.statusReplicas) \
         && (status.scale.replicas == 1 && status.scale.statusReplicas == '1/1' \
          || status.scale.replicas == 2 && status.scale.statusReplicas == '2/2' \
          || status.scale.replicas == 3 && status.scale.statusReplicas == '3/3' \
          || status.scale.replicas == 4 && status.scale.statusReplicas == '4/4' \
          || status.scale.replicas == 5 && status.scale.statusReplicas == '5/5' \
          || status.scale.replicas > 5)",
    ),
    rule("opentelemetry.io", &[], NEVER, ALWAYS),
    // https://www.jaegertracing.io/docs/1.76/deployment/operator/ (phase)
    rule("jaegertracing.io", &["Jaeger"], "status.phase == 'Failed'", "status.phase == 'Running'"),
    // https://kiali.io/docs/installation/installation-guide/ (conditions of an Ansible operator)
    rule(
        "kiali.io",
        &["Kiali", "OSSMConsole"],
        "status.conditions.exists(c, c.type == 'Failure' && c.status == 'True')",
        "isTrue('Successful')",
    ),
    // https://keda.sh/docs/latest/reference/scaledobject-spec/ and .../operate/ (Ready, Active, Fallback, Paused)
    rule(
        "keda.sh",
        &["ScaledObject", "ScaledJob"],
        "isFalse('Ready') || isTrue('Fallback') \
         || condition('Ready').reason == 'PartialTriggerError'",
        READY,
    ),
    rule("keda.sh", &["TriggerAuthentication", "ClusterTriggerAuthentication"], NEVER, ALWAYS),
    // https://docs.datadoghq.com/containers/guide/cluster_agent_autoscaling_metrics/ (DatadogMetric conditions)
    rule(
        "datadoghq.com",
        &["DatadogMetric"],
        "isTrue('Error') || (isTrue('Active') && isFalse('Valid'))",
        "isTrue('Valid') || isFalse('Active')",
    ),
    // https://openkruise.io/docs/user-manuals/cloneset (and the other workloads)
    rule("apps.kruise.io", &["CloneSet", "StatefulSet"], KRUISE_FAILED, KRUISE_READY),
    rule(
        "apps.kruise.io",
        &["DaemonSet"],
        "status.updatedNumberScheduled >= status.desiredNumberScheduled && status.numberUnavailable > 0",
        "status.updatedNumberScheduled >= status.desiredNumberScheduled && status.numberAvailable >= status.desiredNumberScheduled",
    ),
    rule(
        "apps.kruise.io",
        &["BroadcastJob"],
        "status.phase == 'failed' || isTrue('Failed')",
        "isTrue('Complete')",
    ),
    rule(
        "apps.kruise.io",
        &["AdvancedCronJob"],
        "has(status.lastScheduleTime) && !has(status.active) && status.lastScheduleTime == null",
        "has(status.lastScheduleTime) && !(size(status.active) > 0)",
    ),
    // https://openkruise.io/kruisegame/introduction (currentState, desiredState)
    rule(
        "game.kruise.io",
        &["GameServer"],
        "status.currentState == 'Crash'",
        "status.currentState == status.desiredState",
    ),
    rule(
        "game.kruise.io",
        &["GameServerSet"],
        NEVER,
        "status.readyReplicas >= status.replicas && status.updatedReadyReplicas >= status.replicas",
    ),
    // https://docs.openshift.com/container-platform/latest/rest_api/workloads_apis/deploymentconfig-apps-openshift-io-v1.html
    rule(
        "apps.openshift.io",
        &["DeploymentConfig"],
        "isFalse('Progressing')",
        "isTrue('Available') && condition('Progressing').reason == 'NewReplicationControllerAvailable'",
    ),
    // https://docs.spot.io/ocean-cd/ (phase)
    rule("spot.io", &["SpotDeployment"], "status.phase == 'Degraded'", "status.phase == 'Healthy'"),
    // https://www.spinkube.dev/docs/reference/spin-app/ (Available, Progressing)
    rule(
        "core.spinkube.dev",
        &["SpinApp"],
        "condition('Progressing').reason == 'ProgressDeadlineExceeded'",
        "isTrue('Available') && condition('Progressing').reason == 'NewReplicaSetAvailable'",
    ),
    // https://docs.openfaas.com/openfaas-pro/ (Function conditions)
    rule(
        "openfaas.com",
        &["Function"],
        "isTrue('Stalled')",
        "isTrue('Ready') && (isTrue('Healthy') || !has(status.replicas))",
    ),
    // https://camel.apache.org/camel-k/latest/apis/camel-k.html (phase)
    rule(
        "camel.apache.org",
        &[],
        "status.phase in ['Error', 'Cannot Build'] || isFalse('Ready') && status.phase == 'Running'",
        "status.phase in ['Running', 'Ready']",
    ),
    // https://github.com/3scale/3scale-operator/tree/master/doc (conditions)
    rule(
        "apps.3scale.net",
        &["APIManager"],
        "isFalse('Available') && has(condition('Available').reason)",
        "isTrue('Available')",
    ),
    rule("capabilities.3scale.net", &[], SCALE_FAILED, SCALE_READY),
    // https://github.com/humio/humio-operator/blob/master/docs/api.md (state)
    rule("core.humio.com", &[], HUMIO_FAILED, HUMIO_READY),
    // https://kubevirt.io/user-guide/user_workloads/lifecycle/ (printableStatus, phase, Ready)
    rule(
        "kubevirt.io",
        &["VirtualMachine"],
        "status.printableStatus in ['CrashLoopBackOff', 'ErrorUnschedulable', 'ErrImagePull', 'ImagePullBackOff', 'ErrorPvcNotFound', 'DataVolumeError']",
        "isTrue('Ready') && !isTrue('Paused') || status.printableStatus == 'Stopped'",
    ),
    rule(
        "kubevirt.io",
        &["VirtualMachineInstance"],
        "status.phase == 'Failed'",
        "isTrue('Ready') && !isTrue('Paused') || status.phase == 'Succeeded'",
    ),
    rule(
        "kubevirt.io",
        &["KubeVirt"],
        "isTrue('Degraded')",
        "status.phase == 'Deployed' && isTrue('Available')",
    ),
    // https://github.com/kubevirt/containerized-data-importer/blob/main/doc/datavolumes.md (phase)
    rule(
        "cdi.kubevirt.io",
        &["DataVolume"],
        "status.phase == 'Failed'",
        "status.phase in ['Succeeded', 'WaitForFirstConsumer', 'PendingPopulation']",
    ),
    rule("cdi.kubevirt.io", &["CDI"], "isTrue('Degraded')", "status.phase == 'Deployed'"),
    // https://coralogix.com/docs/ (RemoteSynced)
    rule("coralogix.com", &[], "isFalse('RemoteSynced')", "isTrue('RemoteSynced')"),
    // https://gitlab.com/kubitus-project/grafana-org-operator (Ready)
    rule("grafana-org-operator.kubitus-project.gitlab.io", &[], NOT_READY, READY),
];
