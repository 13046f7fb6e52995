//! `format` of JSON Schema, for the drafts in which it is binding (santhosh-tekuri/jsonschema v6.0.3, `format.go`). Formats
//! that are not here fit everything.

use backstay_gotemplate::{UrlParts, check_date, go_regex, quoted_rune, url_parts};

use crate::formats_net::{email, hostname, ipv4, ipv6};

/// What is wrong, in the words of the library in Helm.
pub(crate) type Checked = Result<(), String>;

/// Whether a text has the format; the error says why not.
pub(crate) fn check(format: &str, text: &str) -> Checked {
    match format {
        "ipv4" => ipv4(text),
        "ipv6" => ipv6(text),
        "hostname" => hostname(text),
        "email" => email(text),
        "uri" | "iri" => uri(text),
        "uri-reference" | "iri-reference" => uri_reference(text),
        "uri-template" => uri_template(text),
        "regex" => go_regex(text).map(|_| ()).map_err(|error| error.to_string()),
        "date" => check_date(text),
        "time" => time(text),
        "date-time" => date_time(text),
        "duration" => duration(text),
        "period" => period(text),
        "uuid" => uuid(text),
        "json-pointer" => json_pointer(text),
        "relative-json-pointer" => relative_json_pointer(text),
        "semver" => semver(text),
        _ => Ok(()),
    }
}

pub(crate) fn wrong<T>(words: impl Into<String>) -> Result<T, String> {
    Err(words.into())
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn url(text: &str) -> Result<UrlParts, String> {
    let url = url_parts(text)?;
    if url.hostname.contains(':') {
        if !url.host.contains('[') || !url.host.contains(']') {
            return wrong("ipv6 address not enclosed in brackets");
        }
        ipv6(&url.hostname).map_err(|error| format!("invalid ipv6 address: {error}"))?;
    }
    Ok(url)
}

fn uri(text: &str) -> Checked {
    if url(text)?.scheme.is_empty() { wrong("relative url") } else { Ok(()) }
}

fn uri_reference(text: &str) -> Checked {
    if text.contains('\\') { wrong("contains \\") } else { url(text).map(|_| ()) }
}

fn uri_template(text: &str) -> Checked {
    let mut is_open = false;
    for part in url(text)?.odd_path.split('/') {
        for brace in part.chars().filter(|char| matches!(char, '{' | '}')) {
            if (brace == '{') == is_open {
                return wrong("nested curly braces");
            }
            is_open = !is_open;
        }
        if is_open {
            return wrong("no matching closing brace");
        }
    }
    Ok(())
}

/// `hh:mm:ss`, a fraction, and `Z` or an offset (RFC 3339, 5.6).
fn time(text: &str) -> Checked {
    if text.len() < 9 {
        return wrong("less than 9 characters long");
    }
    let colon = |text: &str, at: usize| text.as_bytes().get(at) == Some(&b':');
    if !colon(text, 2) || !colon(text, 5) {
        return wrong("missing colon in correct place");
    }
    let (clock, mut rest) = text.split_at_checked(8).ok_or("invalid hour/min/sec")?;
    let clock = numbers(clock, 3, "hour/min/sec")?;
    let [hour, minute, second] = clock[..] else { return wrong("missing hour/min/sec") };
    if hour > 23 || minute > 59 || second > 60 {
        return wrong("hour/min/sec out of range");
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return wrong("no digits in second fraction");
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    let mut minutes = hour * 60 + minute;
    if !rest.eq_ignore_ascii_case("z") {
        minutes = (minutes + offset(rest)?).rem_euclid(24 * 60);
    }
    // A leap second is the last of a day.
    if second == 60 && minutes != 23 * 60 + 59 { wrong("invalid leap second") } else { Ok(()) }
}

/// Minutes from a local time to UTC.
fn offset(text: &str) -> Result<i64, String> {
    if text.len() != 6 {
        return wrong("offset must be 6 characters long");
    }
    let (sign, clock) = match text.split_at_checked(1) {
        Some(("+", clock)) => (-1, clock),
        Some(("-", clock)) => (1, clock),
        _ => return wrong("offset must begin with plus/minus"),
    };
    if clock.as_bytes().get(2) != Some(&b':') {
        return wrong("missing colon in offset in correct place");
    }
    match numbers(clock, 2, "hour/min in offset")?[..] {
        [hour, minute] if hour <= 23 && minute <= 59 => Ok(sign * (hour * 60 + minute)),
        _ => wrong("hour/min in offset out of range"),
    }
}

fn numbers(text: &str, count: usize, what: &str) -> Result<Vec<i64>, String> {
    let number = |part: &str| match part.parse::<i64>() {
        Ok(number) if number < 0 => Err(format!("non-positive {what}")),
        Ok(number) => Ok(number),
        Err(_) => Err(format!("invalid {what}")),
    };
    text.splitn(count, ':').map(number).collect()
}

fn date_time(text: &str) -> Checked {
    if text.len() < 20 {
        return wrong("less than 20 characters long");
    }
    if !text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b't' | b'T')) {
        return wrong("11th character must be t or T");
    }
    let (date, clock) = (text.get(..10).unwrap_or_default(), text.get(11..).unwrap_or_default());
    check_date(date).map_err(|error| format!("invalid date element: {error}"))?;
    time(clock).map_err(|error| format!("invalid time element: {error}"))
}

