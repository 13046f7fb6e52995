//! Calls of functions and methods, and what their arguments must be.

use std::rc::Rc;

use crate::builtins::Builtin;
use crate::error::{Outcome, RenderError};
use crate::exec::{Got, Run};
use crate::function::{Function, FunctionError, Parameter};
use crate::limits;
use crate::set::Callable;
use crate::tree::{Index, Operand, OperandKind, Place};
use crate::value::{Elements, List, Map, MapType, Value};

impl Parameter {
    /// Go's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float => "float64",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Texts => "[]string",
            Self::Bytes => "[]uint8",
            Self::Named(name) => name,
        }
    }

    /// The zero value, for types that can be `nil`.
    fn nil(self) -> Option<Value> {
        match self {
            Self::Any => Some(Value::Nil),
            Self::Map => Some(Value::Map(Map::nil(MapType::Any))),
            Self::List => Some(Value::List(List::nil(Elements::Any))),
            Self::Texts => Some(Value::List(List::nil(Elements::Text))),
            Self::Bytes => Some(Value::Bytes(Rc::from([]))),
            Self::Named(name) if name.starts_with('*') => Some(Value::Nil),
            _ => None,
        }
    }

    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _)
            | (Self::Text, Value::Text(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Int, Value::Int(_))
            | (Self::Int64, Value::Int64(_))
            | (Self::Float, Value::Float(_))
            | (Self::Bytes, Value::Bytes(_)) => true,
            (Self::Map, Value::Map(map)) => {
                matches!(map.map_type(), MapType::Any | MapType::Values | MapType::Values3)
            }
            (Self::List, Value::List(list)) => list.elements() == Elements::Any,
            (Self::Texts, Value::List(list)) => list.elements() == Elements::Text,
            (Self::Named(name), value) => {
                let given = value.type_name();
                given == name || given.strip_prefix('*') == Some(name)
            }
            _ => false,
        }
    }
}

