//! `values.schema.json`: values are checked before anything is rendered.
//!
//! The rules are those of JSON Schema (drafts 4 to 2020-12) and the messages those of the library in Helm 3.22 and 4.3.
//! References to the network are not followed: what is behind them is taken as fitting.

use std::collections::BTreeSet;
use std::rc::Rc;

use backstay_gotemplate::{Map, Regex, Value as Dynamic, go_regex, map_to_json};
use serde_json::{Map as Object, Value};

use crate::ahead::Ahead;
use crate::chart::Chart;
use crate::schema_failure::{Failure, GROUP, failure, grouped};
use crate::schema_links::{self, Links};
use crate::schema_meta;
use crate::schema_rules::{Keyword, Rules};
use crate::schema_scalars::{
    check_count, check_number, check_text, duplicates, equal, is_integer, quote, show, type_of,
};
use crate::schema_scope::{Item, Part, Scope};

/// How deep schemas may refer to each other.
const MAX_DEPTH: usize = 200;

/// The types in the order they are listed in (santhosh-tekuri/jsonschema v6.0.3, `Types`).
const TYPES: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];

/// Checks values against the schemas of a chart and its subcharts.
///
/// # Errors
/// With Helm's text: every place that does not fit.
pub fn validate_schemas(chart: &Chart, values: &Map) -> Result<(), String> {
    validate_with(chart, values, None)
}

/// The same with schemas that were looked over before.
pub(crate) fn validate_with(chart: &Chart, values: &Map, ahead: Option<&Ahead<'_>>) -> Result<(), String> {
    let mut text = String::new();
    check_chart(chart, values, ahead, &mut text);
    if text.is_empty() {
        return Ok(());
    }
    Err(format!("values don't meet the specifications of the schema(s) in the following chart(s):\n{text}"))
}

/// A schema that was looked over, or why it is none.
#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "another module looks it over"))]
pub(crate) struct Schema(Result<Value, String>);

impl Schema {
    /// Whether Helm would take it for a schema at all.
    #[cfg(feature = "full")]
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let schema = serde_json::from_slice::<Value>(bytes)
            .map_err(|error| format!("values.schema.json:{}: {error}\n", error.line()));
        Self(schema.and_then(|schema| compile(&schema).map(|()| schema)))
    }

    #[cfg(not(feature = "full"))]
    pub(crate) fn read(_: &[u8]) -> Self {
        Self(Ok(Value::Bool(true)))
    }

    #[cfg(feature = "full")]
    fn check(&self, values: &Map) -> Result<(), String> {
        let schema = self.0.as_ref().map_err(Clone::clone)?;
        validate(schema, &Value::Object(map_to_json(values)))
    }

    #[cfg(not(feature = "full"))]
    fn check(&self, _: &Map) -> Result<(), String> {
        backstay_gotemplate::elsewhere::note();
        Ok(())
    }
}

