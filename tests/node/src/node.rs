//! The node: its processes in order, and what is asked of it.

use crate::config;
use crate::image::Image;
use crate::leftovers;
use crate::netns::Netns;
use crate::pki;
use crate::process::Process;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time that the node may take to be ready: a few seconds on an idle machine.
const READY: Duration = Duration::from_secs(120);
/// The names under which the one program of Kubernetes is started.
const KUBERNETES: [&str; 6] =
    ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet", "kubectl"];

/// A running node. Everything of it ends with this value.
pub struct Node {
    folder: PathBuf,
    programs: PathBuf,
    /// By name, in the order of their start.
    processes: Mutex<Vec<(String, Process)>>,
    netns: Netns,
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
        let netns = Netns::make("heddle-node")?;
        let node =
            Self { folder: folder.into(), programs: programs.into(), processes: Mutex::default(), netns };
        node.start_all()?;
        Ok(node)
    }

    fn start_all(&self) -> Result<()> {
        let folder = self.folder.clone();
        let file = |name: &str| folder.join(name).display().to_string();
        let url = "http://127.0.0.1:2379";
        let data = format!("--data-dir={}", file("etcd"));
        let (listen, advertise) =
            (format!("--listen-client-urls={url}"), format!("--advertise-client-urls={url}"));
        self.run(
            "etcd",
            &self.programs.join("etcd"),
            vec![data, listen, advertise, "--unsafe-no-fsync".into(), "--log-level=error".into()],
        )?;
        self.run("kube-apiserver", &folder.join("kube-apiserver"), config::apiserver(&folder))?;
        self.run(
            "containerd",
            &self.programs.join("containerd"),
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
            format!("--node-ip={}", crate::netns::ADDRESS),
        ];
        self.run("kubelet", &folder.join("kubelet"), kubelet)?;
        self.run(
            "kube-proxy",
            &folder.join("kube-proxy"),
            vec![format!("--config={}", file("kube-proxy.json"))],
        )?;
        self.run("coredns", &self.programs.join("coredns"), vec!["-conf".into(), file("Corefile")])?;
        self.until("the node", |node| {
            let ready = "jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}";
            node.kubectl(&["get", "nodes", "-o", ready]).is_ok_and(|status| status == "True")
        })
    }

    fn run(&self, name: &str, program: &Path, args: Vec<String>) -> Result<()> {
        let mut command = self.netns.enter();
        command.push(program.display().to_string());
        command.extend(args);
        let process = Process::start(name, &command, &self.folder)?;
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
        self.run(NAME, &self.folder.join(NAME), config::apiserver(&self.folder))?;
        self.until("the API server", |node| node.kubectl(&["get", "--raw", "/readyz"]).is_ok())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let start = Instant::now();
        while !holds(self) {
            if start.elapsed() > READY {
                bail!("{what} is not ready after {READY:?}; logs are in {}", self.folder.display());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Returns the start of a command in the node's network, which kubectl and helm know by its environment.
    pub fn command(&self) -> Command {
        let enter = self.netns.enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).env("KUBECONFIG", self.folder.join("admin.kubeconfig"));
        command
    }

    /// Runs a command in the node's network.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn within(&self, command: &[&str]) -> Result<Output> {
        self.command().args(command).output().with_context(|| command.join(" "))
    }

    /// Runs kubectl, and returns what it printed.
    ///
    /// # Errors
    /// What it said.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.program(&self.folder.join("kubectl"), args)
    }

    /// Runs helm, and returns what it printed.
    ///
    /// # Errors
    /// What it said.
    pub fn helm(&self, args: &[&str]) -> Result<String> {
        self.program(&self.programs.join("helm"), args)
    }

    /// Makes an image known to the node.
    ///
    /// # Errors
    /// If it cannot be packed or taken in.
    pub fn load(&self, image: &Image) -> Result<()> {
        let archive = self.folder.join("image.tar");
        image.write(&archive)?;
        self.ctr(&["-n", "k8s.io", "images", "import", &archive.display().to_string()])?;
        fs::remove_file(archive)?;
        Ok(())
    }

    /// The folder of the node's files and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn ctr(&self, args: &[&str]) -> Result<String> {
        let socket = self.folder.join("containerd.sock").display().to_string();
        self.program(&self.programs.join("ctr"), &[&["--address", &socket], args].concat())
    }

    fn program(&self, program: &Path, args: &[&str]) -> Result<String> {
        let program = program.display().to_string();
        let out = self.within(&[&[program.as_str()], args].concat())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        ensure!(out.status.success(), "{program} {}: {}", args.join(" "), text(&out.stderr));
        Ok(text(&out.stdout))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The kubelet first: it would start again what is taken away.
        let processes = std::mem::take(&mut *self.processes());
        processes.into_iter().rev().for_each(drop);
        leftovers::clear(&self.folder);
    }
}
