//! The quick reader beside the parser of events, on texts put together from pieces at random.

use super::{Documents, ReadOptions, quick};
use crate::json::JsonBuilder;
use serde_json::Value;

const PIECES: [&str; 76] = [
    "a: b",
    "a:",
    "- ",
    "-",
    "- x",
    "- a: 1",
    "- - x",
    "b: # said",
    "b: x # said",
    "c: \"q\"",
    "c: 'it''s'",
    "'d': 1",
    "\"e f\": yes",
    "# comment",
    "",
    "   ",
    "f: |",
    "f: |-",
    "f: |+",
    "f: >",
    "f: >-",
    "- |",
    "text goes on",
    "text: goes",
    "- text",
    "x # y",
    "g: [a, \"b\", 1.5]",
    "g: {a: 1, b: [c]}",
    "g: [ ]",
    "g: {}",
    "h: \"two",
    "lines\"",
    "h: 'two",
    "lines'",
    "i: \"a\\n\\\"b\"",
    "j: ~",
    "null: x",
    "k: .inf",
    "k: -.inf",
    "k: -1.0e3",
    "1.50: n",
    "<<: {a: 1}",
    "l: &x y",
    "l: *x",
    "m: !!str 1",
    "n: a:b",
    "n: a: b",
    "o: http://x/y?z=1#2",
    "p: - x",
    "? q",
    ": r",
    "s:   t  ",
    "---",
    "...",
    "--- # s",
    "\ttab",
    "u: a\tb",
    "v: [a",
    "v: a]",
    "w: ü",
    "y: on",
    "0x10: z",
    "key with words: v",
    "a : b",
    "z: {\"a\":1,\"b\":[\"c\",{}]}",
    "z: {\"a\":b}",
    "z: {a:1}",
    "z: {'a':-1}",
    "z: {\"a\" :1}",
    "z: {\"a\":\"\\u003cb\\n\\\\\\\"\"}",
    "z: {\"a\\tb\":null}",
    "z: {\"a\":\"\\ud83d\\ude00\"}",
    "z: [\"a\":1, \"b\\r\"]",
    "z: {\"a\":}",
    "z: {\"a\":\"\\q\"}",
    "{\"kind\":\"A\",\"b\":true}",
];

struct Lottery(u64);

impl Lottery {
    fn below(&mut self, most: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most) as usize
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        let mut indent = 0;
        for _ in 0..1 + self.below(7) {
            indent = match self.below(4) {
                0 => 0,
                1 => indent,
                2 => indent + 2,
                _ => self.below(5),
            };
            text.push_str(&" ".repeat(indent));
            text.push_str(PIECES[self.below(PIECES.len() as u64)]);
            text.push('\n');
        }
        if self.below(4) == 0 {
            text.pop();
        }
        text
    }
}

/// What the parser of events makes of a text.
fn slowly(text: &str) -> Option<Value> {
    match Documents::new(text, &mut JsonBuilder, ReadOptions::default()).next() {
        Some(Ok(document)) => Some(document.value),
        None => Some(Value::Null),
        Some(Err(_)) => None,
    }
}

#[test]
fn what_is_read_quickly_is_read_the_same_slowly() {
    let mut lottery = Lottery(2_026);
    let (mut taken, mut checked, mut wrong) = (0, 0, Vec::new());
    for _ in 0..60_000 {
        let text = lottery.text();
        let slow = slowly(&text);
        if let Some(value) = quick::read(&text, &mut JsonBuilder) {
            taken += usize::from(!value.is_null());
            if slow.as_ref() != Some(&value) {
                wrong.push(format!("{text:?}: {value} but {slow:?}"));
            }
        }
        if quick::is_right(&text) {
            checked += 1;
            if slow.is_none() {
                wrong.push(format!("{text:?}: is taken, but is wrong"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} texts, for example\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
    assert!(taken > 3_000 && checked > taken, "{taken} read, {checked} checked");
}

#[test]
fn json_is_read_quickly() {
    let text = "metadata: {\"name\":\"a\",\"labels\":{\"b/c\":\"d\\n\\u003ce\\u003e \\\"f\\\"\"},\"n\":[1,-2,true,null,[],{}]}\n";
    let expected = serde_json::json!({
        "metadata": {"name": "a", "labels": {"b/c": "d\n<e> \"f\""}, "n": [1, -2, true, null, [], {}]},
    });
    assert_eq!(slowly(text), Some(expected.clone()));
    assert_eq!(quick::read(text, &mut JsonBuilder), Some(expected));
}

#[test]
fn what_charts_are_made_of_is_read_quickly() {
    let text = "---\n# Source: a\napiVersion: v1\nmetadata:\n  labels: {app: \"x\"}\n  name: web-a\nspec:\n  ports:\n  - name: http\n    \
                port: 80\n    args: [\"a\", -b]\n  text: one\n    two\n\n    three\n  quoted: 'it''s\n    folded'\n  file: |\n    \
                a\n      b\n\n    c\n\n";
    let expected = serde_json::json!({
        "apiVersion": "v1",
        "metadata": {"labels": {"app": "x"}, "name": "web-a"},
        "spec": {
            "ports": [{"name": "http", "port": 80, "args": ["a", "-b"]}],
            "text": "one two\nthree",
            "quoted": "it's folded",
            "file": "a\n  b\n\nc\n",
        },
    });
    assert_eq!(slowly(text), Some(expected.clone()));
    assert_eq!(quick::read(text, &mut JsonBuilder), Some(expected));
}
