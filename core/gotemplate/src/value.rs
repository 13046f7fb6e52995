//! The values templates work on: Go's dynamic values as far as charts can reach them.
//!
//! Maps are references, as in Go: `set` changes what every other holder sees. Lists are never changed in place.
//! Texts and keys are counted references; copying a value never copies its content.

use std::any::Any;
use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// A text; also a key of a map.
pub type Text = Rc<str>;

/// A value.
#[derive(Clone, Default)]
pub enum Value {
    /// `nil`, and what a missing key gives.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`: constants in templates, `len`, `atoi`.
    Int(i64),
    /// `int64`: what Sprig calculates, what `--set` gives.
    Int64(i64),
    /// `uint8`: an element of [`Value::Bytes`].
    Byte(u8),
    /// `rune` (`int32`): a character constant, or an element of a ranged string.
    Rune(i32),
    /// `float64`: every number of a YAML file.
    Float(f64),
    /// `string`.
    Text(Text),
    /// `[]byte`.
    Bytes(Rc<[u8]>),
    /// A slice.
    List(List),
    /// A map with text keys.
    Map(Map),
    /// `time.Duration`, in nanoseconds.
    Duration(i64),
    /// Everything else: structs, times, functions of the host.
    Object(Rc<dyn Object>),
}

/// What a slice's elements are, for `typeOf` and Go's checks of arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elements {
    /// `[]interface {}`.
    #[default]
    Any,
    /// `[]string`.
    Text,
    /// `[]int`.
    Int,
    /// `[][]interface {}`, as `chunk` gives.
    Lists,
    /// A slice of a type of the host, with this name.
    Named(&'static str),
}

/// A slice.
#[derive(Clone, Default)]
pub struct List {
    items: Rc<Vec<Value>>,
    elements: Elements,
    nil: bool,
}

/// What a map is to Go's type checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`.
    #[default]
    Any,
    /// Helm 4's `Values` type: the same, with another name.
    Values,
    /// Helm 3's `Values` type.
    Values3,
    /// `map[string]string`: a missing key is the empty text.
    Texts,
    /// `map[string]` of a named struct or another map type, printed with this name.
    Named(&'static str),
}

struct MapCell {
    entries: RefCell<BTreeMap<Text, Value>>,
    of: MapType,
    /// The map that has the entries, where this one is another type of it.
    alias: Option<Map>,
    nil: bool,
}

impl Drop for MapCell {
    fn drop(&mut self) {
        let entries = self.entries.get_mut();
        if entries.values().any(crate::value_walk::holds) {
            crate::value_walk::release(std::mem::take(entries).into_values());
        }
    }
}

/// A map by reference.
#[derive(Clone)]
pub struct Map(Rc<MapCell>);

