//! Literal and folded texts.

use std::borrow::Cow;

use super::fault::Fault;
use super::scan::Scanner;
use super::token::{Kind, Plain};

/// What becomes of the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'t> Scanner<'t> {
    fn chomping(&mut self) -> Option<Chomping> {
        let chomping = match self.byte() {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => return None,
        };
        self.skip(1);
        Some(chomping)
    }

    fn indentation(&mut self) -> Result<Option<usize>, Fault> {
        match self.byte() {
            b'0' => Err(self.fault("found an indentation indicator equal to 0")),
            digit @ b'1'..=b'9' => {
                self.skip(1);
                Ok(Some(usize::from(digit - b'0')))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<Kind<'t>, Fault> {
        self.skip(1);
        self.need(1)?;
        let mut chomping = self.chomping();
        self.need(1)?;
        let increment = self.indentation()?;
        self.need(1)?;
        if chomping.is_none() && increment.is_some() {
            chomping = self.chomping();
        }
        self.end_line()?;
        let mut breaks = String::new();
        let outer = usize::try_from(self.indent).unwrap_or(0);
        let indent = match increment {
            Some(increment) => {
                self.block_indent(outer + increment, &mut breaks)?;
                outer + increment
            }
            None => self.find_block_indent(&mut breaks)?,
        };
        let text = self.block_lines(literal, indent, breaks, chomping.unwrap_or(Chomping::Clip))?;
        Ok(Kind::Scalar(Cow::Owned(text), Plain::No))
    }

    fn block_lines(
        &mut self,
        literal: bool,
        indent: usize,
        mut breaks: String,
        chomping: Chomping,
    ) -> Result<String, Fault> {
        let mut text = String::new();
        // The break behind the line before, and whether that line begins with white space.
        let (mut last_break, mut blank_before) = ("", false);
        self.need(1)?;
        while self.column() == indent && self.at < self.bytes.len() {
            let blank = matches!(self.byte(), b' ' | b'\t');
            if literal || blank || blank_before || last_break != "\n" {
                text.push_str(last_break);
            } else if breaks.is_empty() {
                text.push(' ');
            }
            text.push_str(&breaks);
            breaks.clear();
            blank_before = blank;
            let start = self.at;
            self.skip_rest()?;
            text.push_str(self.text.get(start..self.at).unwrap_or_default());
            self.need(2)?;
            last_break = self.take_break();
            self.block_indent(indent, &mut breaks)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(last_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        Ok(text)
    }

    /// Blank lines and the indentation of the next line.
    fn block_indent(&mut self, indent: usize, breaks: &mut String) -> Result<(), Fault> {
        loop {
            self.need(1)?;
            while self.column() < indent && self.byte() == b' ' {
                self.at += 1;
                self.need(1)?;
            }
            if self.column() < indent && self.byte() == b'\t' {
                return Err(self.fault(TAB));
            }
            if self.break_width(self.at) == 0 {
                return Ok(());
            }
            self.need(2)?;
            breaks.push_str(self.take_break());
        }
    }

    /// The same where the first line that is not blank, or the longest before it, tells the indentation.
    fn find_block_indent(&mut self, breaks: &mut String) -> Result<usize, Fault> {
        let mut widest = 0;
        loop {
            self.need(1)?;
            while self.byte() == b' ' {
                self.at += 1;
                self.need(1)?;
            }
            widest = widest.max(self.column());
            if self.byte() == b'\t' {
                return Err(self.fault(TAB));
            }
            if self.break_width(self.at) == 0 {
                let least = usize::try_from(self.indent + 1).unwrap_or(0);
                return Ok(widest.max(least).max(1));
            }
            self.need(2)?;
            breaks.push_str(self.take_break());
        }
    }
}

const TAB: &str = "found a tab character where an indentation space is expected";
