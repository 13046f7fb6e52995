//! What other people's kinds mean by ready and by failed: data, in the language of [`crate::Expression`]. Each block names
//! the documentation that its rows are from.
//!
//! A row's `failed` is asked first, then `ready`; what is neither is on its way. A question that cannot be answered because
//! a field is missing counts as no.

mod apps;
mod cloud;
mod cluster;
mod data;
mod delivery;
mod network;
mod security;

/// What ready and failed mean for some kinds.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindRule {
    /// The API group. One that begins with a dot stands for all groups that end so.
    pub(super) group: &'static str,
    /// The kinds; none: all of the group that no row before names.
    pub(super) kinds: &'static [&'static str],
    pub(super) failed: &'static str,
    pub(super) ready: &'static str,
    /// Whether it runs to an end: then a failure is one for good.
    pub(super) ends: bool,
}

const fn rule(
    group: &'static str,
    kinds: &'static [&'static str],
    failed: &'static str,
    ready: &'static str,
) -> KindRule {
    KindRule { group, kinds, failed, ready, ends: false }
}

/// A kind that runs to an end.
const fn run(
    group: &'static str,
    kinds: &'static [&'static str],
    failed: &'static str,
    ready: &'static str,
) -> KindRule {
    KindRule { group, kinds, failed, ready, ends: true }
}

const READY: &str = "isTrue('Ready')";
const NOT_READY: &str = "isFalse('Ready')";
const NEVER: &str = "false";
const ALWAYS: &str = "true";

static TABLES: &[&[KindRule]] = &[
    delivery::RULES,
    security::RULES,
    network::RULES,
    data::RULES,
    apps::RULES,
    cloud::RULES,
    cluster::RULES,
];

/// The row for a kind, if there is one.
pub(super) fn find(group: &str, kind: &str) -> Option<&'static KindRule> {
    if group.is_empty() || !group.contains('.') {
        return None;
    }
    TABLES.iter().copied().flatten().find(|rule| {
        let is_group = rule.group == group || (rule.group.starts_with('.') && group.ends_with(rule.group));
        is_group && (rule.kinds.is_empty() || rule.kinds.contains(&kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expression;

    #[test]
    fn every_row_reads_and_can_be_found() {
        for rule in TABLES.iter().copied().flatten() {
            for text in [rule.failed, rule.ready] {
                Expression::parse(text).unwrap_or_else(|error| panic!("{} {text}: {error}", rule.group));
            }
            for kind in rule.kinds {
                let group =
                    rule.group.strip_prefix('.').map_or(rule.group.into(), |rest| alloc::format!("x.{rest}"));
                let found = find(&group, kind).unwrap();
                assert!(core::ptr::eq(found, rule), "{group} {kind} is named twice");
            }
        }
    }
}
