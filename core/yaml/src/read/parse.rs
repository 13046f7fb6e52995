//! From tokens to events, by the rules of libyaml as the Go ports have them (`parserc.go` of go.yaml.in/yaml v2.4).

use std::borrow::Cow;

use super::fault::{Fault, From, Mark};
use super::scan::Scanner;
use super::token::{Kind, Plain, TagText};

/// What YAML's own tags begin with.
pub(super) const CORE: &str = "tag:yaml.org,2002:";

/// A step through a document.
#[derive(Debug)]
pub(super) struct Event<'t> {
    pub(super) what: What<'t>,
    pub(super) mark: Mark,
    pub(super) anchor: Option<&'t str>,
    /// Directives applied; never empty.
    pub(super) tag: Option<Box<str>>,
}

/// The kinds of events.
#[derive(Debug)]
pub(super) enum What<'t> {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(&'t str),
    /// A text, and whether its meaning follows from itself: plain without a tag, or with the tag `!`.
    Scalar(Cow<'t, str>, bool),
    ListStart,
    ListEnd,
    MapStart,
    MapEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FirstDocument,
    Document,
    Content,
    Node,
    DocumentEnd,
    Item,
    /// An item of a list that is not indented.
    LooseItem,
    Key,
    Value,
    FirstFlowItem,
    FlowItem,
    /// Within `[a: b]`, which is a map of one entry.
    FlowItemKey,
    FlowItemValue,
    FlowItemEnd,
    FirstFlowKey,
    FlowKey,
    FlowValue,
    /// Behind a text in a flow map that has no colon.
    FlowNoValue,
    End,
}

/// Which nodes can stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Flow,
    Block,
    /// A block, or a list that is not indented.
    BlockOrLoose,
}

/// The parser of one text.
pub(super) struct Parser<'t> {
    scanner: Scanner<'t>,
    state: State,
    states: Vec<State>,
    /// Handles of tags and what they stand for.
    handles: Vec<TagText>,
}

type Step<'t> = Result<Event<'t>, Fault>;

impl<'t> Parser<'t> {
    /// `skipped` is how many bytes were taken off the front (a byte order mark).
    pub(super) fn new(text: &'t str, skipped: usize) -> Self {
        Parser {
            scanner: Scanner::new(text, skipped),
            state: State::FirstDocument,
            states: Vec::new(),
            handles: Vec::new(),
        }
    }

