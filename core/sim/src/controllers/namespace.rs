//! Namespaces: what every one contains. Ending ones are emptied by the store.

use backstay_object::is_deleting;

use crate::json::json;
use crate::world::Ctx;

/// What a real cluster has here is the certificate of its API server; the sandbox has none.
const NO_CERTIFICATE: &str = "the sandbox serves its API without a certificate\n";

pub(super) fn run(ctx: &mut Ctx<'_>, name: &str) {
    let Some(namespace) = ctx.get("v1", "Namespace", "", name) else { return };
    if is_deleting(&namespace) {
        return;
    }
    if ctx.store.find("", "ServiceAccount", name, "default").is_none() {
        // Refused only while the namespace ends.
        let _ = ctx.create(json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name},
        }));
    }
    if ctx.store.find("", "ConfigMap", name, "kube-root-ca.crt").is_none() {
        let _ = ctx.create(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt", "namespace": name, "annotations": {
                "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
            }},
            "data": {"ca.crt": NO_CERTIFICATE},
        }));
    }
}
