//! A revision in its Secret (`pkg/storage/driver/secrets.go` of Helm v4.3).

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_object::{Timestamp, label, map_at, name, text_at};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::codec::{CodecError, decode, encode, pack, unpack};
use crate::release::Release;

/// The Secret's type.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";
/// The labels that belong to the storage; users must not set them.
pub const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];
/// The most a Secret may hold, all its data together (`MaxSecretSize` of Kubernetes).
pub const MAX_SECRET_BYTES: usize = 1 << 20;
/// The data key of a rollout's journal. Helm reads `release` only; its own updates drop every other key, which is right:
/// what Helm has taken over is no longer ours to resume.
pub const JOURNAL_KEY: &str = "backstay.journal";
/// The data key of what another process needs to finish the rollout: packed JSON, there only while the rollout runs.
pub const RESUME_KEY: &str = "backstay.resume";
/// The data key of what explains the failure of a revision: packed JSON of the host that wrote it.
pub const EVIDENCE_KEY: &str = "backstay.evidence";
/// The data key of a checksum over journal and `resume`, in hexadecimal digits.
pub(crate) const SUM_KEY: &str = "backstay.sum";
/// The label of a revision that was seen healthy. Its value is the revision's number, because Helm keeps labels when it
/// updates a record, but also hands them on to the next revision, which must not pass for healthy.
pub const HEALTHY_LABEL: &str = "backstay.dev/healthy";

const RELEASE_KEY: &str = "release";
const OWNER: &str = "helm";
const NAME_PREFIX: &str = "sh.helm.release.v1.";

/// A Secret is no record, or a record fits in no Secret.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The Secret has another type or lacks its data.
    #[error("secret {name:?} is not a release record: {reason}")]
    NotARecord {
        /// Name of the Secret.
        name: String,
        /// What is missing.
        reason: &'static str,
    },
    /// Its data cannot be read.
    #[error("release record {name:?} cannot be read: {source}")]
    Unreadable {
        /// Name of the Secret.
        name: String,
        /// Why.
        source: CodecError,
    },
    /// Its data cannot be written.
    #[error("release record {name:?} cannot be written: {source}")]
    Unwritable {
        /// Name of the Secret.
        name: String,
        /// Why.
        source: CodecError,
    },
    /// Kubernetes would refuse it.
    #[error(
        "release record {name:?} has {bytes} bytes, {limit} fit: the chart, its files and its manifest are stored together; \
         exclude large files with .helmignore or split the chart"
    )]
    TooLarge {
        /// Name of the Secret.
        name: String,
        /// Size of the Secret's data in bytes.
        bytes: usize,
        /// The most that Kubernetes takes.
        limit: usize,
    },
    /// The user's labels use a key of the storage. The text is Helm's.
    #[error(
        "user supplied labels contains system reserved label name. System labels: [name owner status version createdAt modifiedAt]"
    )]
    ReservedLabel,
}

/// A text as a record holds it beside Helm's part: compressed, in base64. It is unpacked by who wants to read it, not whenever
/// a history is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(String);

impl Packed {
    /// Packs a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(pack(text))
    }

    /// The text; `None` when it is damaged.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        unpack(self.0.as_bytes())
    }

    /// How many bytes of the Secret it takes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing, not even of an empty text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A revision as it is stored: Helm's record with what Backstay keeps beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Helm's part.
    pub release: Release,
    /// The journal of the rollout that made it, if it is one of ours and was not touched by Helm since.
    pub journal: Option<String>,
    /// What another process needs to finish the rollout (JSON of the host that wrote it), while it runs.
    pub resume: Option<String>,
    /// What explains the failure of this revision. Nothing is decided by it, and where it does not fit it is left out.
    pub evidence: Option<Packed>,
    /// Whether journal and `resume` are as they were written; what is not must not be acted upon.
    pub intact: bool,
    /// Whether every object of this revision was once seen ready.
    pub healthy: bool,
    /// When the Secret was created, in whole seconds; Helm drops it when it updates.
    pub created_at: Option<Timestamp>,
    /// When the Secret was last changed, in whole seconds.
    pub modified_at: Option<Timestamp>,
    /// The Secret's version, to write only over what was read. Helm does not do that.
    pub resource_version: Option<String>,
}

