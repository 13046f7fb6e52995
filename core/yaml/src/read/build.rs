//! One document: the open lists and maps, the anchors, and yaml.v2's rules for keys, `<<` and aliases.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fault::Mark;
use super::parse::{CORE, Event, What};
use super::{Builder, ReadOptions};
use crate::MAX_DEPTH;
use crate::error::ReadErrorKind;
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
    /// A key whose value does not matter.
    Skipped,
    Merge,
}

/// What a document may not hold, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) mark: Mark,
    pub(super) kind: ReadErrorKind,
}

/// A scalar with its properties.
pub(super) struct Text<'e> {
    pub(super) text: &'e str,
    pub(super) implicit: bool,
    pub(super) tag: Option<&'e str>,
    pub(super) anchor: usize,
    pub(super) mark: Mark,
}

impl<'e> Text<'e> {
    /// Whether it is the key `<<`, given that it has that text.
    pub(super) fn is_merge(&self) -> bool {
        self.implicit || self.core() == Some("merge")
    }

    /// The name of one of YAML's own tags.
    pub(super) fn core(&self) -> Option<&'e str> {
        self.tag?.strip_prefix(CORE)
    }
}

/// Whether too much comes from aliases (`decoder.unmarshal` of go.yaml.in/yaml v2.4).
pub(super) fn is_excessive(nodes: u64, from_aliases: u64) -> bool {
    let (low, high) = ALIAS_RANGE;
    let (all, aliases) = (nodes as f64, from_aliases as f64);
    let allowed = 0.99 - 0.89 * ((all - low) / (high - low)).clamp(0.0, 1.0);
    from_aliases > 100 && nodes > 1000 && aliases / all > allowed
}

enum Kind<B: Builder> {
    List(Vec<B::Value>),
    Map(Vec<(B::Key, B::Value)>, Pending<B::Key>),
}

struct Frame<B: Builder> {
    kind: Kind<B>,
    anchor: usize,
    count_before: u64,
    /// Nothing of it matters.
    skip: bool,
    depth: usize,
    mark: Mark,
}

/// A finished node on its way into its parent.
struct Node<B: Builder> {
    value: B::Value,
    key: Result<String, &'static str>,
    depth: usize,
    is_map: bool,
    mark: Mark,
}

/// The state of one document.
pub(super) struct Assembly<'i, B: Builder> {
    options: ReadOptions,
    frames: Vec<Frame<B>>,
    /// The anchors by their names; a later one of the same name takes its place.
    names: BTreeMap<&'i str, usize>,
    last_anchor: usize,
    /// What is finished of them.
    anchors: BTreeMap<usize, Anchor<B::Value>>,
    nodes: u64,
    alias_nodes: u64,
    /// Whether parts that do not matter may be left out: not where others may refer to them.
    may_skip: bool,
    /// The value that comes does not matter.
    skip_next: bool,
}

type Finished<V> = Option<(V, usize)>;

impl<'i, B: Builder> Assembly<'i, B> {
    pub(super) fn new(options: ReadOptions, may_skip: bool) -> Self {
        Assembly {
            options,
            frames: Vec::new(),
            names: BTreeMap::new(),
            last_anchor: 0,
            anchors: BTreeMap::new(),
            // Go counts the document too.
            nodes: 1,
            alias_nodes: 0,
            may_skip,
            skip_next: false,
        }
    }

    /// Takes one event; gives the document's value when it is complete, and the line it began at.
    pub(super) fn event(&mut self, event: Event<'i>, builder: &mut B) -> Result<Finished<B::Value>, Wrong> {
        let Event { what, mark, anchor, tag } = event;
        let anchor = match anchor {
            Some(name) => self.name(name),
            None => 0,
        };
        match what {
            What::Scalar(text, implicit) => {
                let text = Text { text: &text, implicit, tag: tag.as_deref(), anchor, mark };
                self.scalar(&text, builder)
            }
            What::ListStart => self.open(Kind::List(Vec::new()), anchor, mark),
            What::MapStart => self.open(Kind::Map(Vec::new(), Pending::None), anchor, mark),
            What::ListEnd | What::MapEnd => self.close(builder),
            What::Alias(name) => self.alias(name, mark, builder),
            What::StreamEnd | What::DocumentStart | What::DocumentEnd => Ok(None),
        }
    }

