//! A real Kubernetes node to look at: `cargo run -p heddle-node-tests -- --help`.

mod holder;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use heddle_node_tests::{Access, Node, images, programs};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A real Kubernetes node (kubelet, containerd, kube-proxy, CoreDNS) in a network namespace of its own.
///
/// Needs root. One node runs on a machine at one time. Without a command: a shell with a node that ends with it.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Start a node that stays, and wait until it is ready
    Up,
    /// End the node that stays, and take away what is left of it
    Down,
    /// Kill everything that runs on the node, as a power cut does, and start it again
    Reboot,
    /// Run kubectl on the node that stays
    #[command(disable_help_flag = true)]
    Kubectl {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run helm on the node that stays
    #[command(disable_help_flag = true)]
    Helm {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Print the log of one of the node's processes, or their names
    Logs {
        /// The process, as kubelet
        name: Option<String>,
    },
    /// Make images known to the node: those of OCI archives, or those that are built here
    LoadImage {
        /// OCI archives
        archives: Vec<PathBuf>,
    },
    /// Pack the images of Heddle, Envoy and the shop as OCI archives
    Images {
        /// The folder
        to: PathBuf,
    },
    #[command(hide = true)]
    Hold,
}

fn main() -> Result<ExitCode> {
    let node = Access::new(&programs::folder().join("run"), &programs::folder());
    match Args::parse().task {
        None => return shell(),
        Some(Task::Up) => holder::up(&node)?,
        Some(Task::Down) => holder::down(&node)?,
        Some(Task::Reboot) => holder::reboot(&node)?,
        Some(Task::Kubectl { args }) => {
            return Err(node.command().arg(node.folder().join("kubectl")).args(args).exec().into());
        }
        Some(Task::Helm { args }) => {
            return Err(node.command().arg(node.programs().join("helm")).args(args).exec().into());
        }
        Some(Task::Logs { name }) => logs(&node, name)?,
        Some(Task::LoadImage { archives }) if archives.is_empty() => {
            for image in images::all()? {
                node.load(&image).context(image.name)?;
            }
        }
        Some(Task::LoadImage { archives }) => {
            for archive in archives {
                node.load_archive(&archive.canonicalize().with_context(|| archive.display().to_string())?)?;
            }
        }
        Some(Task::Images { to }) => {
            std::fs::create_dir_all(&to)?;
            for image in images::all()? {
                let file = to.join(format!("{}.tar", image.name.replace(['/', ':'], "_")));
                image.write(&file)?;
                println!("{} {}", image.name, file.display());
            }
        }
        Some(Task::Hold) => holder::hold(&node)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn logs(node: &Access, name: Option<String>) -> Result<()> {
    let Some(name) = name else {
        let files = std::fs::read_dir(node.folder()).context("no node was started")?;
        let mut names: Vec<String> = files
            .filter_map(|file| Some(file.ok()?.file_name().to_str()?.strip_suffix(".log")?.to_owned()))
            .collect();
        names.sort();
        names.iter().for_each(|name| println!("{name}"));
        return Ok(());
    };
    let file = node.folder().join(format!("{name}.log"));
    let mut log = std::fs::File::open(&file).with_context(|| file.display().to_string())?;
    std::io::copy(&mut log, &mut std::io::stdout())?;
    Ok(())
}

fn shell() -> Result<ExitCode> {
    let start = Instant::now();
    let node = Node::start(&programs::folder().join("run"), &programs::folder())?;
    let seconds = start.elapsed().as_secs_f32();
    eprintln!(
        "the node is ready after {seconds:.1} s; its files and logs are in {}",
        node.folder().display()
    );
    eprintln!("kubectl and helm reach it from this shell; leave the shell to end it");
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
    let (own, programs) = (node.folder().display(), programs::folder());
    let path = format!("{own}:{}:{}", programs.display(), std::env::var("PATH")?);
    let mut command: Command = node.command();
    let status = command.arg(shell).env("PATH", path).status().context("starting a shell")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
