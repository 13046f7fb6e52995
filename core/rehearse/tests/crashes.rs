//! S8: the host dies at every output, and the verdict is the same. And seeded trouble of every kind at once.

mod common;

use backstay_rehearse::Trouble;
use backstay_rollout::Verdict;
use common::*;

const GOOD: &str = "registry.example/web:v1";
const BETTER: &str = "registry.example/web:v2";
const MISSING: &str = "registry.example/web:nope";

#[test]
fn a_crash_at_every_output_ends_in_the_same_verdict() {
    for (after, expected) in [(BETTER, "deployed"), (MISSING, "rolled-back image-not-found")] {
        let cluster = running_shop(21);
        let hooks = || vec![hook("migrate", "pre-upgrade", "sleep 1; exit 0")];
        let plan = || upgrade(shop(GOOD), shop(after), hooks());
        let (_, calm) = rehearse(cluster.clone(), plan(), Trouble::default());
        assert_eq!(in_a_word(&calm.verdict), expected);
        for output in 1..=calm.outputs {
            for seed in 0..2 {
                let trouble = Trouble { seed, crash_after: vec![output], ..Trouble::default() };
                let (left, report) = rehearse(cluster.clone(), plan(), trouble);
                assert_eq!(
                    in_a_word(&report.verdict),
                    expected,
                    "crash after output {output}, seed {seed}: {:#?}",
                    report.story
                );
                let runs = if expected == "deployed" { after } else { GOOD };
                assert_eq!(image(&left).as_deref(), Some(runs), "crash after output {output}, seed {seed}");
            }
        }
    }
}

#[test]
fn an_abort_at_any_time_goes_back_or_is_done() {
    let cluster = running_shop(22);
    let from = cluster.now();
    let mut went_back = 0;
    for tenth in 0..120 {
        let abort_at = Some(from.after(std::time::Duration::from_millis(100 * tenth)));
        let trouble = Trouble { seed: tenth, abort_at, ..Trouble::default() };
        let (left, report) = rehearse(cluster.clone(), upgrade(shop(GOOD), shop(BETTER), vec![]), trouble);
        let word = in_a_word(&report.verdict);
        let runs = match word.as_str() {
            "deployed" => BETTER,
            "rolled-back aborted" | "refused aborted" => {
                went_back += 1;
                GOOD
            }
            other => panic!("abort after {tenth} tenths: {other}"),
        };
        assert_eq!(image(&left).as_deref(), Some(runs), "abort after {tenth} tenths");
    }
    assert!(went_back > 40, "only {went_back} of 120 aborts were honoured");
}

#[test]
fn seeded_trouble_never_breaks_an_invariant() {
    let mut verdicts = std::collections::BTreeMap::new();
    for seed in 0..150_u64 {
        let cluster = running_shop(seed % 3);
        let after = if seed % 2 == 0 { BETTER } else { MISSING };
        let trouble = Trouble {
            seed,
            crash_after: (0..seed % 4).map(|count| 5 + (seed * 7 + count * 31) % 80).collect(),
            abort_at: None,
            lost_replies_percent: 10,
            unreachable_percent: 10,
            repeated_percent: 20,
            late_percent: 30,
            ..Trouble::default()
        };
        let (left, report) = rehearse(cluster, upgrade(shop(GOOD), shop(after), vec![]), trouble);
        let runs = match &report.verdict {
            Verdict::Deployed => BETTER,
            Verdict::RolledBack { .. } => GOOD,
            other => panic!("seed {seed}: {other:?}\n{:#?}", report.story),
        };
        assert_eq!(image(&left).as_deref(), Some(runs), "seed {seed}");
        *verdicts.entry(in_a_word(&report.verdict)).or_insert(0) += 1;
    }
    assert!(
        verdicts.contains_key("deployed") && verdicts.contains_key("rolled-back image-not-found"),
        "{verdicts:?}"
    );
}
