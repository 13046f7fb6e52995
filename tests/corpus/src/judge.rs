//! One case rendered by Backstay and by one Helm, and the verdict about it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backstay_gotemplate::Compatibility;
use sha2::{Digest as _, Sha256};

use crate::cases::Case;
use crate::compare::{self, Verdict};
use crate::helm::{self, Helm, Round, TOO_SLOW};
use crate::ours;

/// What stands for the error of a rendering that panicked; it never agrees with anything.
const PANIC: &str = "panic";

/// How often Helm renders what differs: random fields now and then agree by chance.
const ROUNDS: u8 = 4;

/// What was found for one case and one Helm.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What the comparison says.
    pub(crate) verdict: Verdict,
    /// The differing lines or words.
    pub(crate) note: String,
    /// Digest of the bytes that both rendered, where they are the same.
    pub(crate) digest: Option<String>,
    /// How long Backstay took.
    pub(crate) ours: Duration,
}

/// A case and who renders it.
#[derive(Debug)]
pub(crate) struct Trial<'a> {
    /// What is rendered.
    pub(crate) case: &'a Case,
    /// By whom.
    pub(crate) helm: &'a Helm,
    /// How Backstay renders it.
    pub(crate) compatibility: Compatibility,
    /// How many lines of a difference are told.
    pub(crate) lines: usize,
}

impl Trial<'_> {
    /// Renders and compares.
    pub(crate) fn judge(&self) -> anyhow::Result<Finding> {
        let expected = self.theirs(Round::Number(0))?;
        let started = Instant::now();
        let ours = self.ours(true);
        let took = started.elapsed();
        let digest = match (&ours, &expected) {
            (Ok(ours), Ok(expected)) if ours == expected => {
                Some(helm::hex(&Sha256::digest(ours))[..16].to_owned())
            }
            _ => None,
        };
        let (verdict, note) = self.verdict(ours, expected)?;
        Ok(Finding { verdict, note, digest, ours: took })
    }

    fn verdict(
        &self,
        ours: Result<String, String>,
        expected: Result<String, String>,
    ) -> anyhow::Result<(Verdict, String)> {
        Ok(match (ours, expected) {
            (Err(ours), _) if ours == PANIC => (Verdict::OnlyOursErrors, format!("    ours {ours}\n")),
            (_, Err(expected)) if expected == TOO_SLOW => (Verdict::HelmTooSlow, String::new()),
            (_, Err(expected)) if expected.contains("HTTP request failed") => self.without_schemas()?,
            (Ok(ours), Ok(expected)) => self.renderings(&ours, expected, Round::Number)?,
            (Err(ours), Err(expected)) => errors(&ours, &expected),
            (Err(ours), Ok(_)) => (Verdict::OnlyOursErrors, format!("    ours {ours}\n")),
            (Ok(_), Err(expected)) => (Verdict::OnlyHelmErrors, format!("    helm {expected}\n")),
        })
    }

    /// Helm wanted the network for a schema: whether all else agrees.
    fn without_schemas(&self) -> anyhow::Result<(Verdict, String)> {
        let expected = self.theirs(Round::WithoutSchemas(0))?;
        let (verdict, note) = match (self.ours(false), expected) {
            (Ok(ours), Ok(expected)) => self.renderings(&ours, expected, Round::WithoutSchemas)?,
            (Err(ours), Err(expected)) => errors(&ours, &expected),
            (ours, expected) => {
                let told = |text: Result<String, String>| text.err().unwrap_or_default();
                let verdict = if ours.is_err() { Verdict::OnlyOursErrors } else { Verdict::OnlyHelmErrors };
                (verdict, format!("    helm {}\n    ours {}\n", told(expected), told(ours)))
            }
        };
        Ok(if verdict.agrees() { (Verdict::Network, String::new()) } else { (verdict, note) })
    }

    fn renderings(
        &self,
        ours: &str,
        expected: String,
        round: impl Fn(u8) -> Round,
    ) -> anyhow::Result<(Verdict, String)> {
        if ours == expected {
            return Ok((Verdict::Identical, String::new()));
        }
        let mut helm = vec![expected];
        for number in 1..ROUNDS {
            if let Ok(again) = self.theirs(round(number))? {
                helm.push(again);
            }
            if compare::first_difference(ours, &helm).is_none() {
                return Ok((Verdict::Masked, String::new()));
            }
        }
        let line = compare::first_difference(ours, &helm).unwrap_or_default();
        Ok((Verdict::Differs, compare::show(ours, &helm[0], line, self.lines)))
    }

    fn theirs(&self, round: Round) -> anyhow::Result<Result<String, String>> {
        let values = self.case.values_file();
        self.helm
            .template(&self.case.chart, &self.case.digest, values.as_deref(), round)
            .with_context(|| self.case.name())
    }

    fn ours(&self, schemas: bool) -> Result<String, String> {
        let values = self.case.values_file();
        let render = || ours::template(&self.case.chart, values.as_deref(), self.compatibility, schemas);
        catch_unwind(AssertUnwindSafe(render)).unwrap_or_else(|_| Err(PANIC.to_owned()))
    }
}

/// Two refusals.
fn errors(ours: &str, expected: &str) -> (Verdict, String) {
    let expected = expected.replace("\n\nUse --debug flag to render out invalid YAML", "");
    let (expected, ours) = (expected.trim_end(), ours.trim_end());
    let verdict = if expected == ours {
        Verdict::BothError
    } else if compare::reason(expected) == compare::reason(ours) {
        Verdict::OtherWords
    } else {
        Verdict::OtherReason
    };
    (verdict, format!("    helm {expected}\n    ours {ours}\n"))
}
