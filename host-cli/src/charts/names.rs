//! The name of a release when only a chart is given (Helm `Install.NameAndChart`, `TemplateName`).

use std::rc::Rc;

use backstay_core::gotemplate::{
    Compatibility, Environment, Options, Parsed, Templates, Value, helm_functions,
};
use backstay_core::object::Timestamp;

use super::render::seed;
use crate::args::NameArgs;
use crate::exit::Stop;

/// Name and chart from the words of the command line. `fixed` is the name that a command has without being given one.
///
/// Errors end with exit code 4: nothing has been changed. Their words are Helm's.
pub(crate) fn name_and_chart(
    words: &[String],
    arguments: &NameArgs,
    fixed: Option<&str>,
    compatibility: Compatibility,
    now: Timestamp,
) -> anyhow::Result<(String, String)> {
    let (name, chart) = match words {
        [name, chart] => {
            if arguments.generate_name {
                return Err(Stop::refused("cannot set --generate-name and also specify a name"));
            }
            if arguments.name_template.is_some() {
                return Err(Stop::refused("cannot set --name-template and also specify a name"));
            }
            (name.clone(), chart)
        }
        [chart] => match (&arguments.name_template, fixed) {
            (Some(template), _) => (from_template(template, compatibility, now)?, chart),
            (None, Some(fixed)) => (fixed.to_owned(), chart),
            (None, None) if arguments.generate_name => (generated(chart, now), chart),
            (None, None) => {
                return Err(Stop::refused("must either provide a name or specify --generate-name"));
            }
        },
        _ => return Err(Stop::refused("give a chart")),
    };
    Ok((name, chart.clone()))
}

/// The chart's last part without what follows its first dot, and the seconds since 1970.
fn generated(chart: &str, now: Timestamp) -> String {
    let base = chart.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let base = if base.is_empty() || base == "." { "chart" } else { base };
    let stem = base.split('.').next().unwrap_or_default();
    format!("{stem}-{}", now.as_millis().div_euclid(1000))
}

fn from_template(text: &str, compatibility: Compatibility, now: Timestamp) -> anyhow::Result<String> {
    const FILE: &str = "name-template";
    let functions = Rc::new(helm_functions(compatibility));
    let parsed = Parsed::new(FILE, text, &functions)
        .map_err(|error| Stop::refused(format!("--name-template: {error}")))?;
    let mut templates = Templates::new(functions);
    templates.add(parsed);
    let mut environment = Environment::offline(i128::from(now.0) * 1_000_000, seed()?);
    environment.compatibility = compatibility;
    templates
        .render(FILE, Value::Nil, &environment, Options::default())
        .map_err(|error| Stop::refused(format!("--name-template: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_where_helm_takes_them() {
        let now = Timestamp::parse("2026-11-21T06:10:49Z").unwrap();
        let template = |text: &str| NameArgs { generate_name: false, name_template: Some(text.to_owned()) };
        let generate = || NameArgs { generate_name: true, name_template: None };
        for (words, arguments, fixed, expected) in [
            (vec!["web", "./chart"], NameArgs::default(), None, Ok("web")),
            (vec!["./chart"], NameArgs::default(), Some("release-name"), Ok("release-name")),
            (vec!["./chart"], NameArgs::default(), None, Err("must either provide a name")),
            (vec!["./a/web-1.2.tgz"], generate(), None, Ok("web-1-1795241449")),
            (vec!["./a/web/"], generate(), None, Ok("web-1795241449")),
            (vec!["./chart"], template("{{ lower \"WEB\" }}-1"), None, Ok("web-1")),
            (vec!["./chart"], template("{{ lower }}"), None, Err("--name-template")),
            (vec!["./chart"], template("{{"), None, Err("--name-template")),
            (vec!["web", "./chart"], generate(), None, Err("cannot set --generate-name")),
            (vec!["web", "./chart"], template("x"), None, Err("cannot set --name-template")),
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let found = name_and_chart(&words, &arguments, fixed, Compatibility::Helm4, now);
            match (found, expected) {
                (Ok((name, _)), Ok(expected)) => assert_eq!(name, expected, "{words:?}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{words:?}: {error}");
                }
                (found, _) => panic!("{words:?}: {found:?}, not {expected:?}"),
            }
        }
    }
}
