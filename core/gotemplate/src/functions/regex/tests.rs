use super::super::testing::check;

#[test]
fn matches() {
    check(&[
        ("regexMatch", r#"["^[A-Za-z0-9._%+-]+@", "me@x"]"#, "true"),
        ("regexMatch", r#"["(", "("]"#, "false"),
        ("regexMatch", r#"["^\\d+$", "٣"]"#, "false"),
        ("regexMatch", r#"["^a.c$", "a\nc"]"#, "false"),
        ("regexMatch", r#"["(?s)^a.c$", "a\nc"]"#, "true"),
        ("regexMatch", r#"["(?i)straSSe", "STRAſse"]"#, "true"),
        ("regexMatch", r#"["^{(v[0-9])*[^}]*}}$", "{v1x}}"]"#, "true"),
        ("regexMatch", r#"["^[[:^alpha:]\\]]+$", "1]2"]"#, "true"),
        ("regexMatch", r#"["^\\Qa.b\\E+$", "a.bbb"]"#, "true"),
        ("regexMatch", r#"["^\\x{e9}\\051$", "é)"]"#, "true"),
        ("regexMatch", r#"["^[a&&b]$", "&"]"#, "true"),
        ("regexMatch", r#"["^\\p{Lu}\\P{L}\\pN$", "A-1"]"#, "true"),
        ("regexFind", r#"["[a-zA-Z][1-9]", "abcd1234"]"#, "d1"),
        ("regexFind", r#"["(?U)a+", "aaa"]"#, "a"),
        ("regexFind", r#"["a|ab", "ab"]"#, "a"),
        ("regexFindAll", r#"["[2,4,6,8]", "123456789", -1]"#, r#"["2","4","6","8"]"#),
        ("regexFindAll", r#"["a*", "aab", -1]"#, r#"["aa",""]"#),
        ("regexFindAll", r#"["a", "aaaa", 2]"#, r#"["a","a"]"#),
        ("regexFindAll", r#"["a", "bbb", -1]"#, "null"),
    ]);
}

#[test]
fn replaces_and_splits() {
    check(&[
        ("regexReplaceAll", r#"["a(x*)b", "-ab-axxb-", "${1}W"]"#, "-W-xxW-"),
        ("regexReplaceAll", r#"["a(x*)b", "-ab-axxb-", "$1W"]"#, "---"),
        ("regexReplaceAll", r#"["(?P<n>x)y", "xy", "$n$$$"]"#, "x$$"),
        ("regexReplaceAll", r#"["(?<n>x)y", "xy", "<${n}>${n"]"#, "<x>${n"),
        ("regexReplaceAll", r#"["b*", "abc", "-"]"#, "-a-c-"),
        ("regexReplaceAllLiteral", r#"["a(x*)b", "-ab-axxb-", "${1}"]"#, "-${1}-${1}-"),
        ("regexSplit", r#"["z+", "pizza", -1]"#, r#"["pi","a"]"#),
        ("regexSplit", r#"["a", "banana", 2]"#, r#"["b","nana"]"#),
        ("regexSplit", r#"["a", "banana", -1]"#, r#"["b","n","n",""]"#),
        ("regexSplit", r#"["", "abc", -1]"#, r#"["a","b","c"]"#),
        ("regexSplit", r#"["x", "", -1]"#, r#"[""]"#),
        ("regexSplit", r#"["x", "a", 0]"#, "null"),
        ("regexQuoteMeta", r#"["1.2.3-[a]"]"#, r"1\.2\.3-\[a\]"),
    ]);
}

#[test]
fn errors() {
    let rows = [
        ("(", "missing closing ): `(`"),
        ("a)b", "unexpected ): `a)b`"),
        ("[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a|*?", "missing argument to repetition operator: `*?`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+{2}?", "invalid nested repetition operator: `+{2}?`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("\\1", "invalid escape sequence: `\\1`"),
        ("\\Z", "invalid escape sequence: `\\Z`"),
        ("\\xg1", "invalid escape sequence: `\\xg1`"),
        ("\\p{Foo}", "invalid character class range: `\\p{Foo}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?<=a)b", "invalid named capture: `(?<=a)b`"),
        ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
    ];
    for (source, words) in rows {
        let json = serde_json::json!([source, "x"]).to_string();
        check(&[("mustRegexFind", &json, &format!("error: error parsing regexp: {words}"))]);
    }
    check(&[(
        "regexFind",
        r#"["(", "x"]"#,
        "error: regexp: Compile(`(`): error parsing regexp: missing closing ): `(`",
    )]);
}

/// How many characters an expression of one character matches, and the sum of their codes.
fn matched(source: &str) -> Option<(u64, u64)> {
    use regex_syntax::hir::{Class, HirKind};
    let mut pattern = String::new();
    super::syntax::parse(source).ok()?.node.pattern(&mut pattern);
    let hir = regex_syntax::parse(&pattern).unwrap();
    let ranges: Vec<(u32, u32)> = match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        HirKind::Literal(literal) => {
            let c = std::str::from_utf8(&literal.0).unwrap().chars().next().unwrap();
            vec![(c.into(), c.into())]
        }
        other => panic!("{source}: {other:?}"),
    };
    // What is below and above the surrogates.
    let parts = ranges.iter().flat_map(|&(low, high)| [(low, high.min(0xd7ff)), (low.max(0xe000), high)]);
    let total = parts.filter(|(low, high)| low <= high).fold((0, 0), |(count, sum), (low, high)| {
        let more = u64::from(high - low + 1);
        (count + more, sum + more * u64::from(low + high) / 2)
    });
    Some(total)
}

#[test]
fn classes_are_those_of_go() {
    let rows = include_str!("tables/answers.txt").lines();
    let wrong: Vec<_> = rows
        .filter(|row| {
            let (source, answer) = row.split_once('\t').unwrap();
            let expected =
                answer.split_once('\t').map(|(count, sum)| (count.parse().unwrap(), sum.parse().unwrap()));
            matched(source) != expected
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(include_str!("tables/answers.txt").lines().count() > 600);
}

/// Draws from a row of numbers that is the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn expression(&mut self, depth: u32) -> String {
        const ONES: &[&str] = &[
            "a", "b", "ab", "é", ".", "(?s:.)", "[ab]", "[^a]", "\\w", "(?i)É", "^", "$", "\\b", "\\B",
            "(?m)^", "(?m)$",
        ];
        const TIMES: &[&str] =
            &["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{0,2}", "{1,3}?", "{2,}", "{1,}?"];
        let mut out = String::new();
        for _ in 0..self.below(4) {
            let one = if depth > 0 && self.below(2) == 0 {
                let open = self.of(&["(", "(", "(?:", "(?U:"]);
                let (first, second) = (self.expression(depth - 1), self.expression(depth - 1));
                let either = self.of(&["|", ""]);
                format!("{open}{first}{either}{second})")
            } else {
                format!("(?:{})", self.of(ONES))
            };
            out += &one;
            out += self.of(TIMES);
        }
        out
    }
}

#[test]
fn our_program_finds_what_the_crate_finds() {
    let mut draws = Draws(1);
    let mut found = 0;
    for _ in 0..30_000 {
        let source = draws.expression(3);
        let Ok(parsed) = super::syntax::parse(&source) else { continue };
        let native = super::Regex::new(&parsed.node, &source).unwrap();
        let ours = super::Regex::program(&parsed.node).unwrap();
        for _ in 0..3 {
            let text: String =
                (0..draws.below(9)).map(|_| draws.of(&["a", "b", "a", "é", "\n", " ", "ab"])).collect();
            let groups = [1, 1 + parsed.names.len()][draws.below(2)];
            let expected: Vec<_> = native.matches(&text, groups).collect();
            assert_eq!(ours.matches(&text, groups).collect::<Vec<_>>(), expected, "{source:?} in {text:?}");
            assert_eq!(ours.is_match(&text), native.is_match(&text), "{source:?} in {text:?}");
            found += expected.len();
        }
    }
    assert!(found > 50_000, "{found}");
}

#[test]
fn what_the_crate_refuses_runs_anyway() {
    for (source, text, expected) in [
        ("^\\pL{1000}$", "ä".repeat(1_000), true),
        ("^\\pL{1000}$", "ä".repeat(999), false),
        (&format!("{}a{}", "(".repeat(900), ")".repeat(900)), "a".to_owned(), true),
    ] {
        assert_eq!(super::go_regex(source).unwrap().is_match(&text), expected, "{source}");
    }
    for (source, words) in [
        (format!("{}a{}", "(".repeat(20_000), ")".repeat(20_000)), "expression nests too deeply"),
        (format!("(?:{}){{1000}}", "ab".repeat(2_000)), "expression too large"),
    ] {
        let error = super::go_regex(&source).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
