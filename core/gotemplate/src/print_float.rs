//! Floating point numbers as Go's `strconv.FormatFloat` writes them.

/// The digits of a number without sign and point, and the place of the point.
struct Digits {
    digits: Vec<u8>,
    /// How many digits stand before the point; may be negative.
    point: i32,
}

/// `strconv.FormatFloat(value, verb, precision, 64)`; without a precision the fewest digits that read back the same.
pub(crate) fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{}Inf", if sign.is_empty() { "+" } else { sign });
    }
    let value = value.abs();
    let text = match verb {
        'b' => binary(value),
        'x' | 'X' => hexadecimal(value, verb, precision),
        'e' | 'E' => exponent(&significant(value, precision.map(|p| p + 1)), verb, precision),
        'f' | 'F' => precision.map_or_else(|| plain(&significant(value, None)), |p| fixed(value, p)),
        _ => general(value, if verb == 'G' { 'E' } else { 'e' }, precision),
    };
    format!("{sign}{text}")
}

/// The given number of significant digits, or the fewest that identify the number.
fn significant(value: f64, count: Option<usize>) -> Digits {
    let text = match count {
        Some(count) => format!("{value:.*e}", count.saturating_sub(1).min(MOST)),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: Vec<u8> = mantissa.bytes().filter(|byte| *byte != b'.').collect();
    let point = if value == 0.0 { 0 } else { exponent.parse::<i32>().unwrap_or(0) + 1 };
    Digits { digits, point }
}

/// More digits than any number has; Rust's own formatting takes no more than `u16::MAX`.
const MOST: usize = 1_100;

fn fixed(value: f64, precision: usize) -> String {
    let exact = precision.min(MOST);
    format!("{value:.exact$}") + &"0".repeat(precision - exact)
}

fn text_of(digits: &[u8]) -> String {
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn exponent(number: &Digits, e: char, precision: Option<usize>) -> String {
    let mut text = text_of(&number.digits[..1]);
    let wanted = precision.unwrap_or(number.digits.len() - 1);
    if wanted > 0 {
        text.push('.');
        let rest = number.digits.get(1..).unwrap_or_default();
        text.push_str(&text_of(&rest[..rest.len().min(wanted)]));
        text.extend(std::iter::repeat_n('0', wanted.saturating_sub(rest.len())));
    }
    let zero = number.digits.iter().all(|digit| *digit == b'0');
    let power = if zero { 0 } else { number.point - 1 };
    text.push(e);
    text.push(if power < 0 { '-' } else { '+' });
    text + &format!("{:02}", power.unsigned_abs())
}

/// All given digits with the point where it belongs.
fn plain(number: &Digits) -> String {
    let digits = text_of(&number.digits);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if number.digits.iter().all(|digit| *digit == b'0') {
        "0".into()
    } else if number.point <= 0 {
        format!("0.{}{digits}", "0".repeat(number.point.unsigned_abs() as usize))
    } else if number.point >= count {
        format!("{digits}{}", "0".repeat((number.point - count).unsigned_abs() as usize))
    } else {
        let (whole, fraction) = digits.split_at(number.point.unsigned_abs() as usize);
        format!("{whole}.{fraction}")
    }
}

/// `%g`: with an exponent below 1e-4 and from the precision on; from 1e6 on where none is given.
fn general(value: f64, e: char, precision: Option<usize>) -> String {
    let wanted = precision.map(|p| p.max(1));
    let mut number = significant(value, wanted);
    while number.digits.len() > 1 && number.digits.last() == Some(&b'0') {
        number.digits.pop();
    }
    let count = i32::try_from(number.digits.len()).unwrap_or(i32::MAX);
    let mut limit = wanted.map_or(6, |p| i32::try_from(p).unwrap_or(i32::MAX));
    if wanted.is_some() && limit > count && count >= number.point {
        limit = count;
    }
    let power = if value == 0.0 { -1 } else { number.point - 1 };
    if power < -4 || power >= limit { exponent(&number, e, None) } else { plain(&number) }
}

/// The mantissa and exponent of a finite number: `mantissa * 2^exponent`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let power = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    if power == 0 { (fraction, -1074) } else { (fraction | (1 << 52), power - 1075) }
}

fn binary(value: f64) -> String {
    let (mantissa, power) = parts(value);
    format!("{mantissa}p{power:+}")
}

fn hexadecimal(value: f64, verb: char, precision: Option<usize>) -> String {
    let (mut mantissa, mut power) = parts(value);
    if mantissa == 0 {
        power = 0;
    } else {
        power += 52;
        mantissa <<= 8;
        while mantissa & (1 << 60) == 0 {
            mantissa <<= 1;
            power -= 1;
        }
    }
    if let Some(precision) = precision.filter(|p| *p < 15) {
        let shift = 60 - 4 * precision;
        let (extra, half) = (mantissa & ((1 << shift) - 1), 1u64 << (shift - 1));
        mantissa >>= shift;
        if extra > half || (extra == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            power += 1;
        }
    }
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(precision) if precision <= digits.len() => digits[..precision].to_owned(),
        Some(precision) => format!("{digits}{}", "0".repeat(precision - digits.len())),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if power < 0 { '-' } else { '+' };
    let text = format!("0x{}{point}{fraction}p{sign}{:02}", mantissa >> 60, power.unsigned_abs());
    if verb == 'X' { text.to_ascii_uppercase() } else { text }
}
