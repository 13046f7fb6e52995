//! `Chart.yaml`: what it says, and Helm's checks of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::ChartError;

/// What `Chart.yaml` (and, for `apiVersion: v1`, `requirements.yaml`) says. Texts that are not given are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Name of the chart.
    pub name: String,
    /// A page about it.
    pub home: String,
    /// Where its source is.
    pub sources: Vec<String>,
    /// Its version, a semantic one.
    pub version: String,
    /// One sentence about it.
    pub description: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Who looks after it.
    pub maintainers: Vec<Maintainer>,
    /// Address of an image.
    pub icon: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// A condition; not used by Helm on this level.
    pub condition: String,
    /// Tags; not used by Helm on this level.
    pub tags: String,
    /// Version of what it deploys.
    pub app_version: String,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// Anything else, for other tools.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Range of Kubernetes versions it works with; empty for any.
    pub kube_version: String,
    /// The charts it needs. `None` where the file has no list, which Helm treats differently from an empty one.
    pub dependencies: Option<Vec<Dependency>>,
    /// `application`, `library` or empty.
    pub kind: String,
}

/// One who looks after a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintainer {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// A page.
    pub url: String,
}

/// A chart that another one needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dependency {
    /// Its name (after processing: its alias).
    pub name: String,
    /// Range of versions.
    pub version: String,
    /// Where it can be had.
    pub repository: String,
    /// Comma-separated paths in the values; the first that is a boolean decides.
    pub condition: String,
    /// Tags that switch it on or off together with others.
    pub tags: Vec<String>,
    /// Whether it takes part; set when dependencies are processed.
    pub enabled: bool,
    /// Values it gives to its parent: names below `exports`, or pairs of `child` and `parent`.
    pub import_values: Vec<Value>,
    /// The name it goes by in the parent.
    pub alias: String,
}

impl Eq for Dependency {}

/// A map whose keys are found as Go's `encoding/json` finds them: exactly, else without regard to case.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    of: &'static str,
    /// Where the struct lies inside the whole, as Go's messages say it.
    path: &'static str,
}

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        let found = self.map.get(key);
        found.or_else(|| {
            self.map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
        })
    }

    fn wrong(&self, value: &Value, key: &str, wanted: &str) -> String {
        let found = go_kind(value);
        let (of, path) = (self.of, self.path);
        format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go struct field \
             {of}.{path}{key} of type {wanted}"
        )
    }

    fn text(&self, key: &str, into: &mut String) -> Result<(), String> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(value) => {
                *into = scalar_text(value).ok_or_else(|| self.wrong(value, key, "string"))?;
                Ok(())
            }
        }
    }

    fn flag(&self, key: &str, into: &mut bool) -> Result<(), String> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Bool(value)) => {
                *into = *value;
                Ok(())
            }
            Some(value) => Err(self.wrong(value, key, "bool")),
        }
    }

    fn list(&self, key: &str, wanted: &str) -> Result<Option<&'a Vec<Value>>, String> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(value) => Err(self.wrong(value, key, wanted)),
        }
    }

    fn texts(&self, key: &str, into: &mut Vec<String>) -> Result<(), String> {
        if let Some(items) = self.list(key, "[]string")? {
            *into = items
                .iter()
                .map(|item| match item {
                    Value::Null => Ok(String::new()),
                    other => scalar_text(other).ok_or_else(|| self.wrong(other, key, "string")),
                })
                .collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A scalar where the Go field is a string: `sigs.k8s.io/yaml` writes numbers and booleans as text there, floats as
/// float32 (v1.6.0 yaml.go:342).
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Number(number) => Some(backstay_yaml::number::format_float(number.as_f64()?, 'g', None, 32)),
        _ => None,
    }
}

fn fields<'a>(value: &'a Value, of: &'static str) -> Result<Fields<'a>, String> {
    let path = match of {
        "Maintainer" => "maintainers.",
        "Dependency" => "dependencies.",
        _ => "",
    };
    match value {
        Value::Object(map) => Ok(Fields { map, of, path }),
        other => Err(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type chart.{of}",
            go_kind(other)
        )),
    }
}

