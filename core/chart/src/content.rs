//! The bytes of a file.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use backstay_gotemplate::{Text, text_of_bytes};

/// Reads a file once.
type Read = Box<dyn FnOnce() -> Content>;

/// The bytes of a file. Copies share them.
#[derive(Clone)]
pub struct Content(Source);

#[derive(Clone)]
enum Source {
    /// UTF-8, which templates and values can have without another copy.
    Text(Text),
    /// Anything, as it was read.
    Bytes(Rc<Vec<u8>>),
    Later(usize, Rc<LazyCell<Content, Read>>),
}

impl Content {
    /// Bytes that are read when they are first asked for: most templates never look at the readme of a chart or at its
    /// definitions. `size` is how many there will be, as far as is known.
    pub fn later(size: usize, read: impl FnOnce() -> Content + 'static) -> Self {
        Self(Source::Later(size, Rc::new(LazyCell::new(Box::new(read)))))
    }

    /// Bytes that are rather printed or encoded than parsed: they are kept as they are.
    #[must_use]
    pub fn as_read(bytes: Vec<u8>) -> Self {
        Self(Source::Bytes(Rc::new(bytes)))
    }

    /// How many bytes there are, without reading them.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            Source::Text(text) => text.len(),
            Source::Bytes(bytes) => bytes.len(),
            Source::Later(size, _) => *size,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Rc<[u8]> {
        match &self.0 {
            Source::Text(text) => text.clone().into(),
            Source::Bytes(bytes) => bytes[..].into(),
            Source::Later(_, content) => content.bytes(),
        }
    }

    /// The bytes as text, as Go turns bytes into a string to print: invalid parts become U+FFFD.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Source::Text(text) => Cow::Borrowed(text),
            Source::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Source::Later(_, content) => content.text(),
        }
    }

    /// The text, where it is one that was read.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Source::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same, shared.
    pub(crate) fn shared_text(&self) -> Text {
        self.shared(|bytes| String::from_utf8_lossy(bytes).into())
    }

    /// The bytes as a text of templates, which may be any.
    pub(crate) fn raw_text(&self) -> Text {
        self.shared(|bytes| text_of_bytes(bytes).into())
    }

    fn shared(&self, otherwise: fn(&[u8]) -> Text) -> Text {
        match &self.0 {
            Source::Text(text) => text.clone(),
            Source::Bytes(bytes) => otherwise(bytes),
            Source::Later(_, content) => content.shared(otherwise),
        }
    }

    /// The same without the byte order mark of UTF-8.
    pub(crate) fn without_mark(self) -> Self {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        match self.0 {
            Source::Later(size, content) => {
                Self::later(size, move || LazyCell::force(&content).clone().without_mark())
            }
            _ => match self.strip_prefix(MARK) {
                Some(rest) => rest.into(),
                None => self,
            },
        }
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self(match std::str::from_utf8(bytes) {
            Ok(text) => Source::Text(text.into()),
            Err(_) => Source::Bytes(Rc::new(bytes.into())),
        })
    }
}

impl<const N: usize> From<[u8; N]> for Content {
    fn from(bytes: [u8; N]) -> Self {
        bytes[..].into()
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(bytes: &[u8; N]) -> Self {
        bytes[..].into()
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        bytes[..].into()
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Source::Text(text) => text.as_bytes(),
            Source::Bytes(bytes) => bytes,
            Source::Later(_, content) => content,
        }
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq::<[u8]>(&**self, &**other) || self[..] == other[..]
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.size())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// It is read once, when it is needed, and the mark goes then.
    #[test]
    fn later_is_when_it_is_asked_for() {
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        let content = Content::later(5, move || {
            counted.set(counted.get() + 1);
            Content::from(b"\xef\xbb\xbfhi")
        })
        .without_mark();
        assert_eq!((content.size(), count.get()), (5, 0));
        assert_eq!(content.clone().text(), "hi");
        assert_eq!(content, Content::from(*b"hi"));
        assert_eq!(count.get(), 1);
    }
}