    /// The next event; behind the end there is nothing but the end.
    pub(super) fn event(&mut self) -> Step<'t> {
        match self.state {
            State::FirstDocument => self.document(true),
            State::Document => self.document(false),
            State::Content => self.content(),
            State::Node => self.node(Allowed::Block),
            State::DocumentEnd => self.document_end(),
            State::Item => self.item(),
            State::LooseItem => self.loose_item(),
            State::Key => self.key(),
            State::Value => self.value(),
            State::FirstFlowItem => self.flow_item(true),
            State::FlowItem => self.flow_item(false),
            State::FlowItemKey => self.flow_item_key(),
            State::FlowItemValue => self.flow_item_value(),
            State::FlowItemEnd => {
                let mark = self.scanner.peek()?.mark;
                self.state = State::FlowItem;
                Ok(event(What::MapEnd, mark))
            }
            State::FirstFlowKey => self.flow_key(true),
            State::FlowKey => self.flow_key(false),
            State::FlowValue => self.flow_value(),
            State::FlowNoValue => self.empty(State::FlowKey),
            State::End => Ok(event(What::StreamEnd, self.scanner.mark())),
        }
    }

    fn up(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    fn fault(&mut self, words: &str) -> Fault {
        match self.scanner.peek() {
            Ok(token) => Fault::new(From::Parser, words, token.mark),
            Err(fault) => fault,
        }
    }

    /// Nothing where a node could be, before the next token.
    fn empty(&mut self, state: State) -> Step<'t> {
        let mark = self.scanner.peek()?.mark;
        Ok(self.empty_at(state, mark))
    }

    fn empty_at(&mut self, state: State, mark: Mark) -> Event<'t> {
        self.state = state;
        event(What::Scalar(Cow::Borrowed(""), true), mark)
    }

    fn node_then(&mut self, allowed: Allowed, state: State) -> Step<'t> {
        self.states.push(state);
        self.node(allowed)
    }

    /// Closes the innermost list or map with the token that was looked at.
    fn close(&mut self, what: What<'t>) -> Step<'t> {
        let mark = self.scanner.peek()?.mark;
        self.up();
        self.scanner.take();
        Ok(event(what, mark))
    }

    fn document(&mut self, implicit: bool) -> Step<'t> {
        let mut token = self.scanner.peek()?;
        while !implicit && matches!(token.kind, Kind::DocumentEnd) {
            self.scanner.take();
            token = self.scanner.peek()?;
        }
        let mark = token.mark;
        match token.kind {
            Kind::StreamEnd => {
                self.state = State::End;
                self.scanner.take();
                return Ok(event(What::StreamEnd, mark));
            }
            Kind::Version(..) | Kind::TagHandle(_) | Kind::DocumentStart => {}
            _ if implicit => {
                self.directives()?;
                self.states.push(State::DocumentEnd);
                // Unlike behind `---`, something has to be there.
                self.state = State::Node;
                return Ok(event(What::DocumentStart, mark));
            }
            _ => {}
        }
        self.directives()?;
        if !matches!(self.scanner.peek()?.kind, Kind::DocumentStart) {
            return Err(self.fault("did not find expected <document start>"));
        }
        self.scanner.take();
        self.states.push(State::DocumentEnd);
        self.state = State::Content;
        Ok(event(What::DocumentStart, mark))
    }

    fn directives(&mut self) -> Result<(), Fault> {
        let mut version = false;
        loop {
            match self.scanner.peek()?.kind {
                Kind::Version(..) if version => return Err(self.fault("found duplicate %YAML directive")),
                Kind::Version(1, 1) => version = true,
                Kind::Version(..) => return Err(self.fault("found incompatible YAML document")),
                Kind::TagHandle(ref mut tag) => {
                    let tag = core::mem::take(&mut **tag);
                    if self.handles.iter().any(|known| known.handle == tag.handle) {
                        return Err(self.fault("found duplicate %TAG directive"));
                    }
                    self.handles.push(tag);
                }
                _ => break,
            }
            self.scanner.take();
        }
        for (handle, suffix) in [("!", "!"), ("!!", CORE)] {
            if !self.handles.iter().any(|known| known.handle == handle.as_bytes()) {
                let (handle, suffix) = (handle.as_bytes().to_vec(), suffix.as_bytes().to_vec());
                self.handles.push(TagText { handle, suffix });
            }
        }
        Ok(())
    }

    fn content(&mut self) -> Step<'t> {
        let token = self.scanner.peek()?;
        if matches!(
            token.kind,
            Kind::Version(..)
                | Kind::TagHandle(_)
                | Kind::DocumentStart
                | Kind::DocumentEnd
                | Kind::StreamEnd
        ) {
            let mark = token.mark;
            self.up();
            return Ok(event(What::Scalar(Cow::Borrowed(""), true), mark));
        }
        self.node(Allowed::Block)
    }

    fn document_end(&mut self) -> Step<'t> {
        let token = self.scanner.peek()?;
        let mark = token.mark;
        if matches!(token.kind, Kind::DocumentEnd) {
            self.scanner.take();
        }
        self.handles.clear();
        self.state = State::Document;
        Ok(event(What::DocumentEnd, mark))
    }

    fn node(&mut self, allowed: Allowed) -> Step<'t> {
        let token = self.scanner.peek()?;
        let mut found = event(What::StreamEnd, token.mark);
        if let Kind::Alias(name) = token.kind {
            found.what = What::Alias(name);
            self.up();
            self.scanner.take();
            return Ok(found);
        }
        if matches!(token.kind, Kind::Anchor(_) | Kind::Tag(_)) {
            self.properties(&mut found)?;
        }
        let block = allowed != Allowed::Flow;
        let bare = found.tag.is_none();
        let token = self.scanner.peek()?;
        found.what = match &mut token.kind {
            Kind::Scalar(text, plain) => {
                let implicit = match found.tag.as_deref() {
                    None => *plain == Plain::Yes,
                    Some(tag) => tag == "!",
                };
                let text = core::mem::take(text);
                self.up();
                self.scanner.take();
                found.what = What::Scalar(text, implicit);
                return Ok(found);
            }
            Kind::BlockEntry if allowed == Allowed::BlockOrLoose => {
                self.state = State::LooseItem;
                found.what = What::ListStart;
                return Ok(found);
            }
            Kind::FlowSequence => What::ListStart,
            Kind::FlowMapping => What::MapStart,
            Kind::BlockSequence if block => What::ListStart,
            Kind::BlockMapping if block => What::MapStart,
            _ if found.anchor.is_some() || !bare => {
                self.up();
                found.what = What::Scalar(Cow::Borrowed(""), bare);
                return Ok(found);
            }
            _ => return Err(self.fault("did not find expected node content")),
        };
        self.state = match token.kind {
            Kind::FlowSequence => State::FirstFlowItem,
            Kind::FlowMapping => State::FirstFlowKey,
            Kind::BlockSequence => State::Item,
            _ => State::Key,
        };
        self.scanner.take();
        Ok(found)
    }

    /// An anchor and a tag, in any order.
    fn properties(&mut self, found: &mut Event<'t>) -> Result<(), Fault> {
        let mut tag: Option<(TagText, Mark)> = None;
        loop {
            let token = self.scanner.peek()?;
            match &mut token.kind {
                Kind::Anchor(name) if found.anchor.is_none() => found.anchor = Some(name),
                Kind::Tag(text) if tag.is_none() => {
                    tag = Some((core::mem::take(&mut **text), token.mark));
                }
                _ => break,
            }
            self.scanner.take();
        }
        let Some((tag, mark)) = tag else { return Ok(()) };
        let mut bytes = Vec::new();
        if !tag.handle.is_empty() {
            let Some(known) = self.handles.iter().find(|known| known.handle == tag.handle) else {
                return Err(Fault::new(From::Parser, "found undefined tag handle", mark));
            };
            bytes.extend_from_slice(&known.suffix);
        }
        bytes.extend_from_slice(&tag.suffix);
        found.tag = Some(String::from_utf8_lossy(&bytes).into());
        Ok(())
    }

    fn item(&mut self) -> Step<'t> {
        match self.scanner.peek()?.kind {
            Kind::BlockEntry => {}
            Kind::BlockEnd => return self.close(What::ListEnd),
            _ => return Err(self.fault("did not find expected '-' indicator")),
        }
        let mark = self.taken();
        if matches!(self.scanner.peek()?.kind, Kind::BlockEntry | Kind::BlockEnd) {
            return Ok(self.empty_at(State::Item, mark));
        }
        self.node_then(Allowed::Block, State::Item)
    }

    /// Takes the token that was looked at, and gives its place.
    fn taken(&mut self) -> Mark {
        self.scanner.take().map_or_else(Mark::default, |token| token.mark)
    }

    fn loose_item(&mut self) -> Step<'t> {
        let token = self.scanner.peek()?;
        if !matches!(token.kind, Kind::BlockEntry) {
            let mark = token.mark;
            self.up();
            return Ok(event(What::ListEnd, mark));
        }
        let mark = self.taken();
        if matches!(self.scanner.peek()?.kind, Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd) {
            return Ok(self.empty_at(State::LooseItem, mark));
        }
        self.node_then(Allowed::Block, State::LooseItem)
    }

    fn key(&mut self) -> Step<'t> {
        match self.scanner.peek()?.kind {
            Kind::Key => {}
            Kind::BlockEnd => return self.close(What::MapEnd),
            _ => return Err(self.fault("did not find expected key")),
        }
        let mark = self.taken();
        if matches!(self.scanner.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
            return Ok(self.empty_at(State::Value, mark));
        }
        self.node_then(Allowed::BlockOrLoose, State::Value)
    }

    fn value(&mut self) -> Step<'t> {
        if !matches!(self.scanner.peek()?.kind, Kind::Value) {
            return self.empty(State::Key);
        }
        let mark = self.taken();
        if matches!(self.scanner.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
            return Ok(self.empty_at(State::Key, mark));
        }
        self.node_then(Allowed::BlockOrLoose, State::Key)
    }

    fn flow_item(&mut self, first: bool) -> Step<'t> {
        match self.scanner.peek()?.kind {
            Kind::FlowSequenceEnd => return self.close(What::ListEnd),
            _ if first => {}
            Kind::FlowEntry => {
                self.scanner.take();
            }
            _ => return Err(self.fault("did not find expected ',' or ']'")),
        }
        match self.scanner.peek()?.kind {
            Kind::FlowSequenceEnd => self.close(What::ListEnd),
            Kind::Key => {
                self.state = State::FlowItemKey;
                let mark = self.taken();
                Ok(event(What::MapStart, mark))
            }
            _ => self.node_then(Allowed::Flow, State::FlowItem),
        }
    }

    fn flow_item_key(&mut self) -> Step<'t> {
        if matches!(self.scanner.peek()?.kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            // libyaml takes the token here, whatever it is.
            let mark = self.taken();
            return Ok(self.empty_at(State::FlowItemValue, mark));
        }
        self.node_then(Allowed::Flow, State::FlowItemValue)
    }

    fn flow_item_value(&mut self) -> Step<'t> {
        if matches!(self.scanner.peek()?.kind, Kind::Value) {
            self.scanner.take();
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                return self.node_then(Allowed::Flow, State::FlowItemEnd);
            }
        }
        self.empty(State::FlowItemEnd)
    }

    fn flow_key(&mut self, first: bool) -> Step<'t> {
        match self.scanner.peek()?.kind {
            Kind::FlowMappingEnd => return self.close(What::MapEnd),
            _ if first => {}
            Kind::FlowEntry => {
                self.scanner.take();
            }
            _ => return Err(self.fault("did not find expected ',' or '}'")),
        }
        match self.scanner.peek()?.kind {
            Kind::FlowMappingEnd => self.close(What::MapEnd),
            Kind::Key => {
                self.scanner.take();
                match self.scanner.peek()?.kind {
                    Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd => self.empty(State::FlowValue),
                    _ => self.node_then(Allowed::Flow, State::FlowValue),
                }
            }
            _ => self.node_then(Allowed::Flow, State::FlowNoValue),
        }
    }

    fn flow_value(&mut self) -> Step<'t> {
        if matches!(self.scanner.peek()?.kind, Kind::Value) {
            self.scanner.take();
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowMappingEnd) {
                return self.node_then(Allowed::Flow, State::FlowKey);
            }
        }
        self.empty(State::FlowKey)
    }
}

fn event(what: What<'_>, mark: Mark) -> Event<'_> {
    Event { what, mark, anchor: None, tag: None }
}
