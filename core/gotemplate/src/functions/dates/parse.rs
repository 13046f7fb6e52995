//! Go's `time.Parse`, with its words for what does not fit.

use std::rc::Rc;

use super::duration::quoted;
use super::layout::{Part, next_part};
use super::time::{MONTHS, Time, WEEKDAYS, Zone, days};

/// What is collected from the text.
#[derive(Default)]
struct Found {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: i64,
    /// `PM` or `AM`.
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: String,
}

/// Why an element does not fit.
enum Fault {
    Bad,
    /// The name of what is out of range, and the text behind it.
    Range(&'static str),
}

/// Reads a time; without zone it is UTC.
pub(super) fn parse(layout: &str, value: &str) -> Result<Time, String> {
    let words = |message: String| format!("parsing time {}{message}", quoted(value));
    let cannot = |rest: &str, element: &str| {
        let (value, layout) = (quoted(value), quoted(layout));
        let (rest, element) = (quoted(rest), quoted(element));
        format!("parsing time {value} as {layout}: cannot parse {rest} as {element}")
    };
    let mut found = Found::default();
    let (mut pattern, mut rest) = (layout, value);
    loop {
        let (before, part, after) = next_part(pattern);
        rest = skip(rest, before).map_err(|rest| cannot(rest, before))?;
        let Some((part, shown)) = part else {
            if rest.is_empty() {
                break;
            }
            return Err(words(format!(": extra text: {}", quoted(rest))));
        };
        let hold = rest;
        match found.read(part, &mut rest, after) {
            Ok(()) => {}
            Err(Fault::Bad) => return Err(cannot(hold, shown)),
            Err(Fault::Range(what)) => return Err(words(format!(": {what} out of range"))),
        }
        pattern = after;
    }
    found.time().map_err(|message| words(format!(": {message}")))
}

/// Passes over literal text; a blank stands for any number of blanks.
fn skip<'t>(value: &'t str, prefix: &str) -> Result<&'t str, &'t str> {
    let mut rest = value;
    let mut prefix = prefix;
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if rest.chars().next().is_some_and(|c| c != ' ') {
                return Err(rest);
            }
            prefix = prefix.trim_start_matches(' ');
            rest = rest.trim_start_matches(' ');
            continue;
        }
        rest = rest.strip_prefix(c).ok_or(rest)?;
        prefix = prefix.get(c.len_utf8()..).unwrap_or_default();
    }
    Ok(rest)
}

/// Takes so many bytes, if they are there.
fn take<'t>(rest: &mut &'t str, length: usize) -> Result<&'t str, Fault> {
    let (head, tail) = rest.split_at_checked(length).ok_or(Fault::Bad)?;
    *rest = tail;
    Ok(head)
}

/// One or two digits; with `fixed` two.
fn number(rest: &mut &str, fixed: bool) -> Result<i64, Fault> {
    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || (fixed && digits < 2) {
        return Err(Fault::Bad);
    }
    take(rest, digits)?.parse().map_err(|_| Fault::Bad)
}

fn in_range(value: i64, range: std::ops::Range<i64>, what: &'static str) -> Result<i64, Fault> {
    if range.contains(&value) { Ok(value) } else { Err(Fault::Range(what)) }
}

/// The index of the name that the text begins with, in any case.
fn name(rest: &mut &str, names: &[&str], length: usize) -> Result<i64, Fault> {
    for (index, name) in names.iter().enumerate() {
        let name = name.get(..length.min(name.len())).unwrap_or(name);
        if rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)) {
            take(rest, name.len())?;
            return i64::try_from(index).map_err(|_| Fault::Bad);
        }
    }
    Err(Fault::Bad)
}

