//! The shapes of kinds: which fields exist, of which type, and how lists and maps are merged.
//!
//! One compact table (`kinds.txt`) serves strict field validation, server-side apply, strategic merge patch, defaults
//! of single fields and the OpenAPI documents. Custom resources get their shape from their definition.

mod custom;
mod parse;

use std::sync::OnceLock;

use serde_json::Value;

pub(super) use custom::custom_schema;

use crate::ordered::Map;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int32,
    Int64,
    Float,
    Bool,
    Quantity,
    IntOrText,
    Time,
    Bytes,
    Any,
    /// A struct of the schema, by index.
    Struct(usize),
    List(Box<Type>),
    Map(Box<Type>),
}

/// How a list is merged by server-side apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ListKind {
    /// Owned and replaced as a whole.
    #[default]
    Atomic,
    /// Items are owned one by one, by value.
    Set,
    /// Items are owned one by one, by the values of these fields.
    Keyed(Vec<String>),
}

/// One field of a struct.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) ty: Type,
    /// A map or struct owned as a whole.
    pub(super) atomic: bool,
    pub(super) list: ListKind,
    /// Strategic merge: the key items are merged by; empty text for lists of primitives merged as sets.
    pub(super) merge_key: Option<String>,
    /// Strategic merge: fields not named in `$retainKeys` go.
    pub(super) retain_keys: bool,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
}

/// A struct: what Go and OpenAPI call an object with known fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Struct {
    /// e.g. `apps.v1.DeploymentSpec`.
    pub(super) name: String,
    pub(super) atomic: bool,
    /// Fields that are not listed are kept as they are (custom resources that ask for it).
    pub(super) open: bool,
    pub(super) fields: Map<String, Field>,
}

/// All structs, and which of them are kinds.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub(super) structs: Vec<Struct>,
    /// By group, version, kind; always a struct.
    pub(super) roots: Map<(String, String, String), Type>,
}

impl Schema {
    /// The place of a whole object of a kind; an unknown kind has an open shape.
    pub(super) fn root(&self, group: &str, version: &str, kind: &str) -> Place<'_> {
        static ANY: Type = Type::Any;
        let ty = self.roots.get(&(group.to_owned(), version.to_owned(), kind.to_owned()));
        Place { schema: self, ty: ty.unwrap_or(&ANY), field: None }
    }

    pub(super) fn at(&self, index: usize) -> Option<&Struct> {
        self.structs.get(index)
    }
}

/// The built-in kinds.
pub(super) fn builtin() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| parse::parse(include_str!("kinds.txt")))
}

/// A place in an object together with what the schema says about it; without a schema maps are open and lists atomic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'s> {
    schema: &'s Schema,
    ty: &'s Type,
    field: Option<&'s Field>,
}

/// How apply treats the value at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'s> {
    /// Owned as a whole: a scalar, or an atomic list or map.
    Leaf,
    /// A map whose entries are owned one by one. `known` is the struct, if it is one.
    Map { known: Option<&'s Struct> },
    /// A list of distinct values.
    Set,
    /// A list whose items are found by these fields.
    Keyed(&'s [String]),
}

impl<'s> Place<'s> {
    pub(super) fn ty(&self) -> &'s Type {
        self.ty
    }

    #[cfg(feature = "http")]
    pub(super) fn field(&self) -> Option<&'s Field> {
        self.field
    }

    pub(super) fn known(&self) -> Option<&'s Struct> {
        match self.ty {
            Type::Struct(index) => self.schema.at(*index),
            _ => None,
        }
    }

    /// The place of a map entry.
    pub(super) fn entry(&self, key: &str) -> Place<'s> {
        static ANY: Type = Type::Any;
        if let Some(known) = self.known()
            && let Some(field) = known.fields.get(key)
        {
            return Place { schema: self.schema, ty: &field.ty, field: Some(field) };
        }
        match self.ty {
            Type::Map(element) => Place { schema: self.schema, ty: element, field: None },
            _ => Place { schema: self.schema, ty: &ANY, field: None },
        }
    }

    /// The place of a list's items.
    pub(super) fn item(&self) -> Place<'s> {
        static ANY: Type = Type::Any;
        match self.ty {
            Type::List(element) => Place { schema: self.schema, ty: element, field: None },
            _ => Place { schema: self.schema, ty: &ANY, field: None },
        }
    }

    /// How apply treats a value here.
    pub(super) fn shape(&self, value: &Value) -> Shape<'s> {
        let atomic = self.field.is_some_and(|field| field.atomic);
        match value {
            Value::Object(_) if atomic => Shape::Leaf,
            Value::Object(_) => match self.known() {
                Some(known) if known.atomic => Shape::Leaf,
                known => Shape::Map { known },
            },
            Value::Array(_) => match self.field.map(|field| &field.list) {
                Some(ListKind::Set) => Shape::Set,
                Some(ListKind::Keyed(keys)) => Shape::Keyed(keys),
                _ => Shape::Leaf,
            },
            _ => Shape::Leaf,
        }
    }
}
