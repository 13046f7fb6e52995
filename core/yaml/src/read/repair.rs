//! What yaml.v2 takes and the parser of events does not: quoted texts that go on in a line without indentation.
//!
//! Blanks at the beginning of such a line are folded away, so putting some there changes nothing but the columns in errors.

use crate::error::{ReadError, ReadErrorKind};

/// The parser's words for such a line.
const COMPLAINT: &str = "invalid indentation in multiline quoted scalar";

/// How many lines of one text are mended: every one means reading the text again.
pub(super) const MOST: usize = 200;

/// The text with the line of the error indented, where that helps.
pub(super) fn repaired(source: &str, error: &ReadError) -> Option<String> {
    if error.kind != ReadErrorKind::Syntax(COMPLAINT.to_owned()) {
        return None;
    }
    let mut start = 0;
    let mut widest = 0;
    for (index, line) in source.split_inclusive('\n').enumerate() {
        if index + 1 == error.line {
            let (before, after) = source.split_at_checked(start)?;
            return Some(format!("{before}{}{after}", " ".repeat(widest + 1)));
        }
        // A list may begin behind dashes in its line.
        widest = widest.max(line.len() - line.trim_start_matches([' ', '-', '?', ':']).len());
        start += line.len();
    }
    None
}
