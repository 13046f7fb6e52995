//! What Go says about a document that it reads and then cannot decode.
//!
//! Go reads a whole document before it decodes any of it, decodes it before it turns it into JSON, and prints keys that are
//! no keys as Go code. Only texts with an error come here, so it may take its time: a tree is made and decoded as Go does.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::build::{Text, binary, is_excessive, tagged};
use super::fault::Mark;
use super::go_value::{Go, convert};
use super::parse::{CORE, Event, Parser, What};
use crate::MAX_DEPTH;
use crate::error::{ReadError, ReadErrorKind};
use crate::resolve::{Scalar, resolve_plain};

/// Larger documents (aliases expanded) are not explained.
const MOST: u64 = 200_000;

/// A node of a document; its parts are numbers of nodes.
enum Node {
    Scalar { text: String, implicit: bool, tag: Option<Box<str>> },
    List(Vec<usize>),
    Map(Vec<usize>),
    Alias(String, usize),
}

enum Stop {
    /// Go's words.
    Said(String),
    /// Too deep or too large to be looked at.
    GaveUp,
}

/// The error with Go's message; another error, where Go finds that first; the value, where Go finds none.
pub(super) fn explained(
    error: ReadError,
    source: &str,
    skipped: usize,
    document: usize,
) -> Result<Rc<Go>, ReadError> {
    let tree = match Tree::read(source, skipped, document) {
        Ok(tree) => tree,
        Err(Some(earlier)) => return Err(earlier),
        Err(None) => return Err(error),
    };
    let mut decoder = Decoder { tree: &tree, open: Vec::new(), nodes: 1, from_aliases: 0, alias_depth: 0 };
    match decoder.node(0, 0) {
        Ok(value) => match convert(&value) {
            Ok(()) => Ok(value),
            Err(said) => Err(error.with_go(said)),
        },
        Err(Stop::Said(words)) => Err(error.with_go(format!("yaml: {words}"))),
        Err(Stop::GaveUp) => Err(error),
    }
}

#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// Reads one document; gives the error of reading, or nothing where there is no document.
    fn read(source: &str, skipped: usize, document: usize) -> Result<Tree, Option<ReadError>> {
        let mut parser = Parser::new(source, skipped);
        let mut count = 0;
        let mut growth = Growth::default();
        loop {
            let event = parser.event().map_err(|fault| Some(fault.into_error(source)))?;
            match event.what {
                What::StreamEnd => return Err(None),
                What::DocumentStart => count += 1,
                What::DocumentEnd if count == document => return Ok(growth.tree),
                _ if count < document => {}
                _ => {
                    let mark = event.mark;
                    growth.event(event).map_err(|unknown| {
                        let column = super::fault::column(source, mark.at);
                        let go = format!("yaml: unknown anchor '{unknown}' referenced");
                        let kind = ReadErrorKind::UnknownAnchor(unknown);
                        Some(ReadError::new(mark.line + 1, column, kind).with_go(go))
                    })?;
                }
            }
        }
    }
}

/// A tree on the way.
#[derive(Default)]
struct Growth {
    tree: Tree,
    open: Vec<usize>,
    anchors: BTreeMap<String, usize>,
}

impl Growth {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        let Event { what, anchor, tag, .. } = event;
        let node = match what {
            What::ListEnd | What::MapEnd => {
                self.open.pop();
                return Ok(());
            }
            What::Alias(name) => {
                let known = self.anchors.get(name).copied();
                Node::Alias(name.to_owned(), known.ok_or_else(|| name.to_owned())?)
            }
            What::Scalar(text, implicit) => Node::Scalar { text: text.into_owned(), implicit, tag },
            What::ListStart => Node::List(Vec::new()),
            What::MapStart => Node::Map(Vec::new()),
            What::StreamEnd | What::DocumentStart | What::DocumentEnd => return Ok(()),
        };
        let index = self.tree.nodes.len();
        if let Some(name) = anchor {
            self.anchors.insert(name.to_owned(), index);
        }
        let parent = self.open.last().and_then(|parent| self.tree.nodes.get_mut(*parent));
        if let Some(Node::List(parts) | Node::Map(parts)) = parent {
            parts.push(index);
        }
        if matches!(node, Node::List(_) | Node::Map(_)) {
            self.open.push(index);
        }
        self.tree.nodes.push(node);
        Ok(())
    }
}

struct Decoder<'t> {
    tree: &'t Tree,
    /// The aliases that are being decoded.
    open: Vec<usize>,
    nodes: u64,
    from_aliases: u64,
    alias_depth: usize,
}

type Entries = Vec<(Go, Rc<Go>)>;

fn said<T>(words: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Said(words.into()))
}

const WANT_MAP: &str = "map merge requires map or sequence of maps as the value";

