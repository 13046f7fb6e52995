//! What templates see beside values: `.Chart`, `.Files`, `.Capabilities`, with the names of Go's types.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;

use backstay_gotemplate::{Compatibility, Elements, List, Map, MapType, Object, Text, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::capabilities::Capabilities;
use crate::content::Content;
use crate::files::ChartFile;
use crate::metadata::{Dependency, Maintainer, Metadata};
use crate::pattern::{Glob, base};
use crate::values::display;

/// The Helm that templates believe to run in.
const HELM_3: &str = "v3.22.0";
const HELM_4: &str = "v4.3.1";
const GO: &str = "go1.26.8";
const KUBE_CLIENT: &str = "v1.37";

/// A Go struct with public fields.
struct Struct {
    type_name: &'static str,
    kind: &'static str,
    /// Go name, JSON name, value; in the order of the declaration.
    fields: Vec<Field>,
    /// Methods without arguments, with their answer.
    methods: Vec<(&'static str, Value)>,
    /// What `{{ . }}` prints, where the type says so itself.
    text: Option<String>,
}

struct Field {
    name: &'static str,
    json: &'static str,
    value: Value,
    /// Left out of JSON where it is empty.
    optional: bool,
}

impl Object for Struct {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.clone())
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let (_, value) = self.methods.iter().find(|(method, _)| *method == name)?;
        if arguments.is_empty() {
            return Some(Ok(value.clone()));
        }
        Some(Err(format!("wrong number of args for {name}: want 0 got {}", arguments.len())))
    }

    fn print(&self) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let fields: Vec<String> = self.fields.iter().map(|field| display(&field.value)).collect();
        let pointer = if self.kind == "ptr" { "&" } else { "" };
        format!("{pointer}{{{}}}", fields.join(" "))
    }

    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        let given = self.fields.iter().filter(|field| !field.optional || field.value.truth());
        Some(given.map(|field| (field.json, field.value.clone())).collect())
    }

    fn plain(&self) -> Value {
        let given = self.fields.iter().filter(|field| !field.optional || field.value.truth());
        Value::map(given.map(|field| (Rc::from(field.json), plain(&field.value))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Object(object) => object.plain(),
        other => other.clone(),
    }
}

fn required(name: &'static str, value: Value) -> Field {
    Field { name, json: name, value, optional: false }
}

fn optional(name: &'static str, json: &'static str, value: Value) -> Field {
    Field { name, json, value, optional: true }
}

/// `.Capabilities`.
pub(crate) fn capabilities(capabilities: &Capabilities, compatibility: Compatibility) -> Value {
    let helm4 = compatibility == Compatibility::Helm4;
    let kube = &capabilities.kube_version;
    let kube_version = Struct {
        type_name: if helm4 { "common.KubeVersion" } else { "chartutil.KubeVersion" },
        kind: "struct",
        fields: vec![
            required("Version", Value::text(&kube.version)),
            required("Major", Value::text(&kube.major)),
            required("Minor", Value::text(&kube.minor)),
        ],
        methods: vec![("String", Value::text(&kube.normalized)), ("GitVersion", Value::text(&kube.version))],
        text: Some(kube.normalized.clone()),
    };
    let mut build = vec![
        optional("Version", "version", Value::text(if helm4 { HELM_4 } else { HELM_3 })),
        optional("GitCommit", "git_commit", Value::text("")),
        optional("GitTreeState", "git_tree_state", Value::text("")),
        optional("GoVersion", "go_version", Value::text(GO)),
    ];
    if helm4 {
        build.push(optional("KubeClientVersion", "kube_client_version", Value::text(KUBE_CLIENT)));
    }
    let helm_version = Struct {
        type_name: "version.BuildInfo",
        kind: "struct",
        fields: build,
        methods: Vec::new(),
        text: None,
    };
    Value::object(Struct {
        type_name: if helm4 { "*common.Capabilities" } else { "*chartutil.Capabilities" },
        kind: "ptr",
        fields: vec![
            required("KubeVersion", Value::object(kube_version)),
            required("APIVersions", Value::object(ApiVersions::new(capabilities, helm4))),
            required("HelmVersion", Value::object(helm_version)),
        ],
        methods: Vec::new(),
        text: None,
    })
}

/// `.Capabilities.APIVersions`.
struct ApiVersions {
    names: Vec<String>,
    type_name: &'static str,
}

impl ApiVersions {
    fn new(capabilities: &Capabilities, helm4: bool) -> Self {
        Self {
            names: capabilities.api_versions.clone(),
            type_name: if helm4 { "common.VersionSet" } else { "chartutil.VersionSet" },
        }
    }
}

impl Object for ApiVersions {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match (name, arguments) {
            ("Has", [Value::Text(wanted)]) => {
                Some(Ok(Value::Bool(self.names.iter().any(|name| name.as_str() == &**wanted))))
            }
            ("Has", [other]) => {
                Some(Err(format!("wrong type for value; expected string; got {}", other.type_name())))
            }
            ("Has", more) => Some(Err(format!("wrong number of args for Has: want 1 got {}", more.len()))),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("[{}]", self.names.join(" "))
    }

    fn truth(&self) -> bool {
        !self.names.is_empty()
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.names.iter().map(Value::text).collect())
    }

    fn plain(&self) -> Value {
        Value::texts(&self.names)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Chart`: a map of Go field names in Helm 4, a struct in Helm 3.
pub(crate) fn chart(metadata: &Metadata, root: bool, compatibility: Compatibility) -> Value {
    let texts = |items: &[String]| match compatibility {
        Compatibility::Helm4 => Value::list(items.iter().map(Value::text).collect()),
        Compatibility::Helm3 if items.is_empty() => Value::List(List::nil(Elements::Text)),
        Compatibility::Helm3 => Value::texts(items),
    };
    let fields = vec![
        optional("Name", "name", Value::text(&metadata.name)),
        optional("Home", "home", Value::text(&metadata.home)),
        optional("Sources", "sources", texts(&metadata.sources)),
        optional("Version", "version", Value::text(&metadata.version)),
        optional("Description", "description", Value::text(&metadata.description)),
        optional("Keywords", "keywords", texts(&metadata.keywords)),
        optional(
            "Maintainers",
            "maintainers",
            structs(
                "[]*chart.Maintainer",
                metadata.maintainers.iter().map(|one| maintainer(one, compatibility)).collect(),
                compatibility,
            ),
        ),
        optional("Icon", "icon", Value::text(&metadata.icon)),
        optional("APIVersion", "apiVersion", Value::text(&metadata.api_version)),
        optional("Condition", "condition", Value::text(&metadata.condition)),
        optional("Tags", "tags", Value::text(&metadata.tags)),
        optional("AppVersion", "appVersion", Value::text(&metadata.app_version)),
        optional("Deprecated", "deprecated", Value::Bool(metadata.deprecated)),
        optional("Annotations", "annotations", annotation_map(metadata)),
        optional("KubeVersion", "kubeVersion", Value::text(&metadata.kube_version)),
        optional(
            "Dependencies",
            "dependencies",
            structs(
                "[]*chart.Dependency",
                metadata
                    .dependencies
                    .iter()
                    .flatten()
                    .map(|one| dependency(one, compatibility, texts))
                    .collect(),
                compatibility,
            ),
        ),
        optional("Type", "type", Value::text(&metadata.kind)),
        required("IsRoot", Value::Bool(root)),
    ];
    if compatibility == Compatibility::Helm4 {
        return field_map(fields);
    }
    let printed: Vec<String> = fields.iter().take(17).map(|field| display(&field.value)).collect();
    Value::object(Struct {
        type_name: "struct { chart.Metadata; IsRoot bool }",
        kind: "struct",
        text: Some(format!("{{{{{}}} {root}}}", printed.join(" "))),
        fields,
        methods: Vec::new(),
    })
}

/// A slice of structs: in Helm 3 of this type.
fn structs(type_name: &'static str, items: Vec<Value>, compatibility: Compatibility) -> Value {
    match compatibility {
        Compatibility::Helm4 => Value::list(items),
        Compatibility::Helm3 => Value::List(List::of(Elements::Named(type_name), items)),
    }
}

fn annotation_map(metadata: &Metadata) -> Value {
    let Some(annotations) = &metadata.annotations else { return Value::Map(Map::nil(MapType::Texts)) };
    let entries = annotations.iter();
    let entries = entries.map(|(key, value)| (Rc::from(key.as_str()), Value::text(value))).collect();
    Value::Map(Map::of(MapType::Texts, entries))
}

/// A struct as Helm 4 shows it: a map of the fields' Go names.
fn field_map(fields: Vec<Field>) -> Value {
    Value::map(fields.into_iter().map(|field| (Rc::from(field.name), field.value)))
}

fn maintainer(maintainer: &Maintainer, compatibility: Compatibility) -> Value {
    let fields = vec![
        optional("Name", "name", Value::text(&maintainer.name)),
        optional("Email", "email", Value::text(&maintainer.email)),
        optional("URL", "url", Value::text(&maintainer.url)),
    ];
    shown(fields, "*chart.Maintainer", compatibility)
}

fn dependency(
    dependency: &Dependency,
    compatibility: Compatibility,
    texts: impl Fn(&[String]) -> Value,
) -> Value {
    let imports = dependency.import_values.iter().map(backstay_gotemplate::from_json_floats).collect();
    let fields = vec![
        Field { name: "Name", json: "name", value: Value::text(&dependency.name), optional: false },
        optional("Version", "version", Value::text(&dependency.version)),
        Field {
            name: "Repository",
            json: "repository",
            value: Value::text(&dependency.repository),
            optional: false,
        },
        optional("Condition", "condition", Value::text(&dependency.condition)),
        optional("Tags", "tags", texts(&dependency.tags)),
        optional("Enabled", "enabled", Value::Bool(dependency.enabled)),
        optional("ImportValues", "import-values", Value::list(imports)),
        optional("Alias", "alias", Value::text(&dependency.alias)),
    ];
    shown(fields, "*chart.Dependency", compatibility)
}

fn shown(fields: Vec<Field>, type_name: &'static str, compatibility: Compatibility) -> Value {
    match compatibility {
        Compatibility::Helm4 => field_map(fields),
        Compatibility::Helm3 => {
            Value::object(Struct { type_name, kind: "ptr", fields, methods: Vec::new(), text: None })
        }
    }
}

/// `.Files`, and what `.Files.Glob` gives.
pub(crate) struct Files(BTreeMap<Text, Content>);

impl Files {
    pub(crate) fn new(files: &[ChartFile]) -> Self {
        let mut own = BTreeMap::new();
        own.extend(files.iter().map(|file| (Rc::from(file.name.as_str()), file.data.clone())));
        Self(own)
    }

    fn by_base(&self, text: impl Fn(&[u8]) -> String) -> Value {
        let entries = self.0.iter().map(|(name, data)| (Rc::from(base(name)), Value::from(text(data))));
        let yaml = backstay_yaml::to_yaml(&Value::map(entries)).unwrap_or_default();
        Value::text(yaml.strip_suffix('\n').unwrap_or(&yaml))
    }

    fn lines(&self, name: &str) -> Value {
        let text = self.0.get(name).map_or_else(|| "".into(), Content::raw_text);
        if text.is_empty() {
            return Value::texts(Vec::<String>::new());
        }
        Value::texts(text.strip_suffix('\n').unwrap_or(&text).split('\n'))
    }
}

impl Object for Files {
    fn type_name(&self) -> &str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|data| Value::Bytes(data.bytes()))
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let wanted = match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => 1,
            "AsConfig" | "AsSecrets" => 0,
            _ => return None,
        };
        if arguments.len() != wanted {
            return Some(Err(format!(
                "wrong number of args for {name}: want {wanted} got {}",
                arguments.len()
            )));
        }
        let path = match arguments.first() {
            None => "",
            Some(Value::Text(path)) => &**path,
            Some(Value::Nil) => return Some(Err("invalid value; expected string".into())),
            Some(other) => {
                return Some(Err(format!(
                    "wrong type for value; expected string; got {}",
                    other.type_name()
                )));
            }
        };
        Some(Ok(match name {
            "Get" => Value::Text(self.0.get(path).map_or_else(|| "".into(), Content::raw_text)),
            "GetBytes" => Value::Bytes(self.0.get(path).map(Content::bytes).unwrap_or_default()),
            "Lines" => self.lines(path),
            // Through JSON, which has no bytes.
            "AsConfig" => self.by_base(|data| String::from_utf8_lossy(data).into_owned()),
            "AsSecrets" => self.by_base(|data| STANDARD.encode(data)),
            _ => {
                let glob = Glob::new(path);
                let matching = self.0.iter().filter(|(name, _)| glob.matches(name));
                let mut found = BTreeMap::new();
                found.extend(matching.map(|(name, data)| (name.clone(), data.clone())));
                Value::object(Self(found))
            }
        }))
    }

    /// Charts come to this when they print their whole scope, and their files may be large.
    fn print(&self) -> String {
        let mut text = String::new();
        self.print_into(&mut text);
        text
    }

    fn print_into(&self, text: &mut String) {
        // At most three digits and a space for a byte: growing would take twice the memory.
        let most: usize = self.0.iter().map(|(name, data)| name.len() + 4 * data.len() + 4).sum();
        text.reserve_exact(most + 5);
        text.push_str("map[");
        for (index, (name, data)) in self.0.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { " " });
            text.push_str(name);
            text.push_str(":[");
            print_bytes(data, text);
            text.push(']');
        }
        text.push(']');
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn entries(&self) -> Option<Vec<(Text, Value)>> {
        Some(self.0.iter().map(|(name, data)| (name.clone(), Value::Bytes(data.bytes()))).collect())
    }

    fn plain(&self) -> Value {
        Value::map(self.0.iter().map(|(name, data)| (name.clone(), Value::Bytes(data.bytes()))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Every byte in decimal with a space behind it, and how long that is.
static DECIMALS: [([u8; 4], usize); 256] = {
    let mut decimals = [([b' '; 4], 2); 256];
    let mut byte = 0;
    while byte < decimals.len() {
        let (hundreds, tens, ones) = (byte / 100, byte / 10 % 10, byte % 10);
        let digits = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        decimals[byte] = match byte {
            100.. => ([digits[0], digits[1], digits[2], b' '], 4),
            10.. => ([digits[1], digits[2], b' ', b' '], 3),
            _ => ([digits[2], b' ', b' ', b' '], 2),
        };
        byte += 1;
    }
    decimals
};

/// Bytes as Go prints them, but for the brackets. Files have many: a digit at a time takes most of such a chart's time.
fn print_bytes(bytes: &[u8], text: &mut String) {
    const AT_ONCE: usize = 64;
    let mut buffer = [0; 4 * AT_ONCE];
    for some in bytes.chunks(AT_ONCE) {
        let mut end = 0;
        for byte in some {
            let (decimal, length) = &DECIMALS[usize::from(*byte)];
            buffer[end..end + 4].copy_from_slice(decimal);
            end += length;
        }
        text.push_str(str::from_utf8(&buffer[..end]).unwrap_or_default());
    }
    if !bytes.is_empty() {
        text.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printed_as_go_prints_them() {
        for length in [0, 1, 2, 63, 64, 65, 256, 300] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut text = "[".to_owned();
            print_bytes(&bytes, &mut text);
            assert_eq!(text, format!("{bytes:?}").replace([',', ']'], ""), "{length} bytes");
        }
    }
}
