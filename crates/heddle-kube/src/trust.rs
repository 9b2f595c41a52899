//! The mesh's roots where others look for them: a ClusterTrustBundle or ConfigMaps, from which Pods trust the controller,
//! and the `caBundle` of the webhook, by which the API server does.

mod config_maps;

use crate::MANAGER;
use crate::retry::Retry;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use heddle_model::identity::SIGNER;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The name of the bundle: its signer's, and one of our own.
pub const BUNDLE: &str = "heddle.dev:workload:roots";
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

/// A configuration of webhooks, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookConfiguration {
    /// A MutatingWebhookConfiguration.
    Mutating(String),
    /// A ValidatingWebhookConfiguration.
    Validating(String),
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

/// Keeps the roots where they are looked for, while this replica leads. Ends when nobody changes `roots` any more.
pub async fn keep_trust(
    client: Client,
    places: TrustPlaces,
    mut roots: watch::Receiver<String>,
    mut leads: watch::Receiver<bool>,
) {
    let mut retry = Retry::new();
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
            () = config_maps::next(&mut changes), if leading => {}
        }
    }
}

async fn written(client: &Client, places: &TrustPlaces, pem: &str, leading: bool) -> Result<(), Error> {
    if !leading {
        return Ok(());
    }
    match &places.pods {
        PodRoots::ClusterTrustBundle => bundle(client, pem).await?,
        PodRoots::ConfigMaps { own_namespace } => config_maps::publish(client, own_namespace, pem).await?,
    }
    for webhook in &places.webhooks {
        ca_bundle(client, webhook, pem).await?;
    }
    Ok(())
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

/// Applied field by field under our own manager: whoever installed the configuration keeps all else, and a tool that
/// compares manifests sees no difference.
async fn ca_bundle(client: &Client, webhook: &WebhookConfiguration, pem: &str) -> Result<(), Error> {
    let group = "admissionregistration.k8s.io";
    let (kind, plural, name) = match webhook {
        WebhookConfiguration::Mutating(name) => {
            ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", name)
        }
        WebhookConfiguration::Validating(name) => {
            ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", name)
        }
    };
    let configurations = api(client, group, kind, plural);
    let Some(found) = configurations.get_opt(name).await? else { return Ok(()) };
    let wanted: Value = STANDARD.encode(pem).into();
    let webhooks = found.data["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if webhooks.iter().all(|webhook| webhook["clientConfig"]["caBundle"] == wanted) {
        return Ok(());
    }
    let ours = |webhook: &Value| json!({"name": webhook["name"], "clientConfig": {"caBundle": wanted}});
    let patch = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": webhooks.iter().map(ours).collect::<Vec<_>>(),
    });
    let params = PatchParams::apply(MANAGER).force();
    configurations.patch(name, &params, &Patch::Apply(patch)).await.map(drop)
}
