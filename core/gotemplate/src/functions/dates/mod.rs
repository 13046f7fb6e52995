//! Dates and durations (Sprig v3.3.0 `date.go`, Helm v4.3 `pkg/engine/funcs.go`).
//!
//! The local zone is UTC, whatever the machine says: a rendering must not depend on where it is made.

mod duration;
mod layout;
mod parse;
mod spans;
mod time;
#[cfg(feature = "full")]
mod zones;

pub(crate) use self::duration::methods as duration_methods;
use self::time::{Time, Zone};
use super::arguments::{any, text};
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::Value;

pub(super) use spans::FUNCTIONS as SPANS;

const TIME: Parameter = Parameter::Named("time.Time");
const ANY: &[Parameter] = &[Parameter::Any];
const TWO_TEXTS: &[Parameter] = &[Parameter::Text, Parameter::Text];
const FORMAT: &[Parameter] = &[Parameter::Text, Parameter::Any];
const IN_ZONE: &[Parameter] = &[Parameter::Text, Parameter::Any, Parameter::Text];
const MODIFY: &[Parameter] = &[Parameter::Text, TIME];

/// Whether a text is a day as `2006-01-02` (Go 1.26 `time.Parse`).
///
/// # Errors
/// With Go's words, when it is none.
pub fn check_date(text: &str) -> Result<(), String> {
    parse::parse("2006-01-02", text).map(|_| ())
}

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "now", parameters: &[], variadic: None, call: now },
    Function { name: "date", parameters: FORMAT, variadic: None, call: date },
    Function { name: "dateInZone", parameters: IN_ZONE, variadic: None, call: date_in_zone },
    Function { name: "date_in_zone", parameters: IN_ZONE, variadic: None, call: date_in_zone },
    Function { name: "htmlDate", parameters: ANY, variadic: None, call: html_date },
    Function {
        name: "htmlDateInZone",
        parameters: &[Parameter::Any, Parameter::Text],
        variadic: None,
        call: html_date_in_zone,
    },
    Function { name: "dateModify", parameters: MODIFY, variadic: None, call: modify },
    Function { name: "date_modify", parameters: MODIFY, variadic: None, call: modify },
    Function { name: "mustDateModify", parameters: MODIFY, variadic: None, call: must_modify },
    Function { name: "must_date_modify", parameters: MODIFY, variadic: None, call: must_modify },
    Function { name: "toDate", parameters: TWO_TEXTS, variadic: None, call: to_date },
    Function { name: "mustToDate", parameters: TWO_TEXTS, variadic: None, call: must_to_date },
    Function { name: "unixEpoch", parameters: &[TIME], variadic: None, call: unix_epoch },
    Function { name: "ago", parameters: ANY, variadic: None, call: ago },
    Function { name: "duration", parameters: ANY, variadic: None, call: duration_of_seconds },
    Function { name: "durationRound", parameters: ANY, variadic: None, call: duration_round },
];

fn present(runtime: &dyn Runtime) -> Time {
    Time::from_ns(runtime.environment().now_ns)
}

fn now(runtime: &mut dyn Runtime, _: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::object(present(runtime)))
}

/// The time that a value stands for: seconds since 1970, or the present for everything unknown.
fn moment(runtime: &dyn Runtime, value: &Value) -> Time {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Time::at(*seconds, 0, Zone::utc()),
        Value::Rune(seconds) => Time::at(i64::from(*seconds), 0, Zone::utc()),
        other => Time::of(other).unwrap_or_else(|| present(runtime)),
    }
}

fn shown(time: &Time, format: &str, zone: &str) -> Value {
    layout::format(&time.in_zone(zone_of(zone, time)), format).into()
}

/// The zone's offset and abbreviation at this time, from the time zone database that is built in; `Local` is UTC, and Sprig takes
/// UTC for a zone it does not know, too.
fn zone_of(name: &str, at: &Time) -> Zone {
    if matches!(name, "" | "UTC" | "Local") {
        return Zone::utc();
    }
    zone_in_database(name, at)
}

#[cfg(not(feature = "full"))]
fn zone_in_database(_: &str, _: &Time) -> Zone {
    crate::elsewhere::note();
    Zone::utc()
}

#[cfg(feature = "full")]
fn zone_in_database(name: &str, at: &Time) -> Zone {
    // Go finds zones as files, where capitals count.
    zones::at(name, at.seconds).map_or_else(Zone::utc, |(offset, name)| Zone { offset, name: name.into() })
}

