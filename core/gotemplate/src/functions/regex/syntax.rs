//! Go's `regexp/syntax` (Perl flags, as `regexp.Compile` uses it), rewritten for the `regex` crate.
//!
//! The crate knows more than Go (Unicode `\d`, class intersections, `x` flag) and a little less (`{` as a character, octal
//! codes). So everything is parsed here and given on in a form that means the same: no flags but `m` and `s`, classes by
//! their code points, groups without names.

use super::class;
use super::error::{Kind, SyntaxError};
use super::set::Set;

/// A pattern for the `regex` crate.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// The names of the groups, from group 1 on; empty for groups without.
    pub(super) names: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

/// One thing that a repetition can follow.
struct Item {
    pattern: String,
    /// Whether it must be put in a group before it is repeated.
    loose: bool,
    /// The product of the nested counted repetitions; Go allows up to 1000.
    repeats: u32,
}

/// An open group.
struct Level {
    opening: &'static str,
    /// The alternatives that are complete.
    done: String,
    items: Vec<Item>,
    repeats: u32,
    /// The flags to return to.
    flags: Flags,
}

impl Level {
    fn new(opening: &'static str, flags: Flags) -> Self {
        Self { opening, done: String::new(), items: Vec::new(), repeats: 1, flags }
    }

    fn next_alternative(&mut self) {
        for item in self.items.drain(..) {
            self.done.push_str(&item.pattern);
            self.repeats = self.repeats.max(item.repeats);
        }
    }
}

struct Parser<'t> {
    whole: &'t str,
    rest: &'t str,
    flags: Flags,
    levels: Vec<Level>,
    names: Vec<String>,
}

/// Translates a Go expression.
pub(super) fn translate(whole: &str) -> Result<Translated, SyntaxError> {
    let levels = vec![Level::new("", Flags::default())];
    let mut parser = Parser { whole, rest: whole, flags: Flags::default(), levels, names: Vec::new() };
    // Where the last repetition began, if the last thing was one.
    let mut last_repeat = None;
    while let Some(c) = parser.rest.chars().next() {
        let start = parser.rest;
        let is_repeat = parser.step(c, last_repeat)?;
        last_repeat = is_repeat.then_some(start);
    }
    let Some(mut level) = parser.levels.pop().filter(|_| parser.levels.is_empty()) else {
        return Err(SyntaxError::new(Kind::MissingParen, whole));
    };
    level.next_alternative();
    Ok(Translated { pattern: level.done, names: parser.names })
}

