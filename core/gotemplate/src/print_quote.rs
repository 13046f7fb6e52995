//! Quoted texts as Go's `strconv` writes them.

use crate::raw::byte_of;

/// Whether Go takes the character for printable (`strconv.IsPrint`).
pub(crate) fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{a0}' => false,
        // Behind a letter only what is not printable is escaped.
        _ => format!("a{c}").escape_debug().nth(1) == Some(c),
    }
}

fn escape(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        _ if c == quote || c == '\\' => out.extend(['\\', c]),
        _ if is_printable(c) && (!ascii || c.is_ascii()) => out.push(c),
        '\u{10ff80}'.. if byte_of(c).is_some() => {
            out.push_str(&format!("\\x{:02x}", byte_of(c).unwrap_or_default()));
        }
        '\0'..=' ' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        '\u{10000}'.. => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        _ => out.push_str(&format!("\\u{:04x}", u32::from(c))),
    }
}

/// `strconv.Quote`; with `ascii`, `strconv.QuoteToASCII`.
pub(crate) fn quote(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|c| escape(&mut out, c, '"', ascii));
    out.push('"');
    out
}

/// The same of bytes, which need not be UTF-8.
pub(crate) fn quote_bytes(bytes: &[u8], ascii: bool) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| escape(&mut out, c, '"', ascii));
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

/// `strconv.QuoteRune`.
pub(crate) fn quote_rune(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    escape(&mut out, c, '\'', ascii);
    out.push('\'');
    out
}

/// Whether the text can stand between backquotes unchanged (`strconv.CanBackquote`).
pub(crate) fn can_backquote(text: &str) -> bool {
    text.chars().all(|c| !matches!(c, '\0'..='\u{8}' | '\u{a}'..='\u{1f}' | '`' | '\u{7f}' | '\u{feff}'))
}
