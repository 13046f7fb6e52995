//! Eight tests for primes at once, on processors that multiply 52 bits in every lane of a register (AVX-512 IFMA: most
//! servers since 2019). What comes out is what `field.rs` says of every single number.

use pulp::core_arch::x86::{Avx512f, Avx512ifma};
use std::arch::x86_64::__m512i;

use super::modular::inverse;

/// Numbers that are dealt with at once.
pub(super) const LANES: usize = 8;
/// Bits of a limb.
const BITS: usize = 52;
const MASK: u64 = (1 << BITS) - 1;
/// Limbs that are multiplied with as many others while their sums stay in registers. The limbs of all sizes are a multiple.
const BLOCK: usize = 4;

/// Bits of an exponent that are dealt with by one multiplication.
const WINDOW: usize = 4;

/// One limb of each of the eight numbers.
type Lane = __m512i;
type Block = [Lane; BLOCK];
/// The sums of a block's products, by their place: those of the lower and those of the upper halves, which are one place
/// further up. Apart they wait less for each other.
#[derive(Clone, Copy)]
struct Sums {
    low: [Lane; 2 * BLOCK],
    high: [Lane; 2 * BLOCK],
}

pulp::simd_type! {
    /// The processor has these instructions.
    struct Wanted {
        f: "avx512f",
        ifma: "avx512ifma",
    }
}

/// The tests, on a processor that was found to have what they take.
#[derive(Clone, Copy)]
pub(super) struct Lanes(Wanted);

/// Eight moduli with the highest bit set, and what multiplying needs of them. Montgomery's factor is so much larger that
/// products of numbers below four times the modulus are below twice the modulus.
struct Moduli<const BLOCKS: usize> {
    f: Avx512f,
    ifma: Avx512ifma,
    modulus: [Block; BLOCKS],
    /// `-1 / modulus` modulo `2^BITS`.
    inverse: Lane,
}

impl Lanes {
    /// For numbers of so many limbs of 64 bits; nothing where the size is another or the processor cannot. Unoptimized
    /// these tests would be slower than the others.
    pub(super) fn new(words: usize) -> Option<Self> {
        (!cfg!(debug_assertions) && matches!(words, 16 | 32)).then(Wanted::try_new).flatten().map(Self)
    }

    /// One round of Miller and Rabin for up to eight numbers, to a base each, or to 2: a bit for each that passes.
    pub(super) fn passing(self, numbers: &[&[u64]], bases: Option<&[&[u64]]>) -> u8 {
        match numbers.first().map_or(0, |number| number.len() * 64 / BITS / BLOCK) {
            #[cfg(test)]
            0 => self.0.vectorize(Round::<1> { wanted: self.0, numbers, bases }),
            #[cfg(test)]
            1 => self.0.vectorize(Round::<2> { wanted: self.0, numbers, bases }),
            #[cfg(test)]
            2 => self.0.vectorize(Round::<3> { wanted: self.0, numbers, bases }),
            4 => self.0.vectorize(Round::<5> { wanted: self.0, numbers, bases }),
            _ => self.0.vectorize(Round::<10> { wanted: self.0, numbers, bases }),
        }
    }
}

struct Round<'a, const BLOCKS: usize> {
    wanted: Wanted,
    numbers: &'a [&'a [u64]],
    bases: Option<&'a [&'a [u64]]>,
}

