//! The choice for one Pod: a proxy, none, or a refusal.

use crate::annotations;
use crate::names::{INJECT, is_ours};
use heddle_model::capture::PROXY_USER;
use heddle_model::fact::DataPlane;
use serde_json::Value;

/// The label by which a namespace refuses Pods (Pod Security admission).
pub const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// The profiles that refuse the capture container.
pub const ENFORCED: [&str; 2] = ["baseline", "restricted"];

/// Namespaces whose Pods are never injected.
const NEVER: [&str; 1] = ["kube-system"];

/// Containers of other meshes' proxies.
const PROXIES: [&str; 3] = ["linkerd-proxy", "istio-proxy", "consul-dataplane"];

/// The choice for one Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The Pod gets this proxy.
    Inject(DataPlane),
    /// The Pod is left as it is, for a reason that its author should see if they asked for a proxy.
    Skip {
        /// The reason; `None` where nobody asked for a proxy.
        why: Option<String>,
    },
    /// The Pod cannot be created as it is.
    Refuse {
        /// The field, the fault and the remedy.
        why: String,
    },
}

/// The reason for which the injector is asked, as the webhook's selectors know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The value of the namespace's label, where the Pod has none.
    pub of_namespace: Option<&'a str>,
    /// The namespace enforces a profile that refuses the capture container.
    pub enforced: bool,
}

/// The installation that injects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installation<'a> {
    /// The controller's namespace, whose Pods are never injected.
    pub namespace: &'a str,
    /// It has an image of linkerd2-proxy.
    pub linkerd: bool,
}

/// Returns the choice for a Pod of a namespace.
pub fn choose(pod: &Value, namespace: &str, asked: Asked<'_>, can: Installation<'_>) -> Choice {
    let own = pod["metadata"]["labels"][INJECT].as_str();
    let skip = |why: &str| Choice::Skip { why: Some(why.into()) };
    let plane = match own.or(asked.of_namespace) {
        None | Some("none") => return Choice::Skip { why: None },
        Some("envoy") => DataPlane::Envoy,
        Some("linkerd") if !can.linkerd => {
            return skip(
                "this installation has no image of linkerd2-proxy: set linkerdProxy.image of the chart",
            );
        }
        Some("linkerd") => DataPlane::Linkerd,
        Some(other) => {
            let why = format!("metadata.labels[{INJECT}]: {other:?} is none of envoy, linkerd and none");
            return Choice::Refuse { why };
        }
    };
    if NEVER.contains(&namespace) || namespace == can.namespace {
        return skip("Pods of this namespace are never injected");
    }
    if pod["spec"]["hostNetwork"] == true {
        return skip("a Pod on its Node's network is never injected: its traffic cannot be captured");
    }
    if !pod["metadata"]["annotations"]["kubernetes.io/config.mirror"].is_null() {
        return skip("a mirror Pod of a static Pod is never injected");
    }
    if let Some(name) =
        containers(pod).filter_map(|one| one["name"].as_str()).find(|name| PROXIES.contains(name))
    {
        return skip(&format!("the Pod has a proxy already: container {name}"));
    }
    let enforced = || asked.enforced.then(|| capture_refused(namespace));
    match user_taken(pod).or_else(|| annotations::fault(pod)).or_else(enforced) {
        Some(why) => Choice::Refuse { why },
        None => Choice::Inject(plane),
    }
}

/// The remedy, before Pod Security refuses the capture container without one.
fn capture_refused(namespace: &str) -> String {
    format!(
        "namespace {namespace} enforces the baseline or the restricted profile, and both refuse the NET_ADMIN of \
         heddle-capture: install heddle with its CNI plugin (cni.enabled=true), label the namespace {ENFORCE}=privileged, or \
         the Pods {INJECT}=none"
    )
}

/// Returns every container that the Pod's author or another webhook wrote.
fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["containers", "initContainers"].into_iter();
    let all = lists.filter_map(|list| pod["spec"][list].as_array()).flatten();
    all.filter(|container| !is_ours(container))
}

