//! The application's metrics, scraped at the agent's port.
//!
//! A Strict port would refuse a Prometheus without an identity. The annotations by which it finds what to scrape are led to
//! the agent's page, on which the proxy's metrics are too.

use crate::names::{AGENT_PORT, METRICS, variable};
use serde_json::{Value, json};

/// The annotation that asks for a Pod's metrics to be scraped.
const SCRAPE: &str = "prometheus.io/scrape";
const PORT: &str = "prometheus.io/port";
const PATH: &str = "prometheus.io/path";
const SCHEME: &str = "prometheus.io/scheme";
/// The annotation that leaves these as they are, with value `false`.
pub(crate) const MERGE: &str = "heddle.dev/merge-metrics";
/// The path of the agent's page.
const AGENT_PATH: &str = "/metrics";

/// Gives the annotations that were led to the agent the values that their author wrote.
pub(crate) fn restore(pod: &mut Value) {
    let Some(written) = variable(pod, METRICS).and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return;
    };
    let Some(annotations) = pod["metadata"]["annotations"].as_object_mut() else { return };
    if annotations.get(PORT).and_then(Value::as_str) != Some(&AGENT_PORT.to_string()) {
        return;
    }
    for name in [PORT, PATH, SCHEME] {
        match written["written"][name].as_str() {
            Some(text) => annotations.insert(name.into(), text.into()),
            None => annotations.remove(name),
        };
    }
}

/// Leads the annotations to the agent, and returns what it reads of the application. Nothing, where the Pod does not ask
/// to be scraped, names no port, or asks for its annotations to be left as they are.
pub(crate) fn redirect(pod: &mut Value) -> Option<Value> {
    let annotations = pod["metadata"]["annotations"].as_object_mut()?;
    let annotation = |name: &str| annotations.get(name).and_then(Value::as_str);
    if annotation(SCRAPE) != Some("true") || annotation(MERGE) == Some("false") {
        return None;
    }
    let port = annotation(PORT)?.parse::<u16>().ok().filter(|port| ![0, AGENT_PORT].contains(port))?;
    let path = annotation(PATH).unwrap_or("/metrics");
    let scheme = if annotation(SCHEME) == Some("https") { "HTTPS" } else { "HTTP" };
    let written: Value =
        [PORT, PATH, SCHEME].into_iter().filter_map(|name| Some((name, annotation(name)?))).collect();
    let page = json!({"port": port, "path": path, "scheme": scheme, "written": written});
    for (name, value) in [(PORT, AGENT_PORT.to_string()), (PATH, AGENT_PATH.into()), (SCHEME, "http".into())]
    {
        annotations.insert(name.into(), value.into());
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(annotations: Value) -> Value {
        json!({"metadata": {"annotations": annotations}})
    }

    #[test]
    fn what_prometheus_scrapes_is_the_agents_page() {
        let mut pod = pod(json!({
            SCRAPE: "true", PORT: "9090", PATH: "/stats", SCHEME: "https", "prometheus.io/param_a": "b",
        }));
        let page = redirect(&mut pod).expect("it asks");
        assert_eq!(
            (&page["port"], &page["path"], &page["scheme"]),
            (&9090.into(), &"/stats".into(), &"HTTPS".into())
        );
        let annotations = json!({
            SCRAPE: "true", PORT: "15020", PATH: "/metrics", SCHEME: "http", "prometheus.io/param_a": "b",
        });
        assert_eq!(pod["metadata"]["annotations"], annotations);
    }

    #[test]
    fn what_does_not_ask_or_names_no_port_stays() {
        for annotations in [
            json!({}),
            json!({PORT: "9090"}),
            json!({SCRAPE: "false", PORT: "9090"}),
            json!({SCRAPE: "true"}),
            json!({SCRAPE: "true", PORT: "http"}),
            json!({SCRAPE: "true", PORT: "15020"}),
            json!({SCRAPE: "true", PORT: "9090", MERGE: "false"}),
        ] {
            let before = pod(annotations);
            let mut after = before.clone();
            assert_eq!(redirect(&mut after), None);
            assert_eq!(after, before);
        }
    }
}
