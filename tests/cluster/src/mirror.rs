//! A cluster as Heddle's watches see it.

use heddle_kube::Watches;
use heddle_model::{Event, Fact, Kind, Lowered, SourceRef};
use kube::Client;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Everything that came out of the queue, applied.
pub struct Mirror {
    /// The state of the watches.
    pub watches: Watches,
    seen: Arc<Mutex<Seen>>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Seen {
    objects: BTreeMap<SourceRef, Lowered>,
    replaced: BTreeMap<Kind, usize>,
    events: usize,
}

impl Mirror {
    /// Follows the cluster from now on.
    pub fn start(client: Client) -> Self {
        let (queue, mut events) = mpsc::channel(64);
        let watches = Watches::new();
        let seen = Arc::<Mutex<Seen>>::default();
        let (kept, state) = (watches.clone(), seen.clone());
        let apply = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                seen.lock().expect("no panic").apply(event);
            }
        });
        let watch = tokio::spawn(heddle_kube::watch(client, queue, watches));
        Self { watches: kept, seen: state, tasks: [apply, watch] }
    }

    /// Returns what an object says, if it is there.
    pub fn fact(&self, kind: Kind, namespace: &str, name: &str) -> Option<Fact> {
        let source = SourceRef::new(kind, namespace, name);
        self.seen.lock().expect("no panic").objects.get(&source).map(|object| object.fact.clone())
    }

    /// The whole object, if it is there.
    pub fn object(&self, source: &SourceRef) -> Option<Lowered> {
        self.seen.lock().expect("no panic").objects.get(source).cloned()
    }

    /// Returns how many objects of a kind there are in a namespace.
    pub fn count(&self, kind: Kind, namespace: &str) -> usize {
        let seen = self.seen.lock().expect("no panic");
        seen.objects.keys().filter(|source| source.kind == kind && &*source.namespace == namespace).count()
    }

    /// Returns how many complete lists of a kind came.
    pub fn lists(&self, kind: Kind) -> usize {
        self.seen.lock().expect("no panic").replaced.get(&kind).copied().unwrap_or_default()
    }

    /// Returns how many events came.
    pub fn events(&self) -> usize {
        self.seen.lock().expect("no panic").events
    }

    /// Returns whether every kind was listed.
    pub fn ready(&self) -> bool {
        self.watches.missing().is_empty()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Seen {
    fn apply(&mut self, event: Event) {
        self.events += 1;
        match event {
            Event::Set(object) => drop(self.objects.insert(object.source.clone(), *object)),
            Event::Delete(source) => drop(self.objects.remove(&source)),
            Event::Replace(kind, objects) => {
                *self.replaced.entry(kind).or_default() += 1;
                self.objects.retain(|source, _| source.kind != kind);
                self.objects.extend(objects.into_iter().map(|object| (object.source.clone(), object)));
            }
        }
    }
}
