//! The network namespace of a node, with no way out. The bridge of its Pods is made by their network plugin.

use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::process::Command;

/// The address of the node, in no network of Pods.
pub(crate) const ADDRESS: &str = "203.0.113.1";
/// Its address of the other family.
pub(crate) const ADDRESS_V6: &str = "fd00:203::1";
/// The address of the cluster's DNS.
pub(crate) const DNS: &str = "198.19.0.10";

/// The name of the namespace: one node runs on a machine at one time.
const NAME: &str = "heddle-node";

/// The file whose lock the node that runs holds.
const LOCK: &str = "/run/heddle-node.lock";

/// A network namespace, taken away when dropped.
pub(crate) struct Netns {
    _lock: File,
}

impl Netns {
    /// Makes a namespace. One that a killed node left behind is made anew.
    pub(crate) fn make() -> Result<Self> {
        let lock = File::create(LOCK).context(LOCK)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .context("another node runs on this machine")?;
        let _absent = ip(&["netns", "delete", NAME]);
        ip(&["netns", "add", NAME])?;
        let made = Self { _lock: lock };
        for args in [
            "link set lo up",
            &format!("address add {DNS}/32 dev lo"),
            "link add node0 type bridge",
            &format!("address add {ADDRESS}/24 dev node0"),
            &format!("address add {ADDRESS_V6}/64 dev node0 nodad"),
            "link set node0 up",
            "route add default dev node0",
            "-6 route add default dev node0",
        ] {
            ip(&[&["-n", NAME], &*args.split(' ').collect::<Vec<_>>()].concat())?;
        }
        for forwarding in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            run(&["sh", "-c", &format!("echo 1 > /proc/sys/net/{forwarding}")])?;
        }
        Ok(made)
    }
}

/// The start of a command that runs within the namespace, with this machine's files and cgroups.
pub(crate) fn enter() -> Vec<String> {
    vec!["nsenter".into(), format!("--net=/run/netns/{NAME}")]
}

fn run(command: &[&str]) -> Result<()> {
    let enter = enter();
    let status = Command::new(&enter[0]).args(&enter[1..]).args(command).status()?;
    ensure!(status.success(), "{command:?} failed in the namespace");
    Ok(())
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _gone = ip(&["netns", "delete", NAME]);
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let out = Command::new("ip").args(args).output().context("running ip (iproute2)")?;
    ensure!(out.status.success(), "ip {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr).trim());
    Ok(())
}