impl Found {
    fn read(&mut self, part: Part, rest: &mut &str, layout: &str) -> Result<(), Fault> {
        match part {
            Part::Year => {
                let year: i64 = integer(take(rest, 2)?)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
            }
            Part::LongYear => {
                if !rest.starts_with(|c: char| c.is_ascii_digit()) {
                    return Err(Fault::Bad);
                }
                self.year = integer(take(rest, 4)?)?;
            }
            Part::Month => self.month = Some(name(rest, &MONTHS, 3)? + 1),
            Part::LongMonth => self.month = Some(name(rest, &MONTHS, 9)? + 1),
            Part::NumberMonth | Part::ZeroMonth => {
                self.month = Some(in_range(number(rest, part == Part::ZeroMonth)?, 1..13, "month")?);
            }
            Part::Weekday => drop(name(rest, &WEEKDAYS, 3)?),
            Part::LongWeekday => drop(name(rest, &WEEKDAYS, 9)?),
            Part::Day | Part::SpaceDay | Part::ZeroDay => {
                if part == Part::SpaceDay {
                    *rest = rest.strip_prefix(' ').unwrap_or(rest);
                }
                self.day = Some(number(rest, part == Part::ZeroDay)?);
            }
            Part::SpaceYearDay | Part::ZeroYearDay => self.read_year_day(part, rest)?,
            Part::Hour => self.hour = in_range(number(rest, false)?, 0..24, "hour")?,
            Part::Hour12 | Part::ZeroHour12 => {
                self.hour = in_range(number(rest, part == Part::ZeroHour12)?, 0..13, "hour")?;
            }
            Part::Minute | Part::ZeroMinute => {
                self.minute = in_range(number(rest, part == Part::ZeroMinute)?, 0..60, "minute")?;
            }
            Part::Second | Part::ZeroSecond => self.read_second(part, rest, layout)?,
            Part::UpperHalf => self.afternoon = Some(half(take(rest, 2)?, "PM", "AM")?),
            Part::LowerHalf => self.afternoon = Some(half(take(rest, 2)?, "pm", "am")?),
            Part::Offset { z: true, .. } if rest.starts_with('Z') => {
                take(rest, 1)?;
                self.utc = true;
            }
            Part::Offset { colon, pairs, .. } => self.read_offset(rest, colon, pairs)?,
            Part::ZoneName if rest.starts_with("UTC") => {
                take(rest, 3)?;
                self.utc = true;
            }
            Part::ZoneName => {
                let length = zone_name(rest).ok_or(Fault::Bad)?;
                take(rest, length)?.clone_into(&mut self.zone);
            }
            Part::Fraction { digits, all: true, .. } => {
                self.nanoseconds = fraction(take(rest, digits + 1)?)?;
            }
            Part::Fraction { .. } => self.read_fraction(rest)?,
        }
        Ok(())
    }

    fn read_year_day(&mut self, part: Part, rest: &mut &str) -> Result<(), Fault> {
        if part == Part::SpaceYearDay {
            for _ in 0..2 {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
            }
        }
        let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
        if digits == 0 || (part == Part::ZeroYearDay && digits < 3) {
            return Err(Fault::Bad);
        }
        self.year_day = Some(integer(take(rest, digits)?)?);
        Ok(())
    }

    /// A fraction behind the second is read even where the layout has none.
    fn read_second(&mut self, part: Part, rest: &mut &str, layout: &str) -> Result<(), Fault> {
        self.second = in_range(number(rest, part == Part::ZeroSecond)?, 0..60, "second")?;
        let (_, next, _) = next_part(layout);
        if matches!(next, Some((Part::Fraction { .. }, _))) {
            return Ok(());
        }
        self.read_fraction(rest)
    }