impl Record {
    /// A record that is not stored yet.
    #[must_use]
    pub const fn new(release: Release) -> Self {
        Self {
            release,
            journal: None,
            resume: None,
            evidence: None,
            intact: true,
            healthy: false,
            created_at: None,
            modified_at: None,
            resource_version: None,
        }
    }

    /// Name of its Secret.
    #[must_use]
    pub fn secret_name(&self) -> String {
        secret_name(&self.release.name, self.release.version)
    }

    /// When it was last touched, as far as the record says.
    #[must_use]
    pub fn touched_at(&self) -> Option<Timestamp> {
        let began = self.release.info.last_deployed.as_ref().and_then(crate::HelmTime::timestamp);
        [self.modified_at, self.created_at, began].into_iter().flatten().max()
    }

    /// The Secret, ready to be sent: as a new one, or, when `resource_version` is set, as a full replacement of exactly
    /// the version that was read.
    ///
    /// # Errors
    /// When a label is reserved or the Secret would be larger than Kubernetes takes.
    pub fn to_secret(&self, now: Timestamp) -> Result<Value, RecordError> {
        check_labels(&self.release.labels)?;
        let name = self.secret_name();
        let packed =
            encode(&self.release).map_err(|source| RecordError::Unwritable { name: name.clone(), source })?;
        let mut bytes = packed.len() + self.journal.as_ref().map_or(0, String::len);
        // Without it the rollout can be taken over but not finished: better than no rollout at all.
        let resume = self
            .resume
            .as_ref()
            .map(|resume| pack(resume))
            .filter(|resume| bytes + resume.len() <= MAX_SECRET_BYTES / 2);
        bytes += resume.as_ref().map_or(0, String::len);
        if bytes > MAX_SECRET_BYTES {
            return Err(RecordError::TooLarge { name, bytes, limit: MAX_SECRET_BYTES });
        }
        let evidence = self.evidence.as_ref().filter(|evidence| bytes + evidence.len() <= MAX_SECRET_BYTES);
        let mut data = BTreeMap::from([(RELEASE_KEY, STANDARD.encode(packed))]);
        if let Some(journal) = &self.journal {
            data.insert(JOURNAL_KEY, STANDARD.encode(journal));
            data.insert(
                SUM_KEY,
                STANDARD.encode(checksum(journal.as_bytes(), resume.as_deref().map(str::as_bytes))),
            );
        }
        if let Some(resume) = resume {
            data.insert(RESUME_KEY, STANDARD.encode(resume));
        }
        if let Some(evidence) = evidence {
            data.insert(EVIDENCE_KEY, STANDARD.encode(&evidence.0));
        }
        let mut secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.release.namespace, "labels": self.labels(now)},
            "type": SECRET_TYPE,
            "data": data,
        });
        if let (Some(version), Some(metadata)) = (&self.resource_version, secret.get_mut("metadata")) {
            backstay_object::set_at(metadata, &["resourceVersion"], Value::String(version.clone()));
        }
        Ok(secret)
    }

    /// The record in a Secret.
    ///
    /// # Errors
    /// When the Secret is something else or damaged. Helm skips such Secrets when it lists.
    pub fn from_secret(secret: &Value) -> Result<Self, RecordError> {
        let secret_name = || name(secret).to_owned();
        let not = |reason| RecordError::NotARecord { name: secret_name(), reason };
        if text_at(secret, &["type"]) != Some(SECRET_TYPE) {
            return Err(not("its type is not helm.sh/release.v1"));
        }
        let unreadable = |source| RecordError::Unreadable { name: secret_name(), source };
        let packed =
            text_at(secret, &["data", RELEASE_KEY]).ok_or_else(|| not("it has no key \"release\""))?;
        let packed = STANDARD.decode(packed).map_err(|error| unreadable(CodecError::Base64(error)))?;
        let mut release = decode(&packed).map_err(unreadable)?;
        let kept = |key: &str| !SYSTEM_LABELS.contains(&key) && key != HEALTHY_LABEL;
        release.labels = map_at(secret, &["metadata", "labels"])
            .into_iter()
            .flatten()
            .filter(|(key, _)| kept(key))
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        // Records of Helm 2 times may lack it; the Secret's own namespace is what Helm goes by.
        if let Some(namespace) = text_at(secret, &["metadata", "namespace"]).filter(|text| !text.is_empty()) {
            release.namespace = namespace.to_owned();
        }
        let (journal, resume, intact) = kept_beside(secret);
        let evidence = text_at(secret, &["data", EVIDENCE_KEY])
            .and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok())
            .map(Packed);
        let seconds = |key| {
            label(secret, key)?.parse().ok().map(|seconds: u64| Timestamp(seconds.saturating_mul(1000)))
        };
        Ok(Self {
            journal,
            resume,
            evidence,
            intact,
            healthy: label(secret, HEALTHY_LABEL) == Some(release.version.to_string().as_str()),
            created_at: seconds("createdAt"),
            modified_at: seconds("modifiedAt"),
            resource_version: text_at(secret, &["metadata", "resourceVersion"]).map(ToOwned::to_owned),
            release,
        })
    }

    /// The labels it is stored with, those of the storage among them, as Helm's `get metadata` and selectors see them.
    #[must_use]
    pub fn stored_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels(self.modified_at.or(self.created_at).unwrap_or_default());
        if self.modified_at.is_none() {
            labels.remove("modifiedAt");
        }
        labels
    }

    fn labels(&self, now: Timestamp) -> BTreeMap<String, String> {
        let seconds = |time: Timestamp| (time.as_millis() / 1000).to_string();
        let release = &self.release;
        let mut labels = release.labels.clone();
        labels.remove(HEALTHY_LABEL);
        let mut set = |key: &str, value: String| labels.insert(key.to_owned(), value);
        set("name", release.name.clone());
        set("owner", OWNER.to_owned());
        set("status", release.info.status.to_string());
        set("version", release.version.to_string());
        if self.resource_version.is_none() {
            set("createdAt", seconds(now));
        } else {
            set("modifiedAt", seconds(now));
            if let Some(created) = self.created_at {
                set("createdAt", seconds(created));
            }
        }
        if self.healthy {
            set(HEALTHY_LABEL, release.version.to_string());
        }
        labels
    }
}

