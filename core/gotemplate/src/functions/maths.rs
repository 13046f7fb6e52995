//! Arithmetic (Sprig v3.3.0 `numeric.go`): integers wrap around, sums of floats are decimal.

use super::arguments::{any, fixed, int, open};
use super::conversion::{to_float, to_int64};
use super::decimal::Decimal;
use crate::function::{Function, FunctionError, Parameter, Parameter::Any, Parameter::Float, Parameter::Int};
use crate::limits::ITEMS;
use crate::print::display;
use crate::value::{Elements, List, Value};

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    open("add", &[], Any, |_, a| Ok(Value::Int64(integers(a).fold(0, i64::wrapping_add)))),
    fixed("add1", ONE, |_, a| Ok(Value::Int64(to_int64(&any(a, 0)).wrapping_add(1)))),
    fixed("sub", TWO, |_, a| Ok(Value::Int64(to_int64(&any(a, 0)).wrapping_sub(to_int64(&any(a, 1)))))),
    open("mul", ONE, Any, |_, a| Ok(Value::Int64(integers(a).fold(1, i64::wrapping_mul)))),
    fixed("div", TWO, |_, a| divide(a, i64::wrapping_div)),
    fixed("mod", TWO, |_, a| divide(a, i64::wrapping_rem)),
    open("max", ONE, Any, |_, a| Ok(Value::Int64(integers(a).max().unwrap_or_default()))),
    open("biggest", ONE, Any, |_, a| Ok(Value::Int64(integers(a).max().unwrap_or_default()))),
    open("min", ONE, Any, |_, a| Ok(Value::Int64(integers(a).min().unwrap_or_default()))),
    open("maxf", ONE, Any, |_, a| Ok(Value::Float(extreme(a, true)))),
    open("minf", ONE, Any, |_, a| Ok(Value::Float(extreme(a, false)))),
    open("addf", &[], Any, |_, a| exact(&[&[Value::Int(0)], a].concat(), |a, b| Some(a.add(b)))),
    fixed("add1f", ONE, |_, a| exact(&[any(a, 0), Value::Int(1)], |a, b| Some(a.add(b)))),
    open("subf", ONE, Any, |_, a| exact(a, |a, b| Some(a.sub(b)))),
    open("mulf", ONE, Any, |_, a| exact(a, |a, b| Some(a.mul(b)))),
    open("divf", ONE, Any, |_, a| exact(a, Decimal::div)),
    fixed("floor", ONE, |_, a| Ok(Value::Float(to_float(&any(a, 0)).floor()))),
    fixed("ceil", ONE, |_, a| Ok(Value::Float(to_float(&any(a, 0)).ceil()))),
    open("round", &[Any, Int], Float, |_, a| Ok(Value::Float(round(a)))),
    fixed("until", &[Int], |_, a| {
        let count = int(a, 0);
        Ok(ints(steps(0, count, if count < 0 { -1 } else { 1 })?))
    }),
    fixed("untilStep", &[Int, Int, Int], |_, a| Ok(ints(steps(int(a, 0), int(a, 1), int(a, 2))?))),
    open("seq", &[], Int, |_, a| Ok(sequence(a)?.into())),
];

const ONE: &[Parameter] = &[Any];
const TWO: &[Parameter] = &[Any, Any];

fn integers(values: &[Value]) -> impl Iterator<Item = i64> {
    values.iter().map(to_int64)
}

fn divide(arguments: &[Value], by: fn(i64, i64) -> i64) -> Result<Value, FunctionError> {
    match to_int64(&any(arguments, 1)) {
        0 => Err(FunctionError::new("runtime error: integer divide by zero")),
        divisor => Ok(Value::Int64(by(to_int64(&any(arguments, 0)), divisor))),
    }
}

/// `math.Max` and `math.Min`: infinity wins over NaN, NaN over everything else, and zeros have a sign.
fn extreme(values: &[Value], largest: bool) -> f64 {
    let winner = if largest { f64::INFINITY } else { f64::NEG_INFINITY };
    let of_two = |a: f64, b: f64| {
        if a == winner || b == winner {
            winner
        } else if a.is_nan() || b.is_nan() {
            f64::NAN
        } else if (a.total_cmp(&b).is_gt()) == largest {
            a
        } else {
            b
        }
    };
    values.iter().map(to_float).reduce(of_two).unwrap_or_default()
}

fn exact(
    values: &[Value],
    of_two: fn(&Decimal, &Decimal) -> Option<Decimal>,
) -> Result<Value, FunctionError> {
    let read = |value: &Value| {
        let float = to_float(value);
        let fault =
            || FunctionError::new(format!("Cannot create a Decimal from {}", display(&Value::Float(float))));
        Decimal::new(float).ok_or_else(fault)
    };
    let mut values = values.iter();
    let mut result = read(values.next().unwrap_or(&Value::Nil))?;
    for value in values {
        let other = read(value)?;
        result = of_two(&result, &other).ok_or_else(|| FunctionError::new("decimal division by 0"))?;
    }
    Ok(Value::Float(result.to_float()))
}

/// Up where the part after the point is at least the third argument (a half); below zero always down.
fn round(arguments: &[Value]) -> f64 {
    let limit = arguments.get(2).map_or(0.5, to_float);
    let power = ten_to(int(arguments, 1));
    let digit = power * to_float(&any(arguments, 0));
    let rounded = if digit - digit.trunc() >= limit { digit.ceil() } else { digit.floor() };
    rounded / power
}

fn ten_to(exponent: i64) -> f64 {
    let (mut power, mut base, mut left) = (1.0_f64, 10.0_f64, exponent.unsigned_abs().min(2_000));
    while left > 0 {
        if left % 2 == 1 {
            power *= base;
        }
        base *= base;
        left /= 2;
    }
    if exponent < 0 { 1.0 / power } else { power }
}

fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FunctionError> {
    let runs = if stop < start { step < 0 } else { step > 0 && start < stop };
    if !runs {
        return Ok(Vec::new());
    }
    let count = start.abs_diff(stop).div_ceil(step.unsigned_abs());
    if usize::try_from(count).unwrap_or(usize::MAX) > ITEMS {
        return Err(FunctionError::new(format!("a list of {count} numbers is too long")));
    }
    let mut numbers = Vec::new();
    let mut number = start;
    for _ in 0..count {
        numbers.push(number);
        number = number.wrapping_add(step);
    }
    Ok(numbers)
}

fn ints(numbers: Vec<i64>) -> Value {
    Value::List(List::of(Elements::Int, numbers.into_iter().map(Value::Int).collect()))
}

/// As the Unix command: last; first and last; first, step and last.
fn sequence(arguments: &[Value]) -> Result<String, FunctionError> {
    let unit = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match arguments.len() {
        1 => (1, unit(1, int(arguments, 0)), int(arguments, 0)),
        2 => (int(arguments, 0), unit(int(arguments, 0), int(arguments, 1)), int(arguments, 1)),
        3 => (int(arguments, 0), int(arguments, 1), int(arguments, 2)),
        _ => return Ok(String::new()),
    };
    if end < start && step > 0 {
        return Ok(String::new());
    }
    let numbers = steps(start, end.wrapping_add(unit(start, end)), step)?;
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    Ok(texts.join(" "))
}
