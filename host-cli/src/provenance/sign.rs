//! Writes provenance files (Helm `Package.Clearsign` and `Signatory.ClearSign`, v4.3).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use backstay_core::object::Timestamp;
use pgp::composed::{ArmorOptions, CleartextSignedMessage};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails as _, KeyVersion, Password, SecretParams};

use super::keyring::{self, Entity};
use super::{ProvenanceError, clear, keyring_or_default};
use crate::sources::sha256;

/// A private key, unlocked.
pub(crate) struct Signer {
    key: SecretKey,
    passphrase: Password,
}

impl Signer {
    /// The key of a file that has this name, or whose name alone contains it. Its passphrase is asked for if it has
    /// one.
    pub(crate) fn load(
        keyring: Option<&Path>,
        id: &str,
        passphrase: impl FnOnce(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let ring = keyring::load(&keyring_or_default(keyring))?;
        let entity = by_name(ring.entities, id)?;
        let name = entity.users.first().map_or("Unknown", |user| user.name.as_str()).to_owned();
        let key = entity.secret.ok_or(ProvenanceError::NotPrivate)?;
        let passphrase = match key.secret_params() {
            SecretParams::Plain(_) => Password::empty(),
            SecretParams::Encrypted(_) => passphrase(&name)?.as_str().into(),
        };
        match key.unlock(&passphrase, |_, _| Ok(())) {
            Ok(Ok(())) => Ok(Self { key, passphrase }),
            _ => Err(ProvenanceError::Passphrase.into()),
        }
    }

    /// The provenance file of an archive.
    pub(crate) fn sign(
        &self,
        archive: &[u8],
        name: &str,
        metadata: &str,
        now: Timestamp,
    ) -> Result<String, ProvenanceError> {
        let sums = serde_json::json!({"files": {name: format!("sha256:{}", sha256(archive))}});
        let failed = |error: &dyn std::fmt::Display| ProvenanceError::Sign(error.to_string());
        let sums = backstay_core::yaml::to_yaml(&sums).map_err(|error| failed(&error))?;
        // `---` would be taken for a line of the signature, so that the end of a YAML document stands between.
        let text = clear::trimmed(&format!("{metadata}\n...\n{sums}"));
        self.clear_sign(&text, now).map_err(|error| failed(&error))
    }

    fn clear_sign(&self, text: &str, now: Timestamp) -> Result<String, pgp::errors::Error> {
        let key = &self.key;
        let mut config = SignatureConfig::v4(SignatureType::Text, key.algorithm(), HashAlgorithm::Sha512);
        let seconds = u32::try_from(now.0 / 1000).unwrap_or(u32::MAX);
        let time = pgp::types::Timestamp::from_secs(seconds);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(time))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        ];
        if key.version() <= KeyVersion::V4 {
            config
                .hashed_subpackets
                .push(Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?);
        }
        let message = CleartextSignedMessage::new(text, config, key, &self.passphrase)?;
        message.to_armored_string(ArmorOptions { headers: None, include_checksum: false })
    }
}

/// The entity of a name, as `gpg` looks for it.
fn by_name(entities: Vec<Entity>, id: &str) -> Result<Entity, ProvenanceError> {
    let exact = |entity: &Entity| entity.users.iter().any(|user| user.name == id);
    let within = |entity: &Entity| entity.users.iter().filter(|user| user.name.contains(id)).count();
    let exact = entities.iter().position(exact);
    let found: usize = entities.iter().map(within).sum();
    let index = match exact {
        Some(index) => Some(index),
        None if found > 1 => return Err(ProvenanceError::Vague(id.to_owned())),
        None => entities.iter().position(|entity| within(entity) > 0),
    };
    index.and_then(|index| entities.into_iter().nth(index)).ok_or(ProvenanceError::NoKey)
}

/// The first line of a file with a passphrase; `-` is standard input.
pub(crate) fn passphrase_of(file: &Path) -> anyhow::Result<String> {
    let reader: Box<dyn Read> = if file == Path::new("-") {
        anyhow::ensure!(
            !std::io::IsTerminal::is_terminal(&std::io::stdin()),
            "specified reading passphrase from stdin, without input on stdin"
        );
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).map_err(|error| ProvenanceError::file("open", file, &error))?)
    };
    let mut line = String::new();
    let read = BufReader::new(reader).read_line(&mut line);
    anyhow::ensure!(read.context("cannot read the passphrase")? > 0, "EOF");
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
