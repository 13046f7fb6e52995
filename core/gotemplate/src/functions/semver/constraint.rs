//! Ranges of versions with the rules of Masterminds/semver 3.5, which Helm uses for `semverCompare`, `kubeVersion` and the
//! versions of dependencies.

use std::cmp::Ordering;
use std::fmt;

use super::version::{SemverError, Version, compare_prerelease};
use crate::functions::arguments::quoted;

const MAX_LENGTH: usize = 512;
const MAX_GROUPS: usize = 32;

/// A range of versions: alternatives separated by `||`, each a list of conditions that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    conditions: Vec<Condition>,
    /// Pre-releases are only looked at where a condition names one.
    prereleases: bool,
}

/// How the version is compared; the empty operator is `TildeOrEqual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// The operators, the longer ones first.
const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::TildeOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::TildeOrEqual),
];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    operator: Operator,
    /// As it was written, blanks between the two left out.
    shown: String,
    version: Version,
    open: Open,
}

/// The first number that was left out or given as `x`, `X` or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    None,
    Major,
    Minor,
    Patch,
}

impl Constraint {
    /// Reads a constraint as `semver.NewConstraint` does.
    ///
    /// # Errors
    /// When it is none, in Helm's words.
    pub fn parse(text: &str) -> Result<Self, SemverError> {
        if text.len() > MAX_LENGTH {
            return Err(SemverError::ConstraintTooLong);
        }
        let rewritten = rewrite_ranges(text);
        let alternatives: Vec<&str> = rewritten.split("||").collect();
        if alternatives.len() > MAX_GROUPS {
            return Err(SemverError::TooManyGroups);
        }
        let groups = alternatives.into_iter().map(Group::parse).collect::<Result<_, _>>()?;
        Ok(Self { groups })
    }

    /// Whether the version is in the range. Pre-releases are not, unless a condition beside names one.
    #[must_use]
    pub fn check(&self, version: &Version) -> bool {
        self.holds(version, false)
    }

    /// Whether the version is in the range, pre-releases too (`Constraints.IncludePrerelease` of Masterminds/semver v3.4).
    #[must_use]
    pub fn check_with_prereleases(&self, version: &Version) -> bool {
        self.holds(version, true)
    }

