//! Decimal numbers of any size, for Sprig's sums and products of floats (shopspring/decimal 1.4): no `0.30000000000000004`.

use std::cmp::Ordering;

/// `digits · 10^exponent`, the least digit first, without leading zeros.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

/// The places after the point that a division keeps.
const DIVISION_PRECISION: i32 = 16;

impl Decimal {
    /// The shortest decimal that reads back as this float; none for what is not finite.
    pub(super) fn new(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().ok()?;
        let digits = whole.bytes().chain(fraction.bytes()).rev().map(|byte| byte - b'0').collect();
        let exponent = exponent - i32::try_from(fraction.len()).ok()?;
        Some(Self { negative: value < 0.0, digits, exponent }.trimmed())
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        let mut text = String::with_capacity(self.digits.len() + 8);
        if self.negative {
            text.push('-');
        }
        if self.is_zero() {
            return 0.0;
        }
        text.extend(self.digits.iter().rev().map(|digit| char::from(b'0' + digit)));
        text.push_str(&format!("e{}", self.exponent));
        text.parse().unwrap_or_default()
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    fn trimmed(mut self) -> Self {
        trim(&mut self.digits);
        self.negative &= !self.digits.is_empty();
        self
    }

    /// The digits at a smaller or equal exponent.
    fn at(&self, exponent: i32) -> Vec<u8> {
        shifted(&self.digits, self.exponent - exponent)
    }

    /// The sum.
    pub(super) fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.at(exponent), other.at(exponent));
        let (negative, digits) = match (self.negative == other.negative, compare(&a, &b)) {
            (true, _) => (self.negative, sum(&a, &b)),
            (false, Ordering::Less) => (other.negative, difference(&b, &a)),
            (false, _) => (self.negative, difference(&a, &b)),
        };
        Self { negative, digits, exponent }.trimmed()
    }

    /// The difference.
    pub(super) fn sub(&self, other: &Self) -> Self {
        self.add(&Self { negative: !other.negative, ..other.clone() })
    }

    /// The product.
    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut digits = vec![0_u8; self.digits.len() + other.digits.len()];
        for (at, a) in self.digits.iter().enumerate() {
            let mut carry = 0;
            let tail = digits.get_mut(at..).unwrap_or_default();
            let factors = other.digits.iter().chain(std::iter::repeat(&0));
            for (slot, b) in tail.iter_mut().zip(factors) {
                let value = *slot + a * b + carry;
                *slot = value % 10;
                carry = value / 10;
            }
        }
        let exponent = self.exponent + other.exponent;
        Self { negative: self.negative != other.negative, digits, exponent }.trimmed()
    }

    /// The quotient to sixteen places, half rounded up; none by zero.
    pub(super) fn div(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let scale = self.exponent - other.exponent + DIVISION_PRECISION;
        let dividend = shifted(&self.digits, scale.max(0));
        let divisor = shifted(&other.digits, (-scale).max(0));
        let (mut digits, remainder) = quotient(&dividend, &divisor);
        if compare(&sum(&remainder, &remainder), &divisor) != Ordering::Less {
            digits = sum(&digits, &[1]);
        }
        let negative = self.negative != other.negative;
        Some(Self { negative, digits, exponent: -DIVISION_PRECISION }.trimmed())
    }
}

fn trim(digits: &mut Vec<u8>) {
    while digits.last() == Some(&0) {
        digits.pop();
    }
}

fn shifted(digits: &[u8], places: i32) -> Vec<u8> {
    if digits.is_empty() {
        return Vec::new();
    }
    let mut all = vec![0; usize::try_from(places).unwrap_or_default()];
    all.extend_from_slice(digits);
    all
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut carry = 0;
    let shorts = short.iter().chain(std::iter::repeat(&0));
    let mut digits: Vec<u8> = long
        .iter()
        .zip(shorts)
        .map(|(a, b)| {
            let value = a + b + carry;
            carry = value / 10;
            value % 10
        })
        .collect();
    digits.push(carry);
    trim(&mut digits);
    digits
}

/// `a - b`, where `a` is not the smaller one.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let others = b.iter().chain(std::iter::repeat(&0));
    let mut digits: Vec<u8> = a
        .iter()
        .zip(others)
        .map(|(a, b)| {
            let value = a + 10 - b - borrow;
            borrow = u8::from(value < 10);
            value % 10
        })
        .collect();
    trim(&mut digits);
    digits
}

/// Quotient and remainder, by long division.
fn quotient(dividend: &[u8], divisor: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut remainder: Vec<u8> = Vec::new();
    let mut digits = Vec::with_capacity(dividend.len());
    for digit in dividend.iter().rev() {
        remainder.insert(0, *digit);
        trim(&mut remainder);
        let mut times = 0;
        while compare(&remainder, divisor) != Ordering::Less {
            remainder = difference(&remainder, divisor);
            times += 1;
        }
        digits.push(times);
    }
    digits.reverse();
    trim(&mut digits);
    (digits, remainder)
}