/// A container that runs as the proxy's user would leave past the proxy.
fn user_taken(pod: &Value) -> Option<String> {
    let of_pod = &pod["spec"]["securityContext"]["runAsUser"];
    let taken = |container: &&Value| {
        let own = &container["securityContext"]["runAsUser"];
        let user = if own.is_null() { of_pod } else { own };
        user.as_i64() == Some(PROXY_USER.into())
    };
    let name = containers(pod).find(taken)?["name"].as_str().unwrap_or_default();
    Some(format!(
        "container {name:?} runs as user {PROXY_USER}, whose connections leave past the proxy: set another \
         securityContext.runAsUser, or the label {INJECT}: none"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(labels: Value, spec: Value) -> Value {
        json!({"metadata": {"labels": labels}, "spec": spec})
    }

    const HERE: Installation<'_> = Installation { namespace: "heddle-system", linkerd: false };

    fn plain() -> Value {
        json!({"containers": [{"name": "app"}]})
    }

    #[track_caller]
    fn check(pod: &Value, namespace: &str, of_namespace: Option<&str>, want: &str) {
        let got = match choose(pod, namespace, Asked { of_namespace, enforced: false }, HERE) {
            Choice::Inject(plane) => format!("inject {plane:?}"),
            Choice::Skip { why } => format!("skip {}", why.unwrap_or_default()),
            Choice::Refuse { why } => format!("refuse {why}"),
        };
        assert!(got.starts_with(want), "{got}, want {want}");
    }

    #[test]
    fn a_pods_own_label_wins() {
        let none = pod(json!({}), plain());
        check(&none, "shop", Some("envoy"), "inject Envoy");
        check(&none, "shop", None, "skip ");
        check(&pod(json!({INJECT: "none"}), plain()), "shop", Some("envoy"), "skip ");
        check(&pod(json!({INJECT: "envoy"}), plain()), "shop", None, "inject Envoy");
        check(
            &pod(json!({INJECT: "yes"}), plain()),
            "shop",
            None,
            "refuse metadata.labels[heddle.dev/inject]: \"yes\"",
        );
    }

    #[test]
    fn some_pods_are_never_injected() {
        let asked = |spec: Value| pod(json!({INJECT: "envoy"}), spec);
        check(&asked(plain()), "kube-system", None, "skip Pods of this namespace");
        check(&asked(plain()), "heddle-system", None, "skip Pods of this namespace");
        let host = json!({"hostNetwork": true, "containers": [{"name": "app"}]});
        check(&asked(host), "shop", None, "skip a Pod on its Node's network");
        let linkerd = json!({"containers": [{"name": "app"}, {"name": "linkerd-proxy"}]});
        check(&asked(linkerd), "shop", None, "skip the Pod has a proxy already: container linkerd-proxy");
        let mut mirror = asked(plain());
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        check(&mirror, "shop", None, "skip a mirror Pod");
    }

    #[test]
    fn a_namespace_that_refuses_capture_gets_the_remedy_first() {
        let asked = Asked { of_namespace: Some("envoy"), enforced: true };
        let enforced = |pod: &Value| choose(pod, "shop", asked, HERE);
        let Choice::Refuse { why } = enforced(&pod(json!({}), plain())) else {
            panic!("it would be injected")
        };
        assert!(why.contains("namespace shop enforces") && why.contains("=privileged"), "{why}");
        assert_eq!(enforced(&pod(json!({INJECT: "none"}), plain())), Choice::Skip { why: None });
    }

    #[test]
    fn nobody_runs_as_the_proxys_user() {
        let own = json!({"containers": [{"name": "app", "securityContext": {"runAsUser": 2102}}]});
        check(&pod(json!({}), own), "shop", Some("envoy"), "refuse container \"app\" runs as user 2102");
        let of_pod = json!({"securityContext": {"runAsUser": 2102}, "containers": [{"name": "app"}]});
        check(&pod(json!({}), of_pod), "shop", Some("envoy"), "refuse container \"app\" runs as user 2102");
        let other = json!({
            "securityContext": {"runAsUser": 2102},
            "containers": [{"name": "app", "securityContext": {"runAsUser": 1000}}],
        });
        check(&pod(json!({}), other), "shop", Some("envoy"), "inject Envoy");
    }
}
