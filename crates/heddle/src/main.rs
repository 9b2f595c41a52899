//! `heddle`: the controller, the agent and the command line.

use clap::Parser;
use heddle::cli;
use heddle_capture::cni::plugin;
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// Gives memory back that a burst of work took, whichever thread took it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    // The runtime starts it as a plugin of this name, without arguments.
    let name = std::env::args_os().next().map(std::path::PathBuf::from);
    if name.is_some_and(|name| name.file_name().is_some_and(|name| name == plugin::NAME)) {
        return plugin::run();
    }
    // Before anything may open a connection; a second installation would be a bug here.
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("no provider is installed yet");
    // Without a thread of its own the allocator gives nothing back while the others sleep.
    if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
        eprintln!("heddle: memory is given back late: {error}");
    }
    cli::run(cli::Heddle::parse())
}
