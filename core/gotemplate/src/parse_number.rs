//! Constants: numbers, characters and texts as Go's `strconv` reads them.

use std::borrow::Cow;

use crate::print_quote::quote;
use crate::tree::Number;

/// The value of a quoted or raw text with its quotes (`strconv.Unquote`).
pub(crate) fn unquote(text: &str) -> Option<Cow<'_, str>> {
    if let Some(raw) = text.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return Some(if raw.contains('\r') { raw.replace('\r', "").into() } else { raw.into() });
    }
    let mut rest = text.strip_prefix('"')?.strip_suffix('"')?;
    if !rest.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        return Some(rest.into());
    }
    let mut bytes = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (piece, after) = unquote_char(rest, '"')?;
        match piece {
            Piece::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Byte(byte) => bytes.push(byte),
        }
        rest = after;
    }
    Some(crate::raw::text_of_bytes(&bytes).into())
}

enum Piece {
    Char(char),
    Byte(u8),
}

/// One character or escape, and the rest.
fn unquote_char(text: &str, quote: char) -> Option<(Piece, &str)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    if c == quote || c == '\n' {
        return None;
    }
    if c != '\\' {
        return Some((Piece::Char(c), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let simple = |c: char| Some((Piece::Char(c), rest));
    let coded = |digits: &str, radix: u32| {
        let signs = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, radix).ok().filter(|_| signs)
    };
    match escape {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == quote => simple(escape),
        'x' => {
            let value = coded(rest.get(..2)?, 16)?;
            Some((Piece::Byte(u8::try_from(value).ok()?), &rest[2..]))
        }
        'u' => Some((Piece::Char(char::from_u32(coded(rest.get(..4)?, 16)?)?), &rest[4..])),
        'U' => Some((Piece::Char(char::from_u32(coded(rest.get(..8)?, 16)?)?), &rest[8..])),
        '0'..='7' => {
            let value = coded(text.get(1..4)?, 8)?;
            Some((Piece::Byte(u8::try_from(value).ok()?), &text[4..]))
        }
        _ => None,
    }
}

/// A character constant with its quotes.
pub(crate) fn character(text: &str) -> Result<Number, String> {
    let inner = text.strip_prefix('\'').unwrap_or(text);
    let (piece, rest) = unquote_char(inner, '\'').ok_or("invalid syntax")?;
    if rest != "'" {
        return Err(format!("malformed character constant: {text}"));
    }
    let code = match piece {
        Piece::Char(c) => u32::from(c),
        Piece::Byte(byte) => u32::from(byte),
    };
    Ok(Number {
        text: text.to_owned(),
        int: Some(i64::from(code)),
        uint: Some(u64::from(code)),
        float: Some(f64::from(code)),
        complex: None,
    })
}

/// Whether underscores stand only between digits or behind the base.
fn underscores_fit(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let mut last = b'^';
    let mut rest = text;
    let mut hexadecimal = false;
    if let [b'0', base, after @ ..] = text {
        let base = base.to_ascii_lowercase();
        if matches!(base, b'b' | b'o' | b'x') {
            (last, rest, hexadecimal) = (b'0', after, base == b'x');
        }
    }
    for byte in rest {
        if byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit()) {
            last = b'0';
        } else if *byte == b'_' {
            if last != b'0' {
                return false;
            }
            last = b'_';
        } else {
            if last == b'_' {
                return false;
            }
            last = b'!';
        }
    }
    last != b'_'
}

/// `strconv.ParseUint(text, 0, 64)`.
fn unsigned(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) || (digits.contains('_') && !underscores_fit(text)) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// `strconv.ParseInt(text, 0, 64)`.
fn signed(text: &str) -> Option<i64> {
    if let Some(rest) = text.strip_prefix('-') {
        return 0i64.checked_sub_unsigned(unsigned(rest)?);
    }
    i64::try_from(unsigned(text.strip_prefix('+').unwrap_or(text))?).ok()
}

/// `strconv.ParseFloat(text, 64)` of texts that start with a sign, a digit or a point.
fn floating(text: &str) -> Option<f64> {
    if text.contains('_') && !underscores_fit(text) {
        return None;
    }
    let plain = text.replace('_', "").to_ascii_lowercase();
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let value = match digits.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits)?,
        None if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => digits.parse::<f64>().ok()?,
        None => return None,
    };
    value.is_finite().then_some(sign * value)
}

