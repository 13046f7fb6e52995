//! Parsed templates, and their text as Go shows it in errors.
//!
//! A file's tree is a handful of tables; its parts refer to each other by their places in them, and to the source by spans. So
//! reading a file, and forgetting it again, costs a few allocations however large it is.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use crate::parse_number::unquote;
use crate::print_quote::quote;
use crate::set::Callable;
use crate::value::Text;

/// A piece of the source, in bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    fn of(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

/// Neighbours in one of the tables.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part {
    start: u32,
    end: u32,
}

/// A place in one of the tables.
pub(crate) type Index = u32;

/// The number of a variable's name in its file; `$` is 0.
pub(crate) type Variable = u32;

/// A parsed file: its body and what it defines.
pub(crate) struct Tree {
    source: Text,
    tables: Tables,
    /// The constants' values, made when they are first asked for: most of a library is never run.
    texts: Vec<OnceCell<Text>>,
}

/// The tables of a tree. What they say of the source they say by its bytes' places, so that they may come from another thread.
#[derive(Default)]
pub(crate) struct Tables {
    nodes: Vec<Node>,
    calls: Vec<Call>,
    pipes: Vec<Pipe>,
    commands: Vec<Command>,
    operands: Vec<Operand>,
    declared: Vec<Variable>,
    /// The constants that are texts, as they are written.
    texts: Vec<Span>,
    numbers: Vec<Number>,
    /// The variables' names with their `$`; the first is `$` itself, which may be written nowhere.
    names: Vec<Span>,
}

/// The place of the next element of a table.
///
/// Files have far less than 4 GiB, and each element takes a byte of them.
fn next_index<T>(table: &[T]) -> Index {
    Index::try_from(table.len()).unwrap_or(Index::MAX)
}

fn append<T: Copy>(table: &mut Vec<T>, items: &[T]) -> Part {
    let start = next_index(table);
    table.extend_from_slice(items);
    Part { start, end: next_index(table) }
}

fn push<T>(table: &mut Vec<T>, item: T) -> Index {
    let index = next_index(table);
    table.push(item);
    index
}

fn slice<T>(table: &[T], part: Part) -> &[T] {
    table.get(part.start as usize..part.end as usize).unwrap_or_default()
}

impl Tables {
    /// Forgets everything, for a new file.
    pub(crate) fn begin(&mut self) {
        let _of_before = self.take();
        self.names.push(Span::default());
    }

    /// What was added, in tables that take no more than they need; it is gone from here.
    pub(crate) fn take(&mut self) -> Self {
        fn all<T>(table: &mut Vec<T>) -> Vec<T> {
            let mut taken = Vec::with_capacity(table.len());
            taken.append(table);
            taken
        }
        Self {
            nodes: all(&mut self.nodes),
            calls: all(&mut self.calls),
            pipes: all(&mut self.pipes),
            commands: all(&mut self.commands),
            operands: all(&mut self.operands),
            declared: all(&mut self.declared),
            texts: all(&mut self.texts),
            numbers: all(&mut self.numbers),
            names: all(&mut self.names),
        }
    }

    pub(crate) fn add_nodes(&mut self, nodes: &[Node]) -> Part {
        append(&mut self.nodes, nodes)
    }

    pub(crate) fn add_call(&mut self, call: Call) -> Index {
        push(&mut self.calls, call)
    }

    pub(crate) fn add_pipe(&mut self, pipe: Pipe) -> Index {
        push(&mut self.pipes, pipe)
    }

    pub(crate) fn add_commands(&mut self, commands: &[Command]) -> Part {
        append(&mut self.commands, commands)
    }

    pub(crate) fn add_operands(&mut self, operands: &[Operand]) -> Part {
        append(&mut self.operands, operands)
    }

    pub(crate) fn add_declared(&mut self, variables: &[Variable]) -> Part {
        append(&mut self.declared, variables)
    }

    /// A constant that [`crate::parse_number::unquote`] can read.
    pub(crate) fn add_text(&mut self, written: Span) -> Index {
        push(&mut self.texts, written)
    }

    pub(crate) fn add_number(&mut self, number: Number) -> Index {
        push(&mut self.numbers, number)
    }

    pub(crate) fn add_name(&mut self, written: Span) -> Variable {
        push(&mut self.names, written)
    }

    pub(crate) fn nodes(&self, part: Part) -> &[Node] {
        slice(&self.nodes, part)
    }

    pub(crate) fn call(&self, index: Index) -> Option<&Call> {
        self.calls.get(index as usize)
    }

    pub(crate) fn pipe(&self, index: Index) -> Option<&Pipe> {
        self.pipes.get(index as usize)
    }

    pub(crate) fn commands(&self, pipe: &Pipe) -> &[Command] {
        slice(&self.commands, pipe.commands)
    }

