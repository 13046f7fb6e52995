//! Classes and escapes of Go's expressions.

use super::error::{Kind, SyntaxError};
use super::set::{Set, named};
use super::syntax::until;

const DIGITS: &str = "09";
const WORD: &str = "09AZ__az";
const BLANK: &str = "\t\n\x0C\r  ";

/// `[:name:]` as Go has them: all ASCII. Each pair of characters is a range.
const POSIX: &[(&str, &str)] = &[
    ("alnum", "09AZaz"),
    ("alpha", "AZaz"),
    ("ascii", "\0\x7F"),
    ("blank", "\t\t  "),
    ("cntrl", "\0\x1F\x7F\x7F"),
    ("digit", DIGITS),
    ("graph", "!~"),
    ("lower", "az"),
    ("print", " ~"),
    ("punct", "!/:@[`{~"),
    ("space", "\t\r  "),
    ("upper", "AZ"),
    ("word", WORD),
    ("xdigit", "09AFaf"),
];

/// What a class adds: under the flag `i` all cases of it, then perhaps the opposite of that.
fn group(set: Set, negated: bool, fold: bool) -> Set {
    let set = if fold { set.folded() } else { set };
    if negated { set.negated() } else { set }
}

/// `[…]`, and what follows.
pub(super) fn bracket(text: &str, fold: bool) -> Result<(Set, &str), SyntaxError> {
    let mut set = Set::default();
    let mut rest = text.get(1..).unwrap_or_default();
    let mut negated = false;
    if let Some(after) = rest.strip_prefix('^') {
        negated = true;
        rest = after;
    }
    let mut first = true;
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !first) {
            let set = if negated { set.negated() } else { set };
            return Ok((set, after));
        }
        first = false;
        if let Some((group, after)) = posix(rest, fold)? {
            set.extend(&group);
            rest = after;
        } else if let Some((group, after)) = unicode(rest, fold)? {
            set.extend(&group);
            rest = after;
        } else if let Some((group, after)) = perl(rest, fold) {
            set.extend(&group);
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
            let mut range = Set::default();
            range.add(low, high);
            set.extend(&group(range, false, fold));
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

fn posix(text: &str, fold: bool) -> Result<Option<(Set, &str)>, SyntaxError> {
    let Some((inner, rest)) = text.strip_prefix("[:").and_then(|after| after.split_once(":]")) else {
        return Ok(None);
    };
    let (negated, name) = inner.strip_prefix('^').map_or((false, inner), |name| (true, name));
    let Some((_, class)) = POSIX.iter().find(|(known, _)| *known == name) else {
        return Err(SyntaxError::new(Kind::CharRange, until(text, rest)));
    };
    Ok(Some((group(Set::of(class), negated, fold), rest)))
}

/// `\d` and its sisters.
pub(super) fn perl(text: &str, fold: bool) -> Option<(Set, &str)> {
    let mut chars = text.strip_prefix('\\')?.chars();
    let letter = chars.next()?;
    let class = match letter.to_ascii_lowercase() {
        'd' => DIGITS,
        'w' => WORD,
        's' => BLANK,
        _ => return None,
    };
    Some((group(Set::of(class), letter.is_ascii_uppercase(), fold), chars.as_str()))
}

/// `\pL`, `\p{Greek}`, `\P{^Lu}`.
pub(super) fn unicode(text: &str, fold: bool) -> Result<Option<(Set, &str)>, SyntaxError> {
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
    match named(bare) {
        Some((set, folds)) => Ok(Some((group(set, negated, fold && folds), rest))),
        None => Err(SyntaxError::new(Kind::CharRange, until(text, rest))),
    }
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
