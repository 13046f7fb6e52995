//! What Helm's error leaves to the reader: which value was not there, and which name was meant.

use backstay_gotemplate::{Map, Value, chart_message};

/// The innermost place of an error of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The file with the failing piece.
    pub(crate) file: &'a str,
    /// Its 1-based line.
    pub(crate) line: usize,
    /// The piece itself.
    pub(crate) context: &'a str,
    /// What is wrong with it.
    pub(crate) message: &'a str,
}

/// Finds the innermost `template: FILE:LINE:COLUMN: executing "NAME" at <PIECE>: MESSAGE` of Go's text.
pub(crate) fn innermost(text: &str) -> Option<Place<'_>> {
    let mut found = None;
    for (at, word) in text.match_indices("template: ") {
        found = place(text.get(at + word.len()..)?).or(found);
    }
    found
}

fn place(text: &str) -> Option<Place<'_>> {
    let (location, rest) = text.split_once(": executing \"")?;
    let (_, rest) = rest.split_once("\" at <")?;
    let (context, message) = rest.split_once(">: ")?;
    let (front, _column) = location.rsplit_once(':')?;
    let (file, line) = front.rsplit_once(':')?;
    (!file.contains(": ")).then_some(Place { file, line: line.parse().ok()?, context, message })
}

/// Says which value was missing, and what was meant where that is certain. `scope` is what the running template saw,
/// `line` the text of the failing line, `defined` the names of all templates.
pub(crate) fn hint(
    place: &Place<'_>,
    scope: &Map,
    line: &str,
    defined: &mut dyn Iterator<Item = String>,
) -> Option<String> {
    if let Some(name) = missing_template(place.message) {
        let meant = only_near(name, defined)?;
        return Some(format!("no template is called {name:?}; {meant:?} differs by one letter"));
    }
    let values = scope.get("Values")?;
    let values = values.as_map()?;
    if let Some((_, field)) = place.message.split_once("nil pointer evaluating interface {}.") {
        return paths(place.context).into_iter().find_map(|path| {
            let missing = missing_in(values, &path)?;
            (path.get(missing.depth + 1) == Some(&field)).then(|| missing.tell())
        });
    }
    if place.message.contains("can't evaluate field ") {
        return paths(place.context).into_iter().find_map(|path| no_map(values, &path));
    }
    if chart_message(place.message).is_some() && place.context.starts_with("required") {
        // In a pipeline the piece is `required "…"` alone; the value is on the same line then.
        let inside = paths(place.context);
        let found = if inside.is_empty() { paths(line) } else { inside };
        let [path] = &found[..] else { return None };
        return missing_in(values, path).map(|missing| missing.tell());
    }
    None
}

fn missing_template(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("no template \"")?;
    rest.split_once("\" associated with template").map(|(name, _)| name)
}

/// The paths below `.Values` in a piece of a template, without repetition.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for (at, word) in text.match_indices(".Values.") {
        // `$.Values` and `.Values` are the chart's; `$x.Values` or `.y.Values` may be anything.
        let before = text.get(..at).unwrap_or_default();
        let root = before.strip_suffix('$').unwrap_or(before);
        if root.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | '.' | '$')) {
            continue;
        }
        let rest = text.get(at + word.len()..).unwrap_or_default();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        let path: Vec<&str> = rest.get(..end).unwrap_or_default().split('.').collect();
        if path.iter().all(|part| !part.is_empty()) && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// A part of a path that leads nowhere.
struct Missing {
    /// Up to the missing part, `image.tag`.
    path: String,
    /// The index of the missing part.
    depth: usize,
    /// Whether the key is there, with nothing in it.
    is_null: bool,
    /// The one key beside it that differs by one letter.
    meant: Option<String>,
}

impl Missing {
    fn tell(&self) -> String {
        let path = &self.path;
        let state = if self.is_null { "is null" } else { "is not set" };
        match &self.meant {
            Some(meant) => {
                let meant = match path.rsplit_once('.') {
                    Some((front, _)) => format!("{front}.{meant}"),
                    None => meant.clone(),
                };
                format!(
                    "the value .Values.{path} {state}; .Values.{meant} is set and differs by one letter: was it meant?"
                )
            }
            None => {
                format!("the value .Values.{path} {state}: set it with --set {path}=… or in a values file")
            }
        }
    }
}

fn missing_in(values: &Map, path: &[&str]) -> Option<Missing> {
    let mut map = values.clone();
    for (depth, part) in path.iter().enumerate() {
        let value = map.get(part);
        match value {
            Some(Value::Map(inner)) => map = inner,
            None | Some(Value::Nil) => {
                let keys = map.snapshot().into_iter().filter(|(_, value)| !matches!(value, Value::Nil));
                let mut keys = keys.map(|(key, _)| key.to_string());
                let is_null = value.is_some();
                let meant = if is_null { None } else { only_near(part, &mut keys) };
                let path = path.get(..=depth)?.join(".");
                return Some(Missing { path, depth, is_null, meant });
            }
            Some(_) => return None,
        }
    }
    None
}

