//! The chart as a function of its values: linted, rendered and looked into, without a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_node_tests::programs;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn helm(args: &[&str]) -> Result<String, String> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/heddle").display().to_string();
    let args: Vec<String> = args.iter().map(|arg| arg.replace("CHART", &chart)).collect();
    let out = Command::new(programs::folder().join("helm")).args(&args).output().expect("helm runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr) + &text(&out.stdout)) }
}

/// The objects that values make, without those of `helm test`.
fn rendered(values: &[&str]) -> Result<Vec<Value>, String> {
    let text = helm(&[&["template", "heddle", "CHART", "-n", "mesh-system", "--no-hooks"], values].concat())?;
    let documents =
        text.split("\n---\n").filter(|document| document.lines().any(|line| line.starts_with("kind:")));
    Ok(documents.map(|document| serde_saphyr::from_str(document).expect("YAML")).collect())
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// Kinds, and how many objects there are of each.
type Counts = &'static [(&'static str, usize)];

/// Value sets, with what they render.
const SETS: [(&[&str], Counts); 15] = [
    (
        &[],
        &[
            ("CustomResourceDefinition", 4),
            ("MutatingWebhookConfiguration", 1),
            ("ValidatingWebhookConfiguration", 1),
        ],
    ),
    (&["--set=heddle-crds.enabled=false"], &[("CustomResourceDefinition", 0), ("Deployment", 1)]),
    (&["--set=injector.validate=false"], &[("ValidatingWebhookConfiguration", 0)]),
    (
        &["--set=injector.enabled=false"],
        &[("MutatingWebhookConfiguration", 0), ("ValidatingWebhookConfiguration", 0), ("Service", 1)],
    ),
    (&["--kube-version=1.33.0"], &[("MutatingWebhookConfiguration", 1), ("Deployment", 1)]),
    (&["--set=injector.failurePolicy=Ignore"], &[("MutatingWebhookConfiguration", 1)]),
    (&["--set=controller.replicas=1"], &[("Deployment", 1), ("PodDisruptionBudget", 1)]),
    (&["--values=CHART/values-ha.yaml"], &[("Deployment", 1), ("NetworkPolicy", 0), ("PodMonitor", 0)]),
    (
        &["--set=networkPolicy.enabled=true,podMonitor.enabled=true,dashboards.enabled=true"],
        &[("NetworkPolicy", 1), ("PodMonitor", 1), ("ConfigMap", 1)],
    ),
    (&["--set=mesh=null"], &[("Deployment", 1)]),
    (&["--set=linkerdProxy.image=proxy:1"], &[("MutatingWebhookConfiguration", 1)]),
    (&["--set=cni.enabled=true"], &[("DaemonSet", 1), ("ServiceAccount", 2)]),
    (&["--set=cni.enabled=true,cni.remove=true,cni.confDir=/var/cni"], &[("DaemonSet", 1)]),
    (&["--set=mesh.egress=Deny,mesh.networks={10.0.0.0/8}"], &[("Deployment", 1)]),
    (&["--set=image.tag=1.2.3,image.pullPolicy=Always,clusterDomain=example.org"], &[("Deployment", 1)]),
];

#[test]
fn every_set_of_values_is_sound() {
    for (values, kinds) in SETS {
        let lint = values.iter().filter(|value| !value.starts_with("--kube-version")).copied();
        helm(&["lint", "--strict", "CHART"].into_iter().chain(lint).collect::<Vec<_>>())
            .unwrap_or_else(|error| panic!("{values:?}: {error}"));
        let objects = rendered(values).unwrap_or_else(|error| panic!("{values:?}: {error}"));
        assert_eq!(
            rendered(values).as_ref(),
            Ok(&objects),
            "{values:?}: a chart is a function of its values"
        );
        for (kind, count) in kinds {
            assert_eq!(of_kind(&objects, kind).len(), *count, "{values:?}: {kind}");
        }
        for definition in of_kind(&objects, "CustomResourceDefinition") {
            let policy = &definition["metadata"]["annotations"]["helm.sh/resource-policy"];
            assert_eq!(policy, "keep", "{}", definition["metadata"]["name"]);
        }
    }
}

#[test]
fn values_reach_what_they_are_of() {
    let objects = rendered(&["--set=mesh.egress=Deny,image.tag=1.2.3,clusterDomain=example.org"]).unwrap();
    let controller = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(controller["image"], "heddle:1.2.3");
    let args = controller["args"].as_array().unwrap();
    let argument = |name: &str| args.iter().filter_map(Value::as_str).find_map(|arg| arg.strip_prefix(name));
    let mesh: Value = serde_json::from_str(argument("--mesh=").unwrap()).unwrap();
    assert_eq!(mesh, serde_json::json!({"trustDomain": "cluster.local", "egress": "Deny"}));
    assert_eq!(argument("--cluster-domain="), Some("example.org"));
    assert_eq!(argument("--agent-image="), Some("heddle:1.2.3"));
    assert_eq!(argument("--namespace="), Some("mesh-system"));
    let none = rendered(&["--set=mesh=null"]).unwrap();
    let text = of_kind(&none, "Deployment")[0].to_string();
    assert!(!text.contains("--mesh="), "{text}");
}

