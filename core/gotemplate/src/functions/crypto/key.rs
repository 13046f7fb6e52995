//! Private keys: RSA, ECDSA on P-256, Ed25519.

use ed25519_dalek::SigningKey;
use p256::ecdsa::signature::Signer as _;
use rand_core::RngCore as _;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{BigUint, RsaPrivateKey};

use super::super::random::Source;
use super::der::{OCTET_STRING, bit_string, from_pem, integer, pem, sequence, wrap};
use super::prime::primes;
use super::signature;

const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_SHA256: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const EC: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const ECDSA_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
const NULL: &[u8] = b"\x05\x00";

/// A private key.
pub(super) enum Key {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::SecretKey),
    Ed25519(Box<SigningKey>),
}

impl Key {
    /// A new RSA key; `bits` is a multiple of 128.
    pub(super) fn rsa(source: &mut Source<'_>, bits: usize) -> Result<Self, String> {
        const EXPONENT: u64 = 65537;
        let (mut p, mut q) = (BigUint::default(), BigUint::default());
        while p == q {
            let found = primes(source, [bits / 128; 2], EXPONENT);
            [p, q] = found.map(|prime| BigUint::from_bytes_le(&prime));
        }
        RsaPrivateKey::from_p_q(p, q, BigUint::from(EXPONENT))
            .map(|key| Self::Rsa(Box::new(key)))
            .map_err(|error| error.to_string())
    }

    /// A new key on P-256.
    pub(super) fn p256(source: &mut Source<'_>) -> Self {
        Self::P256(p256::SecretKey::random(source))
    }

    /// A new Ed25519 key.
    pub(super) fn ed25519(source: &mut Source<'_>) -> Self {
        let mut seed = [0; 32];
        source.fill_bytes(&mut seed);
        Self::Ed25519(Box::new(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key as Sprig does: PKCS#1, SEC 1 or PKCS#8 in PEM.
    pub(super) fn from_pem(text: &str) -> Result<Self, String> {
        let (kind, bytes) = from_pem(text).ok_or("no PEM data in input")?;
        let rsa = |key| Self::Rsa(Box::new(key));
        match kind {
            "PRIVATE KEY" => RsaPrivateKey::from_pkcs8_der(&bytes)
                .map(rsa)
                .ok()
                .or_else(|| p256::SecretKey::from_pkcs8_der(&bytes).map(Self::P256).ok())
                .or_else(|| SigningKey::from_pkcs8_der(&bytes).map(|key| Self::Ed25519(Box::new(key))).ok())
                .ok_or_else(|| {
                    "decoding PEM as PKCS#8: only RSA, P-256 and Ed25519 keys can be read".to_owned()
                }),
            "RSA PRIVATE KEY" => RsaPrivateKey::from_pkcs1_der(&bytes)
                .map(rsa)
                .map_err(|error| format!("parsing RSA private key from PEM: {error}")),
            "EC PRIVATE KEY" => p256::SecretKey::from_sec1_der(&bytes)
                .map(Self::P256)
                .map_err(|_| "parsing EC private key from PEM: only keys on P-256 can be read".to_owned()),
            other => match other.strip_suffix(" PRIVATE KEY") {
                Some(name) => Err(format!("invalid private key type {name}")),
                None => Err(format!("no private key data in PEM block of type {other}")),
            },
        }
    }

    /// The key in the form that Sprig writes it.
    pub(super) fn to_pem(&self) -> Result<String, String> {
        Ok(match self {
            Self::Rsa(key) => {
                let der = key.to_pkcs1_der().map_err(|error| error.to_string())?;
                pem("RSA PRIVATE KEY", der.as_bytes())
            }
            Self::P256(key) => {
                let secret = wrap(OCTET_STRING, &key.to_bytes());
                let public = wrap(0xa1, &bit_string(&self.public_bits()?));
                let der = sequence(&[&integer(&[1]), &secret, &wrap(0xa0, P256), &public]);
                pem("EC PRIVATE KEY", &der)
            }
            Self::Ed25519(key) => {
                let secret = wrap(OCTET_STRING, &wrap(OCTET_STRING, key.as_bytes()));
                pem("PRIVATE KEY", &sequence(&[&integer(&[0]), &sequence(&[ED25519]), &secret]))
            }
        })
    }

    /// The bits of the public key, as a certificate's key identifier is made from.
    pub(super) fn public_bits(&self) -> Result<Vec<u8>, String> {
        Ok(match self {
            Self::Rsa(key) => {
                let public = key.to_public_key().to_pkcs1_der().map_err(|error| error.to_string())?;
                public.as_bytes().to_vec()
            }
            Self::P256(key) => key.public_key().to_sec1_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().as_bytes().to_vec(),
        })
    }

    /// `SubjectPublicKeyInfo`.
    pub(super) fn public_info(&self) -> Result<Vec<u8>, String> {
        let algorithm = match self {
            Self::Rsa(_) => sequence(&[RSA, NULL]),
            Self::P256(_) => sequence(&[EC, P256]),
            Self::Ed25519(_) => sequence(&[ED25519]),
        };
        Ok(sequence(&[&algorithm, &bit_string(&self.public_bits()?)]))
    }

    /// `AlgorithmIdentifier` of the signatures.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => sequence(&[RSA_SHA256, NULL]),
            Self::P256(_) => sequence(&[ECDSA_SHA256]),
            Self::Ed25519(_) => sequence(&[ED25519]),
        }
    }

    /// Signs; the same text gives the same signature.
    pub(super) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Rsa(key) => signature::sign(key, text),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key).sign(text);
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => Ok(key.sign(text).to_bytes().to_vec()),
        }
    }
}
