//! Deployments by other means: Argo, Flux, Flagger, Tekton, Keptn, Numaplane, the GitOps Promoter.

use super::{ALWAYS, KindRule, NEVER, NOT_READY, READY, rule, run};

/// The pods that serve are those of the present template.
const ROLLOUT_READY: &str = "has(status.phase) && status.phase != '' && status.phase != 'Healthy' ? false : \
    (status.stableRS == status.currentPodHash || status.canary.stableRS == status.currentPodHash \
     || status.blueGreen.activeSelector == status.currentPodHash || status.phase == 'Healthy' \
     || condition('Progressing').reason == 'NewReplicaSetAvailable') \
    && !isFalse('Available') \
    && (has(spec.replicas) ? status.updatedReplicas >= spec.replicas : true)";
/// What `generation` a controller has seen is told by the kind's own word in newer versions only.
const SUCCEEDED: &str = "status.phase in ['Succeeded', 'Successful', 'Skipped']";
const PHASE_FAILED: &str = "status.phase in ['Failed', 'Error']";
/// Flux: retries show as a `Reconciling` with this reason beside a `Ready` that is false.
const FLUX_FAILED: &str = "isFalse('Ready') \
    && (!has(condition('Reconciling')) || condition('Reconciling').reason == 'ProgressingWithRetry' \
        || condition('Reconciling').status != 'True')";
const FLUX_READY: &str = "isTrue('Ready') && !isTrue('Reconciling')";
const KEPTN_FAILED: &str = "status.status == 'Failed' || status.deploymentStatus == 'Failed' \
    || status.workloadOverallStatus == 'Failed' \
    || status.preDeploymentStatus == 'Failed' || status.preDeploymentEvaluationStatus == 'Failed' \
    || status.postDeploymentStatus == 'Failed' || status.postDeploymentEvaluationStatus == 'Failed'";
const NUMAPLANE_FAILED: &str = "status.phase == 'Failed' \
    || (isFalse('ChildResourcesHealthy') && condition('ChildResourcesHealthy').reason != 'Progressing') \
    || isFalse('ProgressiveUpgradeSucceeded')";
const NUMAPLANE_READY: &str = "status.phase == 'Deployed' && isTrue('ChildResourceDeployed') \
    && (isTrue('ChildResourcesHealthy') \
        || isTrue('MonoVertexPausingOrPaused') \
        || isTrue('PipelinePausingOrPaused'))";
const NUMAFLOW_FAILED: &str = "status.phase == 'Failed' \
    || (has(status.conditions) && status.conditions.exists(c, c.status == 'False')) \
    || metadata.labels['numaplane.numaproj.io/progressive-result-state'] == 'failed'";

