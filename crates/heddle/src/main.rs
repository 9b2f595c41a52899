//! `heddle`: the controller, the agent and the command line.

use heddle::cli;
use heddle_capture::cni::plugin;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// Gives memory back that a burst of work took, whichever thread took it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let called = std::env::args_os().next().map(PathBuf::from);
    let called = called.as_deref().and_then(Path::file_name).unwrap_or_default();
    // The runtime starts it as a plugin of this name, without arguments.
    if called == plugin::NAME {
        return plugin::run();
    }
    // Before anything may open a connection; a second installation would be a bug here.
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("no provider is installed yet");
    // Without a thread of its own the allocator gives nothing back while the others sleep.
    if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
        eprintln!("heddle: memory is given back late: {error}");
    }
    cli::run(cli::Heddle::called(called))
}
