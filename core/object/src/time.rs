//! Points in time, as milliseconds since the Unix epoch, and their RFC 3339 form.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use serde::Serialize;

use crate::FromJson;

/// Milliseconds since the Unix epoch (UTC), given by the host. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, FromJson)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// The text is not an RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a time like 2026-01-31T12:00:00Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// The latest representable time: "never".
    pub const MAX: Self = Self(u64::MAX);

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This time moved later by `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This time moved earlier by `duration`, not before the epoch.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The form Kubernetes uses in object metadata: whole seconds, `Z`.
    #[must_use]
    pub fn to_rfc3339_seconds(self) -> String {
        let (year, month, day, seconds) = civil(self.0 / 1000);
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    /// With milliseconds, as Helm's records carry (Go's `RFC3339Nano` drops trailing zeros; so does this).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let millis = self.0 % 1000;
        let whole = self.to_rfc3339_seconds();
        if millis == 0 {
            return whole;
        }
        let fraction = format!("{millis:03}");
        format!("{}.{}Z", whole.trim_end_matches('Z'), fraction.trim_end_matches('0'))
    }

    /// Reads an RFC 3339 time with any offset and any number of fraction digits (finer than milliseconds is cut).
    ///
    /// # Errors
    /// When the text has another shape or the time lies before 1970.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        parse(text).ok_or_else(|| TimestampError(text.to_string()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_rfc3339())
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let millis = digits(&format!("{fraction:0<3}").chars().take(3).collect::<String>())?;
    let offset_minutes = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let total = digits(hours)? * 60 + digits(minutes)?;
            if sign == "-" { -total } else { total }
        }
    };
    let seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
    u64::try_from(seconds * 1000 + millis).ok().map(Timestamp)
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month, day and second of the day of a number of seconds since the epoch.
fn civil(epoch_seconds: u64) -> (u64, u64, u64, u64) {
    let days = epoch_seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day, epoch_seconds % 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_both_ways() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-21T02:18:17Z", 1_795_227_497_000),
            ("2024-02-29T23:59:59.123Z", 1_709_251_199_123),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
        ] {
            let time = Timestamp::parse(text).unwrap();
            assert_eq!(time.0, millis, "{text}");
            assert_eq!(time.to_rfc3339(), text);
        }
        assert_eq!(
            Timestamp::parse("2026-11-21T04:18:17.5+02:00").unwrap().to_rfc3339(),
            "2026-11-21T02:18:17.5Z"
        );
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "1969-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }
}
