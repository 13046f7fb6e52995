//! Sets of characters, and the two tables of Unicode that Go's expressions need.
//!
//! The tables are Go's own (`tables/regenerate.go`), a seventh of the size of those in the `regex` crate and of the Unicode
//! version that Helm answers with. A *number* is unsigned, in seven bits a byte, least first.

/// Which characters are the same but for case. For each such group, in the order of their first characters: the distance from
/// the first character of the group before (a number), how many more there are (a byte) and their distances (numbers).
static FOLDS: &[u8] = include_bytes!("tables/folds.bin");

/// What `\p` knows: lines of the categories' names, with letters for the basic categories in front; an empty line; lines of the
/// scripts' names; an empty line; and twice, for the basic categories and for the scripts, runs from 0 to 10FFFF: a number of
/// characters, and the index of what they belong to.
#[cfg(feature = "full")]
static CLASSES: &[u8] = include_bytes!("tables/classes.bin");

const LAST: u32 = 0x0010_ffff;

/// Characters, as ranges with both ends; surrogates may be among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Set(Vec<(u32, u32)>);

impl Set {
    /// Of the characters from the first to the second, the third to the fourth, and so on.
    pub(super) fn of(pairs: &str) -> Self {
        let mut set = Self::default();
        let mut chars = pairs.chars();
        while let (Some(low), Some(high)) = (chars.next(), chars.next()) {
            set.add(low, high);
        }
        set
    }

    pub(super) fn add(&mut self, low: char, high: char) {
        self.0.push((u32::from(low), u32::from(high)));
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// In order and without overlaps.
    fn tidy(&self) -> Self {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let mut tidy: Vec<(u32, u32)> = Vec::new();
        for (low, high) in sorted {
            match tidy.last_mut() {
                Some((_, end)) if low <= *end + 1 => *end = high.max(*end),
                _ => tidy.push((low, high)),
            }
        }
        Self(tidy)
    }

    /// All other characters.
    pub(super) fn negated(&self) -> Self {
        let mut others = Self::default();
        let mut from = 0;
        for (low, high) in self.tidy().0 {
            if low > from {
                others.0.push((from, low - 1));
            }
            from = high + 1;
        }
        if from <= LAST {
            others.0.push((from, LAST));
        }
        others
    }

    /// With what differs only in case (Go's `unicode.SimpleFold`).
    pub(super) fn folded(&self) -> Self {
        let tidy = self.tidy();
        let Some(end) = tidy.0.last().map(|range| range.1) else { return tidy };
        let holds = |code: u32| {
            let after = tidy.0.partition_point(|range| range.1 < code);
            tidy.0.get(after).is_some_and(|range| range.0 <= code)
        };
        let mut folded = tidy.clone();
        let mut rest = FOLDS;
        let (mut first, mut group) = (0, Vec::new());
        while let Some(distance) = number(&mut rest) {
            first += distance;
            if first > end {
                break;
            }
            group.clear();
            group.push(first);
            let mut code = first;
            for _ in 0..byte(&mut rest).unwrap_or_default() {
                code += number(&mut rest).unwrap_or_default();
                group.push(code);
            }
            if group.iter().any(|code| holds(*code)) {
                folded.0.extend(group.iter().map(|code| (*code, *code)));
            }
        }
        folded
    }

    /// The ranges, in order and without overlaps.
    pub(super) fn ranges(&self) -> Vec<(u32, u32)> {
        self.tidy().0
    }

    /// As the `regex` crate reads it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn pattern(&self, out: &mut String) {
        let length = out.len();
        for (low, high) in self.tidy().0 {
            // Surrogates are no characters there.
            let low = if (0xd800..0xe000).contains(&low) { 0xe000 } else { low };
            let high = if (0xd800..0xe000).contains(&high) { 0xd7ff } else { high };
            if low > high {
                continue;
            }
            if out.len() == length {
                out.push('[');
            }
            push_code(out, low);
            if high > low {
                out.push('-');
                push_code(out, high);
            }
        }
        out.push_str(if out.len() == length { r"[^\x00-\x{10FFFF}]" } else { "]" });
    }
}

/// A character as the `regex` crate reads it, inside classes and outside.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn push_code(out: &mut String, code: u32) {
    match char::from_u32(code).filter(char::is_ascii_alphanumeric) {
        Some(c) => out.push(c),
        None => out.push_str(&format!("\\x{{{code:X}}}")),
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (mut whole, mut shift) = (0, 0);
    loop {
        let byte = byte(rest)?;
        whole |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 || shift > 20 {
            return Some(whole);
        }
        shift += 7;
    }
}

/// The class of a name, as Go's `regexp/syntax` looks it up, and whether the flag `i` matters to it: Go has no table of what
/// folds into the cased letters.
#[cfg(feature = "full")]
pub(super) fn named(name: &str) -> Option<(Set, bool)> {
    let mut canonical: String = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
    canonical.make_ascii_lowercase();
    canonical.get_mut(..1)?.make_ascii_uppercase();
    let name = canonical.as_str();
    match name {
        "Any" => return Some((Set(vec![(0, LAST)]), true)),
        "Ascii" => return Some((Set(vec![(0, 0x7f)]), true)),
        "Assigned" => return named("Cn").map(|(unassigned, folds)| (unassigned.negated(), folds)),
        _ => {}
    }
    let mut rest = CLASSES;
    let mut members = Vec::new();
    while let Some((kinds, names)) = line(&mut rest)?.split_once(' ') {
        if names.split(' ').any(|one| one == name) {
            members.extend(kinds.bytes().map(|letter| letter - b'A'));
        }
    }
    let category = !members.is_empty();
    let mut index = 0;
    loop {
        match line(&mut rest)? {
            "" => break,
            script if script == name && !category => members.push(index),
            _ => {}
        }
        index += 1;
    }
    if members.is_empty() {
        return None;
    }
    let categories = runs(&mut rest, &members);
    let set = if category { categories } else { runs(&mut rest, &members) };
    Some((set, !matches!(name, "Lc" | "Casedletter")))
}

#[cfg(not(feature = "full"))]
pub(super) fn named(_: &str) -> Option<(Set, bool)> {
    None
}

#[cfg(feature = "full")]
fn line(rest: &mut &'static [u8]) -> Option<&'static str> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, after) = rest.split_at_checked(end)?;
    *rest = after.get(1..)?;
    std::str::from_utf8(line).ok()
}

/// Reads one table of runs; the set of those that belong to the members.
#[cfg(feature = "full")]
fn runs(rest: &mut &[u8], members: &[u8]) -> Set {
    let mut set = Set::default();
    let mut from = 0;
    while from <= LAST
        && let Some(length) = number(rest).filter(|length| *length > 0)
        && let Some(kind) = byte(rest)
    {
        if members.contains(&kind) {
            set.0.push((from, from + length - 1));
        }
        from += length;
    }
    set
}
