//! Reading a policy file: every field is checked against the table, and what is wrong is said with its line.

use std::time::Duration;

use backstay_core::health::{FailFast, ReadinessRules};
use backstay_core::object::parse_duration;
use backstay_core::rollout::NoReturn;
use backstay_core::yaml::from_yaml;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::PolicyFile;
use super::fields::{Field, Kind, ROOT};
use crate::args::Timeout;
use crate::notify::{Format, Occasions, Target};

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// 1-based.
    pub(crate) line: usize,
    pub(crate) words: String,
}

/// Reads the text of a policy file, YAML or JSON.
pub(crate) fn read(text: &str) -> Result<PolicyFile, Wrong> {
    let value = from_yaml(text).map_err(|error| Wrong { line: error.line, words: error.kind.to_string() })?;
    let mut reader = Reader { text, path: Vec::new() };
    let empty = Map::new();
    let fields = match &value {
        Value::Null => &empty,
        Value::Object(fields) => fields,
        _ => return Err(Wrong { line: 1, words: "a policy is a map of fields".into() }),
    };
    reader.check_map(fields, ROOT)?;
    reader.policy(fields)
}

struct Reader<'a> {
    text: &'a str,
    /// Where it looks: names and positions.
    path: Vec<Place>,
}

#[derive(Clone)]
enum Place {
    Name(String),
    Item(usize),
}

impl Reader<'_> {
    fn wrong<T>(&self, words: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong { line: line_of(self.text, &self.path), words: words.into() })
    }

    fn check_map(&mut self, map: &Map<String, Value>, fields: &[Field]) -> Result<(), Wrong> {
        for (name, value) in map {
            self.path.push(Place::Name(name.clone()));
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                return self.wrong(unknown(name, fields));
            };
            self.check(field, value)?;
            self.path.pop();
        }
        Ok(())
    }

    fn check(&mut self, field: &Field, value: &Value) -> Result<(), Wrong> {
        let name = field.name;
        match (field.kind, value) {
            (Kind::DurationOrAuto, Value::String(text)) if text == "auto" => Ok(()),
            // YAML reads a bare 0 as a number.
            (Kind::Duration | Kind::DurationOrAuto, Value::Number(number)) if number.as_u64() == Some(0) => {
                Ok(())
            }
            (Kind::Duration | Kind::DurationOrAuto, Value::String(text)) => match parse_duration(text) {
                Ok(_) => Ok(()),
                Err(error) => self.wrong(format!("{name}: {error}")),
            },
            (Kind::Duration | Kind::DurationOrAuto, _) => {
                self.wrong(format!("{name} is a duration with its unit, such as 30s or 5m"))
            }
            (Kind::Word(words), value) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(()),
                _ => self.wrong(format!("{name} is one of {}", words.join(", "))),
            },
            (Kind::Number(least, most), value) => match value.as_u64() {
                Some(number) if (u64::from(least)..=u64::from(most)).contains(&number) => Ok(()),
                _ => self.wrong(format!("{name} is a whole number from {least} to {most}")),
            },
            (Kind::Text, Value::String(text)) if !text.is_empty() => Ok(()),
            (Kind::Text, _) => self.wrong(format!("{name} is a text")),
            (Kind::Words(words), Value::Array(items)) if !items.is_empty() => {
                let known = |item: &Value| item.as_str().is_some_and(|item| words.contains(&item));
                if items.iter().all(known) {
                    Ok(())
                } else {
                    self.wrong(format!("{name} holds {}", words.join(", ")))
                }
            }
            (Kind::Words(words), _) => self.wrong(format!("{name} is a list of {}", words.join(", "))),
            (Kind::Section(fields), Value::Object(map)) => self.check_map(map, fields),
            (Kind::Section(_), _) => self.wrong(format!("{name} is a map")),
            (Kind::List(fields), Value::Array(items)) => {
                for (position, item) in items.iter().enumerate() {
                    self.path.push(Place::Item(position));
                    match item {
                        Value::Object(map) => self.check_map(map, fields)?,
                        _ => return self.wrong(format!("{name} is a list of maps")),
                    }
                    self.path.pop();
                }
                Ok(())
            }
            (Kind::List(_), _) => self.wrong(format!("{name} is a list of maps")),
        }
    }

    /// The checked fields, as they are used.
    fn policy(&mut self, fields: &Map<String, Value>) -> Result<PolicyFile, Wrong> {
        let number = |name: &str| {
            fields.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
        };
        let is_auto = |name: &str| fields.get(name).and_then(Value::as_str) == Some("auto");
        let mut policy = PolicyFile {
            timeout: match duration(fields.get("timeout")) {
                _ if is_auto("timeout") => Some(Timeout::Auto),
                given => given.map(Timeout::Given),
            },
            bake: duration(fields.get("bake")),
            patience: duration(fields.get("patience")),
            fail_fast: word::<FailFast>(fields.get("failFast")),
            undo: fields.get("remediation").and_then(Value::as_str).map(|word| word == "undo"),
            no_return: word::<NoReturn>(fields.get("afterIrreversible")),
            readiness: word::<ReadinessRules>(fields.get("readiness")),
            crash_restarts: number("crashRestarts"),
            crash_share_percent: number("crashSharePercent"),
            ..PolicyFile::default()
        };
        if let Some(Value::Object(graces)) = fields.get("graces") {
            let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            let graces = graces
                .iter()
                .filter_map(|(name, grace)| Some((name.clone(), millis(duration(Some(grace))?))));
            policy.graces = graces.collect();
        }
        self.path.push(Place::Name("readinessRules".into()));
        let rules =
            fields.get("readinessRules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (position, rule) in rules.iter().enumerate() {
            self.path.push(Place::Item(position));
            match serde_json::from_value(rule.clone()) {
                Ok(rule) => policy.readiness_rules.push(rule),
                Err(error) => return self.wrong(error.to_string()),
            }
            self.path.pop();
        }
        self.path.pop();
        self.path.push(Place::Name("notify".into()));
        let receivers = fields.get("notify").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (position, receiver) in receivers.iter().enumerate() {
            self.path.push(Place::Item(position));
            policy.notify.push(self.receiver(receiver)?);
            self.path.pop();
        }
        self.path.pop();
        Ok(policy)
    }

    fn receiver(&self, receiver: &Value) -> Result<Target, Wrong> {
        let text = |name: &str| receiver.get(name).and_then(Value::as_str);
        let target = match (text("slack"), text("webhook")) {
            (Some(address), None) => Target::new(Format::Slack, address),
            (None, Some(address)) => Target::new(Format::Webhook, address),
            _ => return self.wrong("a receiver has an address: either slack or webhook"),
        };
        let mut target = match target {
            Ok(target) => target,
            Err(error) => return self.wrong(error.to_string()),
        };
        if let Some(Value::Array(on)) = receiver.get("when") {
            let holds = |word: &str| on.iter().any(|item| item.as_str() == Some(word));
            target.occasions = Occasions { success: holds("success"), failure: holds("failure") };
        }
        if let Some(file) = text("secretFile") {
            match crate::notify::secret(Some(std::path::Path::new(file))) {
                Ok(secret) => target.secret = secret,
                Err(error) => return self.wrong(format!("{error:#}")),
            }
        }
        Ok(target)
    }
}

