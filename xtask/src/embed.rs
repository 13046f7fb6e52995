//! The packages of `embed/` with the module: the same requests and hostile callers in every language, and the examples.
//!
//! What a language fetches is kept in the project's cache, one run at a time fetches, and tests run without a network. A
//! language whose tools are not on this machine is left out and named.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{paths, run};

/// Tells a package where the module is.
const MODULE: &str = "BACKSTAY_WASM";

/// The fetched wheel; `embed/python/pyproject.toml` says from which version on it works.
const WASMTIME: &str = "wasmtime==50.0.1";

/// A language: its folder, what it cannot do without, and how it is tested.
struct Language {
    folder: &'static str,
    needs: &'static [&'static str],
    test: fn(&Place) -> anyhow::Result<()>,
}

const LANGUAGES: [Language; 4] = [
    Language { folder: "node", needs: &["node"], test: node },
    Language { folder: "python", needs: &["python3"], test: python },
    Language { folder: "go", needs: &["go"], test: go },
    Language { folder: "java", needs: &["java", "javac", "mvn"], test: java },
];

/// Where a language's package is, what it may keep, and the module.
struct Place {
    package: PathBuf,
    cache: PathBuf,
    scratch: PathBuf,
    module: PathBuf,
}

impl Place {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.package).env(MODULE, &self.module);
        command
    }

    /// Fetches what is not there yet, while nobody else does: `fetch` fills a new folder that gets its name when it is whole.
    fn fetched(
        &self,
        name: &str,
        fetch: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let lock = self.cache.join("lock");
        let file = File::create(&lock).with_context(|| format!("{}: cannot be made", lock.display()))?;
        file.lock().with_context(|| format!("{}: cannot be locked", lock.display()))?;
        let folder = self.cache.join(name);
        if !folder.is_dir() {
            let new = self.cache.join(format!("{name}.new"));
            if new.exists() {
                fs::remove_dir_all(&new)?;
            }
            fs::create_dir_all(&new)?;
            fetch(&new)?;
            fs::rename(&new, &folder)?;
        }
        Ok(folder)
    }
}

/// Tests the packages whose tools are there.
pub(crate) fn test(module: &Path) -> anyhow::Result<()> {
    let module = module.canonicalize().with_context(|| format!("{}: no module", module.display()))?;
    let scratch = env::temp_dir().join(format!("backstay-embed-{}", std::process::id()));
    let mut tested = Ok(());
    for language in &LANGUAGES {
        let missing: Vec<&str> =
            language.needs.iter().copied().filter(|name| paths::executable(name).is_none()).collect();
        if !missing.is_empty() {
            println!(
                "    embed/{}: left out, this machine has no {}",
                language.folder,
                missing.join(", no ")
            );
            continue;
        }
        let place = Place {
            package: paths::repository().join("embed").join(language.folder),
            cache: paths::cache()?.join("embed").join(language.folder),
            scratch: scratch.join(language.folder),
            module: module.clone(),
        };
        fs::create_dir_all(&place.cache)?;
        fs::create_dir_all(&place.scratch)?;
        tested = run::step(&format!("embed/{}", language.folder), || (language.test)(&place));
        if tested.is_err() {
            break;
        }
    }
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    tested
}

/// Copies the module into every package, so that it can be packed.
pub(crate) fn pack(module: &Path) -> anyhow::Result<()> {
    for folder in ["node", "python/backstay", "java/src/main/resources/dev/backstay"] {
        let folder = paths::repository().join("embed").join(folder);
        fs::create_dir_all(&folder)?;
        let file = folder.join("backstay.wasm");
        fs::copy(module, &file).with_context(|| format!("{}: cannot be written", file.display()))?;
        println!("    packed: {}", file.display());
    }
    Ok(())
}

/// Node 20 or later; no dependencies.
fn node(place: &Place) -> anyhow::Result<()> {
    run::seen(place.command("node").args(["--test", "--test-reporter=dot", "test/"]))
}

/// The wheel in a folder of its own: nothing is installed, and no virtual environment is needed.
fn python(place: &Place) -> anyhow::Result<()> {
    let packages = place.fetched(WASMTIME, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        run::seen(pip.arg(folder).arg(WASMTIME)).context("embed/python needs pip and a package registry once")
    })?;
    let path = env::join_paths([place.package.clone(), packages])?;
    let mut command = place.command("python3");
    command.args(["-m", "unittest", "discover", "--start-directory", "tests"]);
    // wasmtime keeps compiled modules in the user's cache; here it is the project's.
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    run::seen(command.env("XDG_CACHE_HOME", place.cache.join("compiled")))
}

/// Go's own caches are safe to share.
fn go(place: &Place) -> anyhow::Result<()> {
    let program = paths::executable("go").context("go is gone")?;
    let program = program.to_str().context("the path of go is no text")?;
    run::seen(place.command(program).args(["vet", "./..."]))?;
    // Built in a folder of this run; a result that Go remembers would not have seen this module.
    run::seen(place.command(program).args(["test", "-count=1", "./..."]))
}

/// Maven's repository is filled once; then it is offline.
fn java(place: &Place) -> anyhow::Result<()> {
    let pom = fs::read_to_string(place.package.join("pom.xml"))?;
    let versions: Vec<&str> = pom
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<version>")?.strip_suffix("</version>"))
        .collect();
    let target = format!("-Dbuild.folder={}", place.scratch.display());
    let maven = |repository: &Path| {
        let mut command = place.command("mvn");
        command.args(["--batch-mode", "--quiet", &target]);
        command.arg(format!("-Dmaven.repo.local={}", repository.display()));
        command
    };
    let repository = place.fetched(&format!("maven-whole-{}", versions.join("-")), |folder| {
        // What runs tests is fetched when there is a test to run: a quick one is.
        let one = ["-Dtest=BackstayTest#errorsHaveACode", "test"];
        run::seen(maven(folder).args(one)).context("embed/java needs a package registry once")
    })?;
    if !repository.is_dir() {
        bail!("{}: is gone", repository.display());
    }
    run::seen(maven(&repository).args(["--offline", "test"]))
}