impl<const BLOCKS: usize> pulp::NullaryFnOnce for Round<'_, BLOCKS> {
    type Output = u8;

    #[inline(always)]
    fn call(self) -> u8 {
        let Self { wanted, numbers, bases } = self;
        let each: [Vec<u64>; LANES] = lanes_of(numbers, BLOCKS);
        let ones: [Vec<u64>; LANES] = std::array::from_fn(|lane| one(&each[lane]));
        let inverses = std::array::from_fn(|lane| inverse(each[lane][0]).wrapping_neg() & MASK);
        let moduli = Moduli::<BLOCKS> {
            f: wanted.f,
            ifma: wanted.ifma,
            modulus: together(&each),
            inverse: pulp::cast::<[u64; LANES], Lane>(inverses),
        };
        let mut powers =
            bases.map_or(vec![], |bases| vec![together(&ones), together(&lanes_of(bases, BLOCKS))]);
        while let (Some(last), Some(base), true) = (powers.last(), powers.get(1), powers.len() < 1 << WINDOW)
        {
            powers.push(moduli.multiply(last, base));
        }
        let twos: [usize; LANES] = std::array::from_fn(|lane| {
            // modulus - 1 = odd * 2^twos
            (1..).find(|at| each[lane][at / BITS] >> (at % BITS) & 1 == 1).unwrap_or_default()
        });
        let most = twos.iter().copied().max().unwrap_or_default();
        let mut power = together(&ones);
        let (mut passed, mut digit) = (0, 0);
        let bits = numbers.first().map_or(0, |number| number.len() * 64);
        for at in (1..bits).rev() {
            let bit = moduli.bit(at);
            if bases.is_none() {
                power = moduli.square(&power, bit);
            } else {
                power = moduli.square(&power, moduli.f._mm512_set1_epi64(0));
                // All the moduli are the same one then. Their lower bits are looked at one by one.
                digit = digit << 1 | pulp::cast::<Lane, [u64; LANES]>(bit)[0] as usize;
                if at % WINDOW == 0 || at <= most + 1 {
                    if let (1.., Some(factor)) = (digit, powers.get(digit)) {
                        power = moduli.multiply(&power, factor);
                    }
                    digit = 0;
                }
            }
            if at <= most {
                for lane in 0..numbers.len().min(LANES) {
                    if at <= twos[lane] {
                        let number = reduced(&power, lane, &each[lane]);
                        let minus = difference(&each[lane], &number);
                        if minus == ones[lane] || at == twos[lane] && number == ones[lane] {
                            passed |= 1 << lane;
                        }
                    }
                }
            }
        }
        passed
    }
}

impl<const BLOCKS: usize> Moduli<BLOCKS> {
    /// The bits of the moduli at a place.
    #[inline(always)]
    fn bit(&self, at: usize) -> Lane {
        let limb = self.modulus[at / BITS / BLOCK][at / BITS % BLOCK];
        let shifted = self.f._mm512_srlv_epi64(limb, self.f._mm512_set1_epi64((at % BITS) as i64));
        self.f._mm512_and_si512(shifted, self.f._mm512_set1_epi64(1))
    }

    /// Squares, and doubles where `doubled` is one, not zero.
    #[inline(always)]
    fn square(&self, number: &[Block; BLOCKS], doubled: Lane) -> [Block; BLOCKS] {
        let zero = self.f._mm512_set1_epi64(0);
        // The products of two different limbs are made once.
        let mut wide = [[[zero; BLOCK]; 2]; BLOCKS];
        let mut sums = self.no_sums();
        for place in 0..2 * BLOCKS - 1 {
            for at in place.saturating_sub(BLOCKS - 1)..place.div_ceil(2) {
                self.add_product(&mut sums, &number[at], &number[place - at]);
            }
            if place % 2 == 0 {
                self.add_triangle(&mut sums, &number[place / 2]);
            }
            wide[place / 2][place % 2] = self.shift(&mut sums);
        }
        wide[BLOCKS - 1][1] = self.shift(&mut sums);
        for (wide, block) in wide.iter_mut().zip(number) {
            let pairs = wide.as_flattened_mut();
            for at in 0..BLOCK {
                let (low, high) = (
                    self.f._mm512_slli_epi64::<1>(pairs[2 * at]),
                    self.f._mm512_slli_epi64::<1>(pairs[2 * at + 1]),
                );
                pairs[2 * at] = self.ifma._mm512_madd52lo_epu64(low, block[at], block[at]);
                pairs[2 * at + 1] = self.ifma._mm512_madd52hi_epu64(high, block[at], block[at]);
            }
        }
        self.reduce(&mut wide, doubled)
    }

    #[inline(always)]
    fn multiply(&self, number: &[Block; BLOCKS], other: &[Block; BLOCKS]) -> [Block; BLOCKS] {
        let zero = self.f._mm512_set1_epi64(0);
        let mut wide = [[[zero; BLOCK]; 2]; BLOCKS];
        let mut sums = self.no_sums();
        for place in 0..2 * BLOCKS - 1 {
            for at in place.saturating_sub(BLOCKS - 1)..=place.min(BLOCKS - 1) {
                self.add_product(&mut sums, &number[at], &other[place - at]);
            }
            wide[place / 2][place % 2] = self.shift(&mut sums);
        }
        wide[BLOCKS - 1][1] = self.shift(&mut sums);
        self.reduce(&mut wide, zero)
    }

