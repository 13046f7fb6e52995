//! Format strings: Go's `fmt.Sprintf`.

use crate::print::Printer;
use crate::value::Value;

/// `fmt.Sprintf`, with Go's complaints about wrong verbs inside the text.
pub(crate) fn sprintf(format: &str, arguments: &[Value]) -> String {
    let mut formatter = Formatter {
        printer: Printer::default(),
        rest: format,
        arguments,
        next: 0,
        reordered: false,
        good_index: true,
        after_index: false,
    };
    while let Some(start) = formatter.rest.find('%') {
        formatter.printer.out.push_str(&formatter.rest[..start]);
        formatter.rest = &formatter.rest[start + 1..];
        formatter.directive();
    }
    formatter.printer.out.push_str(formatter.rest);
    formatter.extra();
    formatter.printer.out
}

struct Formatter<'a> {
    printer: Printer,
    rest: &'a str,
    arguments: &'a [Value],
    next: usize,
    /// Whether this or an earlier verb named its argument, so that left ones are no mistake.
    reordered: bool,
    good_index: bool,
    after_index: bool,
}

/// Widths and precisions beyond this are refused.
const TOO_LARGE: usize = 1_000_000;

impl Formatter<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn directive(&mut self) {
        self.printer.clear();
        self.good_index = true;
        self.flags();
        self.index();
        self.width();
        self.precision();
        if !self.after_index {
            self.index();
        }
        self.after_index = false;
        let Some(verb) = self.take() else {
            self.printer.out.push_str("%!(NOVERB)");
            return;
        };
        if verb == '%' {
            self.printer.out.push('%');
        } else if !self.good_index {
            self.printer.out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(argument) = self.arguments.get(self.next) {
            self.next += 1;
            if matches!(verb, 'v' | 'w') {
                self.printer.sharp_v = std::mem::take(&mut self.printer.sharp);
                self.printer.plus = false;
            }
            self.printer.argument(argument, verb);
        } else {
            self.printer.out.push_str(&format!("%!{verb}(MISSING)"));
        }
    }

    fn flags(&mut self) {
        loop {
            let flag = match self.rest.as_bytes().first() {
                Some(b'#') => &mut self.printer.sharp,
                Some(b'0') => &mut self.printer.zero,
                Some(b'+') => &mut self.printer.plus,
                Some(b'-') => &mut self.printer.minus,
                Some(b' ') => &mut self.printer.space,
                _ => return,
            };
            *flag = true;
            self.rest = &self.rest[1..];
        }
    }

    /// Digits of a number; `None` without any. One that is too large swallows the rest of the format.
    fn digits(&mut self) -> Option<usize> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse::<usize>().ok().filter(|number| *number <= TOO_LARGE);
        self.rest = if end > 0 && number.is_none() { "" } else { &self.rest[end..] };
        number
    }

    /// `[n]`: the argument that comes next.
    fn index(&mut self) {
        if !self.rest.starts_with('[') {
            return;
        }
        self.reordered = true;
        let Some(end) = self.rest.find(']') else {
            self.good_index = false;
            self.rest = &self.rest[1..];
            return;
        };
        let number = self.rest[1..end].parse::<usize>().ok().filter(|number| *number > 0);
        self.rest = &self.rest[end + 1..];
        self.after_index = true;
        match number {
            Some(number) if number <= self.arguments.len() => self.next = number - 1,
            _ => self.good_index = false,
        }
    }

    /// The whole number that a `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        let number = match argument {
            Value::Int(number) | Value::Int64(number) | Value::Duration(number) => *number,
            Value::Byte(number) => i64::from(*number),
            Value::Rune(number) => i64::from(*number),
            _ => return None,
        };
        (number.unsigned_abs() <= TOO_LARGE as u64).then_some(number)
    }

    fn width(&mut self) {
        if self.rest.starts_with('*') {
            self.rest = &self.rest[1..];
            match self.star() {
                Some(number) => {
                    self.printer.width = usize::try_from(number.unsigned_abs()).ok();
                    if number < 0 {
                        self.printer.minus = true;
                        self.printer.zero = false;
                    }
                }
                None => self.printer.out.push_str("%!(BADWIDTH)"),
            }
            self.after_index = false;
        } else {
            self.printer.width = self.digits();
            if self.after_index && self.printer.width.is_some() {
                self.good_index = false;
            }
        }
    }

    fn precision(&mut self) {
        if !self.rest.starts_with('.') {
            return;
        }
        self.rest = &self.rest[1..];
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if self.rest.starts_with('*') {
            self.rest = &self.rest[1..];
            match self.star() {
                Some(number) => self.printer.precision = usize::try_from(number).ok(),
                None => self.printer.out.push_str("%!(BADPREC)"),
            }
            if self.printer.precision.is_none() && !self.printer.out.ends_with("%!(BADPREC)") {
                self.printer.out.push_str("%!(BADPREC)");
            }
            self.after_index = false;
        } else {
            self.printer.precision = Some(self.digits().unwrap_or(0));
        }
    }

    fn extra(&mut self) {
        if self.reordered || self.next >= self.arguments.len() {
            return;
        }
        self.printer.clear();
        self.printer.out.push_str("%!(EXTRA ");
        for (index, argument) in self.arguments[self.next..].iter().enumerate() {
            if index > 0 {
                self.printer.out.push_str(", ");
            }
            if argument.is_nil() {
                self.printer.out.push_str("<nil>");
            } else {
                self.printer.out.push_str(argument.type_name());
                self.printer.out.push('=');
                self.printer.argument(argument, 'v');
            }
        }
        self.printer.out.push(')');
    }
}
