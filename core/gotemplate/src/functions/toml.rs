//! TOML as BurntSushi/toml 1.6 writes it (Helm v4.3 `pkg/engine/funcs.go`).
//!
//! Reading is done by the `toml` crate: the values are the same, the words for rare mistakes are its own.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::arguments::{any, text};
use super::structured::error_map;
use super::{dates, json};
use crate::elsewhere::full;
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::print_quote::{quote, quote_rune};
use crate::value::{Map, Text, Value};

const ANY: &[Parameter] = &[Parameter::Any];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "toToml", parameters: ANY, variadic: None, call: to_toml },
    Function { name: "mustToToml", parameters: ANY, variadic: None, call: must_to_toml },
    Function { name: "fromToml", parameters: &[Parameter::Text], variadic: None, call: full!(from_toml) },
];

/// Deeper than this only cycles go.
const MAX_DEPTH: usize = 200;

/// The encoder panics without a value; only `text/template` catches that.
const NO_VALUE: &str = "reflect: call of reflect.Value.Type on zero Value";

/// Helm gives the error as the answer.
fn to_toml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    match write(&any(arguments, 0)) {
        Err(error) if error == NO_VALUE => Err(FunctionError::new(error)),
        Ok(text) | Err(text) => Ok(text.into()),
    }
}

fn must_to_toml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    write(&any(arguments, 0)).map(Value::from).map_err(FunctionError::new)
}

#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "the small build leaves it to the full one"))]
fn from_toml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let source = text(arguments, 0);
    Ok(match DeTable::parse(source) {
        Ok(table) => {
            let mut reader = Reader { source, path: Vec::new(), wrong: None };
            let value = reader.table(table.get_ref());
            reader.wrong.map_or(value, |(_, message)| error_map(message))
        }
        Err(error) => {
            let before = error.span().and_then(|span| source.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let message = wrong_line(source.lines().nth(line - 1).unwrap_or_default(), line, source)
                .unwrap_or_else(|| format!("toml: line {line}: {}", error.message()));
            error_map(message)
        }
    })
}

/// What BurntSushi/toml v1.6.0 says of the commonest mistakes: a key without `=` (`lexKeyEnd`), and one without a value.
fn wrong_line(line: &str, number: usize, source: &str) -> Option<String> {
    let ends = source.lines().nth(number).is_none() && !source.ends_with('\n');
    let blank = [' ', '\t'];
    let mut rest = line.trim_start_matches(blank);
    if rest.is_empty() || rest.starts_with(['[', '#', '"', '\'']) {
        return None;
    }
    let key = rest.split([' ', '\t', '=']).next().unwrap_or_default();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        rest = rest.trim_start_matches(blank);
        match rest.strip_prefix('.') {
            Some(more) if !more.starts_with(['"', '\'']) => rest = more.trim_start_matches(blank),
            _ => break,
        }
    }
    let place = format!("toml: line {number}");
    match rest.chars().next() {
        None if ends => Some(format!("{place}: unexpected EOF; expected key separator '='")),
        Some('=') if ends && rest[1..].trim_matches(blank).is_empty() => {
            Some(format!("{place} (last key {}): unexpected EOF; expected value", quote(key, false)))
        }
        Some('=') => None,
        next => {
            let next = quote_rune(next.unwrap_or('\n'), false);
            Some(format!("{place}: expected '.' or '=', but got {next} instead"))
        }
    }
}

/// Makes values of what was parsed. Numbers are texts until here, and may be too large.
struct Reader<'s> {
    source: &'s str,
    /// The keys down to here, as they are written.
    path: Vec<String>,
    /// What is said of the first number that is too large, and where it is.
    wrong: Option<(usize, String)>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Value {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table.iter() {
            let key = key.get_ref();
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let written =
                if !key.is_empty() && key.chars().all(bare) { key.to_string() } else { quote(key, false) };
            self.path.push(written);
            entries.push((Text::from(key.as_ref()), self.value(value)));
            self.path.pop();
        }
        Value::map(entries)
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::text(text),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Int64(number),
                Err(_) => self.too_large(value, "int64"),
            },
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(float) if float.is_finite() || !number.as_str().contains(char::is_numeric) => {
                    Value::Float(float)
                }
                _ => self.too_large(value, "float64"),
            },
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => dates::from_toml(&time.to_string()),
            DeValue::Array(items) => Value::list(items.iter().map(|item| self.value(item)).collect()),
            DeValue::Table(table) => self.table(table),
        }
    }

    fn too_large(&mut self, value: &Spanned<DeValue<'_>>, kind: &str) -> Value {
        let span = value.span();
        if self.wrong.as_ref().is_none_or(|(place, _)| span.start < *place) {
            let before = self.source.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let key = self.path.join(".");
            let number = self.source.get(span.clone()).unwrap_or_default();
            let message = format!(
                "toml: line {line} (last key {}): {number} is out of range for {kind}",
                quote(&key, false)
            );
            self.wrong = Some((span.start, message));
        }
        Value::Nil
    }
}

