//! `--set` and its relatives: assignments on the command line (Helm `pkg/strvals`).

use std::num::{IntErrorKind, ParseIntError};

use backstay_gotemplate::{Compatibility, Map, Value, json_prefix};

use crate::error::ValuesError;

const MAX_INDEX: i64 = 65_536;
const MAX_NESTING: usize = 30;

/// Which flag an assignment was given with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetFlag {
    /// `--set`: numbers, booleans and null are recognised.
    Typed,
    /// `--set-string`: everything is a text.
    String,
    /// `--set-file`: the value names a file, its content is the value.
    File,
    /// `--set-json`: the values are JSON.
    Json,
    /// `--set-literal`: one assignment, nothing in the value is special.
    Literal,
}

impl SetFlag {
    const fn name(self) -> &'static str {
        match self {
            Self::Typed => "--set",
            Self::String => "--set-string",
            Self::File => "--set-file",
            Self::Json => "--set-json",
            Self::Literal => "--set-literal",
        }
    }
}

/// Carries out the assignments in a text on a map of values.
///
/// # Errors
/// When the text is not made of assignments, or contradicts what is there.
pub fn set(
    flag: SetFlag,
    text: &str,
    into: &Map,
    compatibility: Compatibility,
    read_file: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<(), ValuesError> {
    let mut parser = Parser { chars: text.chars().collect(), at: 0, flag, compatibility, read_file };
    loop {
        match parser.key(into, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::Error(message)) => return Err(ValuesError::Set { flag: flag.name(), message }),
        }
    }
}

/// Why reading stopped: the text is at its end (which may be fine), or wrong.
enum Stop {
    End,
    Error(String),
}

fn error<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Error(message.into()))
}

struct Parser<'a> {
    chars: Vec<char>,
    at: usize,
    flag: SetFlag,
    compatibility: Compatibility,
    read_file: &'a mut dyn FnMut(&str) -> Result<String, String>,
}

/// Go's panic on a wrong type assertion, which Helm turns into an error.
fn conversion(value: &Value, wanted: &str) -> Stop {
    let found = if value.is_nil() { "nil" } else { value.type_name() };
    Stop::Error(format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}"))
}

fn put(map: &Map, key: &str, value: Value) {
    if !key.is_empty() {
        map.set(key, value);
    }
}

