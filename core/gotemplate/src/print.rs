//! Values as texts: Go's `fmt` on the types that templates reach.

use crate::exec::Complex;
use crate::limits;
use crate::print_float::format_float;
use crate::print_quote::{can_backquote, is_printable, quote, quote_bytes, quote_rune};
use crate::raw::bytes_of_text;
use crate::value::{Elements, List, Map, Value};

/// `fmt.Sprint` of one value: what `{{ . }}` prints.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        _ => {
            let mut printer = Printer::default();
            printer.argument(value, 'v');
            printer.out
        }
    }
}

/// `fmt.Sprint`: spaces only between operands that are both no texts.
pub(crate) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let mut after_text = true;
    for value in values {
        let text = matches!(value, Value::Text(_));
        if !text && !after_text {
            out.push(' ');
        }
        out.push_str(&display(value));
        after_text = text;
    }
    out
}

/// `fmt.Sprintln`.
pub(crate) fn sprintln(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(display).collect();
    texts.join(" ") + "\n"
}

/// `strconv.QuoteRune`, which is `%q` of a character.
#[must_use]
pub fn quoted_rune(c: char) -> String {
    quote_rune(c, false)
}

/// `strconv.Quote`, which is `%q` of a text.
#[must_use]
pub fn quoted(text: &str) -> String {
    quote(text, false)
}

