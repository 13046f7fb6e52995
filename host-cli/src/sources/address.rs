//! Addresses of charts: joined as Helm joins them, shown without passwords.

use http::Uri;

/// Scheme, host and port: credentials given for one are never sent to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(String, String, u16);

impl Origin {
    /// The origin of an absolute address.
    pub(crate) fn of(address: &Uri) -> Option<Self> {
        let scheme = address.scheme_str()?.to_ascii_lowercase();
        let default = if scheme == "https" { 443 } else { 80 };
        let host = address.host()?.to_ascii_lowercase();
        Some(Self(scheme, host, address.port_u16().unwrap_or(default)))
    }
}

/// An address that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// Cannot be read.
    #[error("{0:?} is not an http or https address")]
    Invalid(String),
    /// Neither http nor https.
    #[error("could not find protocol handler for: {0}")]
    Scheme(String),
}

/// User name and password before the host of an address.
pub(crate) type UserInfo = Option<(String, String)>;

/// Reads an http or https address and takes user name and password out of it.
pub(crate) fn read(text: &str) -> Result<(Uri, UserInfo), AddressError> {
    let invalid = || AddressError::Invalid(shown(text));
    let text = text.split('#').next().unwrap_or(text);
    let uri: Uri = text.trim().parse().map_err(|_| invalid())?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some(other) => return Err(AddressError::Scheme(other.to_owned())),
        None => return Err(invalid()),
    }
    let mut parts = uri.into_parts();
    let authority = parts.authority.take().ok_or_else(invalid)?;
    let (user, host) = match authority.as_str().rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority.as_str()),
    };
    if host.is_empty() || host.starts_with(':') {
        return Err(invalid());
    }
    let user = user.map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        (decoded(name), decoded(password))
    });
    parts.authority = Some(host.parse().map_err(|_| invalid())?);
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    }
    Ok((Uri::from_parts(parts).map_err(|_| invalid())?, user))
}

/// Takes `%41` apart.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An address for people: without user name and password.
pub(crate) fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Whether a text has a scheme and a host.
pub(crate) fn is_absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !rest.is_empty()
    })
}

/// An address found in an index, made absolute (Helm `ResolveReferenceURL`): relative to the repository's folder, with
/// the repository's query.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    if is_absolute(reference) {
        return reference.to_owned();
    }
    let (base, query) = base.split_once('?').map_or((base, None), |(base, query)| (base, Some(query)));
    let reference = reference.split(['?', '#']).next().unwrap_or(reference);
    let Some((scheme, rest)) = base.split_once("://") else { return reference.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let joined = if let Some(other) = reference.strip_prefix("//") {
        format!("{scheme}://{other}")
    } else if reference.starts_with('/') {
        format!("{scheme}://{authority}{}", clean(reference))
    } else {
        let folder = path.trim_end_matches('/');
        let folder = if folder.is_empty() { String::new() } else { format!("/{folder}") };
        format!("{scheme}://{authority}{}", clean(&format!("{folder}/{reference}")))
    };
    match query {
        Some(query) => format!("{joined}?{query}"),
        None => joined,
    }
}

/// Where a redirect leads (RFC 3986 5.2: relative to the file, not the folder).
pub(crate) fn redirected(from: &Uri, location: &str) -> String {
    if is_absolute(location) {
        return location.to_owned();
    }
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map(ToString::to_string).unwrap_or_default();
    if let Some(other) = location.strip_prefix("//") {
        return format!("{scheme}://{other}");
    }
    let (path, query) =
        location.split_once('?').map_or((location, None), |(path, query)| (path, Some(query)));
    let path = if path.starts_with('/') {
        clean(path)
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        clean(&format!("{folder}/{path}"))
    };
    match query {
        Some(query) => format!("{scheme}://{authority}{path}?{query}"),
        None => format!("{scheme}://{authority}{path}"),
    }
}

/// An absolute path without `.` and `..`.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The last part of an address's path.
pub(crate) fn file_name(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_an_index_are_relative_to_the_repository() {
        for (base, reference, expected) in [
            ("https://a.example/charts", "web-1.tgz", "https://a.example/charts/web-1.tgz"),
            ("https://a.example/charts/", "web-1.tgz", "https://a.example/charts/web-1.tgz"),
            ("https://a.example", "x/web-1.tgz", "https://a.example/x/web-1.tgz"),
            ("https://a.example/charts", "/web-1.tgz", "https://a.example/web-1.tgz"),
            ("https://a.example/a/b", "../web-1.tgz", "https://a.example/a/web-1.tgz"),
            ("https://a.example/a?key=1", "web-1.tgz", "https://a.example/a/web-1.tgz?key=1"),
            ("https://a.example/a", "http://b.example/web-1.tgz", "http://b.example/web-1.tgz"),
            ("https://a.example/a", "oci://b.example/web:1", "oci://b.example/web:1"),
            ("https://a.example/a", "//b.example/web-1.tgz", "https://b.example/web-1.tgz"),
        ] {
            assert_eq!(resolve(base, reference), expected, "{base} {reference}");
        }
        for (from, location, expected) in [
            ("http://a.example/x/y", "z", "http://a.example/x/z"),
            ("http://a.example/x/y", "/z?q=1", "http://a.example/z?q=1"),
            ("http://a.example/x/y", "http://b.example/", "http://b.example/"),
        ] {
            assert_eq!(redirected(&from.parse().unwrap(), location), expected);
        }
    }

    #[test]
    fn passwords_in_addresses_are_used_and_never_shown() {
        let (uri, user) = read("https://me:p%40ss@a.example:8443/x?y=1").unwrap();
        assert_eq!(uri.to_string(), "https://a.example:8443/x?y=1");
        assert_eq!(user, Some(("me".into(), "p@ss".into())));
        assert_eq!(shown("https://me:p%40ss@a.example:8443/x?y=1"), "https://a.example:8443/x?y=1");
        for (text, expected) in [
            ("ftp://a.example/x", "could not find protocol handler for: ftp"),
            ("https://", "not an http or https address"),
            ("https://u:secret@:80/x y", "not an http or https address"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{text}: {error}");
        }
        let origin = |text: &str| Origin::of(&read(text).unwrap().0).unwrap();
        assert_eq!(origin("https://A.example/x"), origin("https://a.example:443/y"));
        assert_ne!(origin("https://a.example/"), origin("http://a.example/"));
        assert_ne!(origin("https://a.example/"), origin("https://a.example:444/"));
    }
}
