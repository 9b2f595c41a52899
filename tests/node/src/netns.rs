//! The network namespace of a node: a bridge for its Pods, and no way out.

use anyhow::{Context, Result, ensure};
use std::process::Command;

/// The address of the node, on the bridge of its Pods.
pub(crate) const ADDRESS: &str = "198.18.0.1";
/// The address of the cluster's DNS.
pub(crate) const DNS: &str = "198.19.0.10";

/// A network namespace, taken away when dropped.
pub(crate) struct Netns(String);

impl Netns {
    /// Makes a namespace. One that a killed node left behind is made anew.
    pub(crate) fn make(name: &str) -> Result<Self> {
        let _absent = ip(&["netns", "delete", name]);
        ip(&["netns", "add", name])?;
        let made = Self(name.into());
        for args in [
            "link set lo up",
            &format!("address add {DNS}/32 dev lo"),
            "link add cni0 type bridge",
            &format!("address add {ADDRESS}/24 dev cni0"),
            "link set cni0 up",
            "route add default dev cni0",
        ] {
            ip(&[&["-n", name], &*args.split(' ').collect::<Vec<_>>()].concat())?;
        }
        made.run(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
        Ok(made)
    }

    /// The start of a command that runs within it, with this machine's files and cgroups.
    pub(crate) fn enter(&self) -> Vec<String> {
        vec!["nsenter".into(), format!("--net=/run/netns/{}", self.0)]
    }

    fn run(&self, command: &[&str]) -> Result<()> {
        let enter = self.enter();
        let status = Command::new(&enter[0]).args(&enter[1..]).args(command).status()?;
        ensure!(status.success(), "{command:?} failed in the namespace");
        Ok(())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _gone = ip(&["netns", "delete", &self.0]);
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let out = Command::new("ip").args(args).output().context("running ip (iproute2)")?;
    ensure!(out.status.success(), "ip {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr).trim());
    Ok(())
}
