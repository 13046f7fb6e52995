//! All independent errors of a chart at once, where Helm stops at the first.

use std::collections::{BTreeMap, BTreeSet};

use backstay_gotemplate::Map;

use crate::chart::Chart;
use crate::manifests::sort_manifests;
use crate::render::{Prepared, RenderError, RenderInput, check_kube_version, with_values};
use crate::schema::validate_schemas;
use crate::template_cache::TemplateCache;

/// What is wrong with a chart: values that do not fit, and every template on its own. An error that several templates
/// run into at the same place is told once; what only follows from a file that cannot be parsed is not told.
///
/// A look-up that is not answered yet comes alone: render again with its answer.
#[must_use]
pub fn every_error(chart: &Chart, input: &RenderInput<'_>) -> Vec<RenderError> {
    // Without these nothing else can be judged.
    let usable = chart.check_installable().map_err(RenderError::from);
    let (chart, values, _) = match usable.and_then(|()| with_values(chart, input)) {
        Ok(ready) => ready,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    if !input.skip_schema_validation
        && let Err(text) = validate_schemas(&chart, &values)
    {
        errors.push(RenderError::Schema(text));
    }
    errors.extend(check_kube_version(&chart, &input.capabilities).err());
    let (rendered, failures) = render_each(&chart, values, input);
    if let Some(unanswered) = failures.iter().position(|error| matches!(error, RenderError::NeedsLookup(_))) {
        return failures.into_iter().skip(unanswered).take(1).collect();
    }
    errors.extend(failures);
    for (name, text) in rendered {
        if !name.ends_with("NOTES.txt") {
            let file = BTreeMap::from([(name, text)]);
            errors.extend(sort_manifests(file, input.environment.compatibility).err().map(RenderError::from));
        }
    }
    errors
}

/// Renders each template on its own: the texts of those that can be, and every independent error of the others.
pub(crate) fn render_each(
    chart: &Chart,
    values: Map,
    input: &RenderInput<'_>,
) -> (BTreeMap<String, String>, Vec<RenderError>) {
    let mut cache = TemplateCache::default();
    let functions = cache.functions(input.environment.compatibility);
    let mut prepared = Prepared::new(chart, values, input, functions);
    let mut errors = Vec::new();
    // Going on is what the closure says, so there is no error to hand on.
    let mut failed = |error| {
        errors.push(error);
        Ok(())
    };
    let _parsed = prepared.parse(&mut cache, &mut failed, None);
    let all_parsed = errors.is_empty();
    let mut rendered = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for name in prepared.files() {
        match prepared.render(name) {
            Ok(text) => {
                rendered.insert(name.clone(), text);
            }
            Err(error) => {
                if let RenderError::Template { file, line, context, message, .. } = &error {
                    let follows = !all_parsed && message.contains("no template \"");
                    if follows || !seen.insert((file.clone(), *line, context.clone(), message.clone())) {
                        continue;
                    }
                }
                errors.push(error);
            }
        }
    }
    (rendered, errors)
}

/// The text of every template, by path, before it is read as YAML: what `helm template --debug` prints when it is none.
///
/// # Errors
/// As [`crate::render`], apart from documents that are not YAML.
pub fn rendered_files(
    chart: &Chart,
    input: &RenderInput<'_>,
) -> Result<BTreeMap<String, String>, RenderError> {
    let (chart, values, _) = with_values(chart, input)?;
    let mut cache = TemplateCache::default();
    let functions = cache.functions(input.environment.compatibility);
    let mut prepared = Prepared::new(&chart, values, input, functions);
    prepared.parse(&mut cache, &mut Err, None)?;
    prepared.files().map(|name| Ok((name.clone(), prepared.render(name)?))).collect()
}
