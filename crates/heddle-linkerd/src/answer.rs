//! An answer, and what it was made from.

use crate::Topic;
use bytes::Bytes;
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

/// What a topic is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One encoded message, which replaces the one before: `Server`, `OutboundPolicy`, `DestinationProfile`.
    Message(Bytes),
    /// Endpoints, of which clients are told the difference.
    Endpoints(Arc<Endpoints>),
    /// The question must be asked again: its stream ends with OK, and the proxy comes back.
    AskAgain,
}

/// The endpoints of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Whether what was asked for exists.
    pub exists: bool,
    /// `metric_labels` of the whole set.
    pub labels: BTreeMap<String, String>,
    /// Each endpoint as an encoded `WeightedAddr`.
    pub items: BTreeMap<SocketAddr, Bytes>,
}

/// An answer, and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projected {
    /// The answer.
    pub answer: Answer,
    /// The keys of the Snapshot that it was made from: while none of them changes, it holds.
    pub keys: BTreeSet<Key>,
}

/// Answers a topic. Never fails: what is gone has an answer too.
pub fn project(topic: &Topic, snapshot: &Snapshot) -> Projected {
    let _ = (topic, snapshot);
    Projected { answer: Answer::AskAgain, keys: BTreeSet::new() }
}

impl Endpoints {
    /// The encoded `Update`s that a new client is sent: the whole set.
    pub fn whole(&self) -> Vec<Bytes> {
        Vec::new()
    }

    /// The encoded `Update`s that turn `old` into this set, none if they are equal.
    ///
    /// An endpoint whose transport changed is removed and added again: the proxy would use the old one once more.
    pub fn since(&self, old: &Self) -> Vec<Bytes> {
        let _ = old;
        Vec::new()
    }
}
