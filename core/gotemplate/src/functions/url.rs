//! Addresses as Go's `net/url` (1.26) takes them apart and puts them together.

use std::fmt;

use super::address::{AddressKind, address_kind};
use super::arguments::quoted;

/// The parts of an address, decoded.
#[derive(Default)]
pub(super) struct Url {
    pub(super) scheme: String,
    pub(super) opaque: String,
    pub(super) user: Option<User>,
    pub(super) host: String,
    pub(super) path: String,
    /// The path as it was written, where [`escape`] would write it otherwise (Go `URL.RawPath`).
    pub(super) odd_path: String,
    pub(super) query: String,
    pub(super) fragment: String,
}

/// Who asks.
pub(super) struct User {
    name: String,
    password: Option<String>,
}

/// Which part of an address: each lets other characters stand as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

/// What a schema's formats ask of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlParts {
    /// In small letters; empty where there is none.
    pub scheme: String,
    /// With port and brackets.
    pub host: String,
    /// Without.
    pub hostname: String,
    /// The path as it was written, where Go would write it otherwise (`URL.RawPath`).
    pub odd_path: String,
}

/// Takes an address apart (Go 1.26 `url.Parse`).
///
/// # Errors
/// With Go's words, when it is none.
pub fn url_parts(text: &str) -> Result<UrlParts, String> {
    let url = Url::parse(text)?;
    let hostname = url.hostname().to_owned();
    Ok(UrlParts { scheme: url.scheme, host: url.host, hostname, odd_path: url.odd_path })
}

impl Url {
    /// Go's `url.Parse`, with its words for what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (front, fragment) = text.split_once('#').unwrap_or((text, ""));
        let words = |subject: &str, error: String| format!("parse {}: {error}", quoted(subject));
        let mut url = Self::parse_front(front).map_err(|error| words(front, error))?;
        url.fragment = unescape(fragment, Part::Fragment).map_err(|error| words(text, error))?;
        Ok(url)
    }

    fn parse_front(text: &str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        if text == "*" {
            return Ok(Self { path: text.to_owned(), ..Self::default() });
        }
        let (scheme, rest) = scheme(text)?;
        let mut url = Self { scheme: scheme.to_ascii_lowercase(), ..Self::default() };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        query.clone_into(&mut url.query);
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let mut path = rest;
        if (!url.scheme.is_empty() || !rest.starts_with("///"))
            && let Some(after) = rest.strip_prefix("//")
        {
            let (authority, after) = after.split_at(after.find('/').unwrap_or(after.len()));
            path = after;
            let (user, host) =
                authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
            url.host = host_of(&url.scheme, host)?;
            url.user = user.map(User::parse).transpose()?;
        }
        url.path = unescape(path, Part::Path)?;
        if escape(&url.path, Part::Path) != path {
            path.clone_into(&mut url.odd_path);
        }
        Ok(url)
    }

    /// The host without port and brackets.
    pub(super) fn hostname(&self) -> &str {
        let host = match self.host.rfind(':').map(|colon| self.host.split_at(colon)) {
            Some((host, port)) if optional_port(port) => host,
            _ => &self.host,
        };
        host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(out, "{}:", self.scheme)?;
        }
        if self.opaque.is_empty() {
            let authority = !self.host.is_empty() || self.user.is_some();
            if authority || (!self.scheme.is_empty() && !self.path.is_empty()) {
                out.write_str("//")?;
            }
            if let Some(user) = &self.user {
                write!(out, "{user}@")?;
            }
            out.write_str(&escape(&self.host, Part::Host))?;
            let path = if self.path == "*" { "*".to_owned() } else { escape(&self.path, Part::Path) };
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.write_str("/")?;
            }
            let relative = self.scheme.is_empty() && !authority;
            if relative && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
                out.write_str("./")?;
            }
            out.write_str(&path)?;
        } else {
            out.write_str(&self.opaque)?;
        }
        if !self.query.is_empty() {
            write!(out, "?{}", self.query)?;
        }
        if !self.fragment.is_empty() {
            write!(out, "#{}", escape(&self.fragment, Part::Fragment))?;
        }
        Ok(())
    }
}

impl User {
    fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
        if !text.chars().all(allowed) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) =
            text.split_once(':').map_or((text, None), |(name, password)| (name, Some(password)));
        Ok(Self {
            name: unescape(name, Part::User)?,
            password: password.map(|password| unescape(password, Part::User)).transpose()?,
        })
    }
}

impl fmt::Display for User {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&escape(&self.name, Part::User))?;
        match &self.password {
            Some(password) => write!(out, ":{}", escape(password, Part::User)),
            None => Ok(()),
        }
    }
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok(text.split_once(':').unwrap_or(("", text))),
            _ => break,
        }
    }
    Ok(("", text))
}

fn optional_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn host_of(scheme: &str, host: &str) -> Result<String, String> {
    let bad_port = |port: &str| format!("invalid port {} after host", quoted(port));
    if let Some(inner) = host.strip_prefix('[') {
        let Some((address, port)) = inner.rsplit_once(']') else {
            return Err("missing ']' in host".to_owned());
        };
        if !optional_port(port) {
            return Err(bad_port(port));
        }
        let decoded = match address.find("%25").map(|at| address.split_at(at)) {
            Some((front, zone)) => unescape(front, Part::Host)? + &unescape(zone, Part::Zone)?,
            None => unescape(address, Part::Host)?,
        };
        match address_kind(&decoded).map_err(|error| format!("invalid host: {error}"))? {
            AddressKind::Four => return Err("invalid IP-literal".to_owned()),
            AddressKind::Six | AddressKind::SixWithZone => {}
        }
        return Ok(format!("[{decoded}]{port}"));
    }
    if host.contains('[') {
        return Err("invalid IP-literal".to_owned());
    }
    let colon = if matches!(scheme, "http" | "https") { host.find(':') } else { host.rfind(':') };
    if let Some((_, port)) = colon.map(|at| host.split_at(at))
        && !optional_port(port)
    {
        return Err(bad_port(port));
    }
    unescape(host, Part::Host)
}

fn stays(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~$&+,;=".contains(&byte) {
        return true;
    }
    let more: &[u8] = match part {
        Part::Path => b"/:@",
        Part::Host | Part::Zone => b"!'()*:[]<>\"",
        Part::User => b"",
        Part::Fragment => b"/:?@!()*",
    };
    more.contains(&byte)
}

fn escape(text: &str, part: Part) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte, part) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescape(text: &str, part: Part) -> Result<String, String> {
    let bytes = text.as_bytes();
    let bad = |at: usize| {
        let end = bytes.len().min(at + 3);
        let shown = String::from_utf8_lossy(bytes.get(at..end).unwrap_or_default()).into_owned();
        format!("invalid URL escape {}", quoted(&shown))
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if byte == b'%' {
            let code = text.get(at + 1..at + 3).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
            let Some(value) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) else {
                return Err(bad(at));
            };
            // In hosts only what is not ASCII may be escaped; a zone may hold a blank and %25.
            let zone_refuses =
                part == Part::Zone && value != b'%' && value != b' ' && !stays(value, Part::Host);
            if (part == Part::Host && value < 0x80 && value != b'%') || zone_refuses {
                return Err(bad(at));
            }
            out.push(value);
            at += 3;
            continue;
        }
        if matches!(part, Part::Host | Part::Zone) && byte < 0x80 && !stays(byte, part) {
            return Err(format!("invalid character {} in host name", quoted(&char::from(byte).to_string())));
        }
        out.push(byte);
        at += 1;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}
