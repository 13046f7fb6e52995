//! What must not be told: the values of this release's Secrets, of its environment variables and of secret arguments. Whatever comes from the
//! cluster is cleaned of them, and of what looks like a credential, before the machine, the journal or a person sees it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use backstay_core::object::{at, kind, list_at, map_at, text_at};
use backstay_core::plan::{Plan, UndoWork};
use backstay_core::rollout::Outcome;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "***";
/// Shorter values of Secrets are left: masking them would mask half of every text.
const SECRET_LEAST: usize = 4;
/// The same for environment variables, whose values are mostly no secrets.
const ENVIRONMENT_LEAST: usize = 6;
/// Parts of the names of variables and arguments whose values are secret, in lower case and without `-` and `_`.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
];
/// Words before a credential, in lower case; the credential follows, perhaps after `:` or `=` and quotes.
const BEFORE_CREDENTIALS: &[&str] = &[
    "bearer ",
    "basic ",
    "password",
    "passwd",
    "token",
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
];

/// The values that must not be told.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// The longest first: one may contain another.
    values: Vec<String>,
}

impl Secrets {
    /// Those of everything a plan applies or brings back.
    pub(crate) fn of(plan: &Plan) -> Self {
        let steps = plan.steps.iter().flat_map(|step| {
            let former = match &step.undo {
                UndoWork::Restore { object } => Some(object),
                UndoWork::Nothing | UndoWork::Delete => None,
            };
            step.desired.iter().chain(former)
        });
        let hooks = plan.hooks.iter().chain(&plan.undo_hooks).map(|hook| &hook.object.object);
        let objects: Vec<&Value> = steps.chain(hooks).collect();
        Self::of_objects(&objects)
    }

    /// Those of objects.
    pub(crate) fn of_objects(objects: &[&Value]) -> Self {
        let mut values = BTreeSet::new();
        for object in objects {
            secret_values(object, &mut values);
        }
        let mut environment = BTreeSet::new();
        let mut plain = BTreeSet::new();
        for object in objects {
            environment_values(object, &mut environment);
            argument_values(object, &mut environment);
            plain_texts(object, &mut plain);
        }
        values.append(&mut environment);
        // A name, an image: what is told anyway is no secret, and is needed to understand a message.
        values.retain(|value| !plain.iter().any(|text| text.contains(value.as_str())));
        let mut values: Vec<String> = values.into_iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// A text without them.
    pub(crate) fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut cleaned = Cow::Borrowed(text);
        for value in &self.values {
            if cleaned.contains(value.as_str()) {
                cleaned = Cow::Owned(cleaned.replace(value.as_str(), MASK));
            }
        }
        match without_credentials(&cleaned) {
            Some(better) => Cow::Owned(better),
            None => cleaned,
        }
    }

