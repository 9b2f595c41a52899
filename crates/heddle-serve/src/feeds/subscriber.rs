//! The servers' end.

use super::{Answers, Asked, Left};
use crate::latest::LatestReader;
use heddle_catalog::{Edition, Feed};
use heddle_model::WorkloadKey;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

/// Asks the owner. Clones ask the same.
pub struct Subscriber<F: Feed>(mpsc::Sender<Asked<F>>);

/// The owner has ended, and takes the process with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the controller is shutting down: connect again")]
pub struct Gone;

/// A topic that is followed until this is dropped.
pub(crate) struct Following<F: Feed> {
    reader: Answers<F>,
    topic: Arc<F::Subscription>,
    leave: mpsc::UnboundedSender<Left<F>>,
}

/// A workload of which changes are told until this is dropped.
pub(crate) struct Attending<F: Feed> {
    reader: LatestReader<()>,
    workload: WorkloadKey,
    leave: mpsc::UnboundedSender<Left<F>>,
}

impl<F: Feed> Subscriber<F> {
    pub(super) fn new(ask: mpsc::Sender<Asked<F>>) -> Self {
        Self(ask)
    }

    /// Follows a topic.
    pub(crate) async fn follow(&self, topic: F::Subscription) -> Result<Following<F>, Gone> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Asked::Follow(Arc::new(topic), reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// Is told when a workload changes, goes, or comes again under its name.
    pub(crate) async fn attend(&self, workload: WorkloadKey) -> Result<Attending<F>, Gone> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Asked::Attend(workload, reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

impl<F: Feed> Following<F> {
    pub(super) fn new(
        reader: Answers<F>,
        topic: Arc<F::Subscription>,
        leave: mpsc::UnboundedSender<Left<F>>,
    ) -> Self {
        Self { reader, topic, leave }
    }

    /// The newest edition, once it is newer than the one before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arc<Edition<F>>> {
        self.reader.poll(cx)
    }
}

impl<F: Feed> Attending<F> {
    pub(super) fn new(
        reader: LatestReader<()>,
        workload: WorkloadKey,
        leave: mpsc::UnboundedSender<Left<F>>,
    ) -> Self {
        Self { reader, workload, leave }
    }

    /// Waits for the next change; the first is where things stand.
    pub(crate) async fn changed(&mut self) {
        self.reader.next().await;
    }
}

impl<F: Feed> Clone for Subscriber<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

// An owner that is gone needs to be told nothing.

impl<F: Feed> Drop for Following<F> {
    fn drop(&mut self) {
        let _ = self.leave.send(Left::Subscription(self.topic.clone()));
    }
}

impl<F: Feed> Drop for Attending<F> {
    fn drop(&mut self) {
        let _ = self.leave.send(Left::Workload(self.workload.clone()));
    }
}
