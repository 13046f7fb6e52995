//! File patterns: Go's `path.Match` (for `.helmignore` and `--show-only`) and the globs of `.Files.Glob`.

/// The last part of a path.
pub(crate) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether `path.Match` would take the pattern.
pub(crate) fn is_valid_path_pattern(pattern: &str) -> bool {
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    while let Some(char) = chars.get(at) {
        match char {
            '\\' if at + 1 >= chars.len() => return false,
            '\\' => at += 2,
            '[' => match class(&chars, at, 'a') {
                Some((_, next)) => at = next,
                None => return false,
            },
            _ => at += 1,
        }
    }
    true
}

/// Whether a path matches in the sense of `path.Match`: `*` and `?` do not cross `/`.
#[must_use]
pub fn path_match(pattern: &str, path: &str) -> bool {
    // Nearly all patterns are a name or `*` and an ending.
    let is_plain = |text: &str| !text.contains(['*', '?', '[', '\\']);
    if is_plain(pattern) {
        return pattern == path;
    }
    if let Some(ending) = pattern.strip_prefix('*').filter(|ending| is_plain(ending)) {
        return path.strip_suffix(ending).is_some_and(|begin| !begin.contains('/'));
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    path_match_from(&pattern, 0, &path, 0)
}

fn path_match_from(pattern: &[char], mut at: usize, path: &[char], mut place: usize) -> bool {
    while let Some(char) = pattern.get(at) {
        match char {
            '*' => loop {
                if path_match_from(pattern, at + 1, path, place) {
                    return true;
                }
                match path.get(place) {
                    Some('/') | None => return false,
                    Some(_) => place += 1,
                }
            },
            '?' => {
                if path.get(place).is_none_or(|char| *char == '/') {
                    return false;
                }
                at += 1;
            }
            '[' => {
                let Some(found) = path.get(place) else { return false };
                match class(pattern, at, *found) {
                    Some((true, next)) if *found != '/' => at = next,
                    _ => return false,
                }
            }
            '\\' => {
                if pattern.get(at + 1) != path.get(place) || path.get(place).is_none() {
                    return false;
                }
                at += 2;
            }
            literal => {
                if path.get(place) != Some(literal) {
                    return false;
                }
                at += 1;
            }
        }
        place += 1;
    }
    place == path.len()
}

/// Reads `[a-z]` or `[^a-z]` that starts at `at`: whether `found` is in it, and where it ends.
fn class(pattern: &[char], at: usize, found: char) -> Option<(bool, usize)> {
    let mut at = at + 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut inside = false;
    let mut ranges = 0;
    loop {
        if pattern.get(at)? == &']' && ranges > 0 {
            return Some((inside != negated, at + 1));
        }
        let low = class_char(pattern, &mut at)?;
        let mut high = low;
        if pattern.get(at)? == &'-' {
            at += 1;
            high = class_char(pattern, &mut at)?;
        }
        inside |= (low..=high).contains(&found);
        ranges += 1;
    }
}

fn class_char(pattern: &[char], at: &mut usize) -> Option<char> {
    let mut char = *pattern.get(*at)?;
    if char == '-' || char == ']' {
        return None;
    }
    if char == '\\' {
        *at += 1;
        char = *pattern.get(*at)?;
    }
    *at += 1;
    Some(char)
}

/// A glob of `.Files.Glob` (the `gobwas/glob` syntax with `/` as separator).
#[derive(Debug, Clone)]
pub(crate) struct Glob(Vec<Node>);

#[derive(Debug, Clone)]
enum Node {
    Char(char),
    /// `?`: one character other than `/`.
    Single,
    /// `*`: any characters other than `/`.
    Any,
    /// `**`: anything.
    Super,
    /// `[abc]`, `[!abc]`, `[a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `{a,b*}`.
    Alternatives(Vec<Vec<Node>>),
}

impl Glob {
    /// Reads a pattern. One that is not well formed matches everything, as in Helm.
    pub(crate) fn new(pattern: &str) -> Self {
        let chars: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        match nodes(&chars, &mut at, 0) {
            Some(nodes) if at == chars.len() => Self(nodes),
            _ => Self(vec![Node::Super]),
        }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        let nodes: Vec<&Node> = self.0.iter().collect();
        glob_match(&nodes, &path)
    }
}

fn nodes(chars: &[char], at: &mut usize, depth: usize) -> Option<Vec<Node>> {
    let mut found = Vec::new();
    while let Some(char) = chars.get(*at) {
        match char {
            '*' if chars.get(*at + 1) == Some(&'*') => {
                while chars.get(*at) == Some(&'*') {
                    *at += 1;
                }
                found.push(Node::Super);
                continue;
            }
            '*' => found.push(Node::Any),
            '?' => found.push(Node::Single),
            '\\' => {
                *at += 1;
                found.push(Node::Char(*chars.get(*at)?));
            }
            '[' => {
                *at += 1;
                found.push(glob_class(chars, at)?);
                continue;
            }
            '{' => {
                let mut alternatives = Vec::new();
                loop {
                    *at += 1;
                    alternatives.push(nodes(chars, at, depth + 1)?);
                    match chars.get(*at)? {
                        ',' => {}
                        _ => break,
                    }
                }
                found.push(Node::Alternatives(alternatives));
            }
            ',' | '}' if depth > 0 => return Some(found),
            literal => found.push(Node::Char(*literal)),
        }
        *at += 1;
    }
    (depth == 0).then_some(found)
}

fn glob_class(chars: &[char], at: &mut usize) -> Option<Node> {
    let negated = chars.get(*at) == Some(&'!');
    *at += usize::from(negated);
    let mut ranges = Vec::new();
    while *chars.get(*at)? != ']' {
        let mut low = *chars.get(*at)?;
        if low == '\\' {
            *at += 1;
            low = *chars.get(*at)?;
        }
        if chars.get(*at + 1) == Some(&'-') && chars.get(*at + 2).is_some_and(|char| *char != ']') {
            ranges.push((low, *chars.get(*at + 2)?));
            *at += 3;
        } else {
            ranges.push((low, low));
            *at += 1;
        }
    }
    *at += 1;
    (!ranges.is_empty()).then_some(Node::Class { negated, ranges })
}

fn glob_match(nodes: &[&Node], path: &[char]) -> bool {
    let Some((first, rest)) = nodes.split_first() else { return path.is_empty() };
    match first {
        Node::Char(char) => path.first() == Some(char) && glob_match(rest, path.get(1..).unwrap_or_default()),
        Node::Single => {
            path.first().is_some_and(|char| *char != '/')
                && glob_match(rest, path.get(1..).unwrap_or_default())
        }
        Node::Class { negated, ranges } => {
            path.first()
                .is_some_and(|char| ranges.iter().any(|(low, high)| (low..=high).contains(&char)) != *negated)
                && glob_match(rest, path.get(1..).unwrap_or_default())
        }
        Node::Any | Node::Super => {
            let crosses = matches!(first, Node::Super);
            for taken in 0..=path.len() {
                if glob_match(rest, path.get(taken..).unwrap_or_default()) {
                    return true;
                }
                if !crosses && path.get(taken) == Some(&'/') {
                    return false;
                }
            }
            false
        }
        Node::Alternatives(alternatives) => alternatives.iter().any(|alternative| {
            let nodes: Vec<&Node> = alternative.iter().chain(rest.iter().copied()).collect();
            glob_match(&nodes, path)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_patterns() {
        for (pattern, path, matches) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "d/a.yaml", false),
            ("templates/.?*", "templates/.hidden", true),
            ("templates/.?*", "templates/.", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("a?c", "a/c", false),
            ("a*b*c", "aXbYbZc", true),
        ] {
            assert_eq!(path_match(pattern, path), matches, "{pattern} {path}");
        }
        assert!(!is_valid_path_pattern("[a"));
        assert!(!is_valid_path_pattern("a\\"));
        assert!(is_valid_path_pattern("[a-z]*"));
    }

    #[test]
    fn globs() {
        for (pattern, path, matches) in [
            ("config/*", "config/a", true),
            ("config/*", "config/a/b", false),
            ("config/**", "config/a/b", true),
            ("**.yaml", "x/y.yaml", true),
            ("{a,b*}.txt", "bcd.txt", true),
            ("{a,b*}.txt", "c.txt", false),
            ("[!a]b", "ab", false),
            ("[a-c]b", "bb", true),
            ("?", "/", false),
            ("[", "anything/at all", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(path), matches, "{pattern} {path}");
        }
    }
}
