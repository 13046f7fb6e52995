//! How a check of a schema got where it is: the keywords that led there, and whether it has come to the same schema with the
//! same value before (santhosh-tekuri/jsonschema v6.0.3, `scope.checkCycle`).

use serde_json::Value;

/// Which of a keyword's schemas it is.
#[derive(Clone, Copy)]
pub(super) enum Item<'s> {
    /// It has one.
    Only,
    Index(usize),
    Name(&'s str),
}

/// One schema on the way.
pub(super) struct Scope<'s, 'a> {
    pub(super) schema: &'a Value,
    /// How many came before.
    pub(super) depth: usize,
    parent: Option<&'s Scope<'s, 'a>>,
    keyword: &'static str,
    item: Item<'s>,
    /// Whether it looks at the value the one before looked at, not at a part of it.
    same_value: bool,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// The beginning.
    pub(super) fn root(schema: &'a Value) -> Self {
        Self { schema, depth: 0, parent: None, keyword: "", item: Item::Only, same_value: false }
    }

    /// Another schema for the same value.
    pub(super) fn same(&'s self, schema: &'a Value, keyword: &'static str, item: Item<'s>) -> Self {
        Self { schema, depth: self.depth + 1, parent: Some(self), keyword, item, same_value: true }
    }

    /// A schema for a part of the value.
    pub(super) fn part(&'s self, schema: &'a Value, keyword: &'static str, item: Item<'s>) -> Self {
        Self { same_value: false, ..self.same(schema, keyword, item) }
    }

    /// What is said where the same schema is asked about the same value again: that would have no end.
    pub(super) fn cycle(&self, root: &Value) -> Option<String> {
        let mut before = self;
        loop {
            before = before.parent.filter(|_| before.same_value)?;
            if std::ptr::eq(before.schema, self.schema) {
                break;
            }
        }
        let pointer = pointer_to(root, self.schema).unwrap_or_default();
        let (here, there) = (self.location(), before.location());
        Some(format!(
            "both {here} and {there} resolve to \"file:///values.schema.json#{pointer}\" causing reference cycle"
        ))
    }

    fn location(&self) -> String {
        let Some(parent) = self.parent else { return String::new() };
        let item = match self.item {
            Item::Only => String::new(),
            Item::Index(index) => format!("/{index}"),
            Item::Name(name) => format!("/{}", escaped(name)),
        };
        format!("{}/{}{item}", parent.location(), self.keyword)
    }
}

/// Where a schema lies in the whole of it.
fn pointer_to(root: &Value, schema: &Value) -> Option<String> {
    if std::ptr::eq(root, schema) {
        return Some(String::new());
    }
    match root {
        Value::Object(map) => map
            .iter()
            .find_map(|(name, value)| Some(format!("/{}{}", escaped(name), pointer_to(value, schema)?))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, value)| Some(format!("/{index}{}", pointer_to(value, schema)?))),
        _ => None,
    }
}

/// A name in a JSON pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
