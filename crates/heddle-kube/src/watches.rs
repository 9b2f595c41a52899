//! How the watches are doing, as plain data.

use heddle_lower::api_of;
use heddle_model::Kind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For how long a watch may fail before this replica takes no new streams. That it fails is noticed within
/// another 25 seconds of the last word.
pub const STALE: Duration = Duration::from_secs(30);

/// What a watch is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It reads the list of all objects.
    Listing,
    /// It knows all objects and hears of changes.
    Watching,
    /// The cluster does not have this kind, and may do without.
    Absent,
    /// It tries again and again; what it knew before stays in force.
    Failing,
}

/// Who is to blame for a watch that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The API server: it does not answer, or that it cannot.
    Away,
    /// This replica: it is not let in.
    Us,
    /// The kind: it is not there, or not for us. The API server says so to every replica.
    Kind,
}

/// One kind's watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchState {
    /// What it is doing.
    pub phase: Phase,
    /// When it began that.
    pub since: Instant,
    /// When it last heard anything. An old one alone is no fault: a kind may be quiet.
    pub last_event: Option<Instant>,
    /// What went wrong last, while it fails.
    pub error: Option<(Cause, String)>,
    /// How many objects it knows.
    pub objects: usize,
    /// How many complete lists it read, an absent kind's empty one included.
    pub lists: u64,
    /// Whether the cluster ever had this kind.
    pub found: bool,
}

/// All watches. Clones share one state.
#[derive(Clone, Debug)]
pub struct Watches(Arc<Mutex<BTreeMap<Kind, WatchState>>>);

impl Default for Watches {
    fn default() -> Self {
        Self::new()
    }
}

impl Watches {
    /// Nothing is known of any kind.
    pub fn new() -> Self {
        let new = WatchState {
            phase: Phase::Listing,
            since: Instant::now(),
            last_event: None,
            error: None,
            objects: 0,
            lists: 0,
            found: false,
        };
        Self(Arc::new(Mutex::new(Kind::ALL.into_iter().map(|kind| (kind, new.clone())).collect())))
    }

    /// The state of every kind now.
    pub fn view(&self) -> BTreeMap<Kind, WatchState> {
        self.lock().clone()
    }

    /// What must still come before anything may be answered: one line per kind that was never listed
    /// completely. Empty once all were, for ever.
    pub fn missing(&self) -> Vec<String> {
        let view = self.lock();
        let missing = view.iter().filter(|(_, state)| state.lists == 0);
        missing.map(|(kind, state)| format!("{kind}: {}", reason(*kind, state))).collect()
    }

    /// Watches that fail although they worked before: what they knew stays in force.
    pub fn alarms(&self) -> Vec<String> {
        let view = self.lock();
        let failing = view.iter().filter(|(_, state)| state.lists > 0 && state.phase == Phase::Failing);
        failing.map(|(kind, state)| format!("{kind}: {}", reason(*kind, state))).collect()
    }

    /// Kinds that this replica may know too little of to serve who is new: their watch has failed for
    /// [`STALE`], and others work. One line each.
    ///
    /// Empty while the API server answers nothing at all: then it is away for everyone, as far as can be told
    /// from here, and what was read is served on. Empty also where it answers that a kind is gone or not for
    /// us: so it answers every replica, and it is an [alarm](Self::alarms).
    pub fn stale(&self, now: Instant) -> Vec<String> {
        let view = self.lock();
        if !view.values().any(WatchState::is_answered) {
            return Vec::new();
        }
        let stale = view.iter().filter(|(_, state)| state.is_stale(now));
        stale
            .map(|(kind, state)| {
                let seconds = state.age(now).as_secs();
                format!("{kind}: its watch has failed for {seconds}s: {}", reason(*kind, state))
            })
            .collect()
    }

    /// For how long each kind's watch has been failing; zero while it works.
    pub fn ages(&self, now: Instant) -> Vec<(Kind, Duration)> {
        self.lock().iter().map(|(kind, state)| (*kind, state.age(now))).collect()
    }

    pub(crate) fn lists(&self, kind: Kind) -> u64 {
        self.lock().get(&kind).map_or(0, |state| state.lists)
    }

    pub(crate) fn found(&self, kind: Kind) -> bool {
        self.lock().get(&kind).is_some_and(|state| state.found)
    }

    pub(crate) fn listing(&self, kind: Kind) {
        self.set(kind, |state| state.enter(Phase::Listing, None));
    }

    pub(crate) fn listed(&self, kind: Kind, objects: usize) {
        self.set(kind, |state| {
            state.heard(objects);
            state.lists += 1;
            state.found = true;
        });
    }

    pub(crate) fn absent(&self, kind: Kind) {
        self.set(kind, |state| {
            state.enter(Phase::Absent, None);
            state.lists = state.lists.max(1);
        });
    }

    pub(crate) fn changed(&self, kind: Kind, objects: usize) {
        self.set(kind, |state| state.heard(objects));
    }

    /// A watch that failed runs again, without having had anything to say yet.
    pub(crate) fn resumed(&self, kind: Kind) {
        self.set(kind, |state| state.enter(Phase::Watching, None));
    }

    /// Returns whether this is news: another error than the last, or the first.
    pub(crate) fn failed(&self, kind: Kind, cause: Cause, error: &str) -> bool {
        let mut news = false;
        self.set(kind, |state| {
            let error = (cause, error.to_owned());
            news = state.error.as_ref() != Some(&error);
            state.enter(Phase::Failing, Some(error));
        });
        news
    }

    fn set(&self, kind: Kind, change: impl FnOnce(&mut WatchState)) {
        if let Some(state) = self.lock().get_mut(&kind) {
            change(state);
        }
    }

