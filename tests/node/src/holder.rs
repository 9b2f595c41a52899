//! A process that holds a node which stays: it ends the node on SIGTERM and reboots it on SIGHUP.

use anyhow::{Context, Result, bail, ensure};
use heddle_node_tests::{Access, Node};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// The time that a node may take to start or to end.
const LIMIT: Duration = Duration::from_secs(180);

/// The file with the holder's process id: beside the node's folder, which each start empties.
fn pid_file(node: &Access) -> PathBuf {
    node.folder().with_extension("pid")
}

/// The file that is there while the node is ready.
fn ready_file(node: &Access) -> PathBuf {
    node.folder().with_extension("ready")
}

fn log_file(node: &Access) -> PathBuf {
    node.folder().with_extension("log")
}

/// Starts a holder, and waits until its node is ready.
pub(crate) fn up(node: &Access) -> Result<()> {
    let start = Instant::now();
    if let Some(pid) = running(node) {
        bail!("a node is up already, held by process {}", pid.as_raw_nonzero());
    }
    let _absent = fs::remove_file(ready_file(node));
    fs::create_dir_all(node.programs())?;
    let log = File::create(log_file(node))?;
    // A group of its own: an interrupt of this command's terminal does not reach it.
    let mut holder = Command::new(std::env::current_exe()?)
        .arg("hold")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    fs::write(pid_file(node), holder.id().to_string())?;
    ready(node, || holder.try_wait().is_ok_and(|ended| ended.is_none()))?;
    println!("the node is up after {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// Ends the holder and its node.
pub(crate) fn down(node: &Access) -> Result<()> {
    let Some(pid) = running(node) else {
        println!("no node is up");
        return Ok(());
    };
    kill_process(pid, Signal::TERM)?;
    wait("the node does not end", || Ok(running(node).is_none()))?;
    println!("the node is down");
    Ok(())
}

/// Has the holder reboot its node.
pub(crate) fn reboot(node: &Access) -> Result<()> {
    let start = Instant::now();
    let pid = running(node).context("no node is up")?;
    fs::remove_file(ready_file(node)).context("the node is not ready")?;
    kill_process(pid, Signal::HUP)?;
    ready(node, || running(node).is_some())?;
    println!("the node is up again after {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

fn ready(node: &Access, mut holds: impl FnMut() -> bool) -> Result<()> {
    wait("the node is not ready", || {
        ensure!(holds(), "{}", fs::read_to_string(log_file(node))?.trim());
        Ok(ready_file(node).exists())
    })
}

/// The holder that runs, if one does.
fn running(node: &Access) -> Option<Pid> {
    let text = fs::read_to_string(pid_file(node)).ok()?;
    let pid = Pid::from_raw(text.trim().parse().ok()?)?;
    let command = fs::read_to_string(format!("/proc/{text}/cmdline")).unwrap_or_default();
    (test_kill_process(pid).is_ok() && command.ends_with("hold\0")).then_some(pid)
}

fn wait(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds()? {
        ensure!(start.elapsed() < LIMIT, "{what} after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Holds a node until SIGTERM.
pub(crate) fn hold(access: &Access) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut end, mut reboot) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let node = Node::start(access.folder(), access.programs())?;
        loop {
            fs::write(ready_file(access), "")?;
            tokio::select! {
                _ = end.recv() => break,
                _ = reboot.recv() => node.reboot()?,
            }
        }
        drop(node);
        let _absent = fs::remove_file(ready_file(access));
        Ok(())
    })
}