fn write(value: &Value) -> Result<String, String> {
    let mut writer = Writer { out: String::new() };
    match value {
        Value::Nil => return Err(NO_VALUE.to_owned()),
        Value::Map(map) => writer.table(&[], map)?,
        other if is_tables(other)? => {
            return Err("toml: top-level values must be Go maps or structs".to_owned());
        }
        other => writer.element(other, 0)?,
    }
    Ok(writer.out)
}

/// A list of maps and nothing else; a list with `nil` in it cannot be written.
fn is_tables(value: &Value) -> Result<bool, String> {
    let Some(items) = value.as_list() else { return Ok(false) };
    if items.iter().any(Value::is_nil) {
        return Err("toml: cannot encode array with nil element".to_owned());
    }
    Ok(!items.is_empty() && items.iter().all(|item| item.as_map().is_some()))
}

struct Writer {
    out: String,
}

impl Writer {
    /// The entries of a table: plain ones first, then the tables, each sorted.
    fn table(&mut self, path: &[Text], map: &Map) -> Result<(), String> {
        if path.len() > MAX_DEPTH {
            return Err("toml: the value is nested too deep or contains itself".to_owned());
        }
        let entries = map.snapshot();
        let indent = "  ".repeat(path.len());
        let mut later = Vec::new();
        for (key, value) in &entries {
            if value.is_nil() {
                continue;
            }
            if value.as_map().is_some() || is_tables(value)? {
                later.push((key, value));
                continue;
            }
            self.out.push_str(&format!("{indent}{} = ", key_text(key)));
            self.element(value, path.len())?;
            self.out.push('\n');
        }
        for (key, value) in later {
            let path = [path, std::slice::from_ref(key)].concat();
            let heading = path.iter().map(|key| key_text(key)).collect::<Vec<_>>().join(".");
            if let Some(map) = value.as_map() {
                if path.len() == 1 {
                    self.line();
                }
                self.out.push_str(&format!("{indent}[{heading}]\n"));
                self.table(&path, map)?;
            }
            for map in value.as_list().unwrap_or_default().iter().filter_map(Value::as_map) {
                self.line();
                self.out.push_str(&format!("{indent}[[{heading}]]\n"));
                self.table(&path, map)?;
            }
        }
        Ok(())
    }

    /// An empty line, but not at the top.
    fn line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn element(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("toml: the value is nested too deep or contains itself".to_owned());
        }
        match value {
            Value::Text(text) => self.out.push_str(&quoted(text)),
            Value::Float(number) => self.out.push_str(&float(*number)),
            Value::Duration(span) => self.out.push_str(&quoted(&dates::duration_text(*span))),
            Value::List(list) => {
                is_tables(value)?;
                self.group('[', ']', list.iter().map(|item| (None, item)), depth)?;
            }
            Value::Bytes(bytes) => {
                let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                self.out.push_str(&format!("[{}]", numbers.join(", ")));
            }
            Value::Map(map) => {
                let entries = map.snapshot();
                let given = entries.iter().filter(|(_, value)| !value.is_nil());
                let (tables, plain): (Vec<_>, Vec<_>) =
                    given.partition(|(_, value)| value.as_map().is_some());
                let sorted = plain.into_iter().chain(tables);
                self.group('{', '}', sorted.map(|(key, value)| (Some(key), value)), depth)?;
            }
            Value::Object(object) => match dates::to_toml(value) {
                Some(time) => self.out.push_str(&time),
                None => self.element(&object.plain(), depth + 1)?,
            },
            plain => self.out.push_str(&json::write(plain, json::Style { pretty: false, html: false })?),
        }
        Ok(())
    }

    fn group<'v>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = (Option<&'v Text>, &'v Value)>,
        depth: usize,
    ) -> Result<(), String> {
        self.out.push(open);
        for (index, (key, value)) in items.enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if let Some(key) = key {
                self.out.push_str(&format!("{} = ", key_text(key)));
            }
            self.element(value, depth + 1)?;
        }
        self.out.push(close);
        Ok(())
    }
}

fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = backstay_yaml::number::float_text(number);
    if text.contains(['e', '.']) { text } else { text + ".0" }
}

fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn writes() {
        let value = r#"[{"a": 1, "b": 1.5, "e": [{"x": 1}, {"y": 2}], "f": {"g": {"h": "i\n\""}}, "z z": true,
            "em": {}, "n": null, "mix": [1, "a", {"q": 1}], "le": [], "big": 1e21, "two": 2.0}]"#;
        let expected = "a = 1\nb = 1.5\nbig = 1e+21\nle = []\nmix = [1, \"a\", {q = 1}]\ntwo = 2.0\n\"z z\" = true\n\n[[e]]\n  x = 1\n\n[[e]]\n  y = 2\n\n[em]\n\n[f]\n  [f.g]\n    h = \"i\\n\\\"\"\n";
        check(&[
            ("toToml", value, expected),
            ("toToml", r#"[{"mast": {"sail": "white"}}]"#, "[mast]\n  sail = \"white\"\n"),
            ("toToml", r#"[{"a": [[1], ["b"]]}]"#, "a = [[1], [\"b\"]]\n"),
            ("toToml", r#"["x"]"#, "\"x\""),
            ("toToml", r#"[{"a": [null]}]"#, "toml: cannot encode array with nil element"),
            ("mustToToml", r#"[[{}]]"#, "error: toml: top-level values must be Go maps or structs"),
        ]);
    }

    #[test]
    fn reads() {
        check(&[
            (
                "fromToml",
                r#"["a = 1\nb = [1.5, 'x']\n[t.u]\nc = true\n[[l]]\nd = \"e\""]"#,
                r#"{"a":1,"b":[1.5,"x"],"l":[{"d":"e"}],"t":{"u":{"c":true}}}"#,
            ),
            (
                "fromToml",
                r#"["a = 1979-05-27\nb = 07:32:00\nc = 1979-05-27T07:32:00\nd = 1979-05-27T07:32:00-07:00\ne = 1979-05-27 07:32:00Z"]"#,
                r#"{"a":"1979-05-27T00:00:00Z","b":"0000-01-01T07:32:00Z","c":"1979-05-27T07:32:00Z","d":"1979-05-27T07:32:00-07:00","e":"1979-05-27T07:32:00Z"}"#,
            ),
            ("fromToml", r#"[""]"#, "{}"),
            (
                "fromToml",
                r#"["a = 1\none"]"#,
                r#"{"Error":"toml: line 2: unexpected EOF; expected key separator '='"}"#,
            ),
            (
                "fromToml",
                r#"["one\ntwo"]"#,
                r#"{"Error":"toml: line 1: expected '.' or '=', but got '\\n' instead"}"#,
            ),
        ]);
    }

    #[test]
    fn numbers_have_their_range() {
        let large = |line: u32, key: &str, number: &str, kind: &str| {
            format!(
                r#"{{"Error":"toml: line {line} (last key \"{key}\"): {number} is out of range for {kind}"}}"#
            )
        };
        for (source, expected) in [
            ("a = 0xff\nb = +1_000\nc = 1e3\nd = 0b11", r#"{"a":255,"b":1000,"c":1000,"d":3}"#.to_owned()),
            ("a = 9223372036854775807", r#"{"a":9223372036854775807}"#.to_owned()),
            ("a = 9223372036854775808", large(1, "a", "9223372036854775808", "int64")),
            (
                "z = 0xffffffffffffffffff\na = 9223372036854775808",
                large(1, "z", "0xffffffffffffffffff", "int64"),
            ),
            ("[t]\nb = 1\nx.y = -99999999999999999999", large(3, "t.x.y", "-99999999999999999999", "int64")),
            ("a = [1,\n {b = 99999999999999999999}]", large(2, "a.b", "99999999999999999999", "int64")),
            ("[[t]]\n\"x y\".y = 1_0e9_99", large(2, r#"t.\\\"x y\\\".y"#, "1_0e9_99", "float64")),
        ] {
            check(&[("fromToml", &serde_json::json!([source]).to_string(), &expected)]);
        }
        let table = super::super::testing::call("fromToml", &["a = inf\nb = -inf\nc = nan".into()]).unwrap();
        let shown = super::super::testing::call("toToml", &[table]).unwrap();
        assert_eq!(shown.as_text(), Some("a = inf\nb = -inf\nc = nan\n"));
    }
}
