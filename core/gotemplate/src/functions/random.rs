//! Random texts and numbers (Sprig v3.3.0 `strings.go`, `numeric.go`, `crypto.go`), all from the seed of the environment: the same
//! seed gives the same bytes.

use rand_core::{CryptoRng, RngCore};

use super::arguments::{int, text};
use super::encoding::{base64_encode, hex};
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::Value;

const COUNT: &[Parameter] = &[Parameter::Int];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "randAlphaNum", parameters: COUNT, variadic: None, call: rand_alpha_num },
    Function { name: "randAlpha", parameters: COUNT, variadic: None, call: rand_alpha },
    Function { name: "randNumeric", parameters: COUNT, variadic: None, call: rand_numeric },
    Function { name: "randAscii", parameters: COUNT, variadic: None, call: rand_ascii },
    Function { name: "randBytes", parameters: COUNT, variadic: None, call: rand_bytes },
    Function {
        name: "randInt",
        parameters: &[Parameter::Int, Parameter::Int],
        variadic: None,
        call: rand_int,
    },
    Function { name: "shuffle", parameters: &[Parameter::Text], variadic: None, call: shuffle },
    Function { name: "uuidv4", parameters: &[], variadic: None, call: uuidv4 },
];

/// More than any chart asks for; keeps a typo from filling the memory.
const MOST: i64 = 16 << 20;

/// The template's randomness for the key generators.
pub(super) struct Source<'r>(pub(super) &'r mut dyn Runtime);

impl RngCore for Source<'_> {
    #[allow(clippy::cast_possible_truncation, reason = "the upper half is what is wanted")]
    fn next_u32(&mut self) -> u32 {
        (self.0.random() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0.random()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            for (place, byte) in chunk.iter_mut().zip(self.0.random().to_le_bytes()) {
                *place = byte;
            }
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

/// Only as strong as the seed that the host gave.
impl CryptoRng for Source<'_> {}

/// A number below `limit`, every one as likely.
fn below(runtime: &mut dyn Runtime, limit: u64) -> u64 {
    if limit == 0 {
        return 0;
    }
    let whole = u64::MAX - u64::MAX % limit;
    loop {
        let number = runtime.random();
        if number < whole {
            return number % limit;
        }
    }
}

fn letters(runtime: &mut dyn Runtime, arguments: &[Value], of: &[u8]) -> Result<Value, FunctionError> {
    let count = int(arguments, 0);
    if count > MOST {
        return Err(FunctionError::new(format!("{count} random characters are too many")));
    }
    let mut out = String::new();
    for _ in 0..count {
        let index = usize::try_from(below(runtime, of.len() as u64)).unwrap_or_default();
        out.push(char::from(of.get(index).copied().unwrap_or(b'?')));
    }
    Ok(out.into())
}

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BOTH: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn rand_alpha_num(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    letters(runtime, arguments, BOTH)
}

fn rand_alpha(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    letters(runtime, arguments, LETTERS)
}

fn rand_numeric(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    letters(runtime, arguments, DIGITS)
}

fn rand_ascii(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    letters(runtime, arguments, &printable)
}

fn rand_bytes(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let count = int(arguments, 0);
    let Some(length) = usize::try_from(count).ok().filter(|_| count <= MOST) else {
        return Err(FunctionError::new("runtime error: makeslice: len out of range"));
    };
    let mut bytes = vec![0; length];
    Source(runtime).fill_bytes(&mut bytes);
    Ok(base64_encode(&bytes).into())
}

fn rand_int(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (from, to) = (int(arguments, 0), int(arguments, 1));
    let width = to.wrapping_sub(from);
    let limit = u64::try_from(width).ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| FunctionError::new("invalid argument to Intn"))?;
    let drawn = i64::try_from(below(runtime, limit)).unwrap_or_default();
    Ok(Value::Int(from.wrapping_add(drawn)))
}

fn shuffle(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut chars: Vec<char> = text(arguments, 0).chars().collect();
    for last in (1..chars.len()).rev() {
        let other = usize::try_from(below(runtime, last as u64 + 1)).unwrap_or_default();
        chars.swap(last, other);
    }
    Ok(String::from_iter(chars).into())
}

fn uuidv4(runtime: &mut dyn Runtime, _: &[Value]) -> Result<Value, FunctionError> {
    let mut bytes = [0_u8; 16];
    Source(runtime).fill_bytes(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let (a, rest) = bytes.split_at(4);
    let (b, rest) = rest.split_at(2);
    let (c, rest) = rest.split_at(2);
    let (d, e) = rest.split_at(2);
    Ok([a, b, c, d, e].map(hex).join("-").into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, arguments, call_on, check, shown};

    /// The function, its arguments, how long the answer is, which characters it may hold.
    type Row = (&'static str, &'static str, usize, fn(char) -> bool);

    #[test]
    fn draws() {
        let rows: &[Row] = &[
            ("randAlphaNum", "[40]", 40, |c| c.is_ascii_alphanumeric()),
            ("randAlpha", "[40]", 40, |c| c.is_ascii_alphabetic()),
            ("randNumeric", "[40]", 40, |c| c.is_ascii_digit()),
            ("randAscii", "[40]", 40, |c| (' '..='~').contains(&c)),
            ("randBytes", "[12]", 16, |c| c.is_ascii()),
            ("uuidv4", "[]", 36, |c| c == '-' || c.is_ascii_hexdigit()),
            ("randAlpha", "[-1]", 0, |_| false),
        ];
        for (name, json, length, fits) in rows {
            let mut bench = Bench::new();
            let one = shown(&call_on(&mut bench, name, &arguments(json)));
            assert!(one.len() == *length && one.chars().all(fits), "{name} gave {one}");
            let next = shown(&call_on(&mut bench, name, &arguments(json)));
            assert!(*length == 0 || one != next, "{name} gave {one} twice");
            let again = shown(&call_on(&mut Bench::new(), name, &arguments(json)));
            assert_eq!(one, again, "{name} from the same seed");
        }
        let mut sorted: Vec<char> =
            shown(&call_on(&mut Bench::new(), "shuffle", &arguments(r#"["abcdef"]"#))).chars().collect();
        sorted.sort_unstable();
        assert_eq!(String::from_iter(sorted), "abcdef");
        check(&[
            ("randInt", "[5, 6]", "5"),
            ("randInt", "[5, 5]", "error: invalid argument to Intn"),
            ("randBytes", "[-1]", "error: runtime error: makeslice: len out of range"),
        ]);
    }
}
