//! Versions as Masterminds/semver 3.5 reads them: lenient about missing numbers, leading zeros and a leading `v`.

use std::cmp::Ordering;
use std::fmt;

/// Why a version or a constraint is refused; the words are Helm's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SemverError {
    /// No version at all.
    #[error("invalid semantic version")]
    Invalid,
    /// More than 256 bytes.
    #[error("version string is too long (max 256 bytes)")]
    VersionTooLong,
    /// Only in strict reading.
    #[error("version string empty")]
    Empty,
    /// Only in strict reading.
    #[error("invalid characters in version")]
    Characters,
    /// A number in the pre-release part, or in strict reading any number, starts with 0.
    #[error("version segment starts with 0")]
    SegmentStartsZero,
    /// A pre-release part with an empty piece or wrong characters.
    #[error("invalid prerelease string")]
    Prerelease,
    /// Build data with an empty piece or wrong characters.
    #[error("invalid metadata string")]
    Metadata,
    /// A number that no `uint64` can hold.
    #[error("error parsing version segment: strconv.ParseUint: parsing {0:?}: value out of range")]
    Number(String),
    /// No constraint.
    #[error("improper constraint: {0}")]
    Constraint(String),
    /// A version inside the constraint is none.
    #[error("constraint parser error")]
    ConstraintVersion,
    /// More than 512 bytes.
    #[error("constraint string is too long (max 512 bytes)")]
    ConstraintTooLong,
    /// More than 32 alternatives.
    #[error("too many constraint groups (max 32)")]
    TooManyGroups,
}

/// A version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number; 0 where it was not given.
    pub minor: u64,
    /// The third number; 0 where it was not given.
    pub patch: u64,
    /// What follows `-`, e.g. `rc.1`; empty for a release.
    pub prerelease: String,
    /// What follows `+`; counts nothing in comparisons.
    pub metadata: String,
    original: String,
}

impl Version {
    /// Reads a version as `semver.NewVersion` does: `v1.2` is `1.2.0`, `01.2.3` is `1.2.3`.
    ///
    /// # Errors
    /// When it is none, in Helm's words.
    pub fn parse(text: &str) -> Result<Self, SemverError> {
        if text.len() > 256 {
            return Err(SemverError::VersionTooLong);
        }
        let (body, metadata) = text.split_once('+').map_or((text, None), |(a, b)| (a, Some(b)));
        let (numbers, prerelease) = body.split_once('-').map_or((body, None), |(a, b)| (a, Some(b)));
        let numbers = numbers.strip_prefix('v').unwrap_or(numbers);
        let parts: Vec<&str> = numbers.split('.').collect();
        let numeric = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let words_fit = [prerelease, metadata].into_iter().flatten().all(pieces_fit);
        if parts.len() > 3 || !parts.iter().all(numeric) || !words_fit {
            return Err(SemverError::Invalid);
        }
        let number = |index: usize| match parts.get(index) {
            None => Ok(0),
            Some(part) => part.parse().map_err(|_| SemverError::Number((*part).to_owned())),
        };
        let version = Self {
            major: number(0)?,
            minor: number(1)?,
            patch: number(2)?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        };
        check_prerelease(&version.prerelease)?;
        Ok(version)
    }

