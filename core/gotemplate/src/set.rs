//! Sets of templates, and rendering them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::builtins::{BUILTINS, Builtin};
use crate::error::RenderError;
use crate::function::{Environment, Function, PasswordLines};
use crate::parse::{self, ParseError};
use crate::raw;
use crate::runtime::{Executor, Missing};
use crate::tree::{Shared, Template};
use crate::value::{Text, Value};

/// What a name in a template calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callable {
    Function(&'static Function),
    Builtin(&'static Builtin),
}

impl Callable {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Function(function) => function.name,
            Self::Builtin(builtin) => builtin.name,
        }
    }
}

/// The functions that templates may call, beside those of the language itself.
#[derive(Clone, Debug)]
pub struct FunctionTable {
    functions: BTreeMap<&'static str, &'static Function>,
    /// The same and the language's own, each at the first free place from [`place`] on: parsing asks for one in every second word.
    places: Vec<Option<Callable>>,
}

/// Where to look first for a name in a table of this size, which is a power of two.
fn place(name: &str, size: usize) -> usize {
    let mix = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = name.bytes().fold(0x811c_9dc5_u32, mix);
    (hash ^ (hash >> 15)) as usize & size.saturating_sub(1)
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
        let mut at = place(name, self.places.len());
        while let Some(found) = *self.places.get(at)? {
            if found.name() == name {
                return Some(found);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        None
    }
}

impl Default for FunctionTable {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl FromIterator<&'static Function> for FunctionTable {
    fn from_iter<I: IntoIterator<Item = &'static Function>>(functions: I) -> Self {
        let mut known = BTreeMap::new();
        for function in functions {
            known.insert(function.name, function);
        }
        let functions = known;
        let own = BUILTINS.iter().filter(|builtin| !functions.contains_key(builtin.name));
        let all = functions.values().map(|function| Callable::Function(function));
        // Three quarters stay free, so that an unknown name is soon known for one.
        let size = (4 * (functions.len() + BUILTINS.len())).next_power_of_two();
        let mut places = vec![None; size];
        for callable in all.chain(own.map(Callable::Builtin)) {
            let mut at = place(callable.name(), size);
            while places.get(at).is_some_and(Option::is_some) {
                at = (at + 1) & (size - 1);
            }
            if let Some(free) = places.get_mut(at) {
                *free = Some(callable);
            }
        }
        Self { functions, places }
    }
}

/// What parsing writes on. Who parses many texts with one gets smaller trees sooner.
#[derive(Default)]
pub struct Desk(parse::Desk);

/// A parsed file without its text. It may come from another thread.
pub struct Draft {
    name: Box<str>,
    parsed: parse::Draft,
}

impl Draft {
    /// Parses a text; names of functions are checked here.
    ///
    /// # Errors
    /// With Go's words, for the first mistake in the text.
    pub fn new(
        name: &str,
        text: &str,
        functions: &FunctionTable,
        desk: &mut Desk,
    ) -> Result<Self, ParseError> {
        let parsed = parse::parse(name, text, &|name| functions.find(name), &mut desk.0)?;
        Ok(Self { name: name.into(), parsed })
    }

    /// The same text in a file of another name; `None` where the text defines a template that is called like one of the files.
    #[must_use]
    pub fn renamed(mut self, file: &str) -> Option<Self> {
        let (own, defined) = self.parsed.templates.split_last_mut()?;
        if own.0 != self.name || self.parsed.defines_itself || defined.iter().any(|(name, _)| **name == *file)
        {
            return None;
        }
        own.0 = file.into();
        self.name = file.into();
        Some(self)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Draft").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A parsed file: its body and what it defines. Cheap to clone, never changed.
#[derive(Clone)]
pub struct Parsed {
    name: Text,
    /// Whether the text defines a template that is called like its file.
    defines_itself: bool,
    templates: Rc<Vec<Shared>>,
}

impl Parsed {
    /// Parses a text; names of functions are checked here.
    ///
    /// # Errors
    /// With Go's words, for the first mistake in the text.
    pub fn new(name: &str, text: &str, functions: &FunctionTable) -> Result<Self, ParseError> {
        Ok(Self::of(Draft::new(name, text, functions, &mut Desk::default())?, Rc::from(text)))
    }

    /// A draft and the text that it was made of.
    #[must_use]
    pub fn of(draft: Draft, text: Text) -> Self {
        let Draft { name, parsed } = draft;
        let defines_itself = parsed.defines_itself;
        let name = Rc::from(name);
        Self { templates: Rc::new(parsed.templates(&name, text)), name, defines_itself }
    }

    /// The same text in a file of another name, where that changes nothing but places in errors; `None` where the text defines
    /// a template that is called like one of the files.
    #[must_use]
    pub fn renamed(&self, file: &str) -> Option<Self> {
        let (own, defined) = self.templates.split_last()?;
        if own.name != self.name || self.defines_itself || defined.iter().any(|known| *known.name == *file) {
            return None;
        }
        let name: Text = Rc::from(file);
        let renamed = |template: &Shared, called: &Text| {
            let (tree, body) = (template.tree.clone(), template.body);
            Rc::new(Template { name: called.clone(), file: name.clone(), tree, body })
        };
        let mut templates: Vec<Shared> = defined.iter().map(|known| renamed(known, &known.name)).collect();
        templates.push(renamed(own, &name));
        Some(Self { name, templates: Rc::new(templates), defines_itself: false })
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
            fmt::Display::fmt(&template.tree.written(template.body), formatter)?;
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

/// How many texts given to `tpl` are kept parsed.
const KEPT: usize = 1024;

/// Templates that see each other: all files of a chart and its subcharts.
#[derive(Clone)]
pub struct Templates {
    pub(crate) functions: Rc<FunctionTable>,
    templates: BTreeMap<Text, Shared>,
    /// What `tpl` has parsed: charts give it the same texts in file after file.
    texts: Rc<RefCell<BTreeMap<Text, Rc<Vec<Shared>>>>>,
    pub(crate) password_lines: Rc<PasswordLines>,
}

impl Templates {
    /// An empty set.
    #[must_use]
    pub fn new(functions: Rc<FunctionTable>) -> Self {
        Self { functions, templates: BTreeMap::new(), texts: Rc::default(), password_lines: Rc::default() }
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
        let mut text = executor.run_named(name, data).map_err(|error| *error)?;
        // Most of a long template may be left out.
        if text.capacity() / 2 > text.len() {
            text.shrink_to_fit();
        }
        let text = match raw::finished(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(changed) => changed,
        };
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

    /// The templates in a text that was given to `tpl`.
    pub(crate) fn parse_text(&self, name: &str, text: &str) -> Result<Rc<Vec<Shared>>, ParseError> {
        let mut texts = self.texts.borrow_mut();
        if let Some(known) = texts.get(text) {
            return Ok(known.clone());
        }
        let parsed = Parsed::new(name, text, &self.functions)?.templates;
        if texts.len() >= KEPT {
            texts.clear();
        }
        texts.insert(Rc::from(text), parsed.clone());
        Ok(parsed)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Shared> {
        self.templates.get(name)
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.templates.keys()).finish()
    }
}
