//! Arithmetic modulo a number of 1024 bits, half an RSA key, where no instruction makes a product of 128 bits, as in a
//! module: it takes half the time of limbs with 64 bits.
//!
//! Limbs have 28 bits, so that all products of a column add up in 64 bits and nothing is carried on the way. With 38 of them
//! Montgomery's factor is so large that nothing has to be compared with the modulus either.

use super::modular::{Modular, inverse};

/// Limbs of a number: an even number, because they are multiplied two at a time.
const LIMBS: usize = 38;
/// Bits of a limb.
const BITS: usize = 28;
const MASK: u64 = (1 << BITS) - 1;
/// The bits of the modulus; the highest is set.
const SIZE: usize = 1024;

/// A number in Montgomery's form. Squares and products are below twice the modulus, and so is what they are made of, or
/// twice that.
type Number = [u32; LIMBS];

/// A product, with what its limbs are to carry.
type Product = [u64; 2 * LIMBS];

/// Numbers modulo an odd one.
pub(super) struct Narrow {
    modulus: Number,
    /// `-1 / modulus` modulo `2^BITS`.
    inverse: u64,
    /// One, below the modulus.
    one: Number,
}

impl Narrow {
    /// For an odd modulus with the highest of its 1024 bits set.
    pub(super) fn new(modulus: &[u64; 16]) -> Self {
        let inverse = inverse(modulus[0]).wrapping_neg() & MASK;
        let modulus = narrow(modulus);
        let mut one = [0; LIMBS];
        one[SIZE / BITS] = 1 << (SIZE % BITS);
        let mut new = Self { modulus, inverse, one };
        // From 2^1024 to Montgomery's factor.
        for _ in SIZE..BITS * LIMBS {
            one = new.reduced(&one);
            new.double(&mut one);
        }
        new.one = new.reduced(&one);
        new
    }

