//! Arithmetic modulo an odd number with limbs that have room above their bits: the products of a column add up without a
//! carry on the way, and Montgomery's factor is so large that nothing has to be compared with the modulus either.
//!
//! `wide.rs` and `narrow.rs` have the products of two kinds of limbs; everything else they share is here.

use super::modular::{Modular, inverse};

/// A part of a number.
pub(super) trait Limb: Copy + Default + Ord {
    /// How many of its bits are the number's. Those above are for sums.
    const BITS: usize;
    const MASK: u64 = (1 << Self::BITS) - 1;

    /// Of the bits that belong to the limb.
    fn of(value: u64) -> Self;
    fn value(self) -> u64;
}

/// A number in Montgomery's form. Squares and products are below twice the modulus, and so is what they are made of, or
/// twice that.
pub(super) type Number<L, const LIMBS: usize> = [L; LIMBS];

/// Numbers modulo an odd one.
pub(super) struct Residues<L, const LIMBS: usize> {
    pub(super) modulus: Number<L, LIMBS>,
    /// `-1 / modulus` modulo `2^BITS`.
    pub(super) inverse: u64,
    /// One, below the modulus.
    one: Number<L, LIMBS>,
}

/// What a kind of limb has code of its own for.
pub(super) trait Products<L, const LIMBS: usize> {
    fn squared(&self, number: &Number<L, LIMBS>) -> Number<L, LIMBS>;
    fn product(&self, number: &Number<L, LIMBS>, other: &Number<L, LIMBS>) -> Number<L, LIMBS>;
}

impl<L: Limb, const LIMBS: usize> Residues<L, LIMBS> {
    /// For an odd modulus with the highest of its bits set. The limbs have room for a factor of 16 more at least.
    pub(super) fn new(modulus: &[u64]) -> Self {
        let size = modulus.len() * 64;
        let low = modulus.first().copied().unwrap_or(1);
        let mut one = [L::default(); LIMBS];
        if let Some(highest) = one.get_mut(size / L::BITS) {
            *highest = L::of(1 << (size % L::BITS));
        }
        let mut new = Self { modulus: limbs(modulus), inverse: inverse(low).wrapping_neg() & L::MASK, one };
        // From 2^size to Montgomery's factor.
        for _ in size..L::BITS * LIMBS {
            one = new.reduced(&one);
            double(&mut one);
        }
        new.one = new.reduced(&one);
        new
    }

    /// The same number below the modulus.
    fn reduced(&self, number: &Number<L, LIMBS>) -> Number<L, LIMBS> {
        let mut number = *number;
        while number.iter().rev().cmp(self.modulus.iter().rev()).is_ge() {
            subtract(&mut number, &self.modulus);
        }
        number
    }
}

impl<L: Limb, const LIMBS: usize> Modular for Residues<L, LIMBS>
where
    Self: Products<L, LIMBS>,
{
    type Number = Number<L, LIMBS>;

    fn one(&self) -> Self::Number {
        self.one
    }

    fn any(&self, number: &[u64]) -> Self::Number {
        limbs(number)
    }

    fn square(&mut self, number: &mut Self::Number) {
        *number = self.squared(number);
    }

    fn multiply(&mut self, number: &mut Self::Number, other: &Self::Number) {
        *number = self.product(number, other);
    }

    fn double(&self, number: &mut Self::Number) {
        double(number);
    }

    fn bits(&self) -> usize {
        L::BITS * LIMBS
    }

    fn plain(&mut self, number: Self::Number) -> Vec<u64> {
        let product = self.product(&number, &limbs(&[1]));
        words(&self.reduced(&product))
    }

    fn is_one(&self, number: &Self::Number, negative: bool) -> bool {
        let mut number = self.reduced(number);
        if negative {
            // Minus one is what one and the modulus are apart.
            let positive = std::mem::replace(&mut number, self.modulus);
            subtract(&mut number, &positive);
        }
        number == self.one
    }
}

fn double<L: Limb>(number: &mut [L]) {
    let mut carry = 0;
    for limb in number {
        let doubled = limb.value() << 1 | carry;
        (*limb, carry) = (L::of(doubled & L::MASK), doubled >> L::BITS);
    }
}

