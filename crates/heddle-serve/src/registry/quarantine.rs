//! Refused resources of workloads, kept from one of their streams to the next.
//!
//! A stream ends every half hour: without this each proxy would be sent again, each time, what it refuses.

use heddle_model::{Snapshot, WorkloadKey};
use heddle_session::{Refused, ResourceType};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Refused resources that are kept of one workload. What is beyond them is sent again once per stream.
const EACH: usize = 64;
/// Refused resources that are kept of all. One more, and those of workloads that have gone are forgotten; if that is
/// not enough, all of them.
const ALL: usize = 16 * 1024;

/// By workload, what its newest word was.
#[derive(Default)]
pub(crate) struct Quarantine(Mutex<BTreeMap<WorkloadKey, Vec<(ResourceType, Refused)>>>);

impl Quarantine {
    /// Returns what `workload` refused on the stream before.
    pub(crate) fn of(&self, workload: &WorkloadKey) -> Vec<(ResourceType, Refused)> {
        self.lock().get(workload).cloned().unwrap_or_default()
    }

    /// Keeps what `workload` refuses now, in place of what it refused before.
    pub(crate) fn keep(
        &self,
        workload: &WorkloadKey,
        mut now: Vec<(ResourceType, Refused)>,
        snapshot: &Snapshot,
    ) {
        now.truncate(EACH);
        let mut kept = self.lock();
        if kept.get(workload).is_some_and(|before| *before == now) {
            return;
        }
        kept.remove(workload);
        if now.is_empty() {
            return;
        }
        let fits = |kept: &BTreeMap<_, Vec<_>>| kept.values().map(Vec::len).sum::<usize>() + now.len() <= ALL;
        if !fits(&kept) {
            kept.retain(|workload, _| snapshot.workloads.get(workload).is_some());
        }
        if !fits(&kept) {
            kept.clear();
        }
        kept.insert(workload.clone(), now);
    }

    /// Forgets a workload that has gone.
    pub(crate) fn forget(&self, workload: &WorkloadKey) {
        self.lock().remove(workload);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkloadKey, Vec<(ResourceType, Refused)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::WorkloadKind;
    use heddle_session::Version;

    fn workload(number: usize) -> WorkloadKey {
        WorkloadKey::new(WorkloadKind::Pod, "shop", format!("web-{number}"))
    }

    fn refused(count: usize) -> Vec<(ResourceType, Refused)> {
        let one = |number: usize| Refused {
            name: format!("shop/s{number}").into(),
            version: Version([7; 16]),
            text: "no such filter".into(),
        };
        (0..count).map(|number| (ResourceType::Cluster, one(number))).collect()
    }

    /// The numbers of bytes that are kept of the workload and of all.
    #[track_caller]
    fn check(quarantine: &Quarantine, number: usize, want: (usize, usize)) {
        let all = quarantine.lock().values().map(Vec::len).sum();
        assert_eq!((quarantine.of(&workload(number)).len(), all), want);
    }

    #[test]
    fn the_newest_word_of_a_workload_is_kept_until_it_goes() {
        let (quarantine, snapshot) = (Quarantine::default(), Snapshot::default());
        quarantine.keep(&workload(0), refused(3), &snapshot);
        quarantine.keep(&workload(1), refused(1), &snapshot);
        check(&quarantine, 0, (3, 4));
        quarantine.keep(&workload(0), refused(2), &snapshot);
        check(&quarantine, 0, (2, 3));
        quarantine.keep(&workload(0), refused(0), &snapshot);
        check(&quarantine, 0, (0, 1));
        quarantine.forget(&workload(1));
        check(&quarantine, 1, (0, 0));
    }

    #[test]
    fn no_more_is_kept_than_the_bounds_allow() {
        let (quarantine, snapshot) = (Quarantine::default(), Snapshot::default());
        for number in 0..ALL / EACH {
            quarantine.keep(&workload(number), refused(EACH + 1), &snapshot);
        }
        check(&quarantine, 0, (EACH, ALL));
        quarantine.keep(&workload(0), refused(1), &snapshot);
        check(&quarantine, 0, (1, ALL - EACH + 1));
        quarantine.keep(&workload(ALL), refused(EACH), &snapshot);
        check(&quarantine, ALL, (EACH, EACH));
    }
}
