//! Templates at work: blocks, variables and errors.

use std::rc::Rc;

use crate::error::{Outcome, RenderError, TemplateError};
use crate::limits;
use crate::print::display;
use crate::print_float::format_float;
use crate::print_quote::quote;
use crate::runtime::Executor;
use crate::tree::{Branch, Call, Index, Node, Pipe, Place, Template, Tree, Variable};
use crate::value::{Elements, List, Map, MapType, Object, Value};

/// A value as Go's `reflect` sees it.
#[derive(Clone, Default)]
pub(crate) struct Got {
    pub(crate) value: Value,
    /// Whether it came as an `interface {}`. A `nil` that did not is no value at all.
    pub(crate) boxed: bool,
}

impl Got {
    pub(crate) fn plain(value: Value) -> Self {
        Self { value, boxed: false }
    }

    pub(crate) fn boxed(value: Value) -> Self {
        Self { value, boxed: true }
    }

    /// An element of a list.
    pub(crate) fn element(list: &List, value: Value) -> Self {
        Self { value, boxed: list.elements() == Elements::Any }
    }

    /// A value of a map, or the zero value of its type.
    pub(crate) fn entry(map: &Map, value: Option<Value>) -> Self {
        match map.map_type() {
            MapType::Texts => Self::plain(value.unwrap_or_else(|| Value::text(""))),
            MapType::Named(_) => {
                Self { boxed: value.as_ref().is_none_or(Value::is_nil), value: value.unwrap_or_default() }
            }
            MapType::Any | MapType::Values | MapType::Values3 => Self::boxed(value.unwrap_or_default()),
        }
    }

    /// Go's name of its static type.
    pub(crate) fn type_name(&self) -> &str {
        if self.boxed { "interface {}" } else { self.value.type_name() }
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
}

/// One running template.
pub(crate) struct Run<'t, 'r, 'e> {
    pub(crate) executor: &'r mut Executor<'e>,
    pub(crate) template: &'t Template,
    /// The template's.
    pub(crate) tree: &'t Tree,
    pub(crate) variables: Vec<(Variable, Got)>,
    /// Where the template is, for errors.
    pub(crate) place: Option<Place<'t>>,
    pub(crate) out: &'r mut String,
}

impl<'t> Run<'t, '_, '_> {
    /// An error at the current place.
    #[cold]
    #[inline(never)]
    pub(crate) fn error(&self, message: String) -> Box<RenderError> {
        let name = &self.template.name;
        let mut error = TemplateError {
            template: name.to_string(),
            file: self.template.file.to_string(),
            ..TemplateError::default()
        };
        match self.place {
            None => error.text = format!("template: {name}: {message}"),
            Some(place) => {
                (error.line, error.column) = self.template.place(place.position());
                error.context = place.context(self.tree);
                error.text = format!(
                    "template: {}:{}:{}: executing {} at <{}>: {message}",
                    error.file,
                    error.line,
                    error.column,
                    quote(name, false),
                    error.context
                );
            }
        }
        error.message = message;
        Box::new(RenderError::Template(Box::new(error)))
    }

    pub(crate) fn fail<T>(&self, message: String) -> Outcome<T> {
        Err(self.error(message))
    }

