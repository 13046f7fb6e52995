//! Primes for RSA keys. Charts make certificates while they render, and finding the primes takes most of that time.

use rand_core::RngCore as _;

use super::super::random::Source;

/// Candidates are freed of all factors below this before a test is spent on them.
const FACTORS: usize = 1 << 16;

/// Odd numbers looked at behind a random one. A prime of 2048 bits is missing in one window of 300.
const WINDOW: usize = 4096;

/// Tests with random bases behind the one with base 2; FIPS 186-5 (table B.1) asks for 5 at 1024 bits and less above.
const ROUNDS: usize = 5;

/// A random prime with `limbs` times 64 bits, the two highest set, as little-endian bytes. One less has no factor in common
/// with `exponent`, which is a prime.
pub(super) fn prime(source: &mut Source<'_>, limbs: usize, exponent: u64) -> Vec<u8> {
    let factors = small_primes();
    loop {
        let mut start: Vec<u64> = (0..limbs).map(|_| source.next_u64()).collect();
        if let Some(first) = start.first_mut() {
            *first |= 1;
        }
        if let Some(last) = start.last_mut() {
            *last |= 3 << 62;
        }
        for (index, _) in sieve(&start, &factors).iter().enumerate().filter(|(_, composite)| !**composite) {
            let Some(candidate) = plus(&start, 2 * index as u64) else { break };
            if modulo(&candidate, exponent) != 1 && is_prime(&candidate, source) {
                return candidate.iter().flat_map(|limb| limb.to_le_bytes()).collect();
            }
        }
    }
}

/// The odd primes below [`FACTORS`].
fn small_primes() -> Vec<u64> {
    let mut composite = vec![false; FACTORS];
    let mut primes = Vec::new();
    for number in (3..FACTORS).step_by(2) {
        if composite.get(number) == Some(&false) {
            primes.push(number as u64);
            composite.iter_mut().skip(number * number).step_by(number).for_each(|mark| *mark = true);
        }
    }
    primes
}

/// Which of the numbers `start`, `start + 2`, … have a small factor.
fn sieve(start: &[u64], factors: &[u64]) -> Vec<bool> {
    let mut composite = vec![false; WINDOW];
    for &factor in factors {
        let missing = (factor - modulo(start, factor)) % factor;
        // Steps are by two: an odd distance is made even by one more factor.
        let first = if missing.is_multiple_of(2) { missing / 2 } else { (missing + factor) / 2 };
        composite.iter_mut().skip(first as usize).step_by(factor as usize).for_each(|mark| *mark = true);
    }
    composite
}

