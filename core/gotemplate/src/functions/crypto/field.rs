//! Arithmetic modulo an odd number with its highest bit set, in Montgomery's form, and the test of Miller and Rabin.
//!
//! Nearly all time of making an RSA key goes into the squarings here, so the sizes of RSA's primes have code of their own
//! in `kernel.rs`, and where their limbs or the processor allow more, arithmetics of their own: `lanes.rs`, `wide.rs`, and `narrow.rs` for
//! modules.

use std::cmp::Ordering;

use super::kernel;
use super::modular::{Modular, inverse};

/// Numbers modulo an odd one.
pub(super) struct Field<'a> {
    modulus: &'a [u64],
    /// `-1 / modulus` modulo 2^64.
    inverse: u64,
    /// One and minus one.
    one: Vec<u64>,
    minus_one: Vec<u64>,
    /// For products, which have twice as many limbs, and the bit that a sum is longer.
    wide: Vec<u64>,
}

impl<'a> Field<'a> {
    pub(super) fn new(modulus: &'a [u64]) -> Self {
        let low = modulus.first().copied().unwrap_or(1);
        // With the highest bit set, 2^bits lies between the modulus and its double.
        let mut one = vec![0; modulus.len()];
        subtract(&mut one, modulus);
        let mut minus_one = modulus.to_vec();
        subtract(&mut minus_one, &one);
        let wide = vec![0; modulus.len() * 2];
        Self { modulus, inverse: inverse(low).wrapping_neg(), one, minus_one, wide }
    }
}

impl Field<'_> {
    /// Takes the modulus away, once, from a number that is not below it.
    fn reduce(&self, number: &mut [u64], carry: u64) {
        if carry != 0 || number.iter().rev().cmp(self.modulus.iter().rev()) != Ordering::Less {
            subtract(number, self.modulus);
        }
    }

    /// Montgomery's reduction.
    fn reduce_wide(&mut self, number: &mut [u64]) {
        let wide = &mut self.wide;
        let carry = match self.modulus.try_into() {
            Ok(modulus) => kernel::reduce::<32>(wide, modulus, self.inverse),
            _ => reduce_any(wide, self.modulus, self.inverse),
        };
        if let Some(high) = self.wide.get(self.modulus.len()..) {
            number.copy_from_slice(high);
        }
        self.reduce(number, carry);
    }
}

impl Modular for Field<'_> {
    type Number = Vec<u64>;

    fn one(&self) -> Vec<u64> {
        self.one.clone()
    }

    fn any(&self, limbs: &[u64]) -> Vec<u64> {
        let mut number = limbs.to_vec();
        self.reduce(&mut number, 0);
        number
    }

    fn square(&mut self, number: &mut Vec<u64>) {
        square_into(&mut self.wide, number);
        self.reduce_wide(number);
    }

    fn multiply(&mut self, number: &mut Vec<u64>, other: &Vec<u64>) {
        self.wide.fill(0);
        let count = other.len();
        for (at, digit) in number.iter().enumerate() {
            let Some((limbs, [over, ..])) =
                self.wide.get_mut(at..).and_then(|w| w.split_at_mut_checked(count))
            else {
                continue;
            };
            *over = add_product(limbs, *digit, other);
        }
        self.reduce_wide(number);
    }

    fn double(&self, number: &mut Vec<u64>) {
        let mut carry = 0;
        for limb in number.iter_mut() {
            (*limb, carry) = ((*limb << 1) | carry, *limb >> 63);
        }
        self.reduce(number, carry);
    }

    fn bits(&self) -> usize {
        self.modulus.len() * 64
    }

    fn plain(&mut self, mut number: Vec<u64>) -> Vec<u64> {
        let one: Vec<u64> = (0..number.len()).map(|at| u64::from(at == 0)).collect();
        self.multiply(&mut number, &one);
        number
    }

    fn is_one(&self, number: &Vec<u64>, negative: bool) -> bool {
        *number == if negative { self.minus_one.as_slice() } else { self.one.as_slice() }
    }
}

