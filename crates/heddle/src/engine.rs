//! The one owner: drains the queue, resolves once, projects once, publishes.

mod finding_log;
mod state;
mod uids;

pub(crate) use state::State;

use crate::controller::vital::VitalTasks;
use finding_log::FindingLog;
use heddle_catalog::{Catalog, Linkerd, Xds};
use heddle_index::Index;
use heddle_model::report::Report;
use heddle_model::snapshot::Key;
use heddle_model::{Event, Kind, Meta, Snapshot, SourceRef};
use heddle_serve::engine::{Membership, Publisher};
use heddle_serve::feeds::FeedServer;
use heddle_status::{LimitationTracker, Limitations};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// The limitations of the proxies of every data plane.
pub(crate) const LIMITATIONS: &[Limitations] = &[heddle_xds::limitations, heddle_linkerd::limitations];
/// The number of events that may wait. A source that is faster waits too.
const QUEUE: usize = 4096;
/// The number of events that are taken in before the mesh is resolved.
const BATCH: usize = 1024;

/// The state of an object, for whoever writes status.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The object.
    pub source: SourceRef,
    /// Its report.
    pub report: Arc<Report>,
    /// Its generation, and its status as last seen.
    pub meta: Meta,
}

/// The owner's progress, for `/ready` and `/debug`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Kinds without a complete list yet.
    pub waiting: BTreeSet<Kind>,
    /// Batches resolved since the start.
    pub batches: u64,
    /// Objects known, by kind.
    pub objects: Vec<(Kind, usize)>,
    /// Outputs recomputed, resources projected and encoded since the start.
    pub work: (heddle_index::Work, heddle_catalog::Counters, heddle_serve::feeds::Work),
}

/// The ends that others hold.
pub(crate) struct Engine {
    /// The queue into which sources put events.
    pub queue: mpsc::Sender<Event>,
    /// The owner's progress.
    pub progress: watch::Receiver<Progress>,
}

/// The part of the owner that the servers may ask.
pub(crate) struct EngineHandles {
    /// Resources, for Envoys.
    pub owner: Publisher<State>,
    /// Answers, for linkerd2-proxies.
    pub desk: FeedServer<Linkerd>,
}

/// Starts the owner. It ends when every source and every server has gone. Outcomes go to `outcomes` if
/// somebody writes them.
pub(crate) fn start(
    ends: EngineHandles,
    outcomes: Option<mpsc::Sender<Outcome>>,
    vital: &mut VitalTasks,
) -> Engine {
    let EngineHandles { owner, desk } = ends;
    let (queue, events) = mpsc::channel(QUEUE);
    let (tell, progress) = watch::channel(Progress { waiting: Kind::ALL.into(), ..Progress::default() });
    let index = Index::new();
    let catalog = Catalog::new(index.snapshot());
    let objects = Kind::ALL.map(|kind| (kind, 0)).into();
    let (uids, log) = (uids::Uids::default(), FindingLog::default());
    let limitations = LimitationTracker::new(LIMITATIONS);
    let task =
        Task { index, catalog, desk, uids, limitations, log, owner, outcomes, tell, batches: 0, objects };
    vital.spawn("the owner of the mesh", task.run(events));
    Engine { queue, progress }
}

struct Task {
    index: Index,
    catalog: Catalog<Xds>,
    desk: FeedServer<Linkerd>,
    uids: uids::Uids,
    limitations: LimitationTracker,
    log: FindingLog,
    owner: Publisher<State>,
    outcomes: Option<mpsc::Sender<Outcome>>,
    tell: watch::Sender<Progress>,
    batches: u64,
    objects: BTreeMap<Kind, usize>,
}

