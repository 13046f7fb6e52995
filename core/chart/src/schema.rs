//! `values.schema.json`: values are checked before anything is rendered.
//!
//! The rules are those of JSON Schema (drafts 4 to 2020-12) and the messages those of the library in Helm 3.22 and 4.3.
//! References to the network are not followed: what is behind them is taken as fitting. `$dynamicRef` and `$recursiveRef` are
//! `$recursiveRef` are not looked at.

use std::collections::BTreeSet;

use backstay_gotemplate::{Map, Value as Dynamic, go_regex, map_to_json};
use regex::Regex;
use serde_json::{Map as Object, Value};

use crate::chart::Chart;
use crate::schema_failure::{Failure, GROUP, failure, grouped};
use crate::schema_links::{self, Links};
use crate::schema_meta;
use crate::schema_scalars::{
    check_count, check_number, check_text, duplicates, equal, is_integer, quote, show, type_of,
};
use crate::schema_scope::{Item, Scope};

/// How deep schemas may refer to each other.
const MAX_DEPTH: usize = 200;

/// The types in the order they are listed in (santhosh-tekuri/jsonschema v6.0.3, `Types`).
const TYPES: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];

/// Checks values against the schemas of a chart and its subcharts.
///
/// # Errors
/// With Helm's text: every place that does not fit.
pub fn validate_schemas(chart: &Chart, values: &Map) -> Result<(), String> {
    let mut text = String::new();
    check_chart(chart, values, &mut text);
    if text.is_empty() {
        return Ok(());
    }
    Err(format!("values don't meet the specifications of the schema(s) in the following chart(s):\n{text}"))
}

fn check_chart(chart: &Chart, values: &Map, text: &mut String) {
    #[cfg(not(feature = "full"))]
    if chart.schema.is_some() {
        backstay_gotemplate::elsewhere::note();
    }
    #[cfg(feature = "full")]
    if let Some(schema) = &chart.schema {
        let wrong = match serde_json::from_slice::<Value>(schema) {
            Ok(schema) => {
                compile(&schema).and_then(|()| validate(&schema, &Value::Object(map_to_json(values)))).err()
            }
            Err(error) => Some(format!("values.schema.json:{}: {error}\n", error.line())),
        };
        if let Some(wrong) = wrong {
            text.push_str(&format!("{}:\n{wrong}", chart.name()));
        }
    }
    for subchart in &chart.dependencies {
        match values.get(subchart.name()) {
            None | Some(Dynamic::Nil) => {}
            Some(Dynamic::Map(values)) => check_chart(subchart, &values, text),
            Some(other) => {
                let (name, found) = (subchart.name(), other.type_name());
                text.push_str(&format!(
                    "{name}:\ninvalid type for values: expected object (map), got {found}\n"
                ));
            }
        }
    }
}

/// Whether Helm would take it for a schema at all.
fn compile(schema: &Value) -> Result<(), String> {
    let draft = draft(schema);
    schema_meta::check(schema, draft)?;
    schema_links::check(schema, draft).map_err(|words| words + "\n")
}

/// Checks one value; the error has a line for every place that does not fit.
///
/// # Errors
/// When it does not fit.
pub fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let asks = |schema: &Value| {
        ["unevaluatedProperties", "unevaluatedItems"].iter().any(|keyword| schema.get(*keyword).is_some())
    };
    check(schema, value, schema_links::find(schema, &asks).is_some())
}

/// The same; `is_asked` says whether anything in the schema asks what was not looked at.
pub(crate) fn check(schema: &Value, value: &Value, is_asked: bool) -> Result<(), String> {
    let validator = Validator { root: schema, links: Links::default(), draft: draft(schema), is_asked };
    let mut path = Vec::new();
    let (mut errors, _) = validator.check(&Scope::root(schema), value, &mut path);
    if let [Failure { groups: true, causes, .. }] = &mut errors[..] {
        errors = std::mem::take(causes);
    }
    if errors.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for error in &errors {
        error.write(&mut text, 0);
    }
    Err(text)
}

fn draft(schema: &Value) -> u16 {
    let named = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let known = [("draft-04", 4), ("draft-06", 6), ("draft-07", 7), ("2019-09", 2019)];
    known.iter().find(|(name, _)| named.contains(name)).map_or(2020, |(_, draft)| *draft)
}

