//! Names and uids that look random and are not: every one follows from the store's seed and a counter.

use std::fmt::Write as _;

/// The letters Kubernetes draws name suffixes from (k8s.io/apimachinery `util/rand`).
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// One well-mixed number for a seed and a counter (splitmix64, public domain).
#[must_use]
pub fn mix(seed: u64, counter: u64) -> u64 {
    let mut z = seed.wrapping_add(counter.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A uid in the form of a version 4 UUID.
#[must_use]
pub(super) fn uid(seed: u64, counter: u64) -> String {
    let high = mix(seed, counter.wrapping_mul(2));
    let low = mix(seed, counter.wrapping_mul(2).wrapping_add(1));
    let high = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
    let low = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
    let mut text = String::with_capacity(36);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    );
    text
}

/// The five letters appended to `generateName`.
#[must_use]
pub(super) fn suffix(seed: u64, counter: u64) -> String {
    let mut number = mix(seed ^ 0x5AFE, counter);
    (0..5)
        .map(|_| {
            let index = usize::try_from(number % 27).unwrap_or(0);
            number /= 27;
            char::from(SUFFIX_LETTERS.get(index).copied().unwrap_or(b'x'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_and_suffixes_follow_the_seed() {
        assert_eq!(uid(1, 1), uid(1, 1));
        assert_ne!(uid(1, 1), uid(2, 1));
        assert_ne!(uid(1, 1), uid(1, 2));
        let text = uid(7, 9);
        assert_eq!(text.len(), 36);
        assert_eq!(text.as_bytes()[14], b'4');
        assert_eq!(suffix(1, 1).len(), 5);
        assert_ne!(suffix(1, 1), suffix(1, 2));
    }
}
