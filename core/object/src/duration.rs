//! Durations as Go writes them (`5m0s`, `1.5h`, `300ms`): Helm's flags and chart values use this form.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

/// The text is not a Go duration, or it is negative.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a duration like 30s, 5m or 1h30m")]
pub struct DurationError(pub String);

const UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Reads a duration as Go's `time.ParseDuration` does, refusing negative ones.
///
/// # Errors
/// When the text has another shape, no unit, or a minus sign.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = || DurationError(text.to_string());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(fail());
    }
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fail)?;
        let (number, tail) = rest.split_at_checked(number_end).ok_or_else(fail)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end).ok_or_else(fail)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fail)?;
        if number == "." {
            return Err(fail());
        }
        let number = if number.starts_with('.') { format!("0{number}") } else { number.to_string() };
        seconds += number.trim_end_matches('.').parse::<f64>().map_err(|_| fail())? * scale;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| fail())
}

/// Writes a duration for people: `2m30s`, `45s`, `1h`, `1.5s`, `350ms`. Tenths are kept below a minute.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    if millis < 60_000 {
        let tenths = (millis + 50) / 100;
        return match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            tenth => format!("{}.{tenth}s", tenths / 10),
        };
    }
    let seconds = (millis + 500) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, 0, 0) => format!("{hours}h"),
        (hours, minutes, 0) => format!("{hours}h{minutes}m"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_go_durations() {
        for (text, millis) in [
            ("5m0s", 300_000),
            ("1.5h30m", 7_200_000),
            ("0", 0),
            (".5s", 500),
            ("+5m", 300_000),
            ("100ms", 100),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_millis(), millis, "{text}");
        }
        for bad in ["", "5", "-5m", "1d", "m", ".s", "5 m", "1e3s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_for_people() {
        for (millis, text) in [
            (0, "0ms"),
            (350, "350ms"),
            (1_040, "1s"),
            (2_100, "2.1s"),
            (150_000, "2m30s"),
            (3_600_000, "1h"),
            (3_660_000, "1h1m"),
            (300_000, "5m"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
    }
}
