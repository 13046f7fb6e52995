//! Frees candidates for primes of small factors.

use super::modular::inverse;

/// Odd numbers looked at behind a random one. A prime of 2048 bits is missing in one window of 300.
const WINDOW: usize = 4096;

/// Groups whose remainders are made at the same time, because every step of one waits for the step before.
const AT_ONCE: usize = 4;

/// The odd primes below a number.
pub(super) struct Factors {
    primes: Vec<u32>,
    /// What as many primes as fit a limb together make, and how many they are: the long number is divided once by all.
    groups: Vec<(u64, usize)>,
}

impl Factors {
    pub(super) fn below(most: usize) -> Self {
        // A bit for each odd number.
        let mut composite = vec![0_u64; most.div_ceil(128)];
        let is_composite =
            |bits: &[u64], half: usize| bits.get(half / 64).is_none_or(|bits| bits >> (half % 64) & 1 == 1);
        let mut number = 3;
        while number * number < most {
            if !is_composite(&composite, number / 2) {
                for half in (number * number / 2..most / 2).step_by(number) {
                    if let Some(bits) = composite.get_mut(half / 64) {
                        *bits |= 1 << (half % 64);
                    }
                }
            }
            number += 2;
        }
        let mut factors = Self { primes: Vec::with_capacity(most / 10), groups: Vec::new() };
        for (at, bits) in composite.iter().enumerate() {
            let mut left = !bits;
            while left != 0 {
                factors.primes.extend(u32::try_from(128 * at + 2 * left.trailing_zeros() as usize + 1));
                left &= left - 1;
            }
        }
        // One is none, and the last limb may reach further.
        factors.primes.retain(|prime| *prime > 1 && (*prime as usize) < most);
        let (mut product, mut count) = (1_u64, 0);
        for prime in &factors.primes {
            match product.checked_mul(u64::from(*prime)) {
                Some(more) => (product, count) = (more, count + 1),
                None => {
                    factors.groups.push((product, count));
                    (product, count) = (u64::from(*prime), 1);
                }
            }
        }
        factors.groups.push((product, count));
        factors
    }

    /// The odd numbers from `start` on that have none of these factors.
    pub(super) fn candidates(&self, start: &[u64]) -> Vec<Vec<u64>> {
        let composite = self.sieve(start);
        let left = composite.iter().enumerate().filter(|(_, composite)| !**composite);
        left.map_while(|(index, _)| plus(start, 2 * index as u64)).collect()
    }

    /// Which of the numbers `start`, `start + 2`, … have a small factor.
    fn sieve(&self, start: &[u64]) -> Vec<bool> {
        let mut composite = vec![false; WINDOW];
        let mut primes = self.primes.as_slice();
        for groups in self.groups.chunks(AT_ONCE) {
            let products = std::array::from_fn(|at| groups.get(at).map_or(1, |(product, _)| *product));
            let missing = Moduli::new(products).missing(start);
            for ((_, count), missing) in groups.iter().zip(missing) {
                let Some((group, later)) = primes.split_at_checked(*count) else { break };
                primes = later;
                for factor in group {
                    let factor = u64::from(*factor);
                    let missing = missing % factor;
                    // Steps are by two: an odd distance is made even by one more factor.
                    let first = if missing.is_multiple_of(2) { missing / 2 } else { (missing + factor) / 2 };
                    // Most factors are larger than the window, and have no multiple in it.
                    let (mut at, factor) = (first as usize, factor as usize);
                    while let Some(mark) = composite.get_mut(at) {
                        *mark = true;
                        at += factor;
                    }
                }
            }
        }
        composite
    }
}

/// Odd numbers that others are divided by, with Montgomery's way: a division by a limb takes several times as long as the
/// two multiplications here.
struct Moduli {
    products: [u64; AT_ONCE],
    /// `1 / product` modulo `2^64`.
    inverses: [u64; AT_ONCE],
}

impl Moduli {
    fn new(products: [u64; AT_ONCE]) -> Self {
        Self { products, inverses: products.map(inverse) }
    }

    /// What is missing to the next multiples.
    fn missing(&self, number: &[u64]) -> [u64; AT_ONCE] {
        // From the lowest limb on multiples are taken away that make it zero: number = -rests * 2^bits.
        let mut rests = [0_u64; AT_ONCE];
        for limb in number {
            rests = self.each(|at, product, inverse| {
                let (low, borrow) = limb.overflowing_sub(rests[at]);
                high(low.wrapping_mul(inverse), product).wrapping_add(u64::from(borrow))
            });
        }
        // One in Montgomery's form is doubled and squared until it is 2^bits. Bits are doubled while they are few.
        let bits = 64 * number.len();
        let squarings = (usize::BITS - bits.leading_zeros()).saturating_sub(3);
        let mut power = self.each(|_, product, _| product.wrapping_neg() % product);
        for _ in 0..bits >> squarings {
            power = self.each(|at, product, _| double(power[at], product));
        }
        for left in (0..squarings).rev() {
            power = self.product(power, power);
            if bits >> left & 1 == 1 {
                power = self.each(|at, product, _| double(power[at], product));
            }
        }
        self.product(rests, power)
    }

