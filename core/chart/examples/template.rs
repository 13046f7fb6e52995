//! `helm template web CHART ARGUMENTS`, without Helm: prints what Helm 4 (or 3, with `--helm3` first) would.
#![allow(clippy::panic, reason = "an example may stop")]

#[path = "../tests/common/mod.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::path::Path;

use backstay_gotemplate::Compatibility;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let helm3 = arguments.first().is_some_and(|argument| argument == "--helm3");
    if helm3 {
        arguments.remove(0);
    }
    let compatibility = if helm3 { Compatibility::Helm3 } else { Compatibility::Helm4 };
    let Some((chart, arguments)) = arguments.split_first() else {
        eprintln!("usage: template [--helm3] CHART [ARGUMENTS]");
        return;
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    print!("{}", common::template(Path::new(chart), &arguments, Path::new("."), compatibility, false));
}