    /// Adds multiples of the modulus so that the lower half becomes zero, and gives the upper half.
    #[inline(always)]
    fn reduce(&self, wide: &mut [[Block; 2]; BLOCKS], doubled: Lane) -> [Block; BLOCKS] {
        let zero = self.f._mm512_set1_epi64(0);
        let mask = self.f._mm512_set1_epi64(MASK as i64);
        let mut carry = zero;
        let wide = wide.as_flattened_mut();
        for start in 0..BLOCKS {
            let mut sums = self.no_sums();
            let mut factors = [zero; BLOCK];
            for at in 0..BLOCK {
                let limb = self.f._mm512_add_epi64(wide[start][at], carry);
                let sum = self.f._mm512_add_epi64(limb, self.f._mm512_add_epi64(sums.low[at], sums.high[at]));
                factors[at] = self.ifma._mm512_madd52lo_epu64(zero, sum, self.inverse);
                // The factor's product with the lowest limb makes the lower bits zero, so that they carry unless they were.
                carry = self.f._mm512_srli_epi64::<52>(self.f._mm512_add_epi64(sum, mask));
                sums.high[at + 1] =
                    self.ifma._mm512_madd52hi_epu64(sums.high[at + 1], factors[at], self.modulus[0][0]);
                for place in 1..BLOCK {
                    self.add(&mut sums, at + place, factors[at], self.modulus[0][place]);
                }
            }
            self.shift(&mut sums);
            for at in 1..BLOCKS {
                self.add_product(&mut sums, &factors, &self.modulus[at]);
                let done = self.shift(&mut sums);
                for (limb, sum) in wide[start + at].iter_mut().zip(done) {
                    *limb = self.f._mm512_add_epi64(*limb, sum);
                }
            }
            let done = self.shift(&mut sums);
            for (limb, sum) in wide[start + BLOCKS].iter_mut().zip(done) {
                *limb = self.f._mm512_add_epi64(*limb, sum);
            }
        }
        carry = self.f._mm512_sllv_epi64(carry, doubled);
        let mut result = [[zero; BLOCK]; BLOCKS];
        for (result, limb) in result.as_flattened_mut().iter_mut().zip(wide[BLOCKS..].as_flattened()) {
            let sum = self.f._mm512_add_epi64(self.f._mm512_sllv_epi64(*limb, doubled), carry);
            *result = self.f._mm512_and_si512(sum, mask);
            carry = self.f._mm512_srli_epi64::<52>(sum);
        }
        result
    }

    #[inline(always)]
    fn no_sums(&self) -> Sums {
        let none = [self.f._mm512_set1_epi64(0); 2 * BLOCK];
        Sums { low: none, high: none }
    }

    /// Takes the finished lower sums off.
    #[inline(always)]
    fn shift(&self, sums: &mut Sums) -> Block {
        let zero = self.f._mm512_set1_epi64(0);
        let done = std::array::from_fn(|at| self.f._mm512_add_epi64(sums.low[at], sums.high[at]));
        for at in 0..BLOCK {
            (sums.low[at], sums.low[at + BLOCK]) = (sums.low[at + BLOCK], zero);
            (sums.high[at], sums.high[at + BLOCK]) = (sums.high[at + BLOCK], zero);
        }
        done
    }

    #[inline(always)]
    fn add(&self, sums: &mut Sums, place: usize, a: Lane, b: Lane) {
        sums.low[place] = self.ifma._mm512_madd52lo_epu64(sums.low[place], a, b);
        sums.high[place + 1] = self.ifma._mm512_madd52hi_epu64(sums.high[place + 1], a, b);
    }

    #[inline(always)]
    fn add_product(&self, sums: &mut Sums, a: &Block, b: &Block) {
        for (at, digit) in a.iter().enumerate() {
            for (place, other) in b.iter().enumerate() {
                self.add(sums, at + place, *digit, *other);
            }
        }
    }

    /// The products of different limbs within a block.
    #[inline(always)]
    fn add_triangle(&self, sums: &mut Sums, block: &Block) {
        for at in 0..BLOCK {
            for other in at + 1..BLOCK {
                self.add(sums, at + other, block[at], block[other]);
            }
        }
    }
}

/// The limbs of every lane's number; the last number stands in the lanes that are left.
fn lanes_of(numbers: &[&[u64]], blocks: usize) -> [Vec<u64>; LANES] {
    std::array::from_fn(|lane| {
        numbers.get(lane).or(numbers.last()).map(|number| narrow(number, blocks * BLOCK)).unwrap_or_default()
    })
}

fn together<const BLOCKS: usize>(each: &[Vec<u64>; LANES]) -> [Block; BLOCKS] {
    std::array::from_fn(|block| {
        std::array::from_fn(|at| {
            pulp::cast::<[u64; LANES], Lane>(std::array::from_fn(|lane| each[lane][block * BLOCK + at]))
        })
    })
}

