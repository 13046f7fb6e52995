//! Whether a schema is one: it is checked as a value against the metaschema of its draft, as Helm's library does it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::schema;
use crate::schema_plain::is_plain;

/// The metaschema of a draft.
struct Metaschema {
    draft: u16,
    /// Its name in messages.
    name: &'static str,
    /// Read when it is first asked for: most charts have several schemas, if any.
    schema: LazyLock<Value>,
}

macro_rules! metaschema {
    ($draft:literal, $name:literal, $file:literal) => {
        // A test reads each of them.
        Metaschema {
            draft: $draft,
            name: $name,
            schema: LazyLock::new(|| serde_json::from_str(include_str!($file)).unwrap_or_default()),
        }
    };
}

static METASCHEMAS: [Metaschema; 5] = [
    metaschema!(4, "http://json-schema.org/draft-04/schema#", "metaschemas/draft-04.json"),
    metaschema!(6, "http://json-schema.org/draft-06/schema#", "metaschemas/draft-06.json"),
    metaschema!(7, "http://json-schema.org/draft-07/schema#", "metaschemas/draft-07.json"),
    metaschema!(2019, "https://json-schema.org/draft/2019-09/schema#", "metaschemas/draft-2019-09.json"),
    metaschema!(2020, "https://json-schema.org/draft/2020-12/schema#", "metaschemas/draft-2020-12.json"),
];

/// Checks a schema; the error has Helm's words about each place that does not fit.
pub(crate) fn check(schema: &Value, draft: u16) -> Result<(), String> {
    if is_plain(schema, draft) { Ok(()) } else { check_in_full(schema, draft) }
}

/// The same for any schema.
pub(crate) fn check_in_full(schema: &Value, draft: u16) -> Result<(), String> {
    let Some(known) = METASCHEMAS.iter().find(|known| known.draft == draft) else { return Ok(()) };
    // No metaschema asks for what was not looked at; it only says that a schema may.
    schema::check(&known.schema, schema, false).map_err(|places| {
        format!(
            "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with \
             '{}'\n{places}",
            known.name
        )
    })
}

/// The keywords that the metaschema of a draft knows.
#[cfg(test)]
pub(crate) fn keywords(draft: u16) -> std::collections::BTreeSet<String> {
    fn collect(value: &Value, found: &mut std::collections::BTreeSet<String>) {
        let Some(map) = value.as_object() else { return };
        found.extend(
            map.get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone()),
        );
        // Later drafts keep them in parts.
        for part in ["$defs", "definitions"] {
            map.get(part)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .for_each(|(_, part)| collect(part, found));
        }
        map.get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .for_each(|part| collect(part, found));
    }
    let mut found = std::collections::BTreeSet::new();
    METASCHEMAS
        .iter()
        .filter(|known| known.draft == draft)
        .for_each(|known| collect(&known.schema, &mut found));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each metaschema is a schema of its own draft.
    #[test]
    fn metaschemas_fit_themselves() {
        for known in &METASCHEMAS {
            assert!(known.schema.is_object(), "{}", known.name);
            assert_eq!(check_in_full(&known.schema, known.draft), Ok(()), "{}", known.name);
            assert!(check(&Value::String("no schema".into()), known.draft).is_err(), "{}", known.name);
        }
    }
}