    fn read_fraction(&mut self, rest: &mut &str) -> Result<(), Fault> {
        let Some(after) = rest.strip_prefix(['.', ',']) else { return Ok(()) };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            self.nanoseconds = fraction(take(rest, digits + 1)?)?;
        }
        Ok(())
    }

    fn read_offset(&mut self, rest: &mut &str, colon: bool, pairs: u8) -> Result<(), Fault> {
        let sign = take(rest, 1)?;
        let mut values = [0_i64; 3];
        for (index, value) in values.iter_mut().enumerate().take(usize::from(pairs)) {
            if colon && index > 0 {
                *rest = rest.strip_prefix(':').ok_or(Fault::Bad)?;
            }
            let mut pair = take(rest, 2)?;
            *value = number(&mut pair, true)?;
        }
        let [hour, minute, second] = values;
        in_range(hour, 0..25, "time zone offset hour")?;
        in_range(minute, 0..61, "time zone offset minute")?;
        in_range(second, 0..61, "time zone offset second")?;
        let offset = (hour * 60 + minute) * 60 + second;
        self.offset = Some(match sign {
            "+" => offset,
            "-" => -offset,
            _ => return Err(Fault::Bad),
        });
        Ok(())
    }

    fn time(self) -> Result<Time, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (month, day) = self.month_and_day()?;
        let length = days(self.year, month + 1, 1) - days(self.year, month, 1);
        if day < 1 || day > length {
            return Err("day out of range");
        }
        let seconds = days(self.year, month, day) * 86_400 + hour * 3_600 + self.minute * 60 + self.second;
        let zone = if self.utc {
            Zone::utc()
        } else if let Some(offset) = self.offset {
            match offset {
                0 if matches!(self.zone.as_str(), "" | "UTC") => Zone::utc(),
                offset => Zone { offset, name: Rc::from(self.zone) },
            }
        } else if self.zone.is_empty() {
            Zone::utc()
        } else {
            // An abbreviation alone says nothing of the offset, except `GMT+3`.
            let hours: i64 = self.zone.strip_prefix("GMT").and_then(|rest| rest.parse().ok()).unwrap_or(0);
            // Go leaves the clock as it is in UTC then.
            return Ok(Time::at(
                seconds,
                self.nanoseconds,
                Zone { offset: hours * 3_600, name: Rc::from(self.zone) },
            ));
        };
        Ok(Time::at(seconds - zone.offset, self.nanoseconds, zone))
    }

    fn month_and_day(&self) -> Result<(i64, i64), &'static str> {
        let Some(year_day) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let first = days(self.year, 1, 1);
        if year_day < 1 || first + year_day > days(self.year + 1, 1, 1) {
            return Err("day-of-year out of range");
        }
        let (_, month, day) = super::time::civil(first + year_day - 1);
        if self.month.is_some_and(|given| given != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|given| given != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

fn integer(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|_| Fault::Bad)
}

fn half(text: &str, after: &str, before: &str) -> Result<bool, Fault> {
    if text == after {
        return Ok(true);
    }
    if text == before { Ok(false) } else { Err(Fault::Bad) }
}

/// Nanoseconds from a point or comma and digits; more than nine are cut.
fn fraction(text: &str) -> Result<i64, Fault> {
    let digits = text.strip_prefix(['.', ',']).ok_or(Fault::Bad)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Bad);
    }
    let nine: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
    integer(&nine)
}

/// How long the abbreviation of a zone is: three or four capitals (five if `…ST`), `GMT+3`, `+03`.
fn zone_name(text: &str) -> Option<usize> {
    let signed = |text: &str| {
        let rest = text.strip_prefix(['+', '-'])?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let hours: u32 = rest.get(..digits)?.parse().ok()?;
        (hours <= 23).then_some(digits + 1)
    };
    if let Some(rest) = text.strip_prefix("GMT") {
        return Some(3 + signed(rest).unwrap_or(0));
    }
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if text.starts_with(['+', '-']) {
        return signed(text);
    }
    let capitals = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    let ends_in = |length: usize, letter: u8| text.as_bytes().get(length - 1) == Some(&letter);
    match capitals {
        5 if ends_in(5, b'T') => Some(5),
        4 if ends_in(4, b'T') || text.starts_with("WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}
