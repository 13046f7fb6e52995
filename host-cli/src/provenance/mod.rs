//! Who signed a chart: provenance files as Helm reads and writes them (Helm `pkg/provenance/sign.go` v4.3).
//!
//! A provenance file is a clear-signed text: the chart's metadata and the sha256 of its archive. Errors have Helm's
//! words where Helm has any.

mod clear;
mod keyring;
mod sign;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use backstay_core::object::Timestamp;
use backstay_core::yaml::from_yaml;
use pgp::armor::Dearmor;
use pgp::packet::{Packet, PacketParser, PublicKey, PublicSubkey, Signature};
use pgp::types::KeyDetails as _;

use crate::sources::sha256;
use keyring::{Entity, Subkey, is_by};

pub(crate) use sign::{Signer, passphrase_of};

/// Why a chart is not signed, or cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProvenanceError {
    #[error("unpacked charts cannot be verified")]
    Folder,
    #[error("chart must be a tgz file")]
    NoArchive,
    #[error("{operation} {path}: {reason}")]
    File { operation: &'static str, path: String, reason: String },
    #[error("could not load provenance file {path}: {reason}")]
    NoProvenance { path: String, reason: Box<Self> },
    #[error("failed to load keyring: {0}")]
    NoKeyring(Box<Self>),
    #[error("reading {kind} {path}: {reason}")]
    Keyring { kind: &'static str, path: String, reason: String },
    #[error("openpgp: invalid data: {0}")]
    Data(String),
    #[error("signature block not found")]
    NoSignature,
    #[error("openpgp: signature made by unknown entity")]
    UnknownSigner,
    #[error("openpgp: invalid signature: {0}")]
    Invalid(String),
    #[error("openpgp: signature made by revoked key")]
    Revoked,
    #[error("openpgp: key expired")]
    KeyExpired,
    #[error("openpgp: signature expired")]
    SignatureExpired,
    #[error("message block must have at least two parts")]
    Parts,
    #[error("error converting YAML to JSON: {0}")]
    Sums(String),
    #[error("provenance does not contain a SHA for a file named {0:?}")]
    NoSum(String),
    #[error("sha256 sum does not match for {name}: {promised:?} != {found:?}")]
    OtherSum { name: String, promised: String, found: String },
    #[error("more than one key contain the id {0:?}")]
    Vague(String),
    #[error("private key not found")]
    NoKey,
    #[error("provided key is not a private key. Try providing a keyring with secret keys")]
    NotPrivate,
    #[error("openpgp: invalid data: private key checksum failure; is the passphrase right?")]
    Passphrase,
    #[error("cannot sign: {0}")]
    Sign(String),
}

impl ProvenanceError {
    /// An error of the system in Go's words.
    fn file(operation: &'static str, path: &Path, error: &std::io::Error) -> Self {
        let operation = match error.kind() {
            std::io::ErrorKind::IsADirectory => "read",
            _ => operation,
        };
        let reason = match error.kind() {
            std::io::ErrorKind::IsADirectory => "is a directory".to_owned(),
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        Self::File { operation, path: path.display().to_string(), reason }
    }
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The signer's names.
    names: Vec<String>,
    /// Of the signer's primary key.
    fingerprint: String,
    /// `sha256:…` of the archive.
    hash: String,
}

impl fmt::Display for Verified {
    /// What `helm verify` and `helm pull --verify` print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.names {
            writeln!(f, "Signed by: {name}")?;
        }
        writeln!(f, "Using Key With Fingerprint: {}", self.fingerprint)?;
        writeln!(f, "Chart Hash Verified: {}", self.hash)
    }
}