/// Journal and plan of a Secret, and whether they are as they were written. Damaged ones are returned, too: that there was
/// something is known then.
fn kept_beside(secret: &Value) -> (Option<String>, Option<String>, bool) {
    let bytes = |key: &str| Some(STANDARD.decode(text_at(secret, &["data", key])?).unwrap_or_default());
    let (journal, packed) = (bytes(JOURNAL_KEY), bytes(RESUME_KEY));
    let resume = packed.as_ref().map(|packed| unpack(packed).unwrap_or_default());
    let written = |journal: &Vec<u8>| {
        let wanted = checksum(journal, packed.as_deref());
        bytes(SUM_KEY).is_none_or(|sum| sum == wanted.as_bytes())
    };
    let intact = journal.as_ref().is_none_or(written)
        && journal.as_ref().is_none_or(|journal| core::str::from_utf8(journal).is_ok())
        && resume.as_ref().is_none_or(|resume| !resume.is_empty());
    (journal.map(|journal| String::from_utf8_lossy(&journal).into_owned()), resume, intact)
}

/// FNV-1a of 64 bits (RFC 9923), as hexadecimal digits: every single changed byte changes it.
fn checksum(journal: &[u8], resume: Option<&[u8]>) -> String {
    let parts = journal.iter().chain(&[0xFF]).chain(resume.unwrap_or_default());
    let sum = parts.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    alloc::format!("{sum:016x}")
}

/// Name of a revision's Secret.
#[must_use]
pub fn secret_name(release: &str, revision: u32) -> String {
    format!("{NAME_PREFIX}{release}.v{revision}")
}

/// Release and revision behind a Secret's name.
#[must_use]
pub fn parse_secret_name(name: &str) -> Option<(&str, u32)> {
    let (release, revision) = name.strip_prefix(NAME_PREFIX)?.rsplit_once(".v")?;
    let revision = revision.parse().ok()?;
    (secret_name(release, revision) == name).then_some((release, revision))
}

/// The label selector of a release's history, or of all releases.
#[must_use]
pub fn history_selector(release: Option<&str>) -> String {
    release.map_or_else(|| format!("owner={OWNER}"), |release| format!("name={release},owner={OWNER}"))
}

/// Checks labels that a user gives.
///
/// # Errors
/// When one of them belongs to the storage.
pub fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), RecordError> {
    if SYSTEM_LABELS.iter().any(|key| labels.contains_key(*key)) {
        return Err(RecordError::ReservedLabel);
    }
    Ok(())
}
