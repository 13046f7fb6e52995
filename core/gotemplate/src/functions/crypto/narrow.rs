//! Limbs of 28 bits, for half an RSA key where no instruction makes a product of 128 bits, as in a module: they take half
//! the time of limbs with 64 bits. All products of a column, at most 152 of 56 bits each, add up in 64 bits.

use super::residues::{Limb, Number, Products, Residues};

/// Numbers modulo an odd one of 1024 bits (38 limbs) or 2048 bits (76): even numbers, because limbs are multiplied two at a
/// time.
pub(super) type Narrow<const LIMBS: usize> = Residues<u32, LIMBS>;

impl Limb for u32 {
    const BITS: usize = 28;

    fn of(value: u64) -> Self {
        value as Self
    }

    fn value(self) -> u64 {
        u64::from(self)
    }
}

const MASK: u64 = <u32 as Limb>::MASK;
const BITS: usize = <u32 as Limb>::BITS;

impl<const LIMBS: usize> Products<u32, LIMBS> for Narrow<LIMBS> {
    fn squared(&self, number: &Number<u32, LIMBS>) -> Number<u32, LIMBS> {
        let mut product = [[0_u64; LIMBS]; 2];
        for (at, pair) in number.chunks_exact(2).enumerate() {
            let (f, g) = (u64::from(pair[0]), u64::from(pair[1]));
            let row = &mut product.as_flattened_mut()[4 * at..];
            row[0] = row[0].wrapping_add(f.wrapping_mul(f));
            row[1] = row[1].wrapping_add((f << 1).wrapping_mul(g));
            row[2] = row[2].wrapping_add(g.wrapping_mul(g));
            // Every product of two different limbs is there twice.
            add_two(&mut row[2..], f << 1, g << 1, 0, &number[2 * at + 2..]);
        }
        self.reduce(product.as_flattened_mut())
    }

    fn product(&self, number: &Number<u32, LIMBS>, other: &Number<u32, LIMBS>) -> Number<u32, LIMBS> {
        let mut product = [[0_u64; LIMBS]; 2];
        for (at, pair) in number.chunks_exact(2).enumerate() {
            let row = &mut product.as_flattened_mut()[2 * at..];
            add_two(row, u64::from(pair[0]), u64::from(pair[1]), 0, other);
        }
        self.reduce(product.as_flattened_mut())
    }
}

impl<const LIMBS: usize> Narrow<LIMBS> {
    /// Montgomery's reduction: the lower half becomes zero by multiples of the modulus, the upper half is the result.
    fn reduce(&self, product: &mut [u64]) -> Number<u32, LIMBS> {
        let (lowest, next) = (u64::from(self.modulus[0]), u64::from(self.modulus[1]));
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

#[cfg(test)]
mod tests {
    use super::super::residues::tests::agree;

    #[test]
    fn narrow_limbs_agree_with_the_plain_arithmetic() {
        agree::<u32, 38>(16, 105);
        agree::<u32, 76>(32, 1_942_289);
    }
}
