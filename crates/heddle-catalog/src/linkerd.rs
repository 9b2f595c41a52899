//! The answers that linkerd2-proxies follow.

use crate::{Feed, Made};
use bytes::Bytes;
use heddle_linkerd::{Answer, Projected, Subscription, UnkeyedDependency};
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;

/// Endpoints, profiles and policies for linkerd2-proxies.
#[derive(Debug)]
pub enum Linkerd {}

impl Feed for Linkerd {
    type Subscription = Subscription;
    type Answer = Answer;
    type UnkeyedDependency = UnkeyedDependency;

    fn project(topic: &Subscription, snapshot: &Snapshot) -> Made<Answer, UnkeyedDependency> {
        let Projected { answer, keys, wide } = heddle_linkerd::project(topic, snapshot);
        Made { answer, keys, wide }
    }

    fn is_changed_by(wide: &UnkeyedDependency, key: &Key, _old: &Snapshot, _new: &Snapshot) -> bool {
        wide.is_changed_by(key)
    }

    fn whole(answer: &Answer) -> Vec<Bytes> {
        match answer {
            Answer::Message(message) => vec![message.clone()],
            Answer::Endpoints(endpoints) => endpoints.whole(),
            Answer::AskAgain => Vec::new(),
        }
    }

    fn since(answer: &Answer, old: &Answer) -> Vec<Bytes> {
        match (answer, old) {
            (Answer::Endpoints(new), Answer::Endpoints(old)) => new.since(old),
            (Answer::Message(_) | Answer::Endpoints(_) | Answer::AskAgain, _) => Self::whole(answer),
        }
    }

    fn is_end(answer: &Answer) -> bool {
        match answer {
            Answer::AskAgain => true,
            Answer::Message(_) | Answer::Endpoints(_) => false,
        }
    }
}
