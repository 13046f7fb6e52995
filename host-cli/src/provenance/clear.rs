//! Text with a signature below it (RFC 9580, chapter 7), taken apart and put together as Helm's library does
//! (go-crypto `openpgp/clearsign` 1.4).

/// A text and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clear {
    /// The text with line feeds, as it is read.
    pub(super) text: String,
    /// The text with the line ends that are signed.
    pub(super) signed: Vec<u8>,
    /// The signature in its armor.
    pub(super) signature: String,
}

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &str = "-----END PGP SIGNATURE-----";
const HASHES: [&str; 9] =
    ["MD5", "SHA1", "RIPEMD160", "SHA256", "SHA384", "SHA512", "SHA224", "SHA3-256", "SHA3-512"];

/// A line without its end, and what follows it.
fn line(text: &str) -> (&str, &str) {
    match text.split_once('\n') {
        Some((line, rest)) => (line.strip_suffix('\r').unwrap_or(line), rest),
        None => (text, ""),
    }
}

/// The first signed text of a file; `None` if there is none that is whole.
///
/// What stands before it is left out; of headers only `Hash` is allowed, because they are not signed.
pub(super) fn split(file: &str) -> Option<Clear> {
    let mut rest = match file.strip_prefix(BEGIN) {
        Some(rest) => rest,
        None => file.split_once(&format!("\n{BEGIN}"))?.1,
    };
    let (suffix, after) = line(rest);
    if !suffix.is_empty() {
        return None;
    }
    rest = after;
    loop {
        if rest.is_empty() {
            return None;
        }
        let (header, after) = line(rest);
        rest = after;
        if header.trim().is_empty() {
            break;
        }
        let values = header.strip_prefix("Hash")?.trim_start().strip_prefix(':')?;
        let known = |value: &str| HASHES.contains(&value.trim().to_ascii_uppercase().as_str());
        if !values.split(',').all(known) {
            return None;
        }
    }
    let mut lines = Vec::new();
    loop {
        if rest.is_empty() {
            return None;
        }
        let (current, after) = line(rest);
        if current == BEGIN_SIGNATURE {
            break;
        }
        let current = current.strip_prefix("- ").unwrap_or(current);
        lines.push(current.trim_end_matches([' ', '\t']));
        rest = after;
    }
    let (signature, _) = rest.split_once(END_SIGNATURE)?;
    Some(Clear {
        text: lines.join("\n"),
        signed: lines.join("\r\n").into_bytes(),
        signature: format!("{signature}{END_SIGNATURE}\n"),
    })
}

/// What is signed of a text: no blanks at the ends of lines, which mail loses.
pub(super) fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_text_is_taken_apart() {
        let signature = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
        let check = |head: &str, body: &str, expected: Option<&str>| {
            let file = format!("{head}\n{body}\n{signature}");
            let found = split(&file);
            assert_eq!(found.as_ref().map(|clear| clear.text.as_str()), expected, "{file}");
            if let Some(clear) = found {
                assert_eq!(clear.signature, signature);
                assert_eq!(clear.signed, clear.text.replace('\n', "\r\n").into_bytes());
            }
        };
        let begin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n";
        check(begin, "name: a\n", Some("name: a\n"));
        check(begin, "name: a  \r\n- - item\nb", Some("name: a\n- item\nb"));
        check(&format!("something before\n{begin}"), "a", Some("a"));
        check("-----BEGIN PGP SIGNED MESSAGE-----\n", "a", Some("a"));
        check("-----BEGIN PGP SIGNED MESSAGE-----\nhash: SHA512\n", "a", None);
        check("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512, ROT13\n", "a", None);
        check("-----BEGIN PGP SIGNED MESSAGE-----\nComment: a\n", "a", None);
        check("-----BEGIN PGP SIGNED MESSAGE----- and more\n", "a", None);
        check("name: a", "a", None);
        assert_eq!(split(&format!("{begin}\nno signature")), None);
        assert_eq!(split(&format!("{begin}\na\n-----BEGIN PGP SIGNATURE-----\nabcd")), None);
    }

    #[test]
    fn blanks_at_line_ends_are_not_signed() {
        assert_eq!(trimmed("a \n b\t\r\n\nc"), "a\n b\n\nc");
    }
}