/// The number behind `0x`, which needs an exponent of two.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(shift)?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return mantissa.contains('0').then_some(0.0);
    }
    let mut value = 0.0;
    for digit in digits.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    // In two steps, so that numbers close to the ends of the range are reached.
    let half = exponent / 2;
    Some(value * 2f64.powi(half) * 2f64.powi(exponent - half))
}

/// `a+bi`.
fn complex(text: &str) -> Option<(f64, f64)> {
    let inner = text.strip_suffix('i')?;
    let split = inner
        .char_indices()
        .skip(1)
        .filter(|(index, c)| matches!(c, '+' | '-') && !inner[..*index].ends_with(['e', 'E', 'p', 'P']));
    match split.last() {
        Some((index, _)) => Some((floating(&inner[..index])?, floating(&inner[index..])?)),
        None => Some((0.0, floating(inner)?)),
    }
}

/// What almost all numbers are: a few decimal digits.
fn plain_digits(text: &str) -> Option<u64> {
    let plain = text.len() < 16 && (text == "0" || !text.starts_with('0'));
    if !plain || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

/// A number as it is written, and everything it can be.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "these are Go's conversions"
)]
pub(crate) fn number(text: &str) -> Result<Number, String> {
    let mut number = Number { text: text.to_owned(), ..Number::default() };
    if let Some(digits) = plain_digits(text) {
        let value = i64::try_from(digits).ok();
        (number.int, number.uint, number.float) = (value, Some(digits), Some(digits as f64));
        return Ok(number);
    }
    if let Some((real, imaginary)) = complex(text) {
        number.complex = Some((real, imaginary));
        if imaginary == 0.0 {
            number.float = Some(real);
            number.int = Some(real as i64).filter(|int| *int as f64 == real);
            number.uint = Some(real as u64).filter(|uint| *uint as f64 == real);
        }
        return Ok(number);
    }
    number.uint = unsigned(text);
    number.int = signed(text);
    if number.int == Some(0) {
        number.uint = Some(0);
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = floating(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(text, false)));
        }
        number.float = Some(float);
        number.int = Some(float as i64).filter(|int| *int as f64 == float && float < 9.2e18);
        number.uint = Some(float as u64).filter(|uint| *uint as f64 == float && float < 1.8e19);
    } else {
        return Err(format!("illegal number syntax: {}", quote(text, false)));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::{Number, character, number};

    fn read(text: &str) -> Number {
        let parsed = if text.starts_with('\'') { character(text) } else { number(text) };
        parsed.unwrap_or_default()
    }

    /// Go's own answers, where they are at hand.
    #[test]
    fn as_go() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/oracle/gotemplate-parse.jsonl");
        let Ok(recording) = std::fs::read_to_string(path) else {
            println!("skipped: no recording gotemplate-parse.jsonl");
            return;
        };
        let mut count = 0;
        for line in recording.lines() {
            let case: serde_json::Value = serde_json::from_str(line).expect(line);
            let Some(text) = case["text"].as_str() else { continue };
            let found = read(text);
            assert_eq!(found.int.is_some(), case["isInt"] == true, "{line}: {found:?}");
            assert_eq!(found.uint.is_some(), case["isUint"] == true, "{line}: {found:?}");
            assert_eq!(found.float.is_some(), case["isFloat"] == true, "{line}: {found:?}");
            assert_eq!(found.complex.is_some(), case["isComplex"] == true, "{line}: {found:?}");
            assert_eq!(found.int.unwrap_or(0), case["int"].as_i64().unwrap_or(0), "{line}");
            assert_eq!(found.uint.unwrap_or(0), case["uint"].as_u64().unwrap_or(0), "{line}");
            assert_eq!(
                found.float.unwrap_or(0.0).to_bits(),
                case["float"].as_f64().unwrap_or(0.0).to_bits(),
                "{line}"
            );
            count += 1;
        }
        assert!(count > 30, "only {count} cases");
    }
}
