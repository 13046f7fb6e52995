//! Pipelines, operands and fields.

use crate::error::Outcome;
use crate::exec::{Complex, Got, Run};
use crate::functions::duration_methods;
use crate::print_quote::quote;
use crate::runtime::Missing;
use crate::tree::{Command, Index, Operand, OperandKind, Part, Pipe, Place, Span, Variable};
use crate::value::{MapType, Value};

impl<'t> Run<'t, '_, '_> {
    pub(crate) fn pipeline(&mut self, dot: &Got, pipe: &'t Pipe) -> Outcome<Got> {
        self.place = Some(Place::Pipe(pipe));
        let mut value = None;
        for command in self.tree.commands(pipe) {
            let mut got = self.command(dot, command, value)?;
            got.boxed = false;
            value = Some(got);
        }
        let value = value.unwrap_or_default();
        for variable in self.tree.declared(pipe) {
            if pipe.assigns {
                self.assign(*variable, value.clone())?;
            } else {
                self.variables.push((*variable, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Got, command: &'t Command, last: Option<Got>) -> Outcome<Got> {
        let Some((word, arguments)) = self.tree.operands(command).split_first() else {
            return self.fail("empty command".into());
        };
        match word.kind {
            OperandKind::Function(function) => {
                self.place = Some(Place::Operand(word));
                self.function(dot, function, Place::Command(command), arguments, last)
            }
            OperandKind::Field(names) => {
                self.place = Some(Place::Operand(word));
                self.fields(dot, dot.clone(), word, names, arguments, last)
            }
            OperandKind::Variable(variable, names) => {
                self.variable(dot, word, variable, names, arguments, last)
            }
            OperandKind::Chain(inner, names) => self.chain(dot, word, inner, names, arguments, last),
            OperandKind::Pipe(pipe) => {
                self.no_function(word, arguments, last.as_ref())?;
                self.pipeline(dot, self.pipe(pipe)?)
            }
            constant => {
                self.place = Some(Place::Operand(word));
                self.no_function(word, arguments, last.as_ref())?;
                match constant {
                    OperandKind::Dot => Ok(dot.clone()),
                    OperandKind::Bool(value) => Ok(Got::plain(Value::Bool(value))),
                    OperandKind::Number(number) => self.number(number),
                    OperandKind::Text(text) => self.text(text),
                    _ => self.fail("nil is not a command".into()),
                }
            }
        }
    }

    fn no_function(&self, word: &Operand, arguments: &[Operand], last: Option<&Got>) -> Outcome<()> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        self.fail(format!("can't give argument to non-function {}", self.tree.written(word)))
    }

    /// The value of a text constant.
    pub(crate) fn text(&self, index: Index) -> Outcome<Got> {
        match self.tree.constant(index) {
            Some(text) => Ok(Got::plain(Value::Text(text.clone()))),
            None => self.fail("no such text".into()),
        }
    }

    /// The value of a constant where any type is welcome.
    pub(crate) fn number(&self, index: Index) -> Outcome<Got> {
        let Some(number) = self.tree.number(index) else {
            return self.fail("no such number".into());
        };
        let text = number.text.as_str();
        let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
        let looks_float = text.contains(['.', 'e', 'E', 'p', 'P'])
            && (!hexadecimal || text.contains(['p', 'P']))
            && !text.starts_with('\'');
        let value = match (number.complex, number.float, number.int) {
            (Some((real, imaginary)), ..) => Value::object(Complex(real, imaginary)),
            (_, Some(float), _) if looks_float => Value::Float(float),
            (.., Some(int)) => Value::Int(int),
            _ => return self.fail(format!("{text} overflows int")),
        };
        Ok(Got::plain(value))
    }

    pub(crate) fn variable(
        &mut self,
        dot: &Got,
        operand: &'t Operand,
        variable: Variable,
        fields: Span,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        self.place = Some(Place::Operand(operand));
        let Some((_, got)) = self.variables.iter().rev().find(|(known, _)| *known == variable) else {
            return self.fail(format!("undefined variable: {}", self.tree.name(variable)));
        };
        let got = got.clone();
        if fields == Span::default() {
            self.no_function(operand, arguments, last.as_ref())?;
            return Ok(got);
        }
        self.fields(dot, got, operand, fields, arguments, last)
    }

    pub(crate) fn chain(
        &mut self,
        dot: &Got,
        operand: &'t Operand,
        inner: Part,
        names: Span,
        arguments: &'t [Operand],
        last: Option<Got>,
    ) -> Outcome<Got> {
        self.place = Some(Place::Operand(operand));
        let Some(inner) = self.tree.operand(inner) else {
            return self.fail("no such operand".into());
        };
        if matches!(inner.kind, OperandKind::Nil) {
            let written = self.tree.written(operand);
            return self.fail(format!("indirection through explicit nil in {written}"));
        }
        let receiver = self.untyped(dot, inner)?;
        self.fields(dot, receiver, operand, names, arguments, last)
    }

    /// `.a.b.c` of a value; the last name may be a method with arguments.
    pub(crate) fn fields(
        &mut self,
        dot: &Got,
        mut receiver: Got,
        operand: &'t Operand,
        names: Span,
        arguments: &'t [Operand],
        mut last: Option<Got>,
    ) -> Outcome<Got> {
        let mut rest = self.tree.text(names).strip_prefix('.');
        while let Some(names) = rest {
            let name;
            (name, rest) = next_name(names);
            if let Value::Duration(duration) = receiver.value {
                receiver = Got::plain(duration_methods(duration));
            }
            receiver = if rest.is_some() {
                self.field(&receiver, name, false)?
            } else if let (Value::Object(_), true) =
                (&receiver.value, last.is_some() || !arguments.is_empty())
            {
                self.method(dot, &receiver, operand, name, arguments, last.take())?
            } else {
                self.field(&receiver, name, last.is_some() || !arguments.is_empty())?
            };
        }
        Ok(receiver)
    }

    /// A field, an entry or a method without arguments.
    fn field(&mut self, receiver: &Got, name: &str, has_arguments: bool) -> Outcome<Got> {
        match &receiver.value {
            Value::Nil if receiver.boxed => {
                self.fail(format!("nil pointer evaluating interface {{}}.{name}"))
            }
            Value::Nil if self.executor.missing == Missing::Error => {
                self.fail(format!("nil data; no entry for key {}", quote(name, false)))
            }
            Value::Nil => Ok(Got::default()),
            Value::Map(map) => {
                if has_arguments {
                    return self.fail(format!("{name} is not a method but has arguments"));
                }
                // The one method of Helm's `Values` that charts call.
                if name == "AsMap" && matches!(map.map_type(), MapType::Values | MapType::Values3) {
                    return Ok(Got::plain(Value::Map(map.retyped(MapType::Any))));
                }
                let value = map.get(name);
                match (&value, self.executor.missing) {
                    (None, Missing::Error) => self.no_entry(name),
                    (None, Missing::Invalid) => Ok(Got::default()),
                    _ => Ok(Got::entry(map, value)),
                }
            }
            Value::Object(object) => {
                if let Some(value) = object.field(name) {
                    return Ok(Got { boxed: value.is_nil(), value });
                }
                self.check_method(receiver, name, 0)?;
                match object.call(name, &[]) {
                    Some(Ok(value)) => Ok(Got { boxed: value.is_nil(), value }),
                    Some(Err(problem)) => self.fail(format!("error calling {name}: {problem}")),
                    None if object.kind() == "map" => match self.executor.missing {
                        Missing::Error => self.no_entry(name),
                        Missing::Invalid => Ok(Got::default()),
                        Missing::Zero => {
                            let value = object.missing();
                            Ok(Got { boxed: value.is_nil(), value })
                        }
                    },
                    None => self.no_field(receiver, name),
                }
            }
            _ => self.no_field(receiver, name),
        }
    }

    fn no_entry<T>(&self, name: &str) -> Outcome<T> {
        self.fail(format!("map has no entry for key {}", quote(name, false)))
    }

    pub(crate) fn no_field<T>(&self, receiver: &Got, name: &str) -> Outcome<T> {
        self.fail(format!("can't evaluate field {name} in type {}", receiver.type_name()))
    }
}

/// The first of the names that points separate, and the others.
fn next_name(names: &str) -> (&str, Option<&str>) {
    match names.bytes().position(|byte| byte == b'.') {
        Some(point) => (&names[..point], Some(&names[point + 1..])),
        None => (names, None),
    }
}