/// A value that is no plain data: a struct with fields and methods.
pub trait Object: Any {
    /// Go's name of the type, e.g. `*chart.Metadata`.
    fn type_name(&self) -> &str;
    /// Go's kind, e.g. `struct`, `ptr`, `map`.
    fn kind(&self) -> &'static str {
        "struct"
    }
    /// The value of an exported field, or `None` where there is none of this name.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }
    /// Calls a method, or `None` where there is none of this name.
    ///
    /// The error is what the Go method would return.
    fn call(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        None
    }
    /// What a method takes, for Go's checks of arguments; `None` where the method checks by itself.
    fn parameters(&self, _name: &str) -> Option<&'static [crate::function::Parameter]> {
        None
    }
    /// What `{{ . }}` prints.
    fn print(&self) -> String;
    /// The same at the end of a text, for objects that print much.
    fn print_into(&self, text: &mut String) {
        text.push_str(&self.print());
    }
    /// The number, for integer types with a name (`time.Month`).
    fn number(&self) -> Option<i64> {
        None
    }
    /// The fields as `encoding/json` writes them, in the order of the declaration; `None` where [`Object::plain`] says it all.
    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        None
    }
    /// Whether `if` takes it for true. Structs always are.
    fn truth(&self) -> bool {
        true
    }
    /// The entries, for objects that can be ranged over like maps (sorted).
    fn entries(&self) -> Option<Vec<(Text, Value)>> {
        None
    }
    /// What a missing key gives where the object is a map: the zero value of its elements.
    fn missing(&self) -> Value {
        Value::Nil
    }
    /// The elements, for objects that are slices to Go (`.Capabilities.APIVersions`).
    fn items(&self) -> Option<Vec<Value>> {
        None
    }
    /// Plain data for `toYaml` and `toJson`: what Go's `encoding/json` makes of it.
    fn plain(&self) -> Value {
        Value::Nil
    }
    /// For looking inside.
    fn as_any(&self) -> &dyn Any;
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Rc::from(text.as_ref()))
    }

    /// A `[]interface {}`.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(List::new(items))
    }

    /// A `[]string`.
    #[must_use]
    pub fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(Self::text).collect();
        Self::List(List::of(Elements::Text, items))
    }

    /// A `map[string]interface {}`.
    #[must_use]
    pub fn map(entries: impl IntoIterator<Item = (Text, Value)>) -> Self {
        Self::Map(entries.into_iter().collect())
    }

    /// An object of the host.
    #[must_use]
    pub fn object(object: impl Object) -> Self {
        Self::Object(Rc::new(object))
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map, where it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The elements, where it is a slice.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Whether it is `nil`.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Whether `if` takes it for true: not the zero value of its type, not empty (`text/template.IsTrue`).
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) | Self::Duration(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Rune(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }

    /// Go's kind, as `kindOf` gives it (`reflect.Kind.String`).
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) | Self::Duration(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Rune(_) => "int32",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind(),
        }
    }

    /// Go's name of the type, as `typeOf` and `%T` give it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil => "<nil>",
            Self::Bytes(_) => "[]uint8",
            Self::Duration(_) => "time.Duration",
            Self::List(list) => match list.elements {
                Elements::Any => "[]interface {}",
                Elements::Text => "[]string",
                Elements::Int => "[]int",
                Elements::Lists => "[][]interface {}",
                Elements::Named(name) => name,
            },
            Self::Map(map) => match map.0.of {
                MapType::Any => "map[string]interface {}",
                MapType::Values => "common.Values",
                MapType::Values3 => "chartutil.Values",
                MapType::Texts => "map[string]string",
                MapType::Named(name) => name,
            },
            Self::Object(object) => object.type_name(),
            scalar => scalar.kind(),
        }
    }

    /// An independent copy, all maps inside included.
    #[must_use]
    pub fn deep_copy(&self) -> Self {
        crate::value_walk::copy(self).unwrap_or_else(|| self.clone())
    }
}

impl List {
    /// A `[]interface {}`.
    #[must_use]
    pub fn new(items: Vec<Value>) -> Self {
        Self::of(Elements::Any, items)
    }

    /// A slice of another type; the caller sees to it that the elements are of that type.
    #[must_use]
    pub fn of(elements: Elements, items: Vec<Value>) -> Self {
        Self { items: Rc::new(items), elements, nil: false }
    }

    /// A `nil` slice of this type, as Go functions give it that found nothing: empty everywhere but in JSON and YAML, where it is
    /// `null`, and in `deepEqual`.
    #[must_use]
    pub fn nil(elements: Elements) -> Self {
        Self { items: Rc::default(), elements, nil: true }
    }

    /// Whether it is a `nil` slice.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.nil
    }

    /// A list of the same type.
    pub(crate) fn with_items(&self, items: Vec<Value>) -> Self {
        Self { items: Rc::new(items), elements: self.elements, nil: self.nil }
    }

    /// Whether both are of one type, and both `nil` or not.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.elements == other.elements && self.nil == other.nil
    }

    /// Takes the elements out, where nobody else has them.
    pub(crate) fn take_items(&mut self) -> Vec<Value> {
        Rc::get_mut(&mut self.items).map(std::mem::take).unwrap_or_default()
    }

    /// The type of the elements.
    #[must_use]
    pub fn elements(&self) -> Elements {
        self.elements
    }
}

impl std::ops::Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl Map {
    /// An empty `map[string]interface {}`.
    #[must_use]
    pub fn new() -> Self {
        Self::of(MapType::Any, BTreeMap::new())
    }

