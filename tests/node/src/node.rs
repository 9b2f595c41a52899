//! The node: its processes in order, and what is asked of it.

use crate::access::Access;
use crate::config;
use crate::leftovers;
use crate::netns::{self, ADDRESS, ADDRESS_V6, Netns};
use crate::pki;
use crate::process::Process;
use anyhow::{Result, bail};
use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time that the node may take to be ready: a few seconds on an idle machine.
const READY: Duration = Duration::from_secs(120);
/// The names under which the one program of Kubernetes is started.
const KUBERNETES: [&str; 6] =
    ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet", "kubectl"];

/// A running node. Everything of it ends with this value.
pub struct Node {
    access: Access,
    /// By name, in the order of their start.
    processes: Mutex<Vec<(String, Process)>>,
    netns: Mutex<Option<Netns>>,
}

impl Node {
    /// Starts a node whose files lie in `folder`, with the programs in `programs`, and waits until it is ready.
    ///
    /// # Errors
    /// Says which part did not start, and where the logs are.
    pub fn start(folder: &Path, programs: &Path) -> Result<Self> {
        leftovers::clear(folder);
        let _gone = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        for name in KUBERNETES {
            std::os::unix::fs::symlink(programs.join("kube"), folder.join(name))?;
        }
        std::os::unix::fs::symlink(
            programs.join("containerd-shim-runc-v2"),
            folder.join("containerd-shim-runc-v2"),
        )?;
        pki::write(folder)?;
        config::write(folder, programs)?;
        let access = Access::new(folder, programs);
        let node = Self { access, processes: Mutex::default(), netns: Mutex::default() };
        node.start_all()?;
        Ok(node)
    }

    /// Kills everything that runs and takes its network away, as a power cut does, then starts what is on disk, and waits until
    /// the node is ready.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn reboot(&self) -> Result<()> {
        self.stop();
        let _gone = fs::remove_dir_all(self.folder().join("containerd-state"));
        self.start_all()
    }

    /// The kubelet first: it would start again what is taken away.
    fn stop(&self) {
        let processes = std::mem::take(&mut *self.processes());
        processes.into_iter().rev().for_each(drop);
        leftovers::clear(self.folder());
        drop(self.netns.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn start_all(&self) -> Result<()> {
        *self.netns.lock().unwrap_or_else(PoisonError::into_inner) = Some(Netns::make()?);
        let folder = self.folder().to_owned();
        let file = |name: &str| folder.join(name).display().to_string();
        let url = "http://127.0.0.1:2379";
        let data = format!("--data-dir={}", file("etcd"));
        let (listen, advertise) =
            (format!("--listen-client-urls={url}"), format!("--advertise-client-urls={url}"));
        self.run(
            "etcd",
            &self.programs().join("etcd"),
            vec![data, listen, advertise, "--unsafe-no-fsync".into(), "--log-level=error".into()],
        )?;
        self.run("kube-apiserver", &folder.join("kube-apiserver"), config::apiserver(&folder))?;
        self.run(
            "containerd",
            &self.programs().join("containerd"),
            vec![format!("--config={}", file("containerd.toml"))],
        )?;
        self.until("the API server", |node| node.kubectl(&["get", "--raw", "/readyz"]).is_ok())?;
        let manager = config::controller_manager(&folder);
        self.run("kube-controller-manager", &folder.join("kube-controller-manager"), manager)?;
        let scheduler = vec![
            format!("--kubeconfig={}", file("kube-scheduler.kubeconfig")),
            "--leader-elect=false".into(),
        ];
        self.run("kube-scheduler", &folder.join("kube-scheduler"), scheduler)?;
        self.until("containerd", |node| node.ctr(&["version"]).is_ok())?;
        let kubelet = vec![
            format!("--config={}", file("kubelet.json")),
            format!("--kubeconfig={}", file("kubelet.kubeconfig")),
            format!("--root-dir={}", file("kubelet-root")),
            "--hostname-override=node".into(),
            format!("--node-ip={ADDRESS},{ADDRESS_V6}"),
        ];
        self.run("kubelet", &folder.join("kubelet"), kubelet)?;
        self.run(
            "kube-proxy",
            &folder.join("kube-proxy"),
            vec![format!("--config={}", file("kube-proxy.json"))],
        )?;
        self.run("coredns", &self.programs().join("coredns"), vec!["-conf".into(), file("Corefile")])?;
        self.until("the node", |node| {
            let ready = "jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}";
            node.kubectl(&["get", "nodes", "-o", ready]).is_ok_and(|status| status == "True")
        })
    }

    fn run(&self, name: &str, program: &Path, args: Vec<String>) -> Result<()> {
        let mut command = netns::enter();
        command.push(program.display().to_string());
        command.extend(args);
        let process = Process::start(name, &command, self.folder())?;
        self.processes().push((name.into(), process));
        Ok(())
    }

    fn processes(&self) -> std::sync::MutexGuard<'_, Vec<(String, Process)>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the API server, leaves it away for some time, starts it again, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn restart_apiserver(&self, away: Duration) -> Result<()> {
        const NAME: &str = "kube-apiserver";
        let ended: Vec<(String, Process)> =
            self.processes().extract_if(.., |(name, _)| name == NAME).collect();
        drop(ended);
        std::thread::sleep(away);
        self.run(NAME, &self.folder().join(NAME), config::apiserver(self.folder()))?;
        self.until("the API server", |node| node.kubectl(&["get", "--raw", "/readyz"]).is_ok())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let start = Instant::now();
        while !holds(self) {
            if start.elapsed() > READY {
                bail!("{what} is not ready after {READY:?}; logs are in {}", self.folder().display());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Deref for Node {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}
