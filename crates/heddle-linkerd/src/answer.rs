//! An answer, and what it was made from.

use crate::endpoints::{self, Endpoints};
use crate::tracked::{TrackedSnapshot, UnkeyedDependency};
use crate::{Subscription, inbound, outbound, profile};
use bytes::Bytes;
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The answer to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One encoded message, which replaces the one before: `Server`, `OutboundPolicy`, `DestinationProfile`.
    Message(Bytes),
    /// Endpoints, of which clients are told the difference.
    Endpoints(Arc<Endpoints>),
    /// The question must be asked again: its stream ends with OK, and the proxy comes back.
    AskAgain,
}

/// An answer, and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projected {
    /// The answer.
    pub answer: Answer,
    /// The keys of the Snapshot that it was made from: while none of them changes, and nothing of `wide` does, it
    /// holds.
    pub keys: BTreeSet<Key>,
    /// The other things that it was made from, for which no key stands.
    pub wide: BTreeSet<UnkeyedDependency>,
}

impl Projected {
    /// Returns whether the answer may differ after this key changed.
    pub fn is_changed_by(&self, key: &Key) -> bool {
        self.keys.contains(key) || self.wide.iter().any(|wide| wide.is_changed_by(key))
    }
}

/// Answers a topic. Never fails: what is gone has an answer too.
pub fn project(topic: &Subscription, snapshot: &Snapshot) -> Projected {
    let look = TrackedSnapshot::new(snapshot);
    let answer = match topic {
        Subscription::Endpoints { port, family, place } => {
            match endpoints::project(&look, port, *family, place) {
                Some(endpoints) => Answer::Endpoints(endpoints.into()),
                None => Answer::AskAgain,
            }
        }
        Subscription::Profile(target) => {
            profile::project(&look, target).map_or(Answer::AskAgain, |project| message(&project))
        }
        Subscription::Inbound { workload, port } => {
            inbound::project(&look, workload, *port).map_or(Answer::AskAgain, |project| message(&project))
        }
        Subscription::Outbound { namespace, target } => message(&outbound::project(&look, namespace, target)),
    };
    let (keys, wide) = look.into_dependencies();
    Projected { answer, keys, wide }
}

fn message(message: &impl Message) -> Answer {
    Answer::Message(message.encode_to_vec().into())
}
