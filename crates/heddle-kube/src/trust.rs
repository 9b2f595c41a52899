//! The mesh's roots where others look for them: a ClusterTrustBundle or ConfigMaps, from which Pods trust the controller,
//! and the `caBundle` of the webhook, by which the API server does.

mod config_maps;
mod webhooks;

pub use webhooks::WebhookConfiguration;

use crate::MANAGER;
use crate::retry::Retry;
use futures::stream::BoxStream;
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use heddle_model::identity::SIGNER;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Error};
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use webhooks::Entries;

/// The name of the bundle: its signer's, and one of our own.
pub const BUNDLE: &str = "heddle.dev:workload:roots";
/// The time in which changes are taken together.
const TOGETHER: Duration = Duration::from_millis(100);
/// The interval at which what is there is looked at: others may have changed it.
const INTERVAL: Duration = Duration::from_secs(30);

/// The places of the roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPlaces {
    /// The webhooks that the API server calls.
    pub webhooks: Vec<WebhookConfiguration>,
    /// The home of the roots for Pods.
    pub pods: PodRoots,
}

/// The home of the roots for Pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodRoots {
    /// One ClusterTrustBundle (`certificates.k8s.io/v1`).
    ClusterTrustBundle,
    /// A ConfigMap in each namespace that has injected Pods, and in the controller's own.
    ConfigMaps {
        /// The controller's namespace.
        own_namespace: String,
    },
}

/// Keeps the roots where they are looked for: all of them while this replica leads, and those of webhooks that have none in
/// any case. Tells `trusted` once the API server can trust the webhooks. Ends when nobody changes `roots` any more.
pub async fn keep_trust(
    client: Client,
    places: TrustPlaces,
    mut roots: watch::Receiver<String>,
    mut leads: watch::Receiver<bool>,
    trusted: watch::Sender<bool>,
) {
    let mut retry = Retry::new();
    let mut webhooks = webhooks::changes(&client, &places.webhooks).chain(stream::pending()).boxed();
    let mut changes = match places.pods {
        PodRoots::ClusterTrustBundle => stream::pending().boxed(),
        PodRoots::ConfigMaps { .. } => config_maps::changes(&client).boxed(),
    };
    loop {
        let pem = roots.borrow_and_update().clone();
        let leading = *leads.borrow_and_update();
        let pause = match written(&client, &places, &pem, leading).await {
            Ok(()) => {
                retry.reset();
                trusted.send_replace(true);
                INTERVAL
            }
            Err(error) => {
                tracing::warn!(%error, "publishing the trust anchors failed, will retry");
                retry.next()
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            changed = roots.changed() => if changed.is_err() { return },
            changed = leads.changed() => if changed.is_err() { return },
            () = next(&mut changes), if leading => {}
            () = next(&mut webhooks) => {}
        }
    }
}

async fn written(client: &Client, places: &TrustPlaces, pem: &str, leading: bool) -> Result<(), Error> {
    match &places.pods {
        PodRoots::ClusterTrustBundle if leading => bundle(client, pem).await?,
        PodRoots::ConfigMaps { own_namespace } if leading => {
            config_maps::publish(client, own_namespace, pem).await?;
        }
        PodRoots::ClusterTrustBundle | PodRoots::ConfigMaps { .. } => {}
    }
    let entries = if leading { Entries::Different } else { Entries::Empty };
    for webhook in &places.webhooks {
        webhooks::publish(client, webhook, pem, entries).await?;
    }
    Ok(())
}

/// Returns an item whenever the metadata of an object of a kind changes. What it cannot watch it tries again.
fn watched(client: &Client, kind: ApiResource, which: watcher::Config) -> BoxStream<'static, ()> {
    let metadata: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client.clone(), &kind);
    watcher(metadata, which).default_backoff().map(drop).boxed()
}

/// Waits for a change, and for those that come with it.
async fn next(changes: &mut (impl Stream<Item = ()> + Unpin)) {
    if changes.next().await.is_none() {
        std::future::pending::<()>().await;
    }
    sleep(TOGETHER).await;
    while let Some(Some(())) = changes.next().now_or_never() {}
}

fn api(client: &Client, group: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource(group, kind, plural))
}

fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural)
}

/// Applied as a whole: the bundle is the leader's alone.
async fn bundle(client: &Client, pem: &str) -> Result<(), Error> {
    let bundles = api(client, "certificates.k8s.io", "ClusterTrustBundle", "clustertrustbundles");
    let wanted = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "ClusterTrustBundle",
        "metadata": {"name": BUNDLE},
        "spec": {"signerName": SIGNER, "trustBundle": pem},
    });
    if bundles.get_opt(BUNDLE).await?.is_some_and(|found| found.data["spec"] == wanted["spec"]) {
        return Ok(());
    }
    let params = PatchParams::apply(MANAGER).force();
    bundles.patch(BUNDLE, &params, &Patch::Apply(wanted)).await.map(drop)
}
