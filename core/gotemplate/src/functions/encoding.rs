//! Base64, Base32 and check sums (Sprig v3.3.0, `strings.go` and `crypto.go`).

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::arguments::text;
use crate::function::{Function, FunctionError, Parameter::Text, Runtime};
use crate::raw::{bytes_of_text, text_of_bytes};
use crate::value::Value;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "b64enc", parameters: &[Text], variadic: None, call: b64enc },
    Function { name: "b64dec", parameters: &[Text], variadic: None, call: b64dec },
    Function { name: "b32enc", parameters: &[Text], variadic: None, call: b32enc },
    Function { name: "b32dec", parameters: &[Text], variadic: None, call: b32dec },
    Function { name: "sha1sum", parameters: &[Text], variadic: None, call: sha1sum },
    Function { name: "sha256sum", parameters: &[Text], variadic: None, call: sha256sum },
    Function { name: "sha512sum", parameters: &[Text], variadic: None, call: sha512sum },
    Function { name: "adler32sum", parameters: &[Text], variadic: None, call: adler32sum },
];

/// Go's `base64.StdEncoding` does not check the bits after the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn b64enc(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(base64_encode(&raw(arguments)).into())
}

fn b64dec(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    // Sprig gives the error as the answer.
    Ok(base64_decode(text(arguments, 0)).map_or_else(Value::from, |bytes| Value::from(text_of_bytes(&bytes))))
}

fn b32enc(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(base32_encode(&raw(arguments)).into())
}

fn b32dec(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(base32_decode(text(arguments, 0)).map_or_else(Value::from, |bytes| Value::from(text_of_bytes(&bytes))))
}

fn sha1sum(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(hex(&Sha1::digest(raw(arguments))).into())
}

fn sha256sum(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(hex(&Sha256::digest(raw(arguments))).into())
}

fn sha512sum(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(hex(&Sha512::digest(raw(arguments))).into())
}

fn adler32sum(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in raw(arguments).iter().copied() {
        low = (low + u32::from(byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    Ok(((high << 16) | low).to_string().into())
}

/// The bytes of the first argument.
fn raw(arguments: &[Value]) -> Cow<'_, [u8]> {
    bytes_of_text(text(arguments, 0))
}

/// Standard Base64 with padding.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Standard Base64 with padding, line breaks passed over, with Go's words for an error.
pub(super) fn base64_decode(text: &str) -> Result<Vec<u8>, String> {
    let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    BASE64
        .decode(&clean)
        .map_err(|_| format!("illegal base64 data at input byte {}", base64_fault(text.as_bytes())))
}

/// Where Go's decoder stops: at the character that is out of place, or at the end of a text that is too short.
fn base64_fault(text: &[u8]) -> usize {
    let mut at = 0;
    let mut in_quantum = 0;
    let mut quantum_start = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\r' | b'\n' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                if in_quantum == 0 {
                    quantum_start = at;
                }
                in_quantum = (in_quantum + 1) % 4;
            }
            b'=' if in_quantum >= 2 => return padding_fault(text, at, in_quantum),
            _ => return at,
        }
        at += 1;
    }
    // Go counts back what it has read of the unfinished group.
    if in_quantum == 0 { at } else { quantum_start.max(at - in_quantum) }
}

fn padding_fault(text: &[u8], first: usize, in_quantum: usize) -> usize {
    let next = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    let mut at = next(first + 1);
    if in_quantum == 2 {
        match text.get(at) {
            None => return text.len(),
            Some(b'=') => at = next(at + 1),
            Some(_) => return at - 1,
        }
    }
    at
}

fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let mut bits = [0_u8; 8];
        for (place, byte) in bits.iter_mut().skip(3).zip(group) {
            *place = *byte;
        }
        let number = u64::from_be_bytes(bits);
        let shown = (group.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = (number >> (35 - 5 * index)) & 31;
            let letter = BASE32.get(digit as usize).copied().unwrap_or(b'=');
            out.push(if index < shown { char::from(letter) } else { '=' });
        }
    }
    out
}

fn base32_decode(text: &str) -> Result<Vec<u8>, String> {
    let fault = |at: usize| format!("illegal base32 data at input byte {at}");
    let clean: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(clean.len() / 8 * 5);
    for (index, group) in clean.chunks(8).enumerate() {
        let start = index * 8;
        let digits = group.iter().position(|byte| *byte == b'=').unwrap_or(group.len());
        let mut number = 0_u64;
        for (offset, byte) in group.iter().take(digits).enumerate() {
            let value = BASE32.iter().position(|letter| letter == byte);
            number |= (value.ok_or_else(|| fault(start + offset))? as u64) << (35 - 5 * offset);
        }
        let last = start + group.len() == clean.len();
        if digits < 8 && group.len() > digits {
            if digits < 2 || !last {
                return Err(fault(start + digits));
            }
            if group.len() < 8 {
                return Err(fault(clean.len()));
            }
            if let Some(bad) = group.iter().skip(digits).position(|byte| *byte != b'=') {
                return Err(fault(start + digits + bad - 1));
            }
            if matches!(digits, 3 | 6) {
                return Err(fault(start + digits));
            }
        } else if digits < 8 {
            return Err(fault(start));
        }
        out.extend(number.to_be_bytes().iter().skip(3).take(digits * 5 / 8));
    }
    Ok(out)
}

/// Small hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn encodes_and_decodes() {
        check(&[
            ("b64enc", r#"["coffee"]"#, "Y29mZmVl"),
            ("b64dec", r#"["Y29mZmVl"]"#, "coffee"),
            ("b64dec", r#"["Y29m\nZmVl\n"]"#, "coffee"),
            ("b64dec", r#"["Y29mZmV"]"#, "illegal base64 data at input byte 4"),
            ("b64dec", r#"["Y2*mZmVl"]"#, "illegal base64 data at input byte 2"),
            ("b64dec", r#"["YQ="]"#, "illegal base64 data at input byte 3"),
            ("b64dec", r#"["YR=="]"#, "a"),
            ("b64dec", r#"["YQ=a"]"#, "illegal base64 data at input byte 2"),
            ("b64dec", r#"["YQ==YQ=="]"#, "illegal base64 data at input byte 4"),
            ("b32dec", r#"["MNXWMZT"]"#, "illegal base32 data at input byte 0"),
            ("b32dec", r#"["MNXWMZTFMU====="]"#, "illegal base32 data at input byte 15"),
            ("b32dec", r#"["M======="]"#, "illegal base32 data at input byte 1"),
            ("b32dec", r#"["MZ======MZ======"]"#, "illegal base32 data at input byte 2"),
            ("b32enc", r#"["coffee"]"#, "MNXWMZTFMU======"),
            ("b32dec", r#"["MNXWMZTFMU======"]"#, "coffee"),
            ("b32dec", r#"["mNXWMZTF"]"#, "illegal base32 data at input byte 0"),
        ]);
    }

    #[test]
    fn sums() {
        check(&[
            ("sha1sum", r#"["abc"]"#, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("sha256sum", r#"[""]"#, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("adler32sum", r#"["abc"]"#, "38600999"),
        ]);
    }
}
