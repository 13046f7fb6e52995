//! `backstay sandbox`.

use clap::Subcommand;

/// The cluster in a file.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Where it is, what time it is there, and what runs
    Status,
    /// Forget everything in it
    Reset,
    /// Serve it on a loopback port for kubectl and helm
    Serve {
        /// Port; 0 takes a free one
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Where to write a kubeconfig for it
        #[arg(long, value_name = "FILE")]
        write_kubeconfig: Option<std::path::PathBuf>,
    },
}

impl SandboxCommand {
    /// Whether the command only answers a question.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Status)
    }
}
