//! One document: the open lists and maps, the anchors, and yaml.v2's rules for keys, `<<` and aliases.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use granit_parser::{Event, ScalarStyle, Span, StructureStyle, Tag};

use super::{Builder, ReadOptions};
use crate::MAX_DEPTH;
use crate::error::{ReadError, ReadErrorKind};
use crate::number::format_float;
use crate::resolve::{Scalar, resolve_plain};

/// yaml.v2 lets almost everything come from aliases up to the first number of nodes, a tenth from the second on.
const ALIAS_RANGE: (f64, f64) = (400_000.0, 4_000_000.0);

struct Anchor<V> {
    value: V,
    /// The text as a key, or why it can be none.
    key: Result<String, &'static str>,
    is_map: bool,
    /// Nodes in it, aliases expanded.
    size: u64,
    depth: usize,
}

enum Pending<K> {
    None,
    Key(K),
    Merge,
}

enum Kind<B: Builder> {
    List(Vec<B::Value>),
    Map(Vec<(B::Key, B::Value)>, Pending<B::Key>),
}

struct Frame<B: Builder> {
    kind: Kind<B>,
    anchor: usize,
    count_before: u64,
    flow: bool,
    depth: usize,
    line: usize,
    column: usize,
}

/// A finished node on its way into its parent.
struct Node<B: Builder> {
    value: B::Value,
    key: Result<String, &'static str>,
    depth: usize,
    is_map: bool,
    line: usize,
    column: usize,
}

/// The state of one document.
pub(super) struct Assembly<'i, B: Builder> {
    source: &'i str,
    options: ReadOptions,
    frames: Vec<Frame<B>>,
    anchors: BTreeMap<usize, Anchor<B::Value>>,
    nodes: u64,
    alias_nodes: u64,
}

type Finished<V> = Option<(V, usize)>;

impl<'i, B: Builder> Assembly<'i, B> {
    pub(super) fn new(source: &'i str, options: ReadOptions) -> Self {
        Assembly { source, options, frames: Vec::new(), anchors: BTreeMap::new(), nodes: 0, alias_nodes: 0 }
    }