fn date(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let time = moment(runtime, &any(arguments, 1));
    Ok(shown(&time, text(arguments, 0), "Local"))
}

fn date_in_zone(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let time = moment(runtime, &any(arguments, 1));
    Ok(shown(&time, text(arguments, 0), text(arguments, 2)))
}

fn html_date(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let time = moment(runtime, &any(arguments, 0));
    Ok(shown(&time, "2006-01-02", "Local"))
}

fn html_date_in_zone(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let time = moment(runtime, &any(arguments, 0));
    Ok(shown(&time, "2006-01-02", text(arguments, 1)))
}

fn time_at(arguments: &[Value], index: usize) -> Time {
    arguments.get(index).and_then(Time::of).unwrap_or_else(Time::zero)
}

fn modify(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let by = duration::parse(text(arguments, 0)).unwrap_or_default();
    Ok(Value::object(time_at(arguments, 1).add(by)))
}

fn must_modify(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let by = duration::parse(text(arguments, 0)).map_err(FunctionError::new)?;
    Ok(Value::object(time_at(arguments, 1).add(by)))
}

fn to_date(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let time = parse::parse(text(arguments, 0), text(arguments, 1));
    Ok(Value::object(time.unwrap_or_else(|_| Time::zero())))
}

fn must_to_date(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let time = parse::parse(text(arguments, 0), text(arguments, 1));
    time.map(Value::object).map_err(FunctionError::new)
}

fn unix_epoch(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(time_at(arguments, 0).seconds.to_string().into())
}

fn ago(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let then = match any(arguments, 0) {
        // Unlike `date`, Sprig's `ago` does not know `int32`.
        Value::Rune(_) => present(runtime),
        other => moment(runtime, &other),
    };
    Ok(time::ago(&present(runtime), &then).into())
}

/// Only texts and `int64` count; the `int` of a constant is 0 to Sprig.
fn duration_of_seconds(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let seconds = match any(arguments, 0) {
        Value::Int64(seconds) => seconds,
        Value::Text(text) => {
            let limit = if text.starts_with('-') { i64::MIN } else { i64::MAX };
            text.parse().unwrap_or_else(|error: std::num::ParseIntError| match error.kind() {
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => limit,
                _ => 0,
            })
        }
        _ => 0,
    };
    Ok(duration::text(seconds.wrapping_mul(duration::SECOND)).into())
}

fn duration_round(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let span = match any(arguments, 0) {
        Value::Text(text) => duration::parse(&text).unwrap_or_default(),
        Value::Int64(span) => span,
        other => Time::of(&other).map_or(0, |then| present(runtime).since(&then)),
    };
    let hour = 3_600 * duration::SECOND.unsigned_abs();
    let units = [
        (hour * 24 * 365, "y"),
        (hour * 24 * 30, "mo"),
        (hour * 24, "d"),
        (hour, "h"),
        (hour / 60, "m"),
        (hour / 3_600, "s"),
    ];
    let size = span.unsigned_abs();
    let unit = units.iter().find(|(unit, _)| size > *unit);
    Ok(unit.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", size / unit)).into())
}

/// A date, a time or both, as TOML has them; what is left out is zero.
pub(super) fn from_toml(text: &str) -> Value {
    let form = match (text.contains('-'), text.contains(':')) {
        (true, false) => "2006-01-02",
        (false, _) => "15:04:05",
        _ if text.len() > 19 && text.ends_with(['Z', 'z']) || text.rfind(['+', '-']) > Some(10) => {
            "2006-01-02T15:04:05Z07:00"
        }
        _ => "2006-01-02T15:04:05",
    };
    let text = text.replace(' ', "T");
    parse::parse(form, &text).map_or_else(|_| Value::text(&text), Value::object)
}

/// A time as TOML writes it, if the value is one.
pub(super) fn to_toml(value: &Value) -> Option<String> {
    Time::of(value).map(|time| layout::format(&time, "2006-01-02T15:04:05.999999999Z07:00"))
}

/// A `time.Duration` as Go prints it.
pub(super) fn duration_text(span: i64) -> String {
    duration::text(span)
}

/// Nanoseconds since 1970 as `20060102150405` in UTC, for certificates.
pub(super) fn utc_digits(ns: i128) -> String {
    layout::format(&Time::from_ns(ns), "20060102150405")
}

#[cfg(test)]
mod tests;
