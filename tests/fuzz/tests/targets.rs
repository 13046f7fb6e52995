//! No input makes a reader panic, or differ from itself.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests may fail")]

use std::rc::Rc;

use backstay_chart::{SetFlag, from_archive, set, unpack};
use backstay_gotemplate::{
    Compatibility, Environment, FunctionTable, Map, Options, Parsed, Templates, Value, ValueBuilder,
    helm_functions,
};
use backstay_tests_fuzz::text;
use backstay_yaml::{read, to_yaml, to_yaml_pretty};
use bolero::check;

/// How many inputs an ordinary run of the tests tries, beside the corpus.
const ITERATIONS: usize = 2_000;

const TEMPLATE: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "{{ if ",
    "{{ else }}",
    "{{ else if ",
    "{{ end }}",
    "{{ range ",
    "{{ with ",
    "{{ define \"a\" }}",
    "{{ template \"a\" . }}",
    "{{ include \"a\" . }}",
    "{{ block \"b\" . }}",
    "{{ break }}",
    "{{ continue }}",
    "$x",
    " := ",
    " = ",
    ".Values",
    ".a",
    ".l",
    ".missing.b",
    "\"s\"",
    "`r`",
    "'c'",
    " 1",
    " -1",
    " 1e3",
    " 0x1f",
    " nil",
    " true",
    " | ",
    "(",
    ")",
    "{{/* c */}}",
    "printf \"%v %5.2f\" ",
    "toYaml ",
    "fromYaml ",
    "list ",
    "dict ",
    "index ",
    "slice ",
    "tpl ",
    "regexFind ",
    "regexReplaceAll ",
    "date ",
    "toDate ",
    "semverCompare ",
    "trunc ",
    "repeat ",
    "until ",
    "merge ",
    "dig ",
    "$i, $v := ",
    "\u{e9}",
    "\n",
];

const YAML: &[&str] = &[
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "a",
    "key",
    "'",
    "\"",
    "|",
    ">",
    "|-\n  ",
    ">+\n ",
    "&x ",
    "*x",
    "<<: ",
    "!!str ",
    "!!binary ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "# c\n",
    "---\n",
    "...\n",
    "? ",
    "yes",
    "0777",
    "1e3",
    ".inf",
    "1:30",
    "~",
    "\\u00e9",
    "\u{e9}",
    "\u{1F600}",
    "\t",
    "%YAML 1.1\n",
    "2024-01-02",
    "<<",
];

const ASSIGNMENT: &[&str] = &[
    "a",
    "b",
    "=",
    ",",
    ".",
    "[",
    "]",
    "[0]",
    "[3]",
    "[-1]",
    "[65537]",
    "{",
    "}",
    "\\",
    "null",
    "true",
    "1",
    "\"",
    "{\"x\":1}",
    "[1,2]",
    "s",
    "l",
    "m",
    " ",
    "\u{e9}",
];

thread_local! {
    static FUNCTIONS: Rc<FunctionTable> = Rc::new(helm_functions(Compatibility::Helm4));
}

/// What a template gives, or why not; nothing when it cannot be parsed.
fn render(text: &str) -> Option<Result<String, String>> {
    let functions = FUNCTIONS.with(Rc::clone);
    let parsed = Parsed::new("t", text, &functions).ok()?;
    let mut templates = Templates::new(functions);
    templates.add(parsed);
    let values = read("a: text\nl: [1, two, {c: 3}]\n", &mut ValueBuilder).unwrap();
    let data = Value::map([("Values".into(), values)]);
    let environment = Environment::offline(0, [1; 32]);
    let rendered = templates.render("t", data, &environment, Options::default());
    Some(rendered.map_err(|error| error.to_string()))
}

#[test]
fn templates() {
    check!().with_iterations(ITERATIONS).for_each(|bytes| {
        let text = text(bytes, TEMPLATE);
        assert_eq!(render(&text), render(&text), "{text:?} renders differently the second time");
    });
}