/// RFC 3339, appendix A.
fn duration(text: &str) -> Checked {
    let rest = text.strip_prefix('P').ok_or("must start with P")?;
    if rest.is_empty() {
        return wrong("nothing after P");
    }
    if let Some(weeks) = rest.strip_suffix('W') {
        return match weeks {
            "" => wrong("no number in week"),
            _ if digits(weeks) < weeks.len() => wrong("invalid week"),
            _ => Ok(()),
        };
    }
    for (index, part) in rest.split('T').enumerate() {
        if index != 0 && part.is_empty() {
            return wrong("no time elements");
        }
        let all = ["YMD", "HMS"].get(index).ok_or("more than one T")?;
        units(part, all)?;
    }
    Ok(())
}

fn units(mut rest: &str, all: &str) -> Checked {
    let mut left = all;
    while !rest.is_empty() {
        let count = digits(rest);
        if count == 0 {
            return wrong("missing number");
        }
        rest = rest.get(count..).unwrap_or_default();
        let Some(unit) = rest.bytes().next() else { return wrong("missing unit") };
        let unit = char::from(unit);
        let Some((_, after)) = left.split_once(unit) else {
            let shown = quoted_rune(unit);
            return wrong(if all.contains(unit) {
                format!("unit {shown} out of order")
            } else {
                format!("invalid unit {shown}")
            });
        };
        left = after;
        rest = rest.get(1..).unwrap_or_default();
    }
    Ok(())
}

fn period(text: &str) -> Checked {
    let (start, end) = text.split_once('/').ok_or("missing slash")?;
    let name = |which: &'static str| move |error: String| format!("invalid {which}: {error}");
    if start.starts_with('P') {
        duration(start).map_err(name("start duration"))?;
        return date_time(end).map_err(name("end date-time"));
    }
    date_time(start).map_err(name("start date-time"))?;
    if end.starts_with('P') {
        return duration(end).map_err(name("end duration"));
    }
    date_time(end).map_err(name("end date-time"))
}

/// RFC 4122, section 3.
fn uuid(text: &str) -> Checked {
    let groups: Vec<&str> = text.split('-').collect();
    if groups.len() != 5 {
        return wrong("must have 5 elements");
    }
    for (index, (group, length)) in groups.iter().zip([8, 4, 4, 4, 12]).enumerate() {
        if group.len() != length {
            return wrong(format!("element {} must be {length} characters long", index + 1));
        }
        if let Some(char) = group.chars().find(|char| !char.is_ascii_hexdigit()) {
            return wrong(format!("non-hex character {}", quoted_rune(char)));
        }
    }
    Ok(())
}

/// RFC 6901, section 3.
fn json_pointer(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let rest = text.strip_prefix('/').ok_or("not starting with /")?;
    for part in rest.split('/') {
        for after in part.split('~').skip(1) {
            if !after.starts_with(['0', '1']) {
                return wrong("~ must be followed by 0 or 1");
            }
        }
    }
    Ok(())
}

fn relative_json_pointer(text: &str) -> Checked {
    let count = digits(text);
    if count == 0 {
        return wrong("must start with non-negative integer");
    }
    if count > 1 && text.starts_with('0') {
        return wrong("starts with zero");
    }
    match text.get(count..).unwrap_or_default() {
        "#" => Ok(()),
        rest => json_pointer(rest),
    }
}

fn semver(text: &str) -> Checked {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '-';
    let identifiers = |list: &str, name: &str| {
        for part in list.split('.') {
            if part.is_empty() {
                return wrong(format!("{name} identifier is empty"));
            }
            if let Some(char) = part.chars().find(|char| !is_part(*char)) {
                return wrong(format!("invalid character {} in {name} identifier", quoted_rune(char)));
            }
            if name == "pre-release" && part.len() > 1 && part.starts_with('0') && digits(part) == part.len()
            {
                return wrong("pre-release numeric identifier starts with zero");
            }
        }
        Ok(())
    };
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    match build {
        Some("") => return wrong("build is empty"),
        Some(build) => identifiers(build, "build")?,
        None => {}
    }
    let (core, release) = text.split_once('-').map_or((text, None), |(core, release)| (core, Some(release)));
    release.map_or(Ok(()), |release| identifiers(release, "pre-release"))?;
    let numbers: Vec<&str> = core.split('.').collect();
    if numbers.len() != 3 {
        return wrong("versionCore must have 3 numbers separated by dot");
    }
    for (number, name) in numbers.iter().zip(["major", "minor", "patch"]) {
        if number.is_empty() {
            return wrong(format!("{name} is empty"));
        }
        if number.len() > 1 && number.starts_with('0') {
            return wrong(format!("{name} starts with zero"));
        }
        if digits(number) < number.len() {
            return wrong(format!("{name} contains non-digit"));
        }
    }
    Ok(())
}
