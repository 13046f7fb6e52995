//! Secrets that a controller writes because an object of the release asks it to.

use alloc::string::{String, ToString};

use backstay_object::{ResourceKey, name, namespace, text_at};
use serde_json::Value;

/// Where an object names the Secret that its controller writes.
struct Writer {
    group: &'static str,
    kind: &'static str,
    /// The first of these that is there names it; without one it is called as the object.
    paths: &'static [&'static [&'static str]],
    /// Whether it is written at all when no path names it.
    named_alike: bool,
}

const fn writer(
    group: &'static str,
    kind: &'static str,
    paths: &'static [&'static [&'static str]],
    named_alike: bool,
) -> Writer {
    Writer { group, kind, paths, named_alike }
}

/// From the documentation of each project.
const WRITERS: &[Writer] = &[
    // https://external-secrets.io/latest/api/externalsecret/
    writer("external-secrets.io", "ExternalSecret", &[&["spec", "target", "name"]], true),
    // https://cert-manager.io/docs/usage/certificate/
    writer("cert-manager.io", "Certificate", &[&["spec", "secretName"]], false),
    // https://github.com/bitnami-labs/sealed-secrets
    writer("bitnami.com", "SealedSecret", &[&["spec", "template", "metadata", "name"]], true),
    // https://developer.hashicorp.com/vault/docs/platform/k8s/vso
    writer("secrets.hashicorp.com", "VaultStaticSecret", &[&["spec", "destination", "name"]], false),
    writer("secrets.hashicorp.com", "VaultDynamicSecret", &[&["spec", "destination", "name"]], false),
    writer("secrets.hashicorp.com", "VaultPKISecret", &[&["spec", "destination", "name"]], false),
    // https://developer.1password.com/docs/k8s/operator/
    writer("onepassword.com", "OnePasswordItem", &[], true),
    // https://infisical.com/docs/integrations/platforms/kubernetes
    writer(
        "secrets.infisical.com",
        "InfisicalSecret",
        &[&["spec", "managedSecretReference", "secretName"]],
        false,
    ),
    // https://docs.crossplane.io/latest/concepts/claims/
    writer("", "", &[&["spec", "writeConnectionSecretToRef", "name"]], false),
];

/// The Secret that a controller writes for an object, if the object is known to ask for one.
#[must_use]
pub fn promised_secret(object: &Value) -> Option<ResourceKey> {
    let key = ResourceKey::of(object)?;
    let writer = WRITERS.iter().find(|writer| {
        (writer.group == key.group && writer.kind == key.kind)
            || (writer.group.is_empty() && writer.paths.iter().any(|path| text_at(object, path).is_some()))
    })?;
    let stated = writer.paths.iter().find_map(|path| text_at(object, path)).map(ToString::to_string);
    let alike = || writer.named_alike.then(|| String::from(name(object)));
    Some(ResourceKey::new("v1", "Secret", namespace(object), &stated.or_else(alike)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writers_name_their_secret() {
        for (api, kind, spec, expected) in [
            ("external-secrets.io/v1", "ExternalSecret", json!({"target": {"name": "db"}}), Some("db")),
            ("external-secrets.io/v1beta1", "ExternalSecret", json!({}), Some("it")),
            ("cert-manager.io/v1", "Certificate", json!({"secretName": "tls"}), Some("tls")),
            ("cert-manager.io/v1", "Certificate", json!({}), None),
            ("bitnami.com/v1alpha1", "SealedSecret", json!({"encryptedData": {}}), Some("it")),
            (
                "db.example.org/v1",
                "Database",
                json!({"writeConnectionSecretToRef": {"name": "c"}}),
                Some("c"),
            ),
            ("example.org/v1", "Certificate", json!({"secretName": "tls"}), None),
        ] {
            let object = json!({
                "apiVersion": api, "kind": kind, "metadata": {"name": "it", "namespace": "shop"}, "spec": spec,
            });
            let wanted = expected.map(|name| ResourceKey::new("v1", "Secret", "shop", name));
            assert_eq!(promised_secret(&object), wanted, "{object}");
        }
    }
}
