//! The little of ASN.1 and PEM that certificates need.

use super::super::encoding::{base64_decode, base64_encode};

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A tag, the length and the content.
pub(super) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        out.push(short);
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(SEQUENCE, &parts.concat())
}

/// A number without sign.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    wrap(INTEGER, &content)
}

pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    wrap(BIT_STRING, &[&[0], bytes].concat())
}

/// An element that was read: its tag, its content, and all its bytes.
pub(super) struct Element<'d> {
    pub(super) tag: u8,
    pub(super) content: &'d [u8],
    pub(super) whole: &'d [u8],
}

/// Reads the next element and goes behind it.
pub(super) fn next<'d>(data: &mut &'d [u8]) -> Option<Element<'d>> {
    let whole = *data;
    let (tag, rest) = whole.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let count = length & 0x7f;
        if count == 0 || count > 4 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(count)?;
        length = bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    *data = after;
    Some(Element { tag: *tag, content, whole: whole.get(..whole.len() - after.len())? })
}

/// The next element, if it has this tag.
pub(super) fn expect<'d>(data: &mut &'d [u8], tag: u8) -> Option<Element<'d>> {
    next(data).filter(|element| element.tag == tag)
}

/// A PEM block as Go's `pem.Encode` writes it.
pub(super) fn pem(kind: &str, bytes: &[u8]) -> String {
    let text = base64_encode(bytes);
    let mut out = format!("-----BEGIN {kind}-----\n");
    for (index, c) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    if !text.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("-----END {kind}-----\n"));
    out
}

/// The kind and the bytes of the first PEM block.
pub(super) fn from_pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (kind, after) = after.split_once("-----")?;
    let (body, _) = after.split_once(&format!("-----END {kind}-----"))?;
    // Headers such as `Proc-Type: …` end with an empty line.
    let body = if body.contains(':') {
        body.replace('\r', "").split_once("\n\n")?.1.to_owned()
    } else {
        body.to_owned()
    };
    let clean: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((kind, base64_decode(&clean).ok()?))
}