fn duration(value: Option<&Value>) -> Option<Duration> {
    match value? {
        Value::String(text) => parse_duration(text).ok(),
        Value::Number(_) => Some(Duration::ZERO),
        _ => None,
    }
}

fn word<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    serde_json::from_value(value?.clone()).ok()
}

/// What to say of a name nobody knows, with the nearest that is known.
fn unknown(name: &str, fields: &[Field]) -> String {
    let nearest = fields.iter().min_by_key(|field| distance(name, field.name));
    match nearest.filter(|field| distance(name, field.name) <= 2 + name.len() / 4) {
        Some(field) => format!("unknown field {name:?}; did you mean {}?", field.name),
        None => {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            format!("unknown field {name:?}; known are {}", names.join(", "))
        }
    }
}

/// How many letters have to be added, left out or replaced, whatever their case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, letter) in left.to_lowercase().chars().enumerate() {
        let mut next = vec![done + 1];
        for (column, other) in right.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&row, column) + usize::from(letter != *other);
            next.push(replaced.min(at(&row, column + 1) + 1).min(at(&next, column) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The line of a place in the text: its names are looked for one behind the other.
fn line_of(text: &str, path: &[Place]) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let mut line = 0;
    for (depth, place) in path.iter().enumerate() {
        let rest = || lines.iter().enumerate().skip(line);
        let found = match place {
            // At the top the least indented line is meant; a nested field may have the same name.
            Place::Name(name) if depth == 0 => {
                rest().filter(|(_, text)| names(text, name)).min_by_key(|(_, text)| indent(text))
            }
            Place::Name(name) => rest().find(|(_, text)| names(text, name)),
            Place::Item(position) => {
                rest().skip(1).filter(|(_, text)| text.trim_start().starts_with(['-', '{'])).nth(*position)
            }
        };
        line = found.map_or(line, |(line, _)| line);
    }
    line + 1
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line gives a field of this name.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default().trim_end_matches(['"', '\'']);
        let after =
            line.get(at + name.len()..).unwrap_or_default().trim_start_matches(['"', '\'']).trim_start();
        after.starts_with(':') && (before.is_empty() || before.ends_with([' ', '{', ',', '\t']))
    })
}
