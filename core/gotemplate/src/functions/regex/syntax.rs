//! Go's `regexp/syntax` (Perl flags, as `regexp.Compile` uses it).

use std::rc::Rc;

use super::class;
use super::error::{Kind, SyntaxError};
use super::node::{Look, Node};
use super::set::Set;

/// What was read.
pub(super) struct Parsed {
    pub(super) node: Node,
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

/// How deep things may lie in each other (`maxHeight`).
const MAX_HEIGHT: u32 = 1000;

/// One thing that a repetition can follow.
struct Item {
    node: Node,
    height: u32,
    /// The product of the nested counted repetitions; Go allows up to 1000.
    repeats: u32,
}

/// An open group.
#[derive(Default)]
struct Level {
    /// The number of the group, if it is remembered.
    group: Option<usize>,
    /// The alternatives that are complete.
    done: Vec<Node>,
    items: Vec<Item>,
    height: u32,
    repeats: u32,
    /// The flags to return to.
    flags: Flags,
}

impl Level {
    fn next_alternative(&mut self) {
        let mut nodes = Vec::with_capacity(self.items.len());
        let several = u32::from(self.items.len() > 1);
        for item in self.items.drain(..) {
            self.repeats = self.repeats.max(item.repeats);
            self.height = self.height.max(item.height + several);
            nodes.push(item.node);
        }
        self.done.push(if nodes.len() == 1 { nodes.remove(0) } else { Node::Concat(nodes) });
    }

    fn finish(mut self) -> Item {
        self.next_alternative();
        let mut height = self.height + u32::from(self.done.len() > 1);
        let mut node = if self.done.len() == 1 { self.done.remove(0) } else { Node::Alternate(self.done) };
        if let Some(number) = self.group {
            node = Node::Group(number, Box::new(node));
            height += 1;
        }
        Item { node, height, repeats: self.repeats.max(1) }
    }
}

struct Parser<'t> {
    whole: &'t str,
    rest: &'t str,
    flags: Flags,
    levels: Vec<Level>,
    names: Vec<String>,
}

/// Reads a Go expression.
pub(super) fn parse(whole: &str) -> Result<Parsed, SyntaxError> {
    let levels = vec![Level::default()];
    let mut parser = Parser { whole, rest: whole, flags: Flags::default(), levels, names: Vec::new() };
    // Where the last repetition began, if the last thing was one.
    let mut last_repeat = None;
    while let Some(c) = parser.rest.chars().next() {
        let start = parser.rest;
        let is_repeat = parser.step(c, last_repeat)?;
        last_repeat = is_repeat.then_some(start);
    }
    let Some(level) = parser.levels.pop().filter(|_| parser.levels.is_empty()) else {
        return Err(SyntaxError::new(Kind::MissingParen, whole));
    };
    let item = level.finish();
    parser.check_height(item.height)?;
    Ok(Parsed { node: item.node, names: parser.names })
}

impl<'t> Parser<'t> {
    /// Reads one thing; tells whether it was a repetition.
    fn step(&mut self, c: char, last_repeat: Option<&'t str>) -> Result<bool, SyntaxError> {
        let after = self.rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '(' if after.starts_with('?') => self.perl_group()?,
            '(' => {
                self.names.push(String::new());
                self.open(true, after);
            }
            ')' => self.close(after)?,
            '|' => {
                if let Some(level) = self.levels.last_mut() {
                    level.next_alternative();
                }
                self.rest = after;
            }
            '^' => self.look(if self.flags.multi_line { Look::LineStart } else { Look::Start }, after),
            '$' => self.look(if self.flags.multi_line { Look::LineEnd } else { Look::End }, after),
            '.' => {
                let none = if self.flags.dot_all { "" } else { "\n\n" };
                self.set(Set::of(none).negated(), after);
            }
            '[' => {
                let (set, rest) = class::bracket(self.rest, self.flags.fold)?;
                self.set(set, rest);
            }
            '*' => return self.repeat(0, None, after, last_repeat),
            '+' => return self.repeat(1, None, after, last_repeat),
            '?' => return self.repeat(0, Some(1), after, last_repeat),
            '{' => match counted(after) {
                Some((Some((min, max)), after)) => {
                    return self.repeat(min, max, after, last_repeat);
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

    fn push(&mut self, node: Node, rest: &'t str) {
        if let Some(level) = self.levels.last_mut() {
            level.items.push(Item { node, height: 1, repeats: 1 });
        }
        self.rest = rest;
    }

    fn look(&mut self, look: Look, rest: &'t str) {
        self.push(Node::Look(look), rest);
    }

    fn set(&mut self, set: Set, rest: &'t str) {
        self.push(Node::Set(Rc::new(set)), rest);
    }

    fn literal(&mut self, c: char, rest: &'t str) {
        if self.flags.fold && (c.is_ascii_alphabetic() || !c.is_ascii()) {
            let mut set = Set::default();
            set.add(c, c);
            self.set(set.folded(), rest);
        } else {
            self.push(Node::Char(c), rest);
        }
    }

    fn open(&mut self, remembered: bool, rest: &'t str) {
        let group = remembered.then_some(self.names.len());
        self.levels.push(Level { group, flags: self.flags, ..Level::default() });
        self.rest = rest;
    }

    fn close(&mut self, rest: &'t str) -> Result<(), SyntaxError> {
        let unexpected = SyntaxError::new(Kind::UnexpectedParen, self.whole);
        if self.levels.len() < 2 {
            return Err(unexpected);
        }
        let Some(level) = self.levels.pop() else { return Err(unexpected) };
        self.flags = level.flags;
        let item = level.finish();
        self.check_height(item.height)?;
        if let Some(outer) = self.levels.last_mut() {
            outer.items.push(item);
        }
        self.rest = rest;
        Ok(())
    }

    fn check_height(&self, height: u32) -> Result<(), SyntaxError> {
        if height > MAX_HEIGHT { Err(SyntaxError::new(Kind::Depth, self.whole)) } else { Ok(()) }
    }

    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
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
        let times = max.unwrap_or(min).max(1);
        item.repeats = item.repeats.saturating_mul(times);
        if item.repeats > 1000 {
            return Err(SyntaxError::new(Kind::RepeatSize, own));
        }
        let lazy = lazy != self.flags.swap_greed;
        let node = Box::new(std::mem::replace(&mut item.node, Node::Concat(Vec::new())));
        item.node = Node::Repeat { node, min, max, lazy };
        item.height += 1;
        let height = item.height;
        self.check_height(height)?;
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
            self.open(true, rest);
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
                        self.open(false, chars.as_str());
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
            Some('A') => self.look(Look::Start, next),
            Some('z') => self.look(Look::End, next),
            Some('b') => self.look(Look::Boundary, next),
            Some('B') => self.look(Look::NotBoundary, next),
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
                    self.set(set, rest);
                } else if let Some((set, rest)) = class::perl(self.rest, self.flags.fold) {
                    self.set(set, rest);
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
