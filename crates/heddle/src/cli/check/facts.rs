//! The answers of a cluster, as JSON.

use crate::cli::query::{self, Definition, get, list};
use crate::cli::{VALIDATOR, WEBHOOK};
use anyhow::Result;
use heddle_kube::Client;
use heddle_model::identity::ROOTS_CONFIG_MAP;
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
    /// The roots for Pods, where Pods take them from a trust bundle.
    pub bundle: Option<Value>,
    /// The roots for Pods, where Pods take them from ConfigMaps: the one of the controller's namespace.
    pub roots: Option<Value>,
    /// The webhook that gives Pods their proxies.
    pub injector: Option<Value>,
    /// The webhook that refuses objects.
    pub validator: Option<Value>,
    /// The DaemonSet of the CNI plugin.
    pub cni: Option<Value>,
    /// `Mesh/default`.
    pub mesh: Option<Value>,
    /// All Namespaces, where they were asked for.
    pub namespaces: Vec<Value>,
    /// All Pods, where they were asked for.
    pub pods: Vec<Value>,
}

impl Facts {
    /// Asks the API server.
    ///
    /// # Errors
    /// If it cannot be reached, or does not let us read what there is.
    pub(super) async fn ask(client: &Client, namespace: &str) -> Result<Self> {
        let mut definitions = Vec::new();
        for Definition { name, path, .. } in query::definitions() {
            definitions.push((name, get(client, &path).await?));
        }
        let path =
            format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io%2Fname%3Dheddle&");
        let mut controllers = list(client, &path).await?;
        controllers.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let webhook = |kind: &str, name: &str| {
            format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{name}")
        };
        let cni = format!("/apis/apps/v1/namespaces/{namespace}/daemonsets/heddle-cni");
        Ok(Self {
            version: get(client, "/version").await?.unwrap_or_default(),
            certificates: get(client, "/apis/certificates.k8s.io/v1").await?,
            definitions,
            controllers,
            bundle: get(client, &query::trust_bundle()).await?,
            roots: get(client, &format!("/api/v1/namespaces/{namespace}/configmaps/{ROOTS_CONFIG_MAP}"))
                .await?,
            injector: get(client, &webhook("mutating", WEBHOOK)).await?,
            validator: get(client, &webhook("validating", VALIDATOR)).await?,
            cni: get(client, &cni).await?,
            mesh: get(client, "/apis/heddle.dev/v1alpha1/meshes/default").await?,
            ..Self::default()
        })
    }

    /// Asks for all Namespaces and Pods too, of which a cluster may have many.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn ask_pods(&mut self, client: &Client) -> Result<()> {
        self.namespaces = list(client, "/api/v1/namespaces?").await?;
        self.pods = list(client, "/api/v1/pods?").await?;
        Ok(())
    }
}
