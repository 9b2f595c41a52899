//! A child that never outlives its node.

use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs the program until the shell's standard input ends, which it does with whoever holds the other end.
const LEASH: &str =
    r#"log=$1; shift; "$@" >"$log" 2>&1 </dev/null & child=$!; cat >/dev/null; kill -9 $child; wait $child"#;

/// A running program. Killed, not asked, when dropped.
pub struct Process(Child);

impl Process {
    /// Starts a command, whose output goes to `NAME.log` in `folder`.
    ///
    /// # Errors
    /// If the log cannot be made, or no shell starts.
    pub fn start(name: &str, command: &[String], folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        File::create(&log)?;
        let child = Command::new("sh")
            .args(["-c", LEASH, "leash"])
            .arg(&log)
            .args(command)
            .env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Ok(Self(child.with_context(|| format!("starting {name}"))?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}
