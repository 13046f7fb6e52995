//! Functions that templates call: what they declare, what they may ask for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::value::{Text, Value};

/// The Go type of a parameter. The engine checks and converts arguments as `text/template` does before a function sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `interface {}`: anything, `nil` included.
    Any,
    /// `string`.
    Text,
    /// `bool`.
    Bool,
    /// `int`; the function gets [`Value::Int`].
    Int,
    /// `int64`; the function gets [`Value::Int64`].
    Int64,
    /// `float64`.
    Float,
    /// `map[string]interface {}`.
    Map,
    /// `[]interface {}`.
    List,
    /// `[]string`.
    Texts,
    /// `[]byte`.
    Bytes,
    /// An object of the named Go type, e.g. `time.Time`, `certificate`.
    Named(&'static str),
}

/// A function and its signature.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name in templates.
    pub name: &'static str,
    /// The parameters that must be there.
    pub parameters: &'static [Parameter],
    /// The parameter that may be repeated at the end.
    pub variadic: Option<Parameter>,
    /// The function.
    pub call: fn(&mut dyn Runtime, &[Value]) -> Result<Value, FunctionError>,
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a function did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The error the Go function returns; shown as `error calling NAME: …`.
    #[error("{0}")]
    Failed(String),
    /// The table of look-ups has no answer; the host has to ask the cluster and render again.
    #[error("lookup {0} is not answered yet")]
    NeedsLookup(LookupKey),
}

impl FunctionError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }
}

/// What a template looks up in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupKey {
    /// E.g. `apps/v1`.
    pub api_version: String,
    /// E.g. `Deployment`.
    pub kind: String,
    /// Empty for cluster-wide kinds or all namespaces.
    pub namespace: String,
    /// Empty for a list.
    pub name: String,
}

impl fmt::Display for LookupKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}/{}", self.api_version, self.kind, self.namespace, self.name)
    }
}

/// Which Helm to follow where they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// Helm 3.22.
    Helm3,
    /// Helm 4.3.
    #[default]
    Helm4,
}

/// The answers to `lookup`.
pub type Lookup = Rc<dyn Fn(&LookupKey) -> Result<Value, FunctionError>>;

/// Does the second; with several processors it may do the first at the same time, as often as it has some. The first is work
/// that the second takes part in: it may not happen at all.
pub type Beside = fn(&(dyn Fn() + Sync), &mut dyn FnMut());

/// Gives an address of a host (`getHostByName`). The host answers, not this crate.
pub type HostOf = fn(&str) -> Result<String, FunctionError>;

/// Everything outside the template that its functions may depend on. Rendering the same chart in the same environment gives the
/// same bytes.
pub struct Environment {
    /// The time that `now` gives, in nanoseconds since 1970-01-01T00:00:00Z.
    pub now_ns: i128,
    /// The source of everything random: keys, certificates and passwords are as secret as these bits.
    pub seed: [u8; 32],
    /// Which Helm to follow.
    pub compatibility: Compatibility,
    /// The answers to `lookup`; `Ok(Nil)`-like empty maps where nothing is there.
    pub lookup: Lookup,
    /// Whether `required` and `fail` let templates go on, as `helm lint` has it (`LintMode`).
    pub lint: bool,
    /// Who helps with what can be done in parts.
    pub beside: Beside,
    /// What `getHostByName` answers: nothing, unless somebody asked for name servers (`--enable-dns`).
    pub host_of: HostOf,
}

impl Environment {
    /// An environment where nothing can be looked up, as `helm template` has it.
    #[must_use]
    pub fn offline(now_ns: i128, seed: [u8; 32]) -> Self {
        Self {
            now_ns,
            seed,
            compatibility: Compatibility::default(),
            lookup: Rc::new(|_| Ok(Value::Map(crate::value::Map::new()))),
            lint: false,
            beside: |_, own| own(),
            host_of: |_| Ok(String::new()),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("now_ns", &self.now_ns)
            .field("compatibility", &self.compatibility)
            .finish_non_exhaustive()
    }
}

/// Lines of `htpasswd` by user and password.
pub type PasswordLines = RefCell<BTreeMap<(Text, Text), Text>>;

/// What a function may ask of the running template.
pub trait Runtime {
    /// Executes a defined template and gives its text (`include`).
    ///
    /// # Errors
    /// With the text of the inner error.
    fn include(&mut self, name: &str, data: Value) -> Result<String, FunctionError>;
    /// Executes a text as a template that sees all defined ones (`tpl`).
    ///
    /// # Errors
    /// With the text of the inner error.
    fn tpl(&mut self, text: &str, data: Value) -> Result<String, FunctionError>;
    /// The environment.
    fn environment(&self) -> &Environment;
    /// The next number of the seeded, cryptographic source of randomness.
    fn random(&mut self) -> u64;
    /// The lines of `htpasswd` that this rendering has made already.
    fn password_lines(&self) -> &PasswordLines;
}
