//! The chart's values as a type: each field's comment is what users read.

use heddle_api::MeshSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The values of the chart.
#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Values {
    /// Set by Helm.
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<Map<String, Value>>,
    /// The definitions of Heddle's kinds.
    #[serde(rename = "heddle-crds")]
    definitions: Definitions,
    /// The image of Heddle: the controller, the agent of injected Pods and the CNI plugin.
    image: Image,
    /// The proxy of injected Pods.
    proxy: Proxy,
    /// The proxy of Pods with the label heddle.dev/inject=linkerd, or of namespaces with it.
    linkerd_proxy: LinkerdProxy,
    /// The cluster's DNS domain.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    cluster_domain: String,
    /// The fields of Mesh/default that this installation states. The leader applies them; one that somebody else set in the Mesh
    /// wins, and the Mesh's condition ValuesApplied names it. The trust domain cannot be changed later. Null leaves the Mesh
    /// to you.
    #[schemars(with = "Option<MeshSpec>")]
    mesh: Value,
    /// The controller.
    controller: Controller,
    /// The webhooks that give Pods their proxies and refuse objects that cannot mean what they say.
    injector: Injector,
    /// A CNI plugin on each node that captures the traffic of injected Pods, so that none of their containers needs NET_ADMIN:
    /// for namespaces that enforce the baseline or the restricted profile. Heddle's own namespace must admit privileged Pods.
    cni: Cni,
    /// A NetworkPolicy for the ports that the controller listens at. It holds only where the cluster's network enforces such
    /// policies.
    network_policy: Switch,
    /// A PodMonitor of the Prometheus operator, whose definitions must be there.
    pod_monitor: PodMonitor,
    /// Grafana dashboards, as a ConfigMap with the label grafana_dashboard.
    dashboards: Switch,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Definitions {
    /// Set by Helm.
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<Map<String, Value>>,
    /// Install them. False where they are installed in another way.
    enabled: bool,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    /// The image's name, without a tag.
    #[schemars(length(min = 1))]
    repository: String,
    /// The chart's appVersion where this is empty.
    tag: String,
    /// The imagePullPolicy of Heddle's image and of the proxy's.
    pull_policy: PullPolicy,
}

