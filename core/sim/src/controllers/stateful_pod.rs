//! A StatefulSet's pods and claims, as they are created.

use backstay_object::{ResourceKey, list_at, map_at, name, namespace, set_at, text_at};
use serde_json::Value;

use super::pods::named_pod;
use super::revision::HASH;
use super::statefulset::{COMPONENT, Look};
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::world::Ctx;

impl Look<'_> {
    pub(super) fn pod(&self, template: &Value, pod_name: &str, number: i64, revision: &str) -> Value {
        let mut pod = named_pod(&self.set, template, pod_name);
        for (key, value) in [
            ("statefulset.kubernetes.io/pod-name", pod_name),
            ("apps.kubernetes.io/pod-index", &number.to_string()),
            (HASH, revision),
        ] {
            set_at(&mut pod, &["metadata", "labels", key], json!(value));
        }
        set_at(&mut pod, &["metadata", "generateName"], json!(format!("{}-", name(&self.set))));
        set_at(&mut pod, &["spec", "hostname"], json!(pod_name));
        if let Some(service) =
            text_at(&self.set, &["spec", "serviceName"]).filter(|service| !service.is_empty())
        {
            set_at(&mut pod, &["spec", "subdomain"], json!(service));
        }
        let claims = list_at(&self.set, &["spec", "volumeClaimTemplates"]);
        if !claims.is_empty() {
            let mut volumes: Vec<Value> = list_at(&pod, &["spec", "volumes"])
                .iter()
                .filter(|volume| !claims.iter().any(|claim| claim["metadata"]["name"] == volume["name"]))
                .cloned()
                .collect();
            for claim in claims {
                let claim_name = format!("{}-{pod_name}", name(claim));
                volumes
                    .push(json!({"name": name(claim), "persistentVolumeClaim": {"claimName": claim_name}}));
            }
            set_at(&mut pod, &["spec", "volumes"], Value::Array(volumes));
        }
        pod
    }

    pub(super) fn create_claims(&self, ctx: &mut Ctx<'_>, pod_name: &str) -> bool {
        for template in list_at(&self.set, &["spec", "volumeClaimTemplates"]) {
            let claim_name = format!("{}-{pod_name}", name(template));
            let key = ResourceKey::new("v1", "PersistentVolumeClaim", namespace(&self.set), &claim_name);
            if ctx.store.get(&key).is_some() {
                continue;
            }
            let mut claim = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": claim_name, "namespace": namespace(&self.set)},
                "spec": template["spec"],
            });
            if let Some(annotations) = template["metadata"].get("annotations") {
                set_at(&mut claim, &["metadata", "annotations"], annotations.clone());
            }
            let mut labels = map_at(template, &["metadata", "labels"]).cloned().unwrap_or_default();
            labels
                .extend(map_at(&self.set, &["spec", "selector", "matchLabels"]).cloned().unwrap_or_default());
            set_at(&mut claim, &["metadata", "labels"], Value::Object(labels));
            if text_at(&self.set, &["spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"])
                == Some("Delete")
            {
                set_at(&mut claim, &["metadata", "ownerReferences"], super::owner_references(&self.set));
            }
            let created = ctx.create(claim);
            let about = format!("Claim {claim_name} Pod {pod_name} in StatefulSet {}", name(&self.set));
            match created {
                Ok(_) => {
                    let message = format!("create {about} success");
                    ctx.event(&self.set, source(COMPONENT), normal("SuccessfulCreate", &message));
                }
                Err(error) => {
                    let message = format!("create {about} failed error: {}", error.message);
                    ctx.event(&self.set, source(COMPONENT), warning("FailedCreate", &message));
                    return false;
                }
            }
        }
        true
    }
}
