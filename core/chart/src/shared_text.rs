//! Texts that are parts of a larger one.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A part of a text that is kept once for all its parts: a rendered file is not copied for its documents.
#[derive(Clone, Default)]
pub struct SharedText {
    whole: Arc<String>,
    /// Where the part begins and ends, in bytes.
    start: usize,
    end: usize,
}

impl SharedText {
    /// A part of a text; what is none of it is copied.
    pub(crate) fn part(whole: &Arc<String>, part: &str) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        match start.checked_add(part.len()) {
            Some(end) if end <= whole.len() => Self { whole: Arc::clone(whole), start, end },
            _ => part.to_owned().into(),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.whole.get(self.start..self.end).unwrap_or_default()
    }
}

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        Self { start: 0, end: text.len(), whole: Arc::new(text) }
    }
}

impl Deref for SharedText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for SharedText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SharedText {}

impl fmt::Debug for SharedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for SharedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts lie in the text they were taken from; others have one of their own.
    #[test]
    fn parts_are_shared() {
        let whole = Arc::new("one two".to_owned());
        let part = whole.get(4..).unwrap_or_default();
        let shared = SharedText::part(&whole, part);
        assert_eq!((shared.as_str(), shared.as_ptr()), ("two", part.as_ptr()));
        let other = "two".to_owned();
        let copied = SharedText::part(&whole, &other);
        assert_eq!((&copied, Arc::ptr_eq(&copied.whole, &whole)), (&shared, false));
        assert_eq!(SharedText::part(&whole, "").as_str(), "");
    }
}
