//! What all templates of one rendering share: the defined templates, the environment, the depth.

use std::collections::BTreeMap;
use std::rc::Rc;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::error::{Outcome, RenderError};
use crate::exec::{Got, Run};
use crate::function::{Environment, FunctionError, PasswordLines, Runtime};
use crate::limits;
use crate::parse::DOLLAR;
use crate::print_quote::quote;
use crate::set::Templates;
use crate::tree::Shared;
use crate::value::{Text, Value};

/// Helm's name of the set, which shows in errors.
pub(crate) const ROOT: &str = "gotpl";

/// What a key gives that a map does not have (`Template.Option`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No value at all, of which fields can be taken.
    Invalid,
    /// The zero value of the type, which mostly is `nil`.
    Zero,
    Error,
}

/// How often Helm lets a template include itself (`recursionMaxNums` in `pkg/engine/engine.go`).
const RECURSION: usize = 1000;

/// How many templates may be at work inside each other, whatever way they call.
const DEPTH: usize = 4000;

/// How much of the stack templates may take before they count as endless, in bytes. Threads have 2 MiB, and `WebAssembly` 1 MiB.
const STACK: usize = if cfg!(target_family = "wasm") { 384 << 10 } else { 1280 << 10 };

/// The templates that a text given to `tpl` defines, in front of those it was called with.
struct Scope {
    own: BTreeMap<Text, Shared>,
    outer: Option<Rc<Scope>>,
}

pub(crate) struct Executor<'e> {
    pub(crate) missing: Missing,
    templates: &'e Templates,
    environment: &'e Environment,
    scope: Option<Rc<Scope>>,
    /// How often each template is being included at the moment.
    included: BTreeMap<Text, usize>,
    depth: usize,
    stack: usize,
    /// Made when it is first asked.
    random: Option<ChaCha20Rng>,
    /// The file that is rendered.
    name: &'e str,
    /// What is left of [`limits::STEPS`].
    steps: u64,
}

/// Where the stack is now.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

impl<'e> Executor<'e> {
    pub(crate) fn new(
        templates: &'e Templates,
        environment: &'e Environment,
        missing: Missing,
        name: &'e str,
    ) -> Self {
        Self {
            missing,
            templates,
            environment,
            scope: None,
            included: BTreeMap::new(),
            depth: 0,
            stack: stack_address(),
            random: None,
            name,
            steps: limits::STEPS,
        }
    }

    /// A template by its name.
    pub(crate) fn find(&self, name: &str) -> Option<Shared> {
        let mut scope = self.scope.as_ref();
        while let Some(inner) = scope {
            if let Some(template) = inner.own.get(name) {
                return Some(template.clone());
            }
            scope = inner.outer.as_ref();
        }
        self.templates.find(name).cloned()
    }

    /// Takes steps off what is left; whether there are any.
    pub(crate) fn spend(&mut self, steps: u64) -> bool {
        self.steps = self.steps.saturating_sub(steps);
        self.steps > 0
    }

    /// One template deeper, unless that is too deep.
    pub(crate) fn enter(&mut self) -> bool {
        let fits = self.depth < DEPTH && self.stack.abs_diff(stack_address()) < STACK;
        self.depth += usize::from(fits);
        fits
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Runs a template with data of its own and no variables of the caller.
    pub(crate) fn run(&mut self, template: &Shared, data: Got, out: &mut String) -> Outcome<()> {
        let tree = &*template.tree;
        let variables = vec![(DOLLAR, data.clone())];
        let mut run = Run { executor: self, template, tree, variables, place: None, out };
        run.walk(&data, tree.nodes(template.body)).map(|_| ())
    }

    /// Runs a template by its name, as `ExecuteTemplate` does.
    pub(crate) fn run_named(&mut self, name: &str, data: Value) -> Outcome<String> {
        let Some(template) = self.find(name) else {
            let (name, root) = (quote(name, false), quote(ROOT, false));
            let text = format!("template: no template {name} associated with template {root}");
            return Err(Box::new(RenderError::plain(text)));
        };
        let mut out = String::new();
        self.run(&template, Got::plain(data), &mut out)?;
        Ok(out)
    }

    /// Runs the text that was parsed, with what it defines in sight.
    fn run_text(&mut self, parsed: &[Shared], data: Value) -> Outcome<String> {
        let mut own = BTreeMap::new();
        for template in parsed {
            if !template.is_empty() || self.find(&template.name).is_none() {
                own.insert(template.name.clone(), template.clone());
            }
        }
        let mut out = String::new();
        if let Some(main) = parsed.last() {
            let outer = self.scope.clone();
            self.scope = Some(Rc::new(Scope { own, outer: outer.clone() }));
            let result = self.run(main, Got::plain(data), &mut out);
            self.scope = outer;
            result?;
        }
        Ok(out)
    }

    fn endless<T>(name: &str) -> Result<T, FunctionError> {
        Err(FunctionError::Failed(format!(
            "rendering template has a nested reference name: {name}: unable to execute template"
        )))
    }
}

impl Runtime for Executor<'_> {
    fn include(&mut self, name: &str, data: Value) -> Result<String, FunctionError> {
        match self.included.get_mut(name) {
            Some(count) if *count > RECURSION => return Self::endless(name),
            Some(count) => *count += 1,
            None => {
                self.included.insert(Rc::from(name), 1);
            }
        }
        if !self.enter() {
            return Self::endless(name);
        }
        let result = self.run_named(name, data);
        self.leave();
        if let Some(count) = self.included.get_mut(name) {
            *count -= 1;
        }
        result.map_err(|error| (*error).into())
    }

    fn tpl(&mut self, text: &str, data: Value) -> Result<String, FunctionError> {
        if !text.contains("{{") {
            return Ok(text.replace("<no value>", ""));
        }
        let shown = || quote(text, false);
        let parsed = self
            .templates
            .parse_text(ROOT, text)
            .map_err(|error| FunctionError::Failed(format!("cannot parse template {}: {error}", shown())))?;
        if !self.enter() {
            return Self::endless(ROOT);
        }
        let result = self.run_text(&parsed, data);
        self.leave();
        match result.map_err(|error| *error) {
            Ok(out) if out.contains("<no value>") => Ok(out.replace("<no value>", "")),
            Ok(out) => Ok(out),
            Err(RenderError::NeedsLookup(key)) => Err(FunctionError::NeedsLookup(key)),
            Err(RenderError::Template(error)) => Err(FunctionError::Failed(format!(
                "error during tpl function execution for {}: {error}",
                shown()
            ))),
        }
    }

    fn environment(&self) -> &Environment {
        self.environment
    }

    fn password_lines(&self) -> &PasswordLines {
        &self.templates.password_lines
    }

    fn random(&mut self) -> u64 {
        let (seed, name) = (self.environment.seed, self.name);
        let random = self.random.get_or_insert_with(|| {
            // Every file has random numbers of its own, whatever was rendered before it.
            let key = Sha256::new().chain_update(seed).chain_update(name);
            ChaCha20Rng::from_seed(key.finalize().into())
        });
        random.next_u64()
    }
}
