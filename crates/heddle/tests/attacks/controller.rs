//! A controller as a child process.

use heddle::demo::Client;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// The time that anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

const MESH: &str = "
apiVersion: heddle.dev/v1alpha1
kind: Mesh
metadata: {name: default}
spec: {trustDomain: shop.mesh}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {clusterIP: 127.1.0.1, selector: {app: cart}, ports: [{name: http, port: 8080}]}
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {name: cart, namespace: shop, labels: {app: cart, heddle.dev/plane: envoy}}
spec: {addresses: [127.0.30.2], serviceAccount: cart, ports: [{name: http, port: 8080}]}
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {name: web, namespace: shop, labels: {app: web, heddle.dev/plane: envoy}}
spec: {addresses: [127.0.30.1], serviceAccount: web, ports: [{name: http, port: 8080}]}
";

/// A running controller. Killed when dropped.
pub(crate) struct Controller {
    child: Child,
    folder: TempDir,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Resident memory once it served, in KiB.
    base: usize,
}

impl Controller {
    /// Starts one at the loopback address 127.0.30.`host`, and waits until it is ready.
    pub(crate) async fn start(host: u8) -> Self {
        Self::start_with(host, None).await
    }

    /// The same, with these limits on open files, soft and hard.
    pub(crate) async fn start_with(host: u8, files: Option<(u32, u32)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mesh")).unwrap();
        std::fs::write(folder.path().join("mesh/mesh.yaml"), MESH).unwrap();
        let listen = SocketAddr::from(([127, 0, 30, host], 15012));
        let admin = SocketAddr::from(([127, 0, 30, host], 15014));
        let limit =
            files.map_or("true".into(), |(soft, hard)| format!("ulimit -Sn {soft} && ulimit -Hn {hard}"));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("sh")
            .args([
                "-c",
                &format!("{limit} && exec \"$@\""),
                "sh",
                env!("CARGO_BIN_EXE_heddle"),
                "controller",
            ])
            .args(["--listen", &listen.to_string(), "--admin", &admin.to_string()])
            .args(["--source", "dir:mesh", "--state", "state"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut controller = Self { child, folder, listen, admin, base: 0 };
        controller.eventually("ready", async |it| it.page("ready").await.is_some()).await;
        controller.base = controller.resident();
        controller
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A page of the admin port, if it answers with success.
    pub(crate) async fn page(&self, name: &str) -> Option<String> {
        let reply = Client::new().get(&format!("http://{}/{name}", self.admin), &[]).await.ok()?;
        (reply.status == 200).then(|| reply.text())
    }

    /// A metric, by the whole of its name and labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.page("metrics").await.expect("the admin port answers");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("log")).unwrap()).into_owned()
    }

    /// Returns what the command prints to a file of this name.
    pub(crate) fn token(&self, workload: &str) -> String {
        let output = self.path(&format!("{}.token", workload.replace('/', "-")));
        let made = Command::new(env!("CARGO_BIN_EXE_heddle"))
            .args(["token", "create", "--workload", workload, "--state"])
            .arg(self.path("state"))
            .arg("--output")
            .arg(&output)
            .status();
        assert!(made.unwrap().success());
        std::fs::read_to_string(output).unwrap().trim().to_string()
    }

    pub(crate) fn proc(&self, name: &str) -> String {
        let path = Path::new("/proc").join(self.child.id().to_string()).join(name);
        std::fs::read_to_string(path).expect("the controller runs")
    }

    /// KiB that it has in memory now.
    pub(crate) fn resident(&self) -> usize {
        kib(&self.proc("status"), "VmRSS:")
    }

    /// Counts the peak of its memory anew.
    pub(crate) fn forget_peak(&self) {
        let path = Path::new("/proc").join(self.child.id().to_string()).join("clear_refs");
        std::fs::write(path, "5").expect("the peak is reset");
    }

    /// Asserts that it never had `mib` more in memory than before the attack.
    #[track_caller]
    pub(crate) fn peaked_within(&self, mib: usize) {
        let grown = kib(&self.proc("status"), "VmHWM:").saturating_sub(self.base) / 1024;
        assert!(
            grown <= mib,
            "{grown} MiB more than the {} MiB before, want at most {mib}",
            self.base / 1024
        );
    }

    /// Waits until it has given back all but `mib` of what it took.
    pub(crate) async fn gives_back_all_but(&self, mib: usize) {
        let bound = self.base + mib * 1024;
        let what = format!("memory below {} MiB", bound / 1024);
        self.eventually(&what, async |it| it.resident() <= bound).await;
    }

    /// Waits until `look` sees it.
    pub(crate) async fn eventually(&self, what: &str, look: impl AsyncFn(&Self) -> bool) {
        let start = Instant::now();
        while !look(self).await {
            let now = || format!("{} MiB\n{}", self.resident() / 1024, self.log());
            assert!(start.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}: {}", now());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn kib(status: &str, key: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the kernel tells");
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
