//! The state of the watches, as plain data.

use heddle_model::Kind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For how long a watch may fail before this replica takes no new streams. That it fails is noticed within
/// another 25 seconds of the last word.
pub const STALE: Duration = Duration::from_secs(30);

/// The state of a watch.
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

/// The party to blame for a watch that fails.
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
    /// Its state.
    pub phase: Phase,
    /// The time at which it began that.
    pub since: Instant,
    /// The time at which it last heard anything. An old one alone is no fault: a kind may be quiet.
    pub last_event: Option<Instant>,
    /// The last error, while it fails.
    pub error: Option<(Cause, String)>,
    /// The number of objects that it knows.
    pub objects: usize,
    /// The number of complete lists that it read, an absent kind's empty one included.
    pub lists: u64,
    /// True if the cluster ever had this kind.
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

    /// Returns what must still come before anything may be answered: one line per kind that was never listed
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

    /// Returns whether the API server said anything to it last, be it a refusal.
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
        None => format!("reading the first list of {}", kind.spec().plural),
    }
}

#[cfg(test)]
mod tests;
