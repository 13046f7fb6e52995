//! A record as text: base64 of gzip of JSON (`pkg/storage/driver/util.go` of Helm v4.3).

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::release::Release;

/// The largest record that is unpacked. A Secret holds 1 MiB, so only a made-up one gets near this.
const MAX_JSON_BYTES: usize = 128 << 20;
/// Go's `gzip.BestCompression`.
const LEVEL: u8 = 9;
/// Deflate, no flags, no time, best compression, unknown system: what Go's writer puts first.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 2, 255];

/// A record's text cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The outer layer is broken.
    #[error("not base64: {0}")]
    Base64(base64::DecodeError),
    /// The middle layer is broken.
    #[error("not gzip: {0}")]
    Gzip(&'static str),
    /// The inner layer is broken or has another shape.
    #[error("not a release record: {0}")]
    Json(serde_json::Error),
}

/// A record's text from the release.
///
/// # Errors
/// Never for a release that was read or built through this crate.
pub fn encode(release: &Release) -> Result<String, CodecError> {
    let json = serde_json::to_vec(release).map_err(CodecError::Json)?;
    Ok(STANDARD.encode(gzip(&json)))
}

/// The release from a record's text. Very old records are not compressed.
///
/// # Errors
/// When a layer is broken.
pub fn decode(text: &[u8]) -> Result<Release, CodecError> {
    let bytes = STANDARD.decode(text).map_err(CodecError::Base64)?;
    let json = if bytes.starts_with(&[0x1f, 0x8b, 0x08]) { gunzip(&bytes)? } else { bytes };
    serde_json::from_slice(&json).map_err(CodecError::Json)
}

/// A text, packed as records are.
pub(crate) fn pack(text: &str) -> String {
    STANDARD.encode(gzip(text.as_bytes()))
}

/// The text behind [`pack`]; `None` when a layer is broken.
pub(crate) fn unpack(packed: &[u8]) -> Option<String> {
    String::from_utf8(gunzip(&STANDARD.decode(packed).ok()?).ok()?).ok()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GZIP_HEADER.to_vec();
    packed.extend(compress_to_vec(bytes, LEVEL));
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend(length_mod_32(bytes).to_le_bytes());
    packed
}

fn gunzip(packed: &[u8]) -> Result<Vec<u8>, CodecError> {
    let body = skip_header(packed).ok_or(CodecError::Gzip("the header is cut off"))?;
    let split = body.len().checked_sub(8).and_then(|at| body.split_at_checked(at));
    let (body, trailer) = split.ok_or(CodecError::Gzip("the end is cut off"))?;
    let bytes = decompress_to_vec_with_limit(body, MAX_JSON_BYTES)
        .map_err(|_| CodecError::Gzip("the data is damaged or too large"))?;
    let sum = crc32(&bytes).to_le_bytes().into_iter().chain(length_mod_32(&bytes).to_le_bytes());
    if !sum.eq(trailer.iter().copied()) {
        return Err(CodecError::Gzip("the checksum does not match"));
    }
    Ok(bytes)
}

/// What follows the header (RFC 1952), with its optional extra field, name, comment and checksum.
fn skip_header(packed: &[u8]) -> Option<&[u8]> {
    let flags = *packed.get(3)?;
    let mut rest = packed.get(GZIP_HEADER.len()..)?;
    if flags & 0x04 != 0 {
        let (&[low, high], tail) = rest.split_first_chunk::<2>()?;
        rest = tail.get(usize::from(u16::from_le_bytes([low, high]))..)?;
    }
    for _ in 0..(flags >> 3 & 1) + (flags >> 4 & 1) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest = rest.get(end + 1..)?;
    }
    if flags & 0x02 != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

#[allow(clippy::cast_possible_truncation, reason = "RFC 1952 wants the length modulo 2^32")]
const fn length_mod_32(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

/// CRC-32 (IEEE), half a byte at a time.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = [
        0x0000_0000,
        0x1db7_1064,
        0x3b6e_20c8,
        0x26d9_30ac,
        0x76dc_4190,
        0x6b6b_51f4,
        0x4db2_6158,
        0x5005_713c,
        0xedb8_8320,
        0xf00f_9344,
        0xd6d6_a3e8,
        0xcb61_b38c,
        0x9b64_c2b0,
        0x86d3_d2d4,
        0xa00a_e278,
        0xbdbd_f21c,
    ];
    let step = |sum: u32, half: u32| {
        let entry = usize::try_from((sum ^ half) & 15).ok().and_then(|at| TABLE.get(at));
        entry.copied().unwrap_or_default() ^ (sum >> 4)
    };
    !bytes.iter().fold(!0, |sum, byte| step(step(sum, u32::from(*byte)), u32::from(*byte >> 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn gzip_of_other_writers() {
        // Made with Python: gzip.GzipFile(filename="x.json", mtime=1) has a name field; the second has an uncompressed block.
        for (hex, want) in [
            (
                "1f8b08080100000002ff782e6a736f6e00cb48cdc9c95728cf2fca49e102002d3b08af0c000000",
                "hello world\n",
            ),
            ("1f8b08000000000002ff010500faff68656c6c6f86a6103605000000", "hello"),
        ] {
            let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
            let packed: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
            assert_eq!(gunzip(&packed).unwrap(), want.as_bytes());
        }
    }

    #[test]
    fn damage_is_found() {
        let packed = gzip(b"a record, a record, a record");
        assert_eq!(gunzip(&packed).unwrap(), b"a record, a record, a record");
        for at in [10, packed.len() - 6, packed.len() - 1] {
            let mut damaged = packed.clone();
            damaged[at] ^= 1;
            assert!(gunzip(&damaged).is_err(), "byte {at}");
        }
        for length in 0..packed.len() {
            assert!(gunzip(&packed[..length]).is_err(), "cut at {length}");
        }
    }
}
