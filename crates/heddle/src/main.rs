//! `heddle`: the controller, the agent and the command line.

use clap::Parser;
use heddle::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything may open a connection; a second installation would be a bug here.
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("no provider is installed yet");
    cli::run(cli::Heddle::parse())
}
