//! Operands: constants, names, fields and what stands in parentheses.

use super::{NESTING, Parser, Result};
use crate::lexer::Kind;
use crate::parse_number::{character, number, unquote};
use crate::print_quote::quote;
use crate::tree::{Operand, OperandKind, Span};

impl Parser<'_> {
    pub(super) fn operand(&mut self) -> Result<Option<Operand>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut names = Span { start: first.start, end: first.end };
        while self.peek().kind == Kind::Field {
            names.end = self.next().end;
        }
        let position = first.start;
        let kind = match term.kind {
            OperandKind::Field(before) => OperandKind::Field(Span { start: before.start, end: names.end }),
            OperandKind::Variable(variable, _) => OperandKind::Variable(variable, names),
            OperandKind::Bool(_)
            | OperandKind::Text(_)
            | OperandKind::Number(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                let term = quote(&self.desk.tables.written(self.text, &term).to_string(), false);
                return self.fail(format!("unexpected . after term {term}"));
            }
            _ => OperandKind::Chain(self.desk.tables.add_operands(&[term]), names),
        };
        Ok(Some(Operand { position, kind }))
    }

    fn term(&mut self) -> Result<Option<Operand>> {
        let token = self.next_solid();
        let text = self.written(token);
        let written = Span { start: token.start, end: token.end };
        let kind = match token.kind {
            Kind::Identifier => match (self.find_function)(text) {
                Some(function) => OperandKind::Function(function),
                None => return self.fail(format!("function {} not defined", quote(text, false))),
            },
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Bool => OperandKind::Bool(text == "true"),
            Kind::Variable => {
                let number = self.known.get(text).copied();
                let Some(number) = number.filter(|number| self.variables.contains(number)) else {
                    return self.fail(format!("undefined variable {}", quote(text, false)));
                };
                OperandKind::Variable(number, Span::default())
            }
            Kind::Field => OperandKind::Field(written),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let read = if token.kind == Kind::CharConstant { character(text) } else { number(text) };
                match read {
                    Ok(number) => OperandKind::Number(self.desk.tables.add_number(number)),
                    Err(problem) => return self.fail(problem),
                }
            }
            Kind::QuotedText | Kind::RawText => match unquote(text) {
                Some(_) => OperandKind::Text(self.desk.tables.add_text(written)),
                None => return self.fail("invalid syntax"),
            },
            Kind::LeftParenthesis => {
                if self.depth >= NESTING {
                    return self.fail("max expression depth exceeded");
                }
                self.depth += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParenthesis)?;
                self.depth -= 1;
                OperandKind::Pipe(pipe)
            }
            _ => {
                self.back();
                return Ok(None);
            }
        };
        // A parenthesized pipeline stands where it begins, behind the parenthesis.
        let position = match &kind {
            OperandKind::Pipe(pipe) => self.desk.tables.pipe(*pipe).map_or(token.start, |pipe| pipe.position),
            _ => token.start,
        };
        Ok(Some(Operand { position, kind }))
    }
}
