//! Where in a text the parts of its documents are: for messages that point at a line.

use std::collections::BTreeMap;

use crate::error::{ReadError, ReadErrorKind};
use crate::read::{Step, Walker};

/// Where one part of a document begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line from 1: of the key, or of the item of a list.
    pub line: usize,
    /// The text of a scalar, as it is written.
    pub text: Option<String>,
}

/// The parts of one document by their path, e.g. `spec.containers[0].image`; the document itself has the empty path.
pub type Places = BTreeMap<String, Place>;

enum Frame {
    /// Path of the map, and the key that waits for its value with its line.
    Map(String, Option<(String, usize)>),
    /// Path of the list and the number of the next item.
    List(String, usize),
}

#[derive(Default)]
struct Walk {
    frames: Vec<Frame>,
    places: Places,
}

impl Walk {
    /// The path and line of the value that begins now; `None` when it is a key.
    fn place(&mut self, line: usize) -> Option<(String, usize)> {
        match self.frames.last_mut() {
            None => Some((String::new(), line)),
            Some(Frame::List(path, next)) => {
                let path = format!("{path}[{next}]");
                *next += 1;
                Some((path, line))
            }
            Some(Frame::Map(path, key)) => {
                let (key, line) = key.take()?;
                Some((if path.is_empty() { key } else { format!("{path}.{key}") }, line))
            }
        }
    }

    fn begin(&mut self, line: usize) -> String {
        // A map or list as a key has no path anybody would ask for.
        let Some((path, line)) = self.place(line) else { return "?".to_owned() };
        self.places.insert(path.clone(), Place { line, text: None });
        path
    }

    fn scalar(&mut self, text: &str, line: usize) {
        match self.place(line) {
            Some((path, line)) => {
                self.places.insert(path, Place { line, text: Some(text.to_owned()) });
            }
            None => {
                if let Some(Frame::Map(_, key)) = self.frames.last_mut() {
                    *key = Some((text.to_owned(), line));
                }
            }
        }
    }
}

/// The places of all documents of a text, in order; what aliases stand for is not looked into.
///
/// # Errors
/// When the text is no YAML.
pub fn places(source: &str) -> Result<Vec<Places>, ReadError> {
    let mut walker = Walker::new(source);
    let mut documents = Vec::new();
    let mut walk = Walk::default();
    while let Some((step, line)) = walker.step()? {
        match step {
            Step::Scalar(text) => walk.scalar(&text, line),
            Step::Map => {
                let path = walk.begin(line);
                walk.frames.push(Frame::Map(path, None));
            }
            Step::List => {
                let path = walk.begin(line);
                walk.frames.push(Frame::List(path, 0));
            }
            Step::Close => {
                walk.frames.pop();
            }
            Step::End => documents.push(std::mem::take(&mut walk).places),
        }
        if walk.frames.len() > crate::MAX_DEPTH {
            return Err(ReadError::new(line, 1, ReadErrorKind::Depth));
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_their_path() {
        let text = "# Source: a\nkind: A\nspec:\n  list:\n    - image: x\n      env: []\n    - {b: 1}\n  \"q r\": &a\n    z: 1\n---\nkind: B\n";
        let documents = places(text).unwrap();
        for (document, path, line) in [
            (0, "", 2),
            (0, "kind", 2),
            (0, "spec", 3),
            (0, "spec.list", 4),
            (0, "spec.list[0]", 5),
            (0, "spec.list[0].image", 5),
            (0, "spec.list[0].env", 6),
            (0, "spec.list[1].b", 7),
            (0, "spec.q r.z", 9),
            (1, "kind", 11),
        ] {
            assert_eq!(documents[document].get(path).map(|place| place.line), Some(line), "{path}");
        }
        assert_eq!(documents[1]["kind"].text.as_deref(), Some("B"));
        assert!(places("a: [").is_err());
        assert_eq!(places("").unwrap(), []);
    }
}