fn put_at(list: &mut Vec<Value>, index: i64, value: Value) -> Result<(), Stop> {
    let place =
        usize::try_from(index).map_err(|_| Stop::Error(format!("negative {index} index not allowed")))?;
    if index > MAX_INDEX {
        return error(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}"));
    }
    if list.len() <= place {
        list.resize(place + 1, Value::Nil);
    }
    if let Some(slot) = list.get_mut(place) {
        *slot = value;
    }
    Ok(())
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let char = self.chars.get(self.at).copied();
        self.at += usize::from(char.is_some());
        char
    }

    /// Reads up to one of the stops: the text before it, and the stop, or `None` at the end.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(char) = self.next() {
            if stops.contains(&char) {
                return (text, Some(char));
            }
            if char == '\\' && self.flag != SetFlag::Literal {
                match self.next() {
                    Some(escaped) => text.push(escaped),
                    None => break,
                }
            } else {
                text.push(char);
            }
        }
        (text, None)
    }

    fn key(&mut self, data: &Map, level: usize) -> Result<(), Stop> {
        let stops: &[char] =
            if self.flag == SetFlag::Literal { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => error(format!("key {} has no value", quote(&key))),
            Some('[') => {
                let index = self.index()?;
                let list = match data.get(&key) {
                    None => Vec::new(),
                    Some(Value::List(list)) => list.to_vec(),
                    Some(other) => return Err(conversion(&other, "[]interface {}")),
                };
                let (list, result) = self.item(list, index, level);
                put(data, &key, Value::list(list));
                result
            }
            Some('=') => {
                let (value, result) = self.value();
                if let Some(value) = value {
                    put(data, &key, value);
                }
                result
            }
            Some(',') => error(format!("key {} has no value (cannot end with ,)", quote(&key))),
            Some(_) => self.inner(data, &key, level + 1),
        }
    }

    /// After a `.`: goes on in the map under the key.
    fn inner(&mut self, data: &Map, key: &str, level: usize) -> Result<(), Stop> {
        if level > MAX_NESTING {
            return error(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_NESTING}"
            ));
        }
        let inner = match data.get(key) {
            None => Map::new(),
            Some(Value::Map(map)) => map,
            Some(other) => return Err(conversion(&other, "map[string]interface {}")),
        };
        let result = self.key(&inner, level);
        if result.is_ok() && inner.is_empty() {
            return error(format!("key map {} has no value", quote(key)));
        }
        if !inner.is_empty() {
            put(data, key, Value::Map(inner));
        }
        result
    }

    /// After a `=`: the value to put, where there is one, and how it ended.
    fn value(&mut self) -> (Option<Value>, Result<(), Stop>) {
        match self.flag {
            SetFlag::Json => match self.json() {
                Ok(value) => (Some(value), Ok(())),
                Err(stop) => (None, Err(stop)),
            },
            SetFlag::Literal => {
                let (text, _) = self.until(&[]);
                (Some(Value::from(text)), Ok(()))
            }
            _ => match self.chars.get(self.at) {
                None => (Some(Value::text("")), Err(Stop::End)),
                Some('{') => {
                    self.at += 1;
                    match self.list() {
                        Ok(list) => (Some(Value::list(list)), Ok(())),
                        Err(stop) => (None, Err(stop)),
                    }
                }
                Some(_) => {
                    let (text, _) = self.until(&[',']);
                    match self.typed(text) {
                        Ok(value) => (Some(value), Ok(())),
                        Err(stop) => (None, Err(stop)),
                    }
                }
            },
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, Stop> {
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return error("list must terminate with '}'"),
                Some(',') => list.push(self.typed(text)?),
                Some(_) => {
                    if self.chars.get(self.at) == Some(&',') {
                        self.at += 1;
                    }
                    list.push(self.typed(text)?);
                    return Ok(list);
                }
            }
        }
    }

    fn typed(&mut self, text: String) -> Result<Value, Stop> {
        match self.flag {
            SetFlag::File => (self.read_file)(&text).map(Value::from).map_err(Stop::Error),
            SetFlag::Typed => Ok(typed(text)),
            _ => Ok(Value::from(text)),
        }
    }

    /// Reads blanks up to a comma, the end (both taken: there is no value) or anything else (left).
    fn is_empty_value(&mut self) -> bool {
        while let Some(char) = self.next() {
            if char == ',' {
                return true;
            }
            if !char.is_whitespace() {
                self.at -= 1;
                return false;
            }
        }
        true
    }

    fn json(&mut self) -> Result<Value, Stop> {
        if self.is_empty_value() {
            return Ok(Value::Nil);
        }
        let rest: String = self.chars.iter().skip(self.at).collect();
        let (value, bytes) = json_prefix(&rest).map_err(Stop::Error)?;
        self.at += rest.get(..bytes).unwrap_or_default().chars().count();
        self.is_empty_value();
        Ok(value)
    }

    fn index(&mut self) -> Result<i64, Stop> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            // Helm 4 wraps the end in an error, finds the end in it, and is content.
            return match self.compatibility {
                Compatibility::Helm3 => error("error parsing index: EOF"),
                Compatibility::Helm4 => Err(Stop::End),
            };
        }
        text.parse().map_err(|wrong: ParseIntError| {
            let what = match wrong.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            Stop::Error(format!("error parsing index: strconv.Atoi: parsing {}: {what}", quote(&text)))
        })
    }

    /// After a `]`: the list with the item changed. The list counts even where reading stopped.
    fn item(&mut self, mut list: Vec<Value>, index: i64, level: usize) -> (Vec<Value>, Result<(), Stop>) {
        let result = self.change_item(&mut list, index, level);
        (list, result)
    }

    fn change_item(&mut self, list: &mut Vec<Value>, index: i64, level: usize) -> Result<(), Stop> {
        let Ok(place) = usize::try_from(index) else {
            return error(format!("negative {index} index not allowed"));
        };
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            let chars: Vec<String> = text.chars().map(quote_char).collect();
            return error(format!("unexpected data at end of array index: [{}]", chars.join(" ")));
        }
        match stop {
            None => Err(Stop::End),
            Some('=') => {
                let (value, result) = self.value();
                match (value, result) {
                    // The end right after `=` is an empty text here, and reading goes on (to the end).
                    (Some(value), _) => put_at(list, index, value),
                    (None, result) => result,
                }
            }
            Some('[') => {
                let next = self.index()?;
                let inner = match list.get(place) {
                    None | Some(Value::Nil) => Vec::new(),
                    Some(Value::List(list)) => list.to_vec(),
                    Some(other) => return Err(conversion(other, "[]interface {}")),
                };
                let (inner, result) = self.item(inner, next, level);
                result?;
                put_at(list, index, Value::list(inner))
            }
            Some(_) => {
                let inner = match list.get_mut(place) {
                    None => Map::new(),
                    Some(Value::Map(map)) => map.clone(),
                    Some(slot) => {
                        let new = Map::new();
                        *slot = Value::Map(new.clone());
                        new
                    }
                };
                self.key(&inner, level)?;
                put_at(list, index, Value::Map(inner))
            }
        }
    }
}

fn typed(text: String) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Value::Nil;
    }
    if text == "0" {
        return Value::Int64(0);
    }
    match text.parse() {
        // Leading zeros make it a text: account numbers, file modes.
        Ok(number) if !text.starts_with('0') => Value::Int64(number),
        _ => Value::from(text),
    }
}

/// Go's `%q` of a character.
fn quote_char(char: char) -> String {
    match char {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => format!("'{}'", quote(other.encode_utf8(&mut [0; 4])).trim_matches('"')),
    }
}

/// Go's `%q` of what can stand in a key.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(char);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