/// `time.Duration.String`.
pub(crate) fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let value = nanoseconds.unsigned_abs();
    let fraction = |value: u64, digits: usize| {
        let unit = 10u64.pow(u32::try_from(digits).unwrap_or(0));
        let text = format!("{:0digits$}", value % unit);
        let text = text.trim_end_matches('0');
        let point = if text.is_empty() { "" } else { "." };
        format!("{}{point}{text}", value / unit)
    };
    match value {
        0 => "0s".into(),
        1..1_000 => format!("{sign}{value}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(value, 3)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(value, 6)),
        _ => {
            let minutes = value / 60_000_000_000;
            let seconds = fraction(value % 60_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// The state of `fmt`'s printer: flags of the verb at hand and what was written.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "these are the flags of a verb")]
pub(crate) struct Printer {
    pub(crate) out: String,
    pub(crate) minus: bool,
    pub(crate) plus: bool,
    pub(crate) sharp: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
    pub(crate) sharp_v: bool,
    /// Inside `%!d(…)`, where methods are not called.
    complaining: bool,
    /// Nothing more fits.
    full: bool,
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
}

impl Printer {
    /// Forgets the flags of the last verb.
    pub(crate) fn clear(&mut self) {
        *self = Self { out: std::mem::take(&mut self.out), ..Self::default() };
    }

    /// One operand.
    pub(crate) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad("<nil>"),
            (_, 'T') => self.text(value.type_name(), 's'),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'w') if !matches!(value, Value::Bytes(_)) => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        if value.is_nil() {
            self.out.push_str("<nil>");
        } else {
            self.out.push_str(value.type_name());
            self.out.push('=');
            self.complaining = true;
            self.argument(value, 'v');
            self.complaining = false;
        }
        self.out.push(')');
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        match value {
            // A map may hold itself; Go ends with its stack then.
            _ if depth > limits::NESTING || self.out.len() > limits::TEXT => {
                self.full = true;
                limits::cut();
            }
            Value::Nil if self.sharp_v => self.out.push_str("interface {}(nil)"),
            Value::Nil => self.out.push_str("<nil>"),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => {
                self.pad(if *truth { "true" } else { "false" })
            }
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Duration(number)
                if !self.sharp_v && !self.complaining && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') =>
            {
                self.text(&duration(*number), verb);
            }
            Value::Int(number) | Value::Int64(number) | Value::Duration(number) => {
                self.integer(value, number.unsigned_abs(), *number < 0, verb);
            }
            Value::Rune(number) => {
                self.integer(value, u64::from(number.unsigned_abs()), *number < 0, verb);
            }
            Value::Byte(number) if self.sharp_v && verb == 'v' => self.hex_v(u64::from(*number)),
            Value::Byte(number) => self.integer(value, u64::from(*number), false, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::Text(text) => match verb {
                'v' if self.sharp_v => self.text(text, 'q'),
                'v' | 's' | 'x' | 'X' | 'q' => self.text(text, verb),
                _ => self.bad_verb(value, verb),
            },
            Value::Bytes(bytes) => self.bytes(bytes, verb, depth),
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Object(object) if object.as_any().is::<Complex>() => {
                if let Some(Complex(real, imaginary)) = object.as_any().downcast_ref() {
                    self.complex(value, *real, *imaginary, verb);
                }
            }
            Value::Object(object) => match (verb, object.number()) {
                (_, Some(number)) if self.sharp_v || self.complaining => {
                    self.integer(value, number.unsigned_abs(), number < 0, verb);
                }
                ('v' | 's', _) if (self.width, self.precision, self.sharp_v) == (None, None, false) => {
                    object.print_into(&mut self.out);
                }
                ('v' | 's' | 'x' | 'X' | 'q', _) => self.text(&object.print(), verb),
                (_, Some(number)) => self.integer(value, number.unsigned_abs(), number < 0, verb),
                _ => self.bad_verb(value, verb),
            },
        }
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        let (open, separator, close) = if self.sharp_v { ("{", ", ", "}") } else { ("[", " ", "]") };
        if self.sharp_v {
            let name = Value::List(list.clone()).type_name().to_owned();
            self.out.push_str(&name);
        }
        self.out.push_str(open);
        for (index, item) in list.iter().enumerate() {
            if self.full {
                break;
            }
            if index > 0 {
                self.out.push_str(separator);
            }
            match (item, list.elements()) {
                (Value::List(inner), Elements::Lists) => self.list(inner, verb, depth + 1),
                _ => self.value(item, verb, depth + 1),
            }
        }
        self.out.push_str(close);
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        let (open, separator, close) = if self.sharp_v { ("{", ", ", "}") } else { ("map[", " ", "]") };
        if self.sharp_v {
            let name = Value::Map(map.clone()).type_name().to_owned();
            self.out.push_str(&name);
        }
        self.out.push_str(open);
        for (index, (key, value)) in map.snapshot().into_iter().enumerate() {
            if self.full {
                break;
            }
            if index > 0 {
                self.out.push_str(separator);
            }
            self.value(&Value::Text(key), verb, depth + 1);
            self.out.push(':');
            self.value(&value, verb, depth + 1);
        }
        self.out.push_str(close);
    }

    fn bytes(&mut self, bytes: &[u8], verb: char, depth: usize) {
        match verb {
            'v' | 'd' => {
                let name = if depth == 0 { "[]byte{" } else { "[]uint8{" };
                let (open, separator, close) = if self.sharp_v { (name, ", ", "}") } else { ("[", " ", "]") };
                self.out.push_str(open);
                for (index, byte) in bytes.iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(separator);
                    }
                    self.value(&Value::Byte(*byte), verb, depth + 1);
                }
                self.out.push_str(close);
            }
            's' => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                self.text(&text, 's');
            }
            'x' | 'X' => self.hex(bytes, verb),
            'q' => {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    return self.text(text, 'q');
                }
                let text = String::from_utf8_lossy(bytes);
                let end = self.precision.and_then(|count| text.char_indices().nth(count));
                let bytes = end.map_or(bytes, |(end, _)| &bytes[..end.min(bytes.len())]);
                let text = quote_bytes(bytes, self.plus);
                self.pad(&text);
            }
            _ => {
                self.out.push('[');
                for (index, byte) in bytes.iter().enumerate() {
                    if index > 0 {
                        self.out.push(' ');
                    }
                    self.value(&Value::Byte(*byte), verb, depth + 1);
                }
                self.out.push(']');
            }
        }
    }

    fn text(&mut self, text: &str, verb: char) {
        match verb {
            'x' | 'X' => return self.hex(&bytes_of_text(text), verb),
            'v' if self.sharp_v => return self.text(text, 'q'),
            _ => {}
        }
        let end = self.precision.and_then(|count| text.char_indices().nth(count));
        let text = end.map_or(text, |(end, _)| &text[..end]);
        match verb {
            'q' if self.sharp && can_backquote(text) => self.pad(&format!("`{text}`")),
            'q' => self.pad(&quote(text, self.plus)),
            _ => self.pad(text),
        }
    }

    fn hex(&mut self, bytes: &[u8], verb: char) {
        let bytes = &bytes[..self.precision.map_or(bytes.len(), |p| p.min(bytes.len()))];
        let prefix = match (self.sharp, verb) {
            (false, _) => "",
            (_, 'x') => "0x",
            _ => "0X",
        };
        let mut text = String::new();
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && self.space {
                text.push(' ');
            }
            if index == 0 || self.space {
                text.push_str(prefix);
            }
            text.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
        }
        self.pad(&text);
    }

    fn hex_v(&mut self, number: u64) {
        let sharp = std::mem::replace(&mut self.sharp, true);
        self.number(number, false, 'x');
        self.sharp = sharp;
    }

    fn integer(&mut self, value: &Value, number: u64, negative: bool, verb: char) {
        let c = if negative { None } else { u32::try_from(number).ok().and_then(char::from_u32) };
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'v' => self.number(number, negative, 'd'),
            'd' | 'b' | 'o' | 'O' | 'x' | 'X' => self.number(number, negative, verb),
            'c' => self.pad(c.encode_utf8(&mut [0; 4])),
            'q' => self.pad(&quote_rune(c, self.plus)),
            'U' => self.unicode(if negative { number.wrapping_neg() } else { number }),
            _ => self.bad_verb(value, verb),
        }
    }

    fn unicode(&mut self, number: u64) {
        let digits = self.precision.unwrap_or(4).max(4);
        let text = format!("{number:X}");
        let mut text = format!("U+{}{text}", "0".repeat(digits.saturating_sub(text.len())));
        let c = u32::try_from(number).ok().and_then(char::from_u32);
        if let Some(c) = c.filter(|c| self.sharp && is_printable(*c)) {
            text.push_str(&format!(" '{c}'"));
        }
        let zero = std::mem::replace(&mut self.zero, false);
        self.pad(&text);
        self.zero = zero;
    }

    fn number(&mut self, number: u64, negative: bool, verb: char) {
        let signed = negative || self.plus || self.space;
        let zero = std::mem::replace(&mut self.zero, false);
        let mut least = 0;
        if let Some(precision) = self.precision {
            least = precision;
            if precision == 0 && number == 0 {
                self.pad("");
                self.zero = zero;
                return;
            }
        } else if let (true, false, Some(width)) = (zero, self.minus, self.width) {
            least = width.saturating_sub(usize::from(signed));
        }
        let digits = match verb {
            'b' => format!("{number:b}"),
            'o' | 'O' => format!("{number:o}"),
            'x' => format!("{number:x}"),
            'X' => format!("{number:X}"),
            _ => number.to_string(),
        };
        let digits = "0".repeat(least.saturating_sub(digits.len())) + &digits;
        let prefix = match verb {
            'O' if self.sharp && !digits.starts_with('0') => "0o0",
            'O' => "0o",
            'b' if self.sharp => "0b",
            'x' if self.sharp => "0x",
            'X' if self.sharp => "0X",
            'o' if self.sharp && !digits.starts_with('0') => "0",
            _ => "",
        };
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        self.pad(&format!("{sign}{prefix}{digits}"));
        self.zero = zero;
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'e' | 'E' | 'f' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.precision.or(precision);
        let mut text = format_float(number, verb, precision);
        if !text.starts_with(['+', '-']) {
            text.insert(0, '+');
        }
        if self.space && text.starts_with('+') && !self.plus {
            text.replace_range(..1, " ");
        }
        if !number.is_finite() {
            let zero = std::mem::replace(&mut self.zero, false);
            // Infinity always has its sign.
            let skip = usize::from(number.is_nan() && !self.space && !self.plus);
            self.pad(&text[skip..]);
            self.zero = zero;
            return;
        }
        if self.sharp && verb != 'b' {
            text = all_digits(&text, verb, precision);
        }
        if !self.plus && text.starts_with('+') {
            return self.pad(&text[1..]);
        }
        match self.width {
            Some(width) if self.zero && !self.minus && width > text.len() => {
                self.out.push_str(&text[..1]);
                self.out.extend(std::iter::repeat_n('0', width - text.len()));
                self.out.push_str(&text[1..]);
            }
            _ => self.pad(&text),
        }
    }

    /// Both parts with the flags of the verb, the second one with its sign.
    fn complex(&mut self, value: &Value, real: f64, imaginary: f64, verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        self.out.push('(');
        self.float(value, real, verb);
        let plus = std::mem::replace(&mut self.plus, true);
        self.float(value, imaginary, verb);
        self.out.push_str("i)");
        self.plus = plus;
    }

    pub(crate) fn pad(&mut self, text: &str) {
        let fill = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            self.out.push_str(text);
            self.out.extend(std::iter::repeat_n(' ', fill));
        } else {
            self.out.extend(std::iter::repeat_n(if self.zero { '0' } else { ' ' }, fill));
            self.out.push_str(text);
        }
    }
}

/// The `#` flag of floats: always a point, and `%g` keeps its zeros.
fn all_digits(text: &str, verb: char, precision: Option<usize>) -> String {
    let hexadecimal = matches!(verb, 'x' | 'X');
    let marks: &[char] = if hexadecimal { &['p', 'P'] } else { &['e', 'E'] };
    let (number, tail) = text.split_at(text.find(marks).unwrap_or(text.len()));
    let mut missing = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let mut number = number.to_owned();
    let digits = number[1..].chars().filter(|c| *c != '.').skip_while(|c| *c == '0').count();
    missing = missing.saturating_sub(digits);
    if !number.contains('.') {
        if number.len() == 2 && number.ends_with('0') {
            missing = missing.saturating_sub(1);
        }
        number.push('.');
    }
    number.extend(std::iter::repeat_n('0', missing));
    number + tail
}
