//! Charts on the command line: errors that help, names, labels, post-renderers, and what `get` shows of a release.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use backstay_tests_cluster::World;

/// A chart with these files in the folder of the test.
fn chart(world: &World, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = world.directory().join(name);
    let about = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\nappVersion: 1.4.0\n");
    for (path, text) in [("Chart.yaml", about.as_str())].iter().chain(files) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {a: {{ .Values.a | quote }}}\n";

#[test]
fn errors_say_what_was_missing_and_what_was_meant() {
    let world = World::sandbox("errors");
    let files = [
        ("values.yaml", "image: {tag: one}\nport: 80\n"),
        (
            "templates/_h.tpl",
            "{{ define \"many.name\" }}x{{ end }}{{ define \"many.bad\" }}{{ .Values.none.x }}{{ end }}",
        ),
        ("templates/a.yaml", "a: b\nc: {{ .Values.imge.tag }}\n"),
        ("templates/b.yaml", "a: {{ .Values.port.number }}\n"),
        ("templates/c.yaml", "a: {{ include \"many.nam\" . }}\n"),
        ("templates/d.yaml", "a: {{ include \"many.bad\" . }}\n"),
        ("templates/e.yaml", "a: {{ include \"many.bad\" . }}\n"),
        ("templates/f.yaml", "a: b: c\n"),
        ("templates/g.yaml", "a: {{ required \"tag it\" .Values.image.tg }}\n"),
    ];
    let folder = text(&chart(&world, "many", &files));
    let told = [
        "6 errors in the chart",
        "many/templates/a.yaml:2",
        ".Values.imge is not set; .Values.image is set and differs by one letter",
        ".Values.port is a number; the template wants a map with the key number",
        "no template is called \"many.nam\"; \"many.name\" differs by one letter",
        ".Values.none is not set: set it with --set none=",
        "YAML parse error on many/templates/f.yaml",
        "tag it",
        ".Values.image.tg is not set; .Values.image.tag is set",
    ];
    let all = world.backstay(&["template", &folder, "--all-errors"]).exits(1);
    for words in told {
        assert!(all.text().contains(words), "{words:?} is missing in\n{}", all.text());
    }
    assert_eq!(all.text().matches("set none=").count(), 1, "the same error twice:\n{}", all.text());
    let linted = world.backstay(&["lint", &folder]).exits(1);
    assert_eq!(linted.text().matches("[ERROR] templates/: ").count(), 4, "{}", linted.text());
    world
        .backstay(&["deploy", "many", &folder, "--create-namespace"])
        .exits(4)
        .shows("many/templates/g.yaml:1")
        .shows(".Values.image.tag is set and differs by one letter");
}

#[test]
fn reading_commands_end_with_0_or_1() {
    let world = World::sandbox("reading");
    let none = text(&world.directory().join("none"));
    let kubeconfig = format!("--kubeconfig={none}");
    for (command, code) in [
        (vec!["template", &none], 1),
        (vec!["lint", &none], 1),
        (vec!["show", "chart", &none], 1),
        (vec!["list", &kubeconfig], 1),
        (vec!["history", "x", &kubeconfig], 1),
        (vec!["status", "x", &kubeconfig], 1),
        (vec!["get", "values", "x", &kubeconfig], 1),
        (vec!["template", &none, "--dry-run=server", &kubeconfig], 1),
        (vec!["deploy", "x", &none, "--sandbox"], 4),
        (vec!["template"], 64),
        (vec!["lint"], 64),
        (vec!["show", "chart"], 64),
        (vec!["get", "metadata"], 64),
    ] {
        let run = world.backstay_on(&command);
        assert_eq!(run.code, code, "{command:?}\n{}", run.text());
    }
    world.backstay(&["list"]).exits(0);
    world.backstay(&["evidence", "x"]).exits(1);
    world.backstay(&["sandbox", "status"]).exits(0);
}

#[test]
fn labels_and_what_get_shows() {
    let world = World::sandbox("labels");
    let folder = text(&chart(&world, "plain", &[("values.yaml", "a: one\n"), ("templates/a.yaml", CONFIG)]));
    let namespace = &world.namespace;
    let deploy = |words: &[&str]| {
        let mut command = vec!["deploy", "web", folder.as_str(), "--create-namespace"];
        command.extend_from_slice(words);
        world.backstay(&command)
    };
    deploy(&["--labels", "team=blue,tier=web"]).exits(0);
    world.backstay(&["get", "metadata", "web"]).exits(0).shows("team=blue,tier=web,version=1\n");
    deploy(&["--labels", "tier=null,stage=prod", "--set", "a=two", "--description", "for prod"]).exits(0);
    deploy(&["--labels", "owner=me"]).exits(4).shows("system reserved label name");
    deploy(&["--labels", "nothing"]).exits(64).shows("key=value");
    let metadata = world.backstay(&["get", "metadata", "web", "-o", "json"]).exits(0).json();
    for (field, value) in [
        ("name", "web"),
        ("chart", "plain"),
        ("version", "0.1.0"),
        ("appVersion", "1.4.0"),
        ("namespace", namespace),
        ("status", "deployed"),
        ("applyMethod", "ssa"),
    ] {
        assert_eq!(metadata[field], value, "{field} in {metadata}");
    }
    assert_eq!(metadata["revision"], 2);
    // As in Helm, the labels that the record has for itself are shown, too.
    for (label, value) in
        [("stage", Some("prod")), ("team", Some("blue")), ("tier", None), ("owner", Some("helm"))]
    {
        assert_eq!(metadata["labels"][label].as_str(), value, "{label} in {metadata}");
    }
    let all = world.backstay(&["get", "all", "web"]).exits(0);
    for words in [
        "NAME: web\nLAST DEPLOYED: ",
        "REVISION: 2\nCHART: plain\nVERSION: 0.1.0\nAPP_VERSION: 1.4.0\nDESCRIPTION: for prod\nTEST SUITE: None\n",
        "USER-SUPPLIED VALUES:\na: two\n\nCOMPUTED VALUES:\na: two\n\nHOOKS:\nMANIFEST:\n---\n# Source: plain/templates/a.yaml\n",
    ] {
        assert!(all.text().contains(words), "{words:?} is missing in\n{}", all.text());
    }
    world
        .backstay(&["get", "values", "web", "--revision", "1"])
        .exits(0)
        .shows("USER-SUPPLIED VALUES:\nnull\n");
    world
        .backstay(&["get", "values", "web", "-a", "--revision", "1"])
        .exits(0)
        .shows("COMPUTED VALUES:\na: one\n");
}

#[test]
fn names_post_renderers_and_the_servers_check() {
    let world = World::sandbox("names");
    let folder = text(&chart(&world, "plain", &[("values.yaml", "a: one\n"), ("templates/a.yaml", CONFIG)]));
    world
        .backstay(&[
            "install",
            "-g",
            &folder,
            "--create-namespace",
            "--post-renderer",
            "sed",
            "--post-renderer-args",
            "s/one/two/",
        ])
        .exits(0)
        .shows("plain-");
    let listed = world.backstay(&["list", "-o", "json"]).exits(0).json();
    let name = listed[0]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("plain-") && name.len() > 10, "{name}");
    world.backstay(&["get", "manifest", &name]).exits(0).shows("data: {a: \"two\"}");
    world
        .backstay(&["install", &folder])
        .exits(4)
        .shows("must either provide a name or specify --generate-name");
    world.backstay(&["install", "a", &folder, "-g"]).exits(4).shows("cannot set --generate-name");
    world.backstay(&["deploy", &folder, "--name-template", "n-{{ add 1 2 }}"]).exits(0).shows("n-3 ");
    world.backstay(&["deploy", "x", &folder, "--post-renderer", "false"]).exits(4).shows("post render");
    world
        .backstay(&[
            "template",
            "web",
            &folder,
            "--post-renderer",
            "sed",
            "--post-renderer-args",
            "s/one/three/",
        ])
        .exits(0)
        .shows("data: {a: \"three\"}");
    world
        .backstay(&["template", "web", &folder, "--validate"])
        .exits(0)
        .shows("# Source: plain/templates/a.yaml");
    let wrong = [(
        "templates/a.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: nothing}\n",
    )];
    let wrong = text(&chart(&world, "wrong", &wrong));
    world.backstay(&["template", "web", &wrong]).exits(0);
    world
        .backstay(&["template", "web", &wrong, "--dry-run=server"])
        .exits(1)
        .shows("the server refuses the chart's objects")
        .shows("wrong/templates/a.yaml");
}

