//! How the watches are doing, as plain data.

use heddle_lower::api_of;
use heddle_model::Kind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    pub error: Option<String>,
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

    /// For how long every watch has been failing: more than the replica's own trouble, the API server is away
    /// for everyone. `None` while any of them works.
    pub fn all_failing(&self, now: Instant) -> Option<Duration> {
        let view = self.lock();
        let works = |state: &WatchState| matches!(state.phase, Phase::Watching | Phase::Listing);
        if view.values().any(works) {
            return None;
        }
        view.values().map(|state| now.saturating_duration_since(state.since)).min()
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
    pub(crate) fn failed(&self, kind: Kind, error: &str) -> bool {
        let mut news = false;
        self.set(kind, |state| {
            news = state.error.as_deref() != Some(error);
            state.enter(Phase::Failing, Some(error.to_owned()));
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
    fn enter(&mut self, phase: Phase, error: Option<String>) {
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
        Some(error) => error.clone(),
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
        assert!(watches.failed(Kind::Mesh, "meshes is forbidden"));
        assert!(!watches.failed(Kind::Mesh, "meshes is forbidden"));
        assert_eq!(watches.missing(), ["Pod: reading the first list of pods", "Mesh: meshes is forbidden"]);
        assert_eq!(watches.alarms(), Vec::<String>::new());
    }

    #[test]
    fn a_watch_that_fails_later_alarms_and_keeps_the_mesh_ready() {
        let watches = Watches::new();
        for kind in Kind::ALL {
            watches.listed(kind, 1);
        }
        watches.failed(Kind::AccessPolicy, "gone");
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
        watches.failed(Kind::HttpRoute, "connection refused");
        assert!(!watches.found(Kind::HttpRoute));
        watches.absent(Kind::HttpRoute);
        assert_eq!(watches.alarms(), Vec::<String>::new());
        assert_eq!(watches.lists(Kind::HttpRoute), 1);
    }

    #[test]
    fn the_api_server_is_away_only_when_no_watch_works() {
        let watches = Watches::new();
        let later = Instant::now() + Duration::from_secs(40);
        for kind in Kind::ALL {
            assert_eq!(watches.all_failing(later), None);
            watches.failed(kind, "connection refused");
        }
        let away = watches.all_failing(later).unwrap();
        assert!((Duration::from_secs(39)..=Duration::from_secs(41)).contains(&away), "{away:?}");
    }
}
