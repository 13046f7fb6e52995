//! What counts as an address of a page or of a person (the checks that Helm takes from `govalidator`).

/// An absolute URI: a scheme, and nothing that Go's `url.ParseRequestURI` refuses.
pub(super) fn is_request(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut letters = scheme.chars();
    let begins = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let scheme = begins && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    scheme
        && !text.chars().any(|c| c.is_control())
        && host_of(rest).is_none_or(is_host)
        && escapes_are_whole(rest)
}

fn host_of(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.get(..end)
}

/// Go refuses spaces and other characters that no host may have, and ports that are no numbers.
fn is_host(host: &str) -> bool {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    port.chars().all(|c| c.is_ascii_digit())
        && !name.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'])
}

fn escapes_are_whole(text: &str) -> bool {
    text.match_indices('%').all(|(at, _)| {
        text.get(at + 1..at + 3).is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))
    })
}

/// A page: with or without a scheme, a host that is a name or an address.
pub(super) fn is_page(text: &str) -> bool {
    const SCHEMES: [&str; 7] = ["ftp", "tcp", "udp", "ws", "wss", "http", "https"];
    if text.len() <= 3
        || text.chars().count() >= 2083
        || text.starts_with('.')
        || text.contains(char::is_whitespace)
    {
        return false;
    }
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if SCHEMES.contains(&scheme) => rest,
        Some(_) => return false,
        None => text,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port =
        port.is_none_or(|port| (1..=5).contains(&port.len()) && port.chars().all(|c| c.is_ascii_digit()));
    port && escapes_are_whole(rest) && (name == "localhost" || name.starts_with('[') || is_domain(name))
}

fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    name.contains('.') && name.strip_suffix('.').unwrap_or(name).split('.').all(label)
}

/// A mail address: something before the sign, a domain with a dot behind it.
pub(super) fn is_mail(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let plain = !local.is_empty()
        && local.split('.').all(|part| !part.is_empty())
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let last = domain.rsplit('.').next().unwrap_or_default();
    (quoted || plain)
        && is_domain(domain)
        && last.chars().all(|c| c.is_alphabetic() || c == '-')
        && last.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, request, page, mail) in [
            ("https://example.com/icon.svg", true, true, false),
            ("example.com", false, true, false),
            ("https://exa mple.com", false, false, false),
            ("file:///icon.png", true, false, false),
            ("icon.png", false, true, false),
            ("oci://registry/x", true, false, false),
            ("http://h:port", false, false, false),
            ("https://a/%zz", false, false, false),
            ("", false, false, false),
            ("me@example.com", false, true, true),
            ("me@example", false, false, false),
            ("example.com@", false, false, false),
        ] {
            assert_eq!((is_request(text), is_page(text), is_mail(text)), (request, page, mail), "{text}");
        }
    }
}
