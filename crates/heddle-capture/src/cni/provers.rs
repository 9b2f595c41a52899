//! Pods whose prover waits: what the plugin missed is captured in place.
//!
//! A prover is found by its arguments, which say what it waits for. Whatever a process says there changes the network
//! namespace that it is in and no other, and the node's own is never touched.

use crate::network_namespace::within;
use crate::rules::{Capture, CaptureError};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The number of looks at one process: that of a container becomes what it is soon after it started.
const LOOKS: u8 = 10;

/// The processes of a node that have been looked at.
#[derive(Debug)]
pub struct Provers {
    processes: PathBuf,
    node: u64,
    looked: BTreeMap<u32, u8>,
}

impl Provers {
    /// Looks at `/proc` of the node. The caller is in the node's own network namespace.
    ///
    /// # Errors
    /// If it cannot tell which namespace that is.
    pub fn of_node() -> io::Result<Self> {
        let processes = PathBuf::from("/proc");
        let node = fs::metadata(processes.join("self/ns/net"))?.ino();
        Ok(Self { processes, node, looked: BTreeMap::new() })
    }

    /// Captures the traffic of every Pod whose prover waits. `read` knows a prover by its arguments.
    ///
    /// # Errors
    /// If processes cannot be listed. What goes wrong with one Pod is logged, and tried again.
    pub fn repair(&mut self, read: impl Fn(&[&str]) -> Option<Capture>) -> io::Result<()> {
        let entries = fs::read_dir(&self.processes)?.filter_map(Result::ok);
        let pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        let before = std::mem::take(&mut self.looked);
        for pid in pids {
            let looked = before.get(&pid).copied().unwrap_or_default();
            let looked =
                if looked < LOOKS && self.look_at(pid, &read) { LOOKS } else { looked.saturating_add(1) };
            self.looked.insert(pid, looked);
        }
        Ok(())
    }

    /// Returns whether nothing more is to be done for the process.
    fn look_at(&self, pid: u32, read: impl Fn(&[&str]) -> Option<Capture>) -> bool {
        let process = self.processes.join(pid.to_string());
        let asked = || capture(&process, &read);
        let Some(wanted) = asked() else { return false };
        let Ok(namespace) = File::open(process.join("ns/net")) else { return false };
        // Between the two looks the process may have ended, and its number be another's.
        if asked().as_ref() != Some(&wanted) {
            return false;
        }
        match namespace.metadata().map(|namespace| namespace.ino()) {
            Ok(namespace) if namespace != self.node => {}
            Ok(_) | Err(_) => return true,
        }
        match within(namespace, || wanted.apply()).map_err(CaptureError::Socket).flatten() {
            Ok(()) => {
                tracing::info!(pid, "captured the traffic of a Pod whose prover waited");
                true
            }
            Err(error) => {
                tracing::warn!(pid, %error, "cannot capture the traffic of a Pod whose prover waits, will retry");
                false
            }
        }
    }
}

fn capture(process: &Path, read: impl Fn(&[&str]) -> Option<Capture>) -> Option<Capture> {
    let command = fs::read(process.join("cmdline")).ok()?;
    let command = std::str::from_utf8(&command).ok()?;
    let arguments: Vec<&str> = command.split_terminator('\0').collect();
    read(&arguments)
}