/// From limbs of 64 bits.
fn narrow(number: &[u64], limbs: usize) -> Vec<u64> {
    let limb = |at: usize| u128::from(number.get(at).copied().unwrap_or_default());
    let from = |bit: usize| ((limb(bit / 64 + 1) << 64 | limb(bit / 64)) >> (bit % 64)) as u64 & MASK;
    (0..limbs).map(|at| from(at * BITS)).collect()
}

/// One in Montgomery's form.
fn one(modulus: &[u64]) -> Vec<u64> {
    let bits = modulus.len() * BITS;
    let size = bits - modulus.last().map_or(0, |limb| limb.leading_zeros() as usize + BITS - 64);
    let mut one = vec![0; modulus.len()];
    // 2^size less the modulus, which has its highest bit set.
    one = difference(&one, modulus);
    if let Some(last) = one.last_mut() {
        *last &= MASK >> (bits - size);
    }
    for _ in size..bits {
        let mut carry = 0;
        for limb in &mut one {
            let doubled = *limb << 1 | carry;
            (*limb, carry) = (doubled & MASK, doubled >> BITS);
        }
        one = below(one, modulus);
    }
    one
}

fn reduced<const BLOCKS: usize>(number: &[Block; BLOCKS], lane: usize, modulus: &[u64]) -> Vec<u64> {
    let limbs = number.as_flattened().iter().map(|limb| pulp::cast::<Lane, [u64; LANES]>(*limb)[lane]);
    below(limbs.collect(), modulus)
}

/// The same number below the modulus.
fn below(mut number: Vec<u64>, modulus: &[u64]) -> Vec<u64> {
    while number.iter().rev().cmp(modulus.iter().rev()).is_ge() {
        number = difference(&number, modulus);
    }
    number
}

fn difference(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut borrow = 0;
    let limb = |(a, b): (&u64, &u64)| {
        let difference = a.wrapping_sub(*b).wrapping_sub(borrow);
        borrow = difference >> 63;
        difference & MASK
    };
    a.iter().zip(b).map(limb).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::super::field::Field;
    use super::super::modular::Modular as _;
    use super::*;
    use crate::function::Runtime as _;

    /// `2^(64 * words) - less`.
    fn below_power(words: usize, less: u64) -> Vec<u64> {
        let mut number = vec![u64::MAX; words];
        number[0] = u64::MAX - (less - 1);
        number
    }

    /// The numbers that pass, as the plain arithmetic has it.
    fn plainly(numbers: &[&[u64]], bases: Option<&[&[u64]]>) -> u8 {
        let passes = |at: usize| Field::new(numbers[at]).passes(numbers[at], bases.map(|bases| bases[at]));
        (0..numbers.len()).filter(|at| passes(*at)).map(|at| 1 << at).sum()
    }

    #[test]
    fn lanes_say_what_the_plain_arithmetic_says() {
        let mut bench = Bench::new();
        let Some(lanes) = Wanted::try_new().map(Lanes) else {
            println!("skipped: the processor has no AVX-512 IFMA");
            return;
        };
        // The largest primes below these powers of two. The sizes of RSA's primes take too long unoptimized.
        let sizes = [(3, 237), (6, 317), (9, 789), (16, 105), (32, 1557)];
        for (words, prime) in sizes.into_iter().take(if cfg!(debug_assertions) { 3 } else { 5 }) {
            let mut numbers: Vec<Vec<u64>> =
                (0..6).map(|_| (0..words).map(|_| bench.random()).collect()).collect();
            numbers[1][1..].fill(0);
            numbers[2].fill(u64::MAX);
            // Minus one is odd * 2^128 at least: many squarings are looked at.
            numbers[4][..2].fill(0);
            numbers.insert(3, below_power(words, prime));
            for number in &mut numbers {
                number[0] |= 1;
                number[words - 1] |= 1 << 63;
            }
            let numbers: Vec<&[u64]> = numbers.iter().map(Vec::as_slice).collect();
            for count in [7, 1, 4] {
                let numbers = &numbers[..count];
                let passing = lanes.passing(numbers, None);
                assert_eq!(passing, plainly(numbers, None), "{words} words");
                assert_eq!(passing >> 3 & 1 == 1, count > 3);
            }
            let random: Vec<Vec<u64>> =
                (0..5).map(|_| (0..words).map(|_| bench.random()).collect()).collect();
            let mut bases: Vec<&[u64]> = random.iter().map(Vec::as_slice).collect();
            bases[4] = numbers[2];
            for number in [numbers[3], numbers[0]] {
                let same = vec![number; bases.len()];
                assert_eq!(lanes.passing(&same, Some(&bases)), plainly(&same, Some(&bases)), "{number:x?}");
            }
        }
    }
}