fn check_chart(chart: &Chart, values: &Map, ahead: Option<&Ahead<'_>>, text: &mut String) {
    if let Some(bytes) = &chart.schema {
        let known = ahead.and_then(|ahead| ahead.schema(bytes));
        let outcome = match known {
            Some(schema) => schema.check(values),
            None => Schema::read(bytes).check(values),
        };
        if let Err(wrong) = outcome {
            text.push_str(&format!("{}:\n{wrong}", chart.name()));
        }
    }
    for subchart in &chart.dependencies {
        match values.get(subchart.name()) {
            None | Some(Dynamic::Nil) => {}
            Some(Dynamic::Map(values)) => check_chart(subchart, &values, ahead, text),
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
    let mut errors = validator.check(&Scope::root(schema), value).failures;
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

/// What one check finds: failures, and the parts of the value that a schema has looked at, however it judged them; what it
/// leaves is for `unevaluated…`.
#[derive(Default)]
struct Findings {
    failures: Vec<Failure>,
    names: BTreeSet<String>,
    items: BTreeSet<usize>,
}

impl Findings {
    fn fail(&mut self, scope: &Scope<'_, '_>, message: impl Into<String>, causes: Vec<Failure>) {
        self.failures.push(failure(scope, message.into(), causes));
    }

    /// Takes over what another schema found about the same value, but for its failures. What it has seen counts where it
    /// found nothing wrong.
    fn see(&mut self, other: Self) -> Vec<Failure> {
        if other.failures.is_empty() {
            self.names.extend(other.names);
            self.items.extend(other.items);
        }
        other.failures
    }
}

struct Validator<'a> {
    root: &'a Value,
    links: Links<'a>,
    draft: u16,
    /// Whether anything asks what was not looked at.
    is_asked: bool,
}

impl<'a> Validator<'a> {
    fn check(&self, scope: &Scope<'_, 'a>, value: &Value) -> Findings {
        let mut found = Findings::default();
        let rules = match scope.schema {
            Value::Object(rules) if scope.depth < MAX_DEPTH => Rules::of(rules, self.draft),
            Value::Bool(false) => {
                found.fail(scope, "false schema", Vec::new());
                return found;
            }
            _ => return found,
        };
        let reference = rules.text(Keyword::Ref);
        // Before draft 2019 a reference stands for the whole schema, but for what came with draft 6.
        let alone = reference.is_some() && self.draft < 2019;
        let wrong = scope
            .cycle(self.root)
            .or_else(|| if alone { check_const(&rules, value) } else { self.check_value(&rules, value) });
        if let Some(message) = wrong {
            found.fail(scope, message, Vec::new());
            return found;
        }
        if let Some(reference) = reference {
            self.follow(Keyword::Ref, reference, value, scope, &mut found);
            if alone {
                return found;
            }
        }
        match value {
            Value::Object(map) => self.object(&rules, value, map, scope, &mut found),
            Value::Array(items) => self.array(&rules, items, scope, &mut found),
            Value::String(text) => {
                check_text(&rules, text, &mut |message| found.fail(scope, message, Vec::new()));
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(0.0);
                check_number(&rules, number, &mut |message| found.fail(scope, message, Vec::new()));
            }
            _ => {}
        }
        for keyword in [Keyword::RecursiveRef, Keyword::DynamicRef] {
            if let Some(reference) = rules.text(keyword) {
                self.follow(keyword, reference, value, scope, &mut found);
            }
        }
        self.combined(&rules, value, scope, &mut found);
        self.unseen(&rules, value, scope, &mut found);
        found
    }

    /// `unevaluatedProperties` and `unevaluatedItems`.
    fn unseen(&self, rules: &Rules<'a>, value: &Value, scope: &Scope<'_, 'a>, found: &mut Findings) {
        match value {
            Value::Object(map) => {
                let keyword = Keyword::UnevaluatedProperties;
                let Some(schema) = rules.get(keyword) else { return };
                for (name, value) in map {
                    if !found.names.contains(name) {
                        let scope = scope.part(Part::Name(name), schema, keyword, Item::Only);
                        found.failures.extend(self.below(&scope, value));
                    }
                }
                found.names.extend(map.keys().cloned());
            }
            Value::Array(items) => {
                let keyword = Keyword::UnevaluatedItems;
                let Some(schema) = rules.get(keyword) else { return };
                for (index, item) in items.iter().enumerate() {
                    if !found.items.contains(&index) {
                        let scope = scope.part(Part::Index(index), schema, keyword, Item::Only);
                        found.failures.extend(self.below(&scope, item));
                    }
                }
                found.items.extend(0..items.len());
            }
            _ => {}
        }
    }

    /// `type`, `const`, `enum` and `format`: the first that does not fit is all there is to say.
    fn check_value(&self, rules: &Rules<'_>, value: &Value) -> Option<String> {
        if let Some(message) = check_type(rules, value).or_else(|| check_const(rules, value)) {
            return Some(message);
        }
        if let Some(wanted) = rules.list(Keyword::Enum)
            && !wanted.iter().any(|wanted| equal(value, wanted))
        {
            if wanted.iter().any(|wanted| matches!(wanted, Value::Array(_) | Value::Object(_))) {
                return Some("'enum' failed".into());
            }
            let shown: Vec<String> = wanted.iter().map(show).collect();
            let several = if shown.len() == 1 { "" } else { "one of " };
            return Some(format!("value must be {several}{}", shown.join(", ")));
        }
        let format = rules.text(Keyword::Format)?;
        if self.draft >= 2019 {
            return None;
        }
        let text = value.as_str()?;
        let wrong = crate::formats::check(format, text).err()?;
        Some(format!("{} is not valid {format}: {wrong}", quote(text)))
    }

    /// Checks what a keyword refers to.
    fn follow(
        &self,
        keyword: Keyword,
        reference: &'a str,
        value: &Value,
        scope: &Scope<'_, 'a>,
        found: &mut Findings,
    ) {
        let Some((target, within)) = self.links.find(self.root, scope, reference) else { return };
        let (target, within) = match keyword {
            Keyword::RecursiveRef => scope.recursive(target, within),
            Keyword::DynamicRef => scope.dynamic(target, within, reference),
            _ => (target, within),
        };
        let failures = found.see(self.check(&scope.linked(target, within, keyword), value));
        if let Some(cause) = grouped(scope, failures) {
            // Several behind the reference count as its own, wherever in the value they were found together.
            let causes = if cause.groups { cause.causes } else { vec![cause] };
            found.failures.push(Failure { passes: true, ..failure(scope, GROUP.into(), causes) });
        }
    }

    /// Checks a part of a value.
    fn below(&self, scope: &Scope<'_, 'a>, value: &Value) -> Option<Failure> {
        grouped(scope, self.check(scope, value).failures)
    }

    fn object(
        &self,
        rules: &Rules<'a>,
        value: &Value,
        map: &Object<String, Value>,
        scope: &Scope<'_, 'a>,
        found: &mut Findings,
    ) {
        check_count(rules, (Keyword::MinProperties, Keyword::MaxProperties), map.len(), &mut |message| {
            found.fail(scope, message, Vec::new());
        });
        let missing = |wanted: &Value| -> Vec<String> {
            let names = wanted.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.filter(|name| !map.contains_key(*name)).map(quote).collect()
        };
        let required = rules.get(Keyword::Required).map(missing).unwrap_or_default();
        if !required.is_empty() {
            let word = if required.len() == 1 { "property" } else { "properties" };
            found.fail(scope, format!("missing {word} {}", required.join(", ")), Vec::new());
        }
        for keyword in [Keyword::Dependencies, Keyword::DependentSchemas, Keyword::DependentRequired] {
            let entries = rules.map(keyword).into_iter().flatten();
            for (name, wanted) in entries.filter(|(name, _)| map.contains_key(*name)) {
                if wanted.is_array() {
                    let missing = missing(wanted);
                    if !missing.is_empty() {
                        let message =
                            format!("properties {} required, if {} exists", missing.join(", "), quote(name));
                        found.fail(scope, message, Vec::new());
                    }
                } else {
                    let failures =
                        found.see(self.check(&scope.same(wanted, keyword, Item::Name(name)), value));
                    found.failures.extend(grouped(scope, failures));
                }
            }
        }
        self.properties(rules, map, scope, found);
        if let Some(names) = rules.get(Keyword::PropertyNames) {
            for name in map.keys() {
                let within = scope.part(Part::Apart, names, Keyword::PropertyNames, Item::Only);
                let failures = self.check(&within, &Value::String(name.clone())).failures;
                if !failures.is_empty() {
                    found.fail(scope, format!("invalid propertyName {}", quote(name)), failures);
                }
            }
        }
    }

    fn properties(
        &self,
        rules: &Rules<'a>,
        map: &Object<String, Value>,
        scope: &Scope<'_, 'a>,
        found: &mut Findings,
    ) {
        let properties = rules.get(Keyword::Properties);
        let patterns: Vec<(&str, Rc<Regex>, &Value)> = rules
            .map(Keyword::PatternProperties)
            .into_iter()
            .flatten()
            .filter_map(|(pattern, schema)| Some((pattern.as_str(), go_regex(pattern).ok()?, schema)))
            .collect();
        let mut unwanted = Vec::new();
        for (name, value) in map {
            let part = Part::Name(name);
            let mut known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                let scope = scope.part(part, schema, Keyword::Properties, Item::Name(name));
                found.failures.extend(self.below(&scope, value));
            }
            for (pattern, _, schema) in patterns.iter().filter(|(_, regex, _)| regex.is_match(name)) {
                known = true;
                let item = Item::Name(pattern);
                let scope = scope.part(part, schema, Keyword::PatternProperties, item);
                found.failures.extend(self.below(&scope, value));
            }
            if !known && let Some(additional) = rules.get(Keyword::AdditionalProperties) {
                known = true;
                if *additional == Value::Bool(false) {
                    unwanted.push(quote(name));
                } else {
                    let scope = scope.part(part, additional, Keyword::AdditionalProperties, Item::Only);
                    found.failures.extend(self.below(&scope, value));
                }
            }
            if known && self.is_asked {
                found.names.insert(name.clone());
            }
        }
        if !unwanted.is_empty() {
            let message = format!("additional properties {} not allowed", unwanted.join(", "));
            found.fail(scope, message, Vec::new());
        }
    }

    fn array(&self, rules: &Rules<'a>, items: &[Value], scope: &Scope<'_, 'a>, found: &mut Findings) {
        check_count(rules, (Keyword::MinItems, Keyword::MaxItems), items.len(), &mut |message| {
            found.fail(scope, message, Vec::new());
        });
        if rules.get(Keyword::UniqueItems) == Some(&Value::Bool(true))
            && let Some((first, second)) = duplicates(items)
        {
            found.fail(scope, format!("items at {first} and {second} are equal"), Vec::new());
        }
        let (by_place, rest) = match rules.get(Keyword::Items) {
            items if self.draft >= 2020 => (rules.list(Keyword::PrefixItems), items),
            Some(Value::Array(by_place)) => (Some(by_place), rules.get(Keyword::AdditionalItems)),
            items => (None, items),
        };
        let (first, more) = match by_place {
            Some(_) if self.draft < 2020 => (Keyword::Items, Keyword::AdditionalItems),
            _ => (Keyword::PrefixItems, Keyword::Items),
        };
        let fixed = by_place.map_or(0, Vec::len).min(items.len());
        if self.is_asked {
            found.items.extend(0..if rest.is_some() { items.len() } else { fixed });
        }
        if self.draft < 2020 && rest == Some(&Value::Bool(false)) && by_place.is_some() {
            if items.len() > fixed {
                let message = format!("last {} additionalItem(s) not allowed", items.len() - fixed);
                found.fail(scope, message, Vec::new());
            }
        } else if let Some(schema) = rest {
            for (index, item) in items.iter().enumerate().skip(fixed) {
                let scope = scope.part(Part::Index(index), schema, more, Item::Only);
                found.failures.extend(self.below(&scope, item));
            }
        }
        for (index, (schema, item)) in by_place.into_iter().flatten().zip(items).enumerate() {
            let scope = scope.part(Part::Index(index), schema, first, Item::Index(index));
            found.failures.extend(self.below(&scope, item));
        }
        self.contains(rules, items, scope, found);
    }

    fn contains(&self, rules: &Rules<'a>, items: &[Value], scope: &Scope<'_, 'a>, found: &mut Findings) {
        let Some(schema) = rules.get(Keyword::Contains) else { return };
        let mut causes = Vec::new();
        let mut matched = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let scope = scope.part(Part::Index(index), schema, Keyword::Contains, Item::Only);
            match self.below(&scope, item) {
                None => matched.push(index),
                Some(cause) => causes.push(cause),
            }
        }
        let limit = |keyword: Keyword| rules.get(keyword).and_then(Value::as_u64);
        let count = matched.len() as u64;
        let shown = || matched.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let places = || format!("matched {count} items at {}", shown());
        match limit(Keyword::MinContains) {
            Some(min) if count < min => {
                let but = if count == 0 { "none matched".to_owned() } else { places() };
                let message = format!("min {min} items required to match contains schema, but {but}");
                found.fail(scope, message, causes);
            }
            None if count == 0 => found.fail(scope, "no items match contains schema", causes),
            _ => {}
        }
        if let Some(max) = limit(Keyword::MaxContains).filter(|max| count > *max) {
            let message = format!("max {max} items required to match contains schema, but {}", places());
            found.fail(scope, message, Vec::new());
        }
        found.items.extend(matched.into_iter().filter(|_| self.draft >= 2020));
    }

    fn combined(&self, rules: &Rules<'a>, value: &Value, scope: &Scope<'_, 'a>, found: &mut Findings) {
        if let Some(schema) = rules.get(Keyword::Not)
            && self.check(&scope.same(schema, Keyword::Not, Item::Only), value).failures.is_empty()
        {
            found.fail(scope, "'not' failed", Vec::new());
        }
        let (_, causes) = self.each_of(rules, Keyword::AllOf, value, scope, found);
        if !causes.is_empty() {
            found.fail(scope, "'allOf' failed", causes);
        }
        for keyword in [Keyword::AnyOf, Keyword::OneOf] {
            let (matched, causes) = self.each_of(rules, keyword, value, scope, found);
            match (keyword, &matched[..]) {
                (_, []) if causes.is_empty() => {}
                (Keyword::AnyOf, []) => found.fail(scope, "'anyOf' failed", causes),
                (_, []) => found.fail(scope, "'oneOf' failed, none matched", causes),
                (Keyword::OneOf, [first, second, ..]) => {
                    let message = format!("'oneOf' failed, subschemas {first}, {second} matched");
                    found.fail(scope, message, Vec::new());
                }
                _ => {}
            }
        }
        if let Some(condition) = rules.get(Keyword::If) {
            let failures = found.see(self.check(&scope.same(condition, Keyword::If, Item::Only), value));
            let branch = if failures.is_empty() { Keyword::Then } else { Keyword::Else };
            if let Some(schema) = rules.get(branch) {
                let failures = found.see(self.check(&scope.same(schema, branch, Item::Only), value));
                found.failures.extend(grouped(scope, failures));
            }
        }
    }

    /// Asks each schema of a list: the places of those that fit, and what the others found.
    fn each_of(
        &self,
        rules: &Rules<'a>,
        keyword: Keyword,
        value: &Value,
        scope: &Scope<'_, 'a>,
        found: &mut Findings,
    ) -> (Vec<usize>, Vec<Failure>) {
        let (mut matched, mut causes) = (Vec::new(), Vec::new());
        for (index, schema) in rules.list(keyword).into_iter().flatten().enumerate() {
            let failures = found.see(self.check(&scope.same(schema, keyword, Item::Index(index)), value));
            match grouped(scope, failures) {
                None => matched.push(index),
                Some(cause) => causes.push(cause),
            }
        }
        (matched, causes)
    }
}

fn check_type(rules: &Rules<'_>, value: &Value) -> Option<String> {
    let types: Vec<&str> = match rules.get(Keyword::Type)? {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let found = type_of(value);
    let fits = types.contains(&found) || (types.contains(&"integer") && is_integer(value));
    if types.is_empty() || fits {
        return None;
    }
    let wanted: Vec<&str> = TYPES.into_iter().filter(|name| types.contains(name)).collect();
    Some(format!("got {found}, want {}", wanted.join(" or ")))
}

fn check_const(rules: &Rules<'_>, value: &Value) -> Option<String> {
    let wanted = rules.get(Keyword::Const).filter(|wanted| !equal(value, wanted))?;
    let plain = !matches!(wanted, Value::Array(_) | Value::Object(_));
    Some(if plain { format!("value must be {}", show(wanted)) } else { "'const' failed".into() })
}
