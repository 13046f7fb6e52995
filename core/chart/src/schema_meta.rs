//! Whether a schema is one: it is checked as a value against the metaschema of its draft, as Helm's library does it.

use serde_json::Value;

use crate::schema;

/// Draft, its name in messages, and its metaschema.
const METASCHEMAS: [(u16, &str, &str); 5] = [
    (4, "http://json-schema.org/draft-04/schema#", include_str!("metaschemas/draft-04.json")),
    (6, "http://json-schema.org/draft-06/schema#", include_str!("metaschemas/draft-06.json")),
    (7, "http://json-schema.org/draft-07/schema#", include_str!("metaschemas/draft-07.json")),
    (2019, "https://json-schema.org/draft/2019-09/schema#", include_str!("metaschemas/draft-2019-09.json")),
    (2020, "https://json-schema.org/draft/2020-12/schema#", include_str!("metaschemas/draft-2020-12.json")),
];

/// Checks a schema; the error has Helm's words about each place that does not fit.
pub(crate) fn check(schema: &Value, draft: u16) -> Result<(), String> {
    let Some((_, name, text)) = METASCHEMAS.iter().find(|(known, ..)| *known == draft) else { return Ok(()) };
    let metaschema: Value = serde_json::from_str(text).map_err(|error| format!("{name}: {error}\n"))?;
    // No metaschema asks for what was not looked at; it only says that a schema may.
    schema::check(&metaschema, schema, false).map_err(|places| {
        format!(
            "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with \
             '{name}'\n{places}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each metaschema is a schema of its own draft.
    #[test]
    fn metaschemas_fit_themselves() {
        for (draft, name, text) in METASCHEMAS {
            let metaschema: Value = serde_json::from_str(text).unwrap();
            assert_eq!(check(&metaschema, draft), Ok(()), "{name}");
        }
    }
}
