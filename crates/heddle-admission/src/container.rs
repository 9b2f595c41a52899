//! The containers and volumes that are injected.

use crate::annotations::ProxyOptions;
use crate::names::{AGENT_PORT, HANDLERS, METRICS, PROXY};
use crate::settings::{AgentSource, InjectorSettings, LinkerdProxy, RootsSource};
use heddle_model::capture::PROXY_USER;
use heddle_model::fact::DataPlane;
use heddle_model::identity::{ROOTS_CONFIG_MAP, ROOTS_FILE, SIGNER};
use serde_json::{Map, Value, json};

/// The path of the agent in Heddle's image, which is mounted beside the proxy.
const AGENT: &str = "/heddle/usr/local/bin/heddle";

/// A user that is neither root nor the proxy's.
const NOBODY: u32 = 65534;

/// The audience of the tokens by which agents prove who they are.
const AUDIENCE: &str = "heddle";

/// Leads the Pod's traffic through its proxy, once. It alone needs a capability that the baseline profile refuses.
pub(crate) fn capture(settings: &InjectorSettings, plane: DataPlane, options: &ProxyOptions) -> Value {
    json!({
        "name": "heddle-capture",
        "image": settings.agent_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/local/bin/heddle"],
        "args": rules("capture", plane, options),
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
pub(crate) fn verify(settings: &InjectorSettings, plane: DataPlane, options: &ProxyOptions) -> Value {
    json!({
        "name": "heddle-verify",
        "image": settings.agent_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/local/bin/heddle"],
        "args": rules("verify", plane, options),
        "securityContext": restricted(NOBODY),
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    })
}

/// The arguments of an agent that is about packet rules.
fn rules(task: &str, plane: DataPlane, options: &ProxyOptions) -> Vec<String> {
    let uid = format!("--uid={PROXY_USER}");
    let mut args = vec!["agent".to_string(), task.into(), format!("--for={}", word(plane)), uid];
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

/// The agent and an Envoy.
pub(crate) fn envoy(settings: &InjectorSettings, options: &ProxyOptions, pages: &ApplicationPages) -> Value {
    let mut args = agent(settings);
    let of_envoy = [
        "--envoy-admin=127.0.0.1:15000",
        "--bootstrap",
        "--drain=2s",
        "--",
        "envoy",
        "-c",
        "bootstrap.json",
        "-l",
        &options.log_level,
        // At every change it warns of fields that are marked as work in progress.
        "--component-log-level",
        "misc:error",
    ];
    args.extend(of_envoy.map(String::from));
    let mut container = sidecar(&settings.proxy_image, settings, options, pages);
    container["args"] = args.into();
    // The kubelet runs it when the Pod is deleted, and sends SIGTERM once the application has exited.
    container["lifecycle"] = json!({"preStop": {"exec": {"command": [AGENT, "agent", "drain"]}}});
    container
}

/// The agent and a linkerd2-proxy, which is told by its environment what an Envoy is told by its controller.
pub(crate) fn linkerd_proxy(
    settings: &InjectorSettings,
    linkerd: &LinkerdProxy,
    options: &ProxyOptions,
    pages: &ApplicationPages,
    ports: &[u16],
) -> Value {
    let mut args = agent(settings);
    args.extend(["--for=linkerd".into(), "--".into(), linkerd.program.clone()]);
    let mut container = sidecar(&linkerd.image, settings, options, pages);
    container["args"] = args.into();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut variables = vec![
        json!({"name": "HEDDLE_SERVICE_ACCOUNT", "valueFrom": field("spec.serviceAccountName")}),
        json!({"name": "HEDDLE_ADDRESSES", "valueFrom": field("status.podIPs")}),
        json!({"name": "HEDDLE_IDENTITY_SUFFIX", "value": linkerd.identity_suffix}),
        json!({"name": "LINKERD2_PROXY_LOG", "value": linkerd_level(&options.log_level)}),
    ];
    if !ports.is_empty() {
        variables.push(json!({"name": "HEDDLE_PORTS", "value": ports.join(",")}));
    }
    let environment = container["env"].as_array_mut().expect("it has some");
    environment.extend(variables);
    container
}

/// The level of a linkerd2-proxy that says as much as an Envoy of another name for it.
fn linkerd_level(envoy: &str) -> &str {
    match envoy {
        "warning" => "warn",
        "critical" => "error",
        same => same,
    }
}

/// The word for a data plane in arguments, labels and annotations.
pub(crate) fn word(plane: DataPlane) -> &'static str {
    match plane {
        DataPlane::Envoy => "envoy",
        DataPlane::Linkerd => "linkerd",
    }
}

/// The agent's arguments, whichever proxy is its child.
fn agent(settings: &InjectorSettings) -> Vec<String> {
    vec![
        "agent".into(),
        "--workload=pod/$(POD_NAMESPACE)/$(POD_NAME)".into(),
        format!("--controller={}", settings.controller),
        format!("--server-name={}", settings.server_name),
        format!("--roots=/var/run/secrets/heddle/roots/{ROOTS_FILE}"),
        "--token=/var/run/secrets/heddle/token/token".into(),
        "--dir=/var/run/heddle/agent".into(),
        format!("--listen=[::]:{AGENT_PORT}"),
    ]
}

fn field(path: &str) -> Value {
    json!({"fieldRef": {"apiVersion": "v1", "fieldPath": path}})
}

/// A container of the agent and its child: a native sidecar, which starts before and ends after the application.
fn sidecar(
    image: &str,
    settings: &InjectorSettings,
    options: &ProxyOptions,
    pages: &ApplicationPages,
) -> Value {
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
        "image": image,
        "imagePullPolicy": settings.pull_policy,
        "restartPolicy": "Always",
        "command": [AGENT],
        "env": environment,
        "ports": [{"name": "heddle-agent", "containerPort": AGENT_PORT, "protocol": "TCP"}],
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

/// The volumes of [`sidecar`]: the agent, its folder, the token that it shows, and the roots that it trusts.
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
