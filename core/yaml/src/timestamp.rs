//! Which texts YAML 1.1 takes for a time, as far as yaml.v2 does: `2024-01-02`, `2024-1-2T3:4:5Z`,
//! `2024-01-02 03:04:05.6`. They stay strings, but are quoted on the way out.

/// Whether the text is a date or a time in one of yaml.v2's four layouts.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes.iter().take(4).all(u8::is_ascii_digit) || bytes.get(4) != Some(&b'-') {
        return false;
    }
    parse(bytes).is_some()
}

fn parse(bytes: &[u8]) -> Option<()> {
    let year = bytes.get(..4)?.iter().fold(0_u32, |n, d| n * 10 + u32::from(d - b'0'));
    let (month, rest) = short_number(bytes.get(5..)?)?;
    let (day, rest) = short_number(rest.strip_prefix(b"-")?)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    match rest {
        [] => Some(()),
        [b'T' | b't', rest @ ..] => zone(clock(rest)?),
        [b' ', rest @ ..] => {
            let spaces = rest.iter().take_while(|b| **b == b' ').count();
            clock(rest.get(spaces..)?)?.is_empty().then_some(())
        }
        _ => None,
    }
}

/// One or two digits.
fn short_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(a - b'0') * 10 + u32::from(b - b'0'), rest))
        }
        [a @ b'0'..=b'9', rest @ ..] => Some((u32::from(a - b'0'), rest)),
        _ => None,
    }
}

/// `15:4:5` and an optional fraction.
fn clock(bytes: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = short_number(bytes)?;
    let (minute, rest) = short_number(rest.strip_prefix(b":")?)?;
    let (second, rest) = short_number(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    match rest {
        [b'.' | b',', b'0'..=b'9', ..] => {
            let digits = rest.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
            rest.get(1 + digits..)
        }
        _ => Some(rest),
    }
}

/// `Z` or `+07:00`. Go lets an offset of 24 hours and 60 minutes pass.
fn zone(bytes: &[u8]) -> Option<()> {
    match bytes {
        [b'Z'] => Some(()),
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let (hour, _) = short_number(&[*h1, *h2])?;
            let (minute, _) = short_number(&[*m1, *m2])?;
            ([h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) && hour <= 24 && minute <= 60).then_some(())
        }
        _ => None,
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}
