//! Acme's rules as a policy module: images come from Acme's registry, and an `AcmeDatabase` is ready when it says so.

use serde_json::{Value, json};

/// Where Acme's images are.
const REGISTRY: &str = "registry.acme.example/";

/// Answers a call of the contract (docs/policy.md).
fn answer(request: &[u8]) -> Value {
    let Ok(request) = serde_json::from_slice::<Value>(request) else {
        return json!({"error": {"code": "bad-request", "message": "the request is not JSON"}});
    };
    match request["call"].as_str() {
        Some("lint") => json!({"ok": {"findings": lint(&request["input"]["objects"])}}),
        Some("readiness") => json!({"ok": {"rules": [{
            "apiVersion": "acme.example/*",
            "kind": "AcmeDatabase",
            "ready": "status.phase == 'Serving'",
            "failed": "status.phase == 'Broken'",
        }]}}),
        _ => json!({"error": {"code": "unknown-call", "message": "these rules know lint and readiness"}}),
    }
}

fn lint(objects: &Value) -> Vec<Value> {
    let mut findings = Vec::new();
    for (index, one) in objects.as_array().into_iter().flatten().enumerate() {
        // A workload's pods, or a pod itself.
        let object = &one["object"];
        let template = &object["spec"]["template"]["spec"];
        let pod = if template.is_object() { template } else { &object["spec"] };
        for container in pod["containers"].as_array().into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default();
            if !image.starts_with(REGISTRY) {
                findings.push(json!({
                    "code": "acme-registry", "severity": "error", "object": index,
                    "field": "spec.template.spec.containers",
                    "message": format!("the image {image:?} is not from {REGISTRY}"),
                    "why": "only images of our registry are scanned",
                    "fix": format!("push the image to {REGISTRY} and name it there"),
                }));
            }
        }
    }
    findings
}

/// The version of the contract.
#[unsafe(no_mangle)]
pub extern "C" fn abi_version() -> u32 {
    1
}

/// A buffer for a request.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(length: u32) -> *mut u8 {
    Box::into_raw(vec![0; length as usize].into_boxed_slice()).cast()
}

/// Gives a buffer back.
///
/// # Safety
/// The buffer comes from `alloc` or `call`, with this length, and is given back once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(pointer: *mut u8, length: u32) {
    // SAFETY: as the caller promises.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(pointer, length as usize)) });
}

/// Answers the request in a buffer, which it takes.
///
/// # Safety
/// The buffer comes from `alloc` with this length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call(pointer: *mut u8, length: u32) -> u64 {
    // SAFETY: as the caller promises.
    let request = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(pointer, length as usize)) };
    let answer = answer(&request).to_string().into_bytes().into_boxed_slice();
    let length = answer.len() as u64;
    let pointer: *mut u8 = Box::into_raw(answer).cast();
    (pointer as u64) << 32 | length
}
