//! The answer of `backstay lint`: findings with their lines, as data, for people, and for tools of code review.

use std::fmt::Write as _;

use backstay_plan::{Facts, Finding, Inputs, Remark, Severity, finding_of, lint, timing_of};

use super::{Before, Lines, PlannerError, parts, plan_of};

/// Looks a manifest over, the times included; codes in `ignore` are left out. The worst come first, then by place.
///
/// # Errors
/// When a manifest is no YAML or a document has no name.
pub fn findings(
    namespace: &str,
    manifest: &str,
    previous: Option<&str>,
    facts: &Facts,
    lines: &Lines,
    ignore: &[String],
) -> Result<Vec<Finding>, PlannerError> {
    // A manifest that cannot be planned has its own finding: an object that is there twice.
    let remarks = plan_of("lint", namespace, manifest, &Before::AllDiffers)
        .map_or_else(|_| Vec::new(), |plan| timing_of(&plan, &Inputs::default()).remarks);
    findings_with(namespace, manifest, previous, facts, lines, ignore, &remarks)
}

/// The same, where the times are known already: what they say against a given timeout is among the findings.
///
/// # Errors
/// As [`findings`].
pub fn findings_with(
    namespace: &str,
    manifest: &str,
    previous: Option<&str>,
    facts: &Facts,
    lines: &Lines,
    ignore: &[String],
    remarks: &[Remark],
) -> Result<Vec<Finding>, PlannerError> {
    let new = parts(manifest, namespace)?;
    let old = previous.map(|text| parts(text, namespace)).transpose()?.unwrap_or_default();
    let mut found = lint(namespace, &new.objects, &new.hooks, &old.objects, facts);
    found.extend(remarks_as_findings(remarks));
    Ok(placed(found, lines, ignore))
}

/// What the times say. That a readiness probe is missing has its own rule.
pub fn remarks_as_findings(remarks: &[Remark]) -> impl Iterator<Item = Finding> {
    remarks.iter().filter(|remark| remark.code != "no-readiness-probe").map(finding_of)
}

/// Findings in order, with their lines and without those that are ignored.
#[must_use]
pub fn placed(mut found: Vec<Finding>, lines: &Lines, ignore: &[String]) -> Vec<Finding> {
    found.retain(|finding| !ignore.contains(&finding.code));
    for finding in found.iter_mut().filter(|finding| !finding.object.is_empty()) {
        finding.line = lines.line(&finding.object, &finding.field);
        finding.template_line = lines.template_line(&finding.source, &finding.field);
    }
    backstay_object::sort_by(&mut found, |one, other| {
        let key = |finding: &Finding| (finding.source.clone(), finding.line, finding.code.clone());
        other.severity.cmp(&one.severity).then_with(|| key(one).cmp(&key(other)))
    });
    found
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    }
}

/// One finding a line, in the layout of Helm's lint.
#[must_use]
pub fn findings_text(found: &[Finding], least: Severity) -> String {
    let mut text = String::new();
    for finding in found.iter().filter(|finding| finding.severity >= least) {
        let place = match (finding.source.as_str(), finding.template_line, finding.line) {
            ("", _, Some(line)) => format!("line {line}: "),
            ("", _, None) => String::new(),
            (source, Some(line), _) => format!("{source}:{line}: "),
            (source, None, Some(line)) => format!("{source} (manifest line {line}): "),
            (source, None, None) => format!("{source}: "),
        };
        let object = if finding.object.is_empty() { String::new() } else { format!("{}: ", finding.object) };
        // Writing to a String cannot fail.
        let _written = writeln!(
            text,
            "[{}] {place}{object}{} [{}]\n    {}",
            word(finding.severity),
            finding.message,
            finding.code,
            finding.fix
        );
    }
    text
}
