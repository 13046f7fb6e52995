//! Go's `time.Duration`: nanoseconds in an `int64`.

use std::any::Any;

use crate::function::Parameter;
use crate::functions::arguments::int;
use crate::value::{Object, Value};

pub(super) const SECOND: i64 = 1_000_000_000;
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A text as the errors of Go's `time` show it: every byte that is not plain ASCII as `\xNN`.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// Go's `time.ParseDuration`, with its words for an error.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole: Option<u64> = if whole.is_empty() { Some(0) } else { whole.parse().ok() };
        let whole = whole.filter(|whole| *whole <= 1 << 63).ok_or_else(invalid)?;
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text)));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quoted(unit), quoted(text)));
        };
        let part = whole.checked_mul(*scale).and_then(|part| part.checked_add(share(fraction, *scale)));
        let sum = part.and_then(|part| total.checked_add(part));
        total = sum.filter(|sum| *sum <= 1 << 63).ok_or_else(invalid)?;
        rest = after;
    }
    match (negative, i64::try_from(total)) {
        (true, Ok(total)) => Ok(-total),
        (true, Err(_)) => Ok(i64::MIN),
        (false, Ok(total)) => Ok(total),
        (false, Err(_)) => Err(invalid()),
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The part of a unit that the digits after the point are; more digits than an `int64` holds are passed over.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as Go calculates"
)]
fn share(digits: &str, scale: u64) -> u64 {
    let (mut value, mut divisor) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        if value > (i64::MAX as u64) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > 1 << 63 {
            break;
        }
        value = next;
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u64
}

/// Go's `Duration.String`: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn text(duration: i64) -> String {
    let sign = if duration < 0 { "-" } else { "" };
    let total = duration.unsigned_abs();
    let scaled = |scale: u64, unit: &str| {
        let (whole, rest) = (total / scale, total % scale);
        let width = scale.ilog10() as usize;
        let fraction = format!("{rest:0width$}");
        let fraction = fraction.trim_end_matches('0');
        let point = if rest == 0 { "" } else { "." };
        let fraction = if rest == 0 { "" } else { fraction };
        format!("{sign}{whole}{point}{fraction}{unit}")
    };
    match total {
        0 => "0s".to_owned(),
        1..1_000 => scaled(1, "ns"),
        1_000..1_000_000 => scaled(1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "ms"),
        _ => {
            let minutes = total / 60_000_000_000;
            let nanoseconds = total % 60_000_000_000;
            let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
            let mut shown = format!("{seconds}");
            if rest > 0 {
                shown.push('.');
                shown.push_str(format!("{rest:09}").trim_end_matches('0'));
            }
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{shown}s"),
                (0, minutes) => format!("{sign}{minutes}m{shown}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{shown}s"),
            }
        }
    }
}

/// Go's `Duration.Truncate`.
pub(super) fn truncate(duration: i64, multiple: i64) -> i64 {
    if multiple <= 0 { duration } else { duration - duration % multiple }
}

/// Go's `Duration.Round`: halves away from zero, as far as there is room.
pub(super) fn round(duration: i64, multiple: i64) -> i64 {
    if multiple <= 0 {
        return duration;
    }
    let (wide, multiple) = (i128::from(duration), i128::from(multiple));
    let rest = wide.abs() % multiple;
    let down = wide.abs() - rest;
    let rounded = if rest * 2 < multiple { down } else { down + multiple };
    let signed = if wide < 0 { -rounded } else { rounded };
    i64::try_from(signed).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

/// A `time.Duration` where a method of it is called.
struct Methods(i64);

/// The methods of a `time.Duration` (Go 1.26 `time/time.go`).
pub(crate) fn methods(duration: i64) -> Value {
    Value::object(Methods(duration))
}

#[allow(clippy::cast_precision_loss, reason = "as Go calculates")]
fn in_units(duration: i64, unit: i64) -> Value {
    Value::Float((duration / unit) as f64 + (duration % unit) as f64 / unit as f64)
}

impl Object for Methods {
    fn type_name(&self) -> &str {
        "time.Duration"
    }

    fn kind(&self) -> &'static str {
        "int64"
    }

    fn parameters(&self, name: &str) -> Option<&'static [Parameter]> {
        match name {
            "Round" | "Truncate" => Some(&[Parameter::Named("time.Duration")]),
            "Abs" | "Hours" | "Microseconds" | "Milliseconds" | "Minutes" | "Nanoseconds" | "Seconds"
            | "String" => Some(&[]),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let duration = self.0;
        Some(Ok(match name {
            "Abs" => Value::Duration(duration.saturating_abs()),
            "Hours" => in_units(duration, 3_600 * SECOND),
            "Microseconds" => Value::Int64(duration / 1_000),
            "Milliseconds" => Value::Int64(duration / 1_000_000),
            "Minutes" => in_units(duration, 60 * SECOND),
            "Nanoseconds" => Value::Int64(duration),
            "Round" => Value::Duration(round(duration, int(arguments, 0))),
            "Seconds" => in_units(duration, SECOND),
            "String" => text(duration).into(),
            "Truncate" => Value::Duration(truncate(duration, int(arguments, 0))),
            _ => return None,
        }))
    }

    fn print(&self) -> String {
        text(self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
