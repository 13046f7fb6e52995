//! The part of a text that Go has read so far, for texts in which that can be seen.
//!
//! Go reads 512 bytes at a time and refuses a text when it reads a control character: errors before it in the same part are
//! not reported, those in earlier parts are. A byte order mark inside is skipped where the part that is read begins with it.

use super::fault::{Fault, From, Mark};

/// Bytes that Go reads at a time (`input_raw_buffer_size`).
const PART: usize = 512;

/// What is read.
pub(super) struct Window {
    /// Up to where the characters are decoded.
    pub(super) limit: usize,
    /// Where the buffer begins.
    start: usize,
    /// Up to where bytes are read; may be within a character.
    read: usize,
    /// Ends that were put behind the text.
    ends: usize,
    at_end: bool,
}

/// Whether a character is refused (`yaml_parser_update_buffer`).
fn is_refused(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether there is a character that Go refuses or treats by where it reads it.
fn is_odd(text: &str) -> bool {
    // Without branches, so that the compiler looks at many bytes at once.
    let odd = text.as_bytes().iter().fold(0_u8, |odd, byte| {
        let control =
            (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t') & (*byte != b'\r') | (*byte == 0x7f);
        odd | u8::from(control) | (*byte & 0x80)
    });
    odd & 1 != 0 || odd != 0 && text.chars().any(|c| !c.is_ascii() && (is_refused(c) || c == '\u{feff}'))
}

impl Window {
    /// `None` for texts in which no reading can be seen. `skipped` is how many bytes were taken off the front.
    pub(super) fn new(text: &str, skipped: usize) -> Option<Window> {
        let read = text.len().min(PART.saturating_sub(skipped));
        is_odd(text).then_some(Window { limit: 0, start: 0, read, ends: 0, at_end: false })
    }

    /// Whether the buffer begins with a byte order mark.
    pub(super) fn begins_with_mark(&self, text: &str) -> bool {
        text.get(self.start..).is_some_and(|rest| rest.starts_with('\u{feff}'))
    }

    /// Reads on until so many characters from a place are there.
    pub(super) fn ask(&mut self, text: &str, at: usize, characters: usize) -> Result<(), Fault> {
        let unread = |window: &Window| {
            let part = text.get(at..window.limit).unwrap_or_default();
            part.chars().take(characters).count() + window.ends
        };
        if unread(self) >= characters {
            return Ok(());
        }
        self.start = at;
        let mut first = true;
        while unread(self) < characters {
            if !first || self.limit == self.read {
                let more = text.len().min(self.limit + PART);
                self.at_end = self.read == text.len();
                self.read = more;
            }
            first = false;
            for c in text.get(self.limit..).unwrap_or_default().chars() {
                if self.limit + c.len_utf8() > self.read {
                    break;
                }
                if is_refused(c) {
                    let words = "control characters are not allowed";
                    let line = text.get(..self.limit).unwrap_or_default().matches('\n').count();
                    return Err(Fault::new(From::Reader, words, Mark { at: self.limit, line }));
                }
                self.limit += c.len_utf8();
            }
            if self.at_end {
                self.ends += 1;
                break;
            }
        }
        Ok(())
    }
}
