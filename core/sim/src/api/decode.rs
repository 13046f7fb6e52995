//! Reading a body as an object of its kind: unknown fields, wrong types, nulls and the canonical form of quantities.

use backstay_object::Quantity;
use serde_json::{Map, Value};

use super::kinds::Served;
use super::schema::{Place, Type};
use super::validate::FieldError;
use crate::store::ApiError;

/// What `fieldValidation` says about unknown fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    Ignore,
    Warn,
    Strict,
}

impl Strictness {
    pub(super) fn of(text: Option<&str>) -> Self {
        match text {
            Some("Strict") => Self::Strict,
            Some("Ignore") => Self::Ignore,
            _ => Self::Warn,
        }
    }
}

/// What reading found out, beside the object itself.
#[derive(Default)]
struct Findings {
    unknown: Vec<String>,
    wrong: Option<String>,
    /// The same for custom resources, which report it as a validation error.
    wrong_fields: Vec<FieldError>,
    custom: bool,
}

/// The object with unknown fields, nulls and empty collections gone; and warnings.
pub(super) fn decode(
    kind: &Served,
    body: &Value,
    strictness: Strictness,
) -> Result<(Value, Vec<String>, Vec<FieldError>), ApiError> {
    let mut findings = Findings { custom: kind.is_custom(), ..Findings::default() };
    let object = read(kind.place(), body, &mut String::new(), &mut findings).unwrap_or(Value::Null);
    if let Some(wrong) = findings.wrong {
        return Err(unusable(kind, &wrong));
    }
    let mut warnings = Vec::new();
    if !findings.unknown.is_empty() {
        let texts: Vec<String> =
            findings.unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        match strictness {
            Strictness::Strict => {
                let text = format!("strict decoding error: {}", texts.join(", "));
                return Err(if kind.is_custom() {
                    ApiError::bad_request(text)
                } else {
                    unusable(kind, &text)
                });
            }
            Strictness::Warn => warnings = texts,
            Strictness::Ignore => {}
        }
    }
    Ok((object, warnings, findings.wrong_fields))
}

fn unusable(kind: &Served, why: &str) -> ApiError {
    ApiError::bad_request(format!(
        "{name} in version \"{version}\" cannot be handled as a {name}: {why}",
        name = kind.kind,
        version = kind.version
    ))
}

/// `None` for what Go would not write back: nulls and empty lists and maps.
fn read(place: Place<'_>, value: &Value, path: &mut String, findings: &mut Findings) -> Option<Value> {
    match (place.ty(), value) {
        (_, Value::Null) => None,
        (Type::Any, _) => Some(value.clone()),
        (Type::Struct(_), Value::Object(map)) => Some(read_struct(place, map, path, findings)),
        (Type::Map(_), Value::Object(map)) => {
            let mut result = Map::new();
            for (key, item) in map {
                let length = path.len();
                push(path, key);
                // Go keeps a map entry whose value is null as the zero value of the element.
                let read_item =
                    read(place.entry(key), item, path, findings).or_else(|| zero(place.entry(key)));
                path.truncate(length);
                if let Some(item) = read_item {
                    result.insert(key.clone(), item);
                }
            }
            (!result.is_empty() || findings.custom).then_some(Value::Object(result))
        }
        (Type::List(_), Value::Array(items)) => {
            let mut result = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                let read_item = read(place.item(), item, path, findings).or_else(|| zero(place.item()));
                path.truncate(length);
                result.extend(read_item);
            }
            (!result.is_empty() || findings.custom).then_some(Value::Array(result))
        }
        _ => read_scalar(place, value, path, findings),
    }
}

fn read_struct(
    place: Place<'_>,
    map: &Map<String, Value>,
    path: &mut String,
    findings: &mut Findings,
) -> Value {
    let Some(known) = place.known() else { return Value::Object(map.clone()) };
    let mut result = Map::new();
    for (key, item) in map {
        let length = path.len();
        push(path, key);
        if known.fields.contains_key(key) {
            let wrong_before = findings.wrong.is_some();
            if let Some(item) = read(place.entry(key), item, path, findings) {
                result.insert(key.clone(), item);
            }
            if !wrong_before && let Some(wrong) = findings.wrong.as_mut() {
                // The innermost struct names the Go struct; outer ones leave it.
                if let Some(rest) = wrong.strip_prefix("struct field ") {
                    let go_name = known.name.rsplit('.').next().unwrap_or("");
                    if let Some((before, after)) = rest.split_once('\u{0}') {
                        *wrong = format!("{before}{go_name}.{after}");
                    }
                }
            }
        } else if known.open {
            result.insert(key.clone(), item.clone());
        } else {
            findings.unknown.push(path.clone());
        }
        path.truncate(length);
    }
    Value::Object(result)
}

