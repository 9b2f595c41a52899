//! A process in a place, asked to end when dropped.

use anyhow::{Context, Result, bail};
use heddle_play_tests::net::Namespace;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The time that a process may take to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running process.
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

/// A process to start.
pub struct Start<'a> {
    /// Its name.
    pub name: &'a str,
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The user; root if there is none.
    pub user: Option<u32>,
    /// The file of its output.
    pub log: PathBuf,
}

impl Process {
    /// Starts it in a namespace.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(start: Start<'_>, within: &Namespace) -> Result<Self> {
        let Start { name, program, args, user, log } = start;
        let out = File::options().create(true).append(true).open(&log);
        let out = out.with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        command.env("LINKERD2_PROXY_LOG", "warn,linkerd=info");
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let child = within.within(|| command.spawn()).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.into(), log, child })
    }

    /// Fails, with the end of its log, if it has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub fn check(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        bail!("{} ended with {status}; the end of {}:\n{}", self.name, self.log.display(), self.tail())
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.tell(Signal::KILL);
        let _ = self.child.wait();
    }

    fn tell(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself meanwhile; then there is nobody to tell.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.tell(Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }
}
