//! How a check of a schema got where it is: the keywords that led there, and whether it has come to the same schema with the
//! same value before (santhosh-tekuri/jsonschema v6.0.3, `scope.checkCycle`).

use serde_json::Value;

use crate::schema_links;
use crate::schema_rules::Keyword;

/// Which of a keyword's schemas it is.
#[derive(Clone, Copy)]
pub(super) enum Item<'s> {
    /// It has one.
    Only,
    Index(usize),
    Name(&'s str),
}

/// Which part of a value is looked at.
#[derive(Clone, Copy)]
pub(super) enum Part<'s> {
    /// The same value as before.
    Same,
    Index(usize),
    Name(&'s str),
    /// A name, which lies nowhere in the value.
    Apart,
}

/// One schema on the way.
pub(super) struct Scope<'s, 'a> {
    pub(super) schema: &'a Value,
    /// The schema with an own name in which its references are read: the root or one in it.
    pub(super) within: &'a Value,
    /// How many came before.
    pub(super) depth: usize,
    parent: Option<&'s Scope<'s, 'a>>,
    keyword: Option<Keyword>,
    item: Item<'s>,
    part: Part<'s>,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// The beginning.
    pub(super) fn root(schema: &'a Value) -> Self {
        let (item, part) = (Item::Only, Part::Apart);
        Self { schema, within: schema, depth: 0, parent: None, keyword: None, item, part }
    }

    /// Another schema for the same value.
    pub(super) fn same(&'s self, schema: &'a Value, keyword: Keyword, item: Item<'s>) -> Self {
        let within = if schema_links::identity(schema).is_some() { schema } else { self.within };
        let (parent, keyword, part) = (Some(self), Some(keyword), Part::Same);
        Self { schema, within, depth: self.depth + 1, parent, keyword, item, part }
    }

    /// A schema for a part of the value.
    pub(super) fn part(
        &'s self,
        part: Part<'s>,
        schema: &'a Value,
        keyword: Keyword,
        item: Item<'s>,
    ) -> Self {
        Self { part, ..self.same(schema, keyword, item) }
    }

    /// What a keyword refers to.
    pub(super) fn linked(&'s self, schema: &'a Value, within: &'a Value, keyword: Keyword) -> Self {
        Self { within, ..self.same(schema, keyword, Item::Only) }
    }

    /// Where `$recursiveRef` leads: to the outermost schema that allows it.
    pub(super) fn recursive(&self, target: &'a Value, within: &'a Value) -> (&'a Value, &'a Value) {
        let allows = |schema: &'a Value| schema.get("$recursiveAnchor") == Some(&Value::Bool(true));
        let outermost = if allows(target) { self.outermost(&allows) } else { None };
        outermost.map_or((target, within), |outermost| (outermost, outermost))
    }

    /// Where `$dynamicRef` leads: to the anchor of this name in the outermost schema that has it.
    pub(super) fn dynamic(
        &self,
        target: &'a Value,
        within: &'a Value,
        reference: &str,
    ) -> (&'a Value, &'a Value) {
        let anchor = reference.split_once('#').map_or("", |(_, anchor)| anchor);
        let is_named = |schema: &Value| schema.get("$dynamicAnchor").and_then(Value::as_str) == Some(anchor);
        if !is_named(target) {
            return (target, within);
        }
        let outermost = self.outermost(&|schema| schema_links::find(schema, &is_named).is_some());
        let found = outermost.and_then(|schema| Some((schema_links::find(schema, &is_named)?, schema)));
        found.unwrap_or((target, within))
    }

    /// The first named schema on the way here for which something holds.
    fn outermost(&self, holds: &dyn Fn(&'a Value) -> bool) -> Option<&'a Value> {
        self.parent
            .and_then(|parent| parent.outermost(holds))
            .or_else(|| Some(self.within).filter(|it| holds(it)))
    }

    /// What is said where the same schema is asked about the same value again: that would have no end.
    pub(super) fn cycle(&self, root: &Value) -> Option<String> {
        let mut before = self;
        loop {
            before = before.parent.filter(|_| matches!(before.part, Part::Same))?;
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
            Item::Name(name) => format!("/{}", in_address(name)),
        };
        format!("{}/{}{item}", parent.location(), self.keyword.map_or("", Keyword::name))
    }

    /// Where the value it looks at lies in the whole of it.
    pub(super) fn place(&self) -> String {
        let before = || self.parent.map(Self::place).unwrap_or_default();
        match self.part {
            Part::Same => before(),
            Part::Index(index) => format!("{}/{index}", before()),
            Part::Name(name) => format!("{}/{}", before(), escaped(name)),
            Part::Apart => String::new(),
        }
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
            .find_map(|(name, value)| Some(format!("/{}{}", in_address(name), pointer_to(value, schema)?))),
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

/// A name in a JSON pointer that is part of an address (Go's `url.PathEscape`).
fn in_address(name: &str) -> String {
    let mut out = String::new();
    for byte in escaped(name).bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+:=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
