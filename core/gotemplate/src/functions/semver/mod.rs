//! Versions and ranges (Masterminds/semver v3.5, Sprig v3.3.0 `semver.go`).

mod constraint;
mod version;

use std::any::Any;
use std::cmp::Ordering;

pub use constraint::Constraint;
pub use version::{SemverError, Version};

use super::arguments::text;
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::{Object, Value};

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "semver", parameters: &[Parameter::Text], variadic: None, call: semver },
    Function {
        name: "semverCompare",
        parameters: &[Parameter::Text, Parameter::Text],
        variadic: None,
        call: semver_compare,
    },
];

fn failed(error: &SemverError) -> FunctionError {
    FunctionError::new(error.to_string())
}

fn semver(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Version::parse(text(arguments, 0)).map(Value::object).map_err(|error| failed(&error))
}

fn semver_compare(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let constraint = Constraint::parse(text(arguments, 0)).map_err(|error| failed(&error))?;
    let version = Version::parse(text(arguments, 1)).map_err(|error| failed(&error))?;
    Ok(constraint.check(&version).into())
}

fn number(number: u64) -> Value {
    // Go's type is uint64; no chart has versions that do not fit.
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

fn other(name: &str, arguments: &[Value]) -> Result<Version, String> {
    let object = match arguments {
        [Value::Object(object)] => object,
        [given] => {
            let found = given.type_name();
            return Err(format!("wrong type for value; expected *semver.Version; got {found}"));
        }
        _ => return Err(format!("wrong number of args for {name}: want 1 got {}", arguments.len())),
    };
    object
        .as_any()
        .downcast_ref::<Version>()
        .cloned()
        .ok_or_else(|| format!("wrong type for value; expected *semver.Version; got {}", object.type_name()))
}

impl Object for Version {
    fn type_name(&self) -> &str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let compare = |holds: fn(Ordering) -> bool| {
            other(name, arguments).map(|other| holds(self.compare(&other)).into())
        };
        let changed = |version: Result<Self, SemverError>| {
            version.map(Value::object).map_err(|error| error.to_string())
        };
        let argument = text(arguments, 0);
        Some(match name {
            "Major" => Ok(number(self.major)),
            "Minor" => Ok(number(self.minor)),
            "Patch" => Ok(number(self.patch)),
            "Prerelease" => Ok(Value::text(&self.prerelease)),
            "Metadata" => Ok(Value::text(&self.metadata)),
            "Original" => Ok(Value::text(self.original())),
            "String" => Ok(self.to_string().into()),
            "IncMajor" => Ok(Value::object(self.next_major())),
            "IncMinor" => Ok(Value::object(self.next_minor())),
            "IncPatch" => Ok(Value::object(self.next_patch())),
            "SetPrerelease" => changed(self.with_prerelease(argument)),
            "SetMetadata" => changed(self.with_metadata(argument)),
            "Compare" => other(name, arguments).map(|other| Value::Int(self.compare(&other) as i64)),
            "Equal" => compare(|order| order == Ordering::Equal),
            "LessThan" => compare(|order| order == Ordering::Less),
            "LessThanEqual" => compare(|order| order != Ordering::Greater),
            "GreaterThan" => compare(|order| order == Ordering::Greater),
            "GreaterThanEqual" => compare(|order| order != Ordering::Less),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn plain(&self) -> Value {
        self.to_string().into()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
