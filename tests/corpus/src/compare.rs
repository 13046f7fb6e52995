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
    /// Both refuse, with other words.
    OtherWords,
    /// Helm wants to load a part of a schema from the network, which Backstay never does.
    Network,
    /// Both render, but not the same.
    Differs,
    /// Only Backstay refuses.
    OnlyOursErrors,
    /// Only Helm refuses.
    OnlyHelmErrors,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Identical => "identical",
            Self::Masked => "identical-masked",
            Self::BothError => "both-error",
            Self::OtherWords => "both-error-other-words",
            Self::Network => "helm-needs-network",
            Self::Differs => "differs",
            Self::OnlyOursErrors => "only-ours-errors",
            Self::OnlyHelmErrors => "only-helm-errors",
        })
    }
}

impl Verdict {
    /// Whether it counts as agreement.
    pub(crate) fn agrees(self) -> bool {
        matches!(self, Self::Identical | Self::Masked | Self::BothError | Self::OtherWords | Self::Network)
    }
}

/// The first line in which ours differs from Helm's two renderings, from 1; none when it differs only where they do.
pub(crate) fn first_difference(ours: &str, helm: &str, again: &str) -> Option<usize> {
    let (ours, helm, again): (Vec<_>, Vec<_>, Vec<_>) =
        (ours.split('\n').collect(), helm.split('\n').collect(), again.split('\n').collect());
    if helm.len() != again.len() {
        return first_unlike(&ours, &helm, &helm);
    }
    first_unlike(&ours, &helm, &again)
}

fn first_unlike(ours: &[&str], helm: &[&str], again: &[&str]) -> Option<usize> {
    let is_same = |at: usize| {
        let ours = ours[at];
        ours == helm[at] || (helm[at] != again[at] && ours.starts_with(stable(helm[at], again[at])))
    };
    let shorter = ours.len().min(helm.len());
    match (0..shorter).find(|at| !is_same(*at)) {
        Some(at) => Some(at + 1),
        None if ours.len() != helm.len() => Some(shorter + 1),
        None => None,
    }
}

/// What two lines begin with before the word in which they differ.
fn stable<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let same = same.map_or(one.len().min(other.len()), |((at, _), _)| at);
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "+/=-_\"'!@#%^&*.$".contains(letter);
    let end = one[..same].char_indices().rev().find(|(_, letter)| !is_word(*letter));
    end.map_or("", |(at, letter)| &one[..at + letter.len_utf8()])
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
    use super::first_difference;

    fn check(ours: &str, helm: &str, again: &str, expected: Option<usize>) {
        assert_eq!(first_difference(ours, helm, again), expected, "{ours:?} {helm:?} {again:?}");
    }

    #[test]
    fn lines_helm_agrees_on_count() {
        check("a\nb\n", "a\nb\n", "a\nb\n", None);
        check("a\nc\n", "a\nb\n", "a\nb\n", Some(2));
        check("a\nb", "a\nb\n", "a\nb\n", Some(3));
        check("a\nkey: xyz\n", "a\nkey: abc\n", "a\nkey: abd\n", None);
        check("a\nkay: xyz\n", "a\nkey: abc\n", "a\nkey: abd\n", Some(2));
        check("a\nkey: \"xyz\"\nb", "a\nkey: \"abc\"\nc", "a\nkey: \"abd\"\nc", Some(3));
    }
}
