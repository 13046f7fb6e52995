//! Which token comes next, and what it does to the keys and blocks that are open.

use super::fault::Fault;
use super::scan::{Key, Scanner};
use super::token::Kind;

impl<'t> Scanner<'t> {
    pub(super) fn fetch(&mut self) -> Result<(), Fault> {
        self.skip_to_token()?;
        let column = self.column();
        self.unroll_indent(column as isize);
        self.need(4)?;
        let byte = self.byte();
        if self.at >= self.bytes.len() {
            return self.fetch_end();
        }
        if column == 0 {
            if byte == b'%' {
                return self.fetch_directive();
            }
            if self.is_document_mark() {
                let kind = if byte == b'-' { Kind::DocumentStart } else { Kind::DocumentEnd };
                return self.fetch_document_mark(kind);
            }
        }
        let flow = self.flow > 0;
        match byte {
            b'[' => self.fetch_flow_start(Kind::FlowSequence),
            b'{' => self.fetch_flow_start(Kind::FlowMapping),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.is_white(self.at + 1) => self.fetch_block_entry(),
            b'?' if flow || self.is_white(self.at + 1) => self.fetch_key(),
            b':' if flow || self.is_white(self.at + 1) => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(byte == b'*'),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !flow => self.fetch_block_scalar(byte == b'|'),
            b'\'' | b'"' => self.fetch_quoted(byte),
            b'\t' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                Err(self.fault("found character that cannot start any token"))
            }
            _ => self.fetch_plain(),
        }
    }

    /// Over white space, line breaks and comments.
    fn skip_to_token(&mut self) -> Result<(), Fault> {
        loop {
            self.need(1)?;
            if let Some(window) = &self.window
                && self.at == self.line_start
                && window.begins_with_mark(self.text)
            {
                self.skip_character();
                self.need(1)?;
            }
            let tabs = self.flow > 0 || !self.key_allowed;
            while self.byte() == b' ' || tabs && self.byte() == b'\t' {
                self.at += 1;
                self.need(1)?;
            }
            if self.byte() == b'#' {
                self.skip_rest()?;
            }
            if self.break_width(self.at) == 0 {
                return Ok(());
            }
            self.need(2)?;
            self.take_break();
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    fn fetch_end(&mut self) -> Result<(), Fault> {
        if self.column() != 0 {
            self.line += 1;
            self.line_start = self.at;
            self.wide = 0;
        }
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.ended = true;
        self.push(Kind::StreamEnd, self.mark());
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Fault> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        let mark = self.mark();
        let kind = self.directive()?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_document_mark(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.push(kind, self.mark());
        self.skip(3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.save_key()?;
        self.deeper_flow();
        self.key_allowed = true;
        self.indicator(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.remove_key()?;
        self.shallower_flow();
        self.key_allowed = false;
        self.indicator(kind);
        Ok(())
    }

    fn indicator(&mut self, kind: Kind<'t>) {
        self.push(kind, self.mark());
        self.skip(1);
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Fault> {
        self.remove_key()?;
        self.key_allowed = true;
        self.indicator(Kind::FlowEntry);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return Err(self.fault("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.column(), None, Kind::BlockSequence, self.mark());
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.indicator(Kind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return Err(self.fault("mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.column(), None, Kind::BlockMapping, self.mark());
        }
        self.remove_key()?;
        self.key_allowed = self.flow == 0;
        self.indicator(Kind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Fault> {
        let level = self.keys.len().saturating_sub(1);
        if self.is_key_valid(level)? {
            let Some(key) = self.keys.last_mut() else { return Ok(()) };
            key.possible = false;
            let Key { token, mark, column, .. } = *key;
            self.insert(token, Kind::Key, mark);
            self.roll_indent(column, Some(token), Kind::BlockMapping, mark);
            self.forget(token);
            self.key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.key_allowed {
                    return Err(self.fault("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.column(), None, Kind::BlockMapping, self.mark());
            }
            self.key_allowed = self.flow == 0;
        }
        self.indicator(Kind::Value);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.mark();
        let kind = self.anchor(alias)?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.mark();
        let kind = self.tag()?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        self.remove_key()?;
        self.key_allowed = true;
        let mark = self.mark();
        let kind = self.block_scalar(literal)?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_quoted(&mut self, quote: u8) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.mark();
        let kind = if quote == b'"' { self.double_quoted()? } else { self.single_quoted()? };
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let mark = self.mark();
        let kind = self.plain()?;
        self.push(kind, mark);
        Ok(())
    }
}
