//! Bytes that are no UTF-8, in texts that are. Go's strings hold any bytes: a chart may read a key store with `.Files.Get` and
//! encode it with `b64enc`. Here each such byte becomes a character of the last private plane (U+10FF80 to U+10FFFF, which
//! no writing uses) until a function asks for bytes; what is still there when a template ends is U+FFFD, as in Go's JSON.

use std::borrow::Cow;

/// The character of byte 0 would be here; only bytes from 0x80 on can be invalid.
const BASE: u32 = 0x10_FF00;

/// A text that stands for any bytes.
#[must_use]
pub fn text_of_bytes(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(BASE + u32::from(*byte))));
    }
    text
}

/// The byte that a character stands for, when it is one of those above.
pub(crate) fn byte_of(letter: char) -> Option<u8> {
    u32::from(letter).checked_sub(BASE).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| *byte >= 0x80)
}

/// Whether a text may hold such characters: all begin with the same two bytes.
fn may_be_raw(text: &str) -> bool {
    text.as_bytes().contains(&0xF4)
}

/// The bytes that a text stands for.
pub(crate) fn bytes_of_text(text: &str) -> Cow<'_, [u8]> {
    if !may_be_raw(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match byte_of(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// A text for the world outside of templates.
pub(crate) fn finished(text: &str) -> Cow<'_, str> {
    if !may_be_raw(text) {
        return Cow::Borrowed(text);
    }
    let known = |letter| if byte_of(letter).is_some() { char::REPLACEMENT_CHARACTER } else { letter };
    Cow::Owned(text.chars().map(known).collect())
}

#[cfg(test)]
mod tests {
    use super::{bytes_of_text, finished, text_of_bytes};

    #[test]
    fn bytes_come_back() {
        for bytes in
            [&b"plain"[..], b"\xff\x00\x80", "gr\u{fc}n \u{1F600}".as_bytes(), b"a\xe2\x82", b"\xf4\x90"]
        {
            assert_eq!(&*bytes_of_text(&text_of_bytes(bytes)), bytes);
        }
        assert_eq!(finished(&text_of_bytes(b"a\xffb")), "a\u{fffd}b");
        assert_eq!(finished("gr\u{fc}n \u{1F600}"), "gr\u{fc}n \u{1F600}");
    }
}
