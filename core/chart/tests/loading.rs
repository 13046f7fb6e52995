//! Loading, records and values without templates.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::path::Path;
use std::process::Command;

use backstay_chart::{
    Chart, ReusePolicy, SourceFile, from_archive, from_files, merge_maps, read_values, reuse_values,
};
use backstay_gotemplate::{Compatibility, Map, map_to_json};
use serde_json::{Value, json};

fn chart(files: &[(&str, &str)]) -> Result<Chart, String> {
    let file =
        |(path, text): &(&str, &str)| SourceFile { path: (*path).into(), content: text.as_bytes().into() };
    from_files(files.iter().map(file).collect()).map_err(|error| error.to_string())
}

fn values(text: &str) -> Map {
    read_values("values.yaml", text.as_bytes()).unwrap()
}

fn json_of(map: &Map) -> Value {
    Value::Object(map_to_json(map))
}

#[test]
fn refused_charts() {
    let check =
        |files: &[(&str, &str)], expected: &str| assert_eq!(chart(files).err().as_deref(), Some(expected));
    check(&[], "Chart.yaml file is missing");
    check(
        &[("Chart.yaml", "name: a\nversion: 1.0.0"), (".helmignore", "!keep")],
        "Chart.yaml file is missing",
    );
    check(&[("Chart.yaml", "version: 1.0.0")], "validation: chart.metadata.name is required");
    check(&[("Chart.yaml", "name: a")], "validation: chart.metadata.version is required");
    check(&[("Chart.yaml", "name: a\nversion: x")], "validation: chart.metadata.version \"x\" is invalid");
    check(
        &[("Chart.yaml", "name: a\nversion: 1.0.0\ntype: other")],
        "validation: chart.metadata.type must be application or library",
    );
    check(
        &[("Chart.yaml", "name: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: b}]")],
        "validation: more than one dependency with name or alias \"b\"",
    );
    check(
        &[("Chart.yaml", "name: [a]\nversion: 1.0.0")],
        "cannot load Chart.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go \
         struct field Metadata.name of type string",
    );
    check(
        &[("Chart.yaml", "name: a\nversion: 1.0.0"), ("charts/b/Chart.yaml", "name: b")],
        "error unpacking subchart b in a: validation: chart.metadata.version is required",
    );
    check(
        &[("Chart.yaml", "name: a\nversion: 1.0.0"), ("values.yaml", "- a")],
        "cannot load values.yaml: failed to parse values.yaml: values must be a map of names to values, found a list",
    );
    check(
        &[("Chart.yaml", "name: a\nversion: 1.0.0"), (".helmignore", "ok\n**/x")],
        ".helmignore:2: double-star (**) syntax is not supported",
    );
    let missing = chart(&[(
        "Chart.yaml",
        "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: c}]",
    )]);
    let message = missing.unwrap().check_installable().unwrap_err().to_string();
    assert!(message.ends_with("found in Chart.yaml, but missing in charts/ directory: b, c"), "{message}");
}

#[test]
fn errors_name_the_line() {
    let error = read_values("my.yaml", b"a: 1\n---\nb: [\n").unwrap_err().to_string();
    assert!(error.starts_with("failed to parse my.yaml: my.yaml:"), "{error}");
    let error = chart(&[("Chart.yaml", "name: a\nversion: 1.0.0\n bad: - x")]).unwrap_err();
    assert!(error.starts_with("cannot load Chart.yaml: Chart.yaml:3: "), "{error}");
}

#[test]
fn packed_as_unpacked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts");
    let packed = Command::new("tar").args(["czf", "-", "family"]).current_dir(&folder).output().unwrap();
    let packed = from_archive(&packed.stdout).unwrap();
    let unpacked = common::load(&folder.join("family")).unwrap();
    let sorted = |chart: &Chart| {
        let mut record = chart.to_record_json();
        for key in ["templates", "files"] {
            let list = record[key].as_array_mut().unwrap();
            list.sort_by_key(|file| file["name"].as_str().map(str::to_owned));
        }
        record
    };
    assert_eq!(sorted(&packed), sorted(&unpacked));
    let names =
        |chart: &Chart| chart.dependencies.iter().map(|chart| chart.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&packed), names(&unpacked));
    assert!(from_archive(b"no archive").is_err());
}

/// A tar stream of one file, stored in gzip without compression.
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let length = u16::try_from(tar.len()).unwrap();
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&(!length).to_le_bytes());
    packed.extend_from_slice(&tar);
    packed
}