    /// Montgomery's reduction: the lower half becomes zero by multiples of the modulus, the upper half is the result.
    fn reduce(&self, product: &mut Product) -> Number {
        let [lowest, next, ..] = self.modulus.map(u64::from);
        let mut carry = 0_u64;
        for at in (0..LIMBS).step_by(2) {
            let row = &mut product[at..=at + LIMBS];
            let first = row[0].wrapping_add(carry);
            let f = first.wrapping_mul(self.inverse) & MASK;
            let over = first.wrapping_add(f.wrapping_mul(lowest)) >> BITS;
            let second = row[1].wrapping_add(f.wrapping_mul(next)).wrapping_add(over);
            let g = second.wrapping_mul(self.inverse) & MASK;
            carry = second.wrapping_add(g.wrapping_mul(lowest)) >> BITS;
            add_two(&mut row[2..], f, g, next, &self.modulus[2..]);
        }
        let mut result = [0; LIMBS];
        for (limb, sum) in result.iter_mut().zip(&product[LIMBS..]) {
            let sum = sum.wrapping_add(carry);
            (*limb, carry) = ((sum & MASK) as u32, sum >> BITS);
        }
        result
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

impl Modular for Narrow {
    type Number = Number;

    fn one(&self) -> Number {
        self.one
    }

    fn any(&self, limbs: &[u64]) -> Number {
        limbs.try_into().map_or([0; LIMBS], narrow)
    }

    fn square(&mut self, number: &mut Number) {
        let mut product = [0_u64; 2 * LIMBS];
        for (at, pair) in number.chunks_exact(2).enumerate() {
            let (f, g) = (u64::from(pair[0]), u64::from(pair[1]));
            let row = &mut product[4 * at..];
            row[0] = row[0].wrapping_add(f.wrapping_mul(f));
            row[1] = row[1].wrapping_add((f << 1).wrapping_mul(g));
            row[2] = row[2].wrapping_add(g.wrapping_mul(g));
            // Every product of two different limbs is there twice.
            add_two(&mut row[2..], f << 1, g << 1, 0, &number[2 * at + 2..]);
        }
        *number = self.reduce(&mut product);
    }

    fn multiply(&mut self, number: &mut Number, other: &Number) {
        let mut product = [0_u64; 2 * LIMBS];
        for (at, pair) in number.chunks_exact(2).enumerate() {
            add_two(&mut product[2 * at..], u64::from(pair[0]), u64::from(pair[1]), 0, other);
        }
        *number = self.reduce(&mut product);
    }

    fn double(&self, number: &mut Number) {
        let mut carry = 0;
        for limb in number {
            let doubled = *limb << 1 | carry;
            (*limb, carry) = (doubled & MASK as u32, doubled >> BITS);
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

/// Adds `f` times the limbs, and `g` times the same one place further up; `before` is the limb below them.
#[inline(always)]
fn add_two(sums: &mut [u64], f: u64, g: u64, mut before: u64, limbs: &[u32]) {
    for (sum, limb) in sums.iter_mut().zip(limbs) {
        let limb = u64::from(*limb);
        *sum = sum.wrapping_add(f.wrapping_mul(limb)).wrapping_add(g.wrapping_mul(before));
        before = limb;
    }
    if let Some(last) = sums.get_mut(limbs.len()) {
        *last = last.wrapping_add(g.wrapping_mul(before));
    }
}

fn subtract(a: &mut Number, b: &Number) {
    let mut borrow = 0;
    for (a, b) in a.iter_mut().zip(b) {
        let difference = a.wrapping_sub(*b).wrapping_sub(borrow);
        (*a, borrow) = (difference & MASK as u32, difference >> 31);
    }
}

/// From limbs of 64 bits.
fn narrow(number: &[u64; 16]) -> Number {
    std::array::from_fn(|at| {
        let bit = at * BITS;
        let limb = |at: usize| u128::from(number.get(at).copied().unwrap_or_default());
        ((limb(bit / 64 + 1) << 64 | limb(bit / 64)) >> (bit % 64)) as u32 & MASK as u32
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::super::field::Field;
    use super::*;
    use crate::function::Runtime as _;

    /// It says of a number what the plain arithmetic says, also where limbs are as large as they can be.
    #[test]
    fn narrow_limbs_agree_with_the_plain_arithmetic() {
        let mut bench = Bench::new();
        let mut random = || bench.random();
        // The largest prime below 2^1024.
        let mut prime = [u64::MAX; 16];
        prime[0] -= 104;
        for round in 0..6 {
            let mut modulus: [u64; 16] = std::array::from_fn(|_| random());
            let mut base: [u64; 16] = std::array::from_fn(|_| random());
            match round {
                0 => modulus = prime,
                1 => (modulus, base) = (prime, [u64::MAX; 16]),
                2 => modulus.fill(u64::MAX),
                3 => modulus[1..15].fill(0),
                4 => base.fill(u64::MAX),
                _ => {}
            }
            modulus[0] |= 1;
            modulus[15] |= 1 << 63;
            let (mut narrow, mut field) = (Narrow::new(&modulus), Field::new(&modulus));
            for base in [None, Some(base.as_slice())] {
                let passes = narrow.passes(&modulus, base);
                assert_eq!(passes, field.passes(&modulus, base), "{base:x?} modulo {modulus:x?}");
                assert_eq!(passes, round < 2);
            }
            // 2^2^10 and its product with itself: out of Montgomery's form they are the same.
            let (mut a, mut b) = (narrow.one(), field.one());
            for _ in 0..10 {
                narrow.double(&mut a);
                narrow.square(&mut a);
                field.double(&mut b);
                field.square(&mut b);
            }
            let (mut plain, mut other) = ([0; LIMBS], vec![0; 16]);
            (plain[0], other[0]) = (1, 1);
            narrow.multiply(&mut a, &plain);
            field.multiply(&mut b, &other);
            assert_eq!(narrow.reduced(&a), super::narrow(&b.try_into().unwrap()), "modulo {modulus:x?}");
        }
    }
}
