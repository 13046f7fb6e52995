//! Charts and values: the folders of the repository with different inputs, and charts made here, one for every corner where
//! a platform could show.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Folders of charts, from the repository's root, with values that make them do more.
const FOLDERS: &[(&str, &str)] = &[
    ("tests/charts/app", "replicas: 3\n"),
    ("tests/charts/shop", "web:\n  replicas: 5\n"),
    ("core/chart/tests/charts/family", "off: {enabled: true}\ntags: {storage: false}\n"),
    ("core/chart/tests/charts/files", "more: [1, 2.5, 1e30, x]\n"),
    ("core/chart/tests/charts/order", "unused: true\n"),
    ("core/chart/tests/charts/scaffold", "ingress: {enabled: true}\nautoscaling: {enabled: true}\n"),
];

/// Templates where processors, word sizes and libraries could differ. (How deep templates may call each other does differ: it
/// depends on the stack, see docs/embedding.md.)
const TEMPLATES: &[(&str, &str)] = &[
    (
        "integers",
        "a: {{ add 9223372036854775807 1 }} {{ mul 4294967296 4294967296 }} {{ int64 \"-9\" }} {{ int 3e9 }}\n",
    ),
    (
        "floats",
        "a: {{ divf 1 3 }} {{ mulf 1e200 1e200 }} {{ round 2.675 2 }} {{ floor -0.5 }} {{ 1e21 }} {{ 0.1 }} {{ printf \"%e %g %.3f\" 1.5 1e-7 2.0005 }}\n",
    ),
    (
        "dates",
        "a: {{ now | date \"Mon Jan _2 15:04:05.000 2006\" }} {{ dateInZone \"2006-01-02 15:04 MST\" now \"Europe/Berlin\" }} {{ now | dateModify \"-36h\" | unixEpoch }}\n",
    ),
    (
        "random",
        "a: {{ randAlphaNum 40 }} {{ randNumeric 20 }} {{ uuidv4 }} {{ randInt 0 1000000 }} {{ shuffle \"abcdefghij\" }}\n",
    ),
    ("digests", "a: {{ sha256sum \"x\" }} {{ sha1sum \"x\" }} {{ adler32sum \"x\" }} {{ b32enc \"x\" }}\n"),
    ("key", "a: |\n{{ genPrivateKey \"ecdsa\" | indent 2 }}\n"),
    (
        "certificate",
        "{{ $ca := genCA \"ca\" 30 }}{{ $c := genSignedCert \"a\" (list \"10.0.0.1\") (list \"a.b\") 30 $ca }}a: |\n{{ $c.Cert | indent 2 }}\n",
    ),
    ("bcrypt", "a: {{ htpasswd \"user\" \"password\" | quote }}\n"),
    ("derived", "a: {{ derivePassword 1 \"long\" \"password\" \"user\" \"example.com\" }}\n"),
    (
        "versions",
        "a: {{ semverCompare \">=1.2 <2 || ^3\" \"1.9.9\" }} {{ (semver \"1.2.3-a.1+b\").Prerelease }}\n",
    ),
    (
        "patterns",
        "a: |-\n  {{ regexReplaceAll \"(\\\\w+)-(?P<x>[0-9]{2,})\" \"ab-123 cd-4\" \"${x}.$1\" }} {{ regexFindAll \"\\\\pL+\" \"aä1ß\" -1 }}\n",
    ),
    (
        "yaml",
        "{{ toYaml .Values | indent 0 }}\n---\n{{ toJson .Values | quote }}: {{ fromYaml \"a: 0o17\\nb: 1_000\\nc: .inf\" | toJson }}\n",
    ),
    ("toml", "a: |\n{{ toToml .Values | indent 2 }}\n"),
    (
        "words",
        "a: |-\n  {{ title \"hello wörld\" }} {{ wrap 10 \"a long line of words\" | quote }} {{ snakecase \"HTTPServerÄ\" }} {{ trunc 3 \"äöü\" | quote }}\n",
    ),
    (
        "lists",
        "a: |-\n  {{ list 3 1 2 | sortAlpha }} {{ range $i, $x := until 5 }}{{ $i }}{{ $x }},{{ end }} {{ chunk 2 (list 1 2 3) }} {{ uniq (list 1 1.0 \"1\") }}\n",
    ),
    (
        "maps",
        "{{ $m := dict \"b\" 1 \"a\" (dict \"c\" 2) }}{{ $_ := set $m \"z\" (merge (dict \"c\" 3) $m.a) }}a: |-\n  {{ $m }} {{ keys $m | sortAlpha }} {{ $m | toYaml | nindent 2 }}\n",
    ),
    (
        "addresses",
        "a: |-\n  {{ urlParse \"https://u:p@h:8/p?q=1#f\" | urlJoin }} {{ urlquery \"a b&ä\" }} {{ osBase \"/a/b.c\" }}\n",
    ),
    (
        "tpl",
        "a: {{ tpl \"{{ define \\\"x\\\" }}<{{ . }}>{{ end }}{{ include \\\"x\\\" .Release.Name }}\" . }}\n",
    ),
    ("text", "a: |-\n  {{ printf \"%q %x %08.3f %+d %v %T\" \"ä\" \"ab\" 3.14159 5 (dict \"a\" 1) 1.5 }}\n"),
    ("many", "{{ range until 200 }}---\nkind: ConfigMap\nmetadata: {name: c{{ . }}}\n{{ end }}\n"),
    ("fails-nil", "a: {{ .Values.none.such }}\n"),
    ("fails-parse", "a: {{ if }}\n"),
    ("fails-yaml", "a: b: c\n"),
];

