//! What a text allows: which of YAML's notations can carry it (libyaml's analysis, as yaml.v2 and v3 have it).

use crate::write::Dialect;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// The notations that can carry a text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    pub(crate) multiline: bool,
    pub(crate) plain: bool,
    pub(crate) single: bool,
    pub(crate) block: bool,
}

/// YAML 1.1's line breaks.
pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What the emitters print as it is; the rest is escaped, everything beyond the basic plane (emoji) included.
pub(crate) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Which notations can carry the text outside of flow collections.
pub(crate) fn analyze(text: &str, dialect: Dialect) -> Allowed {
    if text.is_empty() {
        return Allowed { multiline: false, plain: true, single: true, block: false };
    }
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut special, mut tabs, mut breaks) = (false, false, false);
    let (mut leading, mut trailing_space, mut trailing_break) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut previous_space, mut previous_break, mut after_white) = (false, false, true);
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let before_white = chars.peek().is_none_or(|c| matches!(c, ' ' | '\t'));
        indicators |= match c {
            '#' => first || after_white,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
            '?' | '-' => first && before_white,
            ':' => before_white,
            _ => false,
        };
        if c == '\t' && dialect == Dialect::Pretty {
            tabs = true;
        } else if !is_printable(c) {
            special = true;
        }
        let last = chars.peek().is_none();
        if c == ' ' {
            leading |= first;
            trailing_space |= last;
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(c) {
            breaks = true;
            leading |= first;
            trailing_break |= last;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_white = matches!(c, ' ' | '\t') || is_break(c);
        first = false;
    }
    let broken = space_break || special;
    let quoted = break_space || broken || tabs;
    Allowed {
        multiline: breaks,
        plain: !(indicators || leading || trailing_space || trailing_break || quoted || breaks),
        single: !quoted,
        block: !(trailing_space || broken),
    }
}
