//! The answers that linkerd2-proxies follow.

use crate::Feed;
use bytes::Bytes;
use heddle_linkerd::{Answer, Projected, Topic};
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;
use std::collections::BTreeSet;

/// Endpoints, profiles and policies for linkerd2-proxies.
#[derive(Debug)]
pub enum Linkerd {}

impl Feed for Linkerd {
    type Topic = Topic;
    type Answer = Answer;

    fn project(topic: &Topic, snapshot: &Snapshot) -> (Answer, BTreeSet<Key>) {
        let Projected { answer, keys } = heddle_linkerd::project(topic, snapshot);
        (answer, keys)
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
