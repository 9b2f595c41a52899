use super::*;
use crate::settings::{LinkerdProxy, RootsSource};
use heddle_model::capture::PROXY_USER;
use proptest::prelude::*;
use serde_json::Map;

const ENVOY: DataPlane = DataPlane::Envoy;

pub(crate) fn settings() -> InjectorSettings {
    InjectorSettings {
        agent_image: "heddle:1".into(),
        proxy_image: "envoy:1.40".into(),
        linkerd: None,
        pull_policy: "IfNotPresent".into(),
        proxy_resources: [("requests".into(), json!({"cpu": "50m", "memory": "96Mi"}))].into_iter().collect(),
        proxy_log_level: "warning".into(),
        agent_from: AgentSource::ImageVolume,
        capture: CaptureMode::Container,
        roots_from: RootsSource::ClusterTrustBundle,
        controller: "heddle.heddle-system.svc.cluster.local:15012".into(),
        server_name: "heddle.heddle-system.svc".into(),
        namespace: "heddle-system".into(),
        version: "0.1.0".into(),
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect()
}

fn pod() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}, "annotations": {"heddle.dev/skip-inbound-ports": "9090, 9100-9110"}},
        "spec": {
            "initContainers": [{"name": "migrate"}],
            "containers": [{"name": "web", "ports": [{"containerPort": 8080}]}],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    })
}

#[test]
fn capture_and_proxy_come_before_what_the_author_wrote() {
    let pod = inject(&pod(), ENVOY, &settings());
    assert_eq!(names(&pod["spec"]["initContainers"]), ["heddle-capture", "heddle-proxy", "migrate"]);
    assert_eq!(names(&pod["spec"]["containers"]), ["web"]);
    let volumes = ["data", "heddle-agent", "heddle-run", "heddle-token", "heddle-roots"];
    assert_eq!(names(&pod["spec"]["volumes"]), volumes);
    assert_eq!(pod["metadata"]["labels"], json!({"app": "web", "heddle.dev/plane": "envoy"}));
    assert_eq!(pod["metadata"]["annotations"]["heddle.dev/injected"], "0.1.0");
    let args = pod["spec"]["initContainers"][0]["args"].as_array().expect("arguments");
    assert!(args.contains(&"--skip-inbound-ports=9090,9100-9110".into()), "{args:?}");
}

#[test]
fn another_version_takes_the_place_of_what_was_injected() {
    let newer = InjectorSettings { proxy_image: "envoy:2".into(), version: "0.2.0".into(), ..settings() };
    let pod = inject(&inject(&pod(), ENVOY, &settings()), ENVOY, &newer);
    assert_eq!(pod, inject(&self::pod(), ENVOY, &newer));
    let other = InjectorSettings { proxy_image: "envoy:1.40".into(), ..newer.clone() };
    assert_eq!(
        other.fingerprint(),
        settings().fingerprint(),
        "a version alone is told by the other annotation"
    );
    assert_ne!(newer.fingerprint(), settings().fingerprint());
    assert_eq!(pod["metadata"]["annotations"][INJECTED_SETTINGS], newer.fingerprint());
}

#[test]
fn an_older_kubernetes_copies_the_agent_and_takes_the_roots_from_a_config_map() {
    let older =
        InjectorSettings { agent_from: AgentSource::Copy, roots_from: RootsSource::ConfigMap, ..settings() };
    let pod = inject(&pod(), ENVOY, &older);
    let first = ["heddle-capture", "heddle-copy", "heddle-proxy", "migrate"];
    assert_eq!(names(&pod["spec"]["initContainers"]), first);
    let agent = &pod["spec"]["initContainers"][1]["args"][2];
    assert_eq!(agent, &pod["spec"]["initContainers"][2]["command"][0], "copied to where it is started");
    let volume = |name: &str| pod["spec"]["volumes"].as_array()?.iter().find(|one| one["name"] == name);
    assert!(volume("heddle-agent").is_some_and(|one| one["emptyDir"].is_object()));
    let roots = volume("heddle-roots").expect("a volume");
    assert_eq!(roots["projected"]["sources"][0]["configMap"]["name"], "heddle-roots");
    assert_eq!(inject(&pod, ENVOY, &older), pod);
    assert_eq!(
        inject(&pod, ENVOY, &settings()),
        inject(&self::pod(), ENVOY, &settings()),
        "nothing of it is left"
    );
}

