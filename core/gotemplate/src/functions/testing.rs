//! Calling functions in tests, from tables.

use crate::function::{Environment, FunctionError, PasswordLines, Runtime};
use crate::value::Value;

/// A template that runs nothing but functions.
pub(super) struct Bench {
    environment: Environment,
    state: u64,
    password_lines: PasswordLines,
}

impl Bench {
    /// At 2024-05-14T20:55:43.123456789Z.
    pub(super) fn new() -> Self {
        let environment = Environment::offline(1_715_720_143_123_456_789, [7; 32]);
        Self { environment, state: 7, password_lines: PasswordLines::default() }
    }
}

impl Runtime for Bench {
    fn include(&mut self, name: &str, _: Value) -> Result<String, FunctionError> {
        Err(FunctionError::new(format!("no template {name}")))
    }

    fn tpl(&mut self, _: &str, _: Value) -> Result<String, FunctionError> {
        Err(FunctionError::new("no templates"))
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    fn password_lines(&self) -> &PasswordLines {
        &self.password_lines
    }

    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Calls a function by its name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
    call_on(&mut Bench::new(), name, arguments)
}

/// Calls a function by its name, in a template that goes on.
pub(super) fn call_on(bench: &mut Bench, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut tables = super::TABLES.iter().flat_map(|table| table.iter());
    let function = tables.find(|function| function.name == name).expect(name);
    let given = arguments.len();
    assert!(given >= function.parameters.len(), "{name} has {given} arguments");
    assert!(
        function.variadic.is_some() || given == function.parameters.len(),
        "{name} has {given} arguments"
    );
    (function.call)(bench, arguments)
}

/// Arguments from a JSON list; whole numbers are `int`, others `float64`.
pub(super) fn arguments(json: &str) -> Vec<Value> {
    let json: Vec<serde_json::Value> = serde_json::from_str(json).expect(json);
    let values = json.iter().map(crate::data::from_json);
    values.map(|value| if let Value::Int64(number) = value { Value::Int(number) } else { value }).collect()
}

/// How a result is written in the tables: a text as it is, `error: …`, everything else as JSON.
pub(super) fn shown(result: &Result<Value, FunctionError>) -> String {
    match result {
        Ok(Value::Text(text)) => text.to_string(),
        Ok(Value::Object(object)) => object.print(),
        Ok(other) => crate::data::to_json(other).to_string(),
        Err(error) => format!("error: {error}"),
    }
}

/// Each row: the function, its arguments as a JSON list, what it gives.
pub(super) fn check(table: &[(&str, &str, &str)]) {
    for (name, json, expected) in table {
        let result = call(name, &arguments(json));
        assert_eq!(shown(&result), *expected, "{name} {json}");
    }
}
