//! Parsed templates, and their text as Go shows it in errors.

use std::fmt;
use std::rc::Rc;

use crate::print_quote::quote;
use crate::value::Text;

/// One template: the body of a file or of a `define`.
pub(crate) struct Template {
    /// The name it is called by.
    pub(crate) name: Text,
    /// The file it was read from.
    pub(crate) file: Text,
    /// The text of the whole file, for lines and columns.
    pub(crate) source: Text,
    pub(crate) body: Vec<Node>,
}

impl Template {
    /// Whether it holds nothing but space and comments (`parse.IsEmptyTree`).
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }

    /// The line (from 1) and the byte in the line (from 0) of a position.
    pub(crate) fn place(&self, position: usize) -> (usize, usize) {
        let before = self.source.get(..position).unwrap_or(&self.source);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before.len() - start)
    }
}

pub(crate) enum Node {
    Text(Text),
    /// A pipeline whose value is printed, unless it declares variables.
    Action(Pipe),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Call>),
    Break,
    Continue,
}

/// `if`, `with` and `range`.
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

/// `{{template "name" pipeline}}`.
pub(crate) struct Call {
    pub(crate) position: usize,
    pub(crate) name: Text,
    pub(crate) pipe: Option<Pipe>,
}

pub(crate) struct Pipe {
    pub(crate) position: usize,
    /// `=` rather than `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<Text>,
    pub(crate) commands: Vec<Command>,
}

pub(crate) struct Command {
    pub(crate) position: usize,
    /// The function or value, then its arguments.
    pub(crate) operands: Vec<Operand>,
}

pub(crate) struct Operand {
    pub(crate) position: usize,
    pub(crate) kind: OperandKind,
}

pub(crate) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    /// The value and how it is written.
    Text(Box<(Text, Text)>),
    /// A function.
    Identifier(Text),
    /// `.a.b`.
    Field(Vec<Text>),
    /// `$x.a.b`: the name with its `$`, then fields.
    Variable(Vec<Text>),
    /// `(…).a.b`.
    Chain(Box<Operand>, Vec<Text>),
    Pipe(Box<Pipe>),
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

fn fields(formatter: &mut fmt::Formatter<'_>, names: &[Text]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(formatter, ".{name}"))
}

impl fmt::Display for Operand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Dot => formatter.write_str("."),
            OperandKind::Nil => formatter.write_str("nil"),
            OperandKind::Bool(value) => value.fmt(formatter),
            OperandKind::Number(number) => formatter.write_str(&number.text),
            OperandKind::Text(text) => formatter.write_str(&text.1),
            OperandKind::Identifier(name) => formatter.write_str(name),
            OperandKind::Field(names) => fields(formatter, names),
            OperandKind::Variable(names) => {
                let (name, rest) = names.split_first().ok_or(fmt::Error)?;
                formatter.write_str(name)?;
                fields(formatter, rest)
            }
            OperandKind::Chain(inner, names) => {
                match inner.kind {
                    OperandKind::Pipe(_) => write!(formatter, "({inner})")?,
                    _ => inner.fmt(formatter)?,
                }
                fields(formatter, names)
            }
            OperandKind::Pipe(pipe) => pipe.fmt(formatter),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            match operand.kind {
                OperandKind::Pipe(_) => write!(formatter, "({operand})")?,
                _ => operand.fmt(formatter)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(formatter, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" | ")?;
            }
            command.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{{template {}", quote(&self.name, false))?;
        if let Some(pipe) = &self.pipe {
            write!(formatter, " {pipe}")?;
        }
        formatter.write_str("}}")
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, branch) = match self {
            Self::Text(text) => return formatter.write_str(&quote(text, false)),
            Self::Action(pipe) => return write!(formatter, "{{{{{pipe}}}}}"),
            Self::Template(call) => return call.fmt(formatter),
            Self::Break => return formatter.write_str("{{break}}"),
            Self::Continue => return formatter.write_str("{{continue}}"),
            Self::If(branch) => ("if", branch),
            Self::With(branch) => ("with", branch),
            Self::Range(branch) => ("range", branch),
        };
        write!(formatter, "{{{{{word} {}}}}}", branch.pipe)?;
        branch.body.iter().try_for_each(|node| node.fmt(formatter))?;
        if let Some(otherwise) = &branch.otherwise {
            formatter.write_str("{{else}}")?;
            otherwise.iter().try_for_each(|node| node.fmt(formatter))?;
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

    pub(crate) fn context(self) -> String {
        match self {
            Self::Pipe(pipe) => pipe.to_string(),
            Self::Command(command) => command.to_string(),
            Self::Operand(operand) => operand.to_string(),
            Self::Call(call) => call.to_string(),
        }
    }
}

/// A parsed file, shared.
pub(crate) type Shared = Rc<Template>;