impl Metadata {
    /// Takes over what a parsed file says; keys that it does not have stay as they are. The text of an error is Go's.
    pub(crate) fn read(&mut self, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        let fields = fields(value, "Metadata")?;
        fields.text("name", &mut self.name)?;
        fields.text("home", &mut self.home)?;
        fields.texts("sources", &mut self.sources)?;
        fields.text("version", &mut self.version)?;
        fields.text("description", &mut self.description)?;
        fields.texts("keywords", &mut self.keywords)?;
        fields.text("icon", &mut self.icon)?;
        fields.text("apiVersion", &mut self.api_version)?;
        fields.text("condition", &mut self.condition)?;
        fields.text("tags", &mut self.tags)?;
        fields.text("appVersion", &mut self.app_version)?;
        fields.flag("deprecated", &mut self.deprecated)?;
        fields.text("kubeVersion", &mut self.kube_version)?;
        fields.text("type", &mut self.kind)?;
        if let Some(items) = fields.list("maintainers", "[]*chart.Maintainer")? {
            self.maintainers = items.iter().map(Maintainer::read).collect::<Result<_, _>>()?;
        }
        if let Some(items) = fields.list("dependencies", "[]*chart.Dependency")? {
            self.dependencies = Some(items.iter().map(Dependency::read).collect::<Result<_, _>>()?);
        }
        match fields.get("annotations") {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                let read = |(key, value): (&String, &Value)| match value {
                    Value::Null => Ok((key.clone(), String::new())),
                    other => scalar_text(other)
                        .map(|text| (key.clone(), text))
                        .ok_or_else(|| fields.wrong(other, "annotations", "string")),
                };
                let mut annotations = BTreeMap::new();
                for entry in map {
                    let (key, value) = read(entry)?;
                    annotations.insert(key, value);
                }
                self.annotations = Some(annotations);
            }
            Some(other) => return Err(fields.wrong(other, "annotations", "map[string]string")),
        }
        Ok(())
    }

    /// Cleans texts and checks what must be there (`Metadata.Validate`).
    pub(crate) fn validate(&mut self) -> Result<(), ChartError> {
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ] {
            clean(text);
        }
        self.sources.iter_mut().chain(&mut self.keywords).for_each(clean);
        let wrong = |message: String| Err(ChartError::Validation(message));
        let (name, version) = (&self.name, &self.version);
        if self.api_version.is_empty() {
            return wrong("chart.metadata.apiVersion is required".into());
        }
        if name.is_empty() {
            return wrong("chart.metadata.name is required".into());
        }
        if name == "." || name == ".." {
            return wrong(format!("chart.metadata.name {name:?} is not allowed"));
        }
        if name.contains('/') {
            return wrong(format!("chart.metadata.name {name:?} is invalid"));
        }
        if version.is_empty() {
            return wrong("chart.metadata.version is required".into());
        }
        if !crate::version::is_valid(version) {
            return wrong(format!("chart.metadata.version {version:?} is invalid"));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return wrong("chart.metadata.type must be application or library".into());
        }
        self.validate_parts()
    }

    fn validate_parts(&mut self) -> Result<(), ChartError> {
        for maintainer in &mut self.maintainers {
            for text in [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url] {
                clean(text);
            }
        }
        let mut names = std::collections::BTreeSet::new();
        for dependency in self.dependencies.iter_mut().flatten() {
            dependency.validate()?;
            let key = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if !names.insert(key.clone()) {
                let message = format!("more than one dependency with name or alias {key:?}");
                return Err(ChartError::Validation(message));
            }
        }
        Ok(())
    }

    /// Whether the chart only holds definitions for others.
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.kind.eq_ignore_ascii_case("library")
    }

    /// The form in a release record: empty fields are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut text = |key: &str, value: &str| {
            if !value.is_empty() {
                map.insert(key.into(), value.into());
            }
        };
        text("name", &self.name);
        text("home", &self.home);
        text("version", &self.version);
        text("description", &self.description);
        text("icon", &self.icon);
        text("apiVersion", &self.api_version);
        text("condition", &self.condition);
        text("tags", &self.tags);
        text("appVersion", &self.app_version);
        text("kubeVersion", &self.kube_version);
        text("type", &self.kind);
        let mut list = |key: &str, items: Vec<Value>| {
            if !items.is_empty() {
                map.insert(key.into(), items.into());
            }
        };
        list("sources", self.sources.iter().map(|text| json!(text)).collect());
        list("keywords", self.keywords.iter().map(|text| json!(text)).collect());
        list("maintainers", self.maintainers.iter().map(Maintainer::to_json).collect());
        list("dependencies", self.dependencies.iter().flatten().map(Dependency::to_json).collect());
        if self.deprecated {
            map.insert("deprecated".into(), true.into());
        }
        if let Some(annotations) = self.annotations.as_ref().filter(|map| !map.is_empty()) {
            map.insert("annotations".into(), json!(annotations));
        }
        map.into()
    }
}

