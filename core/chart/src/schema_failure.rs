//! What does not fit a schema, and how it is listed (jsonschema v6.0.3, `ValidationError`).

use crate::schema_scalars::quote;
use crate::schema_scope::Scope;

/// A place that does not fit, and what lies behind it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) place: String,
    pub(super) message: String,
    pub(super) causes: Vec<Failure>,
    /// Only there to lead to its causes; not shown where there is one cause.
    pub(super) passes: bool,
    /// Only there because one schema found several.
    pub(super) groups: bool,
}

/// What is said of a place that has several causes.
pub(super) const GROUP: &str = "validation failed";

impl Failure {
    pub(super) fn write(&self, text: &mut String, indent: usize) {
        let hidden = self.passes && self.causes.len() == 1;
        if !hidden {
            text.push_str(&"  ".repeat(indent));
            text.push_str(&format!("- at {}: {}\n", quote(&self.place), self.message));
        }
        for cause in &self.causes {
            cause.write(text, indent + usize::from(!hidden));
        }
    }
}

pub(super) fn failure(scope: &Scope<'_, '_>, message: String, causes: Vec<Failure>) -> Failure {
    Failure { place: scope.place(), message, causes, passes: false, groups: false }
}

/// Several failures of one schema become one, as a cause of something else.
pub(super) fn grouped(scope: &Scope<'_, '_>, mut errors: Vec<Failure>) -> Option<Failure> {
    match errors.len() {
        0 => None,
        1 => errors.pop(),
        _ => Some(Failure { groups: true, ..failure(scope, GROUP.into(), errors) }),
    }
}
