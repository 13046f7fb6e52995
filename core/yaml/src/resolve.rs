//! What a scalar means: yaml.v2's reading of YAML 1.1 (`resolve.go` of go.yaml.in/yaml v2.4).

use crate::timestamp::is_timestamp;

/// The meaning of one scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// `~`, `null` or nothing at all.
    Null,
    /// YAML 1.1's many words: `true`, `yes`, `on`, `y`, …
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// Any other number, `.inf` and `.nan`.
    Float(f64),
    /// A date or time; a string for everybody but the emitter, which quotes it.
    Timestamp(&'a str),
    /// Everything else.
    Str(&'a str),
}

/// The meaning of a plain (unquoted, untagged) scalar.
#[must_use]
pub fn resolve_plain(text: &str) -> Scalar<'_> {
    let Some(first) = text.as_bytes().first() else {
        return Scalar::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match special_float(text) {
            Some(value) => Scalar::Float(value),
            None => fraction(text).map_or(Scalar::Str(text), Scalar::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => {
            if let Some(value) = special_float(text) {
                Scalar::Float(value)
            } else if is_timestamp(text) {
                Scalar::Timestamp(text)
            } else {
                number(text)
            }
        }
        _ => Scalar::Str(text),
    }
}

fn word(text: &str) -> Scalar<'_> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Str(text),
    }
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A float that begins with its point. Go takes underscores between its digits.
fn fraction(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return finite(text);
    }
    let bytes = text.as_bytes();
    let lone = |window: &[u8]| {
        !matches!(window, [b'0'..=b'9', b'_', b'0'..=b'9'] | [_, b'.'..=b'9' | b'e' | b'E' | b'+', _])
    };
    if bytes.windows(3).any(lone) || bytes.last() == Some(&b'_') {
        return None;
    }
    finite(&text.replace('_', ""))
}

fn number(text: &str) -> Scalar<'_> {
    let stripped;
    let plain = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    if let Some(value) = go_int(plain) {
        return Scalar::Int(value);
    }
    if let Some(value) = go_uint(plain) {
        return Scalar::Uint(value);
    }
    if let Some(value) = finite(plain) {
        return Scalar::Float(value);
    }
    if let Some(value) = plain.strip_prefix("0b").and_then(|digits| i64::from_str_radix(digits, 2).ok()) {
        return Scalar::Int(value);
    }
    Scalar::Str(text)
}

/// `strconv.ParseInt(text, 0, 64)`, for a text without underscores.
fn go_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let magnitude = go_uint(digits)?;
    if negative {
        (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// `strconv.ParseUint(text, 0, 64)`, for a text without underscores.
fn go_uint(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let (radix, digits) = match bytes {
        [b'0', b'x' | b'X', _, ..] => (16, text.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, text.get(2..)?),
        [b'0', b'b' | b'B', _, ..] => (2, text.get(2..)?),
        [b'0', _, ..] => (8, text.get(1..)?),
        _ => (10, text),
    };
    // from_str_radix would take a sign.
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// yaml.v2's idea of a float: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, in the range of float64.
fn finite(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let mut i = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(i);
    i += whole;
    let mut fraction = 0;
    if bytes.get(i) == Some(&b'.') {
        fraction = digits(i + 1);
        i += 1 + fraction;
    }
    if whole == 0 && fraction == 0 {
        return None;
    }
    if matches!(bytes.get(i), Some(b'e' | b'E')) {
        i += 1 + usize::from(matches!(bytes.get(i + 1), Some(b'+' | b'-')));
        let exponent = digits(i);
        if exponent == 0 {
            return None;
        }
        i += exponent;
    }
    if i != bytes.len() {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Whether the text is a number in base 60 (`12:30:45`), which YAML 1.1 knew. Such strings are quoted on output.
pub(crate) fn is_base60(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = rest.split(':');
    let digit_or_underscore = |b: u8| b.is_ascii_digit() || b == b'_';
    let Some(head) = parts.next() else { return false };
    if !head.as_bytes().first().is_some_and(u8::is_ascii_digit) || !head.bytes().all(digit_or_underscore) {
        return false;
    }
    let tail: Vec<&str> = parts.collect();
    let sixtieth = |part: &str| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let Some((last, middle)) = tail.split_last() else { return false };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().all(|part| sixtieth(part)) && sixtieth(last) && fraction.bytes().all(digit_or_underscore)
}
