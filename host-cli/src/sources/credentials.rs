//! Log-ins of registries: Helm's own file first, then Docker's, with the credential helpers they name.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::files;

/// What a helper answers when it knows nothing of a server.
const UNKNOWN: &str = "credentials not found in native keychain";

/// What opens a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
    /// Given by Docker instead of a password; exchanged for access tokens.
    pub(crate) refresh_token: String,
    /// Sent as it is.
    pub(crate) access_token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Login(hidden)")
    }
}

impl Login {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The key of a registry in these files: Docker Hub has one of its own.
pub(crate) fn key_of(host: &str) -> &str {
    match host {
        "docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
        host => host,
    }
}

/// The log-in of a registry, if there is one.
pub(crate) fn find(registry_config: &Path, host: &str) -> anyhow::Result<Option<Login>> {
    let key = key_of(host);
    for path in [Some(registry_config.to_path_buf()), docker_config()].into_iter().flatten() {
        let config = Config::load(&path)?;
        let login = match config.helper(key) {
            Some(helper) => ask_helper(&helper, key)?,
            None => config.login(key)?,
        };
        if !login.is_empty() {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

/// Keeps a log-in in Helm's file, or where that file says.
pub(crate) fn keep(registry_config: &Path, host: &str, username: &str, password: &str) -> anyhow::Result<()> {
    let key = key_of(host);
    let mut config = Config::load(registry_config)?;
    if let Some(helper) = config.helper(key) {
        let document = json!({ "ServerURL": key, "Username": username, "Secret": password });
        run_helper(&helper, "store", &document.to_string())?;
        return Ok(());
    }
    let auth = STANDARD.encode(format!("{username}:{password}"));
    let mut auths = config.auths();
    auths.insert(key.to_owned(), json!({ "auth": auth }));
    config.document.insert("auths".to_owned(), Value::Object(auths));
    config.save(registry_config)
}

/// Forgets a log-in; one that is not there is fine, as with Helm.
pub(crate) fn forget(registry_config: &Path, host: &str) -> anyhow::Result<()> {
    let key = key_of(host);
    let mut config = Config::load(registry_config)?;
    if let Some(helper) = config.helper(key) {
        return match run_helper(&helper, "erase", key) {
            Err(error) if error.to_string().contains(UNKNOWN) => Ok(()),
            outcome => outcome.map(|_| ()),
        };
    }
    let mut auths = config.auths();
    if auths.remove(key).is_some() {
        config.document.insert("auths".to_owned(), Value::Object(auths));
        config.save(registry_config)?;
    }
    Ok(())
}

fn docker_config() -> Option<PathBuf> {
    let folder = env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = folder.or_else(|| env::home_dir().map(|home| home.join(".docker")))?;
    Some(folder.join("config.json"))
}

struct Config {
    path: PathBuf,
    document: Map<String, Value>,
}

impl Config {
    fn load(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => anyhow::bail!("cannot read {}: {error}", path.display()),
        };
        let document = if text.trim().is_empty() {
            Map::new()
        } else {
            // What the parser says may hold a piece of the file, and the file holds passwords.
            serde_json::from_str(&text).map_err(|error| {
                anyhow::anyhow!("{} line {}: it is no JSON object of log-ins", path.display(), error.line())
            })?
        };
        Ok(Self { path: path.to_path_buf(), document })
    }

    fn helper(&self, key: &str) -> Option<String> {
        let own = self.document.get("credHelpers").and_then(|helpers| helpers.get(key));
        let name = own.or_else(|| self.document.get("credsStore")).and_then(Value::as_str)?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn login(&self, key: &str) -> anyhow::Result<Login> {
        let Some(auths) = self.document.get("auths").and_then(Value::as_object) else {
            return Ok(Login::default());
        };
        let same = |(address, _): &(&String, &Value)| host_of(address) == key;
        let entry = auths.get(key).or_else(|| auths.iter().find(same).map(|(_, entry)| entry));
        let Some(entry) = entry else { return Ok(Login::default()) };
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut login = Login {
            username: text("username"),
            password: text("password"),
            refresh_token: text("identitytoken"),
            access_token: text("registrytoken"),
        };
        let auth = text("auth");
        if !auth.is_empty() {
            let decoded = STANDARD.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
            let (username, password) = pair.with_context(|| {
                format!("{}: the log-in of {key} is not base64 of user:password", self.path.display())
            })?;
            login.username = username.to_owned();
            login.password = password.trim_end_matches('\0').to_owned();
        }
        Ok(login)
    }

    fn auths(&self) -> Map<String, Value> {
        self.document.get("auths").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        serde::Serialize::serialize(&self.document, &mut serializer)?;
        files::write_private(path, &text)
    }
}

/// The host of an address with or without scheme and path.
fn host_of(address: &str) -> &str {
    let address =
        address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    address.split('/').next().unwrap_or(address)
}

fn ask_helper(helper: &str, key: &str) -> anyhow::Result<Login> {
    let answer = match run_helper(helper, "get", key) {
        Ok(answer) => answer,
        Err(error) if error.to_string().contains(UNKNOWN) => return Ok(Login::default()),
        Err(error) => return Err(error),
    };
    let document: Value = serde_json::from_str(&answer)
        .map_err(|_| anyhow::anyhow!("docker-credential-{helper} did not answer with JSON"))?;
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (username, secret) = (text("Username"), text("Secret"));
    Ok(if username == "<token>" {
        Login { refresh_token: secret, ..Login::default() }
    } else {
        Login { username, password: secret, ..Login::default() }
    })
}

fn run_helper(helper: &str, action: &str, input: &str) -> anyhow::Result<String> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start the credential helper {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input says so by how it ends.
        let _told = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("{program} {action}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        // Helpers tell their errors on standard output.
        anyhow::bail!("{program} {action} failed: {} {}", text(&output.stdout), text(&output.stderr));
    }
    Ok(text(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_in_every_form() {
        let config =
            |text: &str| Config { path: "config.json".into(), document: serde_json::from_str(text).unwrap() };
        let auth = STANDARD.encode("me:pa:ss");
        let text = format!(
            r#"{{"auths": {{"a.example": {{"auth": "{auth}"}}, "https://b.example/v1/": {{"username": "u",
            "password": "p"}}, "c.example": {{"identitytoken": "t"}}, "d.example": {{"auth": "!"}}}},
            "credHelpers": {{"e.example": "own"}}}}"#
        );
        let config_of_auths = config(&text);
        let login = config_of_auths.login("a.example").unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "pa:ss"));
        assert_eq!(config_of_auths.login("b.example").unwrap().username, "u");
        assert_eq!(config_of_auths.login("c.example").unwrap().refresh_token, "t");
        assert!(config_of_auths.login("d.example").is_err());
        assert!(config_of_auths.login("f.example").unwrap().is_empty());
        assert_eq!(config_of_auths.helper("e.example").as_deref(), Some("own"));
        assert_eq!(config_of_auths.helper("a.example"), None);
        assert_eq!(config(r#"{"credsStore": "all"}"#).helper("a.example").as_deref(), Some("all"));
        assert_eq!(key_of("docker.io"), "https://index.docker.io/v1/");
    }

    #[test]
    fn logins_are_kept_and_forgotten_beside_what_else_is_in_the_file() {
        let folder = env::temp_dir().join(format!("backstay-credentials-{}", std::process::id()));
        let path = folder.join("registry/config.json");
        files::write(&path, br#"{"HttpHeaders": {"X": "y"}, "auths": {"old.example": {"auth": "bzpv"}}}"#)
            .unwrap();
        keep(&path, "new.example:5000", "me", "secret").unwrap();
        let login = Config::load(&path).unwrap().login("new.example:5000").unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "secret"));
        forget(&path, "new.example:5000").unwrap();
        forget(&path, "never.example").unwrap();
        let left = Config::load(&path).unwrap();
        assert!(left.login("new.example:5000").unwrap().is_empty());
        assert_eq!(left.login("old.example").unwrap().username, "o");
        assert_eq!(left.document.get("HttpHeaders"), Some(&json!({"X": "y"})));
        fs::remove_dir_all(folder).unwrap();
    }
}