pub(super) static RULES: &[KindRule] = &[
    // https://argo-rollouts.readthedocs.io/en/stable/features/specification/ and .../features/kustomize (phase, conditions)
    run(
        "argoproj.io",
        &["Rollout"],
        "status.phase == 'Degraded' || status.abort == true || isTrue('InvalidSpec') \
         || condition('Progressing').reason in ['RolloutAborted', 'ProgressDeadlineExceeded']",
        ROLLOUT_READY,
    ),
    // https://argo-rollouts.readthedocs.io/en/stable/features/analysis/ and .../features/experiment/
    run("argoproj.io", &["AnalysisRun", "Experiment"], PHASE_FAILED, SUCCEEDED),
    // https://argo-workflows.readthedocs.io/en/latest/fields/#workflowstatus
    run("argoproj.io", &["Workflow"], PHASE_FAILED, SUCCEEDED),
    // https://argo-workflows.readthedocs.io/en/latest/fields/#cronworkflowstatus (conditions SpecError, SubmissionError)
    rule("argoproj.io", &["CronWorkflow"], "isTrue('SpecError') || isTrue('SubmissionError')", ALWAYS),
    // https://argo-cd.readthedocs.io/en/stable/operator-manual/health/ (health, sync and operation state of an Application)
    rule(
        "argoproj.io",
        &["Application"],
        "status.health.status == 'Degraded' || status.operationState.phase in ['Failed', 'Error']",
        "status.health.status == 'Healthy' && (!has(status.operationState.phase) || status.operationState.phase != 'Running')",
    ),
    // https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/ (conditions)
    rule(
        "argoproj.io",
        &["ApplicationSet"],
        "isTrue('ErrorOccurred') || isFalse('ResourcesUpToDate')",
        "isTrue('ResourcesUpToDate') && !isTrue('RolloutProgressing')",
    ),
    rule("argoproj.io", &["AppProject", "AnalysisTemplate", "ClusterAnalysisTemplate"], NEVER, ALWAYS),
    rule("argoproj.io", &["WorkflowTemplate", "ClusterWorkflowTemplate"], NEVER, ALWAYS),
    // https://argoproj.github.io/argo-events/APIs/ (Status.Conditions of EventBus, EventSource, Sensor)
    rule(
        "argoproj.io",
        &["EventBus", "EventSource", "Sensor"],
        "status.conditions.exists(c, c.status == 'False')",
        "size(status.conditions) > 0 && status.conditions.all(c, c.status == 'True')",
    ),
    // https://fluxcd.io/flux/components/helm/helmreleases/#conditions and the same chapter of each kind
    rule("helm.toolkit.fluxcd.io", &[], FLUX_FAILED, FLUX_READY),
    rule("kustomize.toolkit.fluxcd.io", &[], FLUX_FAILED, FLUX_READY),
    rule("source.toolkit.fluxcd.io", &[], FLUX_FAILED, "isTrue('Ready') || spec.type == 'oci'"),
    // https://fluxcd.io/flux/components/image/imagerepositories/#conditions
    rule("image.toolkit.fluxcd.io", &[], FLUX_FAILED, FLUX_READY),
    // https://fluxcd.io/flux/components/notification/receivers/#conditions; the other two have had no status since v1beta3.
    rule("notification.toolkit.fluxcd.io", &["Alert", "Provider"], NOT_READY, ALWAYS),
    rule("notification.toolkit.fluxcd.io", &["Receiver"], FLUX_FAILED, FLUX_READY),
    // https://docs.flagger.app/usage/how-it-works#canary-status
    run(
        "flagger.app",
        &["Canary"],
        "status.phase == 'Failed'",
        "status.phase in ['Succeeded', 'Initialized']",
    ),
    // https://tekton.dev/docs/pipelines/pipelineruns/#monitoring-execution-status
    run(
        "tekton.dev",
        &["PipelineRun", "TaskRun", "CustomRun", "Run"],
        "isFalse('Succeeded')",
        "isTrue('Succeeded')",
    ),
    // https://tekton.dev/docs/operator/tektonconfig/ (Ready condition of the operator's kinds)
    rule("operator.tekton.dev", &[], NEVER, READY),
    // https://lifecycle.keptn.sh/docs/reference/api-reference/lifecycle/ (phases and states)
    run(
        "lifecycle.keptn.sh",
        &["KeptnTask", "KeptnEvaluation"],
        KEPTN_FAILED,
        "status.status == 'Succeeded' || status.overallStatus == 'Succeeded'",
    ),
    rule(
        "lifecycle.keptn.sh",
        &["KeptnAppVersion", "KeptnWorkloadInstance", "KeptnWorkloadVersion"],
        KEPTN_FAILED,
        "status.currentPhase == 'Completed' && status.postDeploymentEvaluationStatus == 'Succeeded' \
         && (!has(status.status) || status.status != 'Progressing')",
    ),
    // https://lifecycle.keptn.sh/docs/reference/api-reference/metrics/ (errMsg, state)
    rule(
        "metrics.keptn.sh",
        &["KeptnMetric"],
        "status.errMsg != ''",
        "has(status.value) && status.value != ''",
    ),
    rule("metrics.keptn.sh", &["Analysis"], "status.state == 'Failed'", "status.state == 'Completed'"),
    // https://numaflow.numaproj.io/APIs/ (phase and conditions)
    rule(
        "numaflow.numaproj.io",
        &["Pipeline", "Vertex", "MonoVertex", "InterStepBufferService"],
        NUMAFLOW_FAILED,
        "status.phase in ['Running', 'Paused', 'Succeeded'] && status.conditions.all(c, c.status == 'True')",
    ),
    // https://numaplane.numaproj.io/ (phase, ChildResourcesHealthy, ProgressiveUpgradeSucceeded)
    rule("numaplane.numaproj.io", &[], NUMAPLANE_FAILED, NUMAPLANE_READY),
    // https://gitops-promoter.readthedocs.io/en/latest/crd-specs/ (Ready condition; promotion is behind while dry shas differ)
    rule(
        "promoter.argoproj.io",
        &["ChangeTransferPolicy"],
        NOT_READY,
        "isTrue('Ready') && status.active.dry.sha == status.proposed.dry.sha",
    ),
    rule(
        "promoter.argoproj.io",
        &["PromotionStrategy"],
        NOT_READY,
        "isTrue('Ready') && size(status.environments) > 0 \
         && status.environments.all(e, e.active.dry.sha == e.proposed.dry.sha \
            && (!has(e.active.commitStatuses) || !e.active.commitStatuses.exists(s, s.phase != 'success')))",
    ),
    rule(
        "promoter.argoproj.io",
        &["GitCommitStatus", "TimedCommitStatus", "WebRequestCommitStatus"],
        NOT_READY,
        "isTrue('Ready') \
         && (!has(status.environments) || !status.environments.exists(e, e.phase == 'pending'))",
    ),
    rule("promoter.argoproj.io", &[], NOT_READY, READY),
    // https://github.com/pulumi/pulumi-kubernetes-operator/blob/master/docs/stacks.md (Ready, Stalled, Reconciling)
    rule("pulumi.com", &["Stack"], NEVER, FLUX_READY),
    // https://openkruise.io/rollouts/user-manuals/api-specifications (phase, canaryStatus.currentStepState)
    run(
        "rollouts.kruise.io",
        &["Rollout"],
        "status.phase in ['Disabled', 'Terminating']",
        "status.phase == 'Healthy'",
    ),
    // https://docs.ansible.com/automation-controller/latest/html/userguide/ (the job's own status)
    run(
        "tower.ansible.com",
        &["AnsibleJob", "AnsibleWorkflow"],
        "status.ansibleJobResult.status in ['failed', 'error', 'canceled'] || isTrue('Failure')",
        "status.ansibleJobResult.status == 'successful'",
    ),
];