#[test]
fn values_from_addresses() {
    let world = World::sandbox("addresses");
    let folder = text(&chart(&world, "plain", &[("values.yaml", "a: one\n"), ("templates/a.yaml", CONFIG)]));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let count = stream.read(&mut request).unwrap();
            let found = request[..count].starts_with(b"GET /v.yaml?x=1 HTTP/1.1");
            let (status, body) =
                if found { ("200 OK", "a: fetched\n") } else { ("404 Not Found", "no such page") };
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let good = format!("{address}/v.yaml?x=1");
    world.backstay(&["template", "web", &folder, "-f", &good]).exits(0).shows("data: {a: \"fetched\"}");
    let set = format!("a={good}");
    world.backstay(&["template", "web", &folder, "--set-file", &set]).exits(0).shows("a: fetched");
    let gone = format!("{address}/gone.yaml");
    world.backstay(&["template", "web", &folder, "-f", &gone]).exits(1).shows("404 Not Found");
    server.join().unwrap();
    world
        .backstay(&["template", "web", &folder, "-f", "ftp://127.0.0.1/x"])
        .exits(1)
        .shows("open ftp://127.0.0.1/x: no such file or directory");
    world.backstay(&["template", "web", &folder, "-f", &good]).exits(1).shows("cannot fetch");
}