    pub(crate) fn operands(&self, command: &Command) -> &[Operand] {
        slice(&self.operands, command.operands)
    }

    pub(crate) fn operand(&self, index: Part) -> Option<&Operand> {
        slice(&self.operands, index).first()
    }

    pub(crate) fn declared(&self, pipe: &Pipe) -> &[Variable] {
        slice(&self.declared, pipe.variables)
    }

    pub(crate) fn number(&self, index: Index) -> Option<&Number> {
        self.numbers.get(index as usize)
    }

    /// Whether nodes are nothing but space and comments (`parse.IsEmptyTree`).
    pub(crate) fn is_empty(&self, source: &str, nodes: Part) -> bool {
        let blank = |node: &Node| matches!(node, Node::Text(span) if span.of(source).trim().is_empty());
        self.nodes(nodes).iter().all(blank)
    }

    /// A part of a tree in Go's writing.
    pub(crate) fn written<'a, T>(&'a self, source: &'a str, part: T) -> Written<'a, T> {
        Written { tables: self, source, part }
    }
}

impl Tree {
    pub(crate) fn new(source: Text, tables: Tables) -> Self {
        let texts = tables.texts.iter().map(|_| OnceCell::new()).collect();
        Self { source, tables, texts }
    }

    pub(crate) fn text(&self, span: Span) -> &str {
        span.of(&self.source)
    }

    /// A constant's value.
    pub(crate) fn constant(&self, index: Index) -> Option<&Text> {
        let written = *self.tables.texts.get(index as usize)?;
        let value = || Rc::from(unquote(self.text(written)).unwrap_or_default());
        Some(self.texts.get(index as usize)?.get_or_init(value))
    }

    /// The name of a variable, with its `$`.
    pub(crate) fn name(&self, variable: Variable) -> &str {
        self.written(()).name(variable)
    }

    /// A part of the tree in Go's writing.
    pub(crate) fn written<T>(&self, part: T) -> Written<'_, T> {
        self.tables.written(&self.source, part)
    }
}

impl Deref for Tree {
    type Target = Tables;

    fn deref(&self) -> &Tables {
        &self.tables
    }
}

/// One template: the body of a file or of a `define`.
pub(crate) struct Template {
    /// The name it is called by.
    pub(crate) name: Text,
    /// The file it was read from.
    pub(crate) file: Text,
    pub(crate) tree: Rc<Tree>,
    pub(crate) body: Part,
}

impl Template {
    /// Whether it holds nothing but space and comments.
    pub(crate) fn is_empty(&self) -> bool {
        self.tree.is_empty(&self.tree.source, self.body)
    }

    /// The line (from 1) and the byte in the line (from 0) of a position.
    pub(crate) fn place(&self, position: usize) -> (usize, usize) {
        let source = &self.tree.source;
        let before = source.get(..position).unwrap_or(source);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before.len() - start)
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Node {
    Text(Span),
    /// A pipeline whose value is printed, unless it declares variables.
    Action(Index),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Index),
    Break,
    Continue,
}

/// `if`, `with` and `range`.
#[derive(Clone, Copy)]
pub(crate) struct Branch {
    pub(crate) pipe: Index,
    pub(crate) body: Part,
    pub(crate) otherwise: Option<Part>,
}

/// `{{template "name" pipeline}}`.
pub(crate) struct Call {
    pub(crate) position: usize,
    pub(crate) name: Box<str>,
    pub(crate) pipe: Option<Index>,
}

#[derive(Clone, Copy)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    /// `=` rather than `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Part,
    pub(crate) commands: Part,
}

#[derive(Clone, Copy)]
pub(crate) struct Command {
    pub(crate) position: usize,
    /// The function or value, then its arguments.
    pub(crate) operands: Part,
}

#[derive(Clone, Copy)]
pub(crate) struct Operand {
    pub(crate) position: usize,
    pub(crate) kind: OperandKind,
}

#[derive(Clone, Copy)]
pub(crate) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Index),
    Text(Index),
    Function(Callable),
    /// `.a.b`.
    Field(Span),
    /// `$x.a.b`: the variable, then the fields with their points.
    Variable(Variable, Span),
    /// `(…).a.b`: the operand in a table of its own, then the fields.
    Chain(Part, Span),
    Pipe(Index),
}

/// A numeric constant: everything it can be.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

/// A part of a tree in Go's writing.
pub(crate) struct Written<'a, T> {
    tables: &'a Tables,
    source: &'a str,
    part: T,
}

impl<'a, T> Written<'a, T> {
    fn with<P>(&self, part: P) -> Written<'a, P> {
        self.tables.written(self.source, part)
    }

    fn name(&self, variable: Variable) -> &'a str {
        let written = self.tables.names.get(variable as usize).copied().unwrap_or_default();
        if written == Span::default() { "$" } else { written.of(self.source) }
    }
}

