//! A real Kubernetes node to look at: `cargo run -p heddle-node-tests`. Ends with the shell that it opens.

use anyhow::{Context, Result};
use heddle_node_tests::{Node, programs};
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let start = std::time::Instant::now();
    let node = Node::start(&programs::folder().join("run"), &programs::folder())?;
    eprintln!(
        "the node is ready after {:.1} s; its files and logs are in {}",
        start.elapsed().as_secs_f32(),
        node.folder().display()
    );
    eprintln!("kubectl and helm reach it from this shell; leave the shell to end it");
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
    let status = node
        .command()
        .arg(shell)
        .env(
            "PATH",
            format!(
                "{}:{}:{}",
                node.folder().display(),
                programs::folder().display(),
                std::env::var("PATH")?
            ),
        )
        .status()
        .context("starting a shell")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
