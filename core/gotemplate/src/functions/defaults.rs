//! Values in place of missing ones (Sprig v3.3.0 `defaults.go`).

use super::arguments::{any, fixed, open};
use crate::function::{Function, Parameter, Parameter::Any, Parameter::Bool};
use crate::value::Value;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    open("default", ONE, Any, |_, a| Ok(any(a, usize::from(any(a, 1).truth())))),
    fixed("empty", ONE, |_, a| Ok((!any(a, 0).truth()).into())),
    open("coalesce", &[], Any, |_, a| Ok(a.iter().find(|value| value.truth()).cloned().unwrap_or_default())),
    open("all", &[], Any, |_, a| Ok(a.iter().all(Value::truth).into())),
    open("any", &[], Any, |_, a| Ok(a.iter().any(Value::truth).into())),
    fixed("ternary", &[Any, Any, Bool], |_, a| Ok(any(a, usize::from(!any(a, 2).truth())))),
];

const ONE: &[Parameter] = &[Any];
