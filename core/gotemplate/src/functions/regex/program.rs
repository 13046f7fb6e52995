//! A small matcher: Pike's machine, which walks a text once with all the threads that are still possible, in order of
//! preference. Its work is at most the text's length times the program's, whatever the expression.
//!
//! The `regex` crate is faster on large texts and thirty times its size, which counts in the module for other languages.

use std::rc::Rc;

use super::node::{Look, Node};

/// Where groups begin and end: two for each group, the whole match first.
pub(super) type Slots = Vec<Option<usize>>;

/// How many instructions a program may have (Go's `maxSize`: 128 MiB of 40 bytes each).
const MAX_SIZE: usize = (128 << 20) / 40;

/// What a thread does next. Where nothing else is said, it goes on with the following instruction.
enum Instruction {
    Char(char),
    Set(Rc<[(u32, u32)]>),
    Look(Look),
    /// Remembers the place in a slot.
    Save(usize),
    /// Goes on here and, if that fails, there.
    Split(usize, usize),
    Match,
}

/// An expression that can be run.
pub(super) struct Program {
    instructions: Vec<Instruction>,
    /// Whether it can match at the start of a text only.
    anchored: bool,
}

/// The threads at one place of the text, the preferred first, each with its slots.
struct Threads {
    order: Vec<usize>,
    seen: Vec<bool>,
    slots: Slots,
}

impl Threads {
    fn new(instructions: usize, slots: usize) -> Self {
        Self { order: Vec::new(), seen: vec![false; instructions], slots: vec![None; instructions * slots] }
    }

    fn clear(&mut self) {
        self.order.clear();
        self.seen.fill(false);
    }
}

/// What is still to do when a place is followed to the characters behind it.
enum Todo {
    Follow(usize),
    /// Gives a slot its value again for what is less preferred.
    Restore(usize, Option<usize>),
}

impl Program {
    /// `None` where Go refuses the expression as too large.
    pub(super) fn new(node: &Node) -> Option<Self> {
        let mut program = Self { instructions: Vec::new(), anchored: false };
        program.add(node)?;
        program.anchored = matches!(program.instructions.first(), Some(Instruction::Look(Look::Start)));
        program.instructions.push(Instruction::Match);
        Some(program)
    }

    fn push(&mut self, instruction: Instruction) -> Option<usize> {
        self.instructions.push(instruction);
        (self.instructions.len() < MAX_SIZE).then_some(self.instructions.len() - 1)
    }

    /// A choice between what follows and what will be known later.
    fn split(&mut self) -> Option<usize> {
        self.push(Instruction::Split(0, 0))
    }

    /// Decides a choice: what follows it, or what comes next.
    fn choose(&mut self, split: usize, inside: usize, lazy: bool) {
        let outside = self.instructions.len();
        self.instructions[split] =
            if lazy { Instruction::Split(outside, inside) } else { Instruction::Split(inside, outside) };
    }