fn modulo(number: &[u64], by: u64) -> u64 {
    // Halves of limbs, so that no division is wider than the processor's.
    number.iter().rev().fold(0, |rest, limb| {
        let high = ((rest << 32) | (limb >> 32)) % by;
        ((high << 32) | (limb & 0xffff_ffff)) % by
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

/// Whether an odd number with its highest bit set is prime, as far as Miller and Rabin can tell.
fn is_prime(number: &[u64], source: &mut Source<'_>) -> bool {
    let mut field = Field::new(number);
    let two = field.doubled(&field.one);
    if !field.passes(&two, true) {
        return false;
    }
    (0..ROUNDS).all(|_| {
        // Any number stands for some base in Montgomery's form. One more than the modulus, once in a lifetime, is no problem.
        let base: Vec<u64> = number.iter().map(|_| source.next_u64()).collect();
        let base = field.reduced(base);
        field.passes(&base, false)
    })
}

/// Arithmetic modulo an odd number with its highest bit set, in Montgomery's form.
struct Field {
    modulus: Vec<u64>,
    /// `-1 / modulus` modulo 2^64.
    inverse: u64,
    /// One and minus one.
    one: Vec<u64>,
    minus_one: Vec<u64>,
    scratch: Vec<u64>,
}

impl Field {
    fn new(modulus: &[u64]) -> Self {
        let low = modulus.first().copied().unwrap_or(1);
        // Newton: each step doubles the number of right bits.
        let inverse = (0..6).fold(low, |x, _| x.wrapping_mul(2u64.wrapping_sub(low.wrapping_mul(x))));
        // With the highest bit set, 2^bits lies between the modulus and its double.
        let zero = vec![0; modulus.len()];
        let one = difference(&zero, modulus);
        let minus_one = difference(modulus, &one);
        let scratch = vec![0; modulus.len() + 2];
        Self { modulus: modulus.to_vec(), inverse: inverse.wrapping_neg(), one, minus_one, scratch }
    }

    fn reduced(&self, number: Vec<u64>) -> Vec<u64> {
        if less(&number, &self.modulus) { number } else { difference(&number, &self.modulus) }
    }

    fn doubled(&self, number: &[u64]) -> Vec<u64> {
        let mut carry = 0;
        let twice: Vec<u64> = number
            .iter()
            .map(|limb| {
                let shifted = (limb << 1) | carry;
                carry = limb >> 63;
                shifted
            })
            .collect();
        if carry == 1 { difference(&twice, &self.modulus) } else { self.reduced(twice) }
    }

    /// One round of Miller and Rabin.
    fn passes(&mut self, base: &[u64], is_two: bool) -> bool {
        // modulus - 1 = odd * 2^twos
        let mut even = self.modulus.clone();
        if let Some(first) = even.first_mut() {
            *first -= 1;
        }
        let twos = even.iter().take_while(|limb| **limb == 0).count() * 64
            + even.iter().find(|limb| **limb != 0).map_or(0, |limb| limb.trailing_zeros() as usize);
        let bit = |index: usize| even.get(index / 64).is_some_and(|limb| limb >> (index % 64) & 1 == 1);
        let mut power = base.to_vec();
        for index in (twos..even.len() * 64 - 1).rev() {
            power = self.product(&power, &power);
            if bit(index) {
                power = if is_two { self.doubled(&power) } else { self.product(&power, base) };
            }
        }
        if power == self.one || power == self.minus_one {
            return true;
        }
        for _ in 1..twos {
            power = self.product(&power, &power);
            if power == self.minus_one {
                return true;
            }
        }
        false
    }

    /// `a * b / 2^bits`: multiplies and reduces limb by limb.
    fn product(&mut self, a: &[u64], b: &[u64]) -> Vec<u64> {
        let Self { modulus, inverse, scratch, .. } = self;
        let count = modulus.len();
        scratch.fill(0);
        for &digit in a {
            let carry = add_product(&mut scratch[..count], digit, b);
            let (low, over) = scratch[count].overflowing_add(carry);
            let high = u64::from(over);
            let factor = scratch[0].wrapping_mul(*inverse);
            let carry = add_product(&mut scratch[..count], factor, modulus);
            let (low, over) = low.overflowing_add(carry);
            // The lowest limb is zero now: everything moves down by one.
            scratch.copy_within(1..count, 0);
            scratch[count - 1] = low;
            scratch[count] = high + u64::from(over);
        }
        let value = &scratch[..count];
        if scratch[count] == 0 && less(value, modulus) { value.to_vec() } else { difference(value, modulus) }
    }
}

/// `sum += digit * number`; gives what does not fit.
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

fn less(a: &[u64], b: &[u64]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// `a - b` modulo 2^bits.
fn difference(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut borrow = false;
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let (value, under) = a.overflowing_sub(*b);
            let (value, again) = value.overflowing_sub(u64::from(borrow));
            borrow = under || again;
            value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::*;

    /// `2^bits - less`, in limbs.
    fn below_power(limbs: usize, less: u64) -> Vec<u64> {
        let mut number = vec![u64::MAX; limbs];
        number[0] = u64::MAX - (less - 1);
        number
    }

    #[test]
    fn primes_are_told_from_others() {
        let mut bench = Bench::new();
        let mut source = Source(&mut bench);
        // The largest primes below these powers of two.
        for (limbs, less) in [(1, 59), (2, 159), (4, 189), (8, 569), (16, 105)] {
            for nearer in (less - 20..=less).filter(|nearer| nearer % 2 == 1) {
                let number = below_power(limbs, nearer);
                assert_eq!(is_prime(&number, &mut source), nearer == less, "2^{} - {nearer}", 64 * limbs);
            }
        }
        // 3037000429 * 6074000857, which passes the test with base 2.
        let pseudo = [18_446_743_208_455_367_653];
        let mut field = Field::new(&pseudo);
        let two = field.doubled(&field.one);
        assert!(field.passes(&two, true));
        assert!(!is_prime(&pseudo, &mut source));
    }

    #[test]
    fn a_prime_has_its_size_and_leaves_the_exponent_alone() {
        let mut bench = Bench::new();
        let mut source = Source(&mut bench);
        let found = prime(&mut source, 8, 65537);
        let limbs: Vec<u64> =
            found.chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(limbs.len(), 8);
        assert_eq!(limbs[7] >> 62, 3);
        assert!(is_prime(&limbs, &mut source));
        assert_ne!(modulo(&limbs, 65537), 1);
        assert_ne!(prime(&mut source, 8, 65537), found);
    }
}
