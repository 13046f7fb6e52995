//! An admission webhook that does not answer, as the fault `webhook-down` asks for it.

use backstay_object::text_at;
use serde_json::Value;

use crate::api::{Body, Request, Response};
use crate::faults::FaultCode;
use crate::store::ApiError;
use crate::world::Ctx;

/// The API server's answer while the webhook for the object that a request writes is away; `None` when there is no such
/// trouble (`apiserver/pkg/admission/plugin/webhook/errors` v0.36).
pub(crate) fn refusal(ctx: &mut Ctx<'_>, request: &Request) -> Option<Response> {
    if ctx.world.faults.is_empty() || !matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        return None;
    }
    let mut parts = request.path.split('/').skip_while(|part| *part != "namespaces").skip(1);
    let (space, plural) = (parts.next()?, parts.next()?);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let name =
        parts.next().map(str::to_owned).or_else(|| text_at(&body, &["metadata", "name"]).map(str::to_owned));
    if parts.next().is_some() {
        // Subresources have webhooks of their own.
        return None;
    }
    let kind = plural.strip_suffix('s')?;
    let kind = if kind == "persistentvolumeclaim" { "pvc" } else { kind };
    if !ctx.fault_on(FaultCode::WebhookDown, kind, space, &name.unwrap_or_default()) {
        return None;
    }
    let message = "Internal error occurred: failed calling webhook \"check.sandbox.backstay.dev\": failed to call webhook: \
                   Post \"https://check.default.svc:443/admit?timeout=10s\": dial tcp 10.96.0.77:443: connect: connection refused";
    let status = ApiError::new(500, "InternalError", message).to_status();
    Some(Response { status: 500, body: Body::Json(status), warnings: Vec::new() })
}