#[test]
fn yaml() {
    check!().with_iterations(ITERATIONS).for_each(|bytes| {
        let text = text(bytes, YAML);
        let Ok(value) = read(&text, &mut ValueBuilder) else { return };
        let (Ok(written), Ok(_)) = (to_yaml(&value), to_yaml_pretty(&value)) else { return };
        // Go writes a key `<<` without quotes, and reads it as a merge.
        if text.contains("<<") {
            return;
        }
        let back = read(&written, &mut ValueBuilder);
        let back = back.unwrap_or_else(|error| panic!("{text:?} is written as {written:?}: {error}"));
        assert_eq!(to_yaml(&back).unwrap(), written, "{text:?}");
    });
}

#[test]
fn assignments() {
    let flags = [SetFlag::Typed, SetFlag::String, SetFlag::File, SetFlag::Json, SetFlag::Literal];
    check!().with_iterations(ITERATIONS).for_each(|bytes| {
        let text = text(bytes, ASSIGNMENT);
        for flag in flags {
            for compatibility in [Compatibility::Helm3, Compatibility::Helm4] {
                let Ok(Value::Map(map)) = read("s: x\nl: [1, {a: 2}]\nm: {a: {b: 1}}\n", &mut ValueBuilder)
                else {
                    panic!("the values")
                };
                let _ = set(flag, &text, &map, compatibility, &mut |name| Ok(name.to_owned()));
                let _ = set(flag, &text, &Map::new(), compatibility, &mut |_| Err("no file".to_owned()));
            }
        }
    });
}

/// Gzip around the bytes, without looking at them.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, 1));
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    packed.extend((!crc).to_le_bytes());
    packed.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    packed
}

/// A tar file with an entry for every few bytes: the kind, a name and the content.
fn tar(bytes: &[u8]) -> Vec<u8> {
    const KINDS: &[u8] = &[b'0', 0, b'1', b'2', b'5', b'L', b'K', b'x', b'g', b'S', b'V'];
    const NAMES: &[&str] = &[
        "c/Chart.yaml",
        "c/values.yaml",
        "c/templates/a.yaml",
        "c/charts/d/Chart.yaml",
        "../x",
        "/etc/x",
        "c/../../x",
        "c\\..\\x",
        "C:x",
        "",
        "c",
        "c/",
        "c/charts/e.tgz",
        "PaxHeaders/x",
        "c/values.schema.json",
        "\u{e9}/Chart.yaml",
    ];
    let mut out = Vec::new();
    for entry in bytes.chunks(40) {
        let (head, content) = entry.split_at(entry.len().min(4));
        let mut header = [0; 512];
        let name = NAMES[usize::from(head[0]) % NAMES.len()].as_bytes();
        header[..name.len()].copy_from_slice(name);
        let size = format!(
            "{:011o}\0",
            if head.len() > 2 && head[2] == 7 { usize::MAX >> 33 } else { content.len() }
        );
        header[124..124 + size.len().min(12)].copy_from_slice(&size.as_bytes()[..size.len().min(12)]);
        header[156] = KINDS[head.get(1).map_or(0, |kind| usize::from(*kind) % KINDS.len())];
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        // Some have a wrong checksum.
        let sum = if head.get(3) == Some(&9) { sum + 1 } else { sum };
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out
}

#[test]
fn archives() {
    check!().with_iterations(ITERATIONS).for_each(|bytes| {
        for archive in [bytes.to_vec(), gzip(bytes), gzip(&tar(bytes))] {
            if let Ok(files) = unpack(&archive) {
                for file in &files {
                    let leaves = file.name.split(['/', '\\']).any(|part| part == "..");
                    assert!(!leaves && !file.name.starts_with('/'), "{} leaves the chart", file.name);
                }
            }
            let _ = from_archive(&archive);
        }
    });
}