    /// A map of the given type.
    #[must_use]
    pub fn of(of: MapType, entries: BTreeMap<Text, Value>) -> Self {
        Self(Rc::new(MapCell { entries: RefCell::new(entries), of, alias: None, nil: false }))
    }

    /// A `nil` map: without entries, `null` in JSON and YAML, and nothing can be set in it.
    #[must_use]
    pub fn nil(of: MapType) -> Self {
        Self(Rc::new(MapCell { entries: RefCell::default(), of, alias: None, nil: true }))
    }

    /// Whether it is a `nil` map.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.0.alias.as_ref().unwrap_or(self).0.nil
    }

    /// A map of the same type.
    pub(crate) fn with_entries(&self, entries: BTreeMap<Text, Value>) -> Self {
        let nil = self.is_nil();
        Self(Rc::new(MapCell { entries: RefCell::new(entries), of: self.0.of, alias: None, nil }))
    }

    /// Takes the entries out, where nobody else has them.
    pub(crate) fn take_entries(&mut self) -> BTreeMap<Text, Value> {
        Rc::get_mut(&mut self.0).map(|cell| std::mem::take(cell.entries.get_mut())).unwrap_or_default()
    }

    /// The same map under another type: what is set in one is set in the other.
    #[must_use]
    pub fn retyped(&self, of: MapType) -> Self {
        if self.0.of == of {
            return self.clone();
        }
        let alias = Some(self.0.alias.as_ref().unwrap_or(self).clone());
        Self(Rc::new(MapCell { entries: RefCell::default(), of, alias, nil: false }))
    }

    /// Another map with the same entries; the maps inside are shared.
    #[must_use]
    pub fn shallow_copy(&self) -> Self {
        Self::of(self.0.of, self.borrow().clone())
    }

    fn cell(&self) -> &RefCell<BTreeMap<Text, Value>> {
        &self.0.alias.as_ref().unwrap_or(self).0.entries
    }

    /// What the map is to Go's type checks.
    #[must_use]
    pub fn map_type(&self) -> MapType {
        self.0.of
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.cell().borrow().get(key).cloned()
    }

    /// Puts a value under a key, for everybody who holds this map.
    pub fn set(&self, key: impl Into<Text>, value: Value) {
        self.cell().borrow_mut().insert(key.into(), value);
    }

    /// Takes a key out, for everybody who holds this map.
    pub fn remove(&self, key: &str) -> Option<Value> {
        self.cell().borrow_mut().remove(key)
    }

    /// Whether the key is there, `nil` or not.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.cell().borrow().contains_key(key)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cell().borrow().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cell().borrow().is_empty()
    }

    /// The entries, for reading. Do not call back into a template while holding it.
    #[must_use]
    pub fn borrow(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.cell().borrow()
    }

    /// The entries, for changing. Do not call back into a template while holding it.
    #[must_use]
    pub fn borrow_mut(&self) -> RefMut<'_, BTreeMap<Text, Value>> {
        self.cell().borrow_mut()
    }

    /// A copy of the entries, sorted by key: safe to walk while the map changes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(Text, Value)> {
        self.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether both are the same map, not only equal ones.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.cell(), other.cell())
    }

    /// An independent copy, all maps inside included.
    #[must_use]
    pub fn deep_copy(&self) -> Self {
        crate::value_walk::copy_map(self).unwrap_or_else(|| self.shallow_copy())
    }
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<(Text, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(entries: I) -> Self {
        // One by one: `collect` would sort first, with a sort compiled anew for every kind of iterator.
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        Self::of(MapType::Any, map)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Rc::from(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrow().fmt(formatter)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(formatter)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => formatter.write_str("nil"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Int(value) => value.fmt(formatter),
            Self::Int64(value) => write!(formatter, "int64({value})"),
            Self::Duration(value) => write!(formatter, "duration({value})"),
            Self::Byte(value) => write!(formatter, "byte({value})"),
            Self::Rune(value) => write!(formatter, "rune({value})"),
            Self::Float(value) => value.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
            Self::Bytes(bytes) => bytes.fmt(formatter),
            Self::List(list) => list.fmt(formatter),
            Self::Map(map) => map.fmt(formatter),
            Self::Object(object) => formatter.write_str(object.type_name()),
        }
    }
}

pub(crate) fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
