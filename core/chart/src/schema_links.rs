//! References of a schema: where they lead, and that those which are followed lead somewhere.
//!
//! Helm compiles a schema before it looks at values, and fails where a reference that it reaches leads nowhere. What is on
//! the network is not loaded here and taken as fitting.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::schema_scope::Scope;

/// What Helm calls the schema of a chart.
const HOME: &str = "file:///values.schema.json";

/// Where a reference leads.
pub(crate) enum Target<'a> {
    /// To a schema in the same document, and the one with an own name that it lies in.
    Here(&'a Value, &'a Value),
    /// To another one, which is not loaded.
    Elsewhere,
    /// Nowhere; Helm's words.
    Nowhere(String),
}

/// The schema behind a reference, and the one with an own name that it lies in.
type Link<'a> = (&'a Value, &'a Value);

/// Where the references that were followed so far lead, by the places of what holds them: looking each up anew takes long in
/// a large schema.
#[derive(Default)]
pub(crate) struct Links<'a>(RefCell<BTreeMap<(*const Value, *const u8), Option<Link<'a>>>>);

impl<'a> Links<'a> {
    /// The schema behind a reference, and the one with an own name that it lies in.
    pub(crate) fn find(
        &self,
        root: &'a Value,
        scope: &Scope<'_, 'a>,
        reference: &'a str,
    ) -> Option<Link<'a>> {
        let key = (std::ptr::from_ref(scope.within), reference.as_ptr());
        if let Some(known) = self.0.borrow().get(&key) {
            return *known;
        }
        let found = match resolve(root, scope.within, reference) {
            Target::Here(target, within) => Some((target, within)),
            Target::Elsewhere | Target::Nowhere(_) => None,
        };
        self.0.borrow_mut().insert(key, found);
        found
    }
}

/// The schema behind a reference that stands in `within`: the root, or a schema in it that has an own name (`$id`).
pub(crate) fn resolve<'a>(root: &'a Value, within: &'a Value, reference: &str) -> Target<'a> {
    let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let name = |schema: &Value, base: &str| identity(schema).map(|id| join(base, id));
    let home = name(root, HOME).unwrap_or_else(|| HOME.to_owned());
    let here = name(within, &home).unwrap_or_else(|| home.clone());
    let address = if document.is_empty() { here.clone() } else { join(&here, document) };
    let base = if address == here {
        Some(within)
    } else if address == home {
        Some(root)
    } else {
        find(root, &|schema| identity(schema).is_some_and(|id| id == document || join(&home, id) == address))
    };
    let Some(base) = base else { return elsewhere(&address) };
    if fragment.is_empty() {
        return Target::Here(base, base);
    }
    let found = if fragment.starts_with('/') {
        base.pointer(&percent_decoded(fragment))
    } else {
        let is_named = |schema: &Value| {
            ["$anchor", "$dynamicAnchor"]
                .iter()
                .any(|key| schema.get(*key).and_then(Value::as_str) == Some(fragment))
                || ["$id", "id"]
                    .iter()
                    .any(|key| schema.get(*key).and_then(Value::as_str) == Some(&format!("#{fragment}")))
        };
        find(base, &is_named)
    };
    match found {
        Some(found) => Target::Here(found, base),
        None if fragment.starts_with('/') => {
            Target::Nowhere(format!("json-pointer in \"{address}#{fragment}\" not found"))
        }
        None => {
            Target::Nowhere(format!("anchor in \"{address}#{fragment}\" not found in schema \"{address}\""))
        }
    }
}

/// The name that a schema gives itself, without a fragment.
pub(crate) fn identity(schema: &Value) -> Option<&str> {
    let id = schema.get("$id").or_else(|| schema.get("id"))?.as_str()?;
    Some(id.split_once('#').map_or(id, |(document, _)| document)).filter(|id| !id.is_empty())
}

