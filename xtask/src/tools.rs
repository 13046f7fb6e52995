//! The pinned Go programs of tests and cluster: what they are called, which version `xtask/tools/*/go.mod` asks for, where
//! they are in the cache, and how they are built from Go's module registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{paths, run};

/// One folder of `xtask/tools`: a Go module that pins a project and names its programs with `tool` lines.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The folder's name.
    pub(crate) folder: &'static str,
    /// The first part of the cache folder's name; the version is the second.
    name: &'static str,
    /// The Go module whose version counts.
    module: &'static str,
    /// The variable of the version stamp and what it is set to, with `{version}`, `{major}`, `{minor}` filled in.
    /// Clients read these: without them the server says v0.0.0.
    stamps: &'static [(&'static str, &'static str)],
    /// Programs whose package does not end in the name they go by.
    renamed: &'static [(&'static str, &'static str)],
}

/// All tools, in the order they are built: what is used most comes first.
pub(crate) const ALL: &[Tool] = &[KUBERNETES, ETCD, CONTAINERD, REGISTRY, HELM4, HELM3, KWOK];

/// kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl.
pub(crate) const KUBERNETES: Tool = Tool {
    folder: "kubernetes",
    name: "kubernetes",
    module: "k8s.io/kubernetes",
    stamps: &[
        ("k8s.io/component-base/version.gitVersion", "{version}"),
        ("k8s.io/component-base/version.gitMajor", "{major}"),
        ("k8s.io/component-base/version.gitMinor", "{minor}"),
    ],
    renamed: &[],
};
/// The API server's database.
pub(crate) const ETCD: Tool = Tool {
    folder: "etcd",
    name: "etcd",
    module: "go.etcd.io/etcd/server/v3",
    stamps: &[],
    renamed: &[("go.etcd.io/etcd/server/v3", "etcd")],
};
/// The node's container runtime: containerd, its shim, and ctr.
pub(crate) const CONTAINERD: Tool = Tool {
    folder: "containerd",
    name: "containerd",
    module: "github.com/containerd/containerd/v2",
    stamps: &[("github.com/containerd/containerd/v2/version.Version", "{version}")],
    renamed: &[],
};
/// The image registry the node pulls from.
pub(crate) const REGISTRY: Tool = Tool {
    folder: "registry",
    name: "registry",
    module: "github.com/distribution/distribution/v3",
    stamps: &[],
    renamed: &[],
};
/// Nodes that only exist in the API, for machines where a real one cannot run.
pub(crate) const KWOK: Tool =
    Tool { folder: "kwok", name: "kwok", module: "sigs.k8s.io/kwok", stamps: &[], renamed: &[] };
/// Helm 3, to check that it reads what we write and the other way round.
pub(crate) const HELM3: Tool = Tool {
    folder: "helm3",
    name: "helm",
    module: "helm.sh/helm/v3",
    stamps: &[("helm.sh/helm/v3/internal/version.version", "{version}")],
    renamed: &[],
};
/// Helm 4, for the same.
pub(crate) const HELM4: Tool = Tool {
    folder: "helm4",
    name: "helm",
    module: "helm.sh/helm/v4",
    stamps: &[("helm.sh/helm/v4/internal/version.version", "{version}")],
    renamed: &[],
};

impl Tool {
    fn source(&self) -> PathBuf {
        paths::repository().join("xtask").join("tools").join(self.folder)
    }

    fn go_mod(&self) -> anyhow::Result<String> {
        let file = self.source().join("go.mod");
        fs::read_to_string(&file).with_context(|| format!("{}: cannot be read", file.display()))
    }

