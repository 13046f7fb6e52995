//! Primes for RSA keys. Charts make certificates while they render, and finding the primes takes most of that time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand_core::RngCore as _;

use super::super::random::Source;
use super::field::Field;
#[cfg(target_arch = "x86_64")]
use super::lanes::{LANES, Lanes};
use super::modular::Modular as _;
use super::narrow::Narrow;
use super::sieve::{Factors, modulo};
use super::wide::Wide;
use crate::function::Beside;

/// Candidates are freed of all factors below this before a test is spent on them. A factor is worth its division where tests
/// take long: eight times as long with every doubling of the limbs.
fn factors_below(limbs: usize) -> usize {
    if limbs < 32 { 1 << 16 } else { 1 << 19 }
}

/// Tests with random bases behind the one with base 2; FIPS 186-5 (table B.1) asks for 5 at 1024 bits and 4 at 2048.
fn rounds(limbs: usize) -> usize {
    if limbs < 32 { 5 } else { 4 }
}

/// Random primes with so many times 64 bits, the two highest set, as little-endian bytes. One less has no factor in common
/// with `exponent`, which is a prime.
pub(super) fn primes<const COUNT: usize>(
    source: &mut Source<'_>,
    limbs: [usize; COUNT],
    exponent: u64,
) -> [Vec<u8>; COUNT] {
    let factors = Factors::below(factors_below(limbs.into_iter().max().unwrap_or_default()));
    let mut primes = [const { Vec::new() }; COUNT];
    while primes.iter().any(Vec::is_empty) {
        let mut ranges = Vec::new();
        for (limbs, _) in limbs.iter().zip(&primes).filter(|(_, prime)| prime.is_empty()) {
            ranges.push(Range::new(source, *limbs, exponent, &factors));
        }
        let found = first_primes(&ranges, source.0.environment().beside);
        let missing = primes.iter_mut().filter(|prime| prime.is_empty());
        for ((prime, range), found) in missing.zip(&ranges).zip(found) {
            if let Some(number) = found.and_then(|at| range.numbers.get(at)) {
                *prime = number.iter().flat_map(|limb| limb.to_le_bytes()).collect();
            }
        }
    }
    primes
}

/// Where a prime is looked for.
struct Range {
    numbers: Vec<Vec<u64>>,
    /// For the tests that follow the one with base 2. They are drawn before anybody knows for which number.
    bases: Vec<Vec<u64>>,
}

impl Range {
    fn new(source: &mut Source<'_>, limbs: usize, exponent: u64, factors: &Factors) -> Self {
        let mut draw = || -> Vec<u64> { (0..limbs).map(|_| source.next_u64()).collect() };
        let mut start = draw();
        let bases = (0..rounds(limbs)).map(|_| draw()).collect();
        if let Some(first) = start.first_mut() {
            *first |= 1;
        }
        if let Some(last) = start.last_mut() {
            *last |= 3 << 62;
        }
        let mut numbers = factors.candidates(&start);
        numbers.retain(|number| modulo(number, exponent) != 1);
        Self { numbers, bases }
    }
}

/// How far the search in a range is.
#[derive(Clone, Default)]
struct State {
    /// The next group of numbers that nobody looks at yet.
    next: usize,
    /// Groups with a number that passes with base 2: nobody begins with later ones.
    promising: Vec<usize>,
    /// The first prime that is known.
    found: Option<usize>,
}

/// The places of the first primes in all ranges, the same ones on every processor. All are looked for at the same time, and
/// who found one goes on to its other tests: no processor waits for another until the last prime is nearly found.
fn first_primes(ranges: &[Range], beside: Beside) -> Vec<Option<usize>> {
    let states = Mutex::new(vec![State::default(); ranges.len()]);
    let work = || {
        while let Some((range, group, which)) = take(ranges, &states) {
            test(range, group, |change| {
                if let Some(state) = lock(&states).get_mut(which) {
                    change(state);
                }
            });
        }
    };
    beside(&work, &mut || work());
    lock(&states).iter().map(|state| state.found).collect()
}

fn lock(states: &Mutex<Vec<State>>) -> MutexGuard<'_, Vec<State>> {
    states.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands out a group of the range that is least far.
fn take<'r>(ranges: &'r [Range], states: &Mutex<Vec<State>>) -> Option<(&'r Range, usize, usize)> {
    let mut states = lock(states);
    let open = ranges.iter().zip(states.iter_mut()).enumerate().filter(|(_, (range, state))| {
        state.next * group_size(range) < range.numbers.len()
            && state.promising.iter().all(|group| state.next < *group)
    });
    let (which, (range, state)) = open.min_by_key(|(_, (_, state))| state.next)?;
    state.next += 1;
    Some((range, state.next - 1, which))
}

