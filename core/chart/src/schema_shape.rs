//! Whether a schema is one: the kinds of values that its keywords take, as the metaschemas of the drafts say it.

use backstay_gotemplate::go_regex;
use serde_json::Value;

use crate::schema_scalars::{duplicates, is_integer, quote, type_of};

/// What a keyword takes.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    /// A text that matches this.
    Fitting(&'static str),
    Pattern,
    Flag,
    Number,
    /// A number above 0.
    Factor,
    /// A whole number from 0.
    Count,
    /// Texts, none twice.
    Names,
    /// A list that is not empty, its values all different.
    Choice,
    List,
    Type,
    Schema,
    /// A boolean or a schema, in the draft where these are not the same.
    FlagOrSchema,
    Schemas,
    /// A schema or a list of schemas.
    SchemaOrSchemas,
    Object,
    Map,
    /// A map whose keys are regular expressions.
    PatternMap,
    /// A map of schemas or of names.
    Dependencies,
    NamesMap,
}

/// Keyword, first and last draft that know it, and what it takes.
const KEYWORDS: [(&str, u16, u16, Takes); 58] = [
    ("$schema", 4, 2020, Takes::Text),
    ("id", 4, 4, Takes::Text),
    ("$id", 6, 7, Takes::Text),
    ("$id", 2019, 2020, Takes::Fitting("^[^#]*#?$")),
    ("$anchor", 2019, 2019, Takes::Fitting("^[A-Za-z][-A-Za-z0-9.:_]*$")),
    ("$anchor", 2020, 2020, Takes::Fitting("^[A-Za-z_][-A-Za-z0-9._]*$")),
    ("$vocabulary", 2019, 2020, Takes::Object),
    ("$ref", 4, 2020, Takes::Text),
    ("$recursiveRef", 2019, 2020, Takes::Text),
    ("$dynamicRef", 2020, 2020, Takes::Text),
    ("examples", 7, 2020, Takes::List),
    ("$comment", 7, 2020, Takes::Text),
    ("title", 4, 2020, Takes::Text),
    ("description", 4, 2020, Takes::Text),
    ("format", 4, 2020, Takes::Text),
    ("contentMediaType", 7, 2020, Takes::Text),
    ("contentEncoding", 7, 2020, Takes::Text),
    ("contentSchema", 2019, 2020, Takes::Schema),
    ("pattern", 4, 2020, Takes::Pattern),
    ("readOnly", 7, 2020, Takes::Flag),
    ("writeOnly", 7, 2020, Takes::Flag),
    ("deprecated", 2019, 2020, Takes::Flag),
    ("uniqueItems", 4, 2020, Takes::Flag),
    ("exclusiveMinimum", 4, 4, Takes::Flag),
    ("exclusiveMaximum", 4, 4, Takes::Flag),
    ("exclusiveMinimum", 6, 2020, Takes::Number),
    ("exclusiveMaximum", 6, 2020, Takes::Number),
    ("minimum", 4, 2020, Takes::Number),
    ("maximum", 4, 2020, Takes::Number),
    ("multipleOf", 4, 2020, Takes::Factor),
    ("minLength", 4, 2020, Takes::Count),
    ("maxLength", 4, 2020, Takes::Count),
    ("minItems", 4, 2020, Takes::Count),
    ("maxItems", 4, 2020, Takes::Count),
    ("minProperties", 4, 2020, Takes::Count),
    ("maxProperties", 4, 2020, Takes::Count),
    ("minContains", 2019, 2020, Takes::Count),
    ("maxContains", 2019, 2020, Takes::Count),
    ("required", 4, 2020, Takes::Names),
    ("enum", 4, 7, Takes::Choice),
    ("enum", 2019, 2020, Takes::List),
    ("type", 4, 2020, Takes::Type),
    ("additionalItems", 4, 2019, Takes::FlagOrSchema),
    ("additionalProperties", 4, 2020, Takes::FlagOrSchema),
    ("unevaluatedItems", 2019, 2020, Takes::Schema),
    ("unevaluatedProperties", 2019, 2020, Takes::Schema),
    ("not", 4, 2020, Takes::Schema),
    ("contains", 6, 2020, Takes::Schema),
    ("propertyNames", 6, 2020, Takes::Schema),
    ("items", 4, 2019, Takes::SchemaOrSchemas),
    ("items", 2020, 2020, Takes::Schema),
    ("prefixItems", 2020, 2020, Takes::Schemas),
    ("definitions", 4, 2020, Takes::Map),
    ("$defs", 2019, 2020, Takes::Map),
    ("properties", 4, 2020, Takes::Map),
    ("patternProperties", 4, 2020, Takes::PatternMap),
    ("dependencies", 4, 2020, Takes::Dependencies),
    ("dependentRequired", 2019, 2020, Takes::NamesMap),
];

