//! `repositories.yaml`: the repositories that have a name (Helm `pkg/repo/v1/repo.go`).

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::files;
use super::tls::TlsOptions;

/// A repository with a name. The fields are Helm's.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) cert_file: String,
    pub(crate) key_file: String,
    pub(crate) ca_file: String,
    pub(crate) insecure_skip_tls_verify: bool,
    pub(crate) pass_credentials_all: bool,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Repository({}, {})", self.name, super::address::shown(&self.url))
    }
}

impl Repository {
    fn read(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or_default();
        Self {
            name: text("name"),
            url: text("url"),
            username: text("username"),
            password: text("password"),
            cert_file: text("certFile"),
            key_file: text("keyFile"),
            ca_file: text("caFile"),
            insecure_skip_tls_verify: flag("insecure_skip_tls_verify"),
            pass_credentials_all: flag("pass_credentials_all"),
        }
    }

    fn write(&self) -> Value {
        json!({
            "name": self.name,
            "url": self.url,
            "username": self.username,
            "password": self.password,
            "certFile": self.cert_file,
            "keyFile": self.key_file,
            "caFile": self.ca_file,
            "insecure_skip_tls_verify": self.insecure_skip_tls_verify,
            "pass_credentials_all": self.pass_credentials_all,
        })
    }

    /// How its server is checked.
    pub(crate) fn tls(&self) -> TlsOptions {
        let file = |name: &str| (!name.is_empty()).then(|| name.into());
        TlsOptions {
            ca_file: file(&self.ca_file),
            cert_file: file(&self.cert_file),
            key_file: file(&self.key_file),
            insecure: self.insecure_skip_tls_verify,
        }
    }
}

/// The file.
#[derive(Clone, Debug, Default)]
pub(crate) struct RepositoryFile {
    pub(crate) repositories: Vec<Repository>,
    /// When Helm made the file; it is kept as it is.
    generated: Option<String>,
}

impl RepositoryFile {
    /// Reads the file; one that is not there has no repositories.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                anyhow::bail!("couldn't load repositories file ({}): {error}", path.display())
            }
        };
        let document = backstay_core::yaml::from_yaml(&text).map_err(|error| {
            anyhow::anyhow!("couldn't load repositories file ({}): {error}", path.display())
        })?;
        let list = document.get("repositories").and_then(Value::as_array);
        let repositories = list.into_iter().flatten().map(Repository::read).collect();
        let generated = document.get("generated").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { repositories, generated })
    }

    /// Writes the file as Helm does, readable by its owner alone: it may hold passwords.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut document = Map::new();
        document.insert("apiVersion".to_owned(), "".into());
        // Helm writes Go's zero time into a file it makes.
        let generated = self.generated.as_deref().unwrap_or("0001-01-01T00:00:00Z");
        document.insert("generated".to_owned(), generated.into());
        let list: Vec<Value> = self.repositories.iter().map(Repository::write).collect();
        document.insert("repositories".to_owned(), list.into());
        let text = backstay_core::yaml::to_yaml(&Value::Object(document))?;
        files::write_private(path, text.as_bytes())
    }

    /// The repository of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Repository> {
        self.repositories.iter().find(|repository| repository.name == name)
    }
}
