//! The durations that Helm 4.3 adds to Sprig.

use super::duration::{self, SECOND};
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::functions::arguments::{any, quoted};
use crate::value::Value;

const ANY: &[Parameter] = &[Parameter::Any];
const TWO: &[Parameter] = &[Parameter::Any, Parameter::Any];

/// The functions that only Helm 4 knows.
pub(in crate::functions) const FUNCTIONS: &[Function] = &[
    Function { name: "mustToDuration", parameters: ANY, variadic: None, call: must_to_duration },
    Function { name: "durationNanoseconds", parameters: ANY, variadic: None, call: nanoseconds },
    Function { name: "durationMicroseconds", parameters: ANY, variadic: None, call: microseconds },
    Function { name: "durationMilliseconds", parameters: ANY, variadic: None, call: milliseconds },
    Function { name: "durationSeconds", parameters: ANY, variadic: None, call: seconds },
    Function { name: "durationMinutes", parameters: ANY, variadic: None, call: minutes },
    Function { name: "durationHours", parameters: ANY, variadic: None, call: hours },
    Function { name: "durationDays", parameters: ANY, variadic: None, call: days },
    Function { name: "durationWeeks", parameters: ANY, variadic: None, call: weeks },
    Function { name: "durationRoundTo", parameters: TWO, variadic: None, call: round_to },
    Function { name: "durationTruncateTo", parameters: TWO, variadic: None, call: truncate_to },
];

/// A duration from a text (`1h30m`, or a number of seconds), a number of seconds or a duration.
fn parse(value: &Value) -> Result<i64, String> {
    let whole = |seconds: i64| {
        let overflow = format!("duration seconds overflow: {seconds}");
        seconds.checked_mul(SECOND).ok_or(overflow)
    };
    match value {
        Value::Duration(span) => Ok(*span),
        Value::Nil => Err("invalid duration".to_owned()),
        Value::Int(seconds) | Value::Int64(seconds) => whole(*seconds),
        Value::Byte(seconds) => whole(i64::from(*seconds)),
        Value::Rune(seconds) => whole(i64::from(*seconds)),
        Value::Float(seconds) => fractional(*seconds),
        Value::Text(text) => {
            let trimmed = text.trim();
            if trimmed.is_empty() {
                return Err("empty duration".to_owned());
            }
            if let Ok(span) = duration::parse(trimmed) {
                return Ok(span);
            }
            match trimmed.parse::<f64>() {
                Ok(seconds) => fractional(seconds),
                Err(_) => Err(format!("could not parse duration {}", quoted(text))),
            }
        }
        other => Err(format!("unsupported duration type {}", other.type_name())),
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as Go calculates")]
fn fractional(seconds: f64) -> Result<i64, String> {
    let shown = backstay_yaml::number::float_text(seconds);
    if !seconds.is_finite() {
        return Err(format!("invalid duration seconds: {shown}"));
    }
    let second = SECOND as f64;
    if seconds > i64::MAX as f64 / second || seconds < i64::MIN as f64 / second {
        return Err(format!("duration seconds overflow: {shown}"));
    }
    Ok((seconds * second) as i64)
}

fn of(arguments: &[Value]) -> i64 {
    parse(&any(arguments, 0)).unwrap_or_default()
}

/// As Go divides: whole units first, so that nothing is lost that need not be.
#[allow(clippy::cast_precision_loss, reason = "as Go calculates")]
fn in_units(span: i64, unit: i64) -> f64 {
    (span / unit) as f64 + (span % unit) as f64 / unit as f64
}

fn must_to_duration(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    parse(&any(arguments, 0)).map(Value::Duration).map_err(FunctionError::new)
}

fn nanoseconds(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::Int64(of(arguments)))
}

fn microseconds(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::Int64(of(arguments) / 1_000))
}

fn milliseconds(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::Int64(of(arguments) / 1_000_000))
}

fn seconds(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(in_units(of(arguments), SECOND).into())
}

fn minutes(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(in_units(of(arguments), 60 * SECOND).into())
}

fn hours(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(in_units(of(arguments), 3_600 * SECOND).into())
}

fn days(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok((in_units(of(arguments), 3_600 * SECOND) / 24.0).into())
}

fn weeks(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok((in_units(of(arguments), 3_600 * SECOND) / 24.0 / 7.0).into())
}

fn by(arguments: &[Value], change: fn(i64, i64) -> i64) -> Value {
    let span = of(arguments);
    let changed = parse(&any(arguments, 1)).map(|multiple| change(span, multiple));
    Value::Duration(changed.unwrap_or(span))
}

fn round_to(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(by(arguments, duration::round))
}

fn truncate_to(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(by(arguments, duration::truncate))
}