impl<'t> Decoder<'t> {
    fn get(&self, index: usize) -> Result<&'t Node, Stop> {
        self.tree.nodes.get(index).ok_or(Stop::GaveUp)
    }

    fn count(&mut self, depth: usize) -> Result<(), Stop> {
        self.nodes += 1;
        if self.alias_depth > 0 {
            self.from_aliases += 1;
        }
        if is_excessive(self.nodes, self.from_aliases) {
            return said("document contains excessive aliasing");
        }
        if self.nodes > MOST || depth > MAX_DEPTH { Err(Stop::GaveUp) } else { Ok(()) }
    }

    fn node(&mut self, index: usize, depth: usize) -> Result<Rc<Go>, Stop> {
        self.count(depth)?;
        Ok(Rc::new(match self.get(index)? {
            Node::Scalar { text, implicit, tag } => scalar(text, *implicit, tag.as_deref())?,
            Node::List(parts) => {
                Go::List(parts.iter().map(|part| self.node(*part, depth + 1)).collect::<Result<_, _>>()?)
            }
            Node::Map(parts) => {
                let mut entries = Vec::new();
                self.entries(parts, &mut entries, depth)?;
                Go::Map(entries)
            }
            Node::Alias(name, target) => {
                self.enter(index, name)?;
                let value = self.node(*target, depth + 1);
                self.leave();
                return value;
            }
        }))
    }

    fn enter(&mut self, index: usize, name: &str) -> Result<(), Stop> {
        if self.open.contains(&index) {
            return said(format!("anchor '{name}' value contains itself"));
        }
        self.open.push(index);
        self.alias_depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.open.pop();
        self.alias_depth -= 1;
    }

    fn entries(&mut self, parts: &[usize], out: &mut Entries, depth: usize) -> Result<(), Stop> {
        for pair in parts.chunks(2) {
            let [key, value] = pair else { return Err(Stop::GaveUp) };
            if self.is_merge(*key)? {
                self.merge(*value, out, depth)?;
                continue;
            }
            let key = self.node(*key, depth + 1)?;
            if matches!(*key, Go::Map(_) | Go::List(_)) {
                return said(format!("invalid map key: {key}"));
            }
            let value = self.node(*value, depth + 1)?;
            match out.iter_mut().find(|(known, _)| known.is_key(&key)) {
                Some((_, old)) => *old = value,
                None => out.push((key.as_key(), value)),
            }
        }
        Ok(())
    }

    fn is_merge(&self, key: usize) -> Result<bool, Stop> {
        Ok(match self.get(key)? {
            Node::Scalar { text, implicit, tag } if text == "<<" => {
                let (tag, mark) = (tag.as_deref(), Mark::default());
                Text { text, implicit: *implicit, tag, anchor: 0, mark }.is_merge()
            }
            _ => false,
        })
    }

    fn merge(&mut self, index: usize, out: &mut Entries, depth: usize) -> Result<(), Stop> {
        match self.get(index)? {
            Node::List(parts) => {
                for part in parts.iter().rev() {
                    match self.get(*part)? {
                        Node::Map(_) | Node::Alias(..) => self.merge_map(*part, out, depth + 1)?,
                        _ => return said(WANT_MAP),
                    }
                }
                Ok(())
            }
            _ => self.merge_map(index, out, depth),
        }
    }

    fn merge_map(&mut self, index: usize, out: &mut Entries, depth: usize) -> Result<(), Stop> {
        match self.get(index)? {
            Node::Map(parts) => {
                self.count(depth)?;
                self.entries(parts, out, depth)
            }
            Node::Alias(name, target) => {
                let Node::Map(parts) = self.get(*target)? else { return said(WANT_MAP) };
                self.count(depth)?;
                self.enter(index, name)?;
                self.count(depth)?;
                let done = self.entries(parts, out, depth + 1);
                self.leave();
                done
            }
            _ => said(WANT_MAP),
        }
    }
}

/// A scalar as Go decodes it.
fn scalar(text: &str, implicit: bool, tag: Option<&str>) -> Result<Go, Stop> {
    let decoded;
    let resolved = match tag {
        None if implicit => resolve_plain(text),
        None => Scalar::Str(text),
        Some(tag) => match tag.strip_prefix(CORE) {
            None => Scalar::Str(text),
            Some("binary") => {
                decoded = match binary(text) {
                    Some(decoded) => decoded,
                    None => return said("!!binary value contains invalid base64 data"),
                };
                Scalar::Str(&decoded)
            }
            Some(name) => match tagged(name, text) {
                Ok(scalar) => scalar,
                Err(_) => return said(mismatch(name, text)),
            },
        },
    };
    Ok(match resolved {
        Scalar::Null => Go::Null,
        Scalar::Bool(value) => Go::Bool(value),
        Scalar::Int(value) => Go::Int(value),
        Scalar::Uint(value) => Go::Uint(value),
        Scalar::Float(value) => Go::Float(value),
        Scalar::Timestamp(text) | Scalar::Str(text) => Go::Str(text.to_owned()),
    })
}

/// What Go says of a tag that does not fit.
fn mismatch(tag: &str, text: &str) -> String {
    let found = match resolve_plain(text) {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) | Scalar::Uint(_) => "int",
        Scalar::Float(_) => "float",
        // Go looks for times only where a time is asked for.
        Scalar::Timestamp(_) | Scalar::Str(_) => "str",
    };
    format!("cannot decode !!{found} `{text}` as a !!{tag}")
}
