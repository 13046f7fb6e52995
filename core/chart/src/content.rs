//! The bytes of a file.

use std::cell::LazyCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// Reads a file once.
type Read = Box<dyn FnOnce() -> Rc<[u8]>>;

/// The bytes of a file. Copies share them.
#[derive(Clone)]
pub struct Content(Source);

#[derive(Clone)]
enum Source {
    Here(Rc<[u8]>),
    Later(usize, Rc<LazyCell<Rc<[u8]>, Read>>),
}

impl Content {
    /// Bytes that are read when they are first asked for: most templates never look at the readme of a chart or at its
    /// definitions. `size` is how many there will be, as far as is known.
    pub fn later(size: usize, read: impl FnOnce() -> Rc<[u8]> + 'static) -> Self {
        Self(Source::Later(size, Rc::new(LazyCell::new(Box::new(read)))))
    }

    /// How many bytes there are, without reading them.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            Source::Here(bytes) => bytes.len(),
            Source::Later(size, _) => *size,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Rc<[u8]> {
        match &self.0 {
            Source::Here(bytes) => bytes,
            Source::Later(_, bytes) => LazyCell::force(bytes),
        }
    }

    /// The bytes as text, as Go turns bytes into a string to print: invalid parts become U+FFFD.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self)
    }

    /// The same without the byte order mark of UTF-8.
    pub(crate) fn without_mark(self) -> Self {
        let strip = |bytes: Rc<[u8]>| bytes.strip_prefix(b"\xef\xbb\xbf").map(Rc::from).unwrap_or(bytes);
        match self.0 {
            Source::Here(bytes) => strip(bytes).into(),
            Source::Later(size, bytes) => Self::later(size, move || strip(LazyCell::force(&bytes).clone())),
        }
    }
}

impl<T: Into<Rc<[u8]>>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self(Source::Here(bytes.into()))
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(self.bytes(), other.bytes()) || self[..] == other[..]
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
            Rc::from(*b"\xef\xbb\xbfhi")
        })
        .without_mark();
        assert_eq!((content.size(), count.get()), (5, 0));
        assert_eq!(content.clone().text(), "hi");
        assert_eq!(content, Content::from(*b"hi"));
        assert_eq!(count.get(), 1);
    }
}