    /// Cleans every text of a value.
    pub(crate) fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(cleaned) = self.clean(text) {
                    *text = cleaned;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.clean_value(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Cleans what the cluster tells in words: the messages of events and in statuses. Everything else is what the
    /// machine decides by, and is not told as it is.
    pub(crate) fn clean_observed(&self, object: &mut Value) {
        if kind(object) == "Event" {
            self.clean_messages(object);
        } else if let Some(status) = object.get_mut("status") {
            self.clean_messages(status);
        }
    }

    fn clean_messages(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_messages(item)),
            Value::Object(map) => {
                for (name, item) in map {
                    if matches!(name.as_str(), "message" | "note") {
                        self.clean_value(item)
                    } else {
                        self.clean_messages(item)
                    }
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Cleans the causes of a failed action: a server may quote what it refuses.
    pub(crate) fn clean_outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed { failure, mut causes, applied } => {
                for cause in &mut causes {
                    cause.message = self.clean(&cause.message).into_owned();
                }
                Outcome::Failed { failure, causes, applied }
            }
            done @ Outcome::Succeeded { .. } => done,
        }
    }
}

fn secret_values(object: &Value, values: &mut BTreeSet<String>) {
    if kind(object) != "Secret" {
        return;
    }
    for encoded in
        map_at(object, &["data"]).into_iter().flat_map(|data| data.values()).filter_map(Value::as_str)
    {
        let encoded: String = encoded.split_whitespace().collect();
        if let Ok(decoded) = STANDARD.decode(&encoded) {
            add_secret(&String::from_utf8_lossy(&decoded), values);
        }
        add(&encoded, SECRET_LEAST, values);
    }
    for text in
        map_at(object, &["stringData"]).into_iter().flat_map(|data| data.values()).filter_map(Value::as_str)
    {
        add_secret(text, values);
        add(&STANDARD.encode(text), SECRET_LEAST, values);
    }
}

/// A secret's text, its lines, and the texts of a JSON document in it, such as registry credentials.
fn add_secret(text: &str, values: &mut BTreeSet<String>) {
    add(text, SECRET_LEAST, values);
    for line in text.lines() {
        // Frames of certificates are no secrets, and neither are the braces of JSON.
        if !line.starts_with("-----") && line.trim().len() > ENVIRONMENT_LEAST {
            add(line, SECRET_LEAST, values);
        }
    }
    if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        add_leaves(&document, values);
    }
}

fn add_leaves(value: &Value, values: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => add(text, SECRET_LEAST, values),
        Value::Array(items) => items.iter().for_each(|item| add_leaves(item, values)),
        Value::Object(map) => map.values().for_each(|item| add_leaves(item, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn add(text: &str, least: usize, values: &mut BTreeSet<String>) {
    let text = text.trim();
    if text.chars().count() >= least && text != MASK {
        values.insert(text.to_owned());
    }
}

/// The values of environment variables that may be secret: not plain words such as `production`, nor small numbers,
/// unless the variable's name says that it is a secret.
fn environment_values(object: &Value, values: &mut BTreeSet<String>) {
    for container in containers(object) {
        for entry in list_at(container, &["env"]) {
            let Some(value) = text_at(entry, &["value"]) else { continue };
            if text_at(entry, &["name"]).is_some_and(is_secret_name) {
                add(value, SECRET_LEAST, values);
                continue;
            }
            let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase());
            let is_small = value.parse::<f64>().is_ok() && value.len() < 8;
            if !is_word && !is_small {
                add(value, ENVIRONMENT_LEAST, values);
            }
        }
    }
}

/// The values of arguments whose name says that they are secret: `--password=…`, or `--api-token` and the word after it;
/// also in the scripts of shells.
fn argument_values(object: &Value, values: &mut BTreeSet<String>) {
    for container in containers(object) {
        for list in ["command", "args"] {
            let entries = list_at(container, &[list]).iter().filter_map(Value::as_str);
            secret_arguments(entries.clone(), values);
            for script in entries.filter(|entry| entry.contains(char::is_whitespace)) {
                let words = script.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';']));
                secret_arguments(words, values);
            }
        }
    }
}

fn secret_arguments<'w>(words: impl Iterator<Item = &'w str>, values: &mut BTreeSet<String>) {
    let mut is_next = false;
    for word in words {
        let flag = word.strip_prefix('-');
        match flag.and_then(|flag| flag.split_once('=')) {
            Some((name, value)) if is_secret_name(name) => {
                add(value.trim_matches(['"', '\'']), SECRET_LEAST, values)
            }
            None if is_next && flag.is_none() => add(word, SECRET_LEAST, values),
            _ => {}
        }
        is_next = flag.is_some_and(|flag| {
            !flag.contains(|c: char| c == '=' || c.is_whitespace()) && is_secret_name(flag)
        });
    }
}

/// Whether a name of a variable or an argument says that its value is secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// What is told of an object anyway: its names and its images.
fn plain_texts<'v>(object: &'v Value, texts: &mut BTreeSet<&'v str>) {
    for path in [["metadata", "name"], ["metadata", "namespace"]] {
        texts.extend(text_at(object, &path));
    }
    for container in containers(object) {
        texts.extend(text_at(container, &["name"]));
        texts.extend(text_at(container, &["image"]));
    }
}

/// All containers of a pod or of the pod template of a workload.
fn containers(object: &Value) -> impl Iterator<Item = &Value> {
    let places: [&[&str]; 3] =
        [&["spec"], &["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"]];
    places.into_iter().filter_map(|place| at(object, place)).flat_map(|spec| {
        ["containers", "initContainers", "ephemeralContainers"]
            .into_iter()
            .flat_map(|list| list_at(spec, &[list]))
    })
}

