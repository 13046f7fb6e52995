//! Whether two renderings are the same, but for what differs between any two renderings of the same chart.

use std::fmt;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The same bytes.
    Identical,
    /// The same lines, but for those in which Helm differs from itself.
    Masked,
    /// Both refuse, with the same words.
    BothError,
    /// Both refuse for the same kind of reason, with other words.
    OtherWords,
    /// Both refuse, for other kinds of reasons.
    OtherReason,
    /// Helm wants to load a part of a schema from the network, which Backstay never does; without schemas both render
    /// the same.
    Network,
    /// Both render, but not the same.
    Differs,
    /// Only Backstay refuses.
    OnlyOursErrors,
    /// Only Helm refuses.
    OnlyHelmErrors,
    /// Helm did not end in time: nothing to compare with.
    HelmTooSlow,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Identical => "identical",
            Self::Masked => "identical-masked",
            Self::BothError => "both-error",
            Self::OtherWords => "both-error-other-words",
            Self::OtherReason => "both-error-other-reason",
            Self::Network => "helm-needs-network",
            Self::Differs => "differs",
            Self::OnlyOursErrors => "only-ours-errors",
            Self::OnlyHelmErrors => "only-helm-errors",
            Self::HelmTooSlow => "helm-too-slow",
        })
    }
}

impl Verdict {
    /// Whether it counts as agreement; all else needs a row in `differences.md`.
    pub(crate) fn agrees(self) -> bool {
        matches!(self, Self::Identical | Self::Masked | Self::BothError | Self::OtherWords)
    }

    /// Whether Helm rendered and bytes were compared.
    pub(crate) fn is_rendering(self) -> bool {
        matches!(self, Self::Identical | Self::Masked | Self::Differs | Self::OnlyOursErrors)
    }
}

/// Where an error comes from, judged by Helm's words. Two errors of the same kind count as the same refusal.
pub(crate) fn reason(error: &str) -> &'static str {
    const KINDS: [(&str, &str); 25] = [
        ("panic: ", "crash"),
        ("missing in charts/ directory", "dependencies"),
        ("don't meet the specifications of the schema", "schema"),
        ("schema", "schema"),
        ("which is incompatible with Kubernetes", "kube version"),
        ("library charts are not installable", "library"),
        ("cannot load values.yaml", "values"),
        ("failed to parse values.yaml", "values"),
        ("YAML parse error on", "manifest"),
        ("unable to parse YAML", "manifest"),
        ("parse error at (", "template syntax"),
        ("parse error in ", "template syntax"),
        ("executing \"", "template"),
        ("error calling ", "template"),
        ("execution error at (", "template"),
        ("template: no template", "template"),
        ("Chart.yaml", "metadata"),
        ("apiVersion", "metadata"),
        ("validation: ", "metadata"),
        ("chart metadata", "metadata"),
        ("failed to parse ", "values"),
        ("error unmarshaling JSON", "metadata"),
        ("cannot load ", "metadata"),
        ("unable to detect chart", "metadata"),
        ("template: ", "template syntax"),
    ];
    KINDS.iter().find(|(words, _)| error.contains(words)).map_or("other", |(_, kind)| kind)
}

/// The first line in which ours differs from Helm's renderings, from 1; none when it differs only where they do.
pub(crate) fn first_difference(ours: &str, helm: &[String]) -> Option<usize> {
    let ours = units(ours);
    let helm: Vec<Vec<&str>> = helm.iter().map(|text| units(text)).collect();
    let (first, more) = helm.split_first()?;
    let more: Vec<&Vec<&str>> = more.iter().filter(|units| units.len() == first.len()).collect();
    let is_same = |at: usize| {
        let again = || more.iter().map(|units| units[at]).filter(|unit| *unit != first[at]);
        ours[at] == first[at] || again().any(|again| fits(ours[at], first[at], again))
    };
    let shorter = ours.len().min(first.len());
    let line = |at: usize| ours[..at].iter().map(|unit| unit.split('\n').count()).sum::<usize>() + 1;
    match (0..shorter).find(|at| !is_same(*at)) {
        Some(at) => Some(line(at)),
        None if ours.len() != first.len() => Some(line(shorter)),
        None => None,
    }
}