    pub(crate) fn walk(&mut self, dot: &Got, nodes: &'t [Node]) -> Outcome<Flow> {
        for (at, node) in nodes.iter().enumerate() {
            self.tick()?;
            match node {
                Node::Text(span) => {
                    let text = self.tree.text(*span);
                    if self.out.capacity() - self.out.len() < text.len() {
                        self.make_room(span.start, nodes.get(at..).unwrap_or_default());
                    }
                    self.out.push_str(text);
                }
                Node::Action(pipe) => self.action(dot, self.pipe(*pipe)?)?,
                Node::Template(call) => match self.tree.call(*call) {
                    Some(call) => self.call_template(dot, call)?,
                    None => return self.fail("no such call".into()),
                },
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
                Node::If(branch) | Node::With(branch) => {
                    let flow = self.choose(dot, branch, matches!(node, Node::With(_)))?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Node::Range(branch) => {
                    let flow = self.range(dot, branch)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
            }
        }
        Ok(Flow::Next)
    }

    /// Makes room for what follows from a place of the source to the last text of a body, as if it were all text: growing
    /// time and again would copy what is there each time.
    #[cold]
    fn make_room(&mut self, start: usize, nodes: &[Node]) {
        let end = nodes.iter().rev().find_map(|node| match node {
            Node::Text(span) => Some(span.end),
            _ => None,
        });
        self.out.reserve(end.unwrap_or(start).saturating_sub(start));
    }

    pub(crate) fn pipe(&self, index: Index) -> Outcome<&'t Pipe> {
        match self.tree.pipe(index) {
            Some(pipe) => Ok(pipe),
            None => self.fail("no such pipeline".into()),
        }
    }

    fn action(&mut self, dot: &Got, pipe: &'t Pipe) -> Outcome<()> {
        let got = self.pipeline(dot, pipe)?;
        if self.tree.declared(pipe).is_empty() {
            self.print(&got.value)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn print(&mut self, value: &Value) -> Outcome<()> {
        match value {
            Value::Nil => self.out.push_str("<no value>"),
            Value::Text(text) => self.out.push_str(text),
            other => {
                self.out.push_str(&display(other));
                if limits::take_cut() {
                    return self.fail(limits::CUT.into());
                }
            }
        }
        Ok(())
    }

    /// One step further, unless the template has taken too many or written too much.
    fn tick(&mut self) -> Outcome<()> {
        if !self.executor.spend(1) {
            return self
                .fail(format!("stopped after {} steps: the template seems to have no end", limits::STEPS));
        }
        if self.out.len() > limits::TEXT {
            let limit = limits::TEXT >> 20;
            return self.fail(format!("stopped: the template writes more than {limit} MiB"));
        }
        Ok(())
    }

    fn choose(&mut self, dot: &Got, branch: &'t Branch, with: bool) -> Outcome<Flow> {
        let known = self.variables.len();
        let got = self.pipeline(dot, self.pipe(branch.pipe)?)?;
        let flow = if got.value.truth() {
            self.walk(if with { &got } else { dot }, self.tree.nodes(branch.body))?
        } else if let Some(otherwise) = branch.otherwise {
            self.walk(dot, self.tree.nodes(otherwise))?
        } else {
            Flow::Next
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, dot: &Got, branch: &'t Branch) -> Outcome<Flow> {
        let known = self.variables.len();
        let pipe = self.pipe(branch.pipe)?;
        let declared = self.tree.declared(pipe);
        let got = self.pipeline(dot, pipe)?;
        let items = self.items(got.value, declared.len())?;
        let body = self.tree.nodes(branch.body);
        let inner = self.variables.len();
        let mut empty = true;
        for (key, item) in items {
            empty = false;
            self.tick()?;
            self.set_range_variables(declared, pipe.assigns, key, &item)?;
            let flow = self.walk(&item, body)?;
            self.variables.truncate(inner);
            if flow == Flow::Break {
                break;
            }
        }
        let mut flow = Flow::Next;
        if let (true, Some(otherwise)) = (empty, branch.otherwise) {
            flow = self.walk(dot, self.tree.nodes(otherwise))?;
        }
        self.variables.truncate(known);
        Ok(flow)
    }

    #[inline(never)]
    fn set_range_variables(
        &mut self,
        declared: &[Variable],
        assigns: bool,
        key: Value,
        item: &Got,
    ) -> Outcome<()> {
        let key = Got::plain(key);
        let count = self.variables.len();
        match (declared, assigns) {
            ([], _) => {}
            ([name], true) => self.assign(*name, item.clone())?,
            ([first, second, ..], true) => {
                self.assign(*first, key)?;
                self.assign(*second, item.clone())?;
            }
            ([_], false) => self.variables[count - 1].1 = item.clone(),
            ([_, _, ..], false) => {
                self.variables[count - 1].1 = item.clone();
                self.variables[count - 2].1 = key;
            }
        }
        Ok(())
    }

    /// What there is to range over, with keys.
    #[inline(never)]
    fn items(&self, value: Value, variables: usize) -> Outcome<Box<dyn Iterator<Item = (Value, Got)>>> {
        let count =
            |number: i64, make: fn(i64) -> Value| -> Outcome<Box<dyn Iterator<Item = (Value, Got)>>> {
                if variables > 1 {
                    let shown = display(&value);
                    return self.fail(format!("can't use {shown} to iterate over more than one variable"));
                }
                Ok(Box::new((0..number).map(move |n| (Value::Nil, Got::plain(make(n))))))
            };
        Ok(match &value {
            Value::Nil => Box::new(std::iter::empty()),
            Value::List(list) => {
                let list = list.clone();
                Box::new((0..list.len()).map(move |index| {
                    let item = list.get(index).cloned().unwrap_or_default();
                    (int(index), Got::element(&list, item))
                }))
            }
            Value::Bytes(bytes) => {
                let bytes = Rc::clone(bytes);
                let item =
                    move |index: usize| Got::plain(Value::Byte(bytes.get(index).copied().unwrap_or(0)));
                let Value::Bytes(bytes) = &value else { return Ok(Box::new(std::iter::empty())) };
                Box::new((0..bytes.len()).map(move |index| (int(index), item(index))))
            }
            Value::Map(map) => {
                let map = map.clone();
                let entries = map.snapshot().into_iter();
                Box::new(entries.map(move |(key, item)| (Value::Text(key), Got::entry(&map, Some(item)))))
            }
            Value::Int(number) => count(*number, Value::Int)?,
            Value::Int64(number) => count(*number, Value::Int64)?,
            Value::Duration(number) => count(*number, Value::Duration)?,
            Value::Byte(number) => {
                count(i64::from(*number), |n| Value::Byte(u8::try_from(n).unwrap_or(u8::MAX)))?
            }
            Value::Rune(number) => {
                count(i64::from(*number), |n| Value::Rune(i32::try_from(n).unwrap_or(i32::MAX)))?
            }
            Value::Object(object) => match (object.entries(), object.items()) {
                (Some(entries), _) => {
                    Box::new(entries.into_iter().map(|(key, item)| (Value::Text(key), Got::plain(item))))
                }
                (None, Some(items)) => {
                    let items = items.into_iter().enumerate();
                    Box::new(items.map(|(index, item)| (int(index), Got::plain(item))))
                }
                (None, None) => return self.cannot_range(&value),
            },
            Value::Bool(_) | Value::Float(_) | Value::Text(_) => return self.cannot_range(&value),
        })
    }

    fn cannot_range<T>(&self, value: &Value) -> Outcome<T> {
        self.fail(format!("range can't iterate over {}", display(value)))
    }

    fn call_template(&mut self, dot: &Got, call: &'t Call) -> Outcome<()> {
        self.place = Some(Place::Call(call));
        let Some(template) = self.executor.find(&call.name) else {
            return self.fail(format!("template {} not defined", quote(&call.name, false)));
        };
        if !self.executor.enter() {
            // Go's words for a template without end. Its limit is in them, because ours depends on the stack.
            return self.fail("exceeded maximum template depth (100000)".into());
        }
        let data = match call.pipe {
            Some(pipe) => self.pipeline(dot, self.pipe(pipe)?)?,
            None => Got::default(),
        };
        self.executor.run(&template, data, self.out)?;
        self.executor.leave();
        Ok(())
    }

    pub(crate) fn assign(&mut self, variable: Variable, got: Got) -> Outcome<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == variable) {
            Some((_, value)) => {
                *value = got;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {}", self.tree.name(variable))),
        }
    }
}

pub(crate) fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A complex constant: no chart needs one, but Go has them.
pub(crate) struct Complex(pub(crate) f64, pub(crate) f64);

impl Object for Complex {
    fn type_name(&self) -> &str {
        "complex128"
    }

    fn kind(&self) -> &'static str {
        "complex128"
    }

    fn print(&self) -> String {
        let [real, imaginary] = [self.0, self.1].map(|number| format_float(number, 'g', None));
        let plus = if imaginary.starts_with(['+', '-']) { "" } else { "+" };
        format!("({real}{plus}{imaginary}i)")
    }

    fn truth(&self) -> bool {
        self.0 != 0.0 || self.1 != 0.0
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
