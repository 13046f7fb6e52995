//! Times as Helm's records carry them.

use alloc::string::String;

use backstay_object::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// A time of a record: Go's RFC 3339 with nanoseconds and any offset. The text is kept as it was read, so that writing
/// a record back does not cut what [`Timestamp`] cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HelmTime(String);

impl HelmTime {
    /// The text of the record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time, cut to milliseconds; `None` when the text is no time.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        Timestamp::parse(&self.0).ok()
    }
}

impl From<Timestamp> for HelmTime {
    fn from(time: Timestamp) -> Self {
        Self(time.to_rfc3339())
    }
}

/// Reads what Helm 3 (`""` for no time), Helm 4 (absent) and others (`null`, Go's zero time) write.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HelmTime>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T")).map(HelmTime))
}

impl core::fmt::Display for HelmTime {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(&self.0)
    }
}
