//! The containers and volumes that are injected.

use crate::annotations::ProxyOptions;
use crate::names::{AGENT_PORT, HANDLERS, METRICS, PROXY};
use crate::settings::{AgentSource, InjectorSettings, RootsSource};
use heddle_model::capture::PROXY_USER;
use heddle_model::identity::{ROOTS_CONFIG_MAP, ROOTS_FILE, SIGNER};
use serde_json::{Map, Value, json};

/// The path of the agent in Heddle's image, which is mounted beside the proxy.
const AGENT: &str = "/heddle/usr/local/bin/heddle";

/// A user that is neither root nor the proxy's.
const NOBODY: u32 = 65534;

/// The audience of the tokens by which agents prove who they are.
const AUDIENCE: &str = "heddle";

/// Leads the Pod's traffic through its proxy, once. It alone needs a capability that the baseline profile refuses.
pub(crate) fn capture(settings: &InjectorSettings, options: &ProxyOptions) -> Value {
    json!({
        "name": "heddle-capture",
        "image": settings.agent_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/local/bin/heddle"],
        "args": rules("capture", options),
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    })
}

/// Waits until the node has captured the Pod's traffic, and fails otherwise. Its own connections are captured too.
pub(crate) fn verify(settings: &InjectorSettings, options: &ProxyOptions) -> Value {
    json!({
        "name": "heddle-verify",
        "image": settings.agent_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/local/bin/heddle"],
        "args": rules("verify", options),
        "securityContext": restricted(NOBODY),
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    })
}

/// The arguments of an agent that is about packet rules.
fn rules(task: &str, options: &ProxyOptions) -> Vec<String> {
    let mut args = vec!["agent".to_string(), task.into(), format!("--uid={PROXY_USER}")];
    let (inbound, outbound) = (&options.skip_inbound, &options.skip_outbound);
    for (flag, ports) in [("--skip-inbound-ports", inbound), ("--skip-outbound-ports", outbound)] {
        if !ports.is_empty() {
            args.push(format!("{flag}={ports}"));
        }
    }
    args
}

/// Copies the agent to where an image volume would have it.
pub(crate) fn copy(settings: &InjectorSettings) -> Value {
    json!({
        "name": "heddle-copy",
        "image": settings.agent_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/local/bin/heddle"],
        "args": ["agent", "copy", AGENT],
        "securityContext": restricted(PROXY_USER),
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumeMounts": [{"name": "heddle-agent", "mountPath": "/heddle"}],
    })
}

/// The restricted profile.
fn restricted(user: u32) -> Value {
    json!({
        "runAsUser": user,
        "runAsGroup": user,
        "runAsNonRoot": true,
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// The pages of the application that the agent serves.
pub(crate) struct ApplicationPages {
    /// Probes and hooks, by container and handler.
    pub handlers: Map<String, Value>,
    /// The page of its metrics.
    pub metrics: Option<Value>,
}

/// The agent and its child, the proxy: a native sidecar, which starts before and ends after the application.
pub(crate) fn proxy(settings: &InjectorSettings, options: &ProxyOptions, pages: &ApplicationPages) -> Value {
    let field = |path: &str| json!({"fieldRef": {"apiVersion": "v1", "fieldPath": path}});
    let mut environment = vec![
        json!({"name": "POD_NAME", "valueFrom": field("metadata.name")}),
        json!({"name": "POD_NAMESPACE", "valueFrom": field("metadata.namespace")}),
    ];
    let handlers = (!pages.handlers.is_empty()).then(|| json!(pages.handlers));
    let written = [(HANDLERS, handlers), (METRICS, pages.metrics.clone())].into_iter();
    let written: Vec<_> = written.filter_map(|(name, value)| Some((name, value?))).collect();
    if !written.is_empty() {
        environment.push(json!({"name": "HEDDLE_POD_IP", "valueFrom": field("status.podIP")}));
    }
    environment
        .extend(written.into_iter().map(|(name, value)| json!({"name": name, "value": value.to_string()})));
    json!({
        "name": PROXY,
        "image": settings.proxy_image,
        "imagePullPolicy": settings.pull_policy,
        "restartPolicy": "Always",
        "command": [AGENT],
        "args": [
            "agent",
            "--workload=pod/$(POD_NAMESPACE)/$(POD_NAME)",
            format!("--controller={}", settings.controller),
            format!("--server-name={}", settings.server_name),
            format!("--roots=/var/run/secrets/heddle/roots/{ROOTS_FILE}"),
            "--token=/var/run/secrets/heddle/token/token",
            "--dir=/var/run/heddle/agent",
            format!("--listen=[::]:{AGENT_PORT}"),
            "--envoy-admin=127.0.0.1:15000",
            "--bootstrap",
            "--drain=2s",
            "--",
            "envoy",
            "-c",
            "bootstrap.json",
            "-l",
            options.log_level,
            // At every change it warns of fields that are marked as work in progress.
            "--component-log-level",
            "misc:error",
        ],
        "env": environment,
        "ports": [{"name": "heddle-agent", "containerPort": AGENT_PORT, "protocol": "TCP"}],
        // The kubelet runs it when the Pod is deleted, and sends SIGTERM once the application has exited.
        "lifecycle": {"preStop": {"exec": {"command": [AGENT, "agent", "drain"]}}},
        "startupProbe": {
            "httpGet": {"path": "/ready", "port": AGENT_PORT, "scheme": "HTTP"},
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 120,
        },
        "securityContext": restricted(PROXY_USER),
        "resources": options.resources,
        "volumeMounts": [
            {"name": "heddle-agent", "mountPath": "/heddle", "readOnly": true},
            {"name": "heddle-run", "mountPath": "/var/run/heddle"},
            {"name": "heddle-token", "mountPath": "/var/run/secrets/heddle/token", "readOnly": true},
            {"name": "heddle-roots", "mountPath": "/var/run/secrets/heddle/roots", "readOnly": true},
        ],
    })
}

/// The volumes of [`proxy`]: the agent, its folder, the token that it shows, and the roots that it trusts.
pub(crate) fn volumes(settings: &InjectorSettings) -> Vec<Value> {
    let agent = match settings.agent_from {
        AgentSource::ImageVolume => {
            json!({"image": {"reference": settings.agent_image, "pullPolicy": settings.pull_policy}})
        }
        AgentSource::Copy => json!({"emptyDir": {"sizeLimit": "256Mi"}}),
    };
    let roots = match settings.roots_from {
        RootsSource::ClusterTrustBundle => {
            json!({"clusterTrustBundle": {"signerName": SIGNER, "labelSelector": {}, "path": ROOTS_FILE}})
        }
        RootsSource::ConfigMap => {
            json!({"configMap": {"name": ROOTS_CONFIG_MAP, "items": [{"key": ROOTS_FILE, "path": ROOTS_FILE}]}})
        }
    };
    vec![
        named("heddle-agent", agent),
        json!({"name": "heddle-run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}),
        json!({
            "name": "heddle-token",
            "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": 3600, "path": "token"}},
            ]},
        }),
        json!({"name": "heddle-roots", "projected": {"defaultMode": 420, "sources": [roots]}}),
    ]
}

fn named(name: &str, mut volume: Value) -> Value {
    volume["name"] = name.into();
    volume
}
