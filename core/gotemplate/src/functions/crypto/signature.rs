//! RSA signatures with the arithmetic of the primes, which takes less than half the time that the one of `rsa` takes.

use rsa::sha2::{Digest as _, Sha256};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey};

use super::field::Field;
use super::modular::Modular;
use super::narrow::Narrow;
use super::wide::Wide;

/// Signs by PKCS#1 v1.5 with SHA-256. A key of an odd make, or one that is none, is left to `rsa`.
pub(super) fn sign(key: &RsaPrivateKey, text: &[u8]) -> Result<Vec<u8>, String> {
    let hash = Sha256::digest(text);
    let padding = Pkcs1v15Sign::new::<Sha256>();
    padded(&padding.prefix, &hash, key.size())
        .and_then(|message| root(key, &message))
        .map_or_else(|| key.sign(padding, &hash).map_err(|error| error.to_string()), Ok)
}

/// The message that is signed (RFC 8017, section 9.2), if the key is large enough.
fn padded(prefix: &[u8], hash: &[u8], size: usize) -> Option<BigUint> {
    let filling = size.checked_sub(prefix.len() + hash.len() + 3).filter(|filling| *filling >= 8)?;
    let bytes = [&[0, 1], vec![0xff; filling].as_slice(), &[0], prefix, hash].concat();
    Some(BigUint::from_bytes_be(&bytes))
}

/// What gives the message when it is raised to the public exponent: by either prime, then put together.
fn root(key: &RsaPrivateKey, message: &BigUint) -> Option<Vec<u8>> {
    let [p, q] = key.primes() else { return None };
    // A thread for one of them would cost as much as it saves, and far more on busy processors.
    let of_p = Half::new(p, key.dp()?)?.root(message, key.e())?;
    let of_q = Half::new(q, key.dq()?)?.root(message, key.e())?;
    let inverse = key.qinv()?.to_biguint()?;
    // Both are below their primes: nothing becomes negative.
    let apart = (&of_p + p - &of_q % p) % p;
    let root = apart * inverse % p * q + &of_q;
    // Each half was checked, which leaves how they are put together.
    let right = &root % p == of_p && &root % q == of_q && root < *key.n();
    let mut bytes = root.to_bytes_le();
    bytes.resize(key.size(), 0);
    bytes.reverse();
    right.then_some(bytes)
}

/// A prime, and the private exponent modulo one less.
struct Half<'a> {
    prime: &'a BigUint,
    limbs: Vec<u64>,
    exponent: Vec<u64>,
}

impl<'a> Half<'a> {
    /// For primes that fill their limbs.
    fn new(prime: &'a BigUint, exponent: &BigUint) -> Option<Self> {
        let size = prime.bits().div_ceil(64);
        let limbs = limbs(prime, size);
        let fits = limbs.last()? >> 63 == 1 && limbs.first()? % 2 == 1;
        fits.then(|| Self { prime, exponent: self::limbs(exponent, size), limbs })
    }

    fn root(&self, message: &BigUint, public: &BigUint) -> Option<BigUint> {
        match (self.limbs.len(), cfg!(target_family = "wasm")) {
            (16, true) => self.root_in(Narrow::<38>::new(&self.limbs), message, public),
            (32, true) => self.root_in(Narrow::<76>::new(&self.limbs), message, public),
            (16, false) => self.root_in(Wide::new(&self.limbs), message, public),
            _ => self.root_in(Field::new(&self.limbs), message, public),
        }
    }

    /// The root modulo the prime, which is compared with the message when it is found: half a signature that is wrong would
    /// give the key away.
    fn root_in(&self, mut field: impl Modular, message: &BigUint, public: &BigUint) -> Option<BigUint> {
        let message = message % self.prime;
        let base = limbs(&((&message << field.bits()) % self.prime), self.limbs.len());
        let base = field.any(&base);
        let root = power(&mut field, &base, &self.exponent);
        let back = power(&mut field, &root, &limbs(public, 1));
        let [root, back] = [root, back].map(|number| {
            let bytes: Vec<u8> = field.plain(number).into_iter().flat_map(u64::to_le_bytes).collect();
            BigUint::from_bytes_le(&bytes)
        });
        (back == message).then_some(root)
    }
}