#[test]
fn hostile_archives() {
    let check = |name: &str, expected: &str| {
        let error = from_archive(&archive(name, b"name: a\nversion: 1.0.0\n")).unwrap_err().to_string();
        assert_eq!(error, expected, "{name}");
    };
    check("a/../../etc/passwd", "chart illegally references parent directory");
    check("a//etc/passwd", "chart illegally contains absolute paths");
    check("a\\c:\\x", "chart contains illegally named files");
    check("Chart.yaml", "chart illegally contains content outside the base directory: \"Chart.yaml\"");
    check("a/other", "Chart.yaml file is missing");
    assert_eq!(from_archive(&archive("a/Chart.yaml", b"name: a\nversion: 1.0.0\n")).unwrap().name(), "a");
}

#[test]
fn records() {
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\nappVersion: 1.10\n"),
        ("values.yaml", "num: 3\nf: 0.5\nm: {x: null}\n"),
        ("values.schema.json", "{}"),
        ("templates/t.yaml", "t"),
        ("README.md", "r"),
        ("Chart.lock", "digest: d\n"),
    ])
    .unwrap();
    let record = chart.to_record_json();
    let expected = json!({
        "metadata": {"apiVersion": "v2", "name": "a", "version": "1.0.0", "appVersion": "1.1"},
        "lock": {"digest": "d"},
        "templates": [{"name": "templates/t.yaml", "data": "dA=="}],
        "values": {"num": 3, "f": 0.5, "m": {"x": null}},
        "schema": "e30=",
        "schemamodtime": "0001-01-01T00:00:00Z",
        "files": [{"name": "README.md", "data": "cg=="}],
    });
    assert_eq!(record, expected);
    assert_eq!(Chart::from_record_json(&record).unwrap().to_record_json(), expected);
    assert!(Chart::from_record_json(&json!({"templates": [{"data": "dA=="}]})).is_err());
}

#[test]
fn reuse() {
    let old_chart =
        chart(&[("Chart.yaml", "name: a\nversion: 1.0.0"), ("values.yaml", "a: old\nb: old\n")]).unwrap();
    let old = values("b: mine\nc: {x: 1, z: 2}\n");
    let check = |policy, new: &str, expected: Value, defaults: Value| {
        let mut chart =
            chart(&[("Chart.yaml", "name: a\nversion: 1.0.1"), ("values.yaml", "a: new\n")]).unwrap();
        let values =
            reuse_values(policy, &mut chart, &old_chart, &old, &values(new), Compatibility::Helm4).unwrap();
        assert_eq!(
            (json_of(&values), json_of(chart.values.as_ref().unwrap())),
            (expected, defaults),
            "{policy:?}"
        );
    };
    let kept = json!({"b": "mine", "c": {"x": 1, "z": 2}});
    let merged = json!({"b": "mine", "c": {"x": 5, "z": 2}});
    check(ReusePolicy::WhenNoneGiven, "", kept.clone(), json!({"a": "new"}));
    check(ReusePolicy::WhenNoneGiven, "d: 1", json!({"d": 1}), json!({"a": "new"}));
    check(ReusePolicy::Reset, "", json!({}), json!({"a": "new"}));
    check(ReusePolicy::ResetThenReuse, "c: {x: 5}", merged.clone(), json!({"a": "new"}));
    check(ReusePolicy::Reuse, "c: {x: 5}", merged, json!({"a": "old", "b": "mine", "c": {"x": 1, "z": 2}}));
    assert_eq!(
        json_of(&merge_maps(&old, &values("b: null\nc: {z: {k: 1}}"))),
        json!({"b": null, "c": {"x": 1, "z": {"k": 1}}})
    );
}

#[test]
fn notes_and_hooks() {
    use backstay_chart::{RenderInput, render};
    use backstay_gotemplate::Environment;
    let chart = common::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts/order")).unwrap();
    let environment = Environment::offline(0, [1; 32]);
    let mut input = RenderInput::new("web", "space", &environment);
    let rendered = render(&chart, &input).unwrap();
    assert_eq!(rendered.notes, "Root notes for web in space.\n");
    assert_eq!(rendered.warnings, ["skipping unknown hooks: \"crd-install\" in order/templates/hooks.yaml"]);
    let crds: Vec<&str> = rendered.crds.iter().map(|crd| crd.source.as_str()).collect();
    assert_eq!(crds, ["order/crds/one.yaml", "order/charts/sub/crds/two.yml"]);
    let hooks: Vec<_> =
        rendered.hooks.iter().map(|hook| (hook.name.as_str(), hook.weight, hook.events.join(" "))).collect();
    let expected = [
        ("hooked", 0, "post-delete"),
        ("tester", 0, "test"),
        ("late", 5, "pre-install post-upgrade"),
        ("early", -5, "pre-install"),
    ];
    assert_eq!(hooks, expected.map(|(name, weight, events)| (name, weight, events.to_owned())));
    let late = &rendered.hooks[2];
    assert_eq!(late.delete_policies, ["before-hook-creation", "hook-succeeded"]);
    assert_eq!(late.output_log_policies, ["hook-failed"]);
    input.subchart_notes = true;
    let rendered = render(&chart, &input).unwrap();
    assert_eq!(rendered.notes, "Sub notes.\n\nRoot notes for web in space.\n");
    let objects = backstay_chart::parse_manifest(&rendered.manifest()).unwrap();
    assert_eq!(objects.len(), rendered.objects.iter().filter(|object| !object.kind.is_empty()).count());
}