#[derive(JsonSchema, Deserialize, Serialize)]
enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Proxy {
    /// The image of Envoy, as it is published.
    #[schemars(length(min = 1))]
    image: String,
    /// Envoy's log level, where a Pod's annotation heddle.dev/proxy-log-level says nothing else.
    log_level: LogLevel,
    /// The resources of each proxy, where a Pod's annotations heddle.dev/proxy-{cpu,memory}-{request,limit} say nothing else.
    resources: Map<String, Value>,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkerdProxy {
    /// The image of linkerd2-proxy, as it is published. None is injected where this is empty.
    image: String,
    /// The path of the proxy in its image.
    #[schemars(regex(pattern = "^/"))]
    program: String,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum LogLevel {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
    Off,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Controller {
    /// The number of replicas. One is elected to write; all serve.
    #[schemars(range(min = 1))]
    replicas: u32,
    /// The time that workload certificates live; agents renew at two thirds of it. At least 5s, at most 720h.
    #[schemars(regex(pattern = "^[0-9]+(s|m|h)$"))]
    certificate_lifetime: String,
    /// A log filter: info, or info,heddle_serve=debug.
    #[schemars(length(min = 1))]
    log: String,
    /// The PriorityClass of the controller's Pods; none where this is empty.
    priority_class_name: String,
    /// The spread of replicas over Nodes, where there are too few of them.
    spread: Spread,
    /// The labels of the Nodes that may have replicas.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    node_selector: Map<String, Value>,
    /// The tolerations of the controller's Pods.
    tolerations: Vec<Map<String, Value>>,
    /// The resources of the controller's container.
    resources: Map<String, Value>,
}

#[derive(JsonSchema, Deserialize, Serialize)]
enum Spread {
    ScheduleAnyway,
    DoNotSchedule,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Injector {
    /// Give Pods of namespaces labelled heddle.dev/inject=envoy, and Pods with that label, their proxies.
    enabled: bool,
    /// The answer for such Pods while no controller can be asked: Fail refuses them, Ignore lets them start without a proxy.
    failure_policy: FailurePolicy,
    /// Refuse objects of Heddle's kinds that cannot mean what they say, as they are applied.
    validate: bool,
    /// The way of the agent into the proxy's container: ImageVolume, or Copy, which costs each Pod a container that starts first.
    /// Auto is ImageVolume from Kubernetes 1.35 on.
    agent_from: AgentFrom,
    /// The home of the roots that Pods trust: ClusterTrustBundle, or ConfigMap, one in each namespace that has injected Pods.
    /// Auto is ClusterTrustBundle from Kubernetes 1.37 on.
    roots_from: RootsFrom,
}

#[derive(JsonSchema, Deserialize, Serialize)]
enum FailurePolicy {
    Fail,
    Ignore,
}

#[derive(JsonSchema, Deserialize, Serialize)]
enum AgentFrom {
    Auto,
    ImageVolume,
    Copy,
}

#[derive(JsonSchema, Deserialize, Serialize)]
enum RootsFrom {
    Auto,
    ClusterTrustBundle,
    ConfigMap,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cni {
    /// Run the plugin, and capture by it.
    enabled: bool,
    /// Take the plugin off the nodes, before Heddle is uninstalled: it stays otherwise, and does nothing to Pods that are not
    /// injected.
    remove: bool,
    /// The nodes' folder of network configurations.
    #[schemars(regex(pattern = "^/"))]
    conf_dir: String,
    /// The nodes' folder of plugins.
    #[schemars(regex(pattern = "^/"))]
    bin_dir: String,
    /// The tolerations of the plugin's Pods.
    tolerations: Vec<Map<String, Value>>,
    /// The resources of the plugin's container.
    resources: Map<String, Value>,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// Install it.
    enabled: bool,
}

#[derive(JsonSchema, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PodMonitor {
    /// Install it.
    enabled: bool,
    /// The time between two scrapes.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    interval: String,
    /// Labels by which a Prometheus finds it.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    labels: Map<String, Value>,
}

fn requests(cpu: &str, memory: &str) -> Map<String, Value> {
    [("requests".into(), json!({"cpu": cpu, "memory": memory}))].into_iter().collect()
}

impl Default for Values {
    fn default() -> Self {
        Self {
            global: None,
            definitions: Definitions { global: None, enabled: true },
            image: Image {
                repository: "heddle".into(),
                tag: String::new(),
                pull_policy: PullPolicy::IfNotPresent,
            },
            proxy: Proxy {
                image: "envoyproxy/envoy:distroless-v1.40.0".into(),
                log_level: LogLevel::Warning,
                resources: requests("50m", "96Mi"),
            },
            linkerd_proxy: LinkerdProxy {
                image: String::new(),
                program: "/usr/lib/linkerd/linkerd2-proxy".into(),
            },
            cluster_domain: "cluster.local".into(),
            mesh: json!({"trustDomain": "cluster.local"}),
            controller: Controller {
                replicas: 2,
                certificate_lifetime: "24h".into(),
                log: "info".into(),
                priority_class_name: String::new(),
                spread: Spread::ScheduleAnyway,
                node_selector: Map::new(),
                tolerations: Vec::new(),
                resources: requests("100m", "128Mi"),
            },
            injector: Injector {
                enabled: true,
                failure_policy: FailurePolicy::Fail,
                validate: true,
                agent_from: AgentFrom::Auto,
                roots_from: RootsFrom::Auto,
            },
            cni: Cni {
                enabled: false,
                remove: false,
                conf_dir: "/etc/cni/net.d".into(),
                bin_dir: "/opt/cni/bin".into(),
                tolerations: vec![[("operator".into(), "Exists".into())].into_iter().collect()],
                resources: requests("10m", "32Mi"),
            },
            network_policy: Switch { enabled: false },
            pod_monitor: PodMonitor { enabled: false, interval: "30s".into(), labels: Map::new() },
            dashboards: Switch { enabled: false },
        }
    }
}
