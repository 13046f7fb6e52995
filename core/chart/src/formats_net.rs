//! Formats of names and addresses of networks: the rules and words of jsonschema v6.0.3 (`format.go`) and of Go 1.26
//! (`strconv.Atoi`).

use backstay_gotemplate::{AddressKind, address_kind, quoted, quoted_rune};

use crate::formats::{Checked, wrong};

pub(crate) fn ipv4(text: &str) -> Checked {
    let groups: Vec<&str> = text.split('.').collect();
    if groups.len() != 4 {
        return wrong("expected four decimals");
    }
    for group in groups {
        if group.len() > 1 && group.starts_with('0') {
            return wrong("leading zeros");
        }
        if !(0..=255).contains(&whole_number(group)?) {
            return wrong("decimal must be between 0 and 255");
        }
    }
    Ok(())
}

/// Go's `strconv.Atoi`, with its words.
fn whole_number(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse() {
            Ok(number) => return Ok(number),
            Err(_) => "value out of range",
        }
    };
    wrong(format!("strconv.Atoi: parsing {}: {why}", quoted(text)))
}

pub(crate) fn ipv6(text: &str) -> Checked {
    if !text.contains(':') {
        return wrong("missing colon");
    }
    match address_kind(text)? {
        AddressKind::SixWithZone => wrong("zone id is not a part of ipv6 address"),
        _ => Ok(()),
    }
}

pub(crate) fn hostname(text: &str) -> Checked {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.len() > 253 {
        return wrong("more than 253 characters long");
    }
    for label in text.split('.') {
        if !(1..=63).contains(&label.len()) {
            return wrong("label must be 1 to 63 characters long");
        }
        if label.starts_with('-') {
            return wrong("label starts with hyphen");
        }
        if label.ends_with('-') {
            return wrong("label ends with hyphen");
        }
        if let Some(char) = label.chars().find(|char| !char.is_ascii_alphanumeric() && *char != '-') {
            return wrong(format!("invalid character {}", quoted_rune(char)));
        }
    }
    Ok(())
}

pub(crate) fn email(text: &str) -> Checked {
    if text.len() > 254 {
        return wrong("more than 255 characters long");
    }
    let (local, domain) = text.rsplit_once('@').ok_or("missing @")?;
    if local.len() > 64 {
        return wrong("local part more than 64 characters long");
    }
    local_part(local)?;
    if let Some(address) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match address.strip_prefix("IPv6:") {
            Some(address) => ipv6(address).map_err(|error| format!("invalid ipv6 address: {error}")),
            None => ipv4(address).map_err(|error| format!("invalid ipv4 address: {error}")),
        };
    }
    hostname(domain).map_err(|error| format!("invalid domain: {error}"))
}

fn local_part(local: &str) -> Checked {
    if let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return if inner.contains(['\\', '"']) {
            wrong("backslash and quote are not allowed within quoted local part")
        } else {
            Ok(())
        };
    }
    if local.starts_with('.') {
        return wrong("starts with dot");
    }
    if local.ends_with('.') {
        return wrong("ends with dot");
    }
    if local.contains("..") {
        return wrong("consecutive dots");
    }
    let is_allowed = |char: &char| char.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(*char);
    match local.chars().find(|char| !is_allowed(char)) {
        Some(char) => wrong(format!("invalid character {}", quoted_rune(char))),
        None => Ok(()),
    }
}
