//! Squaring and Montgomery's reduction for the sizes of RSA's primes. Making a key is little else, so they are written for
//! the number of multiplications and of memory accesses; `field.rs` has the plain forms for every other size.

/// `a * b`, all of it.
#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

/// The sum of a column: three limbs.
#[derive(Clone, Copy, Default)]
struct Column(u64, u64, u64);

impl Column {
    #[inline(always)]
    fn add(&mut self, value: u128) {
        let (sum, over) = (u128::from(self.1) << 64 | u128::from(self.0)).overflowing_add(value);
        (self.0, self.1) = (sum as u64, (sum >> 64) as u64);
        self.2 = self.2.wrapping_add(u64::from(over));
    }

    /// Adds the products of every two limbs whose places add up to `place`, none of them before `from`. Unrolled for every
    /// place it would be a third slower: too much code for the processor to keep decoded.
    #[inline]
    fn add_place<const N: usize>(&mut self, number: &[u64; N], place: usize, from: usize) {
        let half = place.div_ceil(2);
        let mut sum = Self::default();
        for (a, b) in number[from..half].iter().zip(number[place + 1 - half..=place - from].iter().rev()) {
            sum.add(product(*a, *b));
        }
        // Every product of two different limbs is there twice.
        self.2 = self.2.wrapping_add(sum.2 << 1 | sum.1 >> 63);
        self.add((u128::from(sum.1) << 64 | u128::from(sum.0)) << 1);
        if place.is_multiple_of(2) {
            self.add(product(number[place / 2], number[place / 2]));
        }
    }

    /// The lowest limb; the others move down.
    #[inline(always)]
    fn next(&mut self) -> u64 {
        let lowest = self.0;
        *self = Self(self.1, self.2, 0);
        lowest
    }
}

/// The two halves of the square, column by column.
#[allow(
    clippy::needless_range_loop,
    reason = "with an iterator the compiler makes code that is a quarter slower"
)]
#[inline(never)]
fn square_into<const N: usize>(number: &[u64; N], low: &mut [u64; N], high: &mut [u64; N]) {
    let mut column = Column::default();
    for place in 0..N {
        column.add_place(number, place, 0);
        low[place] = column.next();
    }
    for place in N..2 * N - 1 {
        column.add_place(number, place, place + 1 - N);
        high[place - N] = column.next();
    }
    high[N - 1] = column.0;
}

fn square_16(number: &[u64; 16]) -> ([u64; 16], [u64; 16]) {
    let (mut low, mut high) = ([0; 16], [0; 16]);
    square_into(number, &mut low, &mut high);
    (low, high)
}

/// The square by Karatsuba's way: `2 a b = a^2 + b^2 - (a - b)^2`, three squares of half the size for four.
fn square_32(low: &[u64; 16], high: &[u64; 16]) -> [[u64; 16]; 4] {
    let ((a, b), (c, d), (e, f)) = (square_16(low), square_16(high), square_16(&distance(low, high)));
    let (mut second, mut third, mut fourth) = (b, c, d);
    let mut carry = 0_i128;
    for (((limb, a), c), e) in second.iter_mut().zip(&a).zip(&c).zip(&e) {
        *limb = add_signed(&mut carry, [*limb, *a, *c], *e);
    }
    for (((limb, b), d), f) in third.iter_mut().zip(&b).zip(&d).zip(&f) {
        *limb = add_signed(&mut carry, [*limb, *b, *d], *f);
    }
    for limb in &mut fourth {
        *limb = add_signed(&mut carry, [*limb, 0, 0], 0);
    }
    [a, second, third, fourth]
}

#[inline(always)]
fn add_signed(carry: &mut i128, parts: [u64; 3], less: u64) -> u64 {
    let sum = parts
        .iter()
        .fold(carry.wrapping_sub(i128::from(less)), |sum, part| sum.wrapping_add(i128::from(*part)));
    *carry = sum >> 64;
    sum as u64
}

/// How far two numbers are from each other.
fn distance(a: &[u64; 16], b: &[u64; 16]) -> [u64; 16] {
    let (larger, smaller) = if a.iter().rev().cmp(b.iter().rev()).is_lt() { (b, a) } else { (a, b) };
    let mut distance = *larger;
    super::field::subtract(&mut distance, smaller);
    distance
}

/// Writes the square, if there is code for the size.
pub(super) fn square(wide: &mut [u64], number: &[u64]) -> bool {
    let (parts, _) = wide.as_chunks_mut::<16>();
    match (number.as_chunks::<16>(), parts) {
        (([number], []), [low, high]) => square_into(number, low, high),
        (([low, high], []), [first, second, third, fourth]) => {
            [*first, *second, *third, *fourth] = square_32(low, high);
        }
        _ => return false,
    }
    true
}

/// Adds multiples of the modulus so that the lower half becomes zero, of two limbs at once so that every limb of the sum is
/// read and written half as often; gives what the upper half has no room for. `N` is even.
pub(super) fn reduce<const N: usize>(wide: &mut [u64], modulus: &[u64; N], inverse: u64) -> u64 {
    let second = modulus.get(1).copied().unwrap_or_default();
    let mut carry = 0;
    for at in (0..N).step_by(2) {
        let Some((limbs, [above, top, ..])) =
            wide.get_mut(at..).and_then(|wide| wide.split_first_chunk_mut::<N>())
        else {
            break;
        };
        let [first, next, ..] = limbs.as_slice() else { break };
        let f = first.wrapping_mul(inverse);
        // What the next limb is once the first multiple is added; the first limb is zero then.
        let over =
            product(f, modulus.first().copied().unwrap_or_default()).wrapping_add(u128::from(*first)) >> 64;
        let g = f.wrapping_mul(second).wrapping_add(*next).wrapping_add(over as u64).wrapping_mul(inverse);
        let (mut carry_f, mut carry_g, mut before) = (0, 0, 0);
        for (limb, digit) in limbs.iter_mut().zip(modulus) {
            let sum = product(f, *digit).wrapping_add(u128::from(*limb)).wrapping_add(u128::from(carry_f));
            carry_f = (sum >> 64) as u64;
            let sum =
                product(g, before).wrapping_add(u128::from(sum as u64)).wrapping_add(u128::from(carry_g));
            carry_g = (sum >> 64) as u64;
            (*limb, before) = (sum as u64, *digit);
        }
        let last = product(g, before).wrapping_add(u128::from(*above)).wrapping_add(u128::from(carry_g));
        let sum = u128::from(last as u64).wrapping_add(u128::from(carry_f)).wrapping_add(u128::from(carry));
        *above = sum as u64;
        let sum = u128::from(*top).wrapping_add(last >> 64).wrapping_add(sum >> 64);
        (*top, carry) = (sum as u64, (sum >> 64) as u64);
    }
    carry
}
