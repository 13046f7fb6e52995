//! Types and equality (Sprig v3.3.0 `reflect.go`).

use super::arguments::{any, fixed, text};
use crate::function::{Function, Parameter, Parameter::Any, Parameter::Text};
use crate::value::Value;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    fixed("typeOf", &[Any], |_, a| Ok(any(a, 0).type_name().into())),
    fixed("typeIs", TARGET, |_, a| Ok((any(a, 1).type_name() == text(a, 0)).into())),
    fixed("typeIsLike", TARGET, |_, a| Ok(is_like(&any(a, 1), text(a, 0)).into())),
    fixed("kindOf", &[Any], |_, a| Ok(any(a, 0).kind().into())),
    fixed("kindIs", TARGET, |_, a| Ok((any(a, 1).kind() == text(a, 0)).into())),
    fixed("deepEqual", &[Any, Any], |_, a| Ok((any(a, 0) == any(a, 1)).into())),
];

const TARGET: &[Parameter] = &[Text, Any];

/// The type itself or a pointer to it.
fn is_like(value: &Value, target: &str) -> bool {
    let name = value.type_name();
    name == target || name.strip_prefix('*') == Some(target)
}