/// Adds multiples of the modulus so that the lower half becomes zero; gives what the upper half has no room for.
fn reduce_any(wide: &mut [u64], modulus: &[u64], inverse: u64) -> u64 {
    let count = modulus.len();
    let mut carry = 0;
    for at in 0..count {
        let Some((limbs, [above, ..])) = wide.get_mut(at..).and_then(|wide| wide.split_at_mut_checked(count))
        else {
            break;
        };
        let factor = limbs.first().map_or(0, |limb| limb.wrapping_mul(inverse));
        let more = add_product(limbs, factor, modulus);
        let sum = u128::from(*above).wrapping_add(u128::from(more)).wrapping_add(u128::from(carry));
        *above = sum as u64;
        carry = (sum >> 64) as u64;
    }
    carry
}

/// The square, all limbs of it.
fn square_into(wide: &mut [u64], number: &[u64]) {
    if !kernel::square(wide, number) {
        square_any(wide, number);
    }
}

/// Every product of two different limbs is made once and doubled.
fn square_any(wide: &mut [u64], number: &[u64]) {
    wide.fill(0);
    for (at, digit) in number.iter().enumerate() {
        let later = number.get(at + 1..).unwrap_or_default();
        let Some((limbs, [above, ..])) =
            wide.get_mut(2 * at + 1..).and_then(|wide| wide.split_at_mut_checked(later.len()))
        else {
            continue;
        };
        *above = add_product(limbs, *digit, later);
    }
    let (mut shifted, mut carry) = (0, 0);
    for (pair, digit) in wide.chunks_exact_mut(2).zip(number) {
        let [low, high] = pair else { continue };
        let own = u128::from(*digit).wrapping_mul(u128::from(*digit));
        let doubled = (u128::from(*high) << 64 | u128::from(*low)) << 1 | shifted;
        shifted = u128::from(*high >> 63);
        let (sum, over) = doubled.overflowing_add(own);
        let (sum, again) = sum.overflowing_add(carry);
        carry = u128::from(over) + u128::from(again);
        (*low, *high) = (sum as u64, (sum >> 64) as u64);
    }
}

/// `sum += digit * number`; gives what does not fit.
#[inline(always)]
fn add_product(sum: &mut [u64], digit: u64, number: &[u64]) -> u64 {
    let mut carry = 0;
    for (limb, other) in sum.iter_mut().zip(number) {
        let product = u128::from(digit).wrapping_mul(u128::from(*other));
        // (2^64 - 1)^2 + 2 (2^64 - 1) is 2^128 - 1: it fits.
        let value = product.wrapping_add(u128::from(*limb)).wrapping_add(u128::from(carry));
        *limb = value as u64;
        carry = (value >> 64) as u64;
    }
    carry
}

/// `a - b` modulo 2^bits.
pub(super) fn subtract(a: &mut [u64], b: &[u64]) {
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        let (value, under) = a.overflowing_sub(*b);
        let (value, again) = value.overflowing_sub(u64::from(borrow));
        borrow = under || again;
        *a = value;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::*;
    use crate::function::Runtime as _;

    /// The kernels give what the plain forms give, also where every carry there can be is made.
    #[test]
    fn kernels_agree_with_the_plain_forms() {
        let mut bench = Bench::new();
        let mut random = || bench.random();
        for round in 0..200 {
            for limbs in [16, 32] {
                let mut number: Vec<u64> = (0..limbs).map(|_| random()).collect();
                let mut modulus: Vec<u64> = (0..limbs).map(|_| random()).collect();
                match round % 5 {
                    0 => number.fill(u64::MAX),
                    1 => number[..limbs / 2].fill(u64::MAX),
                    2 => number[limbs / 2..].fill(0),
                    3 => modulus.fill(u64::MAX),
                    _ => {}
                }
                modulus[0] |= 1;
                modulus[limbs - 1] |= 1 << 63;
                let mut field = Field::new(&modulus);
                let mut expected = vec![0; 2 * limbs];
                square_any(&mut expected, &number);
                field.wide.fill(7);
                square_into(&mut field.wide, &number);
                assert_eq!(field.wide, expected, "the square of {number:x?}");
                let carry = reduce_any(&mut expected, &modulus, field.inverse);
                let mut reduced = expected[limbs..].to_vec();
                field.reduce(&mut reduced, carry);
                field.reduce_wide(&mut number);
                assert_eq!(number, reduced, "modulo {modulus:x?}");
            }
        }
    }
}
