//! Templates as trees, with Go's complaints.

mod operands;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::lexer::{Kind, Lexer, Token};
use crate::parse_number::unquote;
use crate::print_quote::quote;
use crate::set::Callable;
use crate::tree::{
    Branch, Call, Command, Index, Node, Operand, OperandKind, Part, Pipe, Shared, Span, Tables, Template,
    Tree, Variable,
};
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

/// A parsed file before anybody runs it.
pub(crate) struct Draft {
    pub(crate) tables: Tables,
    /// The templates it defines and, last, its own body.
    pub(crate) templates: Vec<(Box<str>, Part)>,
    /// Whether a template is called like the file.
    pub(crate) defines_itself: bool,
}

impl Draft {
    /// The templates of a file with its text.
    pub(crate) fn templates(self, file: &Text, text: Text) -> Vec<Shared> {
        let tree = Rc::new(Tree::new(text, self.tables));
        let template = |(name, body): (Box<str>, Part)| {
            Rc::new(Template { name: Rc::from(name), file: file.clone(), tree: tree.clone(), body })
        };
        self.templates.into_iter().map(template).collect()
    }
}

/// What is written on while a file is parsed. Who parses many files does not begin with a new one for each.
#[derive(Default)]
pub(crate) struct Desk {
    tables: Tables,
    /// The nodes, commands and operands of what is not read to its end.
    nodes: Vec<Node>,
    commands: Vec<Command>,
    operands: Vec<Operand>,
}

impl Desk {
    /// A file that is no template leaves something behind.
    fn begin(&mut self) {
        self.tables.begin();
        self.nodes.clear();
        self.commands.clear();
        self.operands.clear();
    }
}

/// Parses a file.
pub(crate) fn parse(
    name: &str,
    text: &str,
    find_function: &dyn Fn(&str) -> Option<Callable>,
    desk: &mut Desk,
) -> std::result::Result<Draft, ParseError> {
    let blank = Token { kind: Kind::Eof, start: 0, end: 0 };
    desk.begin();
    let mut parser = Parser {
        file: name,
        text,
        desk,
        lexer: Lexer::new(text),
        find_function,
        tokens: [blank; 3],
        peeked: 0,
        variables: vec![DOLLAR],
        known: BTreeMap::from([("$", DOLLAR)]),
        ranges: 0,
        action: None,
        depth: 0,
        defines_itself: false,
        done: BTreeMap::new(),
    };
    parser.file().map_err(|error| *error)?;
    let Parser { desk, mut done, defines_itself, .. } = parser;
    let own = done.remove_entry(name);
    Ok(Draft { tables: desk.tables.take(), templates: done.into_iter().chain(own).collect(), defines_itself })
}

