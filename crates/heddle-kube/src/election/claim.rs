//! The time at which a replica may take the Lease.

use super::TERM;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use std::time::Instant;

/// The Lease as last seen, and when it was seen to change. The times in it are others' clocks: only that they
/// change counts.
#[derive(Default)]
pub(super) struct Observed(Option<(LeaseSpec, Instant)>);

/// The next step about the Lease.
#[derive(Debug, PartialEq)]
pub(super) enum Claim {
    /// Another replica leads.
    Wait,
    /// Write this.
    Take(Box<LeaseSpec>),
}

impl Observed {
    /// Returns what `replica` should do about a Lease that says `spec` at `now`, which its own clock calls `time`.
    pub(super) fn claim(&mut self, spec: &LeaseSpec, replica: &str, now: Instant, time: MicroTime) -> Claim {
        let changed = self.0.as_ref().is_none_or(|(seen, _)| seen != spec);
        if changed {
            self.0 = Some((spec.clone(), now));
        }
        let since = self.0.as_ref().map_or(now, |(_, since)| *since);
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let ours = holder == replica;
        if !ours && !holder.is_empty() && now.duration_since(since) < TERM {
            return Claim::Wait;
        }
        let transitions = spec.lease_transitions.unwrap_or_default();
        Claim::Take(Box::new(LeaseSpec {
            holder_identity: Some(replica.to_owned()),
            lease_duration_seconds: i32::try_from(TERM.as_secs()).ok(),
            acquire_time: if ours { spec.acquire_time.clone() } else { Some(time.clone()) },
            renew_time: Some(time),
            lease_transitions: Some(if ours { transitions } else { transitions.saturating_add(1) }),
            ..spec.clone()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn time(second: i64) -> MicroTime {
        MicroTime(jiff::Timestamp::from_second(second).unwrap())
    }

    fn held(by: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec { holder_identity: Some(by.into()), renew_time: Some(time(renewed)), ..Default::default() }
    }

    /// Checks the steps of replica `a` about each of these, seen at these seconds.
    #[track_caller]
    fn check(history: &[(u64, LeaseSpec)], takes: &[bool]) {
        let (mut observed, start) = (Observed::default(), Instant::now());
        let claims = history.iter().map(|(second, spec)| {
            let claim = observed.claim(spec, "a", start + Duration::from_secs(*second), time(1000));
            matches!(claim, Claim::Take(_))
        });
        assert_eq!(claims.collect::<Vec<_>>(), takes);
    }

    #[test]
    fn a_free_lease_is_taken_and_ones_own_renewed() {
        check(&[(0, LeaseSpec::default()), (3, held("a", 1)), (100, held("a", 1))], &[true, true, true]);
        check(&[(0, held("", 1))], &[true]);
    }

    #[test]
    fn anothers_lease_is_taken_only_after_a_term_without_a_change() {
        check(&[(0, held("b", 1)), (14, held("b", 1)), (15, held("b", 1))], &[false, false, true]);
        check(
            &[(0, held("b", 1)), (14, held("b", 9)), (28, held("b", 9)), (29, held("b", 9))],
            &[false, false, false, true],
        );
    }

    #[test]
    fn a_clock_that_is_wrong_elsewhere_takes_nothing() {
        check(&[(0, held("b", -1_000_000)), (1, held("b", 9_000_000))], &[false, false]);
    }

    #[test]
    fn a_taken_lease_counts_the_change_and_a_renewed_one_does_not() {
        let take = |spec: &LeaseSpec, second| {
            let mut observed = Observed::default();
            let start = Instant::now();
            observed.claim(spec, "a", start, time(0));
            match observed.claim(spec, "a", start + TERM, time(second)) {
                Claim::Take(spec) => *spec,
                Claim::Wait => panic!("waits"),
            }
        };
        let taken = take(&LeaseSpec { lease_transitions: Some(3), ..held("b", 1) }, 50);
        assert_eq!((taken.lease_transitions, taken.acquire_time.clone()), (Some(4), Some(time(50))));
        let renewed = take(&taken, 60);
        assert_eq!((renewed.lease_transitions, renewed.acquire_time), (Some(4), Some(time(50))));
        assert_eq!(renewed.renew_time, Some(time(60)));
    }
}