/// Lines; a PEM block is one unit: keys and certificates differ in length now and then, and with them the lines.
fn units(text: &str) -> Vec<&str> {
    let mut units = Vec::new();
    let mut rest = text;
    loop {
        let line = rest.find('\n').unwrap_or(rest.len());
        let mut end = line;
        // Begins on this line and does not end on it.
        if let Some(begin) = rest[..line].rfind("-----BEGIN ")
            && !rest[begin..line].contains("-----END ")
            && let Some(last) = rest.find("-----END ")
            && !rest[line..last].contains("-----BEGIN ")
        {
            end = rest[last..].find('\n').map_or(rest.len(), |at| last + at);
        }
        units.push(&rest[..end]);
        if end == rest.len() {
            return units;
        }
        rest = &rest[end + 1..];
    }
}

/// Whether a unit is like two of Helm's, but for the words in which these two differ.
fn fits(ours: &str, one: &str, other: &str) -> bool {
    let (start, end) = stable(one, other);
    ours.len() >= start.len() + end.len() && ours.starts_with(start) && ours.ends_with(end)
}

/// What two texts begin and end with, outside of the words in which they differ.
fn stable<'a>(one: &'a str, other: &str) -> (&'a str, &'a str) {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "+/=_!@#%^&*.$".contains(letter);
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let same = same.map_or(one.len().min(other.len()), |((at, _), _)| at);
    let start = one[..same].char_indices().rev().find(|(_, letter)| !is_word(*letter));
    let start = start.map_or(0, |(at, letter)| at + letter.len_utf8());
    let pairs = one[start..].char_indices().rev().zip(other.chars().rev());
    let mut end = one.len();
    for ((at, a), b) in pairs {
        if a != b {
            break;
        }
        if !is_word(a) {
            end = start + at;
        }
    }
    (&one[..start], &one[end..])
}

/// Some lines around a difference, of both.
pub(crate) fn show(ours: &str, helm: &str, line: usize, more: usize) -> String {
    let cut = |text: &str, name: &str| {
        let lines = text.split('\n').enumerate().skip(line.saturating_sub(3)).take(more + 3);
        lines.map(|(at, text)| format!("    {name} {:>5} {text}\n", at + 1)).collect::<String>()
    };
    format!("{}{}", cut(helm, "helm"), cut(ours, "ours"))
}

#[cfg(test)]
mod tests {
    use super::{first_difference, reason};

    fn check(ours: &str, helm: &str, again: &str, expected: Option<usize>) {
        let helms = [helm.to_owned(), again.to_owned()];
        assert_eq!(first_difference(ours, &helms), expected, "{ours:?} {helm:?} {again:?}");
    }

    #[test]
    fn lines_helm_agrees_on_count() {
        check("a\nb\n", "a\nb\n", "a\nb\n", None);
        check("a\nc\n", "a\nb\n", "a\nb\n", Some(2));
        check("a\nb", "a\nb\n", "a\nb\n", Some(3));
        check("a\nkey: xyz\n", "a\nkey: abc\n", "a\nkey: abd\n", None);
        check("a\nkay: xyz\n", "a\nkey: abc\n", "a\nkey: abd\n", Some(2));
        check("a\nkey: \"xyz\"\nb", "a\nkey: \"abc\"\nc", "a\nkey: \"abd\"\nc", Some(3));
        // What follows the random word counts too.
        check("key: 'xyz' # two", "key: 'abc' # one", "key: 'abd' # one", Some(1));
    }

    #[test]
    fn certificates_are_one_unit() {
        let block = |lines: &str| format!("k: |\n  -----BEGIN KEY-----\n{lines}  -----END KEY-----\nend\n");
        let (two, three) = (block("  aa\n  bb\n"), block("  cc\n  dd\n  ee\n"));
        check(&block("  ff\n"), &two, &three, None);
        check(&block("  ff\n").replace("KEY", "CERT"), &two, &three, Some(2));
        check(&block("  ff\n"), &two, &two, Some(2));
        check(&block("  ff\n").replace("end", "End"), &two, &three, Some(5));
    }

    #[test]
    fn errors_have_kinds() {
        assert_eq!(reason("execution error at (a/b.yaml:1:2): no"), "template");
        assert_eq!(reason("template: a/b.yaml:1:2: executing \"a\" at <x>: no"), "template");
        assert_eq!(reason("cannot load values.yaml: no"), "values");
        assert_eq!(reason("YAML parse error on a/b.yaml: no"), "manifest");
    }
}
