//! What is read from JSON, what is refused and in which words; and that it is what serde writes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use backstay_object::FromJson;
use backstay_object::from_json::{from_text, from_value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
struct Plain {
    name: String,
    count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default)]
    list: Vec<Small>,
    #[serde(default = "seven")]
    other: i64,
    #[serde(flatten)]
    kind: Kind,
}

const fn seven() -> i64 {
    7
}

#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "kind")]
enum Kind {
    HasNothing,
    HasFields {
        a_number: u64,
        #[serde(rename = "it")]
        object: Value,
    },
    Flat {
        small: Small,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Small {
    on_top: bool,
    #[serde(default)]
    share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, FromJson)]
#[serde(transparent)]
struct Wrapped(u16);

#[derive(Clone, Debug, Default, PartialEq, Serialize, FromJson)]
#[serde(default, deny_unknown_fields)]
struct AllDefault {
    pair: (u8, Option<bool>),
    map: BTreeMap<String, Wrapped>,
    word: Word,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "lowercase")]
enum Word {
    #[default]
    OneTwo,
    #[serde(rename = "3")]
    Three,
}

/// Read by serde, with a field that is read from JSON.
#[derive(Debug, PartialEq, Deserialize)]
struct Around {
    inner: AllDefault,
}

fn check<T>(given: Value, expected: Result<T, &str>)
where
    T: FromJson + Serialize + Clone + PartialEq + Debug + DeserializeOwned,
{
    let expected = expected.map_err(str::to_owned);
    let read: Result<T, String> = from_value(given.clone()).map_err(|error| error.to_string());
    assert_eq!(read, expected, "{given}");
    let of_serde: Result<T, String> =
        serde_json::from_str(&given.to_string()).map_err(|error| error.to_string());
    assert_eq!(of_serde, expected, "{given}");
    if let Ok(value) = expected {
        let written = serde_json::to_string(&value).unwrap();
        assert_eq!(from_text::<T>(&written).unwrap(), value, "{written}");
    }
}

fn plain(kind: Kind) -> Plain {
    Plain { name: "a".into(), count: 1, note: None, list: Vec::new(), other: 7, kind }
}

#[test]
fn what_structs_and_enums_take() {
    let small = Small { on_top: true, share: 0.0 };
    let fields = Kind::HasFields { a_number: u64::MAX, object: json!({"b": null}) };
    for (given, expected) in [
        (json!({"name": "a", "count": 1, "kind": "has-nothing"}), plain(Kind::HasNothing)),
        // Unknown fields are refused only where the type says so.
        (json!({"name": "a", "count": 1, "kind": "has-nothing", "more": [1]}), plain(Kind::HasNothing)),
        (
            json!({"name": "a", "count": 1, "kind": "has-fields", "a_number": u64::MAX, "it": {"b": null},
                "note": "n", "other": -3, "list": [{"onTop": true}]}),
            Plain { note: Some("n".into()), other: -3, list: vec![small.clone()], ..plain(fields) },
        ),
        (
            json!({"name": "a", "count": 1, "note": null, "kind": "flat", "small": {"onTop": true, "share": 2}}),
            plain(Kind::Flat { small: Small { share: 2.0, ..small } }),
        ),
    ] {
        check(given, Ok(expected));
    }
}

#[test]
fn what_structs_and_enums_refuse() {
    for (given, expected) in [
        (json!([]), "invalid type: sequence, expected struct Plain"),
        (json!({"count": 1, "kind": "has-nothing"}), "missing field `name`"),
        (json!({"name": "a", "count": 1}), "missing field `kind`"),
        (json!({"name": "a", "count": 1, "kind": "has-fields", "it": 1}), "missing field `a_number`"),
        (json!({"name": "a", "count": 1, "kind": "has-fields", "a_number": 1}), "missing field `it`"),
        (
            json!({"name": "a", "count": 1, "kind": "no"}),
            "kind: unknown variant `no`, expected one of `has-nothing`, `has-fields`, `flat`",
        ),
        (json!({"name": "a", "count": 1, "kind": 2}), "kind: invalid type: integer `2`, expected a string"),
        (json!({"name": null}), "name: invalid type: null, expected a string"),
        (
            json!({"name": "a", "count": 4_294_967_296_u64}),
            "count: invalid value: integer `4294967296`, expected u32",
        ),
        (json!({"name": "a", "count": -1}), "count: invalid value: integer `-1`, expected u32"),
        (json!({"name": "a", "count": 1.5}), "count: invalid type: floating point `1.5`, expected u32"),
        (json!({"name": "a", "count": "1"}), "count: invalid type: string \"1\", expected u32"),
        (json!({"name": "a", "count": 1, "list": {}}), "list: invalid type: map, expected a sequence"),
        (
            json!({"name": "a", "count": 1, "list": [{"onTop": true}, {"onTop": 1}]}),
            "list[1].onTop: invalid type: integer `1`, expected a boolean",
        ),
        (
            json!({"name": "a", "count": 1, "list": [{"onTop": true, "on_top": true}]}),
            "list[0]: unknown field `on_top`, expected `onTop` or `share`",
        ),
    ] {
        check::<Plain>(given, Err(expected));
    }
}

#[test]
fn a_type_with_a_default_for_everything() {
    let all =
        || AllDefault { pair: (1, None), map: [("a".to_owned(), Wrapped(2))].into(), word: Word::Three };
    for (given, expected) in [
        (json!({}), Ok(AllDefault::default())),
        (json!({"pair": [1, null], "map": {"a": 2}, "word": "3"}), Ok(all())),
        (
            json!({"word": "onetwo", "pair": [0, true]}),
            Ok(AllDefault { pair: (0, Some(true)), ..AllDefault::default() }),
        ),
        (json!({"word": "Three"}), Err("word: unknown variant `Three`, expected `onetwo` or `3`")),
        (json!({"word": null}), Err("word: invalid type: null, expected a string")),
        (json!({"words": 1}), Err("unknown field `words`, expected one of `pair`, `map`, `word`")),
        (json!({"pair": [1]}), Err("pair: invalid length 1, expected a tuple of size 2")),
        (json!({"pair": [1, 2]}), Err("pair[1]: invalid type: integer `2`, expected a boolean")),
        (json!({"map": {"a": 1, "b": 70_000}}), Err("map.b: invalid value: integer `70000`, expected u16")),
    ] {
        check(given, expected);
    }
}

#[test]
fn texts_and_types_of_serde_around_it() {
    let around: Around = serde_json::from_str(r#"{"inner": {}}"#).unwrap();
    assert_eq!(around, Around { inner: AllDefault::default() });
    let error = serde_json::from_str::<Around>(r#"{"inner": {"pear": 1}}"#).unwrap_err();
    // serde_json adds where in the text that is.
    assert!(error.to_string().starts_with("unknown field `pear`, expected one of"), "{error}");
    assert_eq!(error.line(), 1, "{error}");
    let broken = from_text::<Word>("\"three").unwrap_err().to_string();
    assert!(broken.contains("line 1 column"), "{broken}");
}
