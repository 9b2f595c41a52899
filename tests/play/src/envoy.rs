//! A real Envoy in a namespace.

use crate::config::ADMIN_PORT;
use crate::net::{Namespace, PROXY_USERS};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running Envoy; it is killed with this value.
pub(crate) struct Envoy {
    child: Child,
    log: PathBuf,
}

/// A copy of the binary that `HEDDLE_ENVOY` names, or that the Makefile installs: where the proxies' users, who may
/// not look into root's folders, can read it.
pub(crate) struct Binary(PathBuf);

impl Binary {
    pub(crate) fn copied() -> Result<Self, String> {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/envoy/bin/envoy");
        let path = std::env::var_os("HEDDLE_ENVOY").map_or(installed, PathBuf::from);
        let copy = Self(std::env::temp_dir().join(format!("heddle-play-envoy-{}", std::process::id())));
        let copied = std::fs::copy(&path, &copy.0);
        copied.map_err(|error| format!("{}: {error} (`make envoy` installs it)", path.display()))?;
        Ok(copy)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

impl Envoy {
    /// Starts Envoy in a folder with `bootstrap.json`.
    pub(crate) fn start(binary: &Path, namespace: &Namespace, folder: &Path) -> Result<Self, String> {
        let log = folder.join("envoy.log");
        let out = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let count = STARTED.fetch_add(1, Ordering::Relaxed);
        let user = PROXY_USERS.start + (std::process::id() + count) % (PROXY_USERS.end - PROXY_USERS.start);
        let mut command = Command::new(binary);
        command
            .args(["-c", "bootstrap.json", "--concurrency", "1", "--disable-hot-restart", "-l", "warning"])
            .args(["--drain-time-s", "1", "--drain-strategy", "immediate"])
            .current_dir(folder)
            .uid(user)
            .gid(user)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out);
        let child =
            namespace.within(|| command.spawn()).map_err(|error| format!("starting Envoy: {error}"))?;
        Ok(Self { child, log })
    }

    /// Waits until everything is loaded.
    pub(crate) fn wait(&mut self, namespace: &Namespace) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("Envoy ended with {status}: {}", self.tail()));
            }
            if namespace.within(ready) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("Envoy is not ready after 30 s: {}", self.tail()))
    }

    /// The end of its log.
    pub(crate) fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn ready() -> bool {
    admin("/ready").is_some_and(|answer| answer.contains("LIVE"))
}

/// Returns how many TLS handshakes the proxy of this namespace finished as a client; `None` where there is no proxy.
pub(crate) fn handshakes(namespace: &Namespace) -> Option<u64> {
    let stats = namespace.within(|| admin("/stats?filter=ssl.handshake$"))?;
    let counts = stats.lines().filter(|line| line.starts_with("cluster."));
    Some(counts.filter_map(|line| line.rsplit_once(": ")?.1.parse::<u64>().ok()).sum())
}

/// A statistic of the proxy of this namespace.
pub(crate) fn stat(namespace: &Namespace, name: &str) -> Option<u64> {
    let stats = namespace.within(|| admin(&format!("/stats?filter=^{name}$")))?;
    stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok())
}

fn admin(path: &str) -> Option<String> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_millis(500)).ok()?;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(ask.as_bytes()).ok()?;
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
