//! Templates as trees, with Go's complaints.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::lexer::{Kind, Lexer, Token};
use crate::parse_number::{character, number, unquote};
use crate::print_quote::quote;
use crate::tree::{Branch, Call, Command, Node, Operand, OperandKind, Pipe, Shared, Template};
use crate::value::Text;

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template: {name}:{line}: {message}")]
pub struct ParseError {
    /// The name of the file.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, in Go's words.
    pub message: String,
}

/// How deep blocks and parentheses may nest together. Go takes 10 000 parentheses; no chart comes close.
pub(crate) const NESTING: usize = 250;

type Result<T> = std::result::Result<T, Box<ParseError>>;

/// Parses a file: the templates it defines and, last, its own body.
pub(crate) fn parse(
    name: &str,
    text: &str,
    has_function: &dyn Fn(&str) -> bool,
) -> std::result::Result<Vec<Shared>, ParseError> {
    let blank = Token { kind: Kind::Eof, start: 0, end: 0, line: 1, problem: None };
    let mut parser = Parser {
        file: Rc::from(name),
        source: Rc::from(text),
        lexer: Lexer::new(text),
        has_function,
        tokens: [blank.clone(), blank.clone(), blank],
        peeked: 0,
        variables: vec![Rc::from("$")],
        ranges: 0,
        action_line: 0,
        depth: 0,
        done: BTreeMap::new(),
        names: BTreeMap::new(),
    };
    parser.file().map_err(|error| *error)?;
    let Parser { file, mut done, .. } = parser;
    let own = done.remove(&file);
    Ok(done.into_values().chain(own).collect())
}

/// What ends a list of nodes.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    End,
    Else,
}

