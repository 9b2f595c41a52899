//! Bytes that clients have kept here for themselves alone: what they name that is none of the mesh, and their questions.

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::quota::{Held, Quota};
use crate::refusal::Refusal;
use heddle_model::{Identity, WorkloadKey};
use std::sync::Arc;

/// The bytes that each workload, and each identity with all its workloads, may have kept.
#[derive(Clone, Debug)]
pub(crate) struct Budgets {
    workloads: Arc<Quota<WorkloadKey>>,
    identities: Arc<Quota<Identity>>,
    metrics: Metrics,
}

/// The bytes that one stream has kept, given back when dropped.
#[derive(Debug)]
pub(crate) struct Account {
    workload: Held<WorkloadKey>,
    identity: Held<Identity>,
    metrics: Metrics,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits, metrics: Metrics) -> Self {
        Self {
            workloads: Quota::new(limits.workload_bytes),
            identities: Quota::new(limits.identity_bytes),
            metrics,
        }
    }

    /// The account of one more stream.
    pub(crate) fn open(&self, workload: &WorkloadKey, identity: &Identity) -> Account {
        Account {
            workload: self.workloads.open(workload.clone()),
            identity: self.identities.open(identity.clone()),
            metrics: self.metrics.clone(),
        }
    }
}

impl Account {
    /// Notes that the stream has `bytes` kept.
    ///
    /// # Errors
    /// If that is too much, with what all streams have kept of the workload or of the identity.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Refusal> {
        let Self { workload, identity, metrics } = self;
        workload.set(bytes).map_err(|exceeded| {
            metrics.budget_exceeded("workload");
            Refusal::bytes(workload.key().to_string(), exceeded)
        })?;
        identity.set(bytes).map_err(|exceeded| {
            metrics.budget_exceeded("identity");
            Refusal::bytes(identity.key().to_string(), exceeded)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::WorkloadKind;

    #[test]
    fn streams_of_a_workload_and_workloads_of_an_identity_share_a_budget() {
        let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default(), "", "");
        let limits = Limits { workload_bytes: 100, identity_bytes: 150, ..Limits::default() };
        let budgets = Budgets::new(&limits, metrics);
        let identity = Identity::new("shop", "web").unwrap();
        let open = |name| budgets.open(&WorkloadKey::new(WorkloadKind::Pod, "shop", name), &identity);
        let (mut first, mut second, mut other) = (open("web-0"), open("web-0"), open("web-1"));
        let text = |outcome: Result<(), Refusal>| outcome.expect_err("refused").to_string();
        first.set(60).unwrap();
        let want = "pod/shop/web-0 has 101 bytes kept of names and questions of its own, want at most 100";
        assert_eq!(text(second.set(41)), want);
        second.set(40).unwrap();
        let want = "shop/web has 151 bytes kept of names and questions of its own, want at most 150";
        assert_eq!(text(other.set(51)), want);
        drop(first);
        other.set(100).unwrap();
    }
}