/// The keys to check by: those of the flag, or GnuPG's (Helm `defaultKeyring`).
pub(crate) fn keyring_or_default(given: Option<&Path>) -> PathBuf {
    if let Some(path) = given {
        return path.to_owned();
    }
    let home = std::env::var_os("GNUPGHOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| std::env::home_dir().unwrap_or_default().join(".gnupg"));
    let (old, new) = (home.join("pubring.gpg"), home.join("pubring.kbx"));
    let there = |path: &Path| {
        !std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    if !there(&old) && there(&new) { new } else { old }
}

/// Checks an archive on this machine by the provenance file beside it.
pub(crate) fn verify_file(
    archive: &Path,
    keyring: Option<&Path>,
    now: Timestamp,
) -> Result<Verified, ProvenanceError> {
    let metadata =
        std::fs::metadata(archive).map_err(|error| ProvenanceError::file("stat", archive, &error))?;
    if metadata.is_dir() {
        return Err(ProvenanceError::Folder);
    }
    if !archive.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tgz")) {
        return Err(ProvenanceError::NoArchive);
    }
    let mut beside = archive.as_os_str().to_owned();
    beside.push(".prov");
    let beside = PathBuf::from(beside);
    if let Err(error) = std::fs::metadata(&beside) {
        let reason = Box::new(ProvenanceError::file("stat", &beside, &error));
        return Err(ProvenanceError::NoProvenance { path: beside.display().to_string(), reason });
    }
    let read = |path: &Path| std::fs::read(path).map_err(|error| ProvenanceError::file("open", path, &error));
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let signed = Signed { archive: &read(archive)?, provenance: &read(&beside)?, name: &name };
    signed.verify(keyring, now)
}

/// An archive with its provenance file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) archive: &'a [u8],
    pub(crate) provenance: &'a [u8],
    /// The archive's name, `web-1.2.3.tgz`: the provenance file speaks of it.
    pub(crate) name: &'a str,
}

impl Signed<'_> {
    /// Checks the signature, and that it is of this archive.
    pub(crate) fn verify(self, keyring: Option<&Path>, now: Timestamp) -> Result<Verified, ProvenanceError> {
        let ring = keyring::load(&keyring_or_default(keyring))
            .map_err(|error| ProvenanceError::NoKeyring(Box::new(error)))?;
        let file = String::from_utf8_lossy(self.provenance);
        let clear = clear::split(&file).ok_or(ProvenanceError::NoSignature)?;
        let signer = signer(&ring.entities, &clear, now)?;
        let found = format!("sha256:{}", sha256(self.archive));
        let promised = sums(&clear.text)?;
        match promised.get(self.name) {
            None => return Err(ProvenanceError::NoSum(self.name.to_owned())),
            Some(promised) if *promised != found => {
                let (name, promised) = (self.name.to_owned(), promised.clone());
                return Err(ProvenanceError::OtherSum { name, promised, found });
            }
            Some(_) => {}
        }
        Ok(Verified {
            names: signer.users.iter().map(|user| user.name.clone()).collect(),
            fingerprint: format!("{:X}", signer.primary.fingerprint()),
            hash: found,
        })
    }
}

/// The sums of files that a signed text gives.
fn sums(text: &str) -> Result<BTreeMap<String, String>, ProvenanceError> {
    let part = text.split("\n...\n").nth(1).ok_or(ProvenanceError::Parts)?;
    let document = from_yaml(part).map_err(|error| ProvenanceError::Sums(error.to_string()))?;
    let files = document.get("files").and_then(serde_json::Value::as_object);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Ok(files.into_iter().flatten().map(|(name, sum)| (name.clone(), text(sum))).collect())
}

/// A key that may sign, and the signature that says so.
enum Key<'a> {
    Primary(&'a PublicKey),
    Further(&'a PublicSubkey, &'a Subkey),
}

/// Keys of a file that a signature can be of.
fn keys_of<'a>(entities: &'a [Entity], signature: &Signature) -> Vec<(&'a Entity, Key<'a>)> {
    let mut keys = Vec::new();
    for entity in entities {
        let may_sign = entity.main_user().is_some_and(|user| user.own.key_flags().sign());
        if may_sign && is_by(signature, &entity.primary) {
            keys.push((entity, Key::Primary(&entity.primary)));
        }
        for subkey in &entity.subkeys {
            if subkey.binding.key_flags().sign() && is_by(signature, &subkey.key) {
                keys.push((entity, Key::Further(&subkey.key, subkey)));
            }
        }
    }
    keys
}

