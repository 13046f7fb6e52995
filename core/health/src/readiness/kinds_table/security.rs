//! Certificates, secrets and policies.

use super::{ALWAYS, KindRule, NEVER, NOT_READY, READY, rule};

const COMPLIANT: &str = "status.compliant == 'Compliant'";
const NON_COMPLIANT: &str = "status.compliant == 'NonCompliant'";
const SYNCED: &str = "isTrue('Synced')";

pub(super) static RULES: &[KindRule] = &[
    // https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateCondition
    rule("cert-manager.io", &["Certificate"], "condition('Issuing').reason == 'Failed'", READY),
    rule("certmanager.k8s.io", &["Certificate"], "condition('Ready').reason == 'Failed'", READY),
    // https://cert-manager.io/docs/concepts/certificaterequest/ (Ready false with Pending is on its way)
    rule(
        "cert-manager.io",
        &["CertificateRequest"],
        "isTrue('Denied') || condition('Ready').reason in ['Failed', 'Denied'] \
         || isTrue('InvalidRequest')",
        READY,
    ),
    // https://cert-manager.io/docs/configuration/ (Issuer conditions)
    rule("cert-manager.io", &["Issuer", "ClusterIssuer"], NOT_READY, READY),
    rule("certmanager.k8s.io", &["Issuer", "ClusterIssuer"], NOT_READY, READY),
    // https://cert-manager.io/docs/reference/api-docs/#acme.cert-manager.io/v1.State
    rule(
        "acme.cert-manager.io",
        &["Order", "Challenge"],
        "status.state in ['invalid', 'expired', 'errored']",
        "status.state == 'valid'",
    ),
    // https://cert-manager.io/docs/trust/trust-manager/api-reference/ (Synced)
    rule("trust.cert-manager.io", &["Bundle"], "isFalse('Synced')", SYNCED),
    // https://external-secrets.io/latest/api/spec/ (ExternalSecretConditionType and reasons)
    rule("external-secrets.io", &["ClusterExternalSecret"], "isTrue('NotReady') || isFalse('Ready')", READY),
    rule("external-secrets.io", &[], NOT_READY, READY),
    rule("generators.external-secrets.io", &[], NEVER, ALWAYS),
    // https://github.com/external-secrets/kubernetes-external-secrets (status: SUCCESS or ERROR, ...)
    rule(
        "kubernetes-client.io",
        &["ExternalSecret"],
        "status.status.startsWith('ERROR')",
        "status.status == 'SUCCESS'",
    ),
    // https://github.com/bitnami-labs/sealed-secrets (status condition Synced)
    rule("bitnami.com", &["SealedSecret"], "isFalse('Synced')", SYNCED),
    // https://developer.1password.com/docs/k8s/operator/ (Ready)
    rule("onepassword.com", &["OnePasswordItem"], NOT_READY, READY),
    // https://developer.hashicorp.com/vault/docs/deploy/kubernetes/vso/api-reference (Ready, valid)
    rule(
        "secrets.hashicorp.com",
        &["VaultConnection", "VaultAuth"],
        "status.valid == false",
        "status.valid == true || isTrue('Ready')",
    ),
    rule("secrets.hashicorp.com", &[], NOT_READY, "isTrue('Ready') || has(status.secretMAC)"),
    // https://open-policy-agent.github.io/gatekeeper/website/docs/howto/ (status.created, errors per pod)
    rule(
        "templates.gatekeeper.sh",
        &["ConstraintTemplate"],
        "status.byPod.exists(p, size(p.errors) > 0)",
        "status.created == true",
    ),
    rule(
        "constraints.gatekeeper.sh",
        &[],
        "status.byPod.exists(p, size(p.errors) > 0)",
        "size(status.byPod) > 0 && status.byPod.all(p, p.enforced)",
    ),
    // https://kyverno.io/docs/policy-types/cluster-policy/ (Ready condition; `ready` in older versions)
    rule("kyverno.io", &["Policy", "ClusterPolicy"], NOT_READY, "isTrue('Ready') || status.ready == true"),
    rule(
        "policies.kyverno.io",
        &[],
        NEVER,
        "status.ready == true || status.conditionStatus.ready == true || isTrue('Ready')",
    ),
    // https://open-cluster-management.io/docs/getting-started/integration/policy-controllers/ (compliant)
    rule(
        "policy.open-cluster-management.io",
        &["ConfigurationPolicy"],
        "status.compliant == 'NonCompliant' && (!has(status.lastEvaluatedGeneration) || !has(metadata.generation) || status.lastEvaluatedGeneration >= metadata.generation)",
        "status.compliant == 'Compliant' && (!has(status.lastEvaluatedGeneration) || !has(metadata.generation) || status.lastEvaluatedGeneration >= metadata.generation)",
    ),
    rule(
        "policy.open-cluster-management.io",
        &["Policy"],
        NON_COMPLIANT,
        "status.compliant == 'Compliant' || (has(status.placement) && !has(status.status) && !has(status.compliant))",
    ),
    rule("policy.open-cluster-management.io", &[], NON_COMPLIANT, COMPLIANT),
    // https://github.com/keikoproj/iam-manager (status.state)
    rule(
        "iammanager.keikoproj.io",
        &["Iamrole"],
        "status.state in ['Error', 'PolicyNotAllowed', 'RolesMaxLimitReached']",
        "status.state == 'Ready'",
    ),
    // https://www.keycloak.org/operator/basic-deployment (Ready, HasErrors)
    rule("k8s.keycloak.org", &["Keycloak"], "isTrue('HasErrors')", READY),
    rule("k8s.keycloak.org", &["KeycloakRealmImport"], "isTrue('HasErrors')", "isTrue('Done')"),
];