/// More of the same, apart to keep the table readable: keywords that lead to schemas.
const APPLICATORS: [(&str, u16, u16, Takes); 7] = [
    ("allOf", 4, 2020, Takes::Schemas),
    ("anyOf", 4, 2020, Takes::Schemas),
    ("oneOf", 4, 2020, Takes::Schemas),
    ("if", 7, 2020, Takes::Schema),
    ("then", 7, 2020, Takes::Schema),
    ("else", 7, 2020, Takes::Schema),
    ("dependentSchemas", 2019, 2020, Takes::Map),
];

/// How deep schemas may be nested.
const MAX_DEPTH: usize = 200;

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Checks a schema; the error has a line for every place that no schema has, with Helm's words about each.
pub(crate) fn check(schema: &Value, draft: u16) -> Result<(), String> {
    let mut shape = Shape { draft, wrong: String::new() };
    shape.schema(schema, "", 0);
    if shape.wrong.is_empty() {
        return Ok(());
    }
    let metaschema = match draft {
        4 | 6 | 7 => format!("http://json-schema.org/draft-0{draft}/schema#"),
        2019 => "https://json-schema.org/draft/2019-09/schema#".into(),
        _ => "https://json-schema.org/draft/2020-12/schema#".into(),
    };
    let front =
        "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with";
    Err(format!("{front} '{metaschema}'\n{}", shape.wrong))
}

struct Shape {
    draft: u16,
    wrong: String,
}

impl Shape {
    fn say(&mut self, place: &str, message: &str) {
        self.wrong.push_str(&format!("- at {}: {message}\n", quote(place)));
    }

    fn wants(&mut self, value: &Value, place: &str, fits: bool, wanted: &str) -> bool {
        if !fits {
            self.say(place, &format!("got {}, want {wanted}", type_of(value)));
        }
        fits
    }

    fn schema(&mut self, schema: &Value, place: &str, depth: usize) {
        let Value::Object(rules) = schema else {
            let fits = schema.is_boolean() && self.draft > 4;
            self.wants(schema, place, fits, if self.draft > 4 { "boolean or object" } else { "object" });
            return;
        };
        if depth > MAX_DEPTH {
            return;
        }
        for (keyword, first, last, takes) in KEYWORDS.iter().chain(&APPLICATORS) {
            if let Some(value) = rules.get(*keyword)
                && (*first..=*last).contains(&self.draft)
            {
                let place = format!("{place}/{}", keyword.replace('~', "~0").replace('/', "~1"));
                self.keyword(*takes, value, &place, depth + 1);
            }
        }
    }

    fn keyword(&mut self, takes: Takes, value: &Value, place: &str, depth: usize) {
        match takes {
            Takes::Text => {
                self.wants(value, place, value.is_string(), "string");
            }
            Takes::Pattern => {
                if self.wants(value, place, value.is_string(), "string") {
                    self.pattern(value.as_str().unwrap_or_default(), place, "");
                }
            }
            Takes::Fitting(pattern) => {
                if self.wants(value, place, value.is_string(), "string") {
                    let text = value.as_str().unwrap_or_default();
                    if go_regex(pattern).is_ok_and(|regex| !regex.is_match(text)) {
                        self.say(
                            place,
                            &format!("{} does not match pattern {}", quote(text), quote(pattern)),
                        );
                    }
                }
            }
            Takes::Object => {
                self.wants(value, place, value.is_object(), "object");
            }
            Takes::Flag => {
                self.wants(value, place, value.is_boolean(), "boolean");
            }
            Takes::Number | Takes::Factor | Takes::Count => self.number(takes, value, place),
            Takes::Names | Takes::Choice | Takes::List => self.list(takes, value, place),
            Takes::Type => self.types(value, place),
            Takes::Schema => self.schema(value, place, depth),
            Takes::FlagOrSchema if value.is_boolean() => {}
            Takes::FlagOrSchema => self.schema(value, place, depth),
            Takes::Schemas => self.schemas(value, place, depth),
            Takes::SchemaOrSchemas if value.is_array() => self.schemas(value, place, depth),
            Takes::SchemaOrSchemas => self.schema(value, place, depth),
            Takes::Map | Takes::PatternMap | Takes::Dependencies | Takes::NamesMap => {
                self.map(takes, value, place, depth);
            }
        }
    }

