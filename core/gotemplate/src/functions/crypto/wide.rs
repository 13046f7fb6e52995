//! Arithmetic modulo a number of 1024 bits, half an RSA key: nearly all time of making one goes into the squarings here.
//!
//! Limbs have 61 bits, so that a whole column of products fits in 128 bits: an addition has no carry to hand on but that
//! within the sum, and Montgomery's factor is so large that nothing has to be compared with the modulus on the way.

use super::modular::{Modular, inverse};

/// Limbs of a number.
const LIMBS: usize = 17;
/// Bits of a limb.
const BITS: usize = 61;
const MASK: u64 = (1 << BITS) - 1;
/// The bits of the modulus; the highest is set.
const SIZE: usize = 1024;

/// A number in Montgomery's form. Squares and products are below twice the modulus, and so is what they are made of, or
/// twice that.
type Number = [u64; LIMBS];

/// Numbers modulo an odd one.
pub(super) struct Wide {
    modulus: Number,
    /// `-1 / modulus` modulo `2^BITS`.
    inverse: u64,
    /// One, below the modulus.
    one: Number,
}

/// The same for the place of every limb.
macro_rules! every_limb {
    ($at:ident => $body:expr) => { every_limb!(@each $at $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16) };
    (@each $at:ident $body:expr, $($number:literal)+) => {$( { let $at: usize = $number; $body } )+};
}