    /// Montgomery's product.
    fn product(&self, a: [u64; AT_ONCE], b: [u64; AT_ONCE]) -> [u64; AT_ONCE] {
        self.each(|at, product, inverse| {
            let wide = u128::from(a[at]).wrapping_mul(u128::from(b[at]));
            let less = high((wide as u64).wrapping_mul(inverse), product);
            let (rest, borrow) = ((wide >> 64) as u64).overflowing_sub(less);
            if borrow { rest.wrapping_add(product) } else { rest }
        })
    }

    #[inline(always)]
    fn each(&self, number: impl Fn(usize, u64, u64) -> u64) -> [u64; AT_ONCE] {
        std::array::from_fn(|at| number(at, self.products[at], self.inverses[at]))
    }
}

/// The upper half of a product.
#[inline(always)]
fn high(a: u64, b: u64) -> u64 {
    (u128::from(a).wrapping_mul(u128::from(b)) >> 64) as u64
}

/// The double of a number below the modulus.
#[inline(always)]
fn double(number: u64, modulus: u64) -> u64 {
    let (less, below) = number.overflowing_sub(modulus.wrapping_sub(number));
    if below { less.wrapping_add(modulus) } else { less }
}

/// What is left of a long number.
pub(super) fn modulo(number: &[u64], by: u64) -> u64 {
    number.iter().rev().fold(0, |rest, limb| {
        let high = u128::from(rest) << 64;
        ((high | u128::from(*limb)) % u128::from(by)) as u64
    })
}

/// The sum, unless it has more limbs.
fn plus(number: &[u64], more: u64) -> Option<Vec<u64>> {
    let mut sum = number.to_vec();
    let mut carry = more;
    for limb in &mut sum {
        let (value, over) = limb.overflowing_add(carry);
        *limb = value;
        carry = u64::from(over);
    }
    (carry == 0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::*;
    use crate::function::Runtime as _;

    #[test]
    fn factors_are_the_odd_primes() {
        let plain = |number: &u32| (2..*number).all(|by| !number.is_multiple_of(by));
        for most in [4, 100, 128, 130] {
            assert_eq!(Factors::below(most).primes, (3..most as u32).filter(plain).collect::<Vec<u32>>());
        }
        // As many as there are, but for 2.
        assert_eq!(Factors::below(1 << 16).primes.len(), 6541);
        assert_eq!(Factors::below(1 << 20).primes.len(), 82_024);
    }

    #[test]
    fn what_is_missing_is_what_a_division_says() {
        let mut bench = Bench::new();
        for limbs in [1, 2, 3, 16, 24, 32] {
            for round in 0..50 {
                let mut number: Vec<u64> = (0..limbs).map(|_| bench.random()).collect();
                match round {
                    0 => number.fill(u64::MAX),
                    1 => number.fill(0),
                    2 => number[..limbs / 2].fill(0),
                    _ => {}
                }
                let products = [bench.random() | 1, u64::MAX - 2 * round, 3 + 2 * round, 1];
                let missing = Moduli::new(products).missing(&number);
                for (missing, product) in missing.into_iter().zip(products) {
                    let expected = (product - modulo(&number, product)) % product;
                    // A whole product may be missing where nothing is.
                    assert_eq!(missing % product, expected, "{number:x?} by {product}");
                }
            }
        }
    }

    #[test]
    fn candidates_are_those_without_a_factor() {
        let mut bench = Bench::new();
        let factors = Factors::below(1 << 14);
        let mut starts: Vec<Vec<u64>> =
            (0..3).map(|_| (0..4).map(|_| bench.random() | 1).collect()).collect();
        // All factors are multiples of the first, and the last window has an end.
        starts.extend([
            vec![3 * 5 * 7 * 11 * 13 * 17],
            vec![u64::MAX - 4000; 2],
            vec![u64::MAX - 20, u64::MAX],
        ]);
        for start in starts {
            let plain = (0..WINDOW as u64).map_while(|index| plus(&start, 2 * index));
            let free = |number: &Vec<u64>| {
                factors.primes.iter().all(|factor| modulo(number, u64::from(*factor)) != 0)
            };
            assert!(factors.candidates(&start) == plain.filter(free).collect::<Vec<_>>(), "{start:x?}");
        }
    }
}
