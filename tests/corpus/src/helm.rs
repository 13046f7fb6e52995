//! Helm's side: a process per rendering, its answers kept by what they depend on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

/// The release's name in all renderings.
pub(crate) const RELEASE: &str = "web";
/// The release's namespace in all renderings.
pub(crate) const NAMESPACE: &str = "default";
/// The cluster's version in all renderings; the two Helms assume different ones.
pub(crate) const KUBE_VERSION: &str = "1.34.2";

/// How long one rendering may take.
const LIMIT: Duration = Duration::from_secs(300);

/// The error of a rendering that did not end in time.
pub(crate) const TOO_SLOW: &str = "did not end in time";

/// Which of several renderings of the same.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Round {
    /// With all checks; the number tells renderings apart that may differ because of random fields.
    Number(u8),
    /// With `--skip-schema-validation`.
    WithoutSchemas(u8),
}

/// One of the two Helms.
#[derive(Debug)]
pub(crate) struct Helm {
    /// The program.
    pub(crate) program: PathBuf,
    /// Where its answers are kept.
    pub(crate) answers: PathBuf,
    /// A folder without plug-ins and repositories.
    pub(crate) home: PathBuf,
}

impl Helm {
    /// What `helm template` prints, or the text after `Error: `; [`TOO_SLOW`] is not kept.
    pub(crate) fn template(
        &self,
        chart: &Path,
        digest: &str,
        values: Option<&Path>,
        round: Round,
    ) -> anyhow::Result<Result<String, String>> {
        let (number, schemas) = match round {
            Round::Number(number) => (number, true),
            Round::WithoutSchemas(number) => (100 + number, false),
        };
        let mut key = Sha256::new();
        key.update(format!("{}\n{digest}\n{number}\n{KUBE_VERSION}\n", self.program.display()));
        if let Some(file) = values {
            key.update(fs::read(file)?);
        }
        let kept = self.answers.join(hex(&key.finalize()));
        if let Ok(text) = fs::read_to_string(&kept) {
            let (verdict, rest) = text.split_once('\n').context("an empty answer was kept")?;
            return Ok(if verdict == "ok" { Ok(rest.to_owned()) } else { Err(rest.to_owned()) });
        }
        let answer = self.run(chart, values, schemas)?;
        if answer.as_ref().is_err_and(|text| text == TOO_SLOW) {
            return Ok(answer);
        }
        let text = match &answer {
            Ok(text) => format!("ok\n{text}"),
            Err(text) => format!("error\n{text}"),
        };
        fs::write(&kept, text).with_context(|| format!("{}", kept.display()))?;
        Ok(answer)
    }

    fn run(
        &self,
        chart: &Path,
        values: Option<&Path>,
        schemas: bool,
    ) -> anyhow::Result<Result<String, String>> {
        let mut command = Command::new(&self.program);
        command.args(["template", RELEASE]).arg(chart).args([
            "-n",
            NAMESPACE,
            "--kube-version",
            KUBE_VERSION,
        ]);
        if let Some(file) = values {
            command.arg("-f").arg(file);
        }
        if !schemas {
            command.arg("--skip-schema-validation");
        }
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, &self.home);
        }
        command.env("KUBECONFIG", "/dev/null");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reader = std::thread::spawn(move || read(out));
        let errors = std::thread::spawn(move || read(err));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                return Ok(Err(TOO_SLOW.to_owned()));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let out = reader.join().unwrap_or_default();
        let errors = errors.join().unwrap_or_default();
        if status.success() {
            return Ok(Ok(out));
        }
        let at = errors.find("Error: ").map_or(0, |at| at + "Error: ".len());
        Ok(Err(errors[at..].to_owned()))
    }
}

fn read(pipe: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read until a failure is what there is to compare.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A digest as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
