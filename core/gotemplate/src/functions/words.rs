//! Letters and words: cases, initials, line breaks (what Sprig v3.3.0 takes from goutils 1.1.1 and xstrings 1.5.0).

use super::arguments::{fixed, length, text};
use super::case::{lower, upper};
use super::text::bytes;
use crate::function::{Function, Parameter, Parameter::Text};
use crate::raw::bytes_of_text;
use crate::value::Value;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    fixed("upper", ONE, |_, a| Ok(text(a, 0).chars().map(upper).collect::<String>().into())),
    fixed("lower", ONE, |_, a| Ok(text(a, 0).chars().map(lower).collect::<String>().into())),
    fixed("title", ONE, |_, a| Ok(title_words(text(a, 0)).into())),
    fixed("untitle", ONE, |_, a| Ok(untitle(text(a, 0)).into())),
    fixed("swapcase", ONE, |_, a| Ok(swap_case(text(a, 0)).into())),
    fixed("initials", ONE, |_, a| Ok(initials(text(a, 0)).into())),
    fixed("nospace", ONE, |_, a| Ok(no_space(text(a, 0)).into())),
    fixed("camelcase", ONE, |_, a| Ok(camel_case(text(a, 0)).into())),
    fixed("snakecase", ONE, |_, a| Ok(lower_words(text(a, 0), '_').into())),
    fixed("kebabcase", ONE, |_, a| Ok(lower_words(text(a, 0), '-').into())),
];

const ONE: &[Parameter] = &[Text];

/// Upper case but for the letters that are two in one.
fn title(c: char) -> char {
    match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        c => upper(c),
    }
}

fn is_title(c: char) -> bool {
    matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | 'ᾈ'..='ᾏ' | 'ᾘ'..='ᾟ' | 'ᾨ'..='ᾯ' | 'ᾼ' | 'ῌ' | 'ῼ')
}

/// `strings.Title`: a word starts after everything but letters, digits and underscores; beyond ASCII, after spaces only.
fn title_words(text: &str) -> String {
    let mut previous = ' ';
    let starts = |c: char| {
        if c.is_ascii() { !c.is_ascii_alphanumeric() && c != '_' } else { c.is_whitespace() }
    };
    let map = |c: char| if starts(std::mem::replace(&mut previous, c)) { title(c) } else { c };
    text.chars().map(map).collect()
}

fn untitle(text: &str) -> String {
    let mut start = true;
    let map = |c: char| {
        let first = start && !c.is_whitespace();
        start = c.is_whitespace();
        if first { lower(c) } else { c }
    };
    text.chars().map(map).collect()
}

fn swap_case(text: &str) -> String {
    let mut start = true;
    let map = |c: char| {
        if c.is_uppercase() || is_title(c) {
            start = false;
            lower(c)
        } else if c.is_lowercase() {
            if std::mem::replace(&mut start, false) { title(c) } else { upper(c) }
        } else {
            start = c.is_whitespace();
            c
        }
    };
    text.chars().map(map).collect()
}

/// The library goes by bytes: letters beyond ASCII come out as their first byte in Latin-1.
fn initials(text: &str) -> String {
    let mut gap = true;
    let bytes = text.bytes().map(char::from);
    bytes.filter(|c| std::mem::replace(&mut gap, c.is_whitespace()) && !c.is_whitespace()).collect()
}

/// By bytes, too, but only where there is something to take out.
fn no_space(text: &str) -> String {
    let bytes = text.bytes().map(char::from);
    let kept: Vec<char> = bytes.filter(|c| !c.is_whitespace()).collect();
    if kept.len() == text.len() { text.to_owned() } else { kept.into_iter().collect() }
}

/// Breaks a line at spaces; the column counts bytes. Words that are too long are broken only on request.
pub(super) fn wrap(text: &str, columns: i64, new_line: &str, break_words: bool) -> Value {
    let new_line = if new_line.is_empty() { "\n" } else { new_line };
    let input = &*bytes_of_text(text);
    let columns = usize::try_from(columns.clamp(1, length(input.len().max(1)))).unwrap_or(1);
    let space_before = |from: usize, to: usize| {
        let part = input.get(from..to).unwrap_or_default();
        part.iter().rposition(|byte| *byte == b' ').map(|at| from + at)
    };
    let mut out = String::new();
    let mut line = |from: usize, to: usize| {
        out.push_str(&bytes(text, from, to));
        out.push_str(new_line);
    };
    let mut at = 0;
    while input.len() - at > columns {
        if input.get(at) == Some(&b' ') {
            at += 1;
        } else if let Some(space) = space_before(at, at + columns + 1) {
            line(at, space);
            at = space + 1;
        } else if break_words {
            line(at, at + columns);
            at += columns;
        } else {
            let tail = input.get(at + columns..).unwrap_or_default();
            let Some(space) = tail.iter().position(|byte| *byte == b' ') else { break };
            line(at, at + columns + space);
            at += columns + space + 1;
        }
    }
    out.push_str(&bytes(text, at, input.len()));
    out.into()
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `xstrings.ToPascalCase`: connectors go and the letter after one is raised; a run of capitals is lowered but for its first.
fn camel_case(text: &str) -> String {
    let mut out: String = text.chars().take_while(|c| is_connector(*c)).collect();
    let mut letters = text.chars().skip_while(|c| is_connector(*c));
    let Some(first) = letters.next() else {
        // A text of connectors alone gets its last one twice.
        out.extend(text.chars().last());
        return out;
    };
    let mut capitals = first.is_uppercase();
    let mut held = upper(first);
    for letter in letters {
        let previous = held;
        held = letter;
        match (is_connector(previous), is_connector(letter)) {
            // Of several connectors all but the last stay.
            (true, true) => out.push(previous),
            (true, false) => {
                capitals = letter.is_uppercase();
                held = upper(letter);
            }
            (false, _) => {
                if capitals && letter.is_uppercase() {
                    held = lower(letter);
                } else {
                    capitals = false;
                }
                out.push(previous);
            }
        }
    }
    out.push(held);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Number,
    Upper,
    Lower,
    Connector,
    Punctuation,
    Other,
}

fn kind(c: char) -> Kind {
    match c {
        c if is_connector(c) => Kind::Connector,
        c if is_punctuation(c) => Kind::Punctuation,
        c if c.is_uppercase() => Kind::Upper,
        c if c.is_alphabetic() && !c.is_numeric() && !is_ideograph(c) => Kind::Lower,
        c if c.is_numeric() => Kind::Number,
        _ => Kind::Other,
    }
}

/// The CJK characters that are no letters to the library.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4d85}' | '\u{20000}'..='\u{2b81d}')
}

