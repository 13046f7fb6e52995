//! Texts as keys, told apart by their length first: templates begin with the same licence, and most of those that are asked
//! for are the very texts that are kept.

use std::cmp::Ordering;
use std::ops::Deref;

/// A text whose order says nothing but whether another is the same.
#[derive(Debug, Clone)]
pub(crate) struct ByLength<T>(pub(crate) T);

impl<T: Deref<Target = str>> Ord for ByLength<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other): (&str, &str) = (&self.0, &other.0);
        one.len()
            .cmp(&other.len())
            .then_with(|| if std::ptr::eq(one, other) { Ordering::Equal } else { one.cmp(other) })
    }
}

impl<T: Deref<Target = str>> PartialOrd for ByLength<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Deref<Target = str>> PartialEq for ByLength<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Deref<Target = str>> Eq for ByLength<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_texts_come_first() {
        let mut texts = ["b", "aa", "", "a", "ab"].map(ByLength);
        texts.sort();
        assert_eq!(texts.map(|text| text.0), ["", "a", "b", "aa", "ab"]);
        let (one, same) = ("one".to_owned(), "one".to_owned());
        assert_eq!(ByLength(one.as_str()), ByLength(same.as_str()));
    }
}
