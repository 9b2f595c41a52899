//! The child: started once what it needs is there, told what the agent is told, and ended in good order.

use crate::config::{Config, Proxy};
use crate::drain::{drain_listeners, idle};
use crate::envoy_arguments;
use crate::progress::{Child as Doing, Progress};
use crate::signals::Signals;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// The command cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {command:?}: {error}")]
pub struct BadChild {
    /// Its first word.
    pub command: OsString,
    /// The system's error.
    pub error: io::Error,
}

/// The relation between a child, its signals and whoever watches it.
pub(crate) struct Supervisor {
    pub(crate) config: Config,
    pub(crate) signals: Signals,
    pub(crate) progress: watch::Sender<Progress>,
}

/// Variables that a child has beyond the agent's own.
pub(crate) type Environment = BTreeMap<&'static str, OsString>;

impl Supervisor {
    /// Waits for what the command needs, runs it, and returns the code to exit with.
    pub(crate) async fn run(
        mut self,
        command: Vec<OsString>,
        prepared: impl Future<Output = Environment>,
    ) -> Result<u8, BadChild> {
        let Some((program, arguments)) = command.split_first() else {
            return Ok(without_child(&mut self.signals).await);
        };
        doing(&self.progress, Doing::Waiting);
        let environment = tokio::select! {
            signal = ended_by(&mut self.signals) => return Ok(code_of(signal)),
            environment = prepared => environment,
        };
        let child = Command::new(program)
            .args(arguments)
            .args(envoy_arguments::missing(&command))
            .envs(environment)
            .current_dir(&self.config.folder)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| BadChild { command: program.clone(), error })?;
        tracing::info!(pid = child.id(), "child process started");
        doing(&self.progress, Doing::Running);
        let code = Supervision { of: self, child }.run().await;
        tracing::info!(code, "child process exited");
        Ok(code)
    }
}

/// Certificates alone, for a proxy that something else starts.
async fn without_child(signals: &mut Signals) -> u8 {
    ended_by(signals).await;
    0
}

/// The next signal that means the end.
async fn ended_by(signals: &mut Signals) -> Signal {
    loop {
        let signal = signals.next().await;
        if signal != Signal::HUP {
            return signal;
        }
    }
}

fn doing(progress: &watch::Sender<Progress>, what: Doing) {
    progress.send_modify(|progress| progress.child = what);
}

struct Supervision {
    of: Supervisor,
    child: Child,
}

impl Supervision {
    async fn run(&mut self) -> u8 {
        loop {
            let signal = tokio::select! {
                status = self.child.wait() => return code(status),
                signal = self.of.signals.next() => signal,
            };
            match signal {
                Signal::TERM => return self.drain().await,
                Signal::INT => return self.end(Signal::INT).await,
                other => self.tell(other),
            }
        }
    }

    /// Lets the child serve on until its peers have learned that it leaves. An Envoy with nothing under way ends at once,
    /// and a second signal cuts it short.
    async fn drain(&mut self) -> u8 {
        doing(&self.of.progress, Doing::Draining);
        tracing::info!(seconds = self.of.config.drain.as_secs(), "draining");
        let admin = match &self.of.config.proxy {
            Proxy::Files { envoy_admin, .. } => *envoy_admin,
            Proxy::Linkerd(_) => None,
        };
        let drained = async {
            let Some(admin) = admin else { return std::future::pending().await };
            drain_listeners(admin).await;
            idle(admin).await;
        };
        tokio::select! {
            () = drained => {}
            status = self.child.wait() => return code(status),
            _ = ended_by(&mut self.of.signals) => {}
            () = tokio::time::sleep(self.of.config.drain) => {}
        }
        self.end(Signal::TERM).await
    }

    /// Tells the child to end, and kills it if it does not.
    async fn end(&mut self, signal: Signal) -> u8 {
        doing(&self.of.progress, Doing::Draining);
        self.tell(signal);
        let grace = self.of.config.grace;
        if let Ok(status) = tokio::time::timeout(grace, self.child.wait()).await {
            return code(status);
        }
        tracing::warn!(seconds = grace.as_secs(), "child process did not exit, killing it");
        self.tell(Signal::KILL);
        code(self.child.wait().await)
    }

    /// Passes a signal on, unless the child has ended: its number may be another's by then.
    fn tell(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!(%error, signal = signal.as_raw(), "failed to signal child process");
        }
    }
}

/// The code to exit with, as shells count: 128 and the signal where a signal ended the child.
fn code(status: io::Result<ExitStatus>) -> u8 {
    // `wait` fails only for a process that is not our child.
    let Ok(status) = status else { return 255 };
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

fn code_of(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(255)
}
