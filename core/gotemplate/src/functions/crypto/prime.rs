//! Primes for RSA keys. Charts make certificates while they render, and finding the primes takes most of that time.

#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicU8, Ordering};

use rand_core::RngCore as _;

use super::super::random::Source;
use super::field::Field;
#[cfg(target_arch = "x86_64")]
use super::lanes::{LANES, Lanes};
use super::modular::Modular as _;
use super::narrow::Narrow;
use super::sieve::{Factors, modulo};
use super::wide::Wide;
use crate::function::FirstOf;

/// Candidates are freed of all factors below this before a test is spent on them. A factor is worth its division where tests
/// take long: eight times as long with every doubling of the limbs.
fn factors_below(limbs: usize) -> usize {
    if limbs < 32 { 1 << 16 } else { 1 << 20 }
}

/// Tests with random bases behind the one with base 2; FIPS 186-5 (table B.1) asks for 5 at 1024 bits and 4 at 2048.
fn rounds(limbs: usize) -> usize {
    if limbs < 32 { 5 } else { 4 }
}

/// A random prime with `limbs` times 64 bits, the two highest set, as little-endian bytes. One less has no factor in common
/// with `exponent`, which is a prime.
pub(super) fn prime(source: &mut Source<'_>, limbs: usize, exponent: u64) -> Vec<u8> {
    let factors = Factors::below(factors_below(limbs));
    loop {
        let mut start: Vec<u64> = (0..limbs).map(|_| source.next_u64()).collect();
        if let Some(first) = start.first_mut() {
            *first |= 1;
        }
        if let Some(last) = start.last_mut() {
            *last |= 3 << 62;
        }
        let mut candidates = factors.candidates(&start);
        candidates.retain(|candidate| modulo(candidate, exponent) != 1);
        let mut left = candidates.as_slice();
        let first_of = source.0.environment().first_of;
        // Nearly all are told to be composite by the test with base 2.
        while let Some(found) = first_passing(left, first_of) {
            let Some((candidate, later)) = left.get(found..).and_then(|left| left.split_first()) else {
                break;
            };
            if is_prime(candidate, source) {
                return candidate.iter().flat_map(|limb| limb.to_le_bytes()).collect();
            }
            left = later;
        }
    }
}

/// The first that passes the test with base 2. It is the same one on every processor.
fn first_passing(numbers: &[Vec<u64>], first_of: FirstOf) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Lanes::new(numbers.first()?.len()) {
        let groups: Vec<(&[Vec<u64>], AtomicU8)> =
            numbers.chunks(LANES).map(|group| (group, AtomicU8::new(0))).collect();
        let test = |at: usize| {
            let Some((group, passing)) = groups.get(at) else { return false };
            let numbers: Vec<&[u64]> = group.iter().map(Vec::as_slice).collect();
            passing.store(lanes.passing(&numbers, None), Ordering::Relaxed);
            passing.load(Ordering::Relaxed) != 0
        };
        let found = first_of(groups.len(), &test)?;
        let (_, passing) = groups.get(found)?;
        return Some(found * LANES + passing.load(Ordering::Relaxed).trailing_zeros() as usize);
    }
    first_of(numbers.len(), &|at| numbers.get(at).is_some_and(|one| passes(one, None)))
}

fn passes(number: &[u64], base: Option<&[u64]>) -> bool {
    match (number.len(), cfg!(target_family = "wasm")) {
        (16, true) => Narrow::<38>::new(number).passes(number, base),
        (32, true) => Narrow::<76>::new(number).passes(number, base),
        (16, false) => Wide::new(number).passes(number, base),
        _ => Field::new(number).passes(number, base),
    }
}

/// Whether an odd number with its highest bit set that passes with base 2 is prime, as far as Miller and Rabin can tell.
fn is_prime(number: &[u64], source: &mut Source<'_>) -> bool {
    // Any number stands for some base in Montgomery's form. One more than the modulus, once in a lifetime, is no problem.
    let mut base = || -> Vec<u64> { number.iter().map(|_| source.next_u64()).collect() };
    let bases: Vec<Vec<u64>> = (0..rounds(number.len())).map(|_| base()).collect();
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Lanes::new(number.len()) {
        let bases: Vec<&[u64]> = bases.iter().map(Vec::as_slice).collect();
        let passing = lanes.passing(&vec![number; bases.len()], Some(&bases));
        return passing.count_ones() as usize == bases.len();
    }
    let first_of = source.0.environment().first_of;
    first_of(bases.len(), &|at| bases.get(at).is_some_and(|base| !passes(number, Some(base)))).is_none()
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
                assert_eq!(
                    passes(&number, None) && is_prime(&number, &mut source),
                    nearer == less,
                    "2^{} - {nearer}",
                    64 * limbs
                );
            }
        }
        // 3037000429 * 6074000857, which passes the test with base 2.
        let pseudo = [18_446_743_208_455_367_653];
        assert!(passes(&pseudo, None));
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
