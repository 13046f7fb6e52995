//! What templates are told about the cluster.

use backstay_gotemplate::Compatibility;

/// The API versions that Helm 3.22 and 4.3 assume without a cluster: those their Kubernetes client knows.
pub const DEFAULT_API_VERSIONS: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// A version of Kubernetes as templates see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeVersion {
    /// The whole version, e.g. `v1.33.4-gke.1245000`.
    pub version: String,
    /// Without what follows the three numbers: compared with a chart's `kubeVersion`.
    pub normalized: String,
    /// The first number, as text.
    pub major: String,
    /// The second number, as text.
    pub minor: String,
}

/// A version that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid kube version '{text}': {problem}")]
pub struct KubeVersionError {
    /// What was given.
    pub text: String,
    /// What is wrong with it, in Helm's words.
    pub problem: String,
}

impl KubeVersion {
    /// Reads `v1.33.4-gke.1`, `1.33`, … Helm 3 forgets what follows the three numbers.
    ///
    /// # Errors
    /// When it does not start with two numbers.
    pub fn parse(text: &str, compatibility: Compatibility) -> Result<Self, KubeVersionError> {
        let wrong = |problem: String| KubeVersionError { text: text.to_owned(), problem };
        let rest = text.trim_start();
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let end = rest.find(|char: char| !(char.is_ascii_digit() || char == '.')).unwrap_or(rest.len());
        let core = rest.get(..end).unwrap_or_default();
        // A dot without a number behind it ends the numbers.
        let core =
            core.find("..").map_or(core, |at| core.get(..at).unwrap_or_default()).trim_end_matches('.');
        if !core.starts_with(|char: char| char.is_ascii_digit()) {
            return Err(wrong(format!("could not parse {text:?} as version")));
        }
        let mut numbers = Vec::new();
        for part in core.split('.') {
            let illegal = |_| {
                wrong(format!("illegal non-numeric version component {part:?} in {text:?}: out of range"))
            };
            numbers.push(part.parse::<u64>().map_err(illegal)?);
        }
        let [major, minor, ..] = numbers[..] else {
            return Err(wrong(format!("illegal version string {text:?}")));
        };
        // As many numbers as were given.
        let parts: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let normalized = format!("v{}", parts.join("."));
        let version = match compatibility {
            Compatibility::Helm3 => normalized.clone(),
            Compatibility::Helm4 if text.starts_with('v') => text.to_owned(),
            Compatibility::Helm4 => format!("v{text}"),
        };
        Ok(Self { version, normalized, major: major.to_string(), minor: minor.to_string() })
    }

    /// A version from its two numbers.
    #[must_use]
    pub fn new(major: u64, minor: u64) -> Self {
        let version = format!("v{major}.{minor}.0");
        Self { normalized: version.clone(), version, major: major.to_string(), minor: minor.to_string() }
    }
}

/// `.Capabilities`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of the cluster.
    pub kube_version: KubeVersion,
    /// What the cluster serves: `apps/v1`, and from a cluster also `apps/v1/Deployment`.
    pub api_versions: Vec<String>,
}

impl Default for Capabilities {
    /// What `helm template` assumes: the version of Helm 4.3's Kubernetes client.
    fn default() -> Self {
        Self {
            kube_version: KubeVersion::new(1, 37),
            api_versions: DEFAULT_API_VERSIONS.map(str::to_owned).to_vec(),
        }
    }
}

impl Capabilities {
    /// Adds what `--api-versions` gives.
    #[must_use]
    pub fn with_api_versions(mut self, more: &[String]) -> Self {
        self.api_versions.extend_from_slice(more);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let check = |text: &str, compatibility, expected: Option<(&str, &str, &str, &str)>| {
            let found = KubeVersion::parse(text, compatibility).ok();
            let expected = expected.map(|(version, normalized, major, minor)| KubeVersion {
                version: version.into(),
                normalized: normalized.into(),
                major: major.into(),
                minor: minor.into(),
            });
            assert_eq!(found, expected, "{text}");
        };
        check("1.31.2-eks-abc", Compatibility::Helm4, Some(("v1.31.2-eks-abc", "v1.31.2", "1", "31")));
        check("1.31.2-eks-abc", Compatibility::Helm3, Some(("v1.31.2", "v1.31.2", "1", "31")));
        check("v1.30", Compatibility::Helm4, Some(("v1.30", "v1.30", "1", "30")));
        check("1.30", Compatibility::Helm3, Some(("v1.30", "v1.30", "1", "30")));
        check("1.30.1.2+x", Compatibility::Helm3, Some(("v1.30.1.2", "v1.30.1.2", "1", "30")));
        check("one", Compatibility::Helm4, None);
        check("1", Compatibility::Helm4, None);
    }
}