    fn name(&mut self, name: &'i str) -> usize {
        self.last_anchor += 1;
        self.names.insert(name, self.last_anchor);
        self.last_anchor
    }

    fn alias(&mut self, name: &str, mark: Mark, builder: &mut B) -> Result<Finished<B::Value>, Wrong> {
        let fail = |kind| Wrong { mark, kind };
        let Some(id) = self.names.get(name) else {
            return Err(fail(ReadErrorKind::UnknownAnchor(name.to_owned())));
        };
        let Some(anchor) = self.anchors.get(id) else {
            return Err(fail(ReadErrorKind::Cycle));
        };
        if self.frames.len() + anchor.depth > MAX_DEPTH {
            return Err(fail(ReadErrorKind::Depth));
        }
        let (size, depth, is_map, key) = (anchor.size, anchor.depth, anchor.is_map, anchor.key.clone());
        let value = builder.copy(&anchor.value);
        self.count(size.saturating_add(1), size).map_err(fail)?;
        self.deliver(Node { value, key, depth, is_map, mark }, builder)
    }

    /// yaml.v2's guard against documents that grow out of bounds.
    fn count(&mut self, nodes: u64, from_aliases: u64) -> Result<(), ReadErrorKind> {
        self.nodes = self.nodes.saturating_add(nodes);
        if from_aliases == 0 && self.alias_nodes <= 100 {
            return Ok(());
        }
        self.alias_nodes = self.alias_nodes.saturating_add(from_aliases);
        if is_excessive(self.nodes, self.alias_nodes) { Err(ReadErrorKind::Aliasing) } else { Ok(()) }
    }

    fn scalar(&mut self, text: &Text<'_>, builder: &mut B) -> Result<Finished<B::Value>, Wrong> {
        let fail = |kind| Wrong { mark: text.mark, kind };
        let wants_key = self.wants_key();
        if text.text == "<<" && wants_key && text.is_merge() {
            if let Some(Frame { kind: Kind::Map(_, pending), .. }) = self.frames.last_mut() {
                *pending = Pending::Merge;
            }
            if text.anchor != 0 {
                let (value, key) = (builder.string("<<"), Ok("<<".to_owned()));
                let node = Node { value, key, depth: 0, is_map: false, mark: text.mark };
                self.anchored(text.anchor, 1, &node, builder);
            }
            return Ok(None);
        }
        self.count(1, 0).map_err(fail)?;
        let decoded;
        let scalar = match text.core() {
            None if text.tag.is_none() && text.implicit => resolve_plain(text.text),
            None => Scalar::Str(text.text),
            Some("binary") => {
                decoded = binary(text.text).ok_or_else(|| fail(ReadErrorKind::Binary))?;
                Scalar::Str(&decoded)
            }
            Some(name) => tagged(name, text.text).map_err(fail)?,
        };
        if wants_key && text.anchor == 0 {
            let key = key_text(scalar).map_err(|what| fail(ReadErrorKind::Key(what)))?;
            self.take_key(&key, builder);
            return Ok(None);
        }
        let value = match scalar {
            Scalar::Null => builder.null(),
            Scalar::Bool(value) => builder.boolean(value),
            Scalar::Int(value) => builder.int(value),
            Scalar::Uint(value) => builder.uint(value),
            Scalar::Float(value) if value.is_finite() => builder.float(value),
            // A key may be any float.
            Scalar::Float(_) if wants_key => builder.null(),
            Scalar::Float(value) => {
                let what = if value.is_nan() { "NaN" } else { "infinity" };
                return Err(fail(ReadErrorKind::NotFinite(what)));
            }
            Scalar::Timestamp(_) | Scalar::Str(_) if self.skips() => builder.null(),
            Scalar::Timestamp(text) | Scalar::Str(text) => builder.string(text),
        };
        let key = if text.anchor == 0 { Err("this") } else { key_text(scalar).map(Cow::into_owned) };
        let node = Node { value, key, depth: 0, is_map: false, mark: text.mark };
        self.anchored(text.anchor, 1, &node, builder);
        self.deliver(node, builder)
    }

    /// Whether the value that comes does not matter.
    fn skips(&self) -> bool {
        self.skip_next || self.frames.last().is_some_and(|frame| frame.skip)
    }

