//! Classes and escapes of Go's expressions.

use super::error::{Kind, SyntaxError};
use super::syntax::{Flags, until};

const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const BLANK: &str = r"\t\n\x0C\r\x20";

/// `[:name:]` as Go has them: all ASCII.
const POSIX: &[(&str, &str)] = &[
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", r"\x00-\x7F"),
    ("blank", r"\t\x20"),
    ("cntrl", r"\x00-\x1F\x7F"),
    ("digit", "0-9"),
    ("graph", r"\x21-\x7E"),
    ("lower", "a-z"),
    ("print", r"\x20-\x7E"),
    ("punct", r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E"),
    ("space", r"\t\n\x0B\x0C\r\x20"),
    ("upper", "A-Z"),
    ("word", WORD),
    ("xdigit", "0-9A-Fa-f"),
];

/// A class under the flag `i`.
pub(super) fn folded(class: &str, flags: Flags) -> String {
    if flags.fold { format!("(?i:{class})") } else { class.to_owned() }
}

/// A character that stands for itself, inside classes and outside.
pub(super) fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_control()) {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", c as u32));
    }
}

/// `[…]`, and what follows.
pub(super) fn bracket(text: &str, flags: Flags) -> Result<(String, &str), SyntaxError> {
    let mut out = String::from("[");
    let mut rest = text.get(1..).unwrap_or_default();
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !first) {
            out.push(']');
            return Ok((folded(&out, flags), after));
        }
        first = false;
        if let Some((pattern, after)) = posix(rest)? {
            out.push_str(&pattern);
            rest = after;
        } else if let Some((pattern, after)) = unicode(rest)? {
            out.push_str(&pattern);
            rest = after;
        } else if let Some((pattern, after)) = perl(rest) {
            out.push_str(&pattern);
            rest = after;
        } else {
            let start = rest;
            let (low, after) = class_char(rest, text)?;
            rest = after;
            let mut high = low;
            if let Some(after) =
                rest.strip_prefix('-').filter(|after| !after.is_empty() && !after.starts_with(']'))
            {
                (high, rest) = class_char(after, text)?;
                if high < low {
                    return Err(SyntaxError::new(Kind::CharRange, until(start, rest)));
                }
            }
            push_char(&mut out, low);
            if high != low {
                out.push('-');
                push_char(&mut out, high);
            }
        }
    }
}

fn class_char<'t>(rest: &'t str, whole: &str) -> Result<(char, &'t str), SyntaxError> {
    let mut chars = rest.chars();
    match chars.next() {
        None => Err(SyntaxError::new(Kind::MissingBracket, whole)),
        Some('\\') => escape(rest),
        Some(c) => Ok((c, chars.as_str())),
    }
}

fn posix(text: &str) -> Result<Option<(String, &str)>, SyntaxError> {
    let Some((inner, rest)) = text.strip_prefix("[:").and_then(|after| after.split_once(":]")) else {
        return Ok(None);
    };
    let (negated, name) = inner.strip_prefix('^').map_or((false, inner), |name| (true, name));
    let Some((_, class)) = POSIX.iter().find(|(known, _)| *known == name) else {
        return Err(SyntaxError::new(Kind::CharRange, until(text, rest)));
    };
    let pattern = if negated { format!("[^{class}]") } else { (*class).to_owned() };
    Ok(Some((pattern, rest)))
}

/// `\d` and its sisters, as they stand inside a class.
pub(super) fn perl(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('\\')?.chars();
    let pattern = match chars.next()? {
        'd' => DIGITS.to_owned(),
        'w' => WORD.to_owned(),
        's' => BLANK.to_owned(),
        'D' => format!("[^{DIGITS}]"),
        'W' => format!("[^{WORD}]"),
        'S' => format!("[^{BLANK}]"),
        _ => return None,
    };
    Some((pattern, chars.as_str()))
}

/// `\pL`, `\p{Greek}`, `\P{^Lu}`.
pub(super) fn unicode(text: &str) -> Result<Option<(String, &str)>, SyntaxError> {
    let (mut negated, after) = if let Some(after) = text.strip_prefix("\\p") {
        (false, after)
    } else if let Some(after) = text.strip_prefix("\\P") {
        (true, after)
    } else {
        return Ok(None);
    };
    let (name, rest) = match after.strip_prefix('{') {
        Some(inner) => inner.split_once('}').ok_or_else(|| SyntaxError::new(Kind::CharRange, text))?,
        None => {
            let length = after.chars().next().map_or(0, char::len_utf8);
            after.split_at(length)
        }
    };
    let bare = name.strip_prefix('^').unwrap_or(name);
    negated ^= bare.len() < name.len();
    let sign = if negated { 'P' } else { 'p' };
    let pattern = format!("\\{sign}{{{bare}}}");
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if bare.is_empty() || !bare.chars().all(word) || regex::Regex::new(&pattern).is_err() {
        return Err(SyntaxError::new(Kind::CharRange, until(text, rest)));
    }
    Ok(Some((pattern, rest)))
}

/// A character after a backslash.
pub(super) fn escape(text: &str) -> Result<(char, &str), SyntaxError> {
    let mut chars = text.get(1..).unwrap_or_default().chars();
    let Some(c) = chars.next() else {
        return Err(SyntaxError::new(Kind::TrailingBackslash, ""));
    };
    let octal = |c: Option<char>| c.and_then(|c| c.to_digit(8));
    let code = match c {
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c as u32),
        '0'..='7' if c == '0' || octal(chars.clone().next()).is_some() => {
            let mut code = c as u32 - '0' as u32;
            for _ in 0..2 {
                let Some(digit) = octal(chars.clone().next()) else { break };
                chars.next();
                code = code * 8 + digit;
            }
            Some(code)
        }
        'x' => hexadecimal(&mut chars),
        'a' => Some(7),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        _ => None,
    };
    // Surrogates pass in Go and match nothing; here they are refused with the rest.
    match code.and_then(char::from_u32) {
        Some(c) => Ok((c, chars.as_str())),
        None => Err(SyntaxError::new(Kind::Escape, until(text, chars.as_str()))),
    }
}

fn hexadecimal(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let first = chars.next()?;
    if first != '{' {
        // Go has read both before it looks at them.
        let second = chars.next();
        return Some(first.to_digit(16)? * 16 + second?.to_digit(16)?);
    }
    let (mut code, mut any) = (0_u32, false);
    loop {
        match chars.next()? {
            '}' => return any.then_some(code),
            c => code = code * 16 + c.to_digit(16)?,
        }
        if code > 0x0010_ffff {
            return None;
        }
        any = true;
    }
}
