//! The lines of a manifest, and of the templates it was made from.

use std::collections::BTreeMap;

use backstay_yaml::{Places, places};

/// Where the objects of a manifest and their fields are.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    documents: Vec<Document>,
    /// Texts of the chart's templates by `CHART/templates/NAME`.
    templates: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Document {
    /// `deployment/web`
    object: String,
    places: Places,
    /// The field path of the object inside the document: `items[2]` inside a List.
    prefix: String,
}

impl Lines {
    /// Reads a manifest; one that is no YAML has no lines.
    #[must_use]
    pub fn of(manifest: &str) -> Self {
        let mut documents = Vec::new();
        for places in places(manifest).unwrap_or_default() {
            let text = |path: &str| places.get(path).and_then(|place| place.text.clone());
            let named = |prefix: &str| {
                let path = |field: &str| {
                    if prefix.is_empty() { field.to_owned() } else { format!("{prefix}.{field}") }
                };
                Some(format!(
                    "{}/{}",
                    text(&path("kind"))?.to_ascii_lowercase(),
                    text(&path("metadata.name"))?
                ))
            };
            if let Some(object) = named("") {
                documents.push(Document { object, places, prefix: String::new() });
                continue;
            }
            let items = (0..).map(|index| format!("items[{index}]"));
            let found: Vec<(String, String)> =
                items.map_while(|prefix| Some((named(&prefix)?, prefix))).collect();
            for (object, prefix) in found {
                documents.push(Document { object, places: places.clone(), prefix });
            }
        }
        Self { documents, templates: BTreeMap::new() }
    }

    /// Adds the templates the manifest was made from.
    #[must_use]
    pub fn with_templates(mut self, templates: impl IntoIterator<Item = (String, String)>) -> Self {
        self.templates.extend(templates);
        self
    }

    /// The line of a field, or of the nearest part above that is there; the object's own line for an empty field.
    #[must_use]
    pub fn line(&self, object: &str, field: &str) -> Option<u64> {
        // Hooks are named with a word before.
        let object = object.strip_prefix("hook ").unwrap_or(object);
        let document = self.documents.iter().find(|document| document.object == object)?;
        let mut path = match (document.prefix.as_str(), field) {
            ("", field) => field.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, field) => format!("{prefix}.{field}"),
        };
        loop {
            if let Some(place) = document.places.get(&path) {
                return u64::try_from(place.line).ok();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path.truncate(end),
                None => path.clear(),
            }
        }
    }

    /// The line of a field in its template, where that is beyond doubt: the last key of the path, and if that is there more
    /// than once or not at all, the one above, has exactly one line in the template.
    #[must_use]
    pub fn template_line(&self, source: &str, field: &str) -> Option<u64> {
        let text = self.templates.get(source)?;
        let mut keys: Vec<&str> =
            field.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect();
        while let Some(key) = keys.pop() {
            let is_key = |line: &str| {
                let line = line.trim_start().trim_start_matches("- ");
                line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
            };
            let mut found = text.lines().enumerate().filter(|(_, line)| !key.is_empty() && is_key(line));
            if let (Some((index, _)), None) = (found.next(), found.next()) {
                return u64::try_from(index + 1).ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "---\n# Source: a/templates/x.yaml\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n        - name: a\n---\nkind: List\nitems:\n  - kind: ConfigMap\n    metadata:\n      name: c\n    data:\n      a: b\n";

    #[test]
    fn fields_have_lines_and_missing_ones_that_of_what_is_above() {
        let lines = Lines::of(MANIFEST);
        for (object, field, line) in [
            ("deployment/web", "spec.replicas", Some(6)),
            ("deployment/web", "spec.template.spec.containers[0].readinessProbe.periodSeconds", Some(10)),
            ("deployment/web", "spec.strategy", Some(5)),
            ("deployment/web", "", Some(3)),
            ("hook deployment/web", "", Some(3)),
            ("configmap/c", "data.a", Some(18)),
            ("configmap/c", "", Some(14)),
            ("configmap/other", "", None),
        ] {
            assert_eq!(lines.line(object, field), line, "{object} {field}");
        }
    }

    #[test]
    fn templates_have_a_line_where_it_is_certain() {
        let template = "kind: Deployment\nspec:\n  replicas: {{ .Values.n }}\n  x:\n    - image: a\n  y:\n    - image: b\n".to_owned();
        let lines = Lines::default().with_templates([("a/t.yaml".to_owned(), template)]);
        for (field, line) in
            [("spec.replicas", Some(3)), ("spec.x[0].image", Some(4)), ("spec.z", Some(2)), ("q", None)]
        {
            assert_eq!(lines.template_line("a/t.yaml", field), line, "{field}");
        }
    }
}
