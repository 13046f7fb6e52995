//! The call `unpack`: the files of a chart's archive, for who shows or edits them.

use backstay_chart::unpack;
use backstay_object::FromJson;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CallError, Refusal, input};

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Input {
    /// A `.tgz` in base64.
    archive: String,
}

/// The files in the archive's order: text where it is UTF-8, else base64. Takes what `render` takes as `files`.
pub(super) fn call(given: Value) -> Result<Value, CallError> {
    let given: Input = input(given)?;
    let bytes = STANDARD
        .decode(&given.archive)
        .map_err(|error| CallError::BadRequest(format!("input: archive: {error}")))?;
    let files = unpack(&bytes).map_err(|error| Refusal::new("chart", error.to_string()))?;
    let file = |file: &backstay_chart::ChartFile| match std::str::from_utf8(&file.data) {
        Ok(text) => json!({"path": file.name, "text": text}),
        Err(_) => json!({"path": file.name, "base64": STANDARD.encode(&file.data)}),
    };
    Ok(json!({"files": files.iter().map(file).collect::<Vec<_>>()}))
}
