//! Passwords and AES (Sprig v3.3.0 `crypto.go`).

use aes::Aes256;
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _, block_padding};
use blowfish::Blowfish;
use hmac::{Hmac, Mac as _};
use rand_core::RngCore as _;
use sha2::Sha256;

use super::super::encoding::{base64_decode, base64_encode};
use super::super::random::Source;

/// bcrypt's own alphabet for Base64.
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// `bcrypt.DefaultCost`.
const COST: u32 = 10;
/// "OrpheanBeholderScryDoubt".
const PLAIN: [u32; 6] = [0x4f72_7068, 0x6561_6e42, 0x6568_6f6c, 0x6465_7253, 0x6372_7944, 0x6f75_6274];

/// The salt of a user's password in a rendering. It is published, so it must say nothing of the seed.
pub(super) fn salt_of(seed: &[u8; 32], user: &str, password: &str) -> [u8; 16] {
    let mut salt = [0; 16];
    if let Ok(mut code) = Hmac::<Sha256>::new_from_slice(seed) {
        // No user has a colon.
        for part in [user, ":", password] {
            code.update(part.as_bytes());
        }
        salt.iter_mut().zip(code.finalize().into_bytes()).for_each(|(place, byte)| *place = byte);
    }
    salt
}

/// A bcrypt hash.
pub(super) fn bcrypt(salt: &[u8; 16], password: &str) -> String {
    if password.len() > 72 {
        let error = "bcrypt: password length exceeds 72 bytes";
        return format!("failed to encrypt string with bcrypt: {error}");
    }
    let key = [password.as_bytes(), &[0]].concat();
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u32 << COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut words = PLAIN;
    for pair in words.chunks_exact_mut(2) {
        if let [left, right] = pair {
            for _ in 0..64 {
                [*left, *right] = state.bc_encrypt([*left, *right]);
            }
        }
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).take(23).collect();
    format!("$2a${COST}${}{}", bcrypt_base64(salt), bcrypt_base64(&bytes))
}

fn bcrypt_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let number = (at(0) << 16) | (at(1) << 8) | at(2);
        for digit in 0..=group.len() {
            let index = (number >> (18 - 6 * digit)) & 63;
            out.push(char::from(ALPHABET.get(index as usize).copied().unwrap_or(b'.')));
        }
    }
    out
}

/// The key that Sprig makes of a password: cut or filled with zeros.
fn aes_key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(password.bytes()) {
        *place = byte;
    }
    key
}

/// AES-256-CBC with a new vector in front, in Base64.
pub(super) fn encrypt(source: &mut Source<'_>, password: &str, plain: &str) -> String {
    if plain.is_empty() {
        return String::new();
    }
    let mut vector = [0; 16];
    source.fill_bytes(&mut vector);
    let cipher = cbc::Encryptor::<Aes256>::new(&aes_key(password).into(), &vector.into());
    let encrypted = cipher.encrypt_padded_vec_mut::<block_padding::Pkcs7>(plain.as_bytes());
    base64_encode(&[&vector[..], &encrypted].concat())
}

/// The reverse; with a wrong password garbage or an error, as in Sprig.
pub(super) fn decrypt(password: &str, encrypted: &str) -> Result<Vec<u8>, String> {
    if encrypted.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = base64_decode(encrypted)?;
    let Some((vector, body)) = bytes.split_first_chunk::<16>() else {
        let length = bytes.len();
        return Err(format!("runtime error: slice bounds out of range [:16] with capacity {length}"));
    };
    let cipher = cbc::Decryptor::<Aes256>::new(&aes_key(password).into(), &(*vector).into());
    if body.len() % 16 != 0 {
        return Err("crypto/cipher: input not full blocks".to_owned());
    }
    let mut plain =
        cipher.decrypt_padded_vec_mut::<block_padding::NoPadding>(body).map_err(|error| error.to_string())?;
    // Sprig takes off as many bytes as the last one says and does not look at them.
    let padding = plain.last().copied().map_or(0, usize::from);
    let Some(length) = plain.len().checked_sub(padding).filter(|_| !plain.is_empty()) else {
        return Err(match plain.len() {
            0 => "runtime error: index out of range [-1]".to_owned(),
            length => {
                let short =
                    i64::try_from(length).unwrap_or_default() - i64::try_from(padding).unwrap_or_default();
                format!("runtime error: slice bounds out of range [:{short}]")
            }
        });
    };
    plain.truncate(length);
    Ok(plain)
}

/// The shapes of Master Password v1: which group of characters stands where.
const SHAPES: &[(&str, &str)] = &[
    ("maximum", "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno"),
    (
        "long",
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno \
         CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno \
         CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno \
         CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno",
    ),
    ("medium", "CvcnoCvc CvcCvcno"),
    ("short", "Cvcn"),
    ("basic", "aaanaaan aannaaan aaannaaa"),
    ("pin", "nnnn"),
];

fn characters(group: u8) -> &'static [u8] {
    match group {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The Master Password algorithm (scrypt, then HMAC-SHA-256).
pub(super) fn derive(counter: u32, kind: &str, password: &str, user: &str, site: &str) -> String {
    let Some((_, shapes)) = SHAPES.iter().find(|(name, _)| *name == kind) else {
        return format!("cannot find password template {kind}");
    };
    let scope = b"com.lyndir.masterpassword";
    let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    let salt = [&scope[..], &length(user), user.as_bytes()].concat();
    let mut key = [0; 64];
    let failed = |error: String| format!("failed to derive password: {error}");
    let parameters = match scrypt::Params::new(15, 8, 2, 64) {
        Ok(parameters) => parameters,
        Err(error) => return failed(error.to_string()),
    };
    if let Err(error) = scrypt::scrypt(password.as_bytes(), &salt, &parameters, &mut key) {
        return failed(error.to_string());
    }
    let mut mac = match Hmac::<Sha256>::new_from_slice(&key) {
        Ok(mac) => mac,
        Err(error) => return failed(error.to_string()),
    };
    mac.update(&[&scope[..], &length(site), site.as_bytes(), &counter.to_be_bytes()].concat());
    let seed = mac.finalize().into_bytes();
    let pick = |of: usize, index: usize| seed.get(index).map_or(0, |byte| usize::from(*byte)) % of.max(1);
    let shapes: Vec<&str> = shapes.split(' ').collect();
    let shape = shapes.get(pick(shapes.len(), 0)).copied().unwrap_or_default();
    let character = |(index, group): (usize, u8)| {
        let of = characters(group);
        char::from(of.get(pick(of.len(), index + 1)).copied().unwrap_or(b'?'))
    };
    shape.bytes().enumerate().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::bcrypt;

    /// Known answers of other implementations of bcrypt.
    #[test]
    fn known_hashes() {
        let salt = *b"\x65\xc9\x65\x4b\x13\xe3\xc7\x14\xef\xec\x85\x20\x1e\x6d\xf3\x1e";
        let hash = bcrypt(&salt, "allmine");
        assert_eq!(hash, "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga");
    }
}
