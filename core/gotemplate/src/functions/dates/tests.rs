use super::super::testing::{arguments, call, check, shown};
use super::duration;
use crate::value::Value;

#[test]
fn dates() {
    check(&[
        ("now", "[]", "2024-05-14 20:55:43.123456789 +0000 UTC"),
        ("date", r#"["02 Jan 06 15:04 -0700", 1560458379]"#, "13 Jun 19 20:39 +0000"),
        ("date", r#"["2006-01-02", "what"]"#, "2024-05-14"),
        ("dateInZone", r#"["15:04 MST -07:00", 1560458379, "foobar"]"#, "20:39 UTC +00:00"),
        ("dateInZone", r#"["15:04 MST Z07:00", 1560458379, "Etc/GMT-3"]"#, "23:39 +03 +03:00"),
        ("dateInZone", r#"["15:04 MST Z07:00", 1560458379, "EST"]"#, "15:39 EST -05:00"),
        ("dateInZone", r#"["15:04 MST Z07:00", 1560458379, "Europe/Berlin"]"#, "22:39 CEST +02:00"),
        ("dateInZone", r#"["15:04 MST Z07:00", 1580458379, "Europe/Berlin"]"#, "09:12 CET +01:00"),
        ("dateInZone", r#"["15:04 MST Z07:00", 4560458379, "America/New_York"]"#, "21:59 EDT -04:00"),
        ("dateInZone", r#"["15:04 MST", 1560458379, "Asia/Kathmandu"]"#, "02:24 +0545"),
        ("dateInZone", r#"["15:04 MST", 1560458379, "europe/berlin"]"#, "20:39 UTC"),
        ("htmlDate", "[0]", "1970-01-01"),
        ("htmlDateInZone", r#"[0, "UTC"]"#, "1970-01-01"),
        ("ago", "[1715720000]", "2m23s"),
        ("ago", "[1715720200]", "-57s"),
        ("duration", r#"["93784"]"#, "26h3m4s"),
        ("duration", "[95]", "0s"),
        ("duration", r#"["x"]"#, "0s"),
        ("durationRound", r#"["2400h5s"]"#, "3mo"),
        ("durationRound", r#"["-2h5s"]"#, "2h"),
        ("durationRound", r#"["1s"]"#, "0s"),
        ("toDate", r#"["2006-01-02", "2017-12-31"]"#, "2017-12-31 00:00:00 +0000 UTC"),
        ("toDate", r#"["2006-01-02", "x"]"#, "0001-01-01 00:00:00 +0000 UTC"),
    ]);
}

#[test]
fn reads_times() {
    let rows = [
        ("2006-01-02T15:04:05Z07:00", "2024-02-29T23:59:59.25+02:00", "2024-02-29 23:59:59.25 +0200 +0200"),
        ("Mon, 02 Jan 2006 15:04:05 MST", "Thu, 29 Feb 2024 01:02:03 CET", "2024-02-29 01:02:03 +0000 CET"),
        ("Jan _2 3:04PM 06", "Mar  4 12:05AM 70", "1970-03-04 00:05:00 +0000 UTC"),
        ("2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC"),
        ("January 2, 2006", "october 7, 1999", "1999-10-07 00:00:00 +0000 UTC"),
        ("2006-01-02", "2024-13-01", "error: parsing time \"2024-13-01\": month out of range"),
        ("2006-01-02", "2023-02-29", "error: parsing time \"2023-02-29\": day out of range"),
        ("2006-01-02", "2023-02-01x", "error: parsing time \"2023-02-01x\": extra text: \"x\""),
        ("2006-01-02", "x", "error: parsing time \"x\" as \"2006-01-02\": cannot parse \"x\" as \"2006\""),
        (
            "2006-01-02",
            "2024/01",
            "error: parsing time \"2024/01\" as \"2006-01-02\": cannot parse \"/01\" as \"-\"",
        ),
        ("15:04", "25:00", "error: parsing time \"25:00\": hour out of range"),
    ];
    for (layout, text, expected) in rows {
        let json = serde_json::json!([layout, text]).to_string();
        check(&[("mustToDate", &json, expected)]);
    }
}

#[test]
fn methods_and_changes() {
    let time = call("mustToDate", &arguments(r#"["2006-01-02 15:04:05", "2024-01-31 10:20:30"]"#)).unwrap();
    let rows: &[(&str, &[Value], &str)] = &[
        (
            "Format",
            &[Value::text("Monday, January 2 .000 ,999 Jan Mon 1 01 2 02 _2 __2 002 15 3 03 4 5 06 PM pm")],
            "Wednesday, January 31 .000  Jan Wed 1 01 31 31 31  31 031 10 10 10 20 30 24 AM am",
        ),
        ("Unix", &[], "1706696430"),
        ("UnixMilli", &[], "1706696430000"),
        ("Year", &[], "2024"),
        ("Month", &[], "January"),
        ("Weekday", &[], "Wednesday"),
        ("YearDay", &[], "31"),
        ("AddDate", &[Value::Int(0), Value::Int(1), Value::Int(0)], "2024-03-02 10:20:30 +0000 UTC"),
        ("Add", &[Value::Duration(-duration::SECOND * 31)], "2024-01-31 10:19:59 +0000 UTC"),
        ("Truncate", &[Value::Duration(3_600 * duration::SECOND)], "2024-01-31 10:00:00 +0000 UTC"),
        ("IsZero", &[], "false"),
    ];
    let Value::Object(object) = &time else { unreachable!() };
    for (name, arguments, expected) in rows {
        let result = object.call(name, arguments).unwrap();
        assert_eq!(shown(&result.map_err(crate::FunctionError::new)), *expected, "{name}");
    }
    assert!(object.call("Nonsense", &[]).is_none());
    assert_eq!(object.plain(), Value::text("2024-01-31T10:20:30Z"));
    let changes = [
        ("dateModify", "-1.5h", "2024-01-31 08:50:30 +0000 UTC"),
        ("dateModify", "1d", "2024-01-31 10:20:30 +0000 UTC"),
        ("mustDateModify", "1d", "error: time: unknown unit \"d\" in duration \"1d\""),
        ("mustDateModify", "5", "error: time: missing unit in duration \"5\""),
        ("mustDateModify", "1µ", "error: time: unknown unit \"\\xc2\\xb5\" in duration \"1\\xc2\\xb5\""),
        ("mustDateModify", "9223372036854775809", "error: time: invalid duration \"9223372036854775809\""),
        ("mustDateModify", "", "error: time: invalid duration \"\""),
    ];
    for (name, by, expected) in changes {
        assert_eq!(shown(&call(name, &[Value::text(by), time.clone()])), expected, "{name} {by}");
    }
    assert_eq!(shown(&call("unixEpoch", &[time])), "1706696430");
}

#[test]
fn spans() {
    check(&[
        ("mustToDuration", r#"["1h30m"]"#, "5400000000000"),
        ("mustToDuration", r#"[" 1.5 "]"#, "1500000000"),
        ("mustToDuration", r#"["x"]"#, "error: could not parse duration \"x\""),
        ("mustToDuration", "[null]", "error: invalid duration"),
        ("mustToDuration", "[true]", "error: unsupported duration type bool"),
        ("mustToDuration", "[9223372037]", "error: duration seconds overflow: 9223372037"),
        ("durationSeconds", r#"["1m1.5s"]"#, "61.5"),
        ("durationMilliseconds", "[2]", "2000"),
        ("durationHours", r#"["90m"]"#, "1.5"),
        ("durationDays", r#"["36h"]"#, "1.5"),
        ("durationWeeks", r#"["x"]"#, "0"),
        ("durationRoundTo", r#"["1m31s", "1m"]"#, "120000000000"),
        ("durationTruncateTo", r#"["1m31s", "1m"]"#, "60000000000"),
        ("durationTruncateTo", r#"["1m31s", "x"]"#, "91000000000"),
    ]);
    let texts = [
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (-1_500_000_000, "-1.5s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ];
    for (span, expected) in texts {
        assert_eq!(duration::text(span), expected);
        assert_eq!(duration::parse(expected), Ok(span));
    }
}
