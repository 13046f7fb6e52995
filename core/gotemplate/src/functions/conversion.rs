//! Numbers from whatever a template has: spf13/cast 1.7 as Sprig v3.3.0 uses it. What is no number is zero.

use super::arguments::{any, fixed, text};
use crate::function::{Function, Parameter, Parameter::Any};
use crate::print::sprint;
use crate::value::Value;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    fixed("atoi", &[Parameter::Text], |_, a| Ok(Value::Int(decimal_int(text(a, 0))))),
    fixed("int", ANY, |_, a| Ok(Value::Int(to_int64(&any(a, 0))))),
    fixed("int64", ANY, |_, a| Ok(Value::Int64(to_int64(&any(a, 0))))),
    fixed("float64", ANY, |_, a| Ok(Value::Float(to_float(&any(a, 0))))),
    fixed("toDecimal", ANY, |_, a| Ok(Value::Int64(octal(&any(a, 0))))),
];

const ANY: &[Parameter] = &[Any];

/// `cast.ToInt64` and `cast.ToInt`.
pub(super) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Bool(value) => i64::from(*value),
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Byte(value) => i64::from(*value),
        Value::Rune(value) => i64::from(*value),
        Value::Float(value) => truncate(*value),
        Value::Text(text) => parse_int(without_zero_fraction(text), 0).unwrap_or_default(),
        Value::Object(object) => object.number().unwrap_or_default(),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
#[allow(clippy::cast_precision_loss, reason = "as Go converts")]
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Int(value) | Value::Int64(value) => *value as f64,
        Value::Byte(value) => f64::from(*value),
        Value::Rune(value) => f64::from(*value),
        Value::Float(value) => *value,
        Value::Text(text) => parse_float(text).unwrap_or_default(),
        _ => 0.0,
    }
}

/// Go's conversion on amd64: what does not fit is the smallest integer.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(super) fn truncate(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}

/// `8.00` counts as `8`. Points at the end are passed over, too: `8.0.` is `8`.
fn without_zero_fraction(text: &str) -> &str {
    let mut zero = false;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b'.' if zero => return text.get(..at).unwrap_or_default(),
            b'.' => {}
            b'0' => zero = true,
            _ => break,
        }
    }
    text
}

/// Why `strconv.ParseInt` refuses: no number, or one beyond this end of the range.
enum Refusal {
    Syntax,
    Range(i64),
}

/// `strconv.ParseInt(text, base, 64)`; base 0 goes by the prefix and allows underscores between digits.
fn parse_int(text: &str, base: u32) -> Option<i64> {
    read_int(text, base).ok()
}

/// `strconv.Atoi` with its error ignored: a number that is too large gives the largest one.
fn decimal_int(text: &str) -> i64 {
    match read_int(text, 10) {
        Ok(value) | Err(Refusal::Range(value)) => value,
        Err(Refusal::Syntax) => 0,
    }
}

fn read_int(text: &str, base: u32) -> Result<i64, Refusal> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) =
        if base == 0 { prefixed(digits).ok_or(Refusal::Syntax)? } else { (base, digits.into()) };
    if digits.is_empty() {
        return Err(Refusal::Syntax);
    }
    let mut value = Some(0_i128);
    for c in digits.chars() {
        let digit = i128::from(c.to_digit(base).ok_or(Refusal::Syntax)?);
        value = value.and_then(|value| value.checked_mul(i128::from(base))?.checked_add(digit));
    }
    let value = value.map(|value| if negative { -value } else { value });
    let fits = value.and_then(|value| i64::try_from(value).ok());
    fits.ok_or(Refusal::Range(if negative { i64::MIN } else { i64::MAX }))
}

/// The base by the prefix, and the digits without underscores.
fn prefixed(digits: &str) -> Option<(u32, String)> {
    let second = digits.as_bytes().get(1).map(u8::to_ascii_lowercase);
    let (base, after) = match (digits.as_bytes().first(), second) {
        (Some(b'0'), Some(b'x')) => (16, 2),
        (Some(b'0'), Some(b'b')) => (2, 2),
        (Some(b'0'), Some(b'o')) => (8, 2),
        (Some(b'0'), Some(_)) => (8, 1),
        _ => (10, 0),
    };
    let digits = digits.get(after..)?;
    // An underscore stands between two digits; the prefix counts as one.
    let mut digit_before = after > 0;
    for c in digits.chars() {
        if c == '_' && !digit_before {
            return None;
        }
        digit_before = c != '_';
    }
    (digit_before || digits.is_empty()).then(|| (base, digits.replace('_', "")))
}

/// `fmt.Sprint`, read as an octal number; what is none is zero.
fn octal(value: &Value) -> i64 {
    parse_int(&sprint(std::slice::from_ref(value)), 8).unwrap_or_default()
}

/// `strconv.ParseFloat(text, 64)`: names of the special values, underscores between digits, hexadecimal floats.
fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "nan" => return Some(f64::NAN),
        "inf" | "+inf" | "-inf" | "infinity" | "+infinity" | "-infinity" => {
            return Some(sign * f64::INFINITY);
        }
        _ => {}
    }
    if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        return hexadecimal(unsigned.get(2..)?).map(|value| sign * value);
    }
    if !unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-' | '_')) {
        return None;
    }
    let clean = without_underscores(unsigned, false)?;
    // Beyond the range is an error in Go, and so no number.
    clean.parse().ok().filter(|value: &f64| value.is_finite()).map(|value: f64| sign * value)
}

/// Underscores must stand between digits (the prefix `0x` counts as one).
fn without_underscores(text: &str, hexadecimal: bool) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit() || (hexadecimal && c.is_ascii_hexdigit());
    let mut before = hexadecimal;
    let mut pending = false;
    for c in text.chars() {
        if (c == '_' && !before) || (pending && !is_digit(c)) {
            return None;
        }
        pending = c == '_';
        before = is_digit(c);
    }
    (!pending).then(|| text.replace('_', ""))
}

/// What follows `0x`: digits with a point, and the binary exponent that must be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let text = without_underscores(text, true)?.to_ascii_lowercase();
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if exponent_digits.is_empty() || !exponent_digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits = 0_u64;
    for c in whole.chars().chain(fraction.chars()) {
        bits = bits.checked_mul(16)?.checked_add(u64::from(c.to_digit(16)?))?;
    }
    exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    scale(bits, exponent)
}

/// `bits · 2^exponent` where a float holds it in its normal range.
#[allow(clippy::cast_precision_loss, reason = "rounds to nearest, as Go does")]
fn scale(bits: u64, exponent: i32) -> Option<f64> {
    let mut value = bits as f64;
    for _ in 0..exponent.unsigned_abs().min(2_200) {
        value *= if exponent < 0 { 0.5 } else { 2.0 };
    }
    value.is_finite().then_some(value)
}
