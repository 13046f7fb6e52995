//! The module in Node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where `cargo xtask wasm` put the module.
const MODULE: &str = "BACKSTAY_TEST_WASM";

/// The module, if there is one to test.
pub(crate) fn module() -> Option<PathBuf> {
    let module = std::env::var_os(MODULE).map(PathBuf::from);
    if module.is_none() {
        println!("left out: {MODULE} names no module; `cargo xtask wasm` builds one and runs this test");
    }
    module
}

/// Runs a script of `node/` with the module, a text on its standard input, and gives what it prints.
pub(crate) fn node(script: &str, module: &Path, input: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("node").join(script);
    let folder = std::env::temp_dir().join(format!(
        "backstay-embed-{}-{}",
        std::process::id(),
        std::thread::current().name().unwrap_or_default()
    ));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("input");
    fs::write(&file, input).unwrap();
    let output = Command::new("node")
        .arg(script)
        .arg(module)
        .stdin(Stdio::from(fs::File::open(&file).unwrap()))
        .output()
        .unwrap_or_else(|error| panic!("node (20 or later) cannot be started: {error}"));
    fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "node: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