    /// Reads a version strictly, as `semver.StrictNewVersion` does: three numbers, no `v`, no leading zeros.
    /// Helm asks this of `version` in `Chart.yaml` on packaging and linting.
    ///
    /// # Errors
    /// When it is none, in Helm's words.
    pub fn parse_strict(text: &str) -> Result<Self, SemverError> {
        if text.is_empty() {
            return Err(SemverError::Empty);
        }
        if text.len() > 256 {
            return Err(SemverError::VersionTooLong);
        }
        let mut parts: Vec<&str> = text.splitn(3, '.').collect();
        let Some(last) = parts.pop().filter(|_| parts.len() == 2) else {
            return Err(SemverError::Invalid);
        };
        let (body, metadata) = last.split_once('+').map_or((last, None), |(a, b)| (a, Some(b)));
        if metadata.is_some_and(|metadata| !pieces_fit(metadata)) {
            return Err(SemverError::Metadata);
        }
        let (patch, prerelease) = body.split_once('-').map_or((body, None), |(a, b)| (a, Some(b)));
        if let Some(prerelease) = prerelease {
            check_prerelease_pieces(prerelease)?;
        }
        for part in parts.iter().chain([&patch]) {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(SemverError::Characters);
            }
            if part.len() > 1 && part.starts_with('0') {
                return Err(SemverError::SegmentStartsZero);
            }
        }
        Self::parse(text)
    }

    /// The text that was read.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }

    /// The order of versions: build data counts nothing, a pre-release comes before its release.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        let by_release = || match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_prerelease(&self.prerelease, &other.prerelease),
        };
        numbers(self).cmp(&numbers(other)).then_with(by_release)
    }

    /// The version with other numbers and nothing after them; `v` stays where it was given.
    fn with_numbers(&self, major: u64, minor: u64, patch: u64) -> Self {
        let mut next = Self { major, minor, patch, ..Self::default() };
        next.original = self.prefix().to_owned() + &next.to_string();
        next
    }

    fn prefix(&self) -> &str {
        if self.original.starts_with('v') { "v" } else { "" }
    }

    /// The next major version.
    #[must_use]
    pub fn next_major(&self) -> Self {
        self.with_numbers(self.major.saturating_add(1), 0, 0)
    }

    /// The next minor version.
    #[must_use]
    pub fn next_minor(&self) -> Self {
        self.with_numbers(self.major, self.minor.saturating_add(1), 0)
    }

    /// The next patch version: of a pre-release its release.
    #[must_use]
    pub fn next_patch(&self) -> Self {
        let step = u64::from(self.prerelease.is_empty());
        self.with_numbers(self.major, self.minor, self.patch.saturating_add(step))
    }

    /// The same version with another pre-release part.
    ///
    /// # Errors
    /// When the part is none.
    pub fn with_prerelease(&self, prerelease: &str) -> Result<Self, SemverError> {
        if !prerelease.is_empty() {
            check_prerelease_pieces(prerelease)?;
        }
        let mut next = Self { prerelease: prerelease.to_owned(), ..self.clone() };
        next.original = self.prefix().to_owned() + &next.to_string();
        Ok(next)
    }

    /// The same version with other build data.
    ///
    /// # Errors
    /// When they are none.
    pub fn with_metadata(&self, metadata: &str) -> Result<Self, SemverError> {
        if !metadata.is_empty() && !pieces_fit(metadata) {
            return Err(SemverError::Metadata);
        }
        let mut next = Self { metadata: metadata.to_owned(), ..self.clone() };
        next.original = self.prefix().to_owned() + &next.to_string();
        Ok(next)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(out, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(out, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// Dotted pieces of letters, digits and hyphens, none of them empty.
fn pieces_fit(text: &str) -> bool {
    let fits = |piece: &str| {
        !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.').all(fits)
}

fn check_prerelease(text: &str) -> Result<(), SemverError> {
    if text.is_empty() { Ok(()) } else { check_prerelease_pieces(text) }
}

fn check_prerelease_pieces(text: &str) -> Result<(), SemverError> {
    for piece in text.split('.') {
        if !pieces_fit(piece) {
            return Err(SemverError::Prerelease);
        }
        let number = piece.bytes().all(|byte| byte.is_ascii_digit());
        if number && piece.len() > 1 && piece.starts_with('0') {
            return Err(SemverError::SegmentStartsZero);
        }
    }
    Ok(())
}

/// Piece by piece: numbers by size and before words, words as bytes, the shorter one first.
pub(super) fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => compare_piece(a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare_piece(a: &str, b: &str) -> Ordering {
    if a == b || a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}