/// Who signed a text.
fn signer<'a>(
    entities: &'a [Entity],
    clear: &clear::Clear,
    now: Timestamp,
) -> Result<&'a Entity, ProvenanceError> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut Dearmor::new(clear.signature.as_bytes()), &mut bytes)
        .map_err(|_| ProvenanceError::NoSignature)?;
    for packet in PacketParser::new(bytes.as_slice()) {
        let packet = packet.map_err(|error| ProvenanceError::Data(error.to_string()))?;
        let Packet::Signature(signature) = packet else {
            return Err(ProvenanceError::Data("non signature packet found".to_owned()));
        };
        if signature.issuer_key_id().is_empty() && signature.issuer_fingerprint().is_empty() {
            return Err(ProvenanceError::Data("signature doesn't have an issuer".to_owned()));
        }
        // The first signature by anybody who is known is the one that counts.
        let keys = keys_of(entities, &signature);
        let mut failure = None;
        for (entity, key) in keys {
            let outcome = match key {
                Key::Primary(key) => signature.verify(key, clear.signed.as_slice()),
                Key::Further(key, _) => signature.verify(key, clear.signed.as_slice()),
            };
            match outcome {
                Ok(()) => return fresh(entity, &key, &signature, now).map(|()| entity),
                Err(error) => failure = Some(invalid(&signature, &error)),
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Err(ProvenanceError::UnknownSigner)
}

/// Helm's words for a signature that does not hold.
fn invalid(signature: &Signature, error: &pgp::errors::Error) -> ProvenanceError {
    use pgp::crypto::public_key::PublicKeyAlgorithm as Algorithm;
    let algorithm = match signature.config().map(|config| config.pub_alg) {
        Some(Algorithm::RSA | Algorithm::RSASign) => "RSA",
        Some(Algorithm::ECDSA) => "ECDSA",
        Some(Algorithm::EdDSALegacy) => "EdDSA",
        Some(Algorithm::Ed25519) => "Ed25519",
        Some(Algorithm::Ed448) => "Ed448",
        Some(Algorithm::DSA) => "DSA",
        _ => return ProvenanceError::Invalid(error.to_string()),
    };
    ProvenanceError::Invalid(format!("{algorithm} verification failure"))
}

/// Whether keys and signatures still count (go-crypto `checkMessageSignatureDetails`, in its order).
fn fresh(
    entity: &Entity,
    key: &Key<'_>,
    signature: &Signature,
    now: Timestamp,
) -> Result<(), ProvenanceError> {
    let now = now.0 / 1000;
    let user = entity.main_user().ok_or(ProvenanceError::UnknownSigner)?;
    let subkey = match key {
        Key::Primary(_) => None,
        Key::Further(_, subkey) => Some(*subkey),
    };
    let mut matter = vec![signature, &user.own];
    if let Some(subkey) = subkey {
        matter.push(&subkey.binding);
        matter.extend(subkey.binding.embedded_signature());
    }
    if let Some(name) = matter.iter().find_map(|signature| critical_notation(signature)) {
        return Err(ProvenanceError::Invalid(format!("unknown critical notation: {name}")));
    }
    let revocations = entity.revocations.iter().chain(&user.revocations);
    let mut revocations = revocations.chain(subkey.into_iter().flat_map(|subkey| &subkey.revocations));
    if revocations.any(|revocation| !is_over(revocation, now) || is_compromised(revocation)) {
        return Err(ProvenanceError::Revoked);
    }
    let created = u64::from(entity.primary.created_at().as_secs());
    if key_is_over(created, &user.own, now) {
        return Err(ProvenanceError::KeyExpired);
    }
    if let Some(subkey) = subkey
        && key_is_over(u64::from(subkey.key.created_at().as_secs()), &subkey.binding, now)
    {
        return Err(ProvenanceError::KeyExpired);
    }
    if matter.iter().any(|signature| is_over(signature, now)) {
        return Err(ProvenanceError::SignatureExpired);
    }
    Ok(())
}

/// What in a signature must be understood and is not: no notation is known here.
fn critical_notation(signature: &Signature) -> Option<String> {
    let packets = &signature.config()?.hashed_subpackets;
    packets.iter().filter(|packet| packet.is_critical).find_map(|packet| match &packet.data {
        pgp::packet::SubpacketData::Notation(notation) => {
            Some(String::from_utf8_lossy(&notation.name).into_owned())
        }
        _ => None,
    })
}

fn is_compromised(revocation: &Signature) -> bool {
    matches!(revocation.revocation_reason_code(), Some(pgp::packet::RevocationCode::KeyCompromised))
}

/// Whether a signature counts no more, or not yet. Seconds since 1970.
fn is_over(signature: &Signature, now: u64) -> bool {
    let created = signature.created().map_or(0, |time| u64::from(time.as_secs()));
    let life = signature.signature_expiration_time().map_or(0, |life| u64::from(life.as_secs()));
    created > now || (life > 0 && now > created + life)
}

/// Whether a key counts no more, or not yet, by the signature that says for how long.
fn key_is_over(created: u64, own: &Signature, now: u64) -> bool {
    let life = own.key_expiration_time().map_or(0, |life| u64::from(life.as_secs()));
    created > now || (life > 0 && now > created + life)
}