impl<'t> Parser<'t> {
    /// Reads one thing; tells whether it was a repetition.
    fn step(&mut self, c: char, last_repeat: Option<&'t str>) -> Result<bool, SyntaxError> {
        let after = self.rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '(' if after.starts_with('?') => self.perl_group()?,
            '(' => {
                self.names.push(String::new());
                self.open("(", after);
            }
            ')' => self.close(after)?,
            '|' => {
                if let Some(level) = self.levels.last_mut() {
                    level.next_alternative();
                    level.done.push('|');
                }
                self.rest = after;
            }
            '^' => self.push(if self.flags.multi_line { "(?m:^)" } else { r"\A" }, after),
            '$' => self.push(if self.flags.multi_line { "(?m:$)" } else { r"\z" }, after),
            '.' => self.push(if self.flags.dot_all { "(?s:.)" } else { r"[^\n]" }, after),
            '[' => {
                let (pattern, rest) = class::bracket(self.rest, self.flags.fold)?;
                self.push(&pattern, rest);
            }
            '*' => return self.repeat("*", 1, after, last_repeat),
            '+' => return self.repeat("+", 1, after, last_repeat),
            '?' => return self.repeat("?", 1, after, last_repeat),
            '{' => match counted(after) {
                Some((Some((min, max)), after)) => {
                    let sign = match max {
                        Some(max) if max == min => format!("{{{min}}}"),
                        Some(max) => format!("{{{min},{max}}}"),
                        None => format!("{{{min},}}"),
                    };
                    return self.repeat(&sign, max.unwrap_or(min), after, last_repeat);
                }
                Some((None, after)) => {
                    return Err(SyntaxError::new(Kind::RepeatSize, until(self.rest, after)));
                }
                None => self.literal('{', after),
            },
            '\\' => self.backslash(after)?,
            c => self.literal(c, after),
        }
        Ok(false)
    }

    fn push(&mut self, pattern: &str, rest: &'t str) {
        let item = Item { pattern: pattern.to_owned(), loose: false, repeats: 1 };
        if let Some(level) = self.levels.last_mut() {
            level.items.push(item);
        }
        self.rest = rest;
    }

    fn literal(&mut self, c: char, rest: &'t str) {
        let mut escaped = String::new();
        if self.flags.fold && (c.is_ascii_alphabetic() || !c.is_ascii()) {
            let mut set = Set::default();
            set.add(c, c);
            escaped = set.folded().pattern();
        } else {
            class::push_char(&mut escaped, c);
        }
        self.push(&escaped, rest);
    }

    fn open(&mut self, opening: &'static str, rest: &'t str) {
        self.levels.push(Level::new(opening, self.flags));
        self.rest = rest;
    }

    fn close(&mut self, rest: &'t str) -> Result<(), SyntaxError> {
        let unexpected = SyntaxError::new(Kind::UnexpectedParen, self.whole);
        if self.levels.len() < 2 {
            return Err(unexpected);
        }
        let Some(mut level) = self.levels.pop() else { return Err(unexpected) };
        level.next_alternative();
        self.flags = level.flags;
        let pattern = format!("{}{})", level.opening, level.done);
        if let Some(outer) = self.levels.last_mut() {
            outer.items.push(Item { pattern, loose: false, repeats: level.repeats });
        }
        self.rest = rest;
        Ok(())
    }

    fn repeat(
        &mut self,
        sign: &str,
        times: u32,
        after: &'t str,
        last_repeat: Option<&'t str>,
    ) -> Result<bool, SyntaxError> {
        let (lazy, after) = after.strip_prefix('?').map_or((false, after), |after| (true, after));
        if let Some(start) = last_repeat {
            return Err(SyntaxError::new(Kind::RepeatOp, until(start, after)));
        }
        let own = until(self.rest, after);
        let Some(item) = self.levels.last_mut().and_then(|level| level.items.last_mut()) else {
            return Err(SyntaxError::new(Kind::MissingArgument, own));
        };
        item.repeats = item.repeats.saturating_mul(times.max(1));
        if item.repeats > 1000 {
            return Err(SyntaxError::new(Kind::RepeatSize, own));
        }
        if item.loose {
            item.pattern = format!("(?:{})", item.pattern);
        }
        item.loose = true;
        item.pattern.push_str(sign);
        if lazy != self.flags.swap_greed {
            item.pattern.push('?');
        }
        self.rest = after;
        Ok(true)
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)`, `(?flags:`.
    fn perl_group(&mut self) -> Result<(), SyntaxError> {
        let text = self.rest;
        let named = text.strip_prefix("(?P<").or_else(|| text.strip_prefix("(?<"));
        if let Some(after) = named.filter(|after| !after.is_empty()) {
            let Some((name, rest)) = after.split_once('>') else {
                return Err(SyntaxError::new(Kind::NamedCapture, text));
            };
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(fits) {
                return Err(SyntaxError::new(Kind::NamedCapture, until(text, rest)));
            }
            self.names.push(name.to_owned());
            self.open("(", rest);
            return Ok(());
        }
        let mut chars = text.get(2..).unwrap_or_default().chars();
        let mut flags = self.flags;
        let (mut on, mut saw) = (true, false);
        while let Some(c) = chars.next() {
            match c {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'U' => flags.swap_greed = on,
                '-' if on => (on, saw) = (false, false),
                ':' | ')' if on || saw => {
                    if c == ':' {
                        self.open("(?:", chars.as_str());
                    }
                    self.flags = flags;
                    self.rest = chars.as_str();
                    return Ok(());
                }
                _ => break,
            }
            saw = saw || c != '-';
        }
        Err(SyntaxError::new(Kind::PerlOp, until(text, chars.as_str())))
    }

    fn backslash(&mut self, after: &'t str) -> Result<(), SyntaxError> {
        let next = after.get(1..).unwrap_or_default();
        match after.chars().next() {
            Some('A') => self.push(r"\A", next),
            Some('z') => self.push(r"\z", next),
            Some('b') => self.push(r"(?-u:\b)", next),
            Some('B') => self.push(r"(?-u:\B)", next),
            Some('C') => return Err(SyntaxError::new(Kind::Escape, "\\C")),
            Some('Q') => {
                let (quoted, rest) = next.split_once("\\E").unwrap_or((next, ""));
                for c in quoted.chars() {
                    self.literal(c, rest);
                }
                self.rest = rest;
            }
            _ => {
                if let Some((set, rest)) = class::unicode(self.rest, self.flags.fold)? {
                    self.push(&set.pattern(), rest);
                } else if let Some((set, rest)) = class::perl(self.rest, self.flags.fold) {
                    self.push(&set.pattern(), rest);
                } else {
                    let (c, rest) = class::escape(self.rest)?;
                    self.literal(c, rest);
                }
            }
        }
        Ok(())
    }
}

/// The part of a text before its tail.
pub(super) fn until<'t>(text: &'t str, tail: &str) -> &'t str {
    text.get(..text.len().saturating_sub(tail.len())).unwrap_or(text)
}

type Count = Option<(u32, Option<u32>)>;

/// What follows `{`: `n}`, `n,}` or `n,m}`, and what is behind; the count is `None` where Go refuses it as too large.
fn counted(text: &str) -> Option<(Count, &str)> {
    let (min, rest) = number(text)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => number(rest).map(|(max, rest)| (Some(max), rest))?,
    };
    let rest = rest.strip_prefix('}')?;
    let fits = min <= 1000 && max.is_none_or(|max| min <= max && max <= 1000);
    Some((fits.then_some((min, max)), rest))
}

fn number(text: &str) -> Option<(u32, &str)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = until(text, rest);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
