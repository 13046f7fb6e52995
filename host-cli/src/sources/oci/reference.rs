//! The name of a chart in a registry: `oci://host/path/name:tag@sha256:…` (Helm `pkg/registry/reference.go`).

use super::super::cache::is_digest;

/// A chart in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Host and port.
    pub(crate) host: String,
    /// The path of the repository.
    pub(crate) repository: String,
    /// As people write it, `+` included; empty without one.
    pub(crate) tag: String,
    /// `sha256:…`; empty without one.
    pub(crate) digest: String,
}

/// A reference that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    /// Host without a path, or nothing at all.
    #[error("invalid reference: {0:?} is not of the form oci://host/path/name")]
    Shape(String),
    /// Characters that no repository has.
    #[error("invalid reference: invalid repository {0:?}")]
    Repository(String),
    /// Characters that no tag has.
    #[error("invalid reference: invalid tag {0:?}")]
    Tag(String),
    /// Not a sha256.
    #[error("invalid reference: invalid digest {0:?}")]
    Digest(String),
}

impl Reference {
    /// Reads a reference with or without `oci://`.
    pub(crate) fn parse(text: &str) -> Result<Self, ReferenceError> {
        let raw = text.strip_prefix("oci://").unwrap_or(text);
        let (raw, digest) = raw.rsplit_once('@').map_or((raw, ""), |(raw, digest)| (raw, digest));
        if !digest.is_empty() && !digest.strip_prefix("sha256:").is_some_and(is_digest) {
            return Err(ReferenceError::Digest(digest.to_owned()));
        }
        let (host, path) = raw.split_once('/').ok_or_else(|| ReferenceError::Shape(text.to_owned()))?;
        let (repository, tag) = path.rsplit_once(':').map_or((path, ""), |(path, tag)| (path, tag));
        if host.is_empty() || repository.is_empty() {
            return Err(ReferenceError::Shape(text.to_owned()));
        }
        let fits = |part: &str| {
            let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.chars().all(inner)
        };
        if !repository.split('/').all(fits) {
            return Err(ReferenceError::Repository(repository.to_owned()));
        }
        let reference = Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        };
        let stored = reference.stored_tag();
        let fits = stored.len() <= 128
            && !stored.starts_with(['.', '-'])
            && stored.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if fits { Ok(reference) } else { Err(ReferenceError::Tag(tag.to_owned())) }
    }

    /// A registry as a whole.
    pub(crate) fn of_host(host: &str) -> Self {
        let empty = String::new;
        Self { host: host.to_owned(), repository: empty(), tag: empty(), digest: empty() }
    }

    /// The tag as registries store it: they know no `+` (helm issue 10166).
    pub(crate) fn stored_tag(&self) -> String {
        self.tag.replace('+', "_")
    }

    /// The last part of the repository: the chart's name.
    pub(crate) fn chart(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// The name of the archive.
    pub(crate) fn file_name(&self) -> String {
        if self.tag.is_empty() {
            // Helm's own spelling of a chart that is known by its digest alone.
            format!("{}@{}.tgz", self.chart(), self.digest.replace(':', "-"))
        } else {
            format!("{}-{}.tgz", self.chart(), self.tag)
        }
    }

    /// How Helm shows it: without `oci://`, with what the registry stores.
    pub(crate) fn shown(&self) -> String {
        let place = format!("{}/{}", self.host, self.repository);
        match (self.tag.is_empty(), self.digest.is_empty()) {
            (false, _) => format!("{place}:{}", self.stored_tag()),
            (true, false) => format!("{place}@{}", self.digest),
            (true, true) => place,
        }
    }

    /// The host that is spoken to: Docker Hub has another.
    pub(crate) fn server(&self) -> &str {
        if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, host, repository, tag, with_digest, file) in [
            ("oci://a.example/web", "a.example", "web", "", false, None),
            (
                "oci://a.example:5000/x/web:1.2.3",
                "a.example:5000",
                "x/web",
                "1.2.3",
                false,
                Some("web-1.2.3.tgz"),
            ),
            ("a.example/web:1.2.3+4", "a.example", "web", "1.2.3+4", false, Some("web-1.2.3+4.tgz")),
            ("oci://a.example/web:1@D", "a.example", "web", "1", true, Some("web-1.tgz")),
        ] {
            let reference = Reference::parse(&text.replace('D', &digest)).unwrap();
            assert_eq!(
                (reference.host.as_str(), reference.repository.as_str()),
                (host, repository),
                "{text}"
            );
            assert_eq!((reference.tag.as_str(), !reference.digest.is_empty()), (tag, with_digest), "{text}");
            if let Some(file) = file {
                assert_eq!(reference.file_name(), file);
            }
        }
        let plus = Reference::parse("oci://a.example/web:1+b").unwrap();
        assert_eq!(plus.shown(), "a.example/web:1_b");
        for (text, expected) in [
            ("oci://a.example", "is not of the form"),
            ("oci:///web", "is not of the form"),
            ("oci://a.example/Web", "invalid repository"),
            ("oci://a.example/../web", "invalid repository"),
            ("oci://a.example/web:a b", "invalid tag"),
            ("oci://a.example/web@sha256:12", "invalid digest"),
        ] {
            let error = Reference::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
