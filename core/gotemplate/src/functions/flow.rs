//! Templates that run templates or stop the rendering (Helm v4.3 `pkg/engine/engine.go`), and look-ups in the cluster.

use super::arguments::{any, fixed, text};
use crate::function::{
    Function, FunctionError, LookupKey, Parameter, Parameter::Any, Parameter::Text, Runtime,
};
use crate::value::Value;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    fixed("include", TEXT_ANY, |runtime, a| Ok(runtime.include(text(a, 0), any(a, 1))?.into())),
    fixed("tpl", TEXT_ANY, |runtime, a| Ok(runtime.tpl(text(a, 0), any(a, 1))?.into())),
    fixed("required", TEXT_ANY, required),
    fixed("fail", &[Text], |runtime, a| refused(runtime, text(a, 0))),
    fixed("lookup", &[Text, Text, Text, Text], lookup),
];

const TEXT_ANY: &[Parameter] = &[Text, Any];

/// What Helm puts before and after the text of `required` and `fail`, to find it again in the error of the template.
const MESSAGE_START: &str = "HELM_ERR_START";
const MESSAGE_END: &str = "HELM_ERR_END";

/// What a chart says itself, by `required` or `fail`, in the text of an error of a template.
#[must_use]
pub fn chart_message(error: &str) -> Option<&str> {
    let (_, after) = error.split_once(MESSAGE_START)?;
    Some(after.rsplit_once(MESSAGE_END)?.0)
}

fn message(text: &str) -> FunctionError {
    FunctionError::new(format!("{MESSAGE_START}{text}{MESSAGE_END}"))
}

/// Neither `nil` nor the empty text; other empty values will do.
fn required(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    match any(arguments, 1) {
        Value::Nil => refused(runtime, text(arguments, 0)),
        Value::Text(value) if value.is_empty() => refused(runtime, text(arguments, 0)),
        value => Ok(value),
    }
}

/// The chart's own error; the empty text where a chart is only looked over.
fn refused(runtime: &mut dyn Runtime, words: &str) -> Result<Value, FunctionError> {
    if runtime.environment().lint { Ok(Value::text("")) } else { Err(message(words)) }
}

fn lookup(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let key = LookupKey {
        api_version: text(arguments, 0).to_owned(),
        kind: text(arguments, 1).to_owned(),
        namespace: text(arguments, 2).to_owned(),
        name: text(arguments, 3).to_owned(),
    };
    let lookup = runtime.environment().lookup.clone();
    lookup(&key)
}
