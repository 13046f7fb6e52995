//! Depth, scopes of `tpl`, look-ups and options.

use std::rc::Rc;

use crate::{
    Environment, Function, FunctionError, FunctionTable, LookupKey, Object, Options, Parameter, Parsed,
    RenderError, Runtime, Templates, Value,
};

const FUNCTIONS: &[Function] = &[
    Function {
        name: "include",
        parameters: &[Parameter::Text, Parameter::Any],
        variadic: None,
        call: |runtime, given| {
            runtime.include(given[0].as_text().expect("a name"), given[1].clone()).map(Value::from)
        },
    },
    Function {
        name: "tpl",
        parameters: &[Parameter::Text, Parameter::Any],
        variadic: None,
        call: |runtime, given| {
            runtime.tpl(given[0].as_text().expect("a text"), given[1].clone()).map(Value::from)
        },
    },
    Function {
        name: "ask",
        parameters: &[],
        variadic: None,
        call: |_, _| {
            let text = String::new;
            let (api_version, kind, namespace, name) = ("v1".to_owned(), "Node".to_owned(), text(), text());
            Err(FunctionError::NeedsLookup(LookupKey { api_version, kind, namespace, name }))
        },
    },
    Function {
        name: "random",
        parameters: &[],
        variadic: None,
        call: |runtime: &mut dyn Runtime, _| Ok(Value::from(runtime.random().to_string())),
    },
];

fn set(files: &[(&str, &str)]) -> Templates {
    let functions = Rc::new(FunctionTable::new([FUNCTIONS]));
    let mut set = Templates::new(functions.clone());
    for (name, text) in files {
        set.add(Parsed::new(name, text, &functions).expect(name));
    }
    set
}

fn render(files: &[(&str, &str)], data: Value, strict: bool) -> Result<String, RenderError> {
    let options = Options { missing_key_error: strict };
    set(files).render(files[0].0, data, &Environment::offline(0, [1; 32]), options)
}

#[track_caller]
fn check(files: &[(&str, &str)], wanted: &str) {
    let got = render(files, Value::map([("a".into(), Value::text("v"))]), false);
    assert_eq!(got.unwrap_or_else(|error| error.to_string()), wanted);
}

/// Runs with the stack a thread of a host has.
fn on_small_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(test).expect("a thread");
    thread.join().expect("no overflow");
}

#[test]
fn endless_templates_end() {
    on_small_stack(|| {
        let ends = |files: &[(&str, &str)], wanted: &str| {
            let error = render(files, Value::Nil, false).expect_err("endless").to_string();
            assert!(error.contains(wanted), "{}", &error[error.len().saturating_sub(300)..]);
        };
        let nested = "rendering template has a nested reference name: t: unable to execute template";
        ends(&[("t", "{{ include \"t\" . }}")], nested);
        ends(
            &[("t", "{{ range 1 }}{{ if 1 }}{{ print (print (include \"t\" .)) }}{{ end }}{{ end }}")],
            nested,
        );
        ends(&[("t", "{{ template \"t\" . }}")], "exceeded maximum template depth");
        ends(
            &[("t", "{{ define \"x\" }}{{ tpl \"{{ include `x` . }}\" . }}{{ end }}{{ include \"x\" . }}")],
            "nested reference name",
        );
    });
}

#[test]
fn deep_nesting_is_parsed_and_run() {
    on_small_stack(|| {
        for (open, close) in
            [("{{ if 1 }}", "{{ end }}"), ("{{ range 1 }}", "{{ end }}"), ("{{ with 1 }}", "{{ end }}")]
        {
            let text = format!("{}x{}", open.repeat(240), close.repeat(240));
            assert_eq!(render(&[("t", &text)], Value::Nil, false).as_deref(), Ok("x"));
        }
        let text = format!("{{{{ {}1{} }}}}", "(print ".repeat(240), ")".repeat(240));
        assert_eq!(render(&[("t", &text)], Value::Nil, false).as_deref(), Ok("1"));
        let text = format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(200) + "{{ else }}y");
        assert_eq!(render(&[("t", &text)], Value::Nil, false).as_deref(), Ok("y"));
        let text = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
        let error = Parsed::new("t", &text, &FunctionTable::default()).expect_err("too deep");
        assert_eq!(error.to_string(), "template: t:1: max expression depth exceeded");
    });
}

#[test]
fn later_files_replace_templates() {
    let define = "{{ define \"d\" }}one{{ end }}";
    check(&[("a", "{{ include \"d\" . }}"), ("b", define), ("c", "{{ define \"d\" }}two{{ end }}")], "two");
    check(&[("a", "{{ include \"d\" . }}"), ("b", define), ("c", "{{ define \"d\" }} {{ end }}")], "one");
    check(&[("a", "{{ include \"b\" . }}|"), ("b", define)], "|");
}

#[test]
fn a_parsed_file_serves_under_another_name() {
    let functions = Rc::new(FUNCTIONS.iter().collect::<FunctionTable>());
    let parsed = |text: &str| Parsed::new("a", text, &functions).expect("a template");
    let renamed =
        parsed("{{ define \"n\" }}{{ .a.b.c }}{{ end }}\n{{ .x.y.z }}").renamed("b").expect("renamed");
    assert_eq!((renamed.name(), renamed.defines().collect::<Vec<_>>()), ("b", vec!["n"]));
    let mut templates = Templates::new(functions.clone());
    templates.add(renamed);
    for (name, wanted) in [
        ("b", "template: b:2:5: executing \"b\" at <.x.y.z>: nil pointer evaluating interface {}.y"),
        ("n", "template: b:1:21: executing \"n\" at <.a.b.c>: nil pointer evaluating interface {}.b"),
    ] {
        let environment = Environment::offline(0, [1; 32]);
        let given = templates.render(name, Value::map([]), &environment, Options::default());
        assert_eq!(given.expect_err(name).to_string(), wanted);
    }
    // A file that defines a template with one of the two names means something else under the other.
    for text in ["{{ define \"b\" }}x{{ end }}", "{{ define \"a\" }}x{{ end }}"] {
        assert!(parsed(text).renamed("b").is_none(), "{text}");
    }
}

