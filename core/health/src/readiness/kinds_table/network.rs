//! Gateways, meshes, routes and serverless.

use super::{ALWAYS, KindRule, NEVER, NOT_READY, READY, rule};

/// Every parent has accepted the route and found what it refers to.
const ROUTE_READY: &str = "size(status.parents) > 0 && status.parents.all(p, \
    p.conditions.exists(c, c.type == 'Accepted' && c.status == 'True') \
    && !p.conditions.exists(c, c.type == 'Programmed' && c.status == 'False') \
    && p.conditions.all(c, !has(c.observedGeneration) || !has(metadata.generation) \
        || c.observedGeneration >= metadata.generation))";
const ROUTE_FAILED: &str = "status.parents.exists(p, p.conditions.exists(c, \
    c.type in ['Accepted', 'ResolvedRefs', 'Admitted', 'Valid'] && c.status == 'False' && c.reason != 'Pending' \
    && (!has(c.observedGeneration) || !has(metadata.generation) || c.observedGeneration >= metadata.generation)))";
const POLICY_READY: &str = "size(status.ancestors) > 0 && status.ancestors.all(p, \
    p.conditions.exists(c, c.type == 'Accepted' && c.status == 'True') \
    && p.conditions.all(c, !has(c.observedGeneration) || !has(metadata.generation) \
        || c.observedGeneration >= metadata.generation))";
const POLICY_FAILED: &str = "status.ancestors.exists(p, p.conditions.exists(c, \
    c.type in ['Accepted', 'ResolvedRefs'] && c.status == 'False' \
    && (!has(c.observedGeneration) || !has(metadata.generation) || c.observedGeneration >= metadata.generation)))";
/// Numbers in older versions, words in newer ones; one status per namespace of a watching controller.
const GLOO_FAILED: &str = "status.state in [2, 3, 'Rejected', 'Warning'] \
    || status.statuses.exists(n, status.statuses[n].state in [2, 3, 'Rejected', 'Warning'])";
const GLOO_READY: &str = "status.state in [1, 'Accepted'] || (size(status.statuses) > 0 \
    && status.statuses.all(n, status.statuses[n].state in [1, 'Accepted']))";
const ISTIO_FAILED: &str = "status.validationMessages.exists(m, m.level in ['ERROR', 'Error', 3])";