    fn add(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Char(c) => {
                self.push(Instruction::Char(*c))?;
            }
            Node::Set(set) => {
                self.push(Instruction::Set(set.ranges().into()))?;
            }
            Node::Look(look) => {
                self.push(Instruction::Look(*look))?;
            }
            Node::Group(number, node) => {
                self.push(Instruction::Save(2 * number))?;
                self.add(node)?;
                self.push(Instruction::Save(2 * number + 1))?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.add(node))?,
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Repeat { node, min, max, lazy } => self.repeat(node, *min, *max, *lazy)?,
        }
        Some(())
    }

    fn alternate(&mut self, nodes: &[Node]) -> Option<()> {
        let Some((last, others)) = nodes.split_last() else { return Some(()) };
        let mut exits = Vec::with_capacity(others.len());
        for node in others {
            let split = self.split()?;
            self.add(node)?;
            exits.push(self.split()?);
            self.choose(split, split + 1, false);
        }
        self.add(last)?;
        let end = self.instructions.len();
        for exit in exits {
            self.instructions[exit] = Instruction::Split(end, end);
        }
        Some(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, lazy: bool) -> Option<()> {
        let Some(max) = max else {
            // One that can be empty is taken once or more, or not at all: else the empty turn would go first.
            let skip = if min == 0 { Some(self.split()?) } else { None };
            (1..min).try_for_each(|_| self.add(node))?;
            let start = self.instructions.len();
            self.add(node)?;
            match skip.filter(|_| !node.can_be_empty()) {
                Some(skip) => {
                    self.push(Instruction::Split(skip, skip))?;
                }
                None => {
                    let again = self.split()?;
                    self.choose(again, start, lazy);
                }
            }
            if let Some(skip) = skip {
                self.choose(skip, skip + 1, lazy);
            }
            return Some(());
        };
        (0..min).try_for_each(|_| self.add(node))?;
        let mut skips = Vec::new();
        for _ in min..max {
            skips.push(self.split()?);
            self.add(node)?;
        }
        for skip in skips {
            self.choose(skip, skip + 1, lazy);
        }
        Some(())
    }

    /// Looks for the first match from a place on and fills the slots that are asked for.
    pub(super) fn search(&self, text: &str, from: usize, slots: &mut Slots) -> bool {
        let width = slots.len();
        let mut now = Threads::new(self.instructions.len(), width);
        let mut next = Threads::new(self.instructions.len(), width);
        let mut walk = Walk { program: self, text, slots: vec![None; width], todo: Vec::new() };
        let (mut at, mut matched) = (from, false);
        loop {
            if now.order.is_empty() && (matched || (self.anchored && at > 0)) {
                return matched;
            }
            if !matched {
                walk.slots.fill(None);
                walk.set(0, at);
                walk.follow(&mut now, 0, at);
            }
            let c = text.get(at..).and_then(|rest| rest.chars().next());
            let after = at + c.map_or(0, char::len_utf8);
            for index in 0..now.order.len() {
                let thread = now.order[index];
                let own = &now.slots[thread * width..][..width];
                let goes_on = match &self.instructions[thread] {
                    Instruction::Match => {
                        slots.copy_from_slice(own);
                        if let Some(end) = slots.get_mut(1) {
                            *end = Some(at);
                        }
                        matched = true;
                        break;
                    }
                    Instruction::Char(own) => c == Some(*own),
                    Instruction::Set(ranges) => c.is_some_and(|c| holds(ranges, c)),
                    _ => false,
                };
                if goes_on {
                    walk.slots.copy_from_slice(own);
                    walk.follow(&mut next, thread + 1, after);
                }
            }
            if c.is_none() || (matched && width == 0) {
                return matched;
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
            at = after;
        }
    }
}

/// One step of the machine.
struct Walk<'a> {
    program: &'a Program,
    text: &'a str,
    slots: Slots,
    todo: Vec<Todo>,
}

impl Walk<'_> {
    fn set(&mut self, slot: usize, at: usize) -> Option<usize> {
        self.slots.get_mut(slot).and_then(|slot| slot.replace(at))
    }

    /// Adds the threads that come from an instruction without reading a character.
    fn follow(&mut self, threads: &mut Threads, from: usize, at: usize) {
        let width = self.slots.len();
        self.todo.push(Todo::Follow(from));
        while let Some(todo) = self.todo.pop() {
            let to = match todo {
                Todo::Follow(to) => to,
                Todo::Restore(slot, value) => {
                    self.slots[slot] = value;
                    continue;
                }
            };
            if std::mem::replace(&mut threads.seen[to], true) {
                continue;
            }
            match &self.program.instructions[to] {
                Instruction::Split(first, second) => {
                    self.todo.push(Todo::Follow(*second));
                    self.todo.push(Todo::Follow(*first));
                }
                Instruction::Look(look) => {
                    if fits(*look, self.text, at) {
                        self.todo.push(Todo::Follow(to + 1));
                    }
                }
                Instruction::Save(slot) => {
                    if *slot < width {
                        let before = self.set(*slot, at);
                        self.todo.push(Todo::Restore(*slot, before));
                    }
                    self.todo.push(Todo::Follow(to + 1));
                }
                Instruction::Char(_) | Instruction::Set(_) | Instruction::Match => {
                    threads.order.push(to);
                    threads.slots[to * width..][..width].copy_from_slice(&self.slots);
                }
            }
        }
    }
}

fn holds(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    let after = ranges.partition_point(|range| range.1 < code);
    ranges.get(after).is_some_and(|range| range.0 <= code)
}

fn fits(look: Look, text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
    let after = bytes.get(at).copied();
    let word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match look {
        Look::Start => before.is_none(),
        Look::End => after.is_none(),
        Look::LineStart => before.is_none_or(|byte| byte == b'\n'),
        Look::LineEnd => after.is_none_or(|byte| byte == b'\n'),
        Look::Boundary => word(before) != word(after),
        Look::NotBoundary => word(before) == word(after),
    }
}