    fn pattern(&mut self, pattern: &str, place: &str, front: &str) {
        if let Err(error) = go_regex(pattern) {
            self.say(place, &format!("{front}{} is not valid regex: {error}", quote(pattern)));
        }
    }

    fn number(&mut self, takes: Takes, value: &Value, place: &str) {
        let wanted = if matches!(takes, Takes::Count) { "integer" } else { "number" };
        let fits = value.is_number() && (wanted == "number" || is_integer(value));
        if !self.wants(value, place, fits, wanted) {
            return;
        }
        let number = value.as_f64().unwrap_or_default();
        match takes {
            Takes::Count if number < 0.0 => self.say(place, &format!("minimum: got {value}, want 0")),
            Takes::Factor if number <= 0.0 => {
                self.say(place, &format!("exclusiveMinimum: got {value}, want 0"));
            }
            _ => {}
        }
    }

    fn list(&mut self, takes: Takes, value: &Value, place: &str) {
        let Value::Array(items) = value else {
            self.wants(value, place, false, "array");
            return;
        };
        let needs_one = matches!(takes, Takes::Choice) || matches!(takes, Takes::Names) && self.draft == 4;
        if items.is_empty() && needs_one {
            self.say(place, "minItems: got 0, want 1");
        }
        if matches!(takes, Takes::Names) {
            for (at, item) in items.iter().enumerate() {
                self.wants(item, &format!("{place}/{at}"), item.is_string(), "string");
            }
        }
        if !matches!(takes, Takes::List)
            && let Some((first, second)) = duplicates(items)
        {
            self.say(place, &format!("items at {first} and {second} are equal"));
        }
    }

    fn types(&mut self, value: &Value, place: &str) {
        let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
        let names: Vec<String> = TYPES.iter().map(|name| quote(name)).collect();
        match value {
            Value::Array(items) => {
                if items.is_empty() {
                    self.say(place, "minItems: got 0, want 1");
                }
                for (at, item) in items.iter().enumerate().filter(|(_, item)| !known(item)) {
                    self.wants(
                        item,
                        &format!("{place}/{at}"),
                        false,
                        &format!("one of {}", names.join(", ")),
                    );
                }
                if let Some((first, second)) = duplicates(items) {
                    self.say(place, &format!("items at {first} and {second} are equal"));
                }
            }
            one if known(one) => {}
            _ => self.say(place, &format!("value must be one of {}", names.join(", "))),
        }
    }

    fn schemas(&mut self, value: &Value, place: &str, depth: usize) {
        let Value::Array(items) = value else {
            self.wants(value, place, false, "array");
            return;
        };
        if items.is_empty() && !place.ends_with("/items") {
            self.say(place, "minItems: got 0, want 1");
        }
        for (at, item) in items.iter().enumerate() {
            self.schema(item, &format!("{place}/{at}"), depth);
        }
    }

    fn map(&mut self, takes: Takes, value: &Value, place: &str, depth: usize) {
        let Value::Object(map) = value else {
            self.wants(value, place, false, "object");
            return;
        };
        for (key, inner) in map {
            let below = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
            match takes {
                Takes::NamesMap => self.list(Takes::Names, inner, &below),
                Takes::Dependencies if inner.is_array() => self.list(Takes::Names, inner, &below),
                _ => self.schema(inner, &below, depth),
            }
            if matches!(takes, Takes::PatternMap) {
                self.pattern(key, place, &format!("invalid propertyName {}: ", quote(key)));
            }
        }
    }
}
