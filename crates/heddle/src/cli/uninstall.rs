//! `heddle uninstall`: what `helm uninstall` leaves.

use super::query::{self, Definition};
use anyhow::{Result, ensure};
use heddle_admission::INJECTED;
use heddle_kube::{BUNDLE, Client};
use heddle_model::identity::ROOTS_CONFIG_MAP;
use serde_json::Value;

/// List what helm uninstall leaves in a cluster, or remove it.
///
/// Left on purpose: Heddle's definitions with every Mesh and policy, the authority's Secrets, the Lease, and the roots for Pods.
/// With them helm install brings the same mesh back. Without --purge nothing is changed. With it all of this is deleted for
/// good, unless Heddle is still installed or a Pod still has its proxy.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  heddle uninstall\n  heddle uninstall --purge")]
pub(crate) struct Args {
    /// The namespace in which the controller ran
    #[arg(short, long, default_value = super::NAMESPACE)]
    namespace: String,
    /// Delete what is left: policies and the authority cannot be brought back
    #[arg(long)]
    purge: bool,
}

/// One object that stayed.
struct Leftover {
    shown: String,
    path: String,
}

/// Prints what is left, or what was deleted.
pub(crate) async fn run(args: Args) -> Result<()> {
    let client = crate::cluster::connect().await?;
    let Args { namespace, purge } = args;
    if purge {
        ensure_unused(&client, &namespace).await?;
    }
    let left = leftovers(&client, &namespace).await?;
    if left.is_empty() {
        return super::print("nothing of Heddle is left\n");
    }
    for Leftover { shown, path } in &left {
        if purge && query::delete(&client, path).await? {
            super::print(&format!("deleted {shown}\n"))?;
        } else {
            super::print(&format!("{shown}\n"))?;
        }
    }
    Ok(())
}

/// Fails while something depends on what would be deleted.
async fn ensure_unused(client: &Client, namespace: &str) -> Result<()> {
    let deployment = format!("/apis/apps/v1/namespaces/{namespace}/deployments/heddle");
    ensure!(
        query::get(client, &deployment).await?.is_none(),
        "Heddle is still installed: run helm uninstall heddle -n {namespace} first"
    );
    let pods = query::list(client, "/api/v1/pods?").await?;
    let injected = pods.iter().find(|pod| !pod["metadata"]["annotations"][INJECTED].is_null());
    if let Some(pod) = injected {
        let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
        anyhow::bail!("Pod {namespace}/{name} still has a proxy: see heddle check --uninstall");
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn leftovers(client: &Client, namespace: &str) -> Result<Vec<Leftover>> {
    let mut all = Vec::new();
    for Definition { name, path, spec } in query::definitions() {
        if query::get(client, &path).await?.is_none() {
            continue;
        }
        let objects = query::list(client, &format!("/apis/{}/v1alpha1/{}?", spec.group, spec.plural)).await?;
        let shown = format!("CustomResourceDefinition {name}, with {} objects", objects.len());
        all.push(Leftover { shown, path });
    }
    let mut named = vec![(format!("ClusterTrustBundle {BUNDLE}"), query::trust_bundle())];
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/heddle");
    named.push((format!("Lease {namespace}/heddle"), lease));
    for secret in crate::cluster::SECRETS {
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{secret}");
        named.push((format!("Secret {namespace}/{secret}"), path));
    }
    let roots = format!("/api/v1/configmaps?fieldSelector=metadata.name%3D{ROOTS_CONFIG_MAP}&");
    for found in query::list(client, &roots).await? {
        let namespace = text(&found["metadata"]["namespace"]);
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{ROOTS_CONFIG_MAP}");
        named.push((format!("ConfigMap {namespace}/{ROOTS_CONFIG_MAP}"), path));
    }
    for (shown, path) in named {
        if query::get(client, &path).await?.is_some() {
            all.push(Leftover { shown, path });
        }
    }
    Ok(all)
}
