//! `backstay sandbox`.

use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::object::format_duration;

use crate::args::{GlobalArgs, SandboxCommand};
use crate::cluster::{Sandbox, SandboxSpeed, serve};
use crate::exit::{Exit, Stop};
use crate::paths;

pub(crate) async fn run(global: &GlobalArgs, command: &SandboxCommand) -> anyhow::Result<ExitCode> {
    let path = global.sandbox.clone().flatten().unwrap_or_else(paths::sandbox_file);
    let speed =
        global.sandbox_speed.parse::<SandboxSpeed>().map_err(|message| Stop::with(Exit::Usage, message))?;
    match command {
        SandboxCommand::Reset => match std::fs::remove_file(&path) {
            Ok(()) => anstream::println!(
                "the sandbox {} is gone; the next command with --sandbox starts a new one",
                path.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                anstream::println!("there is no sandbox at {}", path.display())
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot delete the sandbox {}", path.display()));
            }
        },
        SandboxCommand::Status if !path.exists() => {
            anstream::println!(
                "there is no sandbox at {}; any command with --sandbox makes one",
                path.display()
            );
        }
        SandboxCommand::Status => {
            let sandbox = Sandbox::open(&path, speed)?;
            let status = sandbox.status();
            anstream::println!("sandbox {}", path.display());
            anstream::println!(
                "cluster time {} (started {} ago)",
                status.now.to_rfc3339_seconds(),
                format_duration(status.age)
            );
            for (kind, count) in status.objects {
                anstream::println!("{count:>6}  {kind}");
            }
        }
        SandboxCommand::Serve { port, write_kubeconfig } => {
            let sandbox = Sandbox::open_for_server(&path, speed)?;
            serve(sandbox, *port, write_kubeconfig.as_deref()).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