    /// Takes one event; gives the document's value when it is complete, and the line it began at.
    pub(super) fn event(
        &mut self,
        event: Event<'i>,
        span: &Span,
        builder: &mut B,
    ) -> Result<Finished<B::Value>, ReadError> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let fail = |kind| ReadError::new(line, column, kind);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_tab_before(span)?;
                self.count(1, 0).map_err(fail)?;
                let text = self.at_end_of_file(text, style, span);
                let plain = style == ScalarStyle::Plain;
                // A null that is not written out comes as `~`; with a tag it is an empty text.
                let text = if plain && span.start == span.end { Cow::Borrowed("") } else { text };
                self.scalar(&text, plain, tag.as_deref(), anchor, builder, (line, column))
            }
            Event::SequenceStart(style, anchor, _) => {
                self.no_tab_before(span)?;
                self.open(Kind::List(Vec::new()), anchor, style, (line, column)).map(|()| None)
            }
            Event::MappingStart(style, anchor, _) => {
                self.no_tab_before(span)?;
                self.open(Kind::Map(Vec::new(), Pending::None), anchor, style, (line, column)).map(|()| None)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(builder),
            Event::Alias(id) => {
                let Some(anchor) = self.anchors.get(&id) else {
                    return Err(fail(ReadErrorKind::Cycle));
                };
                if self.frames.len() + anchor.depth > MAX_DEPTH {
                    return Err(fail(ReadErrorKind::Depth));
                }
                let (size, depth, is_map, key) =
                    (anchor.size, anchor.depth, anchor.is_map, anchor.key.clone());
                self.count(size.saturating_add(1), size).map_err(fail)?;
                let Some(anchor) = self.anchors.get(&id) else { return Ok(None) };
                let value = builder.copy(&anchor.value);
                self.deliver(Node { value, key, depth, is_map, line, column }, builder)
            }
            _ => Ok(None),
        }
    }

    /// yaml.v2's guard against documents that grow out of bounds.
    fn count(&mut self, nodes: u64, from_aliases: u64) -> Result<(), ReadErrorKind> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.alias_nodes = self.alias_nodes.saturating_add(from_aliases);
        if self.alias_nodes > 100 && self.nodes > 1000 {
            let (nodes, aliases) = (self.nodes as f64, self.alias_nodes as f64);
            let (low, high) = ALIAS_RANGE;
            let allowed = 0.99 - 0.89 * ((nodes - low) / (high - low)).clamp(0.0, 1.0);
            if aliases / nodes > allowed {
                return Err(ReadErrorKind::Aliasing);
            }
        }
        Ok(())
    }

    /// yaml.v2 takes no tab where a block could be indented: at the start of a line and behind `- `.
    fn no_tab_before(&self, span: &Span) -> Result<(), ReadError> {
        if self.frames.last().is_some_and(|frame| frame.flow) || span.start == span.end {
            return Ok(());
        }
        let before =
            span.start.byte_offset().and_then(|at| self.source.as_bytes().get(..at)).unwrap_or_default();
        let blanks = before.iter().rev().take_while(|b| matches!(b, b' ' | b'\t'));
        let (mut count, mut tab) = (0, false);
        for blank in blanks {
            count += 1;
            tab |= *blank == b'\t';
        }
        let front = before.iter().rev().nth(count);
        if tab && front.is_none_or(|b| matches!(b, b'\n' | b'\r' | b'-' | b'?')) {
            let words = "a tab cannot indent; use spaces".to_owned();
            return Err(ReadError::new(
                span.start.line(),
                span.start.col() + 1,
                ReadErrorKind::Syntax(words),
            ));
        }
        Ok(())
    }

    /// YAML 1.2 gives a block text that ends with the file a final line break, yaml.v2 does not.
    fn at_end_of_file(&self, text: Cow<'i, str>, style: ScalarStyle, span: &Span) -> Cow<'i, str> {
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) || !text.ends_with('\n') {
            return text;
        }
        if span.end.byte_offset().is_none_or(|end| end < self.source.len()) {
            return text;
        }
        let last_line = self.source.rsplit(['\n', '\r']).next().unwrap_or_default();
        if last_line.trim_matches(' ').is_empty() {
            return text;
        }
        let mut text = text.into_owned();
        text.pop();
        Cow::Owned(text)
    }

    fn scalar(
        &mut self,
        text: &str,
        plain: bool,
        tag: Option<&Tag>,
        anchor: usize,
        builder: &mut B,
        (line, column): (usize, usize),
    ) -> Result<Finished<B::Value>, ReadError> {
        let fail = |kind| ReadError::new(line, column, kind);
        let implicit = plain && tag.is_none();
        let core = tag.and_then(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"));
        let core = core.as_deref();
        if text == "<<" && (implicit || core == Some("merge")) && self.wants_key() {
            if let Some(Frame { kind: Kind::Map(_, pending), .. }) = self.frames.last_mut() {
                *pending = Pending::Merge;
            }
            return Ok(None);
        }
        let decoded;
        let scalar = match core {
            _ if implicit => resolve_plain(text),
            Some("binary") => {
                decoded = binary(text).ok_or_else(|| fail(ReadErrorKind::Binary))?;
                Scalar::Str(&decoded)
            }
            Some(name) => tagged(name, text).map_err(fail)?,
            None => Scalar::Str(text),
        };
        if self.wants_key() && anchor == 0 {
            let key = key_text(scalar).map_err(|what| fail(ReadErrorKind::Key(what)))?;
            return self.take_key(&key, builder).map(|()| None);
        }
        let value = match scalar {
            Scalar::Null => builder.null(),
            Scalar::Bool(value) => builder.boolean(value),
            Scalar::Int(value) => builder.int(value),
            Scalar::Uint(value) => builder.uint(value),
            Scalar::Float(value) if value.is_finite() => builder.float(value),
            // As a key it is only a text.
            Scalar::Float(_) if self.wants_key() => builder.null(),
            Scalar::Float(value) => {
                return Err(fail(ReadErrorKind::NotFinite(if value.is_nan() { "NaN" } else { "infinity" })));
            }
            Scalar::Timestamp(text) | Scalar::Str(text) => builder.string(text),
        };
        let key = if anchor == 0 { Err("this") } else { key_text(scalar).map(Cow::into_owned) };
        let node = Node { value, key, depth: 0, is_map: false, line, column };
        self.anchored(anchor, 1, &node, builder);
        self.deliver(node, builder)
    }

    fn open(
        &mut self,
        kind: Kind<B>,
        anchor: usize,
        style: StructureStyle,
        (line, column): (usize, usize),
    ) -> Result<(), ReadError> {
        let fail = |kind| ReadError::new(line, column, kind);
        if self.frames.len() >= MAX_DEPTH {
            return Err(fail(ReadErrorKind::Depth));
        }
        if self.wants_key() {
            let what = if matches!(kind, Kind::List(_)) { "a list" } else { "a map" };
            return Err(fail(ReadErrorKind::Key(what)));
        }
        let count_before = self.nodes;
        self.count(1, 0).map_err(fail)?;
        self.frames.push(Frame {
            kind,
            anchor,
            count_before,
            flow: style == StructureStyle::Flow,
            depth: 0,
            line,
            column,
        });
        Ok(())
    }

    fn close(&mut self, builder: &mut B) -> Result<Finished<B::Value>, ReadError> {
        let Some(frame) = self.frames.pop() else { return Ok(None) };
        let Frame { kind, anchor, count_before, depth, line, column, .. } = frame;
        let (value, is_map, what) = match kind {
            Kind::List(items) => {
                if anchor == 0
                    && let Some(Frame { kind: Kind::Map(entries, pending @ Pending::Merge), .. }) =
                        self.frames.last_mut()
                {
                    *pending = Pending::None;
                    // From the last to the first, so that earlier maps take precedence.
                    for item in items.iter().rev() {
                        let Some(more) = builder.entries(item) else {
                            return Err(ReadError::new(line, column, ReadErrorKind::Merge));
                        };
                        entries.extend(more);
                    }
                    return Ok(None);
                }
                (builder.list(items), false, "a list")
            }
            Kind::Map(entries, _) => {
                if self.options.unique_keys {
                    unique(&entries).map_err(|kind| ReadError::new(line, column, kind))?;
                }
                (builder.map(entries), true, "a map")
            }
        };
        let node = Node { value, key: Err(what), depth: depth + 1, is_map, line, column };
        self.anchored(anchor, self.nodes - count_before, &node, builder);
        self.deliver(node, builder)
    }

    fn anchored(&mut self, anchor: usize, size: u64, node: &Node<B>, builder: &mut B) {
        if anchor != 0 {
            let (key, depth, is_map) = (node.key.clone(), node.depth, node.is_map);
            let value = builder.copy(&node.value);
            self.anchors.insert(anchor, Anchor { value, key, is_map, size, depth });
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: Kind::Map(_, Pending::None), .. }))
    }

    fn take_key(&mut self, key: &str, builder: &mut B) -> Result<(), ReadError> {
        if let Some(Frame { kind: Kind::Map(_, pending), .. }) = self.frames.last_mut() {
            *pending = Pending::Key(builder.key(key));
        }
        Ok(())
    }

    fn deliver(&mut self, node: Node<B>, builder: &mut B) -> Result<Finished<B::Value>, ReadError> {
        let Node { value, key, depth, is_map, line, column } = node;
        let fail = |kind| ReadError::new(line, column, kind);
        let Some(frame) = self.frames.last_mut() else {
            return Ok(Some((value, line)));
        };
        frame.depth = frame.depth.max(depth);
        match &mut frame.kind {
            Kind::List(items) => items.push(value),
            Kind::Map(entries, pending) => match core::mem::replace(pending, Pending::None) {
                Pending::None => {
                    let key = key.map_err(|what| fail(ReadErrorKind::Key(what)))?;
                    *pending = Pending::Key(builder.key(&key));
                }
                Pending::Key(key) => entries.push((key, value)),
                Pending::Merge => {
                    let more = if is_map { builder.entries(&value) } else { None };
                    entries.extend(more.ok_or_else(|| fail(ReadErrorKind::Merge))?);
                }
            },
        }
        Ok(None)
    }
}

