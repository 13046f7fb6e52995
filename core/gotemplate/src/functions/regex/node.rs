//! An expression as it was read.

use std::rc::Rc;

use super::set::Set;

/// One thing of an expression.
pub(super) enum Node {
    /// One character.
    Char(char),
    /// One character of a set.
    Set(Rc<Set>),
    /// A place.
    Look(Look),
    /// A group that is remembered, counted from 1.
    Group(usize, Box<Node>),
    /// From so many times to so many, or without end.
    Repeat { node: Box<Node>, min: u32, max: Option<u32>, lazy: bool },
    /// One after the other; perhaps none.
    Concat(Vec<Node>),
    /// One of them, the first first.
    Alternate(Vec<Node>),
}

/// A place between two characters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    Start,
    End,
    LineStart,
    LineEnd,
    /// Between ASCII word characters and others.
    Boundary,
    NotBoundary,
}

impl Node {
    /// Whether it can match nothing.
    pub(super) fn can_be_empty(&self) -> bool {
        match self {
            Self::Char(_) | Self::Set(_) => false,
            Self::Look(_) => true,
            Self::Group(_, node) => node.can_be_empty(),
            Self::Repeat { node, min, .. } => *min == 0 || node.can_be_empty(),
            Self::Concat(nodes) => nodes.iter().all(Self::can_be_empty),
            Self::Alternate(nodes) => nodes.iter().any(Self::can_be_empty),
        }
    }

    /// As the `regex` crate reads it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn pattern(&self, out: &mut String) {
        match self {
            Self::Char(c) => super::set::push_code(out, u32::from(*c)),
            Self::Set(set) => set.pattern(out),
            Self::Look(look) => out.push_str(match look {
                Look::Start => r"\A",
                Look::End => r"\z",
                Look::LineStart => "(?m:^)",
                Look::LineEnd => "(?m:$)",
                Look::Boundary => r"(?-u:\b)",
                Look::NotBoundary => r"(?-u:\B)",
            }),
            Self::Group(_, node) => {
                out.push('(');
                node.pattern(out);
                out.push(')');
            }
            Self::Repeat { node, min, max, lazy } => {
                out.push_str("(?:");
                node.pattern(out);
                match (min, max) {
                    (0, None) => out.push_str(")*"),
                    (1, None) => out.push_str(")+"),
                    (0, Some(1)) => out.push_str(")?"),
                    (min, None) => out.push_str(&format!("){{{min},}}")),
                    (min, Some(max)) => out.push_str(&format!("){{{min},{max}}}")),
                }
                if *lazy {
                    out.push('?');
                }
            }
            Self::Concat(nodes) => nodes.iter().for_each(|node| match node {
                Self::Alternate(_) => {
                    out.push_str("(?:");
                    node.pattern(out);
                    out.push(')');
                }
                node => node.pattern(out),
            }),
            Self::Alternate(nodes) => nodes.iter().enumerate().for_each(|(index, node)| {
                if index > 0 {
                    out.push('|');
                }
                node.pattern(out);
            }),
        }
    }
}