/// The categories P*: in ASCII all signs but the symbols `$+<=>^`|~`.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
    }
    matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '‐'..='‧' | '‰'..='⁃' | '⁅'..='⁑' | '⁓'..='⁞' | '、'..='〃' | '〈'..='】' | '〔'..='〟' | '！'..='＃' | '％'..='＊' | '，'..='／' | '：' | '；' | '？' | '＠')
}

/// The words of a text, one after the other.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn take(&mut self) -> (Kind, &'a str) {
        let Some(first) = self.0.chars().next() else { return (Kind::End, "") };
        let kind = kind(first);
        let rest = self.0.char_indices().skip(1);
        let all = self.0.len();
        let run = |belongs: fn(Kind) -> bool| {
            let mut rest = rest.clone();
            rest.find(|(_, c)| !belongs(self::kind(*c))).map_or(all, |(at, _)| at)
        };
        let end = match kind {
            Kind::Upper => self.capitals(first.len_utf8()),
            Kind::Number => run(|kind| kind == Kind::Number),
            Kind::Lower => run(|kind| kind == Kind::Lower),
            Kind::Connector => run(|kind| kind == Kind::Connector),
            Kind::Punctuation => run(|kind| kind == Kind::Punctuation),
            Kind::Other | Kind::End => run(|kind| kind == Kind::Other),
        };
        let (word, remaining) = self.0.split_at(end);
        self.0 = remaining;
        (kind, word)
    }

    /// `Status`, `HTTP`, and of `HTTPStatus` the `HTTP`.
    fn capitals(&self, first: usize) -> usize {
        let mut letters = self.0.char_indices().skip(1).peekable();
        let mut last = 0;
        let mut end = first;
        let mut several = false;
        while let Some((at, c)) = letters.next_if(|(_, c)| kind(*c) == Kind::Upper) {
            several = true;
            last = at;
            end = at + c.len_utf8();
        }
        let lower_next = letters.peek().is_some_and(|(_, c)| kind(*c) == Kind::Lower);
        if several {
            return if lower_next { last } else { end };
        }
        while let Some((at, c)) = letters.next_if(|(_, c)| kind(*c) == Kind::Lower) {
            end = at + c.len_utf8();
        }
        end
    }
}

fn push_word(out: &mut String, (kind, word): (Kind, &str), connector: char) {
    match kind {
        Kind::Connector => out.extend(word.chars().map(|_| connector)),
        Kind::Upper => out.extend(word.chars().map(lower)),
        _ => out.push_str(word),
    }
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`. A number belongs to the word before it where lower case does not follow.
fn lower_words(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut words = Words(text);
    let mut word = words.take();
    while !words.0.is_empty() {
        if word.0 != Kind::Connector {
            push_word(&mut out, word, connector);
        }
        let last = word;
        word = words.take();
        match last.0 {
            Kind::Number => word = after_number(&mut out, &mut words, word, connector),
            Kind::Connector => push_word(&mut out, last, connector),
            Kind::Punctuation => {}
            _ if word.0 != Kind::Number => separate(&mut out, word.0, connector),
            _ if words.0.is_empty() => {}
            _ => {
                let number = word;
                word = words.take();
                if word.0 == Kind::Lower {
                    out.push(connector);
                    push_word(&mut out, number, connector);
                    word = after_number(&mut out, &mut words, word, connector);
                } else {
                    push_word(&mut out, number, connector);
                    separate(&mut out, word.0, connector);
                }
            }
        }
    }
    push_word(&mut out, word, connector);
    out
}

/// Numbers and lower case letters in turn are one word, as in `2m3s`.
fn after_number<'a>(
    out: &mut String,
    words: &mut Words<'a>,
    mut word: (Kind, &'a str),
    connector: char,
) -> (Kind, &'a str) {
    while matches!(word.0, Kind::Lower | Kind::Number) {
        push_word(out, word, connector);
        word = words.take();
    }
    if word.0 != Kind::End {
        separate(out, word.0, connector);
    }
    word
}

fn separate(out: &mut String, next: Kind, connector: char) {
    if !matches!(next, Kind::Connector | Kind::Punctuation) {
        out.push(connector);
    }
}
