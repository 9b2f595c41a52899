//! A Pod with its proxy.

use crate::annotations::options;
use crate::container::{ApplicationPages, capture, copy, envoy, linkerd_proxy, verify, volumes, word};
use crate::metrics;
use crate::names::is_ours;
use crate::probes;
use crate::settings::{AgentSource, CaptureMode, InjectorSettings};
use heddle_model::capture::CAPTURE;
use heddle_model::fact::DataPlane;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The annotation of an injected Pod: the version of the injector.
pub const INJECTED: &str = "heddle.dev/injected";

/// The annotation of an injected Pod: the fingerprint of the injector's settings.
pub const INJECTED_SETTINGS: &str = "heddle.dev/injected-settings";

/// The label by which the mesh knows a Pod's proxy.
const PLANE: &str = "heddle.dev/plane";

/// Returns the Pod with a proxy. Of a Pod that has one already it is what this injector would have made, so that a
/// webhook that comes after others, and again, changes nothing that is right.
pub fn inject(pod: &Value, plane: DataPlane, settings: &InjectorSettings) -> Value {
    let mut pod = pod.clone();
    probes::restore(&mut pod);
    metrics::restore(&mut pod);
    let pages =
        ApplicationPages { handlers: probes::redirect(&mut pod), metrics: metrics::redirect(&mut pod) };
    let options = options(&pod, settings);
    // Capture comes first, so that nothing leaves past the proxy, and the proxy next, so that it serves what follows.
    let mut first = vec![match settings.capture {
        CaptureMode::Container => capture(settings, plane, &options),
        CaptureMode::Cni => verify(settings, plane, &options),
    }];
    if settings.agent_from == AgentSource::Copy {
        first.push(copy(settings));
    }
    let ports = ports(&pod["spec"]);
    first.push(match (plane, &settings.linkerd) {
        (DataPlane::Linkerd, Some(linkerd)) => linkerd_proxy(settings, linkerd, &options, &pages, &ports),
        (DataPlane::Envoy, _) | (DataPlane::Linkerd, None) => envoy(settings, &options, &pages),
    });
    put(&mut pod, "initContainers", first);
    let of_others = pod["spec"]["volumes"].take();
    pod["spec"]["volumes"] = [others(of_others), volumes(settings)].concat().into();
    let metadata = &mut pod["metadata"];
    if metadata.is_null() {
        *metadata = json!({});
    }
    let fingerprint = settings.fingerprint();
    let name = word(plane);
    for (field, name, value) in [
        ("labels", PLANE, name),
        ("annotations", INJECTED, &*settings.version),
        ("annotations", INJECTED_SETTINGS, &*fingerprint),
    ] {
        if metadata[field].is_null() {
            metadata[field] = json!({});
        }
        metadata[field][name] = value.into();
    }
    let annotations = metadata["annotations"].as_object_mut().expect("it has some by now");
    match settings.capture {
        CaptureMode::Container => annotations.remove(CAPTURE),
        CaptureMode::Cni => annotations.insert(CAPTURE.into(), name.into()),
    };
    pod
}

/// The ports of the containers that others wrote, which a linkerd2-proxy must be told.
fn ports(spec: &Value) -> Vec<u16> {
    let containers = ["initContainers", "containers"].into_iter().filter_map(|list| spec[list].as_array());
    let own = containers.flatten().filter(|container| !is_ours(container));
    let ports = own.filter_map(|container| container["ports"].as_array()).flatten();
    let tcp = ports.filter(|port| port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP"));
    let numbers = tcp.filter_map(|port| u16::try_from(port["containerPort"].as_u64()?).ok());
    numbers.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Puts containers before those of others, in the place of those that were injected before.
fn put(pod: &mut Value, list: &str, first: Vec<Value>) {
    let of_others = others(pod["spec"][list].take());
    pod["spec"][list] = [first, of_others].concat().into();
}

fn others(items: Value) -> Vec<Value> {
    let Value::Array(items) = items else { return Vec::new() };
    items.into_iter().filter(|item| !is_ours(item)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