fn power<M: Modular>(field: &mut M, base: &M::Number, exponent: &[u64]) -> M::Number {
    let bit = |at: usize| exponent.get(at / 64).is_some_and(|limb| limb >> (at % 64) & 1 == 1);
    let bits = (0..64 * exponent.len()).rev().find(|at| bit(*at)).map_or(0, |highest| highest + 1);
    field.power(base, 0, bits, &bit)
}

/// So many of them, and more where the number has more.
fn limbs(number: &BigUint, least: usize) -> Vec<u64> {
    let limb = |bytes: &[u8]| bytes.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    let mut limbs: Vec<u64> = number.to_bytes_le().chunks(8).map(limb).collect();
    limbs.resize(least.max(limbs.len()), 0);
    limbs
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Source;
    use super::super::super::testing::Bench;
    use super::super::key::Key;
    use super::super::prime::primes;
    use super::*;
    use crate::function::Runtime as _;

    fn plainly(key: &RsaPrivateKey, text: &[u8]) -> Result<Vec<u8>, String> {
        key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text)).map_err(|error| error.to_string())
    }

    /// Signed here, not by `rsa`.
    fn own(key: &RsaPrivateKey, text: &[u8]) -> Option<Vec<u8>> {
        let message = padded(&Pkcs1v15Sign::new::<Sha256>().prefix, &Sha256::digest(text), key.size());
        root(key, &message?)
    }

    fn key(source: &mut Source<'_>, limbs: [usize; 2], exponent: u64) -> RsaPrivateKey {
        let [p, q] = primes(source, limbs, exponent).map(|prime| BigUint::from_bytes_le(&prime));
        RsaPrivateKey::from_p_q(p, q, BigUint::from(exponent)).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_plain_arithmetic() {
        let mut bench = Bench::new();
        let mut source = Source(&mut bench);
        // The sizes of the primes in limbs; `rsa` itself does not end where the first is much smaller. Those of keys with 4096 bits take too long unoptimized.
        let sizes = [[8, 8], [8, 4], [16, 16], [16, 12], [24, 24], [32, 32]];
        for size in sizes.into_iter().take(if cfg!(debug_assertions) { 3 } else { 6 }) {
            for exponent in [65537, 3] {
                let key = key(&mut source, size, exponent);
                for text in ["", "a text", "another"] {
                    let expected = plainly(&key, text.as_bytes());
                    assert_eq!(own(&key, text.as_bytes()), expected.clone().ok(), "{size:?} {text}");
                    assert_eq!(sign(&key, text.as_bytes()), expected);
                    let pem = Key::Rsa(Box::new(key.clone())).to_pem().unwrap();
                    let read = Key::from_pem(&pem).unwrap();
                    assert_eq!(read.sign(text.as_bytes()), expected);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_plain_arithmetic() {
        let mut bench = Bench::new();
        let mut source = Source(&mut bench);
        let mut primes = primes(&mut source, [5; 3], 65537).map(|prime| BigUint::from_bytes_le(&prime));
        let three = RsaPrivateKey::from_primes(primes.to_vec(), BigUint::from(65537_u64)).unwrap();
        // A prime with a bit less than its limbs have.
        primes[0] = loop {
            let limbs: Vec<u8> = (0..5).flat_map(|_| bench.random().to_le_bytes()).collect();
            let number = (BigUint::from_bytes_le(&limbs) >> 3_usize << 1_usize) + 1_u64;
            let minus: BigUint = &number - 1_u64;
            if BigUint::from(2_u64).modpow(&minus, &number) == BigUint::from(1_u64) {
                break number;
            }
        };
        let odd = RsaPrivateKey::from_p_q(primes[0].clone(), primes[1].clone(), BigUint::from(65537_u64));
        let small = key(&mut Source(&mut bench), [3, 3], 65537);
        for key in [three, odd.unwrap(), small] {
            assert_eq!(own(&key, b"a text"), None);
            assert_eq!(sign(&key, b"a text"), plainly(&key, b"a text"));
        }
    }

    #[test]
    fn a_wrong_half_is_not_handed_out() {
        let mut bench = Bench::new();
        let key = key(&mut Source(&mut bench), [8, 8], 65537);
        let message = BigUint::from(1234_u64);
        let right = Half::new(&key.primes()[0], key.dp().unwrap()).unwrap();
        assert!(right.root(&message, key.e()).is_some());
        let wrong = Half::new(&key.primes()[0], key.dq().unwrap()).unwrap();
        assert!(wrong.root(&message, key.e()).is_none());
    }
}
