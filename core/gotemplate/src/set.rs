//! Sets of templates, and rendering them.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::builtins::{self, Builtin};
use crate::error::RenderError;
use crate::function::{Environment, Function};
use crate::parse::{ParseError, parse};
use crate::raw;
use crate::runtime::{Executor, Missing};
use crate::tree::Shared;
use crate::value::{Text, Value};

/// What a name in a template calls.
pub(crate) enum Callable {
    Function(&'static Function),
    Builtin(&'static Builtin),
}

/// The functions that templates may call, beside those of the language itself.
#[derive(Clone, Debug, Default)]
pub struct FunctionTable {
    functions: BTreeMap<&'static str, &'static Function>,
}

impl FunctionTable {
    /// A table; of two functions with one name the later one counts, and all count before the language's own.
    #[must_use]
    pub fn new(tables: impl IntoIterator<Item = &'static [Function]>) -> Self {
        tables.into_iter().flatten().collect()
    }

    /// A function by its name; those of the language itself are not among them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static Function> {
        self.functions.get(name).copied()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.functions.keys().copied()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Callable> {
        let own = self.get(name).map(Callable::Function);
        own.or_else(|| builtins::find(name).map(Callable::Builtin))
    }
}

impl FromIterator<&'static Function> for FunctionTable {
    fn from_iter<I: IntoIterator<Item = &'static Function>>(functions: I) -> Self {
        Self { functions: functions.into_iter().map(|function| (function.name, function)).collect() }
    }
}

/// A parsed file: its body and what it defines. Cheap to clone, never changed.
#[derive(Clone)]
pub struct Parsed {
    name: Text,
    templates: Rc<Vec<Shared>>,
}

impl Parsed {
    /// Parses a text; names of functions are checked here.
    ///
    /// # Errors
    /// With Go's words, for the first mistake in the text.
    pub fn new(name: &str, text: &str, functions: &FunctionTable) -> Result<Self, ParseError> {
        let templates = parse(name, text, &|name| functions.find(name).is_some())?;
        Ok(Self { name: Rc::from(name), templates: Rc::new(templates) })
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the templates it defines, sorted.
    pub fn defines(&self) -> impl Iterator<Item = &str> {
        self.templates.iter().map(|template| &*template.name).filter(|name| **name != *self.name)
    }
}

/// Shows the trees in Go's writing.
impl fmt::Debug for Parsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for template in self.templates.iter() {
            if template.name != self.name {
                write!(formatter, "{{{{define {:?}}}}}", template.name)?;
            }
            template.body.iter().try_for_each(|node| fmt::Display::fmt(node, formatter))?;
            if template.name != self.name {
                formatter.write_str("{{end}}")?;
            }
        }
        Ok(())
    }
}

/// How to render.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether a missing key of a map is an error (Helm's strict mode, for `lint`).
    pub missing_key_error: bool,
}

/// Templates that see each other: all files of a chart and its subcharts.
#[derive(Clone)]
pub struct Templates {
    pub(crate) functions: Rc<FunctionTable>,
    templates: BTreeMap<Text, Shared>,
    dollar: Text,
}

impl Templates {
    /// An empty set.
    #[must_use]
    pub fn new(functions: Rc<FunctionTable>) -> Self {
        Self { functions, templates: BTreeMap::new(), dollar: Rc::from("$") }
    }

    /// Adds a file and what it defines. A later template replaces an earlier one of its name, unless it is empty.
    pub fn add(&mut self, parsed: Parsed) {
        for template in parsed.templates.iter() {
            if !template.is_empty() || !self.templates.contains_key(&template.name) {
                self.templates.insert(template.name.clone(), template.clone());
            }
        }
    }

    /// Whether there is a template of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.templates.contains_key(name)
    }

    /// Renders a template as Helm does: what has no value leaves no text.
    ///
    /// # Errors
    /// With Go's words, or for a look-up that the environment does not answer.
    pub fn render(
        &self,
        name: &str,
        data: Value,
        environment: &Environment,
        options: Options,
    ) -> Result<String, RenderError> {
        let missing = if options.missing_key_error { Missing::Error } else { Missing::Zero };
        let mut executor = Executor::new(self, environment, missing, name);
        let text = raw::finished(executor.run_named(name, data).map_err(|error| *error)?);
        Ok(if text.contains("<no value>") { text.replace("<no value>", "") } else { text })
    }

    /// Renders a template as Go does by itself: what has no value shows as `<no value>`, and a missing key has fields that are
    /// missing, too.
    ///
    /// # Errors
    /// As for [`Templates::render`].
    pub fn render_as_go(
        &self,
        name: &str,
        data: Value,
        environment: &Environment,
    ) -> Result<String, RenderError> {
        let mut executor = Executor::new(self, environment, Missing::Invalid, name);
        executor.run_named(name, data).map_err(|error| *error)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Shared> {
        self.templates.get(name)
    }

    pub(crate) fn dollar(&self) -> Text {
        self.dollar.clone()
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.templates.keys()).finish()
    }
}