    fn holds(&self, version: &Version, prereleases: bool) -> bool {
        self.groups.iter().any(|group| {
            (prereleases || group.prereleases || version.prerelease.is_empty())
                && group.conditions.iter().all(|condition| condition.holds(version))
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.groups.iter().enumerate() {
            out.write_str(if index > 0 { " || " } else { "" })?;
            for (index, condition) in group.conditions.iter().enumerate() {
                out.write_str(if index > 0 { " " } else { "" })?;
                out.write_str(&condition.shown)?;
            }
        }
        Ok(())
    }
}

impl Group {
    fn parse(text: &str) -> Result<Self, SemverError> {
        let improper = || SemverError::Constraint(quoted(text));
        let mut pieces = Vec::new();
        let mut rest = after_blanks(text);
        loop {
            let (operator, pattern, after) = condition_at(rest).ok_or_else(improper)?;
            pieces.push((operator, pattern));
            rest = after_blanks(after);
            if rest.is_empty() {
                break;
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after_blanks(after),
                None if rest.len() == after.len() => return Err(improper()),
                None => {}
            }
        }
        let conditions: Vec<Condition> = pieces
            .into_iter()
            .map(|(operator, pattern)| Condition::parse(operator, pattern))
            .collect::<Result<_, _>>()?;
        let prereleases = conditions.iter().any(|condition| !condition.version.prerelease.is_empty());
        Ok(Self { conditions, prereleases })
    }
}

impl Condition {
    fn parse((sign, operator): (&str, Operator), pattern: &str) -> Result<Self, SemverError> {
        let bare = pattern.strip_prefix('v').unwrap_or(pattern);
        let end = bare.find(['-', '+']).unwrap_or(bare.len());
        let (numbers, tail) = bare.split_at(end);
        // Build data counts nothing, and where a number is open Go drops it.
        let prerelease = tail.split('+').next().unwrap_or_default();
        let parts: Vec<&str> = numbers.split('.').collect();
        let given = |index: usize| parts.get(index).copied().filter(|part| !matches!(*part, "x" | "X" | "*"));
        let (open, text) = match (given(0), given(1), given(2)) {
            (None, _, _) => (Open::Major, format!("0.0.0{prerelease}")),
            (Some(major), None, _) => (Open::Minor, format!("{major}.0.0{prerelease}")),
            (Some(major), Some(minor), None) => (Open::Patch, format!("{major}.{minor}.0{prerelease}")),
            _ => (Open::None, pattern.to_owned()),
        };
        let version = Version::parse(&text).map_err(|_| SemverError::ConstraintVersion)?;
        Ok(Self { operator, shown: format!("{sign}{pattern}"), version, open })
    }

    fn holds(&self, version: &Version) -> bool {
        let own = &self.version;
        let order = version.compare(own);
        match self.operator {
            Operator::TildeOrEqual if self.open == Open::None => order == Ordering::Equal,
            Operator::TildeOrEqual | Operator::Tilde => self.tilde(version, order),
            Operator::NotEqual => self.differs(version, order),
            Operator::Greater => match self.open {
                Open::Minor => version.major > own.major,
                Open::Patch => (version.major, version.minor) > (own.major, own.minor),
                // `>*` compares the three numbers with 0.0.0.
                Open::None | Open::Major => order == Ordering::Greater,
            },
            Operator::GreaterEqual => order != Ordering::Less,
            Operator::Less => order == Ordering::Less,
            Operator::LessEqual => match self.open {
                Open::None => order != Ordering::Greater,
                Open::Minor => version.major <= own.major,
                Open::Patch | Open::Major => (version.major, version.minor) <= (own.major, own.minor),
            },
            Operator::Caret => order != Ordering::Less && self.caret(version),
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let zero = (own.major, own.minor, own.patch) == (0, 0, 0);
        // `~0.0.0` and `*` let everything pass.
        if zero && !matches!(self.open, Open::Minor | Open::Patch) {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.open == Open::Minor)
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        let other_major = version.major != own.major;
        let other_minor = version.minor != own.minor;
        match self.open {
            Open::None => order != Ordering::Equal,
            Open::Minor => other_major,
            Open::Patch => {
                other_major
                    || other_minor
                    || compare_prerelease(&version.prerelease, &own.prerelease) != Ordering::Equal
            }
            Open::Major => {
                other_major || other_minor || version.patch != own.patch || order != Ordering::Equal
            }
        }
    }

    /// The leftmost number that is not zero must stay.
    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.major != own.major {
            // `^*` is `^0.0.0`, and that stays below 1.
            return false;
        }
        if own.major > 0 || self.open == Open::Minor {
            return true;
        }
        if version.minor != own.minor {
            return false;
        }
        own.minor > 0 || self.open == Open::Patch || version.patch == own.patch
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn after_blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// `a - b` becomes `>= a, <= b `, blanks around included.
fn rewrite_ranges(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((from, to, after)) = range_at(rest) {
            out.push_str(&format!(">= {from}, <= {to} "));
            rest = after;
            continue;
        }
        let mut chars = rest.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

fn range_at(text: &str) -> Option<(&str, &str, &str)> {
    let (from, rest) = pattern_at(after_blanks(text))?;
    let hyphen = after_blanks(rest);
    let rest = hyphen.strip_prefix('-')?;
    let second = after_blanks(rest);
    if hyphen.len() == from_len(text, from) || second.len() == rest.len() {
        return None;
    }
    let (to, rest) = pattern_at(second)?;
    Some((from, to, after_blanks(rest)))
}

/// How much is left behind a pattern that follows blanks.
fn from_len(text: &str, pattern: &str) -> usize {
    after_blanks(text).len() - pattern.len()
}

type Sign = (&'static str, Operator);

/// An operator and a version with gaps, and what follows.
fn condition_at(text: &str) -> Option<(Sign, &str, &str)> {
    let sign = OPERATORS.iter().find(|(sign, _)| text.starts_with(sign))?;
    let (pattern, after) = pattern_at(after_blanks(text.strip_prefix(sign.0)?))?;
    Some((*sign, pattern, after))
}

/// A version with gaps such as `v1.x` or `1.2-rc.1`, and what follows.
fn pattern_at(text: &str) -> Option<(&str, &str)> {
    let number = |c: char| c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*' | '|');
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut rest = after_some(text.strip_prefix('v').unwrap_or(text), number)?;
    for _ in 0..2 {
        match rest.strip_prefix('.').and_then(|after| after_some(after, number)) {
            Some(after) => rest = after,
            None => break,
        }
    }
    for sign in ['-', '+'] {
        if let Some(mut after) = rest.strip_prefix(sign).and_then(|after| after_some(after, word)) {
            while let Some(more) = after.strip_prefix('.').and_then(|more| after_some(more, word)) {
                after = more;
            }
            rest = after;
        }
    }
    text.get(..text.len() - rest.len()).map(|pattern| (pattern, rest))
}

/// What follows one or more of these characters.
fn after_some(text: &str, of: impl Fn(char) -> bool) -> Option<&str> {
    let rest = text.trim_start_matches(of);
    (rest.len() < text.len()).then_some(rest)
}
