//! Numbers as Go prints them (`strconv.FormatFloat`, `fmt`'s `%v`, `encoding/json`).

/// Digits of a finite number: `0.d1d2d3… × 10^point`, without sign; no digits for zero.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// Formats as Go's `strconv.FormatFloat(value, format, precision, bits)`.
///
/// `format` is one of `e E f F g G` (anything else is taken as `g`); `precision` is `None` for Go's -1, the fewest
/// digits that read back as the same number; `bits` is 32 or 64 and matters for those fewest digits.
#[must_use]
pub fn format_float(value: f64, format: char, precision: Option<usize>, bits: u32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() || bits == 32 && (value as f32).is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let mut out = String::with_capacity(24);
    if value.is_sign_negative() {
        out.push('-');
    }
    let magnitude = value.abs();
    match format {
        'e' | 'E' => {
            let digits = match precision {
                Some(p) => exact(magnitude, bits, p),
                None => shortest(magnitude, bits),
            };
            let shown = precision.unwrap_or(digits.digits.len().saturating_sub(1));
            exponent_form(&mut out, &digits, shown, format);
        }
        'f' | 'F' => match precision {
            Some(p) if bits == 32 => out.push_str(&format!("{:.p$}", magnitude as f32)),
            Some(p) => out.push_str(&format!("{magnitude:.p$}")),
            None => {
                let digits = shortest(magnitude, bits);
                let shown = (digits.digits.len() as i32 - digits.point).max(0) as usize;
                plain_form(&mut out, &digits, shown);
            }
        },
        _ => general(&mut out, magnitude, precision, bits, if format == 'G' { 'E' } else { 'e' }),
    }
    out
}

/// A float64 as `fmt.Sprint`, `%v` and `printf "%g"` show it: `1e+06`, `0.5`, `+Inf`.
#[must_use]
pub fn float_text(value: f64) -> String {
    format_float(value, 'g', None, 64)
}

/// A finite float64 as Go's `encoding/json` writes it; `None` for infinities and NaN, which JSON has no word for.
#[must_use]
pub fn json_float(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format_float(value, 'e', None, 64);
        // encoding/json writes 1e-7 where strconv writes 1e-07.
        if let Some(head) = text.strip_suffix(|c: char| c.is_ascii_digit())
            && let Some(front) = head.strip_suffix("e-0")
        {
            let last = text.get(head.len()..).unwrap_or_default();
            return Some(format!("{front}e-{last}"));
        }
        return Some(text);
    }
    Some(format_float(value, 'f', None, 64))
}

fn general(out: &mut String, magnitude: f64, precision: Option<usize>, bits: u32, e: char) {
    let digits = match precision {
        Some(p) => {
            let mut digits = exact(magnitude, bits, p.max(1) - 1);
            while digits.digits.last() == Some(&b'0') {
                digits.digits.pop();
            }
            if digits.digits.is_empty() {
                digits.point = 0;
            }
            digits
        }
        None => shortest(magnitude, bits),
    };
    let count = digits.digits.len() as i32;
    let limit = match precision {
        None => 6,
        Some(p) => {
            let p = p.max(1) as i32;
            if p > count && count >= digits.point { count } else { p }
        }
    };
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= limit {
        exponent_form(out, &digits, (count - 1).max(0) as usize, e);
    } else {
        plain_form(out, &digits, (count - digits.point).max(0) as usize);
    }
}

fn shortest(magnitude: f64, bits: u32) -> Digits {
    let text = if bits == 32 { format!("{:e}", magnitude as f32) } else { format!("{magnitude:e}") };
    from_exponent_text(&text)
}

/// `after_point` digits after the first one, correctly rounded.
fn exact(magnitude: f64, bits: u32, after_point: usize) -> Digits {
    let text = if bits == 32 {
        format!("{:.after_point$e}", magnitude as f32)
    } else {
        format!("{magnitude:.after_point$e}")
    };
    from_exponent_text(&text)
}

fn from_exponent_text(text: &str) -> Digits {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    if digits.iter().all(|d| *d == b'0') {
        return Digits { digits: Vec::new(), point: 0 };
    }
    Digits { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
}

fn exponent_form(out: &mut String, digits: &Digits, after_point: usize, e: char) {
    let digit = |i: usize| digits.digits.get(i).copied().unwrap_or(b'0') as char;
    out.push(digit(0));
    if after_point > 0 {
        out.push('.');
        (1..=after_point).for_each(|i| out.push(digit(i)));
    }
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    out.push(e);
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.unsigned_abs()));
}

fn plain_form(out: &mut String, digits: &Digits, after_point: usize) {
    let digit =
        |i: i32| usize::try_from(i).ok().and_then(|i| digits.digits.get(i)).copied().unwrap_or(b'0') as char;
    if digits.point > 0 {
        (0..digits.point).for_each(|i| out.push(digit(i)));
    } else {
        out.push('0');
    }
    if after_point > 0 {
        out.push('.');
        (0..after_point as i32).for_each(|i| out.push(digit(digits.point + i)));
    }
}
