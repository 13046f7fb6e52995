//! Files of OpenPGP keys: what `gpg --export` writes, armored or not, and GnuPG's keybox.
//!
//! Which keys of a file count, and which are passed over, is what Helm's library does (go-crypto `openpgp/keys.go`
//! 1.4): a key counts when its own signatures hold; one that is broken or of an unknown kind does not spoil the others.

use std::iter::Peekable;
use std::path::Path;
use std::vec::IntoIter;

use pgp::armor::Dearmor;
use pgp::packet::{
    Packet, PacketParser, PublicKey, PublicSubkey, SecretKey, Signature, SignatureType, UserId,
};
use pgp::types::{KeyDetails, Tag};

use super::ProvenanceError;

/// The keys of a file.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    pub(super) entities: Vec<Entity>,
}

/// A person or machine: a primary key with its names and further keys, all bound to it by signatures that hold.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) primary: PublicKey,
    /// The private part, where the file has it.
    pub(super) secret: Option<SecretKey>,
    pub(super) users: Vec<User>,
    pub(super) subkeys: Vec<Subkey>,
    pub(super) revocations: Vec<Signature>,
}

/// A name that the primary key vouches for.
#[derive(Debug)]
pub(super) struct User {
    pub(super) name: String,
    /// The newest signature by the primary key.
    pub(super) own: Signature,
    pub(super) revocations: Vec<Signature>,
}

/// A further key of an entity.
#[derive(Debug)]
pub(super) struct Subkey {
    pub(super) key: PublicSubkey,
    /// The newest signature that binds it.
    pub(super) binding: Signature,
    pub(super) revocations: Vec<Signature>,
}

impl Entity {
    /// The name that counts, and with it the signature that says what the primary key is for: one that was not
    /// revoked, that is marked, or that is newest, in this order.
    pub(super) fn main_user(&self) -> Option<&User> {
        let rank = |user: &User| {
            (
                std::cmp::Reverse(user.revocations.len()),
                user.own.is_primary(),
                user.own.created().map_or(0, |time| time.as_secs()),
            )
        };
        // The first of equals.
        self.users.iter().rev().max_by_key(|user| rank(user))
    }
}

/// Reads a file of keys, whatever its form.
pub(super) fn load(path: &Path) -> Result<Keyring, ProvenanceError> {
    let bytes = std::fs::read(path).map_err(|error| ProvenanceError::file("open", path, &error))?;
    if is_keybox(&bytes) {
        let keys = keybox_keys(&bytes).map_err(|reason| ProvenanceError::Keyring {
            kind: "keybox",
            path: path.display().to_string(),
            reason,
        })?;
        return entities(&keys);
    }
    if bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP") {
        return armored(&bytes).map_err(|reason| ProvenanceError::Keyring {
            kind: "armored keyring",
            path: path.display().to_string(),
            reason,
        });
    }
    entities(&bytes)
}

/// Every block of an armored file.
fn armored(bytes: &[u8]) -> Result<Keyring, String> {
    const END: &[u8] = b"-----END PGP";
    let mut ring = Keyring::default();
    let mut rest = bytes.trim_ascii();
    while !rest.is_empty() {
        let end = rest.windows(END.len()).position(|window| window == END);
        let Some(end) = end else { return Err("unexpected EOF".to_owned()) };
        let line = rest.iter().skip(end).position(|byte| *byte == b'\n');
        let (block, after) = rest.split_at(line.map_or(rest.len(), |line| end + line + 1));
        let kind = block.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let kind = kind.strip_prefix(b"-----BEGIN ").and_then(|kind| kind.strip_suffix(b"-----"));
        let kind = String::from_utf8_lossy(kind.unwrap_or_default());
        if !["PGP PUBLIC KEY BLOCK", "PGP PRIVATE KEY BLOCK"].contains(&kind.as_ref()) {
            return Err(format!("expected a public or private key block, got {kind:?}"));
        }
        let mut keys = Vec::new();
        std::io::Read::read_to_end(&mut Dearmor::new(block), &mut keys)
            .map_err(|_| "openpgp: invalid data: armor invalid".to_owned())?;
        ring.entities.extend(entities(&keys).map_err(|error| error.to_string())?.entities);
        rest = after.trim_ascii();
    }
    if ring.entities.is_empty() { Err("no keys found".to_owned()) } else { Ok(ring) }
}

