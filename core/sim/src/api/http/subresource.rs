//! Subresources beside status: scale, logs, eviction, binding, finalize; and the reviews.

use backstay_object::{
    ResourceKey, Timestamp, at, int_at, list_at, name, selector_matches, set_at, text_at, uid,
};
use serde_json::{Value, json};

use super::names::ScalePaths;
use super::patch::merge_patch;
use super::selector::selector_text;
use crate::api::apply::record_update;
use crate::api::objects::{self, unknown_resource};
use crate::api::request::{Request, Response};
use crate::api::write::{Write, delete_options};
use crate::store::{ApiError, LogQuery, Store};

/// Any subresource but status.
pub(in crate::api) fn handle(
    store: &mut Store,
    write: &Write<'_>,
    key: &ResourceKey,
    subresource: &str,
) -> Result<Response, ApiError> {
    let method = write.request.method.as_str();
    match (write.kind.kind.as_str(), subresource, method) {
        (_, "scale", "GET" | "PUT" | "PATCH") => match write.kind.scale() {
            Some(paths) => scale(store, write, key, &paths),
            None => Err(unknown_resource()),
        },
        ("Pod", "log", "GET") => log(store, key, write.request, write.now),
        ("Pod", "eviction", "POST") => evict(store, write, key),
        ("Pod", "binding", "POST") => bind(store, write, key),
        ("Namespace", "finalize", "PUT") => finalize(store, write, key),
        (_, "scale" | "log" | "eviction" | "binding" | "finalize", _) => Err(ApiError::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
        _ => Err(unknown_resource()),
    }
}

fn dotted<'o>(object: &'o Value, path: &str) -> Option<&'o Value> {
    path.split('.').try_fold(object, |place, key| place.get(key))
}

fn scale_of(object: &Value, paths: &ScalePaths) -> Value {
    let number = |path: &str| dotted(object, path).and_then(Value::as_i64).unwrap_or(0);
    let selector = if paths.selector.is_empty() {
        at(object, &["spec", "selector"]).map(selector_text).unwrap_or_default()
    } else {
        dotted(object, &paths.selector).and_then(Value::as_str).unwrap_or("").to_owned()
    };
    let metadata = |field: &str| object["metadata"].get(field).cloned().unwrap_or(Value::Null);
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata("name"),
            "namespace": metadata("namespace"),
            "uid": metadata("uid"),
            "resourceVersion": metadata("resourceVersion"),
            "creationTimestamp": metadata("creationTimestamp"),
        },
        "spec": {"replicas": number(&paths.spec)},
        "status": {"replicas": number(&paths.status), "selector": selector},
    })
}

fn scale(
    store: &mut Store,
    write: &Write<'_>,
    key: &ResourceKey,
    paths: &ScalePaths,
) -> Result<Response, ApiError> {
    let old = store.get(key).cloned().ok_or_else(|| write.kind.not_found(&key.name))?;
    let mut wanted = scale_of(&old, paths);
    match write.request.method.as_str() {
        "GET" => return Ok(Response::json(200, wanted)),
        "PUT" => wanted = write.request.json()?,
        _ => merge_patch(&mut wanted, &write.request.json()?),
    }
    let given = text_at(&wanted, &["metadata", "resourceVersion"]).filter(|version| !version.is_empty());
    if given.is_some() && given != text_at(&old, &["metadata", "resourceVersion"]) {
        return Err(ApiError::stale(&write.kind.group, &write.kind.plural, &key.name));
    }
    let replicas = int_at(&wanted, &["spec", "replicas"]).unwrap_or(0);
    if replicas < 0 {
        return Err(ApiError::new(
            422,
            "Invalid",
            format!(
                "Scale.autoscaling \"{}\" is invalid: spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0",
                key.name
            ),
        ));
    }
    let mut new = Value::clone(&old);
    let path: Vec<&str> = paths.spec.split('.').collect();
    set_at(&mut new, &path, json!(replicas));
    let mut writer = write.writer();
    writer.subresource = "scale";
    record_update(write.kind.place(), Some(&old), &mut new, &writer);
    let stored = if write.request.dry_run() {
        std::sync::Arc::new(store.preview_replace(&old, new))
    } else {
        store.replace(key, new, write.now)?
    };
    Ok(Response::json(200, scale_of(&stored, paths)))
}

