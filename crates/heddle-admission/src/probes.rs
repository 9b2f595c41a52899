//! Probes and hooks of the application, asked by the agent in the kubelet's stead.
//!
//! The kubelet has no identity, and no source address is exempt from policy: a Strict port would refuse it. What it asks
//! over HTTP of the agent's port, the agent asks of the application.

use crate::names::{AGENT_PORT, HANDLERS, is_ours, variable};
use serde_json::{Map, Value, json};

/// Every place of a container at which the kubelet is told to ask something: the name in the agent's path, the place, and
/// the seconds that the kubelet waits where the author says nothing. A hook has no such limit.
const PLACES: [(&str, &str, Option<u64>); 5] = [
    ("liveness", "/livenessProbe", Some(1)),
    ("readiness", "/readinessProbe", Some(1)),
    ("startup", "/startupProbe", Some(1)),
    ("post-start", "/lifecycle/postStart", None),
    ("pre-stop", "/lifecycle/preStop", None),
];
/// The actions that go over the network (Kubernetes API, `Probe` and `LifecycleHandler`).
const ACTIONS: [&str; 3] = ["httpGet", "tcpSocket", "grpc"];

/// Gives every probe and hook that was led to the agent the action that its author wrote.
pub(crate) fn restore(pod: &mut Value) {
    let written = variable(pod, HANDLERS).and_then(|text| serde_json::from_str(text).ok());
    let written: Map<String, Value> = written.unwrap_or_default();
    for_each(pod, |name, handler, _, _| {
        let Some(entry) = written.get(name).filter(|_| handler["httpGet"]["path"] == path(name)) else {
            return;
        };
        let fields = handler.as_object_mut().expect("an index of it was an object's");
        fields.remove("httpGet");
        fields.extend(
            ACTIONS.iter().filter_map(|action| Some(((*action).into(), entry.get(*action)?.clone()))),
        );
    });
}

/// Leads probes and hooks to the agent, and returns what it may be asked. What cannot be asked from within the Pod stays as
/// it is: other hosts, and ports without a number.
pub(crate) fn redirect(pod: &mut Value) -> Map<String, Value> {
    let mut all = Map::new();
    for_each(pod, |name, handler, ports, limit| {
        let Some(action) = ACTIONS.iter().find(|action| !handler[**action].is_null()) else { return };
        let asked = &handler[*action];
        let elsewhere = asked["host"].as_str().is_some_and(|host| !host.is_empty());
        let Some(port) = port(&asked["port"], ports).filter(|port| *port != AGENT_PORT && !elsewhere) else {
            return;
        };
        let mut entry = json!({"port": port, *action: asked});
        if let Some(limit) = limit {
            entry["timeoutSeconds"] = handler["timeoutSeconds"].as_u64().unwrap_or(limit).into();
        }
        all.insert(name.into(), entry);
        let fields = handler.as_object_mut().expect("an index of it was an object's");
        fields.remove(*action);
        let to_agent = json!({"path": path(name), "port": AGENT_PORT, "scheme": "HTTP"});
        fields.insert("httpGet".into(), to_agent);
    });
    all
}

fn path(name: &str) -> String {
    format!("/probe/{name}")
}

/// Calls `visit` with each handler that is there: its name, the handler, the ports of its container, and its limit.
fn for_each(pod: &mut Value, mut visit: impl FnMut(&str, &mut Value, &Value, Option<u64>)) {
    for list in ["/spec/initContainers", "/spec/containers"] {
        for container in pod.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if is_ours(container) {
                continue;
            }
            let (name, ports) = (container["name"].clone(), container["ports"].clone());
            for (place, pointer, limit) in PLACES {
                if let Some(handler) = container.pointer_mut(pointer).filter(|handler| handler.is_object()) {
                    visit(&format!("{}/{place}", name.as_str().unwrap_or_default()), handler, &ports, limit);
                }
            }
        }
    }
}

/// The number of a port, which may be a name of the container's.
fn port(asked: &Value, ports: &Value) -> Option<u16> {
    let named = || {
        let mut all = ports.as_array()?.iter();
        all.find(|port| asked.is_string() && port["name"] == *asked)?["containerPort"].as_u64()
    };
    u16::try_from(asked.as_u64().or_else(named)?).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({"spec": {"containers": [{
            "name": "web",
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/ok", "port": "http", "httpHeaders": [{"name": "host", "value": "web"}]}, "timeoutSeconds": 3},
            "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 5},
            "startupProbe": {"grpc": {"port": 9090, "service": "a"}},
            "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye"}}, "postStart": {"exec": {"command": ["true"]}}},
        }]}})
    }

    #[test]
    fn what_the_kubelet_asks_is_asked_of_the_agent() {
        let mut pod = pod();
        let all = redirect(&mut pod);
        let web = &pod["spec"]["containers"][0];
        let to_agent =
            |name: &str| json!({"path": format!("/probe/web/{name}"), "port": 15020, "scheme": "HTTP"});
        assert_eq!(web["readinessProbe"], json!({"httpGet": to_agent("readiness"), "timeoutSeconds": 3}));
        assert_eq!(web["livenessProbe"], json!({"httpGet": to_agent("liveness"), "periodSeconds": 5}));
        assert_eq!(web["startupProbe"], json!({"httpGet": to_agent("startup")}));
        assert_eq!(web["lifecycle"]["preStop"], json!({"httpGet": to_agent("pre-stop")}));
        assert_eq!(web["lifecycle"]["postStart"], json!({"exec": {"command": ["true"]}}));
        assert_eq!(all["web/readiness"]["port"], 8080);
        assert_eq!(all["web/readiness"]["timeoutSeconds"], 3);
        assert_eq!(all["web/liveness"]["timeoutSeconds"], 1);
        assert_eq!(all["web/startup"]["grpc"]["service"], "a");
        assert_eq!(all["web/pre-stop"].get("timeoutSeconds"), None);
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn what_cannot_be_asked_from_within_the_pod_stays() {
        #[track_caller]
        fn check(action: Value) {
            let before = json!({"spec": {"containers": [{"name": "web", "livenessProbe": action}]}});
            let mut pod = before.clone();
            assert!(redirect(&mut pod).is_empty());
            assert_eq!(pod, before);
        }
        check(json!({"httpGet": {"port": 80, "host": "elsewhere"}}));
        check(json!({"httpGet": {"port": "unnamed"}}));
        check(json!({"tcpSocket": {"port": 15020}}));
        check(json!({"exec": {"command": ["true"]}}));
    }
}