#[test]
fn lookups() {
    use std::rc::Rc;

    use backstay_chart::{RenderError, RenderInput, TemplateCache, render_cached};
    use backstay_gotemplate::{Environment, FunctionError, Value};
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0"),
        ("templates/a.yaml", "kind: {{ (lookup \"v1\" \"Secret\" \"space\" \"s\").kind }}\n"),
    ])
    .unwrap();
    let mut environment = Environment::offline(0, [1; 32]);
    environment.lookup = Rc::new(|key| Err(FunctionError::NeedsLookup(key.clone())));
    let mut cache = TemplateCache::default();
    match render_cached(&chart, &RenderInput::new("web", "space", &environment), &mut cache) {
        Err(RenderError::NeedsLookup(key)) => assert_eq!(key.to_string(), "v1 Secret space/s"),
        other => panic!("{other:?}"),
    }
    environment.lookup = Rc::new(|_| Ok(Value::map([("kind".into(), Value::text("Secret"))])));
    let rendered =
        render_cached(&chart, &RenderInput::new("web", "space", &environment), &mut cache).unwrap();
    assert_eq!(rendered.manifest(), "---\n# Source: a/templates/a.yaml\nkind: Secret\n\n");
}

/// What is printed is the manifest without the white space at its end, however far that reaches, and the hooks.
#[test]
fn printed() {
    use backstay_chart::{RenderInput, render};
    use backstay_gotemplate::Environment;
    let check = |crd: &str, template: &str, replaced: Option<&str>, expected: &str| {
        let chart = chart(&[
            ("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0"),
            ("crds/c.yaml", crd),
            ("templates/t.yaml", template),
        ])
        .unwrap();
        let environment = Environment::offline(0, [1; 32]);
        let mut input = RenderInput::new("web", "space", &environment);
        input.include_crds = true;
        let mut rendered = render(&chart, &input).unwrap();
        if let Some(text) = replaced {
            rendered.replace_manifest(text.to_owned());
        }
        assert_eq!(rendered.template_text(true, false), expected);
        let (printed, manifest) = (rendered.template_text(false, false), rendered.manifest());
        assert_eq!(printed, format!("{}\n", manifest.trim()));
    };
    let crd = "---\n# Source: a/crds/c.yaml\n";
    let object = "---\n# Source: a/templates/t.yaml\n";
    let hook = "metadata: {annotations: {helm.sh/hook: test}}";
    check("a: 1\n\n", "", None, &format!("{crd}a: 1\n"));
    check(" \n\n", "", None, "---\n# Source: a/crds/c.yaml\n");
    check(" \n", "b: 2 \n \n", None, &format!("{crd} \n\n{object}b: 2\n"));
    check("a: 1", hook, None, &format!("{crd}a: 1\n{object}{hook}\n"));
    check("a: 1", hook, Some("\n mine \n\n"), &format!("mine\n{object}{hook}\n"));
    check("a: 1", "b: 2", Some(""), "\n");
}

/// Who annotates the checksum of a Secret with a line of `htpasswd` annotates that of the Secret it makes.
#[test]
fn a_line_of_htpasswd_is_the_same_in_all_files() {
    use backstay_chart::{RenderInput, render};
    use backstay_gotemplate::Environment;
    let line = r#"{{ htpasswd "me" "pw" }}"#;
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0"),
        ("templates/secret.yaml", &format!("line: {line}")),
        ("templates/pod.yaml", r#"{{ include (print .Template.BasePath "/secret.yaml") . }}"#),
    ])
    .unwrap();
    let lines = |seed: u8| {
        let environment = Environment::offline(0, [seed; 32]);
        let rendered = render(&chart, &RenderInput::new("web", "space", &environment)).unwrap();
        rendered.objects.iter().map(|object| object.text.to_string()).collect::<Vec<_>>()
    };
    let (first, second) = (lines(1), lines(2));
    assert!(first[0].starts_with("line: me:$2a$10$"), "{first:?}");
    assert_eq!(first[0], first[1]);
    assert_ne!(first[0], second[0]);
}