/// Adds column after column and hands the upper bits on; in the lower half each gets the multiple of the modulus that makes
/// its own bits zero. Written out for every column, because the places are then known to the compiler.
macro_rules! montgomery {
    ($field:expr, $column:ident, $($number:expr),+) => {{
        let Wide { modulus, inverse, .. } = $field;
        let (mut sum, mut factors, mut result) = (0_u128, [0; LIMBS], [0; LIMBS]);
        montgomery!(@low sum factors modulus inverse $column ($($number),+) 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        montgomery!(@high sum factors modulus result $column ($($number),+) 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
        result[LIMBS - 1] = sum as u64;
        result
    }};
    (@low $sum:ident $factors:ident $modulus:ident $inverse:ident $column:ident $numbers:tt $($place:literal)+) => {$(
        $sum = $sum.wrapping_add(montgomery!(@call $column $place $numbers)).wrapping_add(before::<$place>(&$factors, $modulus));
        $factors[$place] = ($sum as u64).wrapping_mul(*$inverse) & MASK;
        $sum = $sum.wrapping_add(product($factors[$place], $modulus[0])) >> BITS;
    )+};
    (@high $sum:ident $factors:ident $modulus:ident $result:ident $column:ident $numbers:tt $($place:literal)+) => {$(
        $sum = $sum.wrapping_add(montgomery!(@call $column $place $numbers)).wrapping_add(between::<$place>(&$factors, $modulus));
        $result[$place - LIMBS] = $sum as u64 & MASK;
        $sum >>= BITS;
    )+};
    (@call $column:ident $place:literal ($($number:expr),+)) => { $column::<$place>($($number),+) };
}

impl Wide {
    /// For an odd modulus with the highest of its 1024 bits set.
    pub(super) fn new(modulus: &[u64; 16]) -> Self {
        let modulus = narrow(modulus);
        let mut one = [0; LIMBS];
        one[LIMBS - 1] = 1 << (SIZE - BITS * (LIMBS - 1));
        let mut wide = Self { modulus, inverse: inverse(modulus[0]).wrapping_neg() & MASK, one };
        // From 2^1024 to Montgomery's factor.
        for _ in SIZE..BITS * LIMBS {
            one = wide.reduced(&one);
            wide.double(&mut one);
        }
        wide.one = wide.reduced(&one);
        wide
    }

    #[inline(never)]
    fn squared(&self, number: &Number) -> Number {
        montgomery!(self, square_column, number)
    }

    #[inline(never)]
    fn product(&self, number: &Number, other: &Number) -> Number {
        montgomery!(self, between, number, other)
    }

    /// The same number below the modulus.
    fn reduced(&self, number: &Number) -> Number {
        let mut number = *number;
        while number.iter().rev().cmp(self.modulus.iter().rev()).is_ge() {
            subtract(&mut number, &self.modulus);
        }
        number
    }
}

impl Modular for Wide {
    type Number = Number;

    fn one(&self) -> Number {
        self.one
    }

    fn any(&self, limbs: &[u64]) -> Number {
        limbs.try_into().map(narrow).unwrap_or_default()
    }

    fn square(&mut self, number: &mut Number) {
        *number = self.squared(number);
    }

    fn multiply(&mut self, number: &mut Number, other: &Number) {
        *number = self.product(number, other);
    }

    fn double(&self, number: &mut Number) {
        let mut carry = 0;
        for limb in number {
            let doubled = *limb << 1 | carry;
            (*limb, carry) = (doubled & MASK, doubled >> BITS);
        }
    }

    fn is_one(&self, number: &Number, negative: bool) -> bool {
        let mut number = self.reduced(number);
        if negative {
            // Minus one is what one and the modulus are apart.
            let positive = std::mem::replace(&mut number, self.modulus);
            subtract(&mut number, &positive);
        }
        number == self.one
    }
}

fn subtract(a: &mut Number, b: &Number) {
    let mut borrow = 0;
    for (a, b) in a.iter_mut().zip(b) {
        let difference = a.wrapping_sub(*b).wrapping_sub(borrow);
        (*a, borrow) = (difference & MASK, difference >> 63);
    }
}

/// From limbs of 64 bits.
fn narrow(number: &[u64; 16]) -> Number {
    std::array::from_fn(|at| {
        let bit = at * BITS;
        let (limb, shift) = (bit / 64, bit % 64);
        let next = number.get(limb + 1).copied().unwrap_or_default();
        ((u128::from(next) << 64 | u128::from(number[limb])) >> shift) as u64 & MASK
    })
}

#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

/// The products whose places add up to a place: at most 17, each below `2^122`.
#[inline(always)]
fn between<const PLACE: usize>(a: &Number, b: &Number) -> u128 {
    let mut sum = 0_u128;
    every_limb!(at => if at <= PLACE && PLACE - at < LIMBS {
        sum = sum.wrapping_add(product(a[at], b[PLACE - at]));
    });
    sum
}
/// The same without the last, which is of a factor that is still zero: leaving it out saves a fifth of the time.
#[inline(always)]
fn before<const PLACE: usize>(a: &Number, b: &Number) -> u128 {
    let mut sum = 0_u128;
    every_limb!(at => if at < PLACE && PLACE - at < LIMBS {
        sum = sum.wrapping_add(product(a[at], b[PLACE - at]));
    });
    sum
}

/// The same of a number with itself: every product of two different limbs is there twice.
#[inline(always)]
fn square_column<const PLACE: usize>(number: &Number) -> u128 {
    let mut sum = 0_u128;
    every_limb!(at => if 2 * at < PLACE && PLACE - at < LIMBS {
        sum = sum.wrapping_add(product(number[at], number[PLACE - at]));
    });
    sum <<= 1;
    if PLACE.is_multiple_of(2) {
        sum = sum.wrapping_add(product(number[PLACE / 2], number[PLACE / 2]));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::super::field::Field;
    use super::*;
    use crate::function::Runtime as _;

    /// Both arithmetics say the same of a number: they differ in Montgomery's factor, not in what they are asked.
    #[test]
    fn both_arithmetics_agree() {
        let mut bench = Bench::new();
        let mut random = || bench.random();
        for round in 0..12 {
            let mut modulus = [0; 16];
            modulus.fill_with(&mut random);
            let mut base = [0; 16];
            base.fill_with(&mut random);
            match round % 4 {
                0 => modulus.fill(u64::MAX),
                1 => base.fill(u64::MAX),
                2 => modulus[1..15].fill(0),
                _ => {}
            }
            modulus[0] |= 1;
            modulus[15] |= 1 << 63;
            let (mut wide, mut field) = (Wide::new(&modulus), Field::new(&modulus));
            let (mut a, mut b) = (wide.one(), field.one());
            // 2^2^10 and its product with itself, doubled: out of Montgomery's form they are the same.
            for _ in 0..10 {
                wide.double(&mut a);
                wide.square(&mut a);
                field.double(&mut b);
                field.square(&mut b);
            }
            let (mut plain, mut other) = ([0; LIMBS], vec![0; 16]);
            (plain[0], other[0]) = (1, 1);
            wide.multiply(&mut a, &plain);
            field.multiply(&mut b, &other);
            assert_eq!(wide.reduced(&a), narrow(&b.try_into().unwrap()), "modulo {modulus:x?}");
            // The squares of minus one and of one are one.
            let mut minus = wide.modulus;
            subtract(&mut minus, &wide.one());
            assert!(wide.is_one(&minus, true) && !wide.is_one(&minus, false));
            wide.square(&mut minus);
            assert!(wide.is_one(&minus, false));
            let mut any = wide.any(&base);
            let (twice, copy) = (any, any);
            wide.square(&mut any);
            let mut product = twice;
            wide.multiply(&mut product, &copy);
            assert_eq!(wide.reduced(&any), wide.reduced(&product), "{base:x?} modulo {modulus:x?}");
        }
    }
}