/// The parts of a value that a schema has looked at, however it judged them; what it leaves is for `unevaluated…`.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    items: BTreeSet<usize>,
}

impl Seen {
    /// Takes over what a schema has seen that found nothing wrong.
    fn merge(&mut self, found: &[Failure], more: Self) {
        if found.is_empty() {
            self.names.extend(more.names);
            self.items.extend(more.items);
        }
    }
}

/// What one check finds: failures, and the parts it has looked at.
type Outcome = (Vec<Failure>, Seen);

struct Validator<'a> {
    root: &'a Value,
    links: Links<'a>,
    draft: u16,
    /// Whether anything asks what was not looked at.
    is_asked: bool,
}

impl<'a> Validator<'a> {
    fn check(&self, scope: &Scope<'_, 'a>, value: &Value, path: &mut Vec<String>) -> Outcome {
        let schema = scope.schema;
        let mut errors = Vec::new();
        let mut seen = Seen::default();
        let rules = match schema {
            Value::Bool(false) => return (vec![failure(path, "false schema".into(), Vec::new())], seen),
            Value::Object(rules) if scope.depth < MAX_DEPTH => rules,
            _ => return (errors, seen),
        };
        if let Some(message) = scope.cycle(self.root) {
            return (vec![failure(path, message, Vec::new())], seen);
        }
        let reference = rules.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference.filter(|_| self.draft < 2019) {
            // There a reference stands for the whole schema, but for what came with draft 6.
            if let Some(message) = self.check_const(rules, value) {
                return (vec![failure(path, message, Vec::new())], seen);
            }
            self.follow(("$ref", reference), value, path, scope, &mut errors, &mut seen);
            return (errors, seen);
        }
        if let Some(message) = self.check_value(rules, value) {
            return (vec![failure(path, message, Vec::new())], seen);
        }
        if let Some(reference) = reference {
            self.follow(("$ref", reference), value, path, scope, &mut errors, &mut seen);
        }
        match value {
            Value::Object(map) => self.object(rules, map, path, scope, &mut errors, &mut seen),
            Value::Array(items) => self.array(rules, items, path, scope, &mut errors, &mut seen),
            Value::String(text) => check_text(rules, text, &mut |message| {
                errors.push(failure(path, message, Vec::new()));
            }),
            Value::Number(number) => check_number(rules, number.as_f64().unwrap_or(0.0), &mut |message| {
                errors.push(failure(path, message, Vec::new()));
            }),
            _ => {}
        }
        for keyword in ["$recursiveRef", "$dynamicRef"] {
            if let Some(reference) = self.known(rules, keyword).and_then(Value::as_str) {
                self.follow((keyword, reference), value, path, scope, &mut errors, &mut seen);
            }
        }
        self.combined(rules, value, path, scope, &mut errors, &mut seen);
        self.unseen(rules, value, path, scope, &mut errors, &mut seen);
        (errors, seen)
    }

    /// `unevaluatedProperties` and `unevaluatedItems`.
    fn unseen(
        &self,
        rules: &'a Object<String, Value>,
        value: &Value,
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
        seen: &mut Seen,
    ) {
        match value {
            Value::Object(map) => {
                let Some(schema) = self.known(rules, "unevaluatedProperties") else { return };
                let scope = scope.part(schema, "unevaluatedProperties", Item::Only);
                for (name, value) in map.iter().filter(|(name, _)| !seen.names.contains(*name)) {
                    self.below(&scope, value, name, path, errors);
                }
                seen.names.extend(map.keys().cloned());
            }
            Value::Array(items) => {
                let Some(schema) = self.known(rules, "unevaluatedItems") else { return };
                let scope = scope.part(schema, "unevaluatedItems", Item::Only);
                for (index, item) in items.iter().enumerate().filter(|(index, _)| !seen.items.contains(index))
                {
                    self.below(&scope, item, &index.to_string(), path, errors);
                }
                seen.items.extend(0..items.len());
            }
            _ => {}
        }
    }

