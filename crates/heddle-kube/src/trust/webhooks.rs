//! The roots in the configurations of webhooks, by which the API server trusts what it calls.

use super::{MANAGER, api, resource, watched};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{Stream, stream};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Client, Error};
use serde_json::{Value, json};

const GROUP: &str = "admissionregistration.k8s.io";

/// A configuration of webhooks, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookConfiguration {
    /// A MutatingWebhookConfiguration.
    Mutating(String),
    /// A ValidatingWebhookConfiguration.
    Validating(String),
}

/// The entries that a replica writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entries {
    /// All that differ: the leader's.
    Different,
    /// Those without a bundle. Any replica's, since a leader of another version may not know of a new entry, and never more:
    /// two replicas with other roots would write in turn.
    Empty,
}

impl WebhookConfiguration {
    fn parts(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Mutating(name) => ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", name),
            Self::Validating(name) => {
                ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", name)
            }
        }
    }
}

/// Returns an item whenever one of them changes: an upgrade may add an entry, and until it has its bundle the API server
/// refuses Pods.
pub(super) fn changes(
    client: &Client,
    all: &[WebhookConfiguration],
) -> impl Stream<Item = ()> + Send + use<> {
    stream::select_all(all.iter().map(|one| {
        let (kind, plural, name) = one.parts();
        let named = watcher::Config::default().fields(&format!("metadata.name={name}"));
        watched(client, resource(GROUP, kind, plural), named)
    }))
}

/// Writes the roots into entries of a configuration.
///
/// Applied field by field under our own manager: whoever installed the configuration keeps all else, and a tool that
/// compares manifests sees no difference.
pub(super) async fn publish(
    client: &Client,
    one: &WebhookConfiguration,
    pem: &str,
    entries: Entries,
) -> Result<(), Error> {
    let (kind, plural, name) = one.parts();
    let configurations = api(client, GROUP, kind, plural);
    let Some(found) = configurations.get_opt(name).await? else { return Ok(()) };
    let webhooks = found.data["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(webhooks) = wanted(webhooks, &STANDARD.encode(pem), entries) else { return Ok(()) };
    let patch = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": name}, "webhooks": webhooks,
    });
    let params = PatchParams::apply(MANAGER).force();
    configurations.patch(name, &params, &Patch::Apply(patch)).await.map(drop)
}

/// Returns every entry with its bundle, since what an apply leaves out is taken away; nothing where all are as they should be.
fn wanted(webhooks: &[Value], bundle: &str, entries: Entries) -> Option<Vec<Value>> {
    let found = |webhook: &Value| webhook["clientConfig"]["caBundle"].as_str().unwrap_or_default().to_owned();
    let kept = |found: &str| match entries {
        Entries::Different => found == bundle,
        Entries::Empty => !found.is_empty(),
    };
    if webhooks.iter().all(|webhook| kept(&found(webhook))) {
        return None;
    }
    let entry = |webhook: &Value| {
        let found = found(webhook);
        let bundle = if kept(&found) { &found } else { bundle };
        json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}})
    };
    Some(webhooks.iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_writes_what_differs_and_others_what_is_empty() {
        let entry = |name: &str, bundle: &str| json!({"name": name, "clientConfig": {"caBundle": bundle}});
        let found = [entry("a", "OLD"), json!({"name": "b", "clientConfig": {}})];
        let leaders = Some(vec![entry("a", "NEW"), entry("b", "NEW")]);
        assert_eq!(wanted(&found, "NEW", Entries::Different), leaders);
        let others = Some(vec![entry("a", "OLD"), entry("b", "NEW")]);
        assert_eq!(wanted(&found, "NEW", Entries::Empty), others);
        assert_eq!(wanted(&found[..1], "NEW", Entries::Empty), None);
        assert_eq!(wanted(&[entry("a", "NEW")], "NEW", Entries::Different), None);
        assert_eq!(wanted(&[], "NEW", Entries::Different), None);
    }
}
