//! Go's layouts: the reference time `Mon Jan 2 15:04:05 MST 2006` as a pattern.

use super::time::{MONTHS, Time, WEEKDAYS};

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperHalf,
    LowerHalf,
    ZoneName,
    /// `Z` for UTC; with a colon; how many pairs of digits.
    Offset {
        z: bool,
        colon: bool,
        pairs: u8,
    },
    /// `.000` or `.999`: how many digits; whether zeros at the end stay.
    Fraction {
        digits: usize,
        all: bool,
        comma: bool,
    },
}

/// The elements that begin with a fixed text, the longer ones first.
const FIXED: &[(&str, Part)] = &[
    ("January", Part::LongMonth),
    ("Monday", Part::LongWeekday),
    ("MST", Part::ZoneName),
    ("002", Part::ZeroYearDay),
    ("01", Part::ZeroMonth),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("1", Part::NumberMonth),
    ("2006", Part::LongYear),
    ("2", Part::Day),
    ("__2", Part::SpaceYearDay),
    ("_2", Part::SpaceDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::UpperHalf),
    ("pm", Part::LowerHalf),
    ("-070000", Part::Offset { z: false, colon: false, pairs: 3 }),
    ("-07:00:00", Part::Offset { z: false, colon: true, pairs: 3 }),
    ("-0700", Part::Offset { z: false, colon: false, pairs: 2 }),
    ("-07:00", Part::Offset { z: false, colon: true, pairs: 2 }),
    ("-07", Part::Offset { z: false, colon: false, pairs: 1 }),
    ("Z070000", Part::Offset { z: true, colon: false, pairs: 3 }),
    ("Z07:00:00", Part::Offset { z: true, colon: true, pairs: 3 }),
    ("Z0700", Part::Offset { z: true, colon: false, pairs: 2 }),
    ("Z07:00", Part::Offset { z: true, colon: true, pairs: 2 }),
    ("Z07", Part::Offset { z: true, colon: false, pairs: 1 }),
];

/// The text before the next element, the element with its text, and the rest.
pub(super) fn next_part(layout: &str) -> (&str, Option<(Part, &str)>, &str) {
    for (at, _) in layout.char_indices() {
        let (before, rest) = layout.split_at(at);
        // Go takes `_2006` for an underscore and a year.
        if rest.starts_with("_2006") {
            continue;
        }
        if let Some((part, length)) = part_at(rest) {
            let (shown, after) = rest.split_at(length);
            return (before, Some((part, shown)), after);
        }
    }
    (layout, None, "")
}

fn part_at(text: &str) -> Option<(Part, usize)> {
    if let Some((name, part)) = FIXED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((*part, name.len()));
    }
    let lower_follows = || text.as_bytes().get(3).is_some_and(u8::is_ascii_lowercase);
    if text.starts_with("Jan") && !lower_follows() {
        return Some((Part::Month, 3));
    }
    if text.starts_with("Mon") && !lower_follows() {
        return Some((Part::Weekday, 3));
    }
    let rest = text.strip_prefix(['.', ','])?;
    let digit = rest.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let after = rest.trim_start_matches(digit);
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = rest.len() - after.len();
    let part = Part::Fraction { digits, all: digit == '0', comma: text.starts_with(',') };
    Some((part, digits + 1))
}

/// Go's `Time.Format`.
pub(super) fn format(time: &Time, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    loop {
        let (before, part, after) = next_part(rest);
        out.push_str(before);
        let Some((part, _)) = part else { return out };
        write_part(&mut out, time, part);
        rest = after;
    }
}

fn name_of(names: &[&'static str], index: i64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

fn write_part(out: &mut String, time: &Time, part: Part) {
    let (year, month, day) = time.date();
    let (hour, minute, second) = time.clock();
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let month_name = name_of(&MONTHS, month - 1);
    let weekday = name_of(&WEEKDAYS, time.weekday());
    let short = |name: &'static str| name.get(..3).unwrap_or(name).to_owned();
    let text = match part {
        Part::LongMonth => month_name.to_owned(),
        Part::Month => short(month_name),
        Part::NumberMonth => month.to_string(),
        Part::ZeroMonth => format!("{month:02}"),
        Part::LongWeekday => weekday.to_owned(),
        Part::Weekday => short(weekday),
        Part::Day => day.to_string(),
        Part::SpaceDay => format!("{day:2}"),
        Part::ZeroDay => format!("{day:02}"),
        Part::SpaceYearDay => format!("{:3}", time.year_day()),
        Part::ZeroYearDay => format!("{:03}", time.year_day()),
        Part::Hour => format!("{hour:02}"),
        Part::Hour12 => twelve.to_string(),
        Part::ZeroHour12 => format!("{twelve:02}"),
        Part::Minute => minute.to_string(),
        Part::ZeroMinute => format!("{minute:02}"),
        Part::Second => second.to_string(),
        Part::ZeroSecond => format!("{second:02}"),
        Part::LongYear if year < 0 => format!("-{:04}", -year),
        Part::LongYear => format!("{year:04}"),
        Part::Year => format!("{:02}", year.rem_euclid(100)),
        Part::UpperHalf => if hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Part::LowerHalf => if hour >= 12 { "pm" } else { "am" }.to_owned(),
        Part::ZoneName if time.zone.name.is_empty() => offset(time.zone.offset, false, 2),
        Part::ZoneName => time.zone.name.to_string(),
        Part::Offset { z: true, .. } if time.zone.offset == 0 => "Z".to_owned(),
        Part::Offset { colon, pairs, .. } => offset(time.zone.offset, colon, pairs),
        Part::Fraction { digits, all, comma } => fraction(time.nanoseconds, digits, all, comma),
    };
    out.push_str(&text);
}

fn offset(seconds: i64, colon: bool, pairs: u8) -> String {
    // Go looks at whole minutes for the sign.
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let total = seconds.abs();
    let colon = if colon { ":" } else { "" };
    let mut out = format!("{sign}{:02}", total / 3_600);
    if pairs > 1 {
        out.push_str(&format!("{colon}{:02}", total / 60 % 60));
    }
    if pairs > 2 {
        out.push_str(&format!("{colon}{:02}", total % 60));
    }
    out
}

fn fraction(nanoseconds: i64, digits: usize, all: bool, comma: bool) -> String {
    let nine = format!("{nanoseconds:09}");
    let mut shown: String = nine.chars().chain(std::iter::repeat('0')).take(digits).collect();
    if digits > 9 {
        shown = nine;
    }
    let kept = if all { shown.as_str() } else { shown.trim_end_matches('0') };
    if kept.is_empty() {
        return String::new();
    }
    format!("{}{kept}", if comma { ',' } else { '.' })
}
