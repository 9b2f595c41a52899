//! The answers of a cluster, as JSON.

use anyhow::{Context, Result};
use heddle_kube::Client;
use http::Request;
use kube::Error;
use serde_json::Value;

/// The answers from which everything is judged; `None` and empty lists where there is nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// `/version`.
    pub version: Value,
    /// The resources of `certificates.k8s.io/v1`.
    pub certificates: Option<Value>,
    /// Heddle's definitions, by name.
    pub definitions: Vec<(String, Option<Value>)>,
    /// The controller's Pods, but for those that are being deleted.
    pub controllers: Vec<Value>,
    /// The roots for Pods.
    pub bundle: Option<Value>,
    /// The injector.
    pub webhook: Option<Value>,
    /// `Mesh/default`.
    pub mesh: Option<Value>,
    /// All Namespaces.
    pub namespaces: Vec<Value>,
    /// All Pods.
    pub pods: Vec<Value>,
}

/// Heddle's definitions.
const DEFINITIONS: [&str; 4] = ["accesspolicies", "externalworkloads", "inboundpolicies", "meshes"];

impl Facts {
    /// Asks the API server.
    ///
    /// # Errors
    /// If it cannot be reached, or does not let us read what there is.
    pub(super) async fn ask(client: &Client, namespace: &str) -> Result<Self> {
        let selector = "labelSelector=app.kubernetes.io%2Fname%3Dheddle";
        let mut definitions = Vec::new();
        for plural in DEFINITIONS {
            let name = format!("{plural}.heddle.dev");
            let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
            definitions.push((name, get(client, &path).await?));
        }
        let mut controllers =
            list(client, &format!("/api/v1/namespaces/{namespace}/pods?{selector}")).await?;
        controllers.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let bundle = "/apis/certificates.k8s.io/v1/clustertrustbundles/heddle.dev:workload:roots";
        let webhook = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/heddle-injector";
        Ok(Self {
            version: get(client, "/version").await?.unwrap_or_default(),
            certificates: get(client, "/apis/certificates.k8s.io/v1").await?,
            definitions,
            controllers,
            bundle: get(client, bundle).await?,
            webhook: get(client, webhook).await?,
            mesh: get(client, "/apis/heddle.dev/v1alpha1/meshes/default").await?,
            namespaces: list(client, "/api/v1/namespaces").await?,
            pods: list(client, "/api/v1/pods").await?,
        })
    }
}

/// Returns what is at a path, or nothing where nothing is.
async fn get(client: &Client, path: &str) -> Result<Option<Value>> {
    let request = Request::get(path).body(Vec::new())?;
    match client.request::<Value>(request).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error).with_context(|| format!("asking the API server for {path}")),
    }
}

/// Returns the items of a list.
async fn list(client: &Client, path: &str) -> Result<Vec<Value>> {
    let found = get(client, path).await?.unwrap_or_default();
    Ok(found["items"].as_array().cloned().unwrap_or_default())
}
