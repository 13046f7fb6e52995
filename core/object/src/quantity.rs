//! Resource quantities (`100m`, `1Gi`, `2e3`): <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

use alloc::string::{String, ToString};

use serde_json::Value;

/// An amount in thousandths of its unit (milli-CPU, milli-bytes), wide enough for exabytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(pub i128);

/// The text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a quantity like 100m, 0.5 or 1Gi")]
pub struct QuantityError(pub String);

/// Suffix, and what it multiplies by, as (base, exponent). Finer than milli is rounded up, as Kubernetes does.
const SUFFIXES: [(&str, i128, u32); 13] = [
    ("Ki", 1024, 1),
    ("Mi", 1024, 2),
    ("Gi", 1024, 3),
    ("Ti", 1024, 4),
    ("Pi", 1024, 5),
    ("Ei", 1024, 6),
    ("k", 1000, 1),
    ("M", 1000, 2),
    ("G", 1000, 3),
    ("T", 1000, 4),
    ("P", 1000, 5),
    ("E", 1000, 6),
    ("", 1, 0),
];

impl Quantity {
    /// Reads a quantity from its text.
    ///
    /// # Errors
    /// When the text has another shape.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse(text).map(Self).ok_or_else(|| QuantityError(text.to_string()))
    }

    /// Reads a quantity from JSON: a string or a number.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text).ok(),
            Value::Number(number) => Self::parse(&number.to_string()).ok(),
            _ => None,
        }
    }

    /// The amount in whole units, rounded up.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0.div_euclid(1000) + if self.0.rem_euclid(1000) > 0 { 1 } else { 0 }
    }
}

fn parse(text: &str) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(number_end)?;
    if !number.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // value = mantissa * numerator / denominator, counted in thousandths
    let (numerator, denominator) = match suffix {
        "n" => (1, 1_000_000),
        "u" => (1, 1_000),
        "m" => (1, 1),
        _ => match suffix.strip_prefix(['e', 'E']).and_then(|exponent| exponent.parse::<i32>().ok()) {
            Some(exponent) if exponent.unsigned_abs() > 18 => return None,
            Some(exponent) if exponent >= 0 => (1000 * 10_i128.pow(exponent.unsigned_abs()), 1),
            Some(exponent) => (1000, 10_i128.pow(exponent.unsigned_abs())),
            None => {
                let (_, base, power) = SUFFIXES.iter().find(|(name, ..)| *name == suffix)?;
                (1000 * base.pow(*power), 1)
            }
        },
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.get(..fraction.len().min(12))?;
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa =
        whole.parse::<i128>().or(if whole.is_empty() { Ok(0) } else { Err(()) }).ok()?.checked_mul(scale)?
            + if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
    let divisor = denominator * scale;
    let product = mantissa.checked_mul(numerator)?;
    let value = product / divisor + i128::from(product % divisor > 0);
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quantities() {
        for (text, milli) in [
            ("100m", 100),
            ("1", 1000),
            ("0.5", 500),
            (".5", 500),
            ("1Gi", 1_073_741_824_000),
            ("1.5Ki", 1_536_000),
            ("2e3", 2_000_000),
            ("1E", 1_000_000_000_000_000_000_000),
            ("-2", -2000),
            ("1n", 1),
            ("500u", 1),
            ("10Mi", 10_485_760_000),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().0, milli, "{text}");
        }
        for bad in ["", "Gi", "1gi", "1.2.3", "abc", "1e99"] {
            assert!(Quantity::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Quantity::parse("1500m").unwrap().units(), 2);
    }
}
