//! Paths and addresses (Sprig v3.3.0: Go's `path`, `path/filepath` on Linux, `url.go`).

use super::arguments::{map, text};
use super::url::Url;
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::{Map, Value};

const TEXT: &[Parameter] = &[Parameter::Text];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "base", parameters: TEXT, variadic: None, call: base },
    Function { name: "dir", parameters: TEXT, variadic: None, call: dir },
    Function { name: "ext", parameters: TEXT, variadic: None, call: ext },
    Function { name: "clean", parameters: TEXT, variadic: None, call: cleaned },
    Function { name: "isAbs", parameters: TEXT, variadic: None, call: is_abs },
    Function { name: "osBase", parameters: TEXT, variadic: None, call: base },
    Function { name: "osDir", parameters: TEXT, variadic: None, call: dir },
    Function { name: "osExt", parameters: TEXT, variadic: None, call: ext },
    Function { name: "osClean", parameters: TEXT, variadic: None, call: cleaned },
    Function { name: "osIsAbs", parameters: TEXT, variadic: None, call: is_abs },
    Function { name: "urlParse", parameters: TEXT, variadic: None, call: url_parse },
    Function { name: "urlJoin", parameters: &[Parameter::Map], variadic: None, call: url_join },
    Function { name: "getHostByName", parameters: TEXT, variadic: None, call: host_by_name },
];

fn base(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(arguments, 0);
    let trimmed = path.trim_end_matches('/');
    Ok(Value::text(match trimmed.rsplit('/').next() {
        _ if path.is_empty() => ".",
        None | Some("") => "/",
        Some(last) => last,
    }))
}

fn dir(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(arguments, 0);
    let end = path.rfind('/').map_or(0, |at| at + 1);
    Ok(clean(path.get(..end).unwrap_or_default()).into())
}

fn ext(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let last = text(arguments, 0).rsplit('/').next().unwrap_or_default();
    Ok(Value::text(last.rfind('.').and_then(|at| last.get(at..)).unwrap_or_default()))
}

fn cleaned(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(clean(text(arguments, 0)).into())
}

fn is_abs(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(text(arguments, 0).starts_with('/').into())
}

/// Go's `path.Clean`: the shortest path that means the same.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn url_parse(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let url = Url::parse(text(arguments, 0))
        .map_err(|error| FunctionError::new(format!("unable to parse url: {error}")))?;
    let hostname = url.hostname().to_owned();
    let entries = [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", url.user.map(|user| user.to_string()).unwrap_or_default()),
    ];
    Ok(Value::map(entries.into_iter().map(|(key, value)| (key.into(), value.into()))))
}

fn url_join(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let parts = map(arguments, 0);
    let mut url = Url {
        scheme: part(&parts, "scheme")?,
        host: part(&parts, "host")?,
        path: part(&parts, "path")?,
        query: part(&parts, "query")?,
        opaque: part(&parts, "opaque")?,
        fragment: part(&parts, "fragment")?,
        ..Url::default()
    };
    let user = part(&parts, "userinfo")?;
    if !user.is_empty() {
        let parsed = Url::parse(&format!("proto://{user}@host"))
            .map_err(|error| FunctionError::new(format!("unable to parse userinfo in dict: {error}")))?;
        url.user = parsed.user;
    }
    Ok(url.to_string().into())
}

fn part(parts: &Map, key: &str) -> Result<String, FunctionError> {
    match parts.get(key) {
        None => Ok(String::new()),
        Some(Value::Text(text)) => Ok(text.to_string()),
        Some(Value::Nil) => {
            // reflect.TypeOf(nil).Kind() is a call on a nil interface.
            Err(FunctionError::new("runtime error: invalid memory address or nil pointer dereference"))
        }
        Some(other) => Err(FunctionError::new(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind()
        ))),
    }
}

/// Helm answers with nothing unless `--enable-dns` is given.
fn host_by_name(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    (runtime.environment().host_of)(text(arguments, 0)).map(Value::text)
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn paths() {
        check(&[
            ("base", r#"["foo/bar"]"#, "bar"),
            ("base", r#"["/"]"#, "/"),
            ("base", r#"[""]"#, "."),
            ("base", r#"["a/b///"]"#, "b"),
            ("dir", r#"["foo/bar/baz"]"#, "foo/bar"),
            ("dir", r#"["x"]"#, "."),
            ("dir", r#"["/x"]"#, "/"),
            ("clean", r#"["/foo/../foo/../bar"]"#, "/bar"),
            ("clean", r#"["../a/./b/../.."]"#, ".."),
            ("clean", r#"["/../a"]"#, "/a"),
            ("ext", r#"["/foo/bar/baz.txt"]"#, ".txt"),
            ("ext", r#"["a.b/c"]"#, ""),
            ("osIsAbs", r#"["/foo"]"#, "true"),
            ("isAbs", r#"["foo"]"#, "false"),
            ("getHostByName", r#"["localhost"]"#, ""),
        ]);
    }

    #[test]
    fn urls() {
        let parsed = r#"{"fragment":"anchor","host":"h.example:8080","hostname":"h.example","opaque":"","path":"/a b","query":"q=1","scheme":"https","userinfo":"me:pw"}"#;
        check(&[
            ("urlParse", r#"["https://me:pw@h.example:8080/a%20b?q=1#anchor"]"#, parsed),
            ("urlJoin", &format!("[{parsed}]"), "https://me:pw@h.example:8080/a%20b?q=1#anchor"),
            (
                "urlJoin",
                r#"[{"host": 1}]"#,
                "error: unable to parse host key, must be of type string, but int64 found",
            ),
            ("urlJoin", r#"[{"path": "x/y", "host": "h"}]"#, "//h/x/y"),
            (
                "urlParse",
                r#"["http://a b/"]"#,
                "error: unable to parse url: parse \"http://a b/\": invalid character \" \" in host name",
            ),
            (
                "urlParse",
                r#"["%zz"]"#,
                "error: unable to parse url: parse \"%zz\": invalid URL escape \"%zz\"",
            ),
            (
                "urlParse",
                r#"["a:b:c"]"#,
                r#"{"fragment":"","host":"","hostname":"","opaque":"b:c","path":"","query":"","scheme":"a","userinfo":""}"#,
            ),
        ]);
    }
}