fn log(store: &Store, key: &ResourceKey, request: &Request, now: Timestamp) -> Result<Response, ApiError> {
    let pod = store.get(key).ok_or_else(|| store.not_found(key))?;
    let containers: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| list_at(pod, &["spec", list]))
        .filter_map(|container| text_at(container, &["name"]))
        .collect();
    let main = list_at(pod, &["spec", "containers"]);
    let container = match (request.param("container"), main) {
        (Some(container), _) if containers.contains(&container) => container,
        (Some(container), _) => {
            let why = format!("container {container} is not valid for pod {}", key.name);
            return Err(ApiError::bad_request(why));
        }
        (None, [only]) => text_at(only, &["name"]).unwrap_or(""),
        (None, _) => {
            let default = backstay_object::annotation(pod, "kubectl.kubernetes.io/default-container");
            match default.filter(|default| containers.contains(default)) {
                Some(default) => default,
                None => {
                    let why = format!(
                        "a container name must be specified for pod {}, choose one of: [{}]",
                        key.name,
                        containers.join(" ")
                    );
                    return Err(ApiError::bad_request(why));
                }
            }
        }
    };
    let number = |parameter: &str| request.param(parameter).and_then(|value| value.parse::<u64>().ok());
    let status = ["containerStatuses", "initContainerStatuses"]
        .iter()
        .flat_map(|list| list_at(pod, &["status", list]))
        .find(|status| text_at(status, &["name"]) == Some(container));
    let restarts = status.and_then(|status| int_at(status, &["restartCount"])).unwrap_or(0);
    let restarts = u32::try_from(restarts).unwrap_or(0);
    let previous = request.flag("previous");
    let waiting = status.and_then(|status| text_at(status, &["state", "waiting", "reason"]));
    let ended_before = status.is_some_and(|status| at(status, &["lastState", "terminated"]).is_some());
    if previous && !ended_before {
        return Err(ApiError::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{}\" not found",
            key.name
        )));
    }
    if let Some(reason) = waiting.filter(|_| !previous && !ended_before) {
        let why = match reason {
            "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image",
            "InvalidImageName" => "image can't be pulled: InvalidImageName",
            reason => reason,
        };
        return Err(ApiError::bad_request(format!(
            "container \"{container}\" in pod \"{}\" is waiting to start: {why}",
            key.name
        )));
    }
    let since_time = request.param("sinceTime").and_then(|time| Timestamp::parse(time).ok());
    let since = number("sinceSeconds").map(|seconds| now.before(std::time::Duration::from_secs(seconds)));
    let query = LogQuery {
        previous: false,
        tail_lines: number("tailLines").and_then(|lines| usize::try_from(lines).ok()),
        since: since.or(since_time),
        limit_bytes: number("limitBytes").and_then(|bytes| usize::try_from(bytes).ok()),
        timestamps: request.flag("timestamps"),
    };
    // Between two runs the log is that of the run that ended.
    let run =
        if previous || (waiting.is_some() && ended_before) { restarts.saturating_sub(1) } else { restarts };
    let lines_of_run = |run: u32| store.log_lines(uid(pod), container).iter().any(|line| line.run == run);
    let run = if !previous && waiting.is_some() && lines_of_run(restarts) { restarts } else { run };
    Ok(Response::text(200, store.read_log(uid(pod), container, run, &query)))
}

fn evict(store: &mut Store, write: &Write<'_>, key: &ResourceKey) -> Result<Response, ApiError> {
    let pod = store.get(key).cloned().ok_or_else(|| write.kind.not_found(&key.name))?;
    let budget = store
        .list("policy", "PodDisruptionBudget", Some(&key.namespace))
        .find(|budget| {
            at(budget, &["spec", "selector"]).is_some_and(|selector| selector_matches(selector, &pod))
        })
        .cloned();
    let running = text_at(&pod, &["status", "phase"]) == Some("Running");
    if let Some(budget) = budget.filter(|_| running)
        && int_at(&budget, &["status", "disruptionsAllowed"]).unwrap_or(0) < 1
    {
        let mut error = ApiError::new(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        );
        error.details.causes.push(crate::store::Cause {
            reason: "DisruptionBudget".to_owned(),
            message: format!(
                "The disruption budget {} does not allow evicting pods currently",
                name(&budget)
            ),
            field: String::new(),
        });
        return Err(error);
    }
    let mut inner = write.request.clone();
    let body = write.request.json()?;
    inner.body =
        body.get("deleteOptions").map(|options| options.to_string().into_bytes()).unwrap_or_default();
    let options = delete_options(&inner)?;
    objects::delete(store, &write.kind, key, &options, write.request.dry_run(), write.now)?;
    Ok(Response::json(
        201,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
    ))
}

fn bind(store: &mut Store, write: &Write<'_>, key: &ResourceKey) -> Result<Response, ApiError> {
    let body = write.request.json()?;
    let node = text_at(&body, &["target", "name"]).unwrap_or("").to_owned();
    let pod = store.get(key).cloned().ok_or_else(|| write.kind.not_found(&key.name))?;
    if let Some(present) = text_at(&pod, &["spec", "nodeName"]).filter(|present| !present.is_empty()) {
        let why = format!("pod {} is already assigned to node \"{present}\"", key.name);
        return Err(ApiError::conflict("", "pods/binding", &key.name, &why));
    }
    store.update(key, write.now, |pod| set_at(pod, &["spec", "nodeName"], json!(node)))?;
    Ok(Response::json(
        201,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
    ))
}

fn finalize(store: &mut Store, write: &Write<'_>, key: &ResourceKey) -> Result<Response, ApiError> {
    let body = write.request.json()?;
    let finalizers = list_at(&body, &["spec", "finalizers"]).to_vec();
    let stored = store.update(key, write.now, |namespace| {
        set_at(namespace, &["spec", "finalizers"], Value::Array(finalizers));
    })?;
    Ok(Response::json(200, Value::clone(&stored)))
}

/// The questions about oneself: everything is allowed in the sandbox.
pub(in crate::api) fn review(
    request: &Request,
    group: &str,
    resource: &str,
) -> Option<Result<Response, ApiError>> {
    let known = matches!(
        (group, resource),
        (
            "authorization.k8s.io",
            "selfsubjectaccessreviews" | "selfsubjectrulesreviews" | "subjectaccessreviews"
        ) | ("authentication.k8s.io", "selfsubjectreviews")
    );
    if !known {
        return None;
    }
    let user = if request.user.is_empty() { "admin" } else { &request.user };
    Some(request.json().map(|mut body| {
        let status = match resource {
            "selfsubjectreviews" => {
                json!({"userInfo": {"username": user, "groups": ["system:masters", "system:authenticated"]}})
            }
            "selfsubjectrulesreviews" => json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            }),
            _ => json!({"allowed": true, "reason": "the sandbox allows everything"}),
        };
        set_at(&mut body, &["status"], status);
        Response::json(201, body)
    }))
}