/// A scalar as a key of a JSON map (`convertToJSONableObject` of sigs.k8s.io/yaml), or why it can be none.
pub(super) fn key_text(scalar: Scalar<'_>) -> Result<Cow<'_, str>, &'static str> {
    Ok(match scalar {
        Scalar::Null => return Err("null"),
        Scalar::Uint(_) => return Err("a number above 2^63"),
        Scalar::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Scalar::Int(value) => Cow::Owned(value.to_string()),
        Scalar::Float(value) if value.is_nan() => Cow::Borrowed(".nan"),
        Scalar::Float(f64::INFINITY) => Cow::Borrowed(".inf"),
        Scalar::Float(f64::NEG_INFINITY) => Cow::Borrowed("-.inf"),
        Scalar::Float(value) => Cow::Owned(match format_float(value, 'g', None, 32).as_str() {
            // Out of the range of float32.
            "+Inf" => ".inf".to_owned(),
            "-Inf" => "-.inf".to_owned(),
            text => text.to_owned(),
        }),
        Scalar::Timestamp(text) | Scalar::Str(text) => Cow::Borrowed(text),
    })
}

/// A scalar under one of YAML's own tags.
fn tagged<'t>(tag: &str, text: &'t str) -> Result<Scalar<'t>, ReadErrorKind> {
    let resolved = match tag {
        "bool" | "int" | "float" | "null" | "timestamp" => resolve_plain(text),
        _ => return Ok(Scalar::Str(text)),
    };
    match (tag, resolved) {
        ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_))
        | ("null", Scalar::Null)
        | ("timestamp", Scalar::Timestamp(_)) => Ok(resolved),
        ("float", Scalar::Int(value)) => Ok(Scalar::Float(value as f64)),
        _ => Err(ReadErrorKind::Tag { tag: tag.to_owned(), value: text.to_owned() }),
    }
}

/// The text in `!!binary`, each byte that is no UTF-8 replaced, as encoding/json does.
fn binary(text: &str) -> Option<String> {
    let joined: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = STANDARD.decode(joined).ok()?;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| out.push('\u{fffd}'));
    }
    Some(out)
}

fn unique<K: AsRef<str>, V>(entries: &[(K, V)]) -> Result<(), ReadErrorKind> {
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(ReadErrorKind::DuplicateKey(pair.first().copied().unwrap_or_default().to_owned())),
        None => Ok(()),
    }
}
