//! Tasks that the controller cannot do without.

use anyhow::{Error, anyhow};
use tokio::task::{JoinError, JoinSet};

/// Tasks that run as long as the controller does. When one of them ends, the process must end too: it would go on
/// to serve what nobody keeps up to date.
#[derive(Default)]
pub(crate) struct VitalTasks(JoinSet<(&'static str, Result<(), JoinError>)>);

impl VitalTasks {
    /// Runs a task under a name that completes "… ended".
    pub(crate) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task);
        self.0.spawn(async move { (name, task.await) });
    }

    /// Waits for the first task to end, and says which and how. Never resolves while all of them run.
    pub(crate) async fn ended(&mut self) -> Error {
        match self.0.join_next().await {
            Some(Ok((name, Err(error)))) if error.is_panic() => anyhow!("{name} panicked"),
            Some(Ok((name, _))) => anyhow!("{name} ended"),
            Some(Err(error)) => anyhow!("a task cannot be waited for: {error}"),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    async fn first(task: impl Future<Output = ()> + Send + 'static) -> String {
        let mut tasks = VitalTasks::default();
        tasks.spawn("the watch", std::future::pending());
        tasks.spawn("the owner", task);
        tasks.ended().await.to_string()
    }

    #[tokio::test]
    async fn a_task_that_ends_or_panics_is_named() {
        assert_eq!(first(std::future::ready(())).await, "the owner ended");
        let panics = async { panic!("made up by a test") };
        assert_eq!(first(panics).await, "the owner panicked");
    }

    #[tokio::test]
    async fn nothing_is_said_while_all_run() {
        let mut tasks = VitalTasks::default();
        assert!(tasks.ended().now_or_never().is_none());
        tasks.spawn("the owner", std::future::pending());
        assert!(tasks.ended().now_or_never().is_none());
    }
}
