//! Following answers: the owner's end, which keeps and renews them, and the servers' end, which asks for them.
//!
//! Each topic is a line of its own, and so is each workload that has streams: a change wakes the streams of its
//! topics and the guards of its workloads, and nobody else.

mod subscriber;

pub(crate) use subscriber::{Attending, Following};
pub use subscriber::{Gone, Subscriber};

use crate::latest::{Latest, LatestReader};
use heddle_catalog::{Edition, Feed, Feeds};
use heddle_model::snapshot::Key;
use heddle_model::{Snapshot, WorkloadKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Questions that wait for the owner. Whoever has one more waits with it.
const ASKED: usize = 1024;

/// The owner's end.
pub struct FeedServer<F: Feed> {
    asked: mpsc::Receiver<Asked<F>>,
    left: mpsc::UnboundedReceiver<Left<F>>,
    leave: mpsc::UnboundedSender<Left<F>>,
    feeds: Feeds<F>,
    lines: BTreeMap<Arc<F::Subscription>, Latest<Edition<F>>>,
    workloads: BTreeMap<WorkloadKey, (usize, Latest<()>)>,
    wakes: u64,
}

/// Something that a server told the owner.
pub struct FeedCommand<F: Feed>(Command<F>);

enum Command<F: Feed> {
    Asked(Asked<F>),
    Left(Left<F>),
}

enum Asked<F: Feed> {
    Follow(Arc<F::Subscription>, oneshot::Sender<Following<F>>),
    Attend(WorkloadKey, oneshot::Sender<Attending<F>>),
}

/// As many as were asked: so their queue is bounded by what is open.
enum Left<F: Feed> {
    Subscription(Arc<F::Subscription>),
    Workload(WorkloadKey),
}

/// Work done since the start, and what is followed now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Answers made from the Snapshot.
    pub projections: u64,
    /// Answers that differed from the one before: each encoded once.
    pub editions: u64,
    /// Streams and guards that were woken.
    pub wakes: u64,
    /// Topics that somebody follows.
    pub topics: usize,
}

/// A pair of ends.
pub fn feeds<F: Feed>() -> (FeedServer<F>, Subscriber<F>) {
    let (ask, asked) = mpsc::channel(ASKED);
    let (leave, left) = mpsc::unbounded_channel();
    let (lines, workloads) = (BTreeMap::new(), BTreeMap::new());
    let desk = FeedServer { asked, left, leave, feeds: Feeds::default(), lines, workloads, wakes: 0 };
    (desk, Subscriber::new(ask))
}

impl<F: Feed> FeedServer<F> {
    /// Returns what a server says next; `None` when all have gone. May be cancelled.
    pub async fn next(&mut self) -> Option<FeedCommand<F>> {
        let command = tokio::select! {
            asked = self.asked.recv() => Command::Asked(asked?),
            Some(left) = self.left.recv() => Command::Left(left),
        };
        Some(FeedCommand(command))
    }

    /// Takes in what a server said, and what waits behind it; not what comes meanwhile.
    pub fn take(&mut self, first: FeedCommand<F>) {
        self.take_one(first.0);
        while let Ok(left) = self.left.try_recv() {
            self.take_one(Command::Left(left));
        }
        for _ in 0..ASKED {
            let Ok(asked) = self.asked.try_recv() else { return };
            self.take_one(Command::Asked(asked));
        }
    }

    /// Whoever asked and went meanwhile leaves as its answer is dropped.
    fn take_one(&mut self, command: Command<F>) {
        match command {
            Command::Asked(Asked::Follow(topic, reply)) => drop(reply.send(self.follow(topic))),
            Command::Asked(Asked::Attend(workload, reply)) => drop(reply.send(self.attend(workload))),
            Command::Left(Left::Subscription(topic)) => {
                if self.feeds.leave(&topic) {
                    self.lines.remove(&topic);
                }
            }
            Command::Left(Left::Workload(workload)) => self.unattend(&workload),
        }
    }

    fn follow(&mut self, topic: Arc<F::Subscription>) -> Following<F> {
        let newest = self.feeds.join(&topic);
        // All who follow it share one copy of the topic.
        let topic = self.lines.get_key_value(&topic).map_or(topic, |(shared, _)| shared.clone());
        let line = self.lines.entry(topic.clone()).or_insert_with(|| Latest::new(newest));
        Following::new(line.reader(), topic, self.leave.clone())
    }

    fn attend(&mut self, workload: WorkloadKey) -> Attending<F> {
        let seat = self.workloads.entry(workload.clone());
        let (count, line) = seat.or_insert_with(|| (0, Latest::new(Arc::new(()))));
        *count += 1;
        Attending::new(line.reader(), workload, self.leave.clone())
    }

    fn unattend(&mut self, workload: &WorkloadKey) {
        let Some((count, _)) = self.workloads.get_mut(workload) else { return };
        *count -= 1;
        if *count == 0 {
            self.workloads.remove(workload);
        }
    }

    /// Renews what was made from `changed`, and tells whoever follows it. To be called once the state of
    /// `snapshot` is published: guards look there what became of their workloads, those in `renamed` too, which
    /// are other objects under the same name.
    pub fn publish(&mut self, changed: &BTreeSet<Key>, renamed: &BTreeSet<WorkloadKey>, snapshot: &Snapshot) {
        for (topic, edition) in self.feeds.publish(changed, snapshot) {
            if let Some(line) = self.lines.get(&topic) {
                self.wakes += line.send(edition) as u64;
            }
        }
        let workloads = changed.iter().filter_map(|key| {
            let Key::Workload(workload) = key else { return None };
            Some(workload)
        });
        for workload in workloads.chain(renamed) {
            if let Some((_, line)) = self.workloads.get(workload) {
                self.wakes += line.send(Arc::new(())) as u64;
            }
        }
    }

    /// Work done since the start, and what is followed now.
    pub fn work(&self) -> Work {
        let heddle_catalog::Work { projections, editions } = self.feeds.work();
        Work { projections, editions, wakes: self.wakes, topics: self.feeds.len() }
    }
}

/// The reader of an answer.
type Answers<F> = LatestReader<Edition<F>>;
