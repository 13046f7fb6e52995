//! Cron schedules: which minutes they name.

use backstay_object::Timestamp;

pub(super) const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

/// A cron schedule: sets of minutes, hours, days of the month, months and days of the week, as bits.
pub(super) struct Schedule {
    sets: [u64; 5],
    /// Whether days of month and of week are both given: then one of them is enough.
    either_day: bool,
}

const LIMITS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
const NAMES: [&str; 19] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sun", "mon", "tue",
    "wed", "thu", "fri", "sat",
];

impl Schedule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != 5 {
            return None;
        }
        let mut sets = [0; 5];
        for ((set, field), (low, high)) in sets.iter_mut().zip(&fields).zip(LIMITS) {
            for part in field.split(',') {
                *set |= part_set(part, low, high)?;
            }
        }
        let given = |at: usize| fields.get(at).is_some_and(|field| !field.starts_with(['*', '?']));
        Some(Self { sets, either_day: given(2) && given(4) })
    }

    fn has(&self, at: usize, number: u64) -> bool {
        self.sets.get(at).is_some_and(|set| set >> number & 1 == 1)
    }

    fn day_fits(&self, day: u64) -> bool {
        let (month, of_month) = month_and_day(day);
        let (by_month, by_week) = (self.has(2, of_month), self.has(4, (day + 4) % 7));
        self.has(3, month) && if self.either_day { by_month || by_week } else { by_month && by_week }
    }

    /// The first scheduled minute after a time, within five years.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let first = after.0 / MINUTE + 1;
        let first_day = first * MINUTE / DAY;
        for day in (first_day..first_day + 5 * 366).filter(|day| self.day_fits(*day)) {
            let minutes = (day * 1440).max(first)..(day + 1) * 1440;
            let hit =
                minutes.into_iter().find(|minute| self.has(1, minute / 60 % 24) && self.has(0, minute % 60));
            if let Some(minute) = hit {
                return Some(Timestamp(minute * MINUTE));
            }
        }
        None
    }

    /// The last scheduled minute after one time and not after another.
    pub(super) fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        // Long ago does not matter: no more than the last week is looked through.
        let mut at = Timestamp(after.0.max(until.0.saturating_sub(7 * DAY)));
        let mut latest = None;
        while let Some(next) = self.next(at).filter(|next| *next <= until) {
            latest = Some(next);
            at = next;
        }
        latest
    }
}

fn part_set(part: &str, low: u32, high: u32) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
        None => (part, 1),
    };
    let number = |text: &str| -> Option<u32> {
        let word = text.to_ascii_lowercase();
        let value = match NAMES.iter().position(|name| *name == word) {
            Some(at) if at < 12 => u32::try_from(at + 1).ok()?,
            Some(at) => u32::try_from(at - 12).ok()?,
            None => text.parse().ok()?,
        };
        let value = if high == 6 && value == 7 { 0 } else { value };
        (low..=high).contains(&value).then_some(value)
    };
    let (from, to) = match range {
        "*" | "?" => (low, high),
        range => match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if step > 1 => (number(range)?, high),
            None => (number(range)?, number(range)?),
        },
    };
    let step = usize::try_from(step).ok()?;
    Some((from..=to).step_by(step).fold(0, |set, value| set | 1 << value))
}

/// Month and day of the month of a day since 1970 (the days-to-civil rule of the proleptic Gregorian calendar).
fn month_and_day(day: u64) -> (u64, u64) {
    let shifted = day + 719_468;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        let start = Timestamp::parse("2026-02-27T23:59:30Z").unwrap();
        for (schedule, next) in [
            ("* * * * *", Some("2026-02-28T00:00:00Z")),
            ("*/15 3 * * *", Some("2026-02-28T03:00:00Z")),
            ("30 4 1 * *", Some("2026-03-01T04:30:00Z")),
            ("0 0 * * mon", Some("2026-03-02T00:00:00Z")),
            ("0 0 29 2 *", Some("2028-02-29T00:00:00Z")),
            ("0 12 1 * 6", Some("2026-02-28T12:00:00Z")),
            ("@monthly", Some("2026-03-01T00:00:00Z")),
            ("61 * * * *", None),
            ("* * * *", None),
        ] {
            let found = Schedule::parse(schedule).and_then(|schedule| schedule.next(start));
            assert_eq!(found.map(Timestamp::to_rfc3339_seconds).as_deref(), next, "{schedule}");
        }
    }
}