/// Each data plane has an entry of its own for labelled namespaces, where the installation has its proxy.
#[test]
fn namespaces_choose_among_the_proxies_that_there_are() {
    let paths = |values: &[&str]| -> Vec<String> {
        let objects = rendered(values).unwrap();
        let webhooks = &of_kind(&objects, "MutatingWebhookConfiguration")[0]["webhooks"];
        let path = |webhook: &Value| webhook["clientConfig"]["service"]["path"].as_str().unwrap().to_owned();
        webhooks.as_array().unwrap().iter().map(path).collect()
    };
    let alone = ["/inject/namespace/envoy", "/inject/pod", "/enforced/namespace/envoy", "/enforced/pod"];
    assert_eq!(paths(&[]), alone);
    let both = paths(&["--set=linkerdProxy.image=proxy:1,cni.enabled=true"]);
    assert_eq!(both, ["/inject/namespace/envoy", "/inject/namespace/linkerd", "/inject/pod"]);
}

/// With the plugin no container needs a right, so that no namespace is refused for its profile.
#[test]
fn with_the_plugin_no_profile_is_looked_at() {
    for (values, capture, entries) in
        [(&[][..], "--capture-by=container", 4), (&["--set=cni.enabled=true"], "--capture-by=cni", 2)]
    {
        let objects = rendered(values).unwrap();
        let controller = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
        assert!(controller["args"].as_array().unwrap().contains(&capture.into()));
        let webhooks = &of_kind(&objects, "MutatingWebhookConfiguration")[0]["webhooks"];
        assert_eq!(webhooks.as_array().unwrap().len(), entries);
        assert_eq!(webhooks.to_string().contains("pod-security"), entries == 4);
    }
}

/// Ports by the names that the container gives them.
#[test]
fn the_network_policy_names_every_port_and_no_other() {
    for values in [
        &["--set=networkPolicy.enabled=true"][..],
        &["--set=networkPolicy.enabled=true,injector.enabled=false"],
    ] {
        let objects = rendered(values).unwrap();
        let ports = |list: &Value, field: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|port| port[field].as_str().unwrap().to_owned()).collect()
        };
        let container = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
        let policy = &of_kind(&objects, "NetworkPolicy")[0]["spec"]["ingress"][0];
        assert_eq!(ports(&policy["ports"], "port"), ports(&container["ports"], "name"));
    }
}

#[test]
fn an_older_kubernetes_gets_what_it_can_do() {
    let from = |values: &[&str]| {
        let objects = rendered(values).unwrap();
        let text = of_kind(&objects, "Deployment")[0].to_string();
        let rights = of_kind(&objects, "ClusterRole")[0].to_string();
        let argument =
            |name: &str| text.split(name).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        let config_maps = rights.contains("configmaps");
        assert_ne!(
            config_maps,
            rights.contains("clustertrustbundles"),
            "the rights that are needed, and no others"
        );
        (argument("--agent-from="), argument("--roots-from="), config_maps)
    };
    let (image, bundle) = ("image-volume".to_owned(), "cluster-trust-bundle".to_owned());
    let (copy, config_map) = ("copy".to_owned(), "config-map".to_owned());
    assert_eq!(from(&["--kube-version=1.37.2"]), (image.clone(), bundle, false));
    assert_eq!(from(&["--kube-version=1.35.0"]), (image, config_map.clone(), true));
    assert_eq!(from(&["--kube-version=1.33.4"]), (copy.clone(), config_map.clone(), true));
    let stated = ["--set=injector.agentFrom=Copy,injector.rootsFrom=ConfigMap"];
    assert_eq!(from(&stated), (copy, config_map, true));
}

/// Every field that the restricted profile looks at (Pod Security Standards).
#[test]
fn the_controller_is_restricted() {
    let objects = rendered(&[]).unwrap();
    let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let security = &pod["containers"][0]["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert!(pod["volumes"].is_null() && pod["hostNetwork"].is_null());
}

#[test]
fn wrong_values_are_refused_with_their_place() {
    #[track_caller]
    fn check(values: &[&str], wanted: &str) {
        let error = rendered(values).expect_err("values that nobody reads");
        assert!(error.contains(wanted), "{error}");
    }
    check(&["--set=replicas=3"], "replicas");
    check(&["--set=controller.replicas=0"], "replicas");
    check(&["--set=injector.failurePolicy=Maybe"], "failurePolicy");
    check(&["--set=podMonitor.interval=often"], "interval");
    check(&["--set=controller.spread=Never"], "spread");
    check(&["--set=injector.rootsFrom=Secret"], "rootsFrom");
    check(&["--set=image.pullPolicy=Sometimes"], "pullPolicy");
    check(&["--set=mesh.egres=Deny"], "egres");
    check(&["--set=mesh.egress=deny"], "egress");
    check(&["--set=heddle-crds.enable=false"], "enable");
}
