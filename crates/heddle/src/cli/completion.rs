//! `heddle completion`: a script for a shell.

use super::Heddle;
use anyhow::Result;
use clap::CommandFactory;

/// Print a completion script for a shell.
///
/// For bash: source <(heddle completion bash)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Heddle::command(), "heddle", &mut script);
    super::print(&String::from_utf8_lossy(&script))
}
