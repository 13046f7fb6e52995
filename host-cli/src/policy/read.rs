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
use super::profiles::{NAMES, built_in, over};
use super::remedy::{Remedy, Retries, Strategy, Tests, Way};
use crate::args::Timeout;
use crate::notify::{Format, Occasions, Target};

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// 1-based.
    pub(crate) line: usize,
    pub(crate) words: String,
}

/// Reads the text of a policy file, YAML or JSON, with the profile that was chosen or that it names, over what was decided
/// elsewhere, in the same fields.
pub(crate) fn read(
    text: &str,
    chosen: Option<&str>,
    elsewhere: &Map<String, Value>,
) -> Result<PolicyFile, Wrong> {
    let value = from_yaml(text).map_err(|error| Wrong { line: error.line, words: error.kind.to_string() })?;
    let mut reader = Reader { text, path: Vec::new() };
    let empty = Map::new();
    let fields = match &value {
        Value::Null => &empty,
        Value::Object(fields) => fields,
        _ => return Err(Wrong { line: 1, words: "a policy is a map of fields".into() }),
    };
    reader.check_map(fields, ROOT)?;
    // For the lines: in what is merged nobody could find them.
    reader.policy(fields)?;
    let own = reader.profiles(fields)?;
    let fields = &over(elsewhere.clone(), fields.clone());
    let Some(name) = chosen.or_else(|| fields.get("profile").and_then(Value::as_str)) else {
        return reader.policy(fields);
    };
    let ours = own.and_then(|own| own.get(name)).and_then(Value::as_object);
    let Some(merged) = with_profile(fields, ours, name) else {
        let more = own.map(|own| own.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let known: Vec<&str> = NAMES.iter().copied().chain(more.iter().map(String::as_str)).collect();
        reader.path.push(Place::Name("profile".into()));
        return reader.wrong(format!("there is no profile {name:?}; known are {}", known.join(", ")));
    };
    reader.policy(&merged)
}

/// Built-in, then the file's own fields, then the file's profile of that name; `None` when nobody knows it.
fn with_profile(
    fields: &Map<String, Value>,
    ours: Option<&Map<String, Value>>,
    name: &str,
) -> Option<Map<String, Value>> {
    let below = match (built_in(name), ours) {
        (None, None) => return None,
        (below, _) => below.unwrap_or_default(),
    };
    Some(over(over(below, fields.clone()), ours.cloned().unwrap_or_default()))
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
            (Kind::Flag, Value::Bool(_)) => Ok(()),
            (Kind::Flag, _) => self.wrong(format!("{name} is true or false")),
            (Kind::Retries(_), Value::String(word)) if word == "unlimited" => Ok(()),
            (Kind::Retries(most), value) => match value.as_u64() {
                Some(number) if number <= u64::from(most) => Ok(()),
                _ => self.wrong(format!("{name} is a whole number from 0 to {most}, or unlimited")),
            },
            (Kind::WordOr(_, fields), Value::Object(map)) => self.check_map(map, fields),
            (Kind::WordOr(words, _), value) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(()),
                _ => self.wrong(format!("{name} is one of {}, or a map", words.join(", "))),
            },
            (Kind::Profiles, Value::Object(profiles)) => self.check_profiles(profiles),
            (Kind::Profiles, _) => self.wrong(format!("{name} is a map of policies by name")),
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

    fn check_profiles(&mut self, profiles: &Map<String, Value>) -> Result<(), Wrong> {
        for (name, profile) in profiles {
            self.path.push(Place::Name(name.clone()));
            let Some(fields) = profile.as_object() else {
                return self.wrong(format!("the profile {name} is a map of fields"));
            };
            if let Some(nested) = ["profile", "profiles"].iter().find(|nested| fields.contains_key(**nested))
            {
                self.path.push(Place::Name((*nested).to_owned()));
                return self.wrong("a profile has no profiles of its own");
            }
            self.check_map(fields, ROOT)?;
            self.path.pop();
        }
        Ok(())
    }

    /// The file's profiles, each of which has to make sense, chosen or not.
    fn profiles<'a>(
        &mut self,
        fields: &'a Map<String, Value>,
    ) -> Result<Option<&'a Map<String, Value>>, Wrong> {
        let Some(Value::Object(profiles)) = fields.get("profiles") else { return Ok(None) };
        self.path.push(Place::Name("profiles".into()));
        for (name, profile) in profiles {
            self.path.push(Place::Name(name.clone()));
            if let Value::Object(profile) = profile {
                self.policy(profile)?;
            }
            self.path.pop();
        }
        self.path.pop();
        Ok(Some(profiles))
    }

    /// The checked fields, as they are used.
    fn policy(&mut self, fields: &Map<String, Value>) -> Result<PolicyFile, Wrong> {
        let number = |name: &str| {
            fields.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
        };
        let way = |name: &str| fields.get(name).and_then(Value::as_object).map(way).unwrap_or_default();
        let mut policy = PolicyFile {
            general: self::way(fields),
            install: way("install"),
            upgrade: way("upgrade"),
            tests: fields.get("test").map_or_else(Tests::default, |test| Tests {
                enable: test.get("enable").and_then(Value::as_bool),
                ignore_failures: test.get("ignoreFailures").and_then(Value::as_bool),
            }),
            bake: duration(fields.get("bake")),
            patience: duration(fields.get("patience")),
            fail_fast: word::<FailFast>(fields.get("failFast")),
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

/// What counts for one of the ways, or for all.
fn way(fields: &Map<String, Value>) -> Way {
    let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
    let timeout = fields.get("timeout");
    Way {
        timeout: match duration(timeout) {
            _ if timeout.and_then(Value::as_str) == Some("auto") => Some(Timeout::Auto),
            given => given.map(Timeout::Given),
        },
        remedy: fields.get("remediation").map(remedy).unwrap_or_default(),
        hooks: flag("hooks"),
        cleanup_on_fail: flag("cleanupOnFail"),
        wait: flag("wait"),
        wait_for_jobs: flag("waitForJobs"),
        ignore_test_failures: flag("ignoreTestFailures"),
    }
}

fn remedy(value: &Value) -> Remedy {
    let strategy = |value: Option<&Value>| match value?.as_str()? {
        "uninstall" => Some(Strategy::Uninstall),
        "none" => Some(Strategy::None),
        _ => Some(Strategy::Rollback),
    };
    let Some(fields) = value.as_object() else {
        return Remedy { strategy: strategy(Some(value)), ..Remedy::default() };
    };
    let flag = |name: &str| fields.get(name).and_then(Value::as_bool);
    let count = |number: u64| Retries::Count(u32::try_from(number).unwrap_or(u32::MAX));
    Remedy {
        strategy: strategy(fields.get("strategy")),
        retries: fields.get("retries").map(|value| value.as_u64().map_or(Retries::Unlimited, count)),
        retry_interval: duration(fields.get("retryInterval")),
        remediate_last_failure: flag("remediateLastFailure"),
        keep_history: flag("keepHistory"),
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