    /// The version in go.mod, with its `v`.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        version_in(&self.go_mod()?, self.module)
            .with_context(|| format!("xtask/tools/{}/go.mod: no version of {}", self.folder, self.module))
    }

    /// The folder of the built programs. It exists when they are built.
    pub(crate) fn home(&self) -> anyhow::Result<PathBuf> {
        Ok(paths::cache()?.join("tools").join(format!("{}-{}", self.name, self.version()?)))
    }

    /// The file of one built program; an error names the set-up command when it is missing.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let file = self.home()?.join(name);
        if !file.is_file() {
            bail!("{name} is not built yet; run `cargo xtask setup`");
        }
        Ok(file)
    }

    /// Packages of the `tool` lines with the names of their programs.
    fn programs(&self) -> anyhow::Result<Vec<(String, String)>> {
        let packages = tools_in(&self.go_mod()?);
        let name = |package: &String| match self.renamed.iter().find(|(from, _)| from == package) {
            Some((_, to)) => (*to).to_owned(),
            None => package.rsplit('/').next().unwrap_or(package).to_owned(),
        };
        Ok(packages.iter().map(|package| (package.clone(), name(package))).collect())
    }

    /// Whether all programs are there.
    pub(crate) fn is_built(&self) -> anyhow::Result<bool> {
        let home = self.home()?;
        Ok(self.programs()?.iter().all(|(_, program)| home.join(program).is_file()))
    }

    /// Builds the programs that are missing into the cache. A half-built folder never carries the final name.
    pub(crate) fn build(&self, go: &Path) -> anyhow::Result<()> {
        let home = self.home()?;
        let unfinished = home.with_file_name(format!(
            ".unfinished-{}-{}",
            home.file_name().unwrap_or_default().to_string_lossy(),
            std::process::id()
        ));
        fs::create_dir_all(&unfinished)
            .with_context(|| format!("{}: cannot be made", unfinished.display()))?;
        let built = self.build_into(go, &unfinished).and_then(|()| {
            if home.exists() {
                // An older layout with programs missing: complete it file by file, each rename being atomic.
                for (_, program) in self.programs()? {
                    fs::rename(unfinished.join(&program), home.join(&program))?;
                }
                return Ok(());
            }
            fs::rename(&unfinished, &home).with_context(|| format!("{}: cannot be made", home.display()))
        });
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        built
    }

    fn build_into(&self, go: &Path, folder: &Path) -> anyhow::Result<()> {
        let version = self.version()?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        let stamps = self.stamps.iter().map(|(variable, value)| {
            let value =
                value.replace("{version}", &version).replace("{major}", major).replace("{minor}", minor);
            format!(" -X {variable}={value}")
        });
        let flags = stamps.fold(String::from("-s -w"), |all, stamp| all + &stamp);
        for (package, program) in self.programs()? {
            println!("    building {program} {version}");
            let mut command = Command::new(go);
            command.current_dir(self.source());
            // No C compiler, and exactly what go.mod and go.sum say: a missing sum is an error and not an edit.
            command.env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=readonly").env("GOWORK", "off");
            command
                .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
                .arg(folder.join(&program))
                .arg(&package);
            run::seen(&mut command)?;
        }
        Ok(())
    }
}

/// The Go compiler, or what to do about its absence.
pub(crate) fn go() -> anyhow::Result<PathBuf> {
    paths::executable("go").context(
        "Go is missing: the test cluster and the Helm programs are built with it. \
         Install Go 1.26 or newer (https://go.dev/doc/install, or `apt-get install golang-go` where that is new enough), \
         or run `cargo xtask test --no-cluster`",
    )
}

/// The version a go.mod requires of a module.
fn version_in(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        (words.next()? == module).then(|| words.next().map(str::to_owned))?
    })
}

/// The packages of a go.mod's `tool` lines.
fn tools_in(go_mod: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in go_mod.lines().map(str::trim) {
        match line {
            "tool (" => in_block = true,
            ")" => in_block = false,
            _ if in_block && !line.is_empty() => found.push(line.to_owned()),
            _ => found.extend(line.strip_prefix("tool ").map(str::to_owned)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_is_read() {
        let text = "module x\n\nrequire (\n\ta.dev/b v1.2.3 // indirect\n\ta.dev/b/c v9.0.0\n)\nrequire d.dev/e v0.1.0\n\
                    tool a.dev/b/cmd/one\ntool (\n\ta.dev/b/cmd/two\n\ta.dev/b/cmd/three\n)\n";
        let versions = [("a.dev/b", Some("v1.2.3")), ("d.dev/e", Some("v0.1.0")), ("a.dev", None)];
        for (module, version) in versions {
            assert_eq!(version_in(text, module).as_deref(), version, "{module}");
        }
        assert_eq!(tools_in(text), ["a.dev/b/cmd/one", "a.dev/b/cmd/two", "a.dev/b/cmd/three"]);
    }

    #[test]
    fn every_tool_has_a_version_and_programs() {
        for tool in ALL {
            assert!(tool.version().unwrap().starts_with('v'), "{}", tool.folder);
            assert!(!tool.programs().unwrap().is_empty(), "{}", tool.folder);
        }
    }
}
