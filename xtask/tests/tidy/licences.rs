//! Everything we build with may be used by anybody: licences as deny.toml allows them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;

use crate::{assert_none, list, metadata_with_packages, root, text};

/// The quoted words of `allow = [...]` in deny.toml's `[licenses]`.
fn allowed(deny: &str) -> anyhow::Result<BTreeSet<String>> {
    let section = deny.split("[licenses]").nth(1).context("deny.toml has no [licenses]")?;
    let rest = section.split("allow = [").nth(1).context("deny.toml allows nothing")?;
    let words = rest.split(']').next().unwrap_or_default();
    Ok(words.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Whether an SPDX expression (annex D of the SPDX specification; also with the old `/` for `OR`) can be met.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allowed);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allowed);
    }
    met
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let met = either(words, at, allowed);
        *at += 1;
        return met && words.get(*at - 1) == Some(&")");
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allowed.contains(&format!("{word} WITH {exception}"));
    }
    allowed.contains(word)
}

#[test]
fn licences_are_permissive() -> anyhow::Result<()> {
    let allowed = allowed(&fs::read_to_string(root().join("deny.toml"))?)?;
    let metadata = metadata_with_packages(&[])?;
    let packages = list(&metadata["packages"]);
    assert!(packages.len() > 20, "cargo metadata lists only {} packages", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !is_met(text(&package["license"]), &allowed))
        .map(|package| format!("{}: {}", text(&package["name"]), package["license"]))
        .collect();
    assert_none("licences that deny.toml does not allow", &refused);
    Ok(())
}

#[test]
fn expressions() {
    let allowed: BTreeSet<String> =
        ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT AND GPL-3.0) OR LGPL-2.1", false),
        ("GPL-3.0 OR MIT AND ISC", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
        ("MIT ISC", false),
        ("(MIT", false),
    ] {
        assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    }
}
