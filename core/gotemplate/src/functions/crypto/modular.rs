//! The test of Miller and Rabin over any arithmetic modulo an odd number with its highest bit set.

/// Bits of an exponent that are dealt with by one multiplication.
const WINDOW: usize = 4;

/// Arithmetic modulo an odd number. Numbers are in Montgomery's form.
pub(super) trait Modular {
    type Number: Clone;

    /// One.
    fn one(&self) -> Self::Number;
    /// Some number for any limbs, as many as the modulus has.
    fn any(&self, limbs: &[u64]) -> Self::Number;
    /// `number * number`.
    fn square(&mut self, number: &mut Self::Number);
    /// `number * other`.
    fn multiply(&mut self, number: &mut Self::Number, other: &Self::Number);
    /// `number + number`.
    fn double(&self, number: &mut Self::Number);
    /// Montgomery's factor is two to this.
    fn bits(&self) -> usize;
    /// The limbs of a number without Montgomery's factor, below the modulus.
    fn plain(&mut self, number: Self::Number) -> Vec<u64>;
    /// Whether the number is one, or minus one.
    fn is_one(&self, number: &Self::Number, negative: bool) -> bool;

    /// One round of Miller and Rabin for the modulus, to a base or to 2.
    fn passes(&mut self, modulus: &[u64], base: Option<&[u64]>) -> bool {
        // modulus - 1 = odd * 2^twos; the modulus is odd, so that only its lowest bit goes.
        let even = |index: usize| modulus.get(index).map_or(0, |limb| limb & !u64::from(index == 0));
        let bit = |at: usize| even(at / 64) >> (at % 64) & 1 == 1;
        let bits = modulus.len() * 64;
        let twos = (1..bits).find(|at| bit(*at)).unwrap_or(bits);
        let mut power = match base {
            None => self.power_of_two(twos, bits, &bit),
            Some(base) => {
                let base = self.any(base);
                self.power(&base, twos, bits, &bit)
            }
        };
        if self.is_one(&power, false) || self.is_one(&power, true) {
            return true;
        }
        for _ in 1..twos {
            self.square(&mut power);
            if self.is_one(&power, true) {
                return true;
            }
        }
        false
    }

    /// 2 to the bits from `low` on: a squaring each, and a doubling for every one that is set.
    fn power_of_two(&mut self, low: usize, high: usize, bit: &dyn Fn(usize) -> bool) -> Self::Number {
        let mut power = self.one();
        for at in (low..high).rev() {
            self.square(&mut power);
            if bit(at) {
                self.double(&mut power);
            }
        }
        power
    }

    /// A base to the bits from `low` on, some of them at once.
    fn power(
        &mut self,
        base: &Self::Number,
        low: usize,
        high: usize,
        bit: &dyn Fn(usize) -> bool,
    ) -> Self::Number {
        let mut powers = vec![self.one()];
        while let (Some(last), true) = (powers.last(), powers.len() < 1 << WINDOW) {
            let mut next = last.clone();
            self.multiply(&mut next, base);
            powers.push(next);
        }
        let mut power = self.one();
        let mut at = high;
        while at > low {
            let width = WINDOW.min(at - low);
            let mut digit = 0;
            for _ in 0..width {
                at -= 1;
                self.square(&mut power);
                digit = digit << 1 | usize::from(bit(at));
            }
            if let (1.., Some(factor)) = (digit, powers.get(digit)) {
                self.multiply(&mut power, factor);
            }
        }
        power
    }
}

/// The inverse of an odd number modulo `2^64`.
pub(super) fn inverse(odd: u64) -> u64 {
    // Newton: each step doubles the number of right bits.
    (0..6).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))))
}