pub(super) static RULES: &[KindRule] = &[
    // https://gateway-api.sigs.k8s.io/reference/spec/#gatewayconditiontype (Accepted, Programmed, listeners)
    rule(
        "gateway.networking.k8s.io",
        &["Gateway"],
        "isFalse('Accepted') && condition('Accepted').reason != 'Pending' \
         || isFalse('ResolvedRefs') \
         || (isFalse('Programmed') && condition('Programmed').reason == 'Invalid') \
         || status.listeners.exists(l, l.conditions.exists(c, c.type in ['Accepted', 'ResolvedRefs'] && c.status == 'False')) \
         || status.listeners.exists(l, l.conditions.exists(c, c.type == 'Programmed' && c.status == 'False' && c.reason == 'Invalid'))",
        "isTrue('Accepted') && isTrue('Programmed')",
    ),
    // https://gateway-api.sigs.k8s.io/reference/spec/#gatewayclassconditiontype
    rule("gateway.networking.k8s.io", &["GatewayClass"], "isFalse('Accepted')", "isTrue('Accepted')"),
    // https://gateway-api.sigs.k8s.io/reference/spec/#routeconditiontype
    rule(
        "gateway.networking.k8s.io",
        &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"],
        ROUTE_FAILED,
        ROUTE_READY,
    ),
    // https://gateway-api.sigs.k8s.io/geps/gep-713/ (policy status: ancestors)
    rule("gateway.networking.k8s.io", &["BackendTLSPolicy"], POLICY_FAILED, POLICY_READY),
    rule("gateway.networking.k8s.io", &["ReferenceGrant"], NEVER, ALWAYS),
    // https://gateway.envoyproxy.io/docs/api/extension_types/ (policies report per ancestor)
    rule("gateway.envoyproxy.io", &["EnvoyProxy", "Backend"], NEVER, ALWAYS),
    rule("gateway.envoyproxy.io", &[], POLICY_FAILED, POLICY_READY),
    // https://docs.airlock.com/microgateway/latest/ (policies report per ancestor, as in the Gateway API)
    rule("microgateway.airlock.com", &[], POLICY_FAILED, POLICY_READY),
    // https://docs.solo.io/gloo-edge/latest/reference/api/ (core.solo.io Status: Pending, Accepted, Rejected, Warning)
    rule("gateway.solo.io", &[], GLOO_FAILED, GLOO_READY),
    rule("gloo.solo.io", &[], GLOO_FAILED, GLOO_READY),
    // https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/ (InstallStatus)
    rule(
        "install.istio.io",
        &["IstioOperator"],
        "status.status in ['ERROR', 'ACTION_REQUIRED']",
        "status.status == 'HEALTHY'",
    ),
    // https://istio.io/latest/docs/reference/config/config-status/ (validationMessages; status is off by default)
    rule("networking.istio.io", &[], ISTIO_FAILED, ALWAYS),
    rule("security.istio.io", &[], ISTIO_FAILED, ALWAYS),
    rule("telemetry.istio.io", &[], ISTIO_FAILED, ALWAYS),
    rule("extensions.istio.io", &[], ISTIO_FAILED, ALWAYS),
    // https://knative.dev/docs/serving/reference/serving-api/ and https://knative.dev/docs/install/operator/knative-with-operators/
    rule("serving.knative.dev", &[], NOT_READY, READY),
    rule("eventing.knative.dev", &[], NOT_READY, READY),
    rule("messaging.knative.dev", &[], NOT_READY, READY),
    rule("sources.knative.dev", &[], NOT_READY, READY),
    rule(
        "operator.knative.dev",
        &[],
        "isFalse('InstallSucceeded') || isFalse('DependenciesInstalled')",
        READY,
    ),
    // https://kserve.github.io/website/docs/reference/crd-api (conditions, modelStatus.transitionStatus)
    rule(
        "serving.kserve.io",
        &["InferenceService"],
        "(isFalse('Ready') && !isTrue('Stopped') && !(status.modelStatus.transitionStatus == 'InProgress')) \
         || status.modelStatus.transitionStatus in ['BlockedByFailedLoad', 'InvalidSpec']",
        "isTrue('Ready') && (!has(status.modelStatus.transitionStatus) || status.modelStatus.transitionStatus != 'InProgress')",
    ),
    // https://projectcontour.io/docs/main/config/api/ (Valid, currentStatus)
    rule(
        "projectcontour.io",
        &["HTTPProxy", "TLSCertificateDelegation"],
        // One without a virtual host is valid only where another includes it, and one that includes others is
        // called invalid for what those say: neither is certain from one object.
        "isFalse('Valid') && has(spec.virtualhost) && !has(spec.includes)",
        "isTrue('Valid') || status.currentStatus == 'valid' || (isFalse('Valid') && (!has(spec.virtualhost) || has(spec.includes)))",
    ),
    rule("projectcontour.io", &["ExtensionService"], "isFalse('Valid')", "isTrue('Valid')"),
    // https://docs.openshift.com/container-platform/latest/rest_api/network_apis/route-route-openshift-io-v1.html
    rule(
        "route.openshift.io",
        &["Route"],
        "status.ingress.exists(i, i.conditions.exists(c, c.type == 'Admitted' && c.status == 'False'))",
        "size(status.ingress) > 0 \
         && status.ingress.all(i, i.conditions.exists(c, c.type == 'Admitted' && c.status == 'True'))",
    ),
    rule(
        "operator.openshift.io",
        &["IngressController"],
        "isTrue('Degraded')",
        "isTrue('Available') && !isTrue('Progressing') && !isFalse('DeploymentReplicasAllAvailable') \
         && !isTrue('DeploymentRollingOut')",
    ),
    // https://cloud.google.com/kubernetes-engine/docs/how-to/managed-certs (certificate and domain states)
    rule(
        "networking.gke.io",
        &["ManagedCertificate"],
        "status.certificateStatus.startsWith('Failed') || status.domainStatus.exists(d, d.status.startsWith('Failed'))",
        "status.certificateStatus == 'Active'",
    ),
    // https://github.com/dogmatiq/proclaim (Adopted, Advertised, Discoverable)
    rule(
        "proclaim.dogmatiq.io",
        &[],
        "isFalse('Adopted') || isFalse('Advertised')",
        "isTrue('Discoverable')",
    ),
    // https://docs.cilium.io/en/stable/network/kubernetes/policy/ (Valid condition on policies since 1.15)
    rule("cilium.io", &["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"], "isFalse('Valid')", ALWAYS),
    // https://metallb.io/apis/ (no readiness)
    rule("metallb.io", &[], NEVER, ALWAYS),
    // https://doc.traefik.io/traefik/reference/ (no status)
    rule("traefik.io", &[], NEVER, ALWAYS),
];