#[test]
fn where_the_node_captures_no_container_needs_a_right() {
    let cni = InjectorSettings { capture: CaptureMode::Cni, ..settings() };
    let pod = inject(&pod(), ENVOY, &cni);
    assert_eq!(names(&pod["spec"]["initContainers"]), ["heddle-verify", "heddle-proxy", "migrate"]);
    assert_eq!(pod["metadata"]["annotations"]["heddle.dev/capture"], "envoy");
    let verify = &pod["spec"]["initContainers"][0];
    let args = ["agent", "verify", "--for=envoy", "--uid=2102", "--skip-inbound-ports=9090,9100-9110"];
    assert_eq!(verify["args"], json!(args));
    assert_ne!(verify["securityContext"]["runAsUser"], PROXY_USER, "its connections must be captured");
    assert_eq!(inject(&pod, ENVOY, &cni), pod);
    assert_eq!(
        inject(&pod, ENVOY, &settings()),
        inject(&self::pod(), ENVOY, &settings()),
        "nothing of it is left"
    );
}

#[test]
fn a_linkerd2_proxy_is_told_of_its_pod_by_its_environment() {
    let linkerd = LinkerdProxy {
        image: "proxy:1".into(),
        program: "/usr/lib/linkerd/linkerd2-proxy".into(),
        identity_suffix: "heddle.cluster.local".into(),
    };
    let settings = InjectorSettings { linkerd: Some(linkerd), capture: CaptureMode::Cni, ..settings() };
    let mut author = pod();
    author["spec"]["containers"][0]["ports"] =
        json!([{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}]);
    author["spec"]["containers"][0]["readinessProbe"] = json!({"tcpSocket": {"port": 8080}});
    let pod = inject(&author, DataPlane::Linkerd, &settings);
    assert_eq!(pod["metadata"]["labels"]["heddle.dev/plane"], "linkerd");
    assert_eq!(pod["metadata"]["annotations"]["heddle.dev/capture"], "linkerd");
    assert_eq!(pod["spec"]["initContainers"][0]["args"][2], "--for=linkerd");
    let proxy = &pod["spec"]["initContainers"][1];
    assert_eq!((&proxy["image"], &proxy["lifecycle"]), (&json!("proxy:1"), &Value::Null));
    let variable = |name: &str| proxy["env"].as_array()?.iter().find(|one| one["name"] == name);
    assert_eq!(variable("HEDDLE_PORTS").expect("ports")["value"], "80,8080");
    assert_eq!(variable("LINKERD2_PROXY_LOG").expect("a level")["value"], "warn");
    assert!(variable("HEDDLE_HANDLERS").is_some());
    assert_eq!(inject(&pod, DataPlane::Linkerd, &settings), pod);
    let again = inject(&pod, ENVOY, &settings);
    assert_eq!(again, inject(&author, ENVOY, &settings), "another proxy takes its place");
}

/// Every field that the restricted profile looks at (Pod Security Standards, version latest).
#[test]
fn all_but_the_capture_container_is_restricted() {
    let copied = inject(&pod(), ENVOY, &InjectorSettings { agent_from: AgentSource::Copy, ..settings() });
    restricted_but_for(&copied, Some("heddle-capture"));
    restricted_but_for(
        &inject(&pod(), ENVOY, &InjectorSettings { capture: CaptureMode::Cni, ..settings() }),
        None,
    );
}

fn restricted_but_for(pod: &Value, excepted: Option<&str>) {
    for container in pod["spec"]["initContainers"].as_array().expect("a list") {
        let name = container["name"].as_str().expect("a name");
        if !name.starts_with("heddle-") || Some(name) == excepted {
            continue;
        }
        let security = &container["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{name}");
        assert_ne!(security["runAsUser"], 0, "{name}");
        assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}), "{name}");
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        assert!(security["privileged"].is_null() && security["procMount"].is_null(), "{name}");
        let ports = container["ports"].as_array().into_iter().flatten();
        assert!(ports.into_iter().all(|port| port["hostPort"].is_null()), "{name}");
    }
    let kinds = ["image", "emptyDir", "projected"];
    for volume in pod["spec"]["volumes"].as_array().expect("a list") {
        assert!(kinds.iter().any(|kind| !volume[kind].is_null()), "{volume}");
    }
}