#[test]
fn what_tpl_defines_stays_inside() {
    check(&[("a", "{{ tpl `{{ define \"n\" }}in{{ end }}{{ include \"n\" . }}` . }}")], "in");
    check(
        &[("a", "{{ tpl `{{ define \"n\" }}in{{ end }}` . }}{{ include \"n\" . }}")],
        "template: a:1:44: executing \"a\" at <include \"n\" .>: error calling include: template: no template \"n\" \
         associated with template \"gotpl\"",
    );
    check(
        &[("a", "{{ tpl `{{ .a.b }}` . }}")],
        "template: a:1:3: executing \"a\" at <tpl `{{ .a.b }}` .>: error calling tpl: error during tpl function execution \
         for \"{{ .a.b }}\": template: gotpl:1:5: executing \"gotpl\" at <.a.b>: can't evaluate field b in type interface {}",
    );
}

#[test]
fn look_ups_are_never_swallowed() {
    for text in [
        "{{ ask }}",
        "{{ or ask 1 }}",
        "{{ and 1 ask }}",
        "{{ if ask }}{{ end }}",
        "{{ define \"x\" }}{{ ask }}{{ end }}{{ include \"x\" . }}",
        "{{ tpl \"{{ ask }}\" . }}",
        "{{ define \"x\" }}{{ ask }}{{ end }}{{ range 3 }}{{ template \"x\" }}{{ end }}",
    ] {
        let got = render(&[("a", text)], Value::Nil, false);
        assert!(matches!(got, Err(RenderError::NeedsLookup(_))), "{text}: {got:?}");
    }
}

#[test]
fn missing_keys_are_errors_when_asked_for() {
    let got = render(&[("a", "{{ .none }}")], Value::map([]), true);
    assert_eq!(
        got.expect_err("strict").to_string(),
        "template: a:1:3: executing \"a\" at <.none>: map has no entry for key \"none\""
    );
}

#[test]
fn a_map_inside_itself_is_an_error() {
    on_small_stack(|| {
        let map = crate::Map::new();
        map.set("self", Value::Map(map.clone()));
        let error = render(&[("a", "{{ . }}")], Value::Map(map.clone()), false).expect_err("an error");
        assert!(error.to_string().contains("contains itself"), "{error}");
        map.remove("self");
    });
}

#[test]
fn every_file_has_its_own_random_numbers() {
    let files = [("a", "{{ random }} {{ random }}"), ("b", "{{ random }}")];
    let set = set(&files);
    let one = |name: &str, seed: u8| {
        set.render(name, Value::Nil, &Environment::offline(0, [seed; 32]), Options::default()).expect(name)
    };
    assert_eq!(one("a", 1), one("a", 1));
    assert_ne!(one("a", 1), one("a", 2));
    let (a, b) = (one("a", 1), one("b", 1));
    assert_ne!(a.split(' ').next(), Some(&*b));
    assert_ne!(a.split(' ').next(), a.split(' ').nth(1));
}

struct Files;

impl Object for Files {
    fn type_name(&self) -> &str {
        "engine.files"
    }
    fn kind(&self) -> &'static str {
        "map"
    }
    fn field(&self, name: &str) -> Option<Value> {
        (name == "known").then(|| Value::text("field"))
    }
    fn parameters(&self, name: &str) -> Option<&'static [Parameter]> {
        (name == "Get").then_some(&[Parameter::Text])
    }
    fn call(&self, name: &str, given: &[Value]) -> Option<Result<Value, String>> {
        match name {
            "Get" => Some(Ok(given[0].clone())),
            "Fail" => Some(Err("no".into())),
            _ => None,
        }
    }
    fn print(&self) -> String {
        "files".into()
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[test]
fn objects_have_fields_and_methods() {
    let at = |context: &str, message: &str| {
        let column = if context.starts_with('.') { 5 } else { 3 };
        format!("template: a:1:{column}: executing \"a\" at <{context}>: {message}")
    };
    for (text, wanted) in [
        ("{{ .F }} {{ .F.known }} {{ .F.Get \"x\" }} {{ \"y\" | .F.Get }}", "files field x y".to_owned()),
        ("{{ .F.none }}|{{ with .F.none }}x{{ end }}", "|".into()),
        ("{{ .F.Get }}", at(".F.Get", "wrong number of args for Get: want 1 got 0")),
        ("{{ .F.Get 1 }}", "template: a:1:10: executing \"a\" at <1>: expected string; found 1".into()),
        ("{{ .F.Fail }}", at(".F.Fail", "error calling Fail: no")),
        ("{{ .F.known 1 }}", at(".F.known", "known has arguments but cannot be invoked as function")),
    ] {
        let data = Value::map([("F".into(), Value::object(Files))]);
        let got = render(&[("a", text)], data, false).unwrap_or_else(|error| error.to_string());
        assert_eq!(got, wanted, "{text}");
    }
}
