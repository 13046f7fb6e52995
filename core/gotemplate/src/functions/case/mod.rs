//! Upper and lower case as Go has them: a character for a character, and none that Go's Unicode version does not know.
//!
//! The table is Go's own (`regenerate.go`), a tenth of the size of the standard library's.

/// For each run of characters that change alike, in seven bits a byte, least first: the distance of its first character from
/// the last one of the run before; how many follow it, doubled, and one more if upper and lower ones alternate from the first
/// on; and otherwise what is added to be upper and to be lower (zigzag).
static CASES: &[u8] = include_bytes!("cases.bin");

/// Go's `unicode.ToUpper`.
pub(crate) fn upper(c: char) -> char {
    if c.is_ascii() { c.to_ascii_uppercase() } else { changed(c, true) }
}

/// Go's `unicode.ToLower`.
pub(crate) fn lower(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { changed(c, false) }
}

/// Go's `strings.ToLower`.
pub fn lower_text(text: &str) -> String {
    text.chars().map(lower).collect()
}

fn changed(c: char, to_upper: bool) -> char {
    let code = u32::from(c);
    let mut rest = CASES.iter();
    let mut last = 0;
    while let Some(distance) = number(&mut rest) {
        let first = last + distance;
        let (Some(length), true) = (number(&mut rest), first <= code) else { return c };
        last = first + (length >> 1);
        if length & 1 == 1 {
            if code <= last {
                let place = (code - first) & !1 | u32::from(!to_upper);
                return char::from_u32(first + place).unwrap_or(c);
            }
            continue;
        }
        let (Some(up), Some(down)) = (number(&mut rest), number(&mut rest)) else { return c };
        if code <= last {
            let zigzag = if to_upper { up } else { down };
            let difference = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
            return char::from_u32(code.wrapping_add(difference)).unwrap_or(c);
        }
    }
    c
}

fn number(rest: &mut std::slice::Iter<'_, u8>) -> Option<u32> {
    let (mut whole, mut shift) = (0, 0);
    loop {
        let byte = *rest.next()?;
        whole |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 || shift > 20 {
            return Some(whole);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::{lower, upper};

    #[test]
    fn cases_are_those_of_go() {
        let mut answers: Vec<&str> = include_str!("answers.txt").lines().rev().collect();
        for from in (0..=0x0010_ffff).step_by(256).filter(|from| !(0xd800..0xe000).contains(from)) {
            let chars = || (from..from + 256).filter_map(char::from_u32);
            let sum = |map: fn(char) -> char| chars().map(|c| u32::from(map(c))).sum::<u32>();
            if sum(upper) != sum(|c| c) || sum(lower) != sum(|c| c) {
                let found = format!("{from} {} {}", sum(upper), sum(lower));
                assert_eq!(Some(found.as_str()), answers.pop());
            }
        }
        assert!(answers.is_empty(), "{answers:?}");
        assert_eq!((upper('ß'), lower('İ'), upper('ÿ'), lower('Ω')), ('ß', 'i', 'Ÿ', 'ω'));
    }
}