    /// A keyword that not all drafts know.
    fn known<'r>(&self, rules: &'r Object<String, Value>, keyword: &str) -> Option<&'r Value> {
        let since = match keyword {
            "const" | "contains" | "propertyNames" => 6,
            "if" => 7,
            "dependentSchemas"
            | "dependentRequired"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "$recursiveRef" => 2019,
            "$dynamicRef" => 2020,
            _ => 4,
        };
        rules.get(keyword).filter(|_| self.draft >= since)
    }

    /// `type`, `const`, `enum` and `format`: the first that does not fit is all there is to say.
    fn check_value(&self, rules: &Object<String, Value>, value: &Value) -> Option<String> {
        if let Some(types) = rules.get("type") {
            let types: Vec<&str> = match types {
                Value::String(one) => vec![one],
                Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let found = type_of(value);
            let fits = types.contains(&found) || (types.contains(&"integer") && is_integer(value));
            if !types.is_empty() && !fits {
                let wanted: Vec<&str> = TYPES.into_iter().filter(|name| types.contains(name)).collect();
                return Some(format!("got {found}, want {}", wanted.join(" or ")));
            }
        }
        if let Some(message) = self.check_const(rules, value) {
            return Some(message);
        }
        if let Some(Value::Array(wanted)) = rules.get("enum")
            && !wanted.iter().any(|wanted| equal(value, wanted))
        {
            if wanted.iter().any(|wanted| matches!(wanted, Value::Array(_) | Value::Object(_))) {
                return Some("'enum' failed".into());
            }
            let shown: Vec<String> = wanted.iter().map(show).collect();
            let several = if shown.len() == 1 { "" } else { "one of " };
            return Some(format!("value must be {several}{}", shown.join(", ")));
        }
        let format = rules.get("format").and_then(Value::as_str)?;
        if self.draft >= 2019 {
            return None;
        }
        let text = value.as_str()?;
        let wrong = crate::formats::check(format, text).err()?;
        Some(format!("{} is not valid {format}: {wrong}", quote(text)))
    }

    fn check_const(&self, rules: &Object<String, Value>, value: &Value) -> Option<String> {
        let wanted = self.known(rules, "const").filter(|wanted| !equal(value, wanted))?;
        let plain = !matches!(wanted, Value::Array(_) | Value::Object(_));
        Some(if plain { format!("value must be {}", show(wanted)) } else { "'const' failed".into() })
    }

    /// Checks what a keyword refers to.
    fn follow(
        &self,
        (keyword, reference): (&'static str, &'a str),
        value: &Value,
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
        seen: &mut Seen,
    ) {
        let Some((target, within)) = self.links.find(self.root, scope, reference) else { return };
        let (target, within) = match keyword {
            "$recursiveRef" => scope.recursive(target, within),
            "$dynamicRef" => scope.dynamic(target, within, reference),
            _ => (target, within),
        };
        let (found, more) = self.check(&scope.linked(target, within, keyword), value, path);
        seen.merge(&found, more);
        if let Some(cause) = grouped(path, found) {
            // Several behind the reference count as its own, wherever in the value they were found together.
            let causes = if cause.groups { cause.causes } else { vec![cause] };
            errors.push(Failure { passes: true, ..failure(path, GROUP.into(), causes) });
        }
    }

    /// Checks a part of a value.
    fn below(
        &self,
        scope: &Scope<'_, 'a>,
        value: &Value,
        name: &str,
        path: &mut Vec<String>,
        errors: &mut Vec<Failure>,
    ) {
        path.push(name.to_owned());
        let (found, _) = self.check(scope, value, path);
        errors.extend(grouped(path, found));
        path.pop();
    }

    fn object(
        &self,
        rules: &'a Object<String, Value>,
        map: &Object<String, Value>,
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
        seen: &mut Seen,
    ) {
        check_count(rules, "Properties", map.len(), &mut |message| {
            errors.push(failure(path, message, Vec::new()))
        });
        let missing = |wanted: &Value| -> Vec<String> {
            let names = wanted.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.filter(|name| !map.contains_key(*name)).map(quote).collect()
        };
        let required = rules.get("required").map(missing).unwrap_or_default();
        if !required.is_empty() {
            let word = if required.len() == 1 { "property" } else { "properties" };
            errors.push(failure(path, format!("missing {word} {}", required.join(", ")), Vec::new()));
        }
        for keyword in ["dependencies", "dependentSchemas", "dependentRequired"] {
            let entries = self.known(rules, keyword).and_then(Value::as_object);
            for (name, wanted) in entries.into_iter().flatten().filter(|(name, _)| map.contains_key(*name)) {
                if wanted.is_array() {
                    let missing = missing(wanted);
                    if !missing.is_empty() {
                        let message =
                            format!("properties {} required, if {} exists", missing.join(", "), quote(name));
                        errors.push(failure(path, message, Vec::new()));
                    }
                } else {
                    let scope = scope.same(wanted, keyword, Item::Name(name));
                    let (found, more) = self.check(&scope, &Value::Object(map.clone()), path);
                    seen.merge(&found, more);
                    errors.extend(grouped(path, found));
                }
            }
        }
        self.properties(rules, map, path, scope, errors, seen);
        if let Some(names) = self.known(rules, "propertyNames") {
            for name in map.keys() {
                let scope = scope.part(names, "propertyNames", Item::Only);
                let (found, _) = self.check(&scope, &Value::String(name.clone()), &mut Vec::new());
                if !found.is_empty() {
                    errors.push(failure(path, format!("invalid propertyName {}", quote(name)), found));
                }
            }
        }
    }

    fn properties(
        &self,
        rules: &'a Object<String, Value>,
        map: &Object<String, Value>,
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
        seen: &mut Seen,
    ) {
        let patterns = rules.get("patternProperties").and_then(Value::as_object);
        let patterns: Vec<(Regex, &Value)> = patterns
            .into_iter()
            .flatten()
            .filter_map(|(pattern, schema)| Some((go_regex(pattern).ok()?, schema)))
            .collect();
        let mut unwanted = Vec::new();
        for (name, value) in map {
            let mut known = false;
            if let Some(schema) = rules.get("properties").and_then(|properties| properties.get(name)) {
                known = true;
                let scope = scope.part(schema, "properties", Item::Name(name));
                self.below(&scope, value, name, path, errors);
            }
            for (pattern, schema) in &patterns {
                if pattern.is_match(name) {
                    known = true;
                    let scope = scope.part(schema, "patternProperties", Item::Name(pattern.as_str()));
                    self.below(&scope, value, name, path, errors);
                }
            }
            if !known && let Some(additional) = rules.get("additionalProperties") {
                known = true;
                match additional {
                    Value::Bool(false) => unwanted.push(quote(name)),
                    schema => {
                        let scope = scope.part(schema, "additionalProperties", Item::Only);
                        self.below(&scope, value, name, path, errors);
                    }
                }
            }
            if known && self.is_asked {
                seen.names.insert(name.clone());
            }
        }
        if !unwanted.is_empty() {
            let message = format!("additional properties {} not allowed", unwanted.join(", "));
            errors.push(failure(path, message, Vec::new()));
        }
    }

    fn array(
        &self,
        rules: &'a Object<String, Value>,
        items: &[Value],
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
        seen: &mut Seen,
    ) {
        check_count(rules, "Items", items.len(), &mut |message| {
            errors.push(failure(path, message, Vec::new()))
        });
        if rules.get("uniqueItems") == Some(&Value::Bool(true))
            && let Some((first, second)) = duplicates(items)
        {
            errors.push(failure(path, format!("items at {first} and {second} are equal"), Vec::new()));
        }
        let (by_place, rest) = match (rules.get("prefixItems"), rules.get("items")) {
            (prefix, items) if self.draft >= 2020 => (prefix.and_then(Value::as_array), items),
            (_, Some(Value::Array(by_place))) => (Some(by_place), rules.get("additionalItems")),
            (_, items) => (None, items),
        };
        let (first, more) = match by_place {
            Some(_) if self.draft < 2020 => ("items", "additionalItems"),
            _ => ("prefixItems", "items"),
        };
        let fixed = by_place.map_or(0, Vec::len).min(items.len());
        seen.items.extend(0..if rest.is_some() { items.len() } else { fixed });
        if self.draft < 2020 && rest == Some(&Value::Bool(false)) && by_place.is_some() {
            if items.len() > fixed {
                let message = format!("last {} additionalItem(s) not allowed", items.len() - fixed);
                errors.push(failure(path, message, Vec::new()));
            }
        } else if let Some(schema) = rest {
            for (index, item) in items.iter().enumerate().skip(fixed) {
                let scope = scope.part(schema, more, Item::Only);
                self.below(&scope, item, &index.to_string(), path, errors);
            }
        }
        for (index, (schema, item)) in by_place.into_iter().flatten().zip(items).enumerate() {
            let scope = scope.part(schema, first, Item::Index(index));
            self.below(&scope, item, &index.to_string(), path, errors);
        }
        if let Some(contains) = self.known(rules, "contains") {
            let matched =
                self.contains(rules, items, path, &scope.part(contains, "contains", Item::Only), errors);
            seen.items.extend(matched.into_iter().filter(|_| self.draft >= 2020));
        }
    }

    /// Gives the places of the items that fit.
    fn contains(
        &self,
        rules: &'a Object<String, Value>,
        items: &[Value],
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
    ) -> Vec<usize> {
        let mut causes = Vec::new();
        let mut matched = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let before = causes.len();
            self.below(scope, item, &index.to_string(), path, &mut causes);
            if causes.len() == before {
                matched.push(index);
            }
        }
        let limit = |keyword: &str| rules.get(keyword).and_then(Value::as_u64).filter(|_| self.draft >= 2019);
        let found = matched.len() as u64;
        let shown = || matched.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let places = || format!("matched {found} items at {}", shown());
        match limit("minContains") {
            Some(min) if found < min => {
                let but = if found == 0 { "none matched".to_owned() } else { places() };
                let message = format!("min {min} items required to match contains schema, but {but}");
                errors.push(failure(path, message, causes));
            }
            None if found == 0 => errors.push(failure(path, "no items match contains schema".into(), causes)),
            _ => {}
        }
        if let Some(max) = limit("maxContains").filter(|max| found > *max) {
            let message = format!("max {max} items required to match contains schema, but {}", places());
            errors.push(failure(path, message, Vec::new()));
        }
        matched
    }

    fn combined(
        &self,
        rules: &'a Object<String, Value>,
        value: &Value,
        path: &mut Vec<String>,
        scope: &Scope<'_, 'a>,
        errors: &mut Vec<Failure>,
        seen: &mut Seen,
    ) {
        let schemas = |keyword: &str| rules.get(keyword).and_then(Value::as_array).into_iter().flatten();
        if let Some(schema) = rules.get("not")
            && self.check(&scope.same(schema, "not", Item::Only), value, path).0.is_empty()
        {
            errors.push(failure(path, "'not' failed".into(), Vec::new()));
        }
        let mut causes = Vec::new();
        for (index, schema) in schemas("allOf").enumerate() {
            let (found, more) = self.check(&scope.same(schema, "allOf", Item::Index(index)), value, path);
            seen.merge(&found, more);
            causes.extend(grouped(path, found));
        }
        if !causes.is_empty() {
            errors.push(failure(path, "'allOf' failed".into(), causes));
        }
        for keyword in ["anyOf", "oneOf"] {
            let mut causes = Vec::new();
            let mut matched = Vec::new();
            for (index, schema) in schemas(keyword).enumerate() {
                let (found, more) = self.check(&scope.same(schema, keyword, Item::Index(index)), value, path);
                seen.merge(&found, more);
                match grouped(path, found) {
                    None => matched.push(index),
                    Some(cause) => causes.push(cause),
                }
            }
            match (keyword, &matched[..]) {
                (_, []) if causes.is_empty() => {}
                ("anyOf", []) => errors.push(failure(path, "'anyOf' failed".into(), causes)),
                (_, []) => errors.push(failure(path, "'oneOf' failed, none matched".into(), causes)),
                ("oneOf", [first, second, ..]) => {
                    let message = format!("'oneOf' failed, subschemas {first}, {second} matched");
                    errors.push(failure(path, message, Vec::new()));
                }
                _ => {}
            }
        }
        if let Some(condition) = self.known(rules, "if") {
            let (found, more) = self.check(&scope.same(condition, "if", Item::Only), value, path);
            let branch = if found.is_empty() { "then" } else { "else" };
            seen.merge(&found, more);
            if let Some(schema) = rules.get(branch) {
                let (found, more) = self.check(&scope.same(schema, branch, Item::Only), value, path);
                seen.merge(&found, more);
                errors.extend(grouped(path, found));
            }
        }
    }
}
