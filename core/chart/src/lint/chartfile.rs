//! Rules for `Chart.yaml` and `values.yaml`.

use backstay_gotemplate::map_to_json;
use backstay_gotemplate::semver::{Constraint, Version};
use backstay_yaml::decode_text;
use serde_json::Value;

use super::addresses::{is_mail, is_page, is_request};
use super::{Linter, Severity};
use crate::error::ValuesError;
use crate::metadata::Metadata;
use crate::schema;
use crate::values::{coalesced, read_values};

const FILE: &str = "Chart.yaml";
const VALUES: &str = "values.yaml";

impl Linter<'_> {
    pub(super) fn chart_file(&mut self) {
        let Some(file) = self.file(FILE) else { return };
        let read = decode_text(&file.content).and_then(|text| backstay_yaml::from_yaml(&text));
        let value = match read {
            Ok(value) => value,
            Err(error) => {
                let text = format!("error converting YAML to JSON: {}", error.go);
                return self.error(FILE, format!("unable to parse YAML\n\t{text}"));
            }
        };
        let mut metadata = Metadata::default();
        if let Err(text) = metadata.read(&value) {
            return self.error(FILE, format!("unable to parse YAML\n\t{text}"));
        }
        if !self.is_helm3()
            && let Some(key) = unknown_key(&value)
        {
            self.warn(
                FILE,
                format!(
                    "failed to strictly parse chart metadata file\n\terror unmarshaling JSON: while decoding JSON: \
                     json: unknown field {key:?}"
                ),
            );
        }
        self.identity(&metadata, &value);
        self.people(&metadata);
        self.kinds(&metadata);
    }

    fn identity(&mut self, metadata: &Metadata, value: &Value) {
        let name = &metadata.name;
        if name.is_empty() {
            self.error(FILE, "name is required");
        } else if crate::pattern::base(name) != name {
            self.error(FILE, format!("chart name {name:?} is invalid"));
        }
        let api_version = &metadata.api_version;
        match api_version.as_str() {
            "" => {
                self.error(FILE, "apiVersion is required. The value must be either \"v1\" or \"v2\"");
            }
            "v1" | "v2" => {}
            other => self.error(
                FILE,
                format!("apiVersion '{other}' is not valid. The value must be either \"v1\" or \"v2\""),
            ),
        }
        self.text_type(value, "version");
        let version = &metadata.version;
        if version.is_empty() {
            self.error(FILE, "version is required");
        } else {
            match Version::parse(version) {
                Err(_) => self.error(FILE, format!("version '{version}' is not a valid SemVer")),
                Ok(parsed) => {
                    let is_above = Constraint::parse(">0.0.0-0").is_ok_and(|least| least.check(&parsed));
                    if !is_above {
                        self.error(FILE, format!("version {version} is less than or equal to 0.0.0-0"));
                    }
                }
            }
        }
        self.text_type(value, "appVersion");
    }

    /// Helm reads numbers as texts, but wants them written as texts.
    fn text_type(&mut self, value: &Value, key: &str) {
        let found = match value.get(key) {
            None | Some(Value::String(_)) => return,
            Some(Value::Null) => "<nil>",
            Some(Value::Bool(_)) => "bool",
            Some(Value::Number(_)) => "float64",
            Some(Value::Array(_)) => "[]interface {}",
            Some(Value::Object(_)) => "map[string]interface {}",
        };
        self.error(FILE, format!("{key} should be of type string but it's of type {found}"));
    }

    fn people(&mut self, metadata: &Metadata) {
        for person in &metadata.maintainers {
            let (name, email, url) = (&person.name, &person.email, &person.url);
            let text = if name.is_empty() {
                "each maintainer requires a name".to_owned()
            } else if !email.is_empty() && !is_mail(email) {
                format!("invalid email '{email}' for maintainer '{name}'")
            } else if !url.is_empty() && !is_page(url) {
                format!("invalid url '{url}' for maintainer '{name}'")
            } else {
                continue;
            };
            self.error(FILE, text);
            break;
        }
        if let Some(source) = metadata.sources.iter().find(|source| !is_request(source)) {
            self.error(FILE, format!("invalid source URL '{source}'"));
        }
        let icon = &metadata.icon;
        if icon.is_empty() {
            self.add(Severity::Info, FILE, "icon is recommended");
        } else if !is_request(icon) {
            self.error(FILE, format!("invalid icon URL '{icon}'"));
        }
    }

    fn kinds(&mut self, metadata: &Metadata) {
        let api_version = &metadata.api_version;
        if !metadata.kind.is_empty() && api_version != "v2" {
            self.error(
                FILE,
                format!(
                    "chart type is not valid in apiVersion '{api_version}'. It is valid in apiVersion 'v2'"
                ),
            );
        }
        if metadata.dependencies.iter().flatten().next().is_some() && api_version != "v2" {
            self.error(
                FILE,
                format!(
                    "dependencies are not valid in the Chart file with apiVersion '{api_version}'. They are valid in \
                     apiVersion 'v2'"
                ),
            );
        }
        let version = &metadata.version;
        if !self.is_helm3() && Version::parse_strict(version).is_err() {
            self.warn(FILE, format!("version '{version}' is not a valid SemVerV2"));
        }
    }

    /// The values of the chart itself, with those given on top: those of subcharts are not looked at, as in Helm.
    pub(super) fn values_file(&mut self) {
        let Some(file) = self.file(VALUES) else {
            return self.add(Severity::Info, VALUES, "file does not exist");
        };
        let own = match read_values(VALUES, &file.content) {
            Ok(values) => values,
            Err(ValuesError::Yaml { helm, .. }) => {
                let text = format!("error converting YAML to JSON: {helm}");
                return self.error(VALUES, format!("unable to parse YAML: {text}"));
            }
            Err(error) => return self.error(VALUES, format!("unable to parse YAML: {error}")),
        };
        // Helm 3 has no way to skip this check.
        if self.input.skip_schema_validation && !self.is_helm3() {
            return;
        }
        let Some(schema) = self.file("values.schema.json").filter(|schema| !schema.content.is_empty()) else {
            return;
        };
        let checked = match serde_json::from_slice::<Value>(&schema.content) {
            Ok(schema) => {
                schema::validate(&schema, &Value::Object(map_to_json(&coalesced(self.input.values, &own))))
            }
            Err(error) => Err(format!("values.schema.json:{}: {error}", error.line())),
        };
        if let Err(text) = checked {
            self.error(VALUES, text);
        }
    }
}

/// The first key of `Chart.yaml`, in the order of names, that Helm does not know.
fn unknown_key(value: &Value) -> Option<String> {
    const CHART: [&str; 17] = [
        "name",
        "home",
        "sources",
        "version",
        "description",
        "keywords",
        "maintainers",
        "icon",
        "apiVersion",
        "condition",
        "tags",
        "appVersion",
        "deprecated",
        "annotations",
        "kubeVersion",
        "dependencies",
        "type",
    ];
    const MAINTAINER: [&str; 3] = ["name", "email", "url"];
    const DEPENDENCY: [&str; 8] =
        ["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];
    for (key, inner) in value.as_object()? {
        if !CHART.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            return Some(key.clone());
        }
        let known: &[&str] = match key.as_str() {
            "maintainers" => &MAINTAINER,
            "dependencies" => &DEPENDENCY,
            _ => continue,
        };
        let inside = inner.as_array().into_iter().flatten().filter_map(Value::as_object);
        let mut keys = inside.flat_map(serde_json::Map::keys);
        if let Some(key) = keys.find(|key| !known.iter().any(|known| known.eq_ignore_ascii_case(key))) {
            return Some(key.clone());
        }
    }
    None
}