/// Where a path wants more of a value that is no map.
fn no_map(values: &Map, path: &[&str]) -> Option<String> {
    let mut map = values.clone();
    for (depth, part) in path.iter().enumerate() {
        let what = match map.get(part)? {
            Value::Map(inner) => {
                map = inner;
                continue;
            }
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Bool(_) => "true or false",
            Value::Nil => return None,
            _ => "a number",
        };
        let next = path.get(depth + 1)?;
        let path = path.get(..=depth)?.join(".");
        return Some(format!(
            "the value .Values.{path} is {what}; the template wants a map with the key {next}"
        ));
    }
    None
}

/// The only name that differs by one letter; none where there are two.
fn only_near(name: &str, names: &mut dyn Iterator<Item = String>) -> Option<String> {
    let mut near = names.filter(|other| is_near(name, other));
    let first = near.next()?;
    near.all(|other| other == first).then_some(first)
}

/// Whether one letter was changed, left out, added, or two neighbours were exchanged.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    // Of very short names everything is near.
    if short.len() < 2 || a == b {
        return false;
    }
    let front = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    let (rest_short, rest_long) = (short.get(front..).unwrap_or(&[]), long.get(front..).unwrap_or(&[]));
    let back = rest_short.iter().rev().zip(rest_long.iter().rev()).take_while(|(x, y)| x == y).count();
    let left_short = rest_short.get(..rest_short.len() - back).unwrap_or(&[]);
    let left_long = rest_long.get(..rest_long.len() - back).unwrap_or(&[]);
    match (left_short, left_long) {
        ([], [_]) | ([_], [_]) => true,
        ([x1, x2], [y1, y2]) => x1 == y2 && x2 == y1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::read_values;

    #[test]
    fn one_letter() {
        for (a, b, near) in [
            ("image", "imge", true),
            ("image", "images", true),
            ("image", "imaeg", true),
            ("image", "inage", true),
            ("image", "image", false),
            ("image", "imagine", false),
            ("a", "b", false),
            ("ab", "a", false),
            ("tag", "gat", false),
        ] {
            assert_eq!(is_near(a, b), near, "{a} {b}");
            assert_eq!(is_near(b, a), near, "{b} {a}");
        }
    }

    #[test]
    fn hints() {
        let values =
            "imge: {tag: one}\nport: 80\nempty:\ndeep: {sevice: {port: 1}, servce: {port: 2}, name: x}\n";
        let Ok(values) = read_values("values.yaml", values.as_bytes()) else { return };
        let scope = Map::new();
        scope.set("Values", Value::Map(values));
        let nil = |field: &str| format!("nil pointer evaluating interface {{}}.{field}");
        let said = "error calling required: HELM_ERR_STARTgive itHELM_ERR_END".to_owned();
        for (context, message, line, expected) in [
            (
                ".Values.image.tag",
                nil("tag"),
                "",
                ".Values.image is not set; .Values.imge is set and differs",
            ),
            ("$.Values.image.tag.x", nil("tag"), "", ".Values.imge is set"),
            (".Values.image.tag", nil("other"), "", ""),
            (".Values.empty.tag", nil("tag"), "", ".Values.empty is null: set it with --set empty=…"),
            // Two are near: nothing is certain.
            (".Values.deep.service.port", nil("port"), "", ".Values.deep.service is not set: set it"),
            (
                ".Values.port.number",
                "can't evaluate field number in type interface {}".into(),
                "",
                "is a number",
            ),
            ("required \"give it\" .Values.deep.nam", said.clone(), "", ".Values.deep.name is set"),
            (
                "required \"give it\"",
                said.clone(),
                "a: {{ .Values.prt | required \"give it\" }}",
                ".Values.port is",
            ),
            ("required \"give it\"", said.clone(), "{{ .Values.a }} {{ .Values.prt | required \"\" }}", ""),
            ("fail \"give it\"", said.clone(), "", ""),
            ("$x.Values.image.tag", nil("tag"), "", ""),
            (
                "include \"web.nam\" .",
                "error calling include: template: no template \"web.nam\" associated with template \"gotpl\""
                    .into(),
                "",
                "\"web.name\" differs",
            ),
        ] {
            let place = Place { file: "a", line: 1, context, message: &message };
            let mut defined = ["web.name", "web.labels"].into_iter().map(str::to_owned);
            let found = hint(&place, &scope, line, &mut defined).unwrap_or_default();
            let holds = if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
            assert!(holds, "{context}: {message}: {found:?}");
        }
    }

    #[test]
    fn the_innermost_place() {
        let text = "template: web/templates/a.yaml:3:4: executing \"web/templates/a.yaml\" at <include \"x\" .>: \
                    error calling include: template: web/templates/_x.tpl:7:2: executing \"x\" at <.Values.a.b>: nil pointer";
        let place = innermost(text);
        let expected =
            Place { file: "web/templates/_x.tpl", line: 7, context: ".Values.a.b", message: "nil pointer" };
        assert_eq!(place, Some(expected));
        assert_eq!(innermost("something else"), None);
    }
}
