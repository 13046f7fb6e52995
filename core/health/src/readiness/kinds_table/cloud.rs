//! Things of a cloud made by objects: Crossplane, AWS controllers, Config Connector, SAP services.

use super::{ALWAYS, KindRule, NEVER, NOT_READY, READY, rule};

/// A managed resource is made when it is ready and the last reconciliation went well.
const MANAGED_FAILED: &str = "isFalse('Synced') && condition('Synced').reason != 'ReconcilePaused' \
    || isFalse('LastAsyncOperation') && condition('LastAsyncOperation').reason != 'Ongoing'";
const MANAGED_READY: &str = "isTrue('Ready') && isTrue('Synced')";
const PACKAGE_FAILED: &str = "isFalse('Healthy') || isFalse('Installed')";
const PACKAGE_READY: &str = "isTrue('Healthy') && isTrue('Installed')";
const ACK_FAILED: &str = "isTrue('ACK.Terminal') || isTrue('ACK.Recoverable')";
const ACK_READY: &str = "isTrue('ACK.ResourceSynced') \
    && !isFalse('Ready')";
const SAP_FAILED: &str = "(isTrue('Failed') || isFalse('Succeeded') \
    && condition('Succeeded').reason.endsWith('Failed')) \
    && (!has(condition('Succeeded').observedGeneration) || !has(metadata.generation) || condition('Succeeded').observedGeneration >= metadata.generation)";
const SAP_READY: &str = "isTrue('Ready') && isTrue('Succeeded') \
    && (!has(condition('Succeeded').observedGeneration) || !has(metadata.generation) || condition('Succeeded').observedGeneration >= metadata.generation)";
const CNRM_FAILED: &str = "condition('Ready').reason in \
    ['UpdateFailed', 'DeleteFailed', 'DependencyInvalid', 'DependencyNotFound', 'ManagementConflict', 'PreconditionFailed']";

pub(super) static RULES: &[KindRule] = &[
    // https://docs.crossplane.io/latest/packages/providers/#provider-conditions
    rule("pkg.crossplane.io", &["Provider", "Configuration", "Function"], PACKAGE_FAILED, PACKAGE_READY),
    rule(
        "pkg.crossplane.io",
        &["ProviderRevision", "ConfigurationRevision", "FunctionRevision"],
        "isFalse('Healthy') || isFalse('RevisionHealthy')",
        "isTrue('Healthy') || isTrue('RevisionHealthy')",
    ),
    rule("pkg.crossplane.io", &[], NEVER, ALWAYS),
    // https://docs.crossplane.io/latest/composition/composite-resource-definitions/ (Established, Offered)
    rule(
        "apiextensions.crossplane.io",
        &["CompositeResourceDefinition"],
        "condition('Established').reason == 'TerminatingCompositeResource'",
        "isTrue('Established')",
    ),
    rule("apiextensions.crossplane.io", &[], NEVER, ALWAYS),
    // https://docs.crossplane.io/latest/managed-resources/managed-resources/#conditions; families of providers share it
    rule(
        ".crossplane.io",
        &["ProviderConfig", "ClusterProviderConfig", "ProviderConfigUsage", "StoreConfig"],
        NEVER,
        ALWAYS,
    ),
    rule(".crossplane.io", &[], MANAGED_FAILED, MANAGED_READY),
    rule(
        ".upbound.io",
        &["ProviderConfig", "ClusterProviderConfig", "ProviderConfigUsage", "StoreConfig"],
        NEVER,
        ALWAYS,
    ),
    rule(".upbound.io", &[], MANAGED_FAILED, MANAGED_READY),
    // https://aws-controllers-k8s.github.io/community/docs/user-docs/ (ACK.ResourceSynced, ACK.Terminal)
    rule(".services.k8s.aws", &[], ACK_FAILED, ACK_READY),
    // https://cloud.google.com/config-connector/docs/how-to/monitoring-your-resources (Ready reasons)
    rule(".cnrm.cloud.google.com", &[], CNRM_FAILED, READY),
    // https://azure.github.io/azure-service-operator/design/adr-2021-02-error-handling/ (Ready with a severity)
    rule(".azure.com", &[], "isFalse('Ready') && condition('Ready').severity == 'Error'", READY),
    // https://github.com/SAP/sap-btp-service-operator (Succeeded, Failed, Ready)
    rule("services.cloud.sap.com", &[], SAP_FAILED, SAP_READY),
    // https://github.com/hashicorp/hcp-terraform-operator, https://flux-iac.github.io/tofu-controller/ (Ready)
    rule("infra.contrib.fluxcd.io", &["Terraform"], NOT_READY, READY),
];
