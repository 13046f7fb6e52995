//! Go's `time.Time`: a moment and the zone it is shown in.

use std::any::Any;
use std::cmp::Ordering;
use std::rc::Rc;

use super::duration::SECOND;
use super::{duration, layout};
use crate::functions::arguments::{int, text};
use crate::value::{Object, Value};

/// Go's zero time, 0001-01-01T00:00:00Z, in seconds since 1970.
const ZERO: i64 = -62_135_596_800;
const DAY: i64 = 86_400;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What is added to UTC and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    /// Seconds east of UTC.
    pub(super) offset: i64,
    /// E.g. `CET`; empty where only the offset is known.
    pub(super) name: Rc<str>,
}

impl Zone {
    pub(super) fn utc() -> Self {
        Self { offset: 0, name: Rc::from("UTC") }
    }
}

/// A moment.
#[derive(Clone, Debug)]
pub(super) struct Time {
    /// Seconds since 1970, UTC.
    pub(super) seconds: i64,
    /// 0 to 999,999,999.
    pub(super) nanoseconds: i64,
    pub(super) zone: Zone,
}

/// Year, month and day of a day count since 1970-01-01 (proleptic Gregorian calendar).
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin on 1 March, so that the leap day comes last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, date)
}

/// The day count since 1970-01-01; a month or day out of range counts on.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 + day - 1
}

impl Time {
    /// Go's zero time.
    pub(super) fn zero() -> Self {
        Self::at(ZERO, 0, Zone::utc())
    }

    pub(super) fn at(seconds: i64, nanoseconds: i64, zone: Zone) -> Self {
        Self { seconds, nanoseconds, zone }
    }

    /// From nanoseconds since 1970, in UTC.
    pub(super) fn from_ns(ns: i128) -> Self {
        let second = i128::from(SECOND);
        let seconds = i64::try_from(ns.div_euclid(second)).unwrap_or_default();
        let rest = i64::try_from(ns.rem_euclid(second)).unwrap_or_default();
        Self::at(seconds, rest, Zone::utc())
    }

    pub(super) fn ns(&self) -> i128 {
        i128::from(self.seconds) * i128::from(SECOND) + i128::from(self.nanoseconds)
    }

    fn local(&self) -> i64 {
        self.seconds.saturating_add(self.zone.offset)
    }

    pub(super) fn date(&self) -> (i64, i64, i64) {
        civil(self.local().div_euclid(DAY))
    }

    /// Hour, minute, second.
    pub(super) fn clock(&self) -> (i64, i64, i64) {
        let of_day = self.local().rem_euclid(DAY);
        (of_day / 3_600, of_day / 60 % 60, of_day % 60)
    }

    /// 0 is Sunday.
    pub(super) fn weekday(&self) -> i64 {
        (self.local().div_euclid(DAY) + 4).rem_euclid(7)
    }

    pub(super) fn year_day(&self) -> i64 {
        let (year, _, _) = self.date();
        self.local().div_euclid(DAY) - days(year, 1, 1) + 1
    }

    pub(super) fn add(&self, duration: i64) -> Self {
        let mut moved = Self::from_ns(self.ns() + i128::from(duration));
        moved.zone = self.zone.clone();
        moved
    }

    /// The difference, held to what a `Duration` can be.
    pub(super) fn since(&self, earlier: &Self) -> i64 {
        let difference = self.ns() - earlier.ns();
        let limit = if difference < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(difference).unwrap_or(limit)
    }

    fn add_date(&self, years: i64, months: i64, more: i64) -> Self {
        let (year, month, day) = self.date();
        let days = days(year + years, month + months, day + more);
        let seconds = days * DAY + self.local().rem_euclid(DAY) - self.zone.offset;
        Self::at(seconds, self.nanoseconds, self.zone.clone())
    }

    pub(super) fn in_zone(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.ns().cmp(&other.ns())
    }

    /// Go's `Truncate` and `Round`, which count from the zero time.
    fn to_multiple(&self, multiple: i64, up: bool) -> Self {
        if multiple <= 0 {
            return self.clone();
        }
        let since_zero = self.ns() - i128::from(ZERO) * i128::from(SECOND);
        let rest = i64::try_from(since_zero.rem_euclid(i128::from(multiple))).unwrap_or_default();
        if up && rest >= multiple - rest { self.add(multiple - rest) } else { self.add(-rest) }
    }

