//! `format` of JSON Schema, for the drafts in which it is binding. Formats that are not here fit everything.

/// Whether a text has the format; the error says why not.
pub(crate) fn check(format: &str, text: &str) -> Result<(), &'static str> {
    let fits = |fits: bool, wrong: &'static str| if fits { Ok(()) } else { Err(wrong) };
    match format {
        "ipv4" => fits(text.parse::<std::net::Ipv4Addr>().is_ok(), "expected four decimals"),
        "ipv6" => fits(text.parse::<std::net::Ipv6Addr>().is_ok(), "invalid IPv6 address"),
        "uri" => fits(is_uri(text), "relative url"),
        "email" => fits(is_email(text), "missing @"),
        "hostname" => fits(is_hostname(text), "invalid host name"),
        "regex" => fits(backstay_gotemplate::go_regex(text).is_ok(), "invalid regular expression"),
        "date" => fits(is_date(text), "must be 10 characters long"),
        "date-time" => fits(is_date_time(text), "invalid date-time"),
        _ => Ok(()),
    }
}

fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|char: char| char.is_ascii_alphabetic())
            && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
            && !rest.contains(char::is_whitespace)
    })
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && local.len() <= 64 && (is_hostname(host) || host.starts_with('['))
    })
}

fn is_hostname(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|char| char.is_ascii_alphanumeric() || char == '-')
        })
}

fn number(text: &str, length: usize, range: std::ops::RangeInclusive<u32>) -> bool {
    text.len() == length
        && text.chars().all(|char| char.is_ascii_digit())
        && text.parse().is_ok_and(|number: u32| range.contains(&number))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [year, month, day] if number(year, 4, 0..=9999) && number(month, 2, 1..=12) && number(day, 2, 1..=31))
}

fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    let time = time.trim_end_matches(['Z', 'z']);
    let clock = time.get(..8).unwrap_or_default();
    let parts: Vec<&str> = clock.split(':').collect();
    is_date(date)
        && matches!(parts[..], [hour, minute, second]
            if number(hour, 2, 0..=23) && number(minute, 2, 0..=59) && number(second, 2, 0..=60))
}
