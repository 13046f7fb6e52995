//! How the fuzz targets read their input.

/// A text from any bytes: ASCII stands for itself, every other byte for one of the parts. Random bytes become something close to the
/// language this way, and a corpus of plain texts is still read as it is.
#[must_use]
pub fn text(bytes: &[u8], parts: &[&str]) -> String {
    let part =
        |byte: u8| parts.get(usize::from(byte & 0x7f) % parts.len().max(1)).copied().unwrap_or_default();
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            text.push_str(part(*byte));
        }
    }
    text
}