fn subtract<L: Limb>(a: &mut [L], b: &[L]) {
    let mut borrow = 0;
    for (a, b) in a.iter_mut().zip(b) {
        let difference = a.value().wrapping_sub(b.value()).wrapping_sub(borrow);
        (*a, borrow) = (L::of(difference & L::MASK), difference >> 63);
    }
}

/// From limbs of 64 bits.
fn limbs<L: Limb, const LIMBS: usize>(number: &[u64]) -> Number<L, LIMBS> {
    std::array::from_fn(|at| {
        let bit = at * L::BITS;
        let limb = |at: usize| u128::from(number.get(at).copied().unwrap_or_default());
        L::of(((limb(bit / 64 + 1) << 64 | limb(bit / 64)) >> (bit % 64)) as u64 & L::MASK)
    })
}

/// Limbs of 64 bits.
fn words<L: Limb>(number: &[L]) -> Vec<u64> {
    let limb = |at: usize| number.get(at).map_or(0, |limb| u128::from(limb.value()));
    let word = |bit: usize| {
        let places = bit / L::BITS..=(bit + 63) / L::BITS;
        let sum = places.rev().fold(0, |sum, at| sum << L::BITS | limb(at));
        (sum >> (bit % L::BITS)) as u64
    };
    (0..number.len() * L::BITS).step_by(64).map(word).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::testing::Bench;
    use super::super::field::Field;
    use super::*;
    use crate::function::Runtime as _;

    /// They say of numbers with `words` words what the plain arithmetic says, also where limbs are as large as they can be.
    /// `2^(64 words) - less` is a prime.
    pub(in super::super) fn agree<L: Limb + std::fmt::Debug, const LIMBS: usize>(words: usize, less: u64)
    where
        Residues<L, LIMBS>: Products<L, LIMBS>,
    {
        let mut bench = Bench::new();
        let mut random = || bench.random();
        let mut prime = vec![u64::MAX; words];
        prime[0] -= less - 1;
        for round in 0..6 {
            let mut modulus: Vec<u64> = (0..words).map(|_| random()).collect();
            let mut base: Vec<u64> = (0..words).map(|_| random()).collect();
            match round {
                0 => modulus.clone_from(&prime),
                1 => (modulus, base) = (prime.clone(), vec![u64::MAX; words]),
                2 => modulus.fill(u64::MAX),
                3 => modulus[1..words - 1].fill(0),
                4 => base.fill(u64::MAX),
                _ => {}
            }
            modulus[0] |= 1;
            modulus[words - 1] |= 1 << 63;
            let (mut residues, mut field) = (Residues::<L, LIMBS>::new(&modulus), Field::new(&modulus));
            for base in [None, Some(base.as_slice())] {
                let passes = residues.passes(&modulus, base);
                assert_eq!(passes, field.passes(&modulus, base), "{base:x?} modulo {modulus:x?}");
                assert_eq!(passes, round < 2);
            }
            // 2^2^10 and its product with itself: out of Montgomery's form they are the same.
            let (mut a, mut b) = (residues.one(), field.one());
            for _ in 0..10 {
                residues.double(&mut a);
                residues.square(&mut a);
                field.double(&mut b);
                field.square(&mut b);
            }
            let (mut plain, mut other) = ([L::default(); LIMBS], vec![0; words]);
            (plain[0], other[0]) = (L::of(1), 1);
            residues.multiply(&mut a, &plain);
            field.multiply(&mut b, &other);
            assert_eq!(residues.reduced(&a), limbs(&b), "modulo {modulus:x?}");
            // The squares of minus one and of one are one.
            let mut minus = residues.modulus;
            subtract(&mut minus, &residues.one());
            assert!(residues.is_one(&minus, true) && !residues.is_one(&minus, false));
            residues.square(&mut minus);
            assert!(residues.is_one(&minus, false));
            let any = residues.any(&base);
            let (mut square, mut product) = (any, any);
            residues.square(&mut square);
            residues.multiply(&mut product, &any);
            assert_eq!(
                residues.reduced(&square),
                residues.reduced(&product),
                "{base:x?} modulo {modulus:x?}"
            );
        }
    }
}