    /// A poisoned lock is taken as it is: every change leaves whole states.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, WatchState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatchState {
    /// For how long it has been failing.
    fn age(&self, now: Instant) -> Duration {
        match self.phase {
            Phase::Failing => now.saturating_duration_since(self.since),
            Phase::Listing | Phase::Watching | Phase::Absent => Duration::ZERO,
        }
    }

    fn is_stale(&self, now: Instant) -> bool {
        let cause = self.error.as_ref().map(|(cause, _)| *cause);
        self.lists > 0 && self.age(now) >= STALE && cause != Some(Cause::Kind)
    }

    /// Whether the API server said anything to it last, be it a refusal.
    fn is_answered(&self) -> bool {
        match self.phase {
            Phase::Watching | Phase::Absent => true,
            Phase::Listing => false,
            Phase::Failing => !matches!(self.error, Some((Cause::Away, _))),
        }
    }

    fn enter(&mut self, phase: Phase, error: Option<(Cause, String)>) {
        if self.phase != phase {
            self.phase = phase;
            self.since = Instant::now();
        }
        self.error = error;
    }

    fn heard(&mut self, objects: usize) {
        self.enter(Phase::Watching, None);
        self.last_event = Some(Instant::now());
        self.objects = objects;
    }
}

fn reason(kind: Kind, state: &WatchState) -> String {
    match &state.error {
        Some((_, error)) => error.clone(),
        None => format!("reading the first list of {}", api_of(kind).plural),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_until_every_kind_was_listed() {
        let watches = Watches::new();
        for kind in Kind::ALL {
            watches.listed(kind, 0);
        }
        assert_eq!(watches.missing(), Vec::<String>::new());

        let watches = Watches::new();
        for kind in
            Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Mesh | Kind::HttpRoute | Kind::Pod))
        {
            watches.listed(kind, 3);
        }
        watches.absent(Kind::HttpRoute);
        assert!(watches.failed(Kind::Mesh, Cause::Kind, "meshes is forbidden"));
        assert!(!watches.failed(Kind::Mesh, Cause::Kind, "meshes is forbidden"));
        assert_eq!(watches.missing(), ["Pod: reading the first list of pods", "Mesh: meshes is forbidden"]);
        assert_eq!(watches.alarms(), Vec::<String>::new());
    }

    #[test]
    fn a_watch_that_fails_later_alarms_and_keeps_the_mesh_ready() {
        let watches = Watches::new();
        for kind in Kind::ALL {
            watches.listed(kind, 1);
        }
        watches.failed(Kind::AccessPolicy, Cause::Kind, "gone");
        assert_eq!(watches.missing(), Vec::<String>::new());
        assert_eq!(watches.alarms(), ["AccessPolicy: gone"]);
        assert_eq!(watches.view()[&Kind::AccessPolicy].objects, 1);
        watches.changed(Kind::AccessPolicy, 2);
        assert_eq!(watches.alarms(), Vec::<String>::new());
    }

    #[test]
    fn an_absent_kind_is_absent_again_after_an_outage() {
        let watches = Watches::new();
        watches.absent(Kind::HttpRoute);
        watches.failed(Kind::HttpRoute, Cause::Away, "connection refused");
        assert!(!watches.found(Kind::HttpRoute));
        watches.absent(Kind::HttpRoute);
        assert_eq!(watches.alarms(), Vec::<String>::new());
        assert_eq!(watches.lists(Kind::HttpRoute), 1);
    }

    /// All kinds listed, and then these watches fail for these causes.
    fn failing(failures: &[(Kind, Cause)]) -> Watches {
        let watches = Watches::new();
        Kind::ALL.into_iter().for_each(|kind| watches.listed(kind, 1));
        for (kind, cause) in failures {
            watches.failed(*kind, *cause, "broken");
        }
        watches
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_while_others_work_is_stale_after_half_a_minute() {
        let check = |failures: &[(Kind, Cause)], after, want: &[&str]| {
            let watches = failing(failures);
            assert_eq!(watches.stale(Instant::now() + Duration::from_secs(after)), want, "{failures:?}");
        };
        let text = "Pod: its watch has failed for 30s: broken";
        check(&[(Kind::Pod, Cause::Away)], 29, &[]);
        check(&[(Kind::Pod, Cause::Away)], 30, &[text]);
        check(&[(Kind::Pod, Cause::Us)], 30, &[text]);
        check(&[(Kind::Pod, Cause::Kind)], 3600, &[]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_away_for_everyone_makes_nobody_stale() {
        let all = |cause| Kind::ALL.map(|kind| (kind, cause));
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!(failing(&all(Cause::Away)).stale(later), Vec::<String>::new());
        // An answer, even a refusal, tells that it is there.
        let mut one_refused = all(Cause::Away);
        one_refused[0].1 = Cause::Kind;
        assert_eq!(failing(&one_refused).stale(later).len(), Kind::ALL.len() - 1);
        assert_eq!(failing(&all(Cause::Us)).stale(later).len(), Kind::ALL.len());
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_of_a_watch_counts_from_its_first_failure() {
        let watches = failing(&[(Kind::Pod, Cause::Away)]);
        let start = Instant::now();
        tokio::time::advance(Duration::from_secs(20)).await;
        watches.failed(Kind::Pod, Cause::Us, "again");
        let ages = watches.ages(start + Duration::from_secs(50));
        let failing: Vec<_> = ages.into_iter().filter(|(_, age)| !age.is_zero()).collect();
        assert_eq!(failing, [(Kind::Pod, Duration::from_secs(50))]);
        watches.resumed(Kind::Pod);
        assert_eq!(watches.stale(start + Duration::from_secs(500)), Vec::<String>::new());
    }
}
