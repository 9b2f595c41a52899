//! The roots in a ConfigMap of each namespace with injected Pods, for API servers without ClusterTrustBundles.

use super::{MANAGER, api, resource, watched};
use futures::{Stream, stream};
use heddle_model::identity::{ROOTS_CONFIG_MAP, ROOTS_FILE};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Client, Error, ResourceExt as _};
use serde_json::json;
use std::collections::BTreeSet;

/// Namespaces and Pods that ask for a proxy.
const ASKS: &str = "heddle.dev/inject,heddle.dev/inject!=none";

/// Returns an item whenever other namespaces may need the roots.
pub(super) fn changes(client: &Client) -> impl Stream<Item = ()> + Send + use<> {
    stream::select_all([("Namespace", "namespaces"), ("Pod", "pods")].map(|(kind, plural)| {
        watched(client, resource("", kind, plural), watcher::Config::default().labels(ASKS))
    }))
}

/// Puts the roots into every namespace that needs them, and into the controller's own. A namespace that refuses them keeps
/// no other from them; the first error is returned.
pub(super) async fn publish(client: &Client, own_namespace: &str, pem: &str) -> Result<(), Error> {
    let mut needed = namespaces(client).await?;
    needed.insert(own_namespace.into());
    let ours = ListParams::default().fields(&format!("metadata.name={ROOTS_CONFIG_MAP}"));
    for found in api(client, "", "ConfigMap", "configmaps").list(&ours).await? {
        if found.data["data"] == json!({ROOTS_FILE: pem}) {
            needed.remove(&found.namespace().unwrap_or_default());
        }
    }
    let mut outcome = Ok(());
    for namespace in needed {
        let written = write(client, &namespace, pem).await;
        outcome = outcome.and(written);
    }
    outcome
}

async fn namespaces(client: &Client) -> Result<BTreeSet<String>, Error> {
    let asks = ListParams::default().labels(ASKS);
    let lives = |object: &PartialObjectMeta<DynamicObject>| object.metadata.deletion_timestamp.is_none();
    let labelled = api(client, "", "Namespace", "namespaces").list_metadata(&asks).await?;
    let mut all: BTreeSet<String> =
        labelled.iter().filter(|one| lives(one)).map(|one| one.name_any()).collect();
    let pods = api(client, "", "Pod", "pods").list_metadata(&asks).await?;
    all.extend(pods.iter().filter(|one| lives(one)).filter_map(|pod| pod.namespace()));
    Ok(all)
}

/// Applied as a whole: the ConfigMap is the leader's alone.
async fn write(client: &Client, namespace: &str, pem: &str) -> Result<(), Error> {
    let config_maps: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &resource("", "ConfigMap", "configmaps"));
    let wanted = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ROOTS_CONFIG_MAP},
        "data": {ROOTS_FILE: pem},
    });
    let params = PatchParams::apply(MANAGER).force();
    config_maps.patch(ROOTS_CONFIG_MAP, &params, &Patch::Apply(wanted)).await.map(drop)
}