/// Looks for a prime in a group.
fn test(range: &Range, group: usize, change: impl Fn(&dyn Fn(&mut State))) {
    let first = group * group_size(range);
    let numbers = range.numbers.get(first..).unwrap_or_default();
    let numbers = numbers.get(..group_size(range)).unwrap_or(numbers);
    let passing = passing(numbers);
    if passing == 0 {
        // Nearly always.
        return;
    }
    change(&|state| state.promising.push(group));
    let prime = numbers
        .iter()
        .enumerate()
        .find(|(at, number)| passing >> at & 1 == 1 && is_prime(number, &range.bases));
    match prime {
        Some((at, _)) => change(&|state| {
            state.found = Some(state.found.map_or(first + at, |found| found.min(first + at)));
        }),
        None => change(&|state| state.promising.retain(|other| *other != group)),
    }
}

/// How many numbers are tested at once.
fn group_size(range: &Range) -> usize {
    #[cfg(target_arch = "x86_64")]
    if range.numbers.first().and_then(|number| Lanes::new(number.len())).is_some() {
        return LANES;
    }
    // Other arithmetics have no use for more.
    usize::from(!range.numbers.is_empty()).max(1)
}

/// A bit for each number that passes the test with base 2.
fn passing(numbers: &[Vec<u64>]) -> u8 {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = numbers.first().and_then(|number| Lanes::new(number.len())) {
        let numbers: Vec<&[u64]> = numbers.iter().map(Vec::as_slice).collect();
        return lanes.passing(&numbers, None);
    }
    numbers.first().is_some_and(|number| passes(number, None)).into()
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
/// Any numbers stand for some bases in Montgomery's form. One more than the modulus, once in a lifetime, is no problem.
fn is_prime(number: &[u64], bases: &[Vec<u64>]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Lanes::new(number.len()) {
        let bases: Vec<&[u64]> = bases.iter().map(Vec::as_slice).collect();
        let passing = lanes.passing(&vec![number; bases.len()], Some(&bases));
        return passing.count_ones() as usize == bases.len();
    }
    bases.iter().all(|base| passes(number, Some(base)))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::*;
    use crate::function::Runtime as _;

    /// `2^bits - less`, in limbs.
    fn below_power(limbs: usize, less: u64) -> Vec<u64> {
        let mut number = vec![u64::MAX; limbs];
        number[0] = u64::MAX - (less - 1);
        number
    }

    fn bases(bench: &mut Bench, limbs: usize) -> Vec<Vec<u64>> {
        (0..5).map(|_| (0..limbs).map(|_| bench.random()).collect()).collect()
    }

    #[test]
    fn primes_are_told_from_others() {
        let mut bench = Bench::new();
        // The largest primes below these powers of two.
        for (limbs, less) in [(1, 59), (2, 159), (4, 189), (8, 569), (16, 105)] {
            for nearer in (less - 20..=less).filter(|nearer| nearer % 2 == 1) {
                let number = below_power(limbs, nearer);
                assert_eq!(
                    passes(&number, None) && is_prime(&number, &bases(&mut bench, limbs)),
                    nearer == less,
                    "2^{} - {nearer}",
                    64 * limbs
                );
            }
        }
        assert!(passes(&[PSEUDO], None));
        assert!(!is_prime(&[PSEUDO], &bases(&mut bench, 1)));
    }

    /// 3037000429 * 6074000857, which passes the test with base 2.
    const PSEUDO: u64 = 18_446_743_208_455_367_653;

    #[test]
    fn the_first_prime_is_found_on_any_number_of_processors() {
        let mut bench = Bench::new();
        let both: Beside = |help, own| {
            std::thread::scope(|scope| {
                scope.spawn(help);
                own();
            });
        };
        let (one, prime) = (u64::MAX, u64::MAX - 58);
        // Where the first prime is, if any.
        let rows: &[(&[u64], Option<usize>)] = &[
            (&[prime], Some(0)),
            (&[one, one, one, prime, prime, one], Some(3)),
            (&[one, PSEUDO, one, prime], Some(3)),
            (&[PSEUDO, PSEUDO, one], None),
            (&[], None),
        ];
        for (first, expected) in rows {
            for (second, also_expected) in rows {
                let ranges = [*first, *second].map(|numbers| Range {
                    numbers: numbers.iter().map(|number| vec![*number]).collect(),
                    bases: bases(&mut bench, 1),
                });
                for beside in [both, |_, own| own()] {
                    assert_eq!(
                        first_primes(&ranges, beside),
                        [*expected, *also_expected],
                        "{first:?} {second:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn primes_have_their_sizes_and_leave_the_exponent_alone() {
        let mut bench = Bench::new();
        let sizes = [8, 4];
        let found = primes(&mut Source(&mut bench), sizes, 65537);
        for (found, size) in found.iter().zip(sizes) {
            let limbs: Vec<u64> =
                found.chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
            assert_eq!(limbs.len(), size);
            assert_eq!(limbs[size - 1] >> 62, 3);
            assert!(is_prime(&limbs, &bases(&mut bench, size)));
            assert_ne!(modulo(&limbs, 65537), 1);
        }
        assert_ne!(primes(&mut Source(&mut bench), sizes, 65537), found);
    }
}
