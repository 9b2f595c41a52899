//! The health of the source.

use super::ages::Ages;
use super::folder::Troubles;
use crate::engine::Progress;
use heddle_kube::Watches;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

/// The state of the source.
pub(super) enum Health {
    /// A folder, and what is wrong with it.
    Folder(Troubles),
    /// A cluster.
    Cluster {
        /// Its watches.
        watches: Watches,
        /// Its API server can trust the webhooks.
        trust: watch::Receiver<bool>,
    },
}

impl Health {
    /// Returns what readiness waits for: the first complete list of every kind. Afterwards what was read is served
    /// whatever becomes of the source, unless others may know more.
    pub(super) fn waiting(&self, progress: &Progress) -> Vec<String> {
        if progress.waiting.is_empty() {
            return self.untrusted().into_iter().chain(self.stale()).collect();
        }
        let reasons = match self {
            Self::Folder(troubles) => troubles.borrow().clone(),
            Self::Cluster { watches, .. } => watches.missing(),
        };
        if !reasons.is_empty() {
            return reasons;
        }
        progress.waiting.iter().map(|kind| format!("the first list of {kind}")).collect()
    }

    /// The first sight of the webhooks' bundles: before it the API server may refuse Pods for their sake. Once seen, it is the
    /// leader's task, and no reason to send proxies elsewhere.
    fn untrusted(&self) -> Option<String> {
        match self {
            Self::Folder(_) => None,
            Self::Cluster { trust, .. } => {
                (!*trust.borrow()).then(|| "the webhooks: their caBundle was not seen yet".into())
            }
        }
    }

    /// Returns what is wrong with the source while what was read before is served.
    pub(super) fn warnings(&self, progress: &Progress) -> Vec<String> {
        if !progress.waiting.is_empty() {
            return Vec::new();
        }
        match self {
            Self::Folder(troubles) => troubles.borrow().clone(),
            Self::Cluster { watches, .. } => watches.alarms(),
        }
    }

    /// Returns what this replica may have missed and others not, in words.
    pub(super) fn stale(&self) -> Vec<String> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::Cluster { watches, .. } => watches.stale(Instant::now()),
        }
    }

    /// The age of each watch as a metric, of a source that has any.
    pub(super) fn register(&self, registry: &mut Registry) {
        match self {
            Self::Folder(_) => {}
            Self::Cluster { watches, .. } => registry.register_collector(Box::new(Ages(watches.clone()))),
        }
    }

    /// Returns what is wrong now, in words; and each watch.
    pub(super) fn page(&self) -> Value {
        match self {
            Self::Folder(troubles) => json!({"errors": *troubles.borrow()}),
            Self::Cluster { watches, .. } => {
                let view = watches.view();
                let watches_of = view
                    .iter()
                    .map(|(kind, state)| json!({"kind": kind.to_string(), "state": format!("{state:?}")}));
                json!({"alarms": watches.alarms(), "watches": watches_of.collect::<Vec<_>>()})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_serve::metrics::Metrics;
    use std::collections::BTreeSet;

    #[test]
    fn the_metrics_of_a_cluster_have_one_series_per_label_set() {
        let mut registry = Registry::default();
        Metrics::new(&mut registry, "0.1.0", "abc");
        let trust = watch::channel(false).1;
        Health::Cluster { watches: Watches::new(), trust }.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        let mut seen = BTreeSet::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(series), "{series} is there twice in\n{text}");
        }
        assert!(seen.len() > heddle_model::Kind::ALL.len(), "{text}");
    }
}
