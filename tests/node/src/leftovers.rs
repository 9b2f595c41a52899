//! Containers that outlived their node: containerd's shims keep them running whatever becomes of containerd.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Kills what runs for a node whose files lie in `folder`, and lets go of its file systems. Nothing else is touched: a
/// process counts if it is a shim that names the folder, or descends from one.
pub(crate) fn clear(folder: &Path) {
    let mark = folder.display().to_string();
    for _ in 0..50 {
        let left = of_node(&mark);
        if left.is_empty() {
            break;
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            let _gone = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below =
        mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|path| path.starts_with(&mark));
    let mut below: Vec<&str> = below.collect();
    below.reverse();
    for path in below {
        let _gone = rustix::mount::unmount(path, rustix::mount::UnmountFlags::DETACH);
    }
}

fn of_node(mark: &str) -> BTreeSet<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in &pids {
        children.entry(parent(*pid).unwrap_or_default()).or_default().push(*pid);
    }
    let mut waiting: Vec<i32> = pids.into_iter().filter(|pid| is_shim(*pid, mark)).collect();
    let mut found = BTreeSet::new();
    while let Some(pid) = waiting.pop() {
        if found.insert(pid) {
            waiting.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}

/// The name of the program, which may hold spaces, is in parentheses; its state and its parent follow.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_shim(pid: i32, mark: &str) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command);
    command.contains("containerd-shim") && command.contains(mark)
}