/// Whether this is GnuPG's keybox (`pubring.kbx`), by the mark of its first record.
fn is_keybox(bytes: &[u8]) -> bool {
    bytes.get(4) == Some(&1) && bytes.get(8..12) == Some(b"KBXf")
}

/// A big-endian number of a record.
fn number(record: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = record.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// The OpenPGP keys of a keybox, one behind the other. Records that GnuPG marks as not yet part of it are left out.
fn keybox_keys(bytes: &[u8]) -> Result<Vec<u8>, String> {
    const OPEN_PGP: u8 = 2;
    const EPHEMERAL: u8 = 2;
    let mut keys = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let rest = bytes.get(offset..).unwrap_or_default();
        let (Some(length), Some(kind)) = (number(rest, 0), rest.get(4)) else {
            return Err(format!("truncated blob header at offset {offset}"));
        };
        if length < 5 {
            return Err(format!("invalid blob length {length} at offset {offset}"));
        }
        let Some(record) = rest.get(..length) else {
            let left = rest.len();
            return Err(format!(
                "blob at offset {offset} has length {length} exceeding the {left} remaining bytes"
            ));
        };
        if *kind == OPEN_PGP {
            let (Some(from), Some(size), Some(flags)) =
                (number(record, 8), number(record, 12), record.get(7))
            else {
                return Err(format!("OpenPGP blob at offset {offset} is too short"));
            };
            let key = from.checked_add(size).and_then(|end| record.get(from..end));
            let Some(key) = key else {
                return Err(format!("OpenPGP blob at offset {offset} has an out-of-range keyblock"));
            };
            if flags & EPHEMERAL == 0 {
                keys.extend_from_slice(key);
            }
        }
        offset += length;
    }
    if keys.is_empty() { Err("keybox contains no OpenPGP keys".to_owned()) } else { Ok(keys) }
}

/// The keys of packets. One that cannot be used is passed over; if none can, the last reason is the error.
fn entities(bytes: &[u8]) -> Result<Keyring, ProvenanceError> {
    let mut ring = Keyring::default();
    let mut last = None;
    for group in groups(bytes) {
        match group.and_then(entity) {
            Ok(entity) => ring.entities.push(entity),
            Err(reason) => last = Some(reason),
        }
    }
    match last {
        Some(reason) if ring.entities.is_empty() => Err(ProvenanceError::Data(reason)),
        _ => Ok(ring),
    }
}

/// The packets of each primary key.
fn groups(bytes: &[u8]) -> Vec<Result<Vec<Packet>, String>> {
    let mut groups: Vec<Result<Vec<Packet>, String>> = Vec::new();
    for packet in PacketParser::new(bytes) {
        match packet {
            // They stand between a name and its signatures in old key files, and mean something to GnuPG alone.
            Ok(Packet::Trust(_) | Packet::Marker(_) | Packet::Padding(_)) => {}
            Ok(packet @ (Packet::PublicKey(_) | Packet::SecretKey(_))) => groups.push(Ok(vec![packet])),
            Ok(packet) => match groups.last_mut() {
                Some(Ok(group)) => group.push(packet),
                Some(Err(_)) => {}
                None => groups.push(Err("first packet was not a public/private key".to_owned())),
            },
            Err(error) => {
                let reason = words(&error.to_string());
                match groups.last_mut() {
                    Some(group) => *group = Err(reason),
                    None => groups.push(Err(reason)),
                }
            }
        }
    }
    groups
}

/// Helm's words for what is no packet at all.
fn words(reason: &str) -> String {
    if reason.contains("unknown packet header version") {
        return "tag byte does not have MSB set".to_owned();
    }
    // The reader's own words may hold all that it read.
    reason.chars().take(120).collect()
}

/// Signatures that stand here.
fn signatures(packets: &mut Peekable<IntoIter<Packet>>) -> Vec<Signature> {
    let mut found = Vec::new();
    while let Some(Packet::Signature(signature)) =
        packets.next_if(|packet| matches!(packet, Packet::Signature(_)))
    {
        found.push(signature);
    }
    found
}