fn push(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

fn zero(place: Place<'_>) -> Option<Value> {
    Some(match place.ty() {
        Type::Text | Type::Bytes => Value::String(String::new()),
        Type::Struct(_) | Type::Map(_) => Value::Object(Map::new()),
        Type::Int32 | Type::Int64 | Type::Float => Value::from(0),
        Type::Bool => Value::Bool(false),
        Type::Quantity => Value::String("0".to_owned()),
        _ => return None,
    })
}

fn read_scalar(place: Place<'_>, value: &Value, path: &str, findings: &mut Findings) -> Option<Value> {
    let fits = match (place.ty(), value) {
        (Type::Text | Type::Bytes | Type::Time, Value::String(_)) | (Type::Bool, Value::Bool(_)) => true,
        (Type::IntOrText, Value::String(_)) => true,
        (Type::Int32 | Type::IntOrText, Value::Number(number)) => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) || whole(number.as_f64())
        }
        (Type::Int64, Value::Number(number)) => number.as_i64().is_some() || whole(number.as_f64()),
        (Type::Float, Value::Number(_)) => true,
        (Type::Quantity, Value::String(_) | Value::Number(_)) => match canonical_quantity(value) {
            Some(text) => return Some(Value::String(text)),
            None => {
                findings.wrong.get_or_insert_with(|| {
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned()
                });
                return None;
            }
        },
        _ => false,
    };
    if fits {
        return Some(as_whole(place.ty(), value));
    }
    if findings.custom {
        findings.wrong_fields.push(FieldError::custom_type(path, place.ty(), value));
        return None;
    }
    let plain: String = without_indexes(path);
    findings.wrong.get_or_insert_with(|| {
        format!(
            "struct field json: cannot unmarshal {} into Go struct field \u{0}{plain} of type {}",
            json_kind(value),
            go_type(place)
        )
    });
    None
}

fn whole(number: Option<f64>) -> bool {
    number.is_some_and(|number| number % 1.0 == 0.0 && number.abs() < 2_147_483_648.0)
}

/// `3.0` is read into an integer field as `3`.
fn as_whole(ty: &Type, value: &Value) -> Value {
    match (ty, value) {
        (Type::Int32 | Type::Int64 | Type::IntOrText, Value::Number(number)) if number.as_i64().is_none() =>
        {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "`whole` accepted only whole numbers of 32 bits"
            )]
            number.as_f64().map_or_else(|| value.clone(), |number| Value::from(number as i64))
        }
        _ => value.clone(),
    }
}

fn without_indexes(path: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => plain.push(letter),
            _ => {}
        }
    }
    plain
}

fn json_kind(value: &Value) -> String {
    match value {
        Value::String(_) => "string".to_owned(),
        Value::Number(number) if number.as_i64().is_none() => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

fn go_type(place: Place<'_>) -> String {
    match place.ty() {
        Type::Text => "string".to_owned(),
        Type::Int32 => "int32".to_owned(),
        Type::Int64 => "int64".to_owned(),
        Type::Float => "float64".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Bytes => "[]uint8".to_owned(),
        Type::Time => "string".to_owned(),
        Type::Quantity => "resource.Quantity".to_owned(),
        Type::IntOrText => "intstr.IntOrString".to_owned(),
        Type::Any => "interface {}".to_owned(),
        Type::List(_) => format!("[]{}", go_type(place.item())),
        Type::Map(_) => format!("map[string]{}", go_type(place.entry(""))),
        Type::Struct(_) => {
            let full = place.known().map_or("", |known| known.name.as_str());
            let short: Vec<&str> = full.rsplitn(3, '.').take(2).collect();
            short.into_iter().rev().collect::<Vec<_>>().join(".")
        }
    }
}

/// A quantity as Kubernetes writes it back: the largest unit that leaves a whole number, of the family it was given in.
pub(super) fn canonical_quantity(value: &Value) -> Option<String> {
    let amount = Quantity::of(value)?.0;
    let binary = value.as_str().is_some_and(|text| text.ends_with('i'));
    if amount == 0 {
        return Some("0".to_owned());
    }
    if amount % 1000 != 0 {
        return Some(format!("{amount}m"));
    }
    let mut number = amount / 1000;
    let (base, units): (i128, [&str; 7]) = if binary {
        (1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
    } else {
        (1000, ["", "k", "M", "G", "T", "P", "E"])
    };
    let mut unit = 0;
    while number % base == 0 && unit + 1 < units.len() {
        number /= base;
        unit += 1;
    }
    Some(format!("{number}{}", units.get(unit).copied().unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_take_their_canonical_form() {
        for (given, written) in [
            (json!("0.5"), "500m"),
            (json!("1000m"), "1"),
            (json!(2), "2"),
            (json!("1024Mi"), "1Gi"),
            (json!("1500Mi"), "1500Mi"),
            (json!("1000"), "1k"),
            (json!("0"), "0"),
            (json!("0.5Gi"), "512Mi"),
        ] {
            assert_eq!(canonical_quantity(&given).as_deref(), Some(written), "{given}");
        }
        assert_eq!(canonical_quantity(&json!("a lot")), None);
    }
}