impl Stop {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Piece {
    Node(Node),
    Stop(Stop),
}

struct Parser<'a> {
    file: Text,
    source: Text,
    lexer: Lexer<'a>,
    has_function: &'a dyn Fn(&str) -> bool,
    /// The tokens that were put back; the first is also the last one read.
    tokens: [Token; 3],
    peeked: usize,
    variables: Vec<Text>,
    ranges: usize,
    /// The line the action began on; 0 outside.
    action_line: usize,
    depth: usize,
    done: BTreeMap<Text, Shared>,
    /// Names and fields, each stored once.
    names: BTreeMap<&'a str, Text>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lexer.next();
        }
        self.tokens[self.peeked].clone()
    }

    fn back(&mut self) {
        self.peeked += 1;
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.back();
        token
    }

    fn next_solid(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_solid(&mut self) -> Token {
        let token = self.next_solid();
        self.back();
        token
    }

    fn written(&self, token: &Token) -> &'a str {
        self.lexer.text_of(token)
    }

    fn intern(&mut self, text: &'a str) -> Text {
        self.names.entry(text).or_insert_with(|| Rc::from(text)).clone()
    }

    #[inline(never)]
    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        let name = self.file.to_string();
        Err(Box::new(ParseError { name, line: self.tokens[0].line, message: message.into() }))
    }

    #[inline(never)]
    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T> {
        let text = self.written(token);
        if let Some(problem) = &token.problem {
            if self.action_line == 0 || self.action_line == token.line {
                return self.fail(&**problem);
            }
            let link = if problem.ends_with(" action") { "" } else { " in action" };
            return self.fail(format!("{problem}{link} started at {}:{}", self.file, self.action_line));
        }
        let shown = match token.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Dot
            | Kind::Block
            | Kind::Break
            | Kind::Continue
            | Kind::Define
            | Kind::Else
            | Kind::End
            | Kind::If
            | Kind::Nil
            | Kind::Range
            | Kind::Template
            | Kind::With => format!("<{text}>"),
            _ if text.len() > 10 => {
                let cut: String = text.chars().take(10).collect();
                quote(&cut, false) + "..."
            }
            _ => quote(text, false),
        };
        self.fail(format!("unexpected {shown} in {context}"))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token> {
        let token = self.next_solid();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn file(&mut self) -> Result<()> {
        let mut body = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelimiter {
                let delimiter = self.next();
                if self.next_solid().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.tokens[1] = delimiter;
                self.peeked = 2;
            }
            match self.text_or_action()? {
                Piece::Node(node) => body.push(node),
                Piece::Stop(stop) => return self.fail(format!("unexpected {}", stop.text())),
            }
        }
        let name = self.file.clone();
        self.finish(name, body)
    }

    /// Keeps a template; two that are not empty must not have the same name.
    fn finish(&mut self, name: Text, body: Vec<Node>) -> Result<()> {
        let template =
            Template { name: name.clone(), file: self.file.clone(), source: self.source.clone(), body };
        match self.done.get(&name) {
            Some(known) if !known.is_empty() => {
                if !template.is_empty() {
                    let name = quote(&name, false);
                    return self.fail(format!("template: multiple definition of template {name}"));
                }
            }
            _ => {
                self.done.insert(name, Rc::new(template));
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelimiter, CONTEXT)?;
        self.body_of(name, CONTEXT)
    }

    /// The body of a `define` or `block`, which has its own variables.
    fn body_of(&mut self, name: Text, context: &str) -> Result<()> {
        let variables = std::mem::replace(&mut self.variables, vec![Rc::from("$")]);
        let ranges = std::mem::take(&mut self.ranges);
        self.action_line = 0;
        let (body, stop) = self.list()?;
        if stop != Stop::End {
            return self.fail(format!("unexpected {} in {context}", stop.text()));
        }
        self.variables = variables;
        self.ranges = ranges;
        self.finish(name, body)
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Result<Text> {
        match token.kind {
            Kind::QuotedText | Kind::RawText => match unquote(self.written(token)) {
                Some(name) => Ok(Rc::from(name)),
                None => self.fail("invalid syntax"),
            },
            _ => self.unexpected(token, context),
        }
    }

    fn list(&mut self) -> Result<(Vec<Node>, Stop)> {
        if self.depth >= NESTING {
            return self.fail("max expression depth exceeded");
        }
        self.depth += 1;
        let mut nodes = Vec::new();
        while self.peek_solid().kind != Kind::Eof {
            match self.text_or_action()? {
                Piece::Node(node) => nodes.push(node),
                Piece::Stop(stop) => {
                    self.depth -= 1;
                    return Ok((nodes, stop));
                }
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Piece> {
        let token = self.next_solid();
        match token.kind {
            Kind::Text => Ok(Piece::Node(Node::Text(Rc::from(self.written(&token))))),
            Kind::LeftDelimiter => {
                self.action_line = token.line;
                let piece = self.action()?;
                self.action_line = 0;
                Ok(piece)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Piece> {
        let token = self.next_solid();
        let node = match token.kind {
            Kind::If | Kind::With | Kind::Range => self.branch(token.kind)?,
            Kind::Block => self.block()?,
            Kind::Template => self.call()?,
            Kind::Break => self.jump("{{break}}", Node::Break)?,
            Kind::Continue => self.jump("{{continue}}", Node::Continue)?,
            Kind::Else => {
                // `else if` and `else with` go on where the branch is read.
                if !matches!(self.peek_solid().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelimiter, "else")?;
                }
                return Ok(Piece::Stop(Stop::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelimiter, "end")?;
                return Ok(Piece::Stop(Stop::End));
            }
            _ => {
                self.back();
                Node::Action(self.pipeline("command", Kind::RightDelimiter)?)
            }
        };
        Ok(Piece::Node(node))
    }

    fn jump(&mut self, word: &str, node: Node) -> Result<Node> {
        let token = self.next_solid();
        if token.kind != Kind::RightDelimiter {
            return self.unexpected(&token, word);
        }
        if self.ranges == 0 {
            return self.fail(format!("{word} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn branch(&mut self, kind: Kind) -> Result<Node> {
        let known = self.variables.len();
        let (context, make): (_, fn(Box<Branch>) -> Node) = match kind {
            Kind::If => ("if", Node::If),
            Kind::With => ("with", Node::With),
            _ => ("range", Node::Range),
        };
        let pipe = self.pipeline(context, Kind::RightDelimiter)?;
        let ranging = usize::from(kind == Kind::Range);
        self.ranges += ranging;
        let (body, mut stop) = self.list()?;
        self.ranges -= ranging;
        let mut otherwise = None;
        if stop == Stop::Else {
            let chained = kind != Kind::Range && self.peek().kind == kind;
            if chained {
                self.next();
                if self.depth >= NESTING {
                    return self.fail("max expression depth exceeded");
                }
                self.depth += 1;
                otherwise = Some(vec![self.branch(kind)?]);
                self.depth -= 1;
            } else {
                let (nodes, end) = self.list()?;
                otherwise = Some(nodes);
                stop = end;
                if stop != Stop::End {
                    return self.fail(format!("expected end; found {}", stop.text()));
                }
            }
        }
        self.variables.truncate(known);
        Ok(make(Box::new(Branch { pipe, body, otherwise })))
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelimiter)?;
        self.body_of(name.clone(), CONTEXT)?;
        Ok(Node::Template(Box::new(Call { position: token.start, name, pipe: Some(pipe) })))
    }

    fn call(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_solid().kind != Kind::RightDelimiter {
            self.back();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelimiter)?);
        }
        Ok(Node::Template(Box::new(Call { position: token.start, name, pipe })))
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let position = self.peek_solid().start;
        let mut pipe = Pipe { position, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_solid();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawText
                | Kind::QuotedText
                | Kind::Variable
                | Kind::LeftParenthesis => {
                    self.back();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        self.check(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =` and, for `range`, `$x, $y :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let variable = self.peek_solid();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let adjacent = self.peek();
            let next = self.peek_solid();
            let comma = next.kind == Kind::Char && self.written(&next) == ",";
            if !comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                if adjacent.kind == Kind::Space {
                    self.tokens[1] = adjacent;
                    self.tokens[2] = variable;
                    self.peeked = 3;
                } else {
                    self.tokens[1] = variable;
                    self.peeked = 2;
                }
                return Ok(());
            }
            self.next_solid();
            let name = self.intern(self.lexer.text_of(&variable));
            pipe.variables.push(name.clone());
            self.variables.push(name);
            if !comma {
                pipe.assigns = next.kind == Kind::Assign;
                return Ok(());
            }
            if context != "range" || pipe.variables.len() >= 2 {
                return self.fail(format!("too many declarations in {context}"));
            }
            let after = self.peek_solid().kind;
            if !matches!(after, Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis) {
                return self.fail("range can only initialize variables");
            }
        }
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if let Some(
                OperandKind::Bool(_)
                | OperandKind::Dot
                | OperandKind::Nil
                | OperandKind::Number(_)
                | OperandKind::Text(_),
            ) = command.operands.first().map(|operand| &operand.kind)
            {
                return self.fail(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command> {
        let position = self.peek_solid().start;
        let mut operands = Vec::new();
        loop {
            self.peek_solid();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.back();
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if operands.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { position, operands })
    }

    fn operand(&mut self) -> Result<Option<Operand>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut names = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            names.push(self.intern(self.lexer.text_of(&token).trim_start_matches('.')));
        }
        let position = first.start;
        let kind = match term.kind {
            OperandKind::Field(mut fields) => {
                fields.append(&mut names);
                OperandKind::Field(fields)
            }
            OperandKind::Variable(mut fields) => {
                fields.append(&mut names);
                OperandKind::Variable(fields)
            }
            OperandKind::Bool(_)
            | OperandKind::Text(_)
            | OperandKind::Number(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                let term = quote(&term.to_string(), false);
                return self.fail(format!("unexpected . after term {term}"));
            }
            _ => OperandKind::Chain(Box::new(term), names),
        };
        Ok(Some(Operand { position, kind }))
    }

    fn term(&mut self) -> Result<Option<Operand>> {
        let token = self.next_solid();
        let text = self.written(&token);
        let kind = match token.kind {
            Kind::Identifier => {
                if !(self.has_function)(text) {
                    return self.fail(format!("function {} not defined", quote(text, false)));
                }
                OperandKind::Identifier(self.intern(text))
            }
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Bool => OperandKind::Bool(text == "true"),
            Kind::Variable => {
                if !self.variables.iter().any(|known| **known == *text) {
                    return self.fail(format!("undefined variable {}", quote(text, false)));
                }
                OperandKind::Variable(vec![self.intern(text)])
            }
            Kind::Field => OperandKind::Field(vec![self.intern(&text[1..])]),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let read = if token.kind == Kind::CharConstant { character(text) } else { number(text) };
                match read {
                    Ok(number) => OperandKind::Number(Box::new(number)),
                    Err(problem) => return self.fail(problem),
                }
            }
            Kind::QuotedText | Kind::RawText => match unquote(text) {
                Some(value) => OperandKind::Text(Box::new((Rc::from(value), Rc::from(text)))),
                None => return self.fail("invalid syntax"),
            },
            Kind::LeftParenthesis => {
                if self.depth >= NESTING {
                    return self.fail("max expression depth exceeded");
                }
                self.depth += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParenthesis)?;
                self.depth -= 1;
                OperandKind::Pipe(Box::new(pipe))
            }
            _ => {
                self.back();
                return Ok(None);
            }
        };
        // A parenthesized pipeline stands where it begins, behind the parenthesis.
        let position = match &kind {
            OperandKind::Pipe(pipe) => pipe.position,
            _ => token.start,
        };
        Ok(Some(Operand { position, kind }))
    }
}