fn entity(packets: Vec<Packet>) -> Result<Entity, String> {
    let mut packets = packets.into_iter().peekable();
    let (primary, secret) = match packets.next() {
        Some(Packet::PublicKey(key)) => (key, None),
        Some(Packet::SecretKey(key)) => (key.public_key().clone(), Some(key)),
        _ => return Err("first packet was not a public/private key".to_owned()),
    };
    let mut entity =
        Entity { primary, secret, users: Vec::new(), subkeys: Vec::new(), revocations: Vec::new() };
    while let Some(packet) = packets.next() {
        match packet {
            Packet::UserId(id) => {
                let user = user(&entity.primary, &id, signatures(&mut packets))?;
                if let Some(user) = user {
                    entity.users.retain(|other| other.name != user.name);
                    entity.users.push(user);
                }
            }
            Packet::Signature(signature) if signature.typ() == Some(SignatureType::KeyRevocation) => {
                signature
                    .verify_key(&entity.primary)
                    .map_err(|_| "revocation signature signed by alternate key".to_owned())?;
                entity.revocations.push(signature);
            }
            Packet::PublicSubkey(key) => {
                entity.subkeys.push(subkey(&entity.primary, key, signatures(&mut packets))?);
            }
            Packet::SecretSubkey(key) => {
                let key = key.public_key().clone();
                entity.subkeys.push(subkey(&entity.primary, key, signatures(&mut packets))?);
            }
            _ => {}
        }
    }
    if entity.users.is_empty() {
        return Err("v4 entity without any identities".to_owned());
    }
    Ok(entity)
}

/// Whether a signature says that it is by this key.
pub(super) fn is_by(signature: &Signature, key: &impl KeyDetails) -> bool {
    signature.issuer_key_id().contains(&&key.legacy_key_id())
        || signature.issuer_fingerprint().contains(&&key.fingerprint())
}

fn newer(candidate: &Signature, known: Option<&Signature>) -> bool {
    known.is_none_or(|known| candidate.created() > known.created())
}

fn user(primary: &PublicKey, id: &UserId, signatures: Vec<Signature>) -> Result<Option<User>, String> {
    let mut own = None;
    let mut revocations = Vec::new();
    for signature in signatures {
        let revokes = signature.typ() == Some(SignatureType::CertRevocation);
        if !revokes && !signature.is_certification() {
            return Err("user ID signature with wrong type".to_owned());
        }
        // Signatures of others do not matter: a key file says whom one trusts.
        if !is_by(&signature, primary) {
            continue;
        }
        signature
            .verify_certification(primary, Tag::UserId, id)
            .map_err(|error| format!("user ID self-signature invalid: {error}"))?;
        if revokes {
            revocations.push(signature);
        } else if newer(&signature, own.as_ref()) {
            own = Some(signature);
        }
    }
    let name = String::from_utf8_lossy(id.id()).into_owned();
    Ok(own.map(|own| User { name, own, revocations }))
}

fn subkey(primary: &PublicKey, key: PublicSubkey, signatures: Vec<Signature>) -> Result<Subkey, String> {
    let mut binding = None;
    let mut revocations = Vec::new();
    for signature in signatures {
        let revokes = match signature.typ() {
            Some(SignatureType::SubkeyRevocation) => true,
            Some(SignatureType::SubkeyBinding) => false,
            _ => return Err("subkey signature with wrong type".to_owned()),
        };
        let invalid = |error: pgp::errors::Error| format!("subkey signature invalid: {error}");
        signature.verify_subkey_binding(primary, &key).map_err(invalid)?;
        if revokes {
            revocations.push(signature);
            continue;
        }
        if signature.key_flags().sign() {
            // Otherwise a key that somebody else holds could be claimed.
            let Some(back) = signature.embedded_signature() else {
                return Err("subkey signature invalid: signing subkey is missing cross-signature".to_owned());
            };
            back.verify_primary_key_binding(&key, primary).map_err(invalid)?;
        }
        if newer(&signature, binding.as_ref()) {
            binding = Some(signature);
        }
    }
    let binding = binding.ok_or("subkey packet not followed by signature")?;
    Ok(Subkey { key, binding, revocations })
}