impl Task {
    async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = events.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    let since = Instant::now();
                    // Resolving a first list takes long enough to hold up a neighbour on this thread.
                    let written = self.outcomes.as_ref().map(|_| written(&batch)).unwrap_or_default();
                    let (changed, limited) = tokio::task::block_in_place(|| self.take_in(&mut batch, since));
                    self.tell_outcomes(written, &changed, limited).await;
                }
                member = self.owner.members.recv() => match member {
                    Some(member) => self.admit(member),
                    None => return,
                },
                word = self.desk.next() => match word {
                    Some(word) => self.desk.take(word),
                    None => return,
                },
            }
        }
    }

    /// Takes in a batch. Returns the keys that changed, and the objects of which proxies fall short otherwise now.
    fn take_in(&mut self, batch: &mut Vec<Event>, since: Instant) -> (BTreeSet<Key>, BTreeSet<SourceRef>) {
        let mut renamed = BTreeSet::new();
        for event in batch.drain(..) {
            renamed.extend(self.uids.apply(&event));
            self.count(&event);
            self.index.apply(event);
        }
        let changed = self.index.resolve();
        self.batches += 1;
        let complete = self.index.complete();
        let limited = self.limitations.follow(&changed, &self.index.snapshot());
        if !changed.is_empty() || !renamed.is_empty() || self.owner.published.borrow().is_none() {
            let snapshot = self.index.snapshot();
            self.catalog.publish(&changed, &snapshot);
            if complete.is_ok() {
                self.publish(snapshot.clone(), since);
            }
            self.desk.publish(&changed, &renamed, &snapshot);
        }
        if complete.is_ok() {
            let reported = changed.iter().filter_map(reported).chain(&limited);
            self.log.follow(reported, &self.index.snapshot(), self.limitations.by_object(), since);
        }
        self.tell_progress(complete.err().unwrap_or_default());
        (changed, limited)
    }

    /// Counted as they come: counting them all would cost the mesh at every change.
    fn count(&mut self, event: &Event) {
        match event {
            Event::Set(object) if self.index.meta(&object.source).is_none() => {
                *self.objects.entry(object.source.kind).or_default() += 1;
            }
            Event::Delete(source) if self.index.meta(source).is_some() => {
                *self.objects.entry(source.kind).or_default() -= 1;
            }
            Event::Replace(kind, objects) => {
                let distinct: BTreeSet<&SourceRef> = objects.iter().map(|object| &object.source).collect();
                self.objects.insert(*kind, distinct.len());
            }
            Event::Set(_) | Event::Delete(_) => {}
        }
    }

    fn publish(&self, snapshot: Snapshot, since: Instant) {
        self.owner.published.send_replace(Some(self.state(snapshot, since)));
    }

    fn state(&self, snapshot: Snapshot, since: Instant) -> Arc<State> {
        let (catalog, limitations) = (self.catalog.published(), self.limitations.by_object().clone());
        Arc::new(State { snapshot, catalog, limitations, uids: self.uids.clone(), since })
    }

    fn tell_progress(&self, waiting: BTreeSet<Kind>) {
        self.tell.send_replace(Progress {
            waiting,
            batches: self.batches,
            objects: self.objects.iter().map(|(kind, count)| (*kind, *count)).collect(),
            work: (self.index.work(), self.catalog.counters(), self.desk.work()),
        });
    }

    /// A client's own groups are projected when it joins; the others share what is there. Takes in everyone who
    /// waits: a storm of reconnecting proxies is one state.
    fn admit(&mut self, first: Membership) {
        self.seat(first);
        while let Ok(member) = self.owner.members.try_recv() {
            self.seat(member);
        }
        let before = self.owner.published.borrow().clone();
        if let Some(before) = before {
            self.owner.admit(self.state(before.snapshot.clone(), before.since));
        }
    }

    fn seat(&mut self, member: Membership) {
        let _ = match member {
            Membership::Joined(client) => self.catalog.join(client),
            Membership::Left(client) => self.catalog.leave(&client),
        };
    }

    /// Waits for the writer: the mesh is published already, and the queue behind is bounded.
    ///
    /// An object that was written is told again even if nothing became of it: its status names its generation.
    async fn tell_outcomes(
        &mut self,
        written: BTreeSet<SourceRef>,
        changed: &BTreeSet<Key>,
        limited: BTreeSet<SourceRef>,
    ) {
        let Some(outcomes) = &self.outcomes else { return };
        let snapshot = self.index.snapshot();
        let reported = changed.iter().filter_map(|key| {
            let Key::Report(source) = key else { return None };
            Some(source.clone())
        });
        for source in reported.chain(limited).chain(written).collect::<BTreeSet<_>>() {
            let Some(meta) = self.index.meta(&source).cloned() else { continue };
            let Some(report) = snapshot.reports.get(&source) else { continue };
            let report = self.limitations.onto(&source, report);
            // A writer that has gone takes the process with it.
            let _ = outcomes.send(Outcome { source, report, meta }).await;
        }
    }
}

/// The object about which something else is said now.
fn reported(key: &Key) -> Option<&SourceRef> {
    match key {
        Key::Report(source) | Key::Diagnostics(source) => Some(source),
        Key::Mesh
        | Key::Workload(_)
        | Key::Service(_)
        | Key::Endpoints(_)
        | Key::Routes(_)
        | Key::Address(_)
        | Key::Network(_)
        | Key::Egress(_) => None,
    }
}

/// The objects that a batch writes.
fn written(batch: &[Event]) -> BTreeSet<SourceRef> {
    let mut all = BTreeSet::new();
    for event in batch {
        match event {
            Event::Set(object) => drop(all.insert(object.source.clone())),
            Event::Replace(_, objects) => all.extend(objects.iter().map(|object| object.source.clone())),
            Event::Delete(_) => {}
        }
    }
    all
}
