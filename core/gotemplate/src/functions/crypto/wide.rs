//! Limbs of 61 bits, for half an RSA key of 2048 bits where no processor's registers hold eight numbers at once (`lanes.rs`):
//! all products of a column, at most 34 of 122 bits each, add up in 128 bits.

use super::residues::{Limb, Number, Products, Residues};

/// Limbs of a number.
const LIMBS: usize = 17;
const BITS: usize = <u64 as Limb>::BITS;
const MASK: u64 = <u64 as Limb>::MASK;

/// Numbers modulo an odd one of 1024 bits.
pub(super) type Wide = Residues<u64, LIMBS>;

type Limbs = Number<u64, LIMBS>;

impl Limb for u64 {
    const BITS: usize = 61;

    fn of(value: u64) -> Self {
        value
    }

    fn value(self) -> u64 {
        self
    }
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
        let Residues { modulus, inverse, .. } = $field;
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

impl Products<u64, LIMBS> for Wide {
    #[inline(never)]
    fn squared(&self, number: &Limbs) -> Limbs {
        montgomery!(self, square_column, number)
    }

    #[inline(never)]
    fn product(&self, number: &Limbs, other: &Limbs) -> Limbs {
        montgomery!(self, between, number, other)
    }
}

#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

/// The products whose places add up to a place: at most 17, each below `2^122`.
#[inline(always)]
fn between<const PLACE: usize>(a: &Limbs, b: &Limbs) -> u128 {
    let mut sum = 0_u128;
    every_limb!(at => if at <= PLACE && PLACE - at < LIMBS {
        sum = sum.wrapping_add(product(a[at], b[PLACE - at]));
    });
    sum
}
/// The same without the last, which is of a factor that is still zero: leaving it out saves a fifth of the time.
#[inline(always)]
fn before<const PLACE: usize>(a: &Limbs, b: &Limbs) -> u128 {
    let mut sum = 0_u128;
    every_limb!(at => if at < PLACE && PLACE - at < LIMBS {
        sum = sum.wrapping_add(product(a[at], b[PLACE - at]));
    });
    sum
}

/// The same of a number with itself: every product of two different limbs is there twice.
#[inline(always)]
fn square_column<const PLACE: usize>(number: &Limbs) -> u128 {
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
    use super::super::residues::tests::agree;

    #[test]
    fn wide_limbs_agree_with_the_plain_arithmetic() {
        agree::<u64, 17>(16, 105);
    }
}
