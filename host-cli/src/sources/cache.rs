//! Fetched archives by their digest, in Helm 4's layout: what one has fetched the other need not fetch.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::files;
use crate::notify::hex;

/// The sha256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn file(root: &Path, digest: &str) -> PathBuf {
    root.join(digest.get(..2).unwrap_or("00")).join(format!("{digest}.chart"))
}

/// Whether a text is the sha256 of something: nothing else becomes part of a path.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The archive of a digest, if it is there and still whole.
pub(crate) fn get(root: &Path, digest: &str) -> Option<(PathBuf, Vec<u8>)> {
    let path = file(root, digest);
    let bytes = fs::read(&path).ok()?;
    (sha256(&bytes) == digest).then_some((path, bytes))
}

/// Keeps an archive under its digest.
pub(crate) fn put(root: &Path, digest: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = file(root, digest);
    files::write(&path, bytes)?;
    Ok(path)
}
