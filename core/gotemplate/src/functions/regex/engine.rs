//! What runs an expression: the `regex` crate where its size does not count, and our own program in WebAssembly and where the
//! crate refuses an expression as too large. Both find the same.

use super::error::{Kind, SyntaxError};
use super::node::Node;
use super::program::{Program, Slots};

/// An expression of Go's dialect, compiled.
pub struct Regex(Engine);

enum Engine {
    #[cfg(not(target_arch = "wasm32"))]
    Crate(regex::Regex),
    Program(Program),
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Regex")
    }
}

impl Regex {
    pub(super) fn new(node: &Node, source: &str) -> Result<Self, SyntaxError> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let mut pattern = String::new();
            node.pattern(&mut pattern);
            // Depth was checked before.
            if let Ok(regex) = regex::RegexBuilder::new(&pattern).nest_limit(100_000).build() {
                return Ok(Self(Engine::Crate(regex)));
            }
        }
        Self::program(node).ok_or_else(|| SyntaxError::new(Kind::Large, source))
    }

    /// With our own program, everywhere.
    pub(super) fn program(node: &Node) -> Option<Self> {
        Program::new(node).map(|program| Self(Engine::Program(program)))
    }

    /// Whether it matches somewhere in a text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0 {
            #[cfg(not(target_arch = "wasm32"))]
            Engine::Crate(regex) => regex.is_match(text),
            Engine::Program(program) => program.search(text, 0, &mut Vec::new()),
        }
    }

    /// The first match from a place on; the slots say how many groups are asked for.
    pub(super) fn search(&self, text: &str, from: usize, slots: &mut Slots) -> bool {
        match &self.0 {
            #[cfg(not(target_arch = "wasm32"))]
            Engine::Crate(regex) if slots.len() <= 2 => {
                let Some(found) = regex.find_at(text, from) else { return false };
                slots.copy_from_slice(&[Some(found.start()), Some(found.end())]);
                true
            }
            #[cfg(not(target_arch = "wasm32"))]
            Engine::Crate(regex) => {
                let mut places = regex.capture_locations();
                if regex.captures_read_at(&mut places, text, from).is_none() {
                    return false;
                }
                for (index, pair) in slots.chunks_exact_mut(2).enumerate() {
                    let place = places.get(index);
                    pair.copy_from_slice(&[place.map(|place| place.0), place.map(|place| place.1)]);
                }
                true
            }
            Engine::Program(program) => program.search(text, from, slots),
        }
    }

    /// All matches that do not overlap, with so many groups, the whole match first.
    pub(super) fn matches<'a>(&'a self, text: &'a str, groups: usize) -> impl Iterator<Item = Slots> + 'a {
        let (mut from, mut last) = (0, None);
        std::iter::from_fn(move || {
            let mut slots = vec![None; 2 * groups];
            if !self.search(text, from, &mut slots) {
                return None;
            }
            // No empty match at the end of the one before.
            if slots[0] == slots[1] && slots[1] == last {
                from += text.get(from..).and_then(|rest| rest.chars().next())?.len_utf8();
                slots.fill(None);
                if !self.search(text, from, &mut slots) {
                    return None;
                }
            }
            last = slots[1];
            from = last?;
            Some(slots)
        })
    }
}
