//! Addresses of machines as Go 1.26's `net/netip` reads them, with its words for what is wrong.

use super::arguments::quoted;

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// Version 4.
    Four,
    /// Version 6.
    Six,
    /// Version 6 with a zone.
    SixWithZone,
}

/// What kind of address a text is (`netip.ParseAddr`).
///
/// # Errors
/// With Go's words, when it is none.
pub fn address_kind(text: &str) -> Result<AddressKind, String> {
    let found = match text.find(['.', ':', '%']).and_then(|at| text.as_bytes().get(at)) {
        Some(b'.') => four_fields(text).map(|()| AddressKind::Four),
        Some(b':') => fields(text),
        Some(_) => Err(("missing IPv6 address", "")),
        None => Err(("unable to parse IP", "")),
    };
    found.map_err(|fault| match fault {
        (words, "") => format!("ParseAddr({}): {words}", quoted(text)),
        (words, at) => format!("ParseAddr({}): {words} (at {})", quoted(text), quoted(at)),
    })
}

/// What is wrong with an address, and the text from there on.
type Fault<'t> = (&'static str, &'t str);

/// Checks the eight fields, and whether a zone follows.
fn fields(text: &str) -> Result<AddressKind, Fault<'_>> {
    let (mut rest, zone) = text.split_once('%').map_or((text, None), |(rest, zone)| (rest, Some(zone)));
    if zone == Some("") {
        return Err(("zone must be a non-empty string", ""));
    }
    let kind = if zone.is_some() { AddressKind::SixWithZone } else { AddressKind::Six };
    let mut is_short = false;
    if let Some(after) = rest.strip_prefix("::") {
        (rest, is_short) = (after, true);
        if rest.is_empty() {
            return Ok(kind);
        }
    }
    let mut count = 0;
    while count < 8 {
        let length = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if length > 4 {
            return Err(("each group must have 4 or less digits", rest));
        }
        if length == 0 {
            return Err(("each colon-separated field must have at least one digit", rest));
        }
        let after = rest.get(length..).unwrap_or_default();
        if after.starts_with('.') {
            if !is_short && count != 6 {
                return Err(("embedded IPv4 address must replace the final 2 fields of the address", rest));
            }
            if count > 6 {
                return Err(("too many hex fields to fit an embedded IPv4 at the end of the address", rest));
            }
            four_fields(rest)?;
            (rest, count) = ("", count + 2);
            break;
        }
        count += 1;
        rest = after;
        if rest.is_empty() {
            break;
        }
        let Some(next) = rest.strip_prefix(':') else {
            return Err(("unexpected character, want colon", rest));
        };
        if next.is_empty() {
            return Err(("colon must be followed by more characters", rest));
        }
        rest = next;
        if let Some(next) = rest.strip_prefix(':') {
            if is_short {
                return Err(("multiple :: in address", rest));
            }
            (rest, is_short) = (next, true);
            if rest.is_empty() {
                break;
            }
        }
    }
    match (rest, count) {
        ("", 8) if is_short => Err(("the :: must expand to at least one field of zeros", "")),
        ("", 8) => Ok(kind),
        ("", _) if is_short => Ok(kind),
        ("", _) => Err(("address string too short", "")),
        _ => Err(("trailing garbage after address", rest)),
    }
}

/// Checks four decimals with points between them.
fn four_fields(text: &str) -> Result<(), Fault<'_>> {
    let (mut value, mut length, mut count) = (0_u32, 0, 0);
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let rest = text.get(at..).unwrap_or_default();
        match byte {
            b'0'..=b'9' => {
                if length == 1 && value == 0 {
                    return Err(("IPv4 field has octet with leading zero", ""));
                }
                value = value * 10 + u32::from(byte - b'0');
                length += 1;
                if value > 255 {
                    return Err(("IPv4 field has value >255", ""));
                }
            }
            b'.' => {
                if length == 0 || at + 1 == bytes.len() {
                    return Err(("IPv4 field must have at least one digit", rest));
                }
                if count == 3 {
                    return Err(("IPv4 address too long", ""));
                }
                (value, length, count) = (0, 0, count + 1);
            }
            _ => return Err(("unexpected character", rest)),
        }
    }
    if count < 3 { Err(("IPv4 address too short", "")) } else { Ok(()) }
}
