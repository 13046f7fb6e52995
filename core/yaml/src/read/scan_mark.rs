//! Directives, anchors and tags.

use super::fault::Fault;
use super::scan::Scanner;
use super::token::{Kind, TagText};

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// What a tag may hold beside letters and digits.
const TAG_MARKS: &[u8] = b";/?:@&=+$,.!~*'()[]%";

impl<'t> Scanner<'t> {
    fn word(&mut self) -> Result<&'t str, Fault> {
        let start = self.at;
        self.need(1)?;
        while is_word(self.byte()) {
            self.at += 1;
            self.need(1)?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    pub(super) fn directive(&mut self) -> Result<Kind<'t>, Fault> {
        self.skip(1);
        let name = self.word()?;
        if name.is_empty() {
            return Err(self.fault("could not find expected directive name"));
        }
        if !self.is_white(self.at) {
            return Err(self.fault("found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => self.version()?,
            "TAG" => self.tag_directive()?,
            _ => return Err(self.fault("found unknown directive name")),
        };
        self.end_line()?;
        Ok(kind)
    }

    fn version(&mut self) -> Result<Kind<'t>, Fault> {
        self.skip_blanks()?;
        let major = self.version_number()?;
        if self.byte() != b'.' {
            return Err(self.fault("did not find expected digit or '.' character"));
        }
        self.skip(1);
        let minor = self.version_number()?;
        Ok(Kind::Version(major, minor))
    }

    fn version_number(&mut self) -> Result<u8, Fault> {
        self.need(1)?;
        let (mut value, mut length) = (0, 0);
        while self.byte().is_ascii_digit() {
            length += 1;
            if length > 2 {
                return Err(self.fault("found extremely long version number"));
            }
            value = value * 10 + (self.byte() - b'0');
            self.skip(1);
            self.need(1)?;
        }
        if length == 0 {
            return Err(self.fault("did not find expected version number"));
        }
        Ok(value)
    }

    fn tag_directive(&mut self) -> Result<Kind<'t>, Fault> {
        self.skip_blanks()?;
        let handle = self.tag_handle()?;
        if handle.len() > 1 && !handle.ends_with('!') {
            return Err(self.fault("did not find expected '!'"));
        }
        self.need(1)?;
        if !matches!(self.byte(), b' ' | b'\t') {
            return Err(self.fault("did not find expected whitespace"));
        }
        self.skip_blanks()?;
        let suffix = self.tag_uri("")?;
        self.need(1)?;
        if !self.is_white(self.at) {
            return Err(self.fault("did not find expected whitespace or line break"));
        }
        Ok(Kind::TagHandle(Box::new(TagText { handle: handle.as_bytes().to_vec(), suffix })))
    }

    pub(super) fn anchor(&mut self, alias: bool) -> Result<Kind<'t>, Fault> {
        self.skip(1);
        let name = self.word()?;
        let ends = self.is_white(self.at)
            || matches!(self.byte(), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(self.fault("did not find expected alphabetic or numeric character"));
        }
        Ok(if alias { Kind::Alias(name) } else { Kind::Anchor(name) })
    }

    pub(super) fn tag(&mut self) -> Result<Kind<'t>, Fault> {
        self.need(2)?;
        let mut tag = TagText::default();
        if self.byte_at(self.at + 1) == b'<' {
            self.skip(2);
            tag.suffix = self.tag_uri("")?;
            if self.byte() != b'>' {
                return Err(self.fault("did not find the expected '>'"));
            }
            self.skip(1);
        } else {
            let handle = self.tag_handle()?;
            if handle.len() > 1 && handle.ends_with('!') {
                tag.suffix = self.tag_uri("")?;
                tag.handle = handle.as_bytes().to_vec();
            } else {
                tag.suffix = self.tag_uri(handle)?;
                tag.handle = b"!".to_vec();
                if tag.suffix.is_empty() {
                    core::mem::swap(&mut tag.handle, &mut tag.suffix);
                }
            }
        }
        self.need(1)?;
        if !self.is_white(self.at) {
            return Err(self.fault("did not find expected whitespace or line break"));
        }
        Ok(Kind::Tag(Box::new(tag)))
    }

    /// `!`, `!word` or `!word!`.
    fn tag_handle(&mut self) -> Result<&'t str, Fault> {
        self.need(1)?;
        let start = self.at;
        if self.byte() != b'!' {
            return Err(self.fault("did not find expected '!'"));
        }
        self.skip(1);
        self.word()?;
        if self.byte() == b'!' {
            self.skip(1);
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// The rest of a tag behind a handle, of which all but the `!` belongs to it.
    fn tag_uri(&mut self, handle: &str) -> Result<Vec<u8>, Fault> {
        let mut uri = handle.as_bytes().get(1..).unwrap_or_default().to_vec();
        let mut found = !handle.is_empty();
        self.need(1)?;
        while is_word(self.byte()) || TAG_MARKS.contains(&self.byte()) {
            if self.byte() == b'%' {
                self.tag_escapes(&mut uri)?;
            } else {
                uri.push(self.byte());
                self.skip(1);
            }
            self.need(1)?;
            found = true;
        }
        if found { Ok(uri) } else { Err(self.fault("did not find expected tag URI")) }
    }

    /// One character in escaped bytes.
    fn tag_escapes(&mut self, uri: &mut Vec<u8>) -> Result<(), Fault> {
        let mut left = None;
        while left != Some(0) {
            self.need(3)?;
            let digit = |at: usize| char::from(self.byte_at(at)).to_digit(16);
            let octet = match (self.byte(), digit(self.at + 1), digit(self.at + 2)) {
                (b'%', Some(high), Some(low)) => (high << 4 | low) as u8,
                _ => return Err(self.fault("did not find URI escaped octet")),
            };
            left = Some(match left {
                None => match octet {
                    0..0x80 => 0,
                    0xc0..0xe0 => 1,
                    0xe0..0xf0 => 2,
                    0xf0..0xf8 => 3,
                    _ => return Err(self.fault("found an incorrect leading UTF-8 octet")),
                },
                Some(_) if octet & 0xc0 != 0x80 => {
                    return Err(self.fault("found an incorrect trailing UTF-8 octet"));
                }
                Some(left) => left - 1,
            });
            uri.push(octet);
            self.skip(3);
        }
        Ok(())
    }
}