/// The variable that every template begins with.
pub(crate) const DOLLAR: Variable = 0;

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
    file: &'a str,
    text: &'a str,
    desk: &'a mut Desk,
    lexer: Lexer<'a>,
    find_function: &'a dyn Fn(&str) -> Option<Callable>,
    /// The tokens that were put back; the first is also the last one read.
    tokens: [Token; 3],
    peeked: usize,
    /// The variables in sight.
    variables: Vec<Variable>,
    /// All variables of the file.
    known: BTreeMap<&'a str, Variable>,
    ranges: usize,
    /// What the action began with; nothing outside.
    action: Option<Token>,
    depth: usize,
    defines_itself: bool,
    done: BTreeMap<Box<str>, Part>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lexer.next();
        }
        self.tokens[self.peeked]
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

    fn written(&self, token: Token) -> &'a str {
        self.lexer.text_of(token)
    }

    #[cold]
    #[inline(never)]
    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        let name = self.file.to_string();
        let line = self.lexer.line_of(self.tokens[0]);
        Err(Box::new(ParseError { name, line, message: message.into() }))
    }

    #[cold]
    #[inline(never)]
    fn unexpected<T>(&self, token: Token, context: &str) -> Result<T> {
        let text = self.written(token);
        if let Some(problem) = self.lexer.problem_of(token) {
            let began = self.action.map(|action| self.lexer.line_of(action));
            let Some(began) = began.filter(|line| *line != self.lexer.line_of(token)) else {
                return self.fail(problem);
            };
            let link = if problem.ends_with(" action") { "" } else { " in action" };
            return self.fail(format!("{problem}{link} started at {}:{began}", self.file));
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
        if token.kind == kind { Ok(token) } else { self.unexpected(token, context) }
    }

    fn file(&mut self) -> Result<()> {
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
                Piece::Node(node) => self.desk.nodes.push(node),
                Piece::Stop(stop) => return self.fail(format!("unexpected {}", stop.text())),
            }
        }
        self.defines_itself = self.done.contains_key(self.file);
        let body = self.desk.tables.add_nodes(&self.desk.nodes);
        self.finish(self.file.into(), body)
    }

    fn is_empty(&self, body: Part) -> bool {
        self.desk.tables.is_empty(self.text, body)
    }

    /// Keeps a template; two that are not empty must not have the same name.
    fn finish(&mut self, name: Box<str>, body: Part) -> Result<()> {
        match self.done.get(&name) {
            Some(known) if !self.is_empty(*known) => {
                if !self.is_empty(body) {
                    let name = quote(&name, false);
                    return self.fail(format!("template: multiple definition of template {name}"));
                }
            }
            _ => {
                self.done.insert(name, body);
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_solid();
        let name = self.template_name(token, CONTEXT)?;
        self.expect(Kind::RightDelimiter, CONTEXT)?;
        self.body_of(name, CONTEXT)
    }

    /// The body of a `define` or `block`, which has its own variables.
    fn body_of(&mut self, name: Box<str>, context: &str) -> Result<()> {
        let variables = std::mem::replace(&mut self.variables, vec![DOLLAR]);
        let ranges = std::mem::take(&mut self.ranges);
        self.action = None;
        let (body, stop) = self.list()?;
        if stop != Stop::End {
            return self.fail(format!("unexpected {} in {context}", stop.text()));
        }
        self.variables = variables;
        self.ranges = ranges;
        self.finish(name, body)
    }

    fn template_name(&mut self, token: Token, context: &str) -> Result<Box<str>> {
        match token.kind {
            Kind::QuotedText | Kind::RawText => match unquote(self.written(token)) {
                Some(name) => Ok(name.into()),
                None => self.fail("invalid syntax"),
            },
            _ => self.unexpected(token, context),
        }
    }

    fn list(&mut self) -> Result<(Part, Stop)> {
        if self.depth >= NESTING {
            return self.fail("max expression depth exceeded");
        }
        self.depth += 1;
        let first = self.desk.nodes.len();
        while self.peek_solid().kind != Kind::Eof {
            match self.text_or_action()? {
                Piece::Node(node) => self.desk.nodes.push(node),
                Piece::Stop(stop) => {
                    self.depth -= 1;
                    let nodes = self.desk.tables.add_nodes(self.desk.nodes.get(first..).unwrap_or_default());
                    self.desk.nodes.truncate(first);
                    return Ok((nodes, stop));
                }
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Piece> {
        let token = self.next_solid();
        match token.kind {
            Kind::Text => Ok(Piece::Node(Node::Text(Span { start: token.start, end: token.end }))),
            Kind::LeftDelimiter => {
                self.action = Some(token);
                let piece = self.action()?;
                self.action = None;
                Ok(piece)
            }
            _ => self.unexpected(token, "input"),
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
            return self.unexpected(token, word);
        }
        if self.ranges == 0 {
            return self.fail(format!("{word} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn branch(&mut self, kind: Kind) -> Result<Node> {
        let known = self.variables.len();
        let (context, make): (_, fn(Branch) -> Node) = match kind {
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
                let node = self.branch(kind)?;
                otherwise = Some(self.desk.tables.add_nodes(&[node]));
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
        Ok(make(Branch { pipe, body, otherwise }))
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_solid();
        let name = self.template_name(token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelimiter)?;
        self.body_of(name.clone(), CONTEXT)?;
        Ok(self.call_of(token, name, Some(pipe)))
    }

    fn call(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_solid();
        let name = self.template_name(token, CONTEXT)?;
        let mut pipe = None;
        if self.next_solid().kind != Kind::RightDelimiter {
            self.back();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelimiter)?);
        }
        Ok(self.call_of(token, name, pipe))
    }

    fn call_of(&mut self, token: Token, name: Box<str>, pipe: Option<Index>) -> Node {
        Node::Template(self.desk.tables.add_call(Call { position: token.start, name, pipe }))
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Index> {
        let position = self.peek_solid().start;
        let first = self.desk.commands.len();
        let (variables, assigns) = self.declarations(context)?;
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
                    self.desk.commands.push(command);
                }
                _ => return self.unexpected(token, context),
            }
        }
        self.check(first, context)?;
        let commands = self.desk.tables.add_commands(self.desk.commands.get(first..).unwrap_or_default());
        self.desk.commands.truncate(first);
        Ok(self.desk.tables.add_pipe(Pipe { position, assigns, variables, commands }))
    }

    /// `$x :=`, `$x =` and, for `range`, `$x, $y :=`.
    fn declarations(&mut self, context: &str) -> Result<(Part, bool)> {
        let mut declared = [DOLLAR; 2];
        let mut count = 0;
        let mut assigns = false;
        loop {
            let variable = self.peek_solid();
            if variable.kind != Kind::Variable {
                break;
            }
            self.next();
            let adjacent = self.peek();
            let next = self.peek_solid();
            let comma = next.kind == Kind::Char && self.written(next) == ",";
            if !comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                if adjacent.kind == Kind::Space {
                    self.tokens[1] = adjacent;
                    self.tokens[2] = variable;
                    self.peeked = 3;
                } else {
                    self.tokens[1] = variable;
                    self.peeked = 2;
                }
                break;
            }
            self.next_solid();
            let number = self.number_of(variable);
            if let Some(place) = declared.get_mut(count) {
                *place = number;
            }
            count += 1;
            self.variables.push(number);
            if !comma {
                assigns = next.kind == Kind::Assign;
                break;
            }
            if context != "range" || count >= 2 {
                return self.fail(format!("too many declarations in {context}"));
            }
            let after = self.peek_solid().kind;
            if !matches!(after, Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis) {
                return self.fail("range can only initialize variables");
            }
        }
        Ok((self.desk.tables.add_declared(declared.get(..count).unwrap_or_default()), assigns))
    }

    /// The number of a variable in this file.
    fn number_of(&mut self, token: Token) -> Variable {
        let tables = &mut self.desk.tables;
        let written = Span { start: token.start, end: token.end };
        *self.known.entry(self.lexer.text_of(token)).or_insert_with(|| tables.add_name(written))
    }

    fn check(&self, first: usize, context: &str) -> Result<()> {
        let Some((_, others)) = self.desk.commands.get(first..).and_then(<[_]>::split_first) else {
            return self.fail(format!("missing value for {context}"));
        };
        for (index, command) in others.iter().enumerate() {
            if let Some(
                OperandKind::Bool(_)
                | OperandKind::Dot
                | OperandKind::Nil
                | OperandKind::Number(_)
                | OperandKind::Text(_),
            ) = self.desk.tables.operands(command).first().map(|operand| operand.kind)
            {
                return self.fail(format!("non executable command in pipeline stage {}", index + 2));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command> {
        let position = self.peek_solid().start;
        let first = self.desk.operands.len();
        loop {
            self.peek_solid();
            if let Some(operand) = self.operand()? {
                self.desk.operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.back();
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(token, "operand"),
            }
        }
        if self.desk.operands.len() == first {
            return self.fail("empty command");
        }
        let operands = self.desk.tables.add_operands(self.desk.operands.get(first..).unwrap_or_default());
        self.desk.operands.truncate(first);
        Ok(Command { position, operands })
    }
}
