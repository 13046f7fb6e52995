//! What Kubernetes takes for a name of each kind (apimachinery `pkg/api/validation`).

/// The words of apimachinery for a Service's name.
const DNS_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
             validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// Why a name does not do for a kind; empty when it does.
pub(super) fn problems(kind: &str, name: &str) -> Vec<String> {
    match backstay_gotemplate::lower_text(kind).as_str() {
        "certificatesigningrequest" => Vec::new(),
        "service" => label(name, |c| c.is_ascii_lowercase(), DNS_1035, DNS_1035),
        "namespace" => label(
            name,
            is_alphanumeric,
            // Where only the dots are wrong, these words take the place of the long ones.
            "must not contain dots",
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
             end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        "role" | "clusterrole" | "rolebinding" | "clusterrolebinding" => segment(name),
        _ => subdomain(name),
    }
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_label(name: &str, begins: fn(char) -> bool) -> bool {
    name.starts_with(begins)
        && name.ends_with(is_alphanumeric)
        && name.chars().all(|c| is_alphanumeric(c) || c == '-')
}

fn label(name: &str, begins: fn(char) -> bool, dots: &str, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    if name.len() > 63 {
        found.push("must be no more than 63 characters".to_owned());
    }
    if !is_label(name, begins) {
        found.push(if is_subdomain(name) { dots } else { words }.to_owned());
    }
    found
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(|part| is_label(part, is_alphanumeric))
}

fn subdomain(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    if name.len() > 253 {
        found.push("must be no more than 253 characters".to_owned());
    }
    if !is_subdomain(name) {
        found.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    found
}

fn segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|part| name.contains(*part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}