impl Maintainer {
    fn read(value: &Value) -> Result<Self, String> {
        let mut new = Self::default();
        if value.is_null() {
            return Err("validation: maintainers must not contain empty or null nodes".into());
        }
        let fields = fields(value, "Maintainer")?;
        fields.text("name", &mut new.name)?;
        fields.text("email", &mut new.email)?;
        fields.text("url", &mut new.url)?;
        Ok(new)
    }

    fn to_json(&self) -> Value {
        let pairs = [("name", &self.name), ("email", &self.email), ("url", &self.url)];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        Value::Object(given.map(|(key, value)| (key.to_owned(), json!(value))).collect())
    }
}

impl Dependency {
    fn read(value: &Value) -> Result<Self, String> {
        if value.is_null() {
            return Err("validation: dependencies must not contain empty or null nodes".into());
        }
        let mut new = Self::default();
        let fields = fields(value, "Dependency")?;
        fields.text("name", &mut new.name)?;
        fields.text("version", &mut new.version)?;
        fields.text("repository", &mut new.repository)?;
        fields.text("condition", &mut new.condition)?;
        fields.texts("tags", &mut new.tags)?;
        fields.flag("enabled", &mut new.enabled)?;
        fields.text("alias", &mut new.alias)?;
        new.import_values = fields.list("import-values", "[]interface {}")?.cloned().unwrap_or_default();
        Ok(new)
    }

    fn validate(&mut self) -> Result<(), ChartError> {
        for text in [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition] {
            clean(text);
        }
        self.tags.iter_mut().for_each(clean);
        if !self.alias.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-')) {
            let message = format!("dependency {:?} has disallowed characters in the alias", self.name);
            return Err(ChartError::Validation(message));
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), json!(self.name));
        map.insert("repository".into(), json!(self.repository));
        let texts = [("version", &self.version), ("condition", &self.condition), ("alias", &self.alias)];
        for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            map.insert(key.into(), json!(value));
        }
        if !self.tags.is_empty() {
            map.insert("tags".into(), json!(self.tags));
        }
        if self.enabled {
            map.insert("enabled".into(), true.into());
        }
        if !self.import_values.is_empty() {
            map.insert("import-values".into(), json!(self.import_values));
        }
        map.into()
    }
}

/// Spaces of any kind become plain ones, other characters that cannot be printed go away.
fn clean(text: &mut String) {
    let odd = |char: char| char != ' ' && (char.is_whitespace() || char.is_control());
    if text.chars().any(odd) {
        let char = |char: char| match char {
            space if space.is_whitespace() => Some(' '),
            control if control.is_control() => None,
            other => Some(other),
        };
        *text = text.chars().filter_map(char).collect();
    }
}