    /// The time inside a value.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Object(object) => object.as_any().downcast_ref::<Self>().cloned(),
            _ => None,
        }
    }
}

fn narrow(number: i128) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or_default())
}

impl Object for Time {
    fn type_name(&self) -> &str {
        "time.Time"
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let other = || {
            let found = arguments.first().map_or("nothing", Value::type_name);
            let wrong = format!("wrong type for value; expected time.Time; got {found}");
            arguments.first().and_then(Self::of).ok_or(wrong)
        };
        let compared =
            |holds: fn(Ordering) -> bool| other().map(|other| Value::Bool(holds(self.compare(&other))));
        let (year, month, day) = self.date();
        let (hour, minute, second) = self.clock();
        let argument = int(arguments, 0);
        Some(match name {
            "Add" => Ok(Value::object(self.add(argument))),
            "AddDate" => Ok(Value::object(self.add_date(argument, int(arguments, 1), int(arguments, 2)))),
            "After" => compared(Ordering::is_gt),
            "Before" => compared(Ordering::is_lt),
            "Compare" => other().map(|other| Value::Int(self.compare(&other) as i64)),
            "Day" => Ok(Value::Int(day)),
            "Equal" => compared(Ordering::is_eq),
            "Format" => Ok(layout::format(self, text(arguments, 0)).into()),
            "Hour" => Ok(Value::Int(hour)),
            "IsZero" => Ok((self.seconds == ZERO && self.nanoseconds == 0).into()),
            "Local" | "UTC" => Ok(Value::object(self.in_zone(Zone::utc()))),
            "Minute" => Ok(Value::Int(minute)),
            "Month" => Ok(Value::object(Named::month(month))),
            "Nanosecond" => Ok(Value::Int(self.nanoseconds)),
            "Round" => Ok(Value::object(self.to_multiple(argument, true))),
            "Second" => Ok(Value::Int(second)),
            "String" => Ok(self.print().into()),
            "Sub" => other().map(|other| Value::Duration(self.since(&other))),
            "Truncate" => Ok(Value::object(self.to_multiple(argument, false))),
            "Unix" => Ok(Value::Int64(self.seconds)),
            "UnixMicro" => Ok(narrow(self.ns().div_euclid(1_000))),
            "UnixMilli" => Ok(narrow(self.ns().div_euclid(1_000_000))),
            "UnixNano" => Ok(narrow(self.ns())),
            "Weekday" => Ok(Value::object(Named::weekday(self.weekday()))),
            "Year" => Ok(Value::Int(year)),
            "YearDay" => Ok(Value::Int(self.year_day())),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        layout::format(self, "2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn plain(&self) -> Value {
        layout::format(self, "2006-01-02T15:04:05.999999999Z07:00").into()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `time.Month` and `time.Weekday`: numbers that print as names.
#[derive(Clone, Debug)]
struct Named {
    of: &'static str,
    number: i64,
    name: &'static str,
}

impl Named {
    fn month(number: i64) -> Self {
        let name = usize::try_from(number - 1).ok().and_then(|index| MONTHS.get(index));
        Self { of: "time.Month", number, name: name.copied().unwrap_or_default() }
    }

    fn weekday(number: i64) -> Self {
        let name = usize::try_from(number).ok().and_then(|index| WEEKDAYS.get(index));
        Self { of: "time.Weekday", number, name: name.copied().unwrap_or_default() }
    }
}

impl Object for Named {
    fn type_name(&self) -> &str {
        self.of
    }

    fn kind(&self) -> &'static str {
        "int"
    }

    fn call(&self, name: &str, _: &[Value]) -> Option<Result<Value, String>> {
        (name == "String").then(|| Ok(Value::text(self.name)))
    }

    fn print(&self) -> String {
        self.name.to_owned()
    }

    fn number(&self) -> Option<i64> {
        Some(self.number)
    }

    fn truth(&self) -> bool {
        self.number != 0
    }

    fn plain(&self) -> Value {
        Value::Int(self.number)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A `time.Duration` as text, for the functions beside.
pub(super) fn ago(now: &Time, then: &Time) -> String {
    duration::text(duration::round(now.since(then), SECOND))
}