impl<'t> Run<'t, '_, '_> {
    pub(crate) fn function(
        &mut self,
        dot: &Got,
        function: Callable,
        whole: Place<'t>,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        match function {
            Callable::Function(function) => self.declared(dot, function, whole, arguments, last),
            Callable::Builtin(builtin) => self.builtin(dot, builtin, whole, arguments, last),
        }
    }

    fn declared(
        &mut self,
        dot: &Got,
        function: &'static Function,
        whole: Place<'t>,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        let Function { name, parameters, variadic, call } = *function;
        self.count(name, parameters.len(), variadic.is_some(), arguments.len(), last.is_some())?;
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for (index, argument) in arguments.iter().enumerate() {
            let parameter = parameters.get(index).copied().or(variadic).unwrap_or(Parameter::Any);
            values.push(self.argument(dot, parameter, argument)?.value);
        }
        if let Some(last) = last {
            let parameter = parameters.get(values.len()).copied().or(variadic).unwrap_or(Parameter::Any);
            values.push(self.check(last, parameter)?.value);
        }
        let effort = limits::effort(name) + values.iter().map(limits::size).sum::<u64>();
        let result = call(self.executor, &values).and_then(|value| {
            self.fits(&value, effort).map_err(FunctionError::new)?;
            Ok(value)
        });
        match result {
            Ok(value) => Ok(Got { boxed: value.is_nil(), value }),
            Err(error) => Err(self.call_error(whole, name, error)),
        }
    }

    /// Whether what a function made was written to its end and is not too much.
    fn fits(&mut self, value: &Value, effort: u64) -> Result<(), &'static str> {
        if limits::take_cut() {
            return Err(limits::CUT);
        }
        let too_large = match value {
            Value::Text(text) => text.len() > limits::TEXT,
            Value::List(list) => list.len() > limits::ITEMS,
            _ => false,
        };
        if too_large {
            return Err("the result is too large");
        }
        // An empty purse is noticed by the next step of the template.
        self.executor.spend(effort + limits::size(value));
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn call_error(&mut self, whole: Place<'t>, name: &str, error: FunctionError) -> Box<RenderError> {
        match error {
            FunctionError::NeedsLookup(key) => Box::new(RenderError::NeedsLookup(key)),
            FunctionError::Failed(problem) => {
                self.place = Some(whole);
                self.error(format!("error calling {name}: {problem}"))
            }
        }
    }

    fn count(&self, name: &str, fixed: usize, variadic: bool, given: usize, last: bool) -> Outcome<()> {
        let all = given + usize::from(last);
        if variadic && all < fixed {
            return self.fail(format!("wrong number of args for {name}: want at least {fixed} got {given}"));
        }
        if !variadic && all != fixed {
            return self.fail(format!("wrong number of args for {name}: want {fixed} got {all}"));
        }
        Ok(())
    }

    fn builtin(
        &mut self,
        dot: &Got,
        builtin: &'static Builtin,
        whole: Place<'t>,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        let name = builtin.name;
        self.count(name, builtin.fixed, builtin.variadic, arguments.len(), last.is_some())?;
        if matches!(name, "and" | "or") {
            return self.short_circuit(dot, name == "or", arguments, last);
        }
        let first = if name.starts_with("printf") { Parameter::Text } else { Parameter::Any };
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for (index, argument) in arguments.iter().enumerate() {
            let parameter = if index == 0 { first } else { Parameter::Any };
            values.push(self.argument(dot, parameter, argument)?);
        }
        if let Some(last) = last {
            let parameter = if values.is_empty() { first } else { Parameter::Any };
            values.push(self.check(last, parameter)?);
        }
        let result = (builtin.call)(&values).and_then(|got| {
            self.fits(&got.value, 0)?;
            Ok(got)
        });
        match result {
            Ok(got) => Ok(got),
            Err(problem) => {
                let problem =
                    if name == "call" { self.callee(&problem, arguments, &values) } else { problem };
                Err(self.call_error(whole, name, FunctionError::Failed(problem)))
            }
        }
    }

    /// `and` and `or` look only at as many arguments as they need.
    fn short_circuit(
        &mut self,
        dot: &Got,
        or: bool,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        let mut got = Got::default();
        for argument in arguments {
            got = self.argument(dot, Parameter::Any, argument)?;
            if got.value.truth() == or {
                return Ok(got);
            }
        }
        Ok(last.unwrap_or(got))
    }

    /// A method with arguments.
    pub(crate) fn method(
        &mut self,
        dot: &Got,
        receiver: &Got,
        operand: &'t Operand,
        name: &'t str,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        let Value::Object(object) = &receiver.value else {
            return self.no_field(receiver, name);
        };
        if object.field(name).is_some() {
            return self.fail(format!("{name} has arguments but cannot be invoked as function"));
        }
        self.check_method(receiver, name, arguments.len() + usize::from(last.is_some()))?;
        let parameters = object.parameters(name).unwrap_or_default();
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for (index, argument) in arguments.iter().enumerate() {
            let parameter = parameters.get(index).copied().unwrap_or(Parameter::Any);
            values.push(self.argument(dot, parameter, argument)?.value);
        }
        if let Some(last) = last {
            let parameter = parameters.get(values.len()).copied().unwrap_or(Parameter::Any);
            values.push(self.check(last, parameter)?.value);
        }
        match object.call(name, &values) {
            Some(Ok(value)) => Ok(Got { boxed: value.is_nil(), value }),
            Some(Err(problem)) => {
                self.place = Some(Place::Operand(operand));
                self.fail(format!("error calling {name}: {problem}"))
            }
            None if object.kind() == "map" => {
                self.place = Some(Place::Operand(operand));
                self.fail(format!("{name} is not a method but has arguments"))
            }
            None => self.no_field(receiver, name),
        }
    }

    /// Whether a method takes this many arguments.
    pub(crate) fn check_method(&self, receiver: &Got, name: &str, given: usize) -> Outcome<()> {
        match &receiver.value {
            Value::Object(object) => match object.parameters(name) {
                Some(parameters) => self.count(name, parameters.len(), false, given, false),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// An argument whose type does not matter: the value that a field is taken of.
    pub(crate) fn untyped(&mut self, dot: &Got, operand: &'t Operand) -> Outcome<Got> {
        self.argument(dot, Parameter::Any, operand)
    }

    fn argument(&mut self, dot: &Got, parameter: Parameter, operand: &'t Operand) -> Outcome<Got> {
        self.place = Some(Place::Operand(operand));
        let got = match operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Field(names) => self.fields(dot, dot.clone(), operand, names, &[], None)?,
            OperandKind::Variable(variable, names) => {
                self.variable(dot, operand, variable, names, &[], None)?
            }
            OperandKind::Pipe(pipe) => self.pipeline(dot, self.pipe(pipe)?)?,
            OperandKind::Function(function) => {
                self.function(dot, function, Place::Operand(operand), &[], None)?
            }
            OperandKind::Chain(inner, names) => self.chain(dot, operand, inner, names, &[], None)?,
            _ => return self.constant(parameter, operand),
        };
        self.check(got, parameter)
    }

    fn constant(&self, parameter: Parameter, operand: &Operand) -> Outcome<Got> {
        let value = match (operand.kind, parameter) {
            (OperandKind::Nil, _) => match parameter.nil() {
                Some(value) => return Ok(Got { boxed: false, value }),
                None => return self.fail(format!("cannot assign nil to {}", parameter.type_name())),
            },
            (OperandKind::Bool(value), Parameter::Any | Parameter::Bool) => Value::Bool(value),
            (OperandKind::Text(text), Parameter::Any | Parameter::Text) => return self.text(text),
            (OperandKind::Number(number), Parameter::Named("time.Duration")) => match self.int(number) {
                Some(int) => Value::Duration(int),
                None => return self.unfit(Parameter::Int64, operand),
            },
            (OperandKind::Number(number), Parameter::Any) => return self.number(number),
            (OperandKind::Number(number), Parameter::Int | Parameter::Int64 | Parameter::Float) => {
                let number = self.tree.number(number);
                let float = number.and_then(|number| number.float);
                match (parameter, number.and_then(|number| number.int), float) {
                    (Parameter::Int, Some(int), _) => Value::Int(int),
                    (Parameter::Int64, Some(int), _) => Value::Int64(int),
                    (Parameter::Float, _, Some(float)) => Value::Float(float),
                    _ => return self.unfit(parameter, operand),
                }
            }
            _ => return self.unfit(parameter, operand),
        };
        Ok(Got::plain(value))
    }

    fn int(&self, number: Index) -> Option<i64> {
        self.tree.number(number).and_then(|number| number.int)
    }

    #[cold]
    fn unfit<T>(&self, parameter: Parameter, operand: &Operand) -> Outcome<T> {
        let written = self.tree.written(operand);
        let wanted = match parameter {
            Parameter::Bool => "bool",
            Parameter::Text => "string",
            Parameter::Int | Parameter::Int64 => "integer",
            Parameter::Float => "float",
            _ => {
                let name = parameter.type_name();
                return self.fail(format!("can't handle {written} for arg of type {name}"));
            }
        };
        self.fail(format!("expected {wanted}; found {written}"))
    }

    /// Whether a value fits a parameter.
    fn check(&self, got: Got, parameter: Parameter) -> Outcome<Got> {
        if got.value.is_nil() && !got.boxed {
            return match parameter.nil() {
                Some(value) => Ok(Got { value, boxed: false }),
                None => self.fail(format!("invalid value; expected {}", parameter.type_name())),
            };
        }
        if parameter.takes(&got.value) {
            return Ok(got);
        }
        let given = if got.value.is_nil() { "interface {}" } else { got.value.type_name() };
        self.fail(format!("wrong type for value; expected {}; got {given}", parameter.type_name()))
    }

    /// The complaint of `call`, with the name of what was to be called.
    fn callee(&self, problem: &str, arguments: &[Operand], values: &[Got]) -> String {
        let name = match (arguments.first(), values.first().map(|got| &got.value)) {
            (Some(argument), _) => self.tree.written(argument).to_string(),
            (None, Some(Value::Text(text))) => text.to_string(),
            (None, value) => format!("<{} Value>", value.map_or("invalid", Value::type_name)),
        };
        problem.replacen("{}", &name, 1)
    }
}
