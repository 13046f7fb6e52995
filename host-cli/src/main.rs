//! The native host of Backstay: reads charts, speaks to a cluster, executes what the machine decides.

mod args;
mod charts;
mod cluster;
mod commands;
mod driver;
mod execute;
mod exit;
mod flux;
mod group;
mod hook_runs;
mod lease;
mod modules;
mod notify;
mod paths;
mod policy;
mod preflight;
mod provenance;
mod records;
mod reporter;
mod signals;
mod sources;
mod storage;
mod table;
mod watch;

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::args::Arguments;
use crate::exit::{Exit, exit_of};

/// Rendering makes and drops very many small values; the system's allocator takes a fifth of its time.
/// Without huge pages: with them it is faster still, but nearly twice as much memory is touched.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => {
            // The terminal is gone; there is nobody to tell.
            let _lost = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => Exit::Usage.into(),
            };
        }
    };
    match arguments.global.color.as_str() {
        "always" => anstream::ColorChoice::Always.write_global(),
        "never" => anstream::ColorChoice::Never.write_global(),
        _ => {}
    }
    let only_reads = arguments.command.only_reads();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, commands::dispatch(arguments))
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            let exit = match exit_of(&error) {
                Exit::Usage => Exit::Usage,
                _ if only_reads => Exit::Failed,
                exit => exit,
            };
            anstream::eprintln!("Error: {error:#}");
            if exit != Exit::Failed {
                anstream::eprintln!("exit {}", exit as u8);
            }
            exit.into()
        }
    }
}
