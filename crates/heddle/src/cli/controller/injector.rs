//! Arguments of the webhook that gives Pods their proxies.

use crate::cli::address::listen;
use crate::controller::Webhook;
use anyhow::{Context, Result};
use clap::ValueEnum;
use heddle_admission::{AgentSource, CaptureMode, InjectorSettings, LinkerdProxy, RootsSource};
use heddle_kube::WebhookConfiguration;
use serde_json::{Map, Value};
use std::net::SocketAddr;

/// The injector's settings. Without an address nothing is injected.
#[derive(clap::Args)]
pub(super) struct Injector {
    /// The address of the admission webhook that gives Pods their proxies, over TLS; not served if not given
    #[arg(long, env = "HEDDLE_INJECT_LISTEN", value_name = "ADDRESS", value_parser = listen)]
    inject_listen: Option<SocketAddr>,
    /// The image of Heddle for injected Pods, which holds the agent at /usr/local/bin/heddle
    #[arg(long, env = "HEDDLE_AGENT_IMAGE", value_name = "IMAGE")]
    agent_image: Option<String>,
    /// The image of Envoy for injected Pods, as it is published
    #[arg(long, env = "HEDDLE_PROXY_IMAGE", value_name = "IMAGE")]
    proxy_image: Option<String>,
    /// The image of linkerd2-proxy for Pods that ask for one, as it is published; none is injected if not given
    #[arg(long, env = "HEDDLE_LINKERD_IMAGE", value_name = "IMAGE")]
    linkerd_image: Option<String>,
    /// The path of linkerd2-proxy in its image
    #[arg(long, value_name = "PATH", default_value = "/usr/lib/linkerd/linkerd2-proxy")]
    linkerd_program: String,
    /// The suffix of identity names that linkerd2-proxies are told, as the Mesh states it
    #[arg(long, value_name = "NAME", default_value = "heddle.cluster.local")]
    identity_suffix: String,
    /// imagePullPolicy of all
    #[arg(long, env = "HEDDLE_PULL_POLICY", value_name = "POLICY", default_value = "IfNotPresent")]
    pull_policy: String,
    /// The resources of proxies, as the JSON of a container's
    #[arg(long, env = "HEDDLE_PROXY_RESOURCES", value_name = "JSON", default_value = "{}", value_parser = resources)]
    proxy_resources: Map<String, Value>,
    /// Envoy's log level: trace, debug, info, warning, error, critical or off
    #[arg(long, env = "HEDDLE_PROXY_LOG_LEVEL", value_name = "LEVEL", default_value = "warning")]
    proxy_log_level: String,
    /// The way of the agent into the containers of proxies; image-volume needs Kubernetes 1.35
    #[arg(long, env = "HEDDLE_AGENT_FROM", value_enum, default_value_t = AgentFrom::ImageVolume)]
    agent_from: AgentFrom,
    /// Whoever captures the traffic of injected Pods: a container of theirs, or the nodes' CNI plugin (heddle cni)
    #[arg(long, env = "HEDDLE_CAPTURE_BY", value_enum, default_value_t = CaptureBy::Container)]
    capture_by: CaptureBy,
    /// The home of the roots that injected Pods trust; cluster-trust-bundle needs Kubernetes 1.37. The leader keeps either: a
    /// ConfigMap heddle-roots in each namespace that has injected Pods, or one ClusterTrustBundle
    #[arg(long, env = "HEDDLE_ROOTS_FROM", value_enum, default_value_t = RootsFrom::ClusterTrustBundle)]
    roots_from: RootsFrom,
    /// The MutatingWebhookConfiguration whose caBundle the leader keeps
    #[arg(long, env = "HEDDLE_WEBHOOK", value_name = "NAME", default_value = crate::cli::WEBHOOK)]
    webhook_configuration: String,
    /// The ValidatingWebhookConfiguration whose caBundle the leader keeps; none if not given
    #[arg(long, env = "HEDDLE_VALIDATOR", value_name = "NAME")]
    validator_configuration: Option<String>,
}

/// Reads `resources` of a container, of which each member (requests, limits) is an object; null is none.
fn resources(text: &str) -> Result<Map<String, Value>, String> {
    let read: Option<Map<String, Value>> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let read = read.unwrap_or_default();
    match read.iter().find(|(_, quantities)| !quantities.is_object()) {
        Some((name, found)) => Err(format!("{name} is {found}, want an object as {{\"cpu\": \"100m\"}}")),
        None => Ok(read),
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum AgentFrom {
    ImageVolume,
    Copy,
}

#[derive(Clone, Copy, ValueEnum)]
enum CaptureBy {
    Container,
    Cni,
}

#[derive(Clone, Copy, ValueEnum)]
enum RootsFrom {
    ClusterTrustBundle,
    ConfigMap,
}

impl Injector {
    /// Returns the home of the roots that Pods trust, with or without an injector.
    pub(super) fn roots_from(&self) -> RootsSource {
        match self.roots_from {
            RootsFrom::ClusterTrustBundle => RootsSource::ClusterTrustBundle,
            RootsFrom::ConfigMap => RootsSource::ConfigMap,
        }
    }

    /// Returns the webhook, if it is to be served. Injected agents reach the controller by its Service `heddle`.
    ///
    /// # Errors
    /// Names the image that is missing.
    pub(super) fn webhook(self, namespace: &str, cluster_domain: &str) -> Result<Option<Webhook>> {
        let Some(listen) = self.inject_listen else { return Ok(None) };
        let roots_from = self.roots_from();
        let settings = InjectorSettings {
            agent_image: self.agent_image.context("--inject-listen needs --agent-image")?,
            proxy_image: self.proxy_image.context("--inject-listen needs --proxy-image")?,
            linkerd: self.linkerd_image.map(|image| LinkerdProxy {
                image,
                program: self.linkerd_program,
                identity_suffix: self.identity_suffix,
            }),
            pull_policy: self.pull_policy,
            proxy_resources: self.proxy_resources,
            proxy_log_level: self.proxy_log_level,
            agent_from: match self.agent_from {
                AgentFrom::ImageVolume => AgentSource::ImageVolume,
                AgentFrom::Copy => AgentSource::Copy,
            },
            capture: match self.capture_by {
                CaptureBy::Container => CaptureMode::Container,
                CaptureBy::Cni => CaptureMode::Cni,
            },
            roots_from,
            controller: format!("heddle.{namespace}.svc.{cluster_domain}:15012"),
            server_name: format!("heddle.{namespace}.svc"),
            namespace: namespace.into(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        let mutating = WebhookConfiguration::Mutating(self.webhook_configuration);
        let validating = self.validator_configuration.map(WebhookConfiguration::Validating);
        let configurations = std::iter::once(mutating).chain(validating).collect();
        Ok(Some(Webhook { listen, configurations, settings }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_of_another_form_are_refused_with_the_member() {
        assert_eq!(resources("null"), Ok(Map::new()));
        assert!(resources(r#"{"limits": {"cpu": 1}}"#).is_ok());
        let error = resources(r#"{"limits": "1"}"#).expect_err("no object");
        assert!(error.starts_with("limits is \"1\", want an object"), "{error}");
        assert!(resources("[]").is_err());
    }
}
