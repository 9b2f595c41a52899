//! The settings of the injector.

use serde::Serialize;
use serde_json::{Map, Value};

/// The settings of the injector. Plain data: the binary's arguments fill it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InjectorSettings {
    /// The image of Heddle itself, which holds the agent as a static binary.
    pub agent_image: String,
    /// The image of Envoy, as it is published.
    pub proxy_image: String,
    /// The linkerd2-proxy of Pods that ask for one, if the installation has one.
    pub linkerd: Option<LinkerdProxy>,
    /// `imagePullPolicy` of all.
    pub pull_policy: String,
    /// `resources` of the proxy's container, where a Pod says nothing else: each member is an object.
    pub proxy_resources: Map<String, Value>,
    /// Envoy's log level, where a Pod says nothing else.
    pub proxy_log_level: String,
    /// The way of the agent into the proxy's container.
    pub agent_from: AgentSource,
    /// The home of the roots that Pods trust.
    pub roots_from: RootsSource,
    /// Whoever captures the traffic of Pods.
    pub capture: CaptureMode,
    /// `HOST:PORT` at which the controller serves proxies and agents.
    pub controller: String,
    /// The DNS name in the controller's certificate.
    pub server_name: String,
    /// The namespace of the controller, whose Pods are never injected.
    pub namespace: String,
    /// The version of the injector, as Pods carry it.
    #[serde(skip)]
    pub version: String,
}

impl InjectorSettings {
    /// Returns what tells these settings from others, as Pods carry it beside the version: 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(self).expect("plain data");
        blake3::hash(&text).to_hex()[..16].to_owned()
    }
}

/// The linkerd2-proxy of Pods that ask for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkerdProxy {
    /// The image, as it is published.
    pub image: String,
    /// The path of the proxy in it.
    pub program: String,
    /// The suffix of identity names, as the Mesh states it.
    pub identity_suffix: String,
}

/// Whoever captures the traffic of Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CaptureMode {
    /// A container of the Pod, which needs `NET_ADMIN`.
    Container,
    /// The node's CNI plugin; a container of the Pod proves it.
    Cni,
}

/// The way of the agent into the proxy's container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum AgentSource {
    /// A volume that is the image (Kubernetes 1.35 and newer).
    ImageVolume,
    /// A container that copies the agent into a folder of the Pod.
    Copy,
}

/// The home of the roots that Pods trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RootsSource {
    /// The signer's ClusterTrustBundle (`certificates.k8s.io/v1`: Kubernetes 1.37 and newer).
    ClusterTrustBundle,
    /// A ConfigMap of the Pod's namespace.
    ConfigMap,
}
