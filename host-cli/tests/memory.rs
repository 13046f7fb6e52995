//! `native/memory.c`, which static builds take instead of musl's functions, does what the C library's do.

#![cfg(unix)]

use std::env;
use std::path::Path;
use std::process::Command;

#[test]
fn memory_is_copied_and_compared_as_by_the_c_library() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native/memory.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("memory-{}", std::process::id()));
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let flags = ["-std=c11", "-O2", "-Wall", "-Werror", "-fno-builtin"];
    let built = Command::new(compiler).args(flags).arg(&source).arg("-o").arg(&program).status().unwrap();
    assert!(built.success(), "{} does not compile", source.display());
    let output = Command::new(&program).output().unwrap();
    std::fs::remove_file(&program).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let tried = said.strip_suffix(" tried\n").and_then(|number| number.parse::<u32>().ok());
    assert!(tried.is_some_and(|tried| tried > 100_000), "{said}");
}
