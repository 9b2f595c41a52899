//! The settings of the injector.

/// The settings of the injector. Plain data: the binary's arguments fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectorSettings {
    /// The image of Heddle itself, which holds the agent as a static binary.
    pub agent_image: String,
    /// The image of Envoy, as it is published.
    pub proxy_image: String,
    /// `imagePullPolicy` of both.
    pub pull_policy: String,
    /// `HOST:PORT` at which the controller serves proxies and agents.
    pub controller: String,
    /// The DNS name in the controller's certificate.
    pub server_name: String,
    /// The namespace of the controller, whose Pods are never injected.
    pub namespace: String,
    /// The version of the injector, as Pods carry it.
    pub version: String,
}

/// The user that the proxy runs as. Its connections are not captured, so no other container may run as it.
pub(crate) const PROXY_USER: i64 = 2102;