fn container() -> impl Strategy<Value = Value> {
    let name = prop_oneof!["[a-z]{1,8}", Just("heddle-proxy".to_string()), Just("heddle-old".to_string())];
    let port = prop_oneof![Just(json!(8080)), Just(json!("http")), Just(json!(15020))];
    let action = prop_oneof![Just("httpGet"), Just("tcpSocket"), Just("grpc"), Just("exec")];
    let probe = (port, action)
        .prop_map(|(port, action)| json!({action: {"port": port, "path": "/probe/a/liveness"}}));
    (name, any::<bool>(), proptest::option::of(probe)).prop_map(|(name, keeps, probe)| {
        let ports = json!([{"name": "http", "containerPort": 80}]);
        let mut container = json!({"name": name, "image": "x", "ports": ports});
        if let Some(probe) = probe {
            container["livenessProbe"] = probe;
        }
        if keeps {
            container["restartPolicy"] = "Always".into();
        }
        container
    })
}

fn any_pod() -> impl Strategy<Value = Value> {
    let containers = || proptest::collection::vec(container(), 0..4);
    let volume = "(heddle-)?[a-z]{1,6}".prop_map(|name| json!({"name": name, "emptyDir": {}}));
    let volumes = proptest::option::of(proptest::collection::vec(volume, 0..4));
    let inits = proptest::option::of(containers());
    let port = prop_oneof![Just("9090"), Just("15020"), Just("http")];
    let annotations = proptest::option::of((any::<bool>(), port, proptest::option::of("/[a-z]{1,3}")));
    (inits, containers(), volumes, annotations).prop_map(|(inits, containers, volumes, annotations)| {
        let mut pod = json!({"spec": {"containers": containers}});
        if let Some(inits) = inits {
            pod["spec"]["initContainers"] = inits.into();
        }
        if let Some(volumes) = volumes {
            pod["spec"]["volumes"] = volumes.into();
        }
        if let Some((scraped, port, path)) = annotations {
            let scrape = scraped.to_string();
            let annotations = json!({"prometheus.io/scrape": scrape, "prometheus.io/port": port});
            pod["metadata"] = json!({"name": "a", "annotations": annotations});
            if let Some(path) = path {
                pod["metadata"]["annotations"]["prometheus.io/path"] = path.into();
            }
        }
        pod
    })
}

proptest! {
    #[test]
    fn injecting_twice_is_injecting_once(pod in any_pod(), added in container()) {
        let once = inject(&pod, ENVOY, &settings());
        prop_assert_eq!(&inject(&once, ENVOY, &settings()), &once);
        // Another webhook adds a container between the two, wherever it likes.
        let mut between = once.clone();
        between["spec"]["initContainers"].as_array_mut().expect("a list").insert(0, added.clone());
        let again = inject(&between, ENVOY, &settings());
        prop_assert_eq!(&names(&again["spec"]["initContainers"])[..2], &["heddle-capture", "heddle-proxy"]);
        prop_assert_eq!(inject(&again, ENVOY, &settings()), again);
    }

    #[test]
    fn nothing_of_the_authors_is_changed(pod in any_pod()) {
        let mut injected = inject(&pod, ENVOY, &settings());
        probes::restore(&mut injected);
        metrics::restore(&mut injected);
        prop_assert_eq!(&injected["spec"]["containers"], &pod["spec"]["containers"]);
        let annotations = |pod: &Value| {
            let all = pod["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
            all.into_iter().filter(|(name, _)| name.starts_with("prometheus.io/")).collect::<Map<_, _>>()
        };
        prop_assert_eq!(annotations(&injected), annotations(&pod));
        for list in ["initContainers", "volumes"] {
            let own = |pod: &Value| others(pod["spec"][list].clone());
            prop_assert_eq!(own(&injected), own(&pod));
        }
    }
}
