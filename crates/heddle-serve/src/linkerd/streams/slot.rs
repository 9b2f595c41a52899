//! One stream's place in its group.

use super::ConnectionStreams;
use crate::budget::Account;
use crate::latest::LatestReader;
use crate::linkerd::question::Kind;
use crate::peer::Running;
use crate::quota::Held;
use crate::refusal::Ended;
use heddle_model::WorkloadKey;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tonic::{Code, Status};

/// A stream's place in its group, given back when dropped.
pub(in crate::linkerd) struct StreamSlot {
    group: Arc<ConnectionStreams>,
    kind: Kind,
    end: LatestReader<Option<Ended>>,
    _holds: Holds,
}

/// The part of the bounds that a stream holds.
pub(in crate::linkerd) struct Holds {
    pub(in crate::linkerd) _stream: Held<WorkloadKey>,
    pub(in crate::linkerd) _bytes: Account,
    pub(in crate::linkerd) _running: Running,
}

impl StreamSlot {
    pub(in crate::linkerd) fn new(group: Arc<ConnectionStreams>, kind: Kind, holds: Holds) -> Self {
        group.tally(kind).open.fetch_add(1, Ordering::Relaxed);
        group.metrics.question_came();
        let end = group.end.reader();
        Self { group, kind, end, _holds: holds }
    }

    /// Returns why the stream must end, if it must; else it is woken then.
    pub(in crate::linkerd) fn poll_end(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        loop {
            let Poll::Ready(ended) = self.end.poll(cx) else { return None };
            if let Some(ended) = *ended {
                return Some(status(ended));
            }
        }
    }

    pub(in crate::linkerd) const fn kind(&self) -> Kind {
        self.kind
    }

    /// A message goes out.
    pub(in crate::linkerd) fn sent(&self, bytes: usize) {
        self.group.metrics.answered(self.kind.as_str(), bytes);
    }

    /// The client is told this state.
    pub(in crate::linkerd) fn tells(&self, sequence: u64) {
        self.group.tally(self.kind).told.fetch_max(sequence, Ordering::Relaxed);
    }

    /// The stream ends with `status`.
    pub(in crate::linkerd) fn ends(&self, status: &Status) {
        if status.code() != Code::Ok {
            self.group.metrics.stream_refused(status.code());
        }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.group.tally(self.kind).open.fetch_sub(1, Ordering::Relaxed);
        self.group.metrics.question_went();
    }
}

/// Of a workload that has gone a proxy may still drain connections: NOT_FOUND would have it forward them without a
/// policy, so it is told to ask again.
pub(in crate::linkerd) fn status(ended: Ended) -> Status {
    let code = match ended {
        Ended::Credential | Ended::Age | Ended::Draining | Ended::Gone => Code::Unavailable,
        Ended::Replaced | Ended::Identity => Code::PermissionDenied,
    };
    Status::new(code, ended.to_string())
}