    fn open(&mut self, kind: Kind<B>, anchor: usize, mark: Mark) -> Result<Finished<B::Value>, Wrong> {
        let fail = |kind| Wrong { mark, kind };
        if self.frames.len() >= MAX_DEPTH {
            return Err(fail(ReadErrorKind::Depth));
        }
        if self.wants_key() {
            let what = if matches!(kind, Kind::List(_)) { "a list" } else { "a map" };
            return Err(fail(ReadErrorKind::Key(what)));
        }
        let count_before = self.nodes;
        // The list of maps that are merged is no node that Go decodes.
        if !(matches!(kind, Kind::List(_)) && self.merges()) {
            self.count(1, 0).map_err(fail)?;
        }
        let skip = self.skips();
        self.skip_next = false;
        self.frames.push(Frame { kind, anchor, count_before, skip, depth: 0, mark });
        Ok(None)
    }

    fn merges(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: Kind::Map(_, Pending::Merge), .. }))
    }

    fn close(&mut self, builder: &mut B) -> Result<Finished<B::Value>, Wrong> {
        let Some(frame) = self.frames.pop() else { return Ok(None) };
        let Frame { kind, anchor, count_before, depth, skip, mark } = frame;
        let (value, is_map, what) = match kind {
            Kind::List(items) if self.merges() => {
                self.merge_list(&items, mark, builder)?;
                if anchor != 0 {
                    let value = builder.list(items);
                    let node = Node { value, key: Err("a list"), depth: depth + 1, is_map: false, mark };
                    // By itself it counts as a node.
                    self.anchored(anchor, self.nodes - count_before + 1, &node, builder);
                }
                return Ok(None);
            }
            Kind::List(_) if skip => (builder.null(), false, "a list"),
            Kind::Map(..) if skip => (builder.null(), true, "a map"),
            Kind::List(items) => (builder.list(items), false, "a list"),
            Kind::Map(entries, _) => {
                if self.options.unique_keys {
                    unique(&entries).map_err(|kind| Wrong { mark, kind })?;
                }
                (builder.map(entries), true, "a map")
            }
        };
        let node = Node { value, key: Err(what), depth: depth + 1, is_map, mark };
        self.anchored(anchor, self.nodes - count_before, &node, builder);
        self.deliver(node, builder)
    }

    /// Puts the maps of a list into the map that is open.
    fn merge_list(&mut self, items: &[B::Value], mark: Mark, builder: &mut B) -> Result<(), Wrong> {
        if let Some(Frame { kind: Kind::Map(entries, pending), .. }) = self.frames.last_mut() {
            *pending = Pending::None;
            // From the last to the first, so that earlier maps take precedence.
            for item in items.iter().rev() {
                let more = builder.entries(item);
                entries.extend(more.ok_or(Wrong { mark, kind: ReadErrorKind::Merge })?);
            }
        }
        Ok(())
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

    fn take_key(&mut self, key: &str, builder: &mut B) {
        let depth = self.frames.len();
        if let Some(Frame { kind: Kind::Map(_, pending), skip, .. }) = self.frames.last_mut() {
            if *skip {
                *pending = Pending::Skipped;
                return;
            }
            self.skip_next = self.may_skip && !builder.needs(depth, key);
            *pending = Pending::Key(builder.key(key));
        }
    }

    fn deliver(&mut self, node: Node<B>, builder: &mut B) -> Result<Finished<B::Value>, Wrong> {
        let Node { value, key, depth, is_map, mark } = node;
        let fail = |kind| Wrong { mark, kind };
        self.skip_next = false;
        let Some(frame) = self.frames.last_mut() else {
            return Ok(Some((value, mark.line + 1)));
        };
        frame.depth = frame.depth.max(depth);
        match &mut frame.kind {
            Kind::List(_) if frame.skip => {}
            Kind::List(items) => items.push(value),
            Kind::Map(entries, pending) => match core::mem::replace(pending, Pending::None) {
                Pending::None => {
                    let key = key.map_err(|what| fail(ReadErrorKind::Key(what)))?;
                    *pending = Pending::Key(builder.key(&key));
                }
                Pending::Key(key) => entries.push((key, value)),
                Pending::Skipped => {}
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
pub(super) fn tagged<'t>(tag: &str, text: &'t str) -> Result<Scalar<'t>, ReadErrorKind> {
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
pub(super) fn binary(text: &str) -> Option<String> {
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
