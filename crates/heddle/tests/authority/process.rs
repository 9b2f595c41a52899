//! Processes that end with their test, and waiting for what they do.

use anyhow::{Result, bail};
use heddle::demo::Client;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// Whatever is waited for comes long before this, or never.
const PATIENCE: Duration = Duration::from_secs(60);

const MESH: &str = "
apiVersion: heddle.dev/v1alpha1
kind: Mesh
metadata: {name: default}
spec: {trustDomain: test.mesh}
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {name: web, namespace: shop}
spec: {addresses: [\"127.0.0.1\"], serviceAccount: web}
";

/// A process that is killed with this value.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command, with what it says in this file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        Ok(Self(command.stdout(log.try_clone()?).stderr(log).spawn()?))
    }

    /// Returns how it ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The `heddle` binary with these arguments.
pub(crate) fn heddle(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
    command.args(args);
    command
}

/// A controller on `folder/source` and `folder/state`, which serves at `host`.
pub(crate) fn controller(folder: &Path, host: &str, more: &[&str]) -> Result<Process> {
    let source = folder.join("source");
    std::fs::create_dir_all(&source)?;
    if !source.join("mesh.yaml").exists() {
        std::fs::write(source.join("mesh.yaml"), MESH)?;
    }
    let (source, state) = (format!("dir:{}", source.display()), folder.join("state"));
    let (listen, admin) = (format!("{host}:15012"), format!("{host}:15014"));
    let args = ["controller", "--source", &source, "--listen", &listen, "--admin", &admin];
    let mut command = heddle(&args);
    command.arg("--state").arg(state).args(more);
    Process::start(&mut command, &folder.join(format!("{host}.log")))
}

/// A page of the admin port; empty while nobody answers.
pub(crate) async fn page(url: &str) -> (u16, String) {
    match Client::new().get(url, &[]).await {
        Ok(reply) => (reply.status, reply.text()),
        Err(_) => (0, String::new()),
    }
}

/// Waits until `found` gives something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut found: impl FnMut() -> F,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = found().await {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited in vain until {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