impl fmt::Display for Written<'_, &Operand> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tables, source) = (self.tables, self.source);
        match self.part.kind {
            OperandKind::Dot => formatter.write_str("."),
            OperandKind::Nil => formatter.write_str("nil"),
            OperandKind::Bool(value) => value.fmt(formatter),
            OperandKind::Number(index) => {
                formatter.write_str(tables.number(index).map(|number| &*number.text).unwrap_or_default())
            }
            OperandKind::Text(index) => {
                formatter.write_str(tables.texts.get(index as usize).map_or("", |written| written.of(source)))
            }
            OperandKind::Function(function) => formatter.write_str(function.name()),
            OperandKind::Field(names) => formatter.write_str(names.of(source)),
            OperandKind::Variable(variable, names) => {
                formatter.write_str(self.name(variable))?;
                formatter.write_str(names.of(source))
            }
            OperandKind::Chain(inner, names) => {
                let inner = tables.operand(inner).ok_or(fmt::Error)?;
                match inner.kind {
                    OperandKind::Pipe(_) => write!(formatter, "({})", self.with(inner))?,
                    _ => self.with(inner).fmt(formatter)?,
                }
                formatter.write_str(names.of(source))
            }
            OperandKind::Pipe(pipe) => self.with(tables.pipe(pipe).ok_or(fmt::Error)?).fmt(formatter),
        }
    }
}

impl fmt::Display for Written<'_, &Command> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.tables.operands(self.part).iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            match operand.kind {
                OperandKind::Pipe(_) => write!(formatter, "({})", self.with(operand))?,
                _ => self.with(operand).fmt(formatter)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Written<'_, &Pipe> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.tables.declared(self.part);
        if !variables.is_empty() {
            let sign = if self.part.assigns { "=" } else { ":=" };
            let names: Vec<&str> = variables.iter().map(|variable| self.name(*variable)).collect();
            write!(formatter, "{} {sign} ", names.join(", "))?;
        }
        for (index, command) in self.tables.commands(self.part).iter().enumerate() {
            if index > 0 {
                formatter.write_str(" | ")?;
            }
            self.with(command).fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Written<'_, &Call> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{{template {}", quote(&self.part.name, false))?;
        if let Some(pipe) = self.part.pipe.and_then(|pipe| self.tables.pipe(pipe)) {
            write!(formatter, " {}", self.with(pipe))?;
        }
        formatter.write_str("}}")
    }
}

impl fmt::Display for Written<'_, Part> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.nodes(self.part).iter().try_for_each(|node| self.with(node).fmt(formatter))
    }
}

impl fmt::Display for Written<'_, &Node> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, branch) = match self.part {
            Node::Text(span) => return formatter.write_str(&quote(span.of(self.source), false)),
            Node::Action(pipe) => {
                let pipe = self.tables.pipe(*pipe).ok_or(fmt::Error)?;
                return write!(formatter, "{{{{{}}}}}", self.with(pipe));
            }
            Node::Template(call) => {
                return self.with(self.tables.call(*call).ok_or(fmt::Error)?).fmt(formatter);
            }
            Node::Break => return formatter.write_str("{{break}}"),
            Node::Continue => return formatter.write_str("{{continue}}"),
            Node::If(branch) => ("if", branch),
            Node::With(branch) => ("with", branch),
            Node::Range(branch) => ("range", branch),
        };
        let pipe = self.tables.pipe(branch.pipe).ok_or(fmt::Error)?;
        write!(formatter, "{{{{{word} {}}}}}", self.with(pipe))?;
        self.with(branch.body).fmt(formatter)?;
        if let Some(otherwise) = branch.otherwise {
            formatter.write_str("{{else}}")?;
            self.with(otherwise).fmt(formatter)?;
        }
        formatter.write_str("{{end}}")
    }
}

/// A place in a running template, for errors.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
    Call(&'a Call),
}

impl Place<'_> {
    pub(crate) fn position(self) -> usize {
        match self {
            Self::Pipe(pipe) => pipe.position,
            Self::Command(command) => command.position,
            Self::Operand(operand) => operand.position,
            Self::Call(call) => call.position,
        }
    }

    pub(crate) fn context(self, tree: &Tree) -> String {
        match self {
            Self::Pipe(pipe) => tree.written(pipe).to_string(),
            Self::Command(command) => tree.written(command).to_string(),
            Self::Operand(operand) => tree.written(operand).to_string(),
            Self::Call(call) => tree.written(call).to_string(),
        }
    }
}

/// A template, shared.
pub(crate) type Shared = Rc<Template>;
