//! The keywords of JSON Schema, found once for each schema that is asked.

use serde_json::{Map as Object, Value};

macro_rules! keywords {
    ($($variant:ident $name:literal since $draft:literal),+ $(,)?) => {
        /// A keyword that says something about values.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(super) enum Keyword { $($variant),+ }

        /// How it is written, and the draft it came with.
        const KEYWORDS: &[(Keyword, &str, u16)] = &[$((Keyword::$variant, $name, $draft)),+];

        fn keyword_of(name: &str) -> Option<(Keyword, u16)> {
            match name {
                $($name => Some((Keyword::$variant, $draft)),)+
                _ => None,
            }
        }
    };
}

// In the order of the variants.
keywords! {
    Ref "$ref" since 4,
    RecursiveRef "$recursiveRef" since 2019,
    DynamicRef "$dynamicRef" since 2020,
    Type "type" since 4,
    Const "const" since 6,
    Enum "enum" since 4,
    Format "format" since 4,
    Properties "properties" since 4,
    PatternProperties "patternProperties" since 4,
    AdditionalProperties "additionalProperties" since 4,
    UnevaluatedProperties "unevaluatedProperties" since 2019,
    PropertyNames "propertyNames" since 6,
    Required "required" since 4,
    Dependencies "dependencies" since 4,
    DependentSchemas "dependentSchemas" since 2019,
    DependentRequired "dependentRequired" since 2019,
    MinProperties "minProperties" since 4,
    MaxProperties "maxProperties" since 4,
    PrefixItems "prefixItems" since 2020,
    Items "items" since 4,
    AdditionalItems "additionalItems" since 4,
    UnevaluatedItems "unevaluatedItems" since 2019,
    UniqueItems "uniqueItems" since 4,
    Contains "contains" since 6,
    MinContains "minContains" since 2019,
    MaxContains "maxContains" since 2019,
    MinItems "minItems" since 4,
    MaxItems "maxItems" since 4,
    MinLength "minLength" since 4,
    MaxLength "maxLength" since 4,
    Pattern "pattern" since 4,
    Minimum "minimum" since 4,
    ExclusiveMinimum "exclusiveMinimum" since 4,
    Maximum "maximum" since 4,
    ExclusiveMaximum "exclusiveMaximum" since 4,
    MultipleOf "multipleOf" since 4,
    Not "not" since 4,
    AllOf "allOf" since 4,
    AnyOf "anyOf" since 4,
    OneOf "oneOf" since 4,
    If "if" since 7,
    Then "then" since 4,
    Else "else" since 4,
}

impl Keyword {
    pub(super) fn name(self) -> &'static str {
        KEYWORDS.get(self as usize).map_or("", |(_, name, _)| *name)
    }
}

/// What a schema says: its keywords as far as its draft knows them. Looking each up by its name when it is asked for would
/// take most of the time of a check.
pub(super) struct Rules<'a>([Option<&'a Value>; KEYWORDS.len()]);

impl<'a> Rules<'a> {
    pub(super) fn of(schema: &'a Object<String, Value>, draft: u16) -> Self {
        let mut rules = Self([None; KEYWORDS.len()]);
        for (name, value) in schema {
            if let Some((keyword, since)) = keyword_of(name)
                && draft >= since
                && let Some(place) = rules.0.get_mut(keyword as usize)
            {
                *place = Some(value);
            }
        }
        rules
    }

    pub(super) fn get(&self, keyword: Keyword) -> Option<&'a Value> {
        self.0.get(keyword as usize).copied().flatten()
    }

    pub(super) fn text(&self, keyword: Keyword) -> Option<&'a str> {
        self.get(keyword).and_then(Value::as_str)
    }

    pub(super) fn number(&self, keyword: Keyword) -> Option<f64> {
        self.get(keyword).and_then(Value::as_f64)
    }

    pub(super) fn list(&self, keyword: Keyword) -> Option<&'a Vec<Value>> {
        self.get(keyword).and_then(Value::as_array)
    }

    pub(super) fn map(&self, keyword: Keyword) -> Option<&'a Object<String, Value>> {
        self.get(keyword).and_then(Value::as_object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_listed_in_their_order() {
        for (place, (keyword, name, _)) in KEYWORDS.iter().enumerate() {
            assert_eq!(*keyword as usize, place, "{name}");
            assert!(keyword_of(name).is_some_and(|(found, _)| found == *keyword), "{name}");
        }
    }
}