/// Masks what looks like a credential: `scheme://user:password@`, JSON web tokens, and what follows `password=` and the
/// like. `None` when there is nothing of the kind.
fn without_credentials(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    for (at, _) in lower.match_indices("://") {
        let start = at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let authority = rest.split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '"' | '\'')).next();
        if let Some(user) = authority.and_then(|authority| authority.rfind('@')) {
            hidden.push((start, start + user));
        }
    }
    for (at, _) in text.match_indices("eyJ") {
        let length = word_length(text, at);
        let is_token = text.get(at..at + length).is_some_and(|word| word.matches('.').count() >= 2);
        hidden.extend(is_token.then_some((at, at + length)));
    }
    for word in BEFORE_CREDENTIALS {
        for (at, _) in lower.match_indices(word) {
            let after = at + word.len();
            let rest = text.get(after..).unwrap_or_default();
            let skipped = rest.len() - rest.trim_start_matches([' ', '"', '\'', ':', '=']).len();
            // "the token is invalid" names no token; "token=…" does.
            let assigns = rest.get(..skipped).is_some_and(|gap| gap.contains([':', '=']));
            let length = word_length(text, after + skipped);
            let enough = if word.ends_with(' ') { length >= 8 } else { assigns && length > 0 };
            hidden.extend(enough.then_some((after + skipped, after + skipped + length)));
        }
    }
    if hidden.is_empty() {
        return None;
    }
    hidden.sort_unstable();
    let mut cleaned = String::new();
    let mut from = 0;
    for (start, end) in hidden {
        if start < from {
            continue;
        }
        cleaned.push_str(text.get(from..start).unwrap_or_default());
        cleaned.push_str(MASK);
        from = end;
    }
    cleaned.push_str(text.get(from..).unwrap_or_default());
    Some(cleaned)
}

/// How many bytes from here on belong to one credential.
fn word_length(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '&' | ')' | '}'));
    end.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets() -> Secrets {
        let mut values = BTreeSet::new();
        let registry = json!({"auths": {"registry.example": {"username": "robot", "password": "pull-me"}}});
        let encoded = STANDARD.encode(registry.to_string());
        let secret = json!({
            "kind": "Secret", "data": {"a": STANDARD.encode("hunter22"), ".dockerconfigjson": encoded},
            "stringData": {"b": "multi\nline-two-is-long\n", "c": "abc"}
        });
        secret_values(&secret, &mut values);
        environment_values(
            &json!({"kind": "Pod", "spec": {"containers": [{"env": [
                {"name": "A", "value": "S3cr3t!"}, {"name": "B", "value": "production"}, {"name": "C", "value": "8080.5"},
                {"name": "DB_PASSWORD", "value": "correcthorse"}
            ]}]}}),
            &mut values,
        );
        argument_values(
            &json!({"kind": "Pod", "spec": {"containers": [{
                "command": ["run", "--db-password=batterystaple", "--api-key", "stapler99", "--verbose", "shown-word"],
                "args": ["--mode=shown-mode", "-token", "--next", "shown-next", "exec run --token 'in-a-script' x"]
            }]}}),
            &mut values,
        );
        let mut values: Vec<String> = values.into_iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Secrets { values }
    }

    #[test]
    fn secrets_and_credentials_are_masked_and_nothing_else() {
        let secrets = secrets();
        for (text, expected) in [
            (
                "connection refused on port 8080 in production",
                "connection refused on port 8080 in production",
            ),
            ("login with hunter22 failed", "login with *** failed"),
            ("aHVudGVyMjI= is hunter22", "*** is ***"),
            ("robot:pull-me", "***:***"),
            ("read line-two-is-long", "read ***"),
            ("abc is too short", "abc is too short"),
            ("A=S3cr3t! B=production", "A=*** B=production"),
            ("GET https://user:pw@host.example/x?y", "GET https://***@host.example/x?y"),
            (
                "mail me@host.example via https://host.example/@me",
                "mail me@host.example via https://host.example/@me",
            ),
            ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
            ("the token is invalid", "the token is invalid"),
            ("token=abc&x=1", "token=***&x=1"),
            ("{\"password\": \"pw\"}", "{\"password\": \"***\"}"),
            ("jwt eyJhbGciOi.eyJzdWIiOiI.c2ln here", "jwt *** here"),
            (
                "correcthorse batterystaple stapler99 in-a-script shown-word shown-mode shown-next",
                "*** *** *** *** shown-word shown-mode shown-next",
            ),
            ("", ""),
        ] {
            assert_eq!(secrets.clean(text), expected, "{text}");
        }
    }

    #[test]
    fn observed_objects_keep_their_shape() {
        let secrets = secrets();
        let mut event = json!({"kind": "Event", "message": "hunter22", "reason": "hunter22"});
        secrets.clean_observed(&mut event);
        assert_eq!(event, json!({"kind": "Event", "message": "***", "reason": "hunter22"}));
        let mut pod = json!({"kind": "Pod", "metadata": {"name": "hunter22"}, "status": {"conditions": [{"message": "hunter22", "type": "hunter22"}]}});
        secrets.clean_observed(&mut pod);
        assert_eq!(pod["status"], json!({"conditions": [{"message": "***", "type": "hunter22"}]}));
        assert_eq!(pod["metadata"]["name"], "hunter22");
    }
}