fn elsewhere<'a>(address: &str) -> Target<'a> {
    match address.split_once(':').map(|(scheme, _)| scheme) {
        Some("http" | "https" | "urn") => Target::Elsewhere,
        Some("file") => Target::Nowhere(format!(
            "failing loading \"{address}\": a schema cannot refer to files, only to what is inside of it"
        )),
        _ => Target::Nowhere(format!(
            "failing loading \"{address}\": no URLLoader registered for \"{address}\""
        )),
    }
}

/// A reference against the address that it is relative to (RFC 3986, without `..`).
fn join(base: &str, reference: &str) -> String {
    let scheme = reference.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_absolute = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    if is_absolute {
        return reference.to_owned();
    }
    let after_scheme = base.find("://").map_or(0, |at| at + 3);
    let path = base[after_scheme..].find('/').map_or(base.len(), |at| after_scheme + at);
    if reference.starts_with("//") {
        return format!("{}{reference}", &base[..after_scheme.saturating_sub(2)]);
    }
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..path]);
    }
    let reference = reference.strip_prefix("./").unwrap_or(reference);
    let folder = base[path..].rfind('/').map_or(base.len(), |at| path + at + 1);
    let slash = if base[..folder].ends_with('/') { "" } else { "/" };
    format!("{}{slash}{reference}", &base[..folder])
}

pub(crate) fn find<'a>(schema: &'a Value, is_it: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    if is_it(schema) {
        return Some(schema);
    }
    match schema {
        Value::Object(map) => map.values().find_map(|inner| find(inner, is_it)),
        Value::Array(items) => items.iter().find_map(|inner| find(inner, is_it)),
        _ => None,
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex {
            Some(decoded) if *byte == b'%' => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Keywords with one schema; `items` may also be a list.
const ONE: [&str; 12] = [
    "not",
    "if",
    "then",
    "else",
    "items",
    "additionalItems",
    "additionalProperties",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Those of them that are compiled where a reference makes a schema's other keywords void, and the draft they came with.
const BESIDE: [(&str, u16); 5] = [("contains", 6), ("propertyNames", 6), ("if", 7), ("then", 7), ("else", 7)];
/// Keywords with a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords with schemas by name. `$defs` are compiled only where something refers to them.
const MAPS: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "dependencies"];

/// Checks every reference that is reached from the root.
///
/// # Errors
/// With Helm's words about the first that leads nowhere.
pub(crate) fn check(root: &Value, draft: u16) -> Result<(), String> {
    let mut open = vec![(root, root)];
    // By address: a schema is the same only where it is the same place.
    let mut seen: Vec<*const Value> = Vec::new();
    while let Some((schema, outer)) = open.pop() {
        let Value::Object(rules) = schema else { continue };
        let within = if identity(schema).is_some() { schema } else { outer };
        if let Some(reference) = rules.get("$ref").and_then(Value::as_str) {
            match resolve(root, within, reference) {
                Target::Here(target, resource) => {
                    let place: *const Value = target;
                    if let Err(at) = seen.binary_search(&place) {
                        seen.insert(at, place);
                        open.push((target, resource));
                    }
                }
                Target::Elsewhere => {}
                Target::Nowhere(words) => return Err(words),
            }
            if draft < 2019 {
                // What came with drafts 6 and 7 is compiled beside a reference, though never asked.
                let beside = BESIDE.iter().filter(|(_, since)| draft >= *since);
                open.extend(beside.filter_map(|(keyword, _)| Some((rules.get(*keyword)?, within))));
                continue;
            }
        }
        let mut next: Vec<&Value> = Vec::new();
        for value in ONE.iter().filter_map(|keyword| rules.get(*keyword)) {
            match value {
                Value::Array(items) => next.extend(items),
                one => next.push(one),
            }
        }
        next.extend(LISTS.iter().filter_map(|keyword| rules.get(*keyword)?.as_array()).flatten());
        next.extend(
            MAPS.iter().filter_map(|keyword| rules.get(*keyword)?.as_object()).flat_map(|map| map.values()),
        );
        open.extend(next.into_iter().map(|schema| (schema, within)));
    }
    Ok(())
}
