//! HorizontalPodAutoscalers without metrics: the sandbox has no metrics server, so that only the bounds are kept.

use backstay_object::{ResourceKey, int_at, is_deleting, kind, set_at, text_at};
use serde_json::Value;

use super::{conditions_of, put_condition};
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::world::Ctx;

const COMPONENT: &str = "horizontal-pod-autoscaler";

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, autoscaler_name: &str) {
    let Some(autoscaler) = ctx.get("autoscaling/v2", "HorizontalPodAutoscaler", space, autoscaler_name)
    else {
        return;
    };
    if is_deleting(&autoscaler) {
        return;
    }
    let target = |field| text_at(&autoscaler, &["spec", "scaleTargetRef", field]).unwrap_or("").to_owned();
    let mut conditions = conditions_of(&autoscaler);
    let now = ctx.time();
    let mut note = |kind: &str, truth: &str, reason: &str, message: &str| {
        let condition = json!({"type": kind, "status": truth, "reason": reason, "message": message});
        put_condition(&mut conditions, condition, &now);
    };
    let scaled = ctx.get(&target("apiVersion"), &target("kind"), space, &target("name"));
    let mut replicas = int_at(&autoscaler, &["status", "currentReplicas"]).unwrap_or(0);
    let mut wanted = replicas;
    match &scaled {
        None => {
            let plural = backstay_object::kind_info("apps", &target("kind"))
                .map_or_else(|| target("kind"), |info| format!("{}.apps", info.plural));
            let message = format!(
                "the HPA controller was unable to get the target's current scale: {plural} \"{}\" not found",
                target("name")
            );
            note("AbleToScale", "False", "FailedGetScale", &message);
            let text = message
                .trim_start_matches("the HPA controller was unable to get the target's current scale: ")
                .to_owned();
            ctx.event(&autoscaler, source(COMPONENT), warning("FailedGetScale", &text));
        }
        Some(object) => {
            let asked = int_at(object, &["spec", "replicas"]).unwrap_or(1);
            replicas = int_at(object, &["status", "replicas"]).unwrap_or(0);
            wanted = within_bounds(&autoscaler, asked);
            if asked == 0 {
                note(
                    "ScalingActive",
                    "False",
                    "ScalingDisabled",
                    "scaling is disabled since the replica count of the target is zero",
                );
                wanted = 0;
            } else {
                note(
                    "AbleToScale",
                    "True",
                    "SucceededGetScale",
                    "the HPA controller was able to get the target's current scale",
                );
                note(
                    "ScalingActive",
                    "False",
                    "FailedGetResourceMetric",
                    &format!("{NO_METRICS_START}{NO_METRICS}"),
                );
                if backstay_object::condition(&autoscaler, "ScalingActive").is_none() {
                    // Said once; a real controller repeats it every 15 s.
                    ctx.event(&autoscaler, source(COMPONENT), warning("FailedGetResourceMetric", NO_METRICS));
                }
            }
            if wanted != asked {
                resize(ctx, &autoscaler, object, wanted, asked);
            }
        }
    }
    let status = json!({
        "conditions": conditions, "currentMetrics": null, "currentReplicas": replicas, "desiredReplicas": wanted,
    });
    ctx.set_status(&autoscaler, status);
}

const NO_METRICS_START: &str = "the HPA was unable to compute the replica count: ";
const NO_METRICS: &str = "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";

fn within_bounds(autoscaler: &Value, asked: i64) -> i64 {
    let low = int_at(autoscaler, &["spec", "minReplicas"]).unwrap_or(1);
    let high = int_at(autoscaler, &["spec", "maxReplicas"]).unwrap_or(low);
    asked.min(high.max(low)).max(low)
}

fn resize(ctx: &mut Ctx<'_>, autoscaler: &Value, object: &Value, wanted: i64, asked: i64) {
    let Some(key) = ResourceKey::of(object)
        .filter(|_| matches!(kind(object), "Deployment" | "StatefulSet" | "ReplicaSet"))
    else {
        return;
    };
    if ctx.store.update(&key, ctx.now, |object| set_at(object, &["spec", "replicas"], json!(wanted))).is_ok()
    {
        let why = if wanted > asked {
            "Current number of replicas below Spec.MinReplicas"
        } else {
            "Current number of replicas above Spec.MaxReplicas"
        };
        let message = format!("New size: {wanted}; reason: {why}");
        ctx.event(autoscaler, source(COMPONENT), normal("SuccessfulRescale", &message));
    }
}
