//! From bytes to text.

use std::borrow::Cow;

use crate::error::{ReadError, ReadErrorKind};

/// The text in a file's bytes: UTF-8, or UTF-16 where a byte order mark says so. The mark itself is taken off.
///
/// # Errors
/// When the bytes are neither, with the place of the first wrong byte.
pub fn decode_text(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
        match text {
            Ok(text) if odd.is_empty() => Ok(Cow::Owned(text)),
            _ => Err(ReadError::new(1, 1, ReadErrorKind::Encoding)),
        }
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    core::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
        let start = valid.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let column = String::from_utf8_lossy(valid.get(start..).unwrap_or_default()).chars().count() + 1;
        ReadError::new(line, column, ReadErrorKind::Encoding)
    })
}