/// What every folder is rendered with, beside its values.
fn variants(values: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("plain", json!({})),
        ("helm 3", json!({"helm": 3, "kube_version": "1.30.0"})),
        ("upgrade", json!({"is_upgrade": true, "revision": 7, "namespace": "space", "release": "other"})),
        ("values", json!({"values_files": [values], "set": ["extra.number=12345678901,extra.text=x"]})),
        ("values, helm 3", json!({"values_files": [values], "helm": 3, "include_crds": true})),
        (
            "cluster",
            json!({"kube_version": "v1.31.2-eks-abc", "api_versions": ["x.test/v1"], "seed": u64::MAX}),
        ),
    ]
}

/// The charts with their names; those whose name has `fails` in it end with an error.
pub(crate) fn cases() -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for (folder, values) in FOLDERS {
        let files = read(&root().join(folder));
        for (name, mut input) in variants(values) {
            input["files"] = files.clone();
            cases.push((format!("{folder}, {name}"), input));
        }
    }
    for (name, template) in TEMPLATES {
        for helm in [3, 4] {
            let files = json!([
                {"path": "Chart.yaml", "text": "apiVersion: v2\nname: made\nversion: 1.2.3\n"},
                {"path": "values.yaml", "text": "n: 1\nf: 1.5e300\nbig: 9007199254740993\nt: 'yes'\nl: [a, null, {b: ~}]\nm:\n  long: a line that is longer than eighty characters so that it has to be folded somewhere, or not\n  ä: '😀'\n"},
                {"path": "templates/made.yaml", "text": template},
                {"path": "templates/NOTES.txt", "text": "{{ .Release.Name }} {{ now | date \"2006\" }}"},
            ]);
            let input = json!({"files": files, "helm": helm, "seed": 42, "now": "2026-05-06T07:08:09.123Z"});
            cases.push((format!("{name}, helm {helm}"), input));
        }
    }
    cases
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A chart's folder as the input's `files`.
fn read(folder: &Path) -> Value {
    let mut files = Vec::new();
    collect(folder, "", &mut files);
    assert!(!files.is_empty(), "{}: no chart", folder.display());
    Value::Array(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<Value>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            let content = STANDARD.encode(fs::read(entry.path()).unwrap());
            files.push(json!({"path": name, "base64": content}));
        }
    }
}
