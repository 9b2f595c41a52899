//! A Pod with its proxy.

use crate::annotations::options;
use crate::container::{ApplicationPages, capture, copy, proxy, verify, volumes};
use crate::metrics;
use crate::names::is_ours;
use crate::probes;
use crate::settings::{AgentSource, CaptureMode, InjectorSettings};
use heddle_model::capture::CAPTURE;
use serde_json::{Value, json};

/// The annotation of an injected Pod: the version of the injector.
pub const INJECTED: &str = "heddle.dev/injected";

/// The annotation of an injected Pod: the fingerprint of the injector's settings.
pub const INJECTED_SETTINGS: &str = "heddle.dev/injected-settings";

/// The label by which the mesh knows a Pod's proxy.
const PLANE: &str = "heddle.dev/plane";

/// Returns the Pod with an Envoy. Of a Pod that has one already it is what this injector would have made, so that a
/// webhook that comes after others, and again, changes nothing that is right.
pub fn inject(pod: &Value, settings: &InjectorSettings) -> Value {
    let mut pod = pod.clone();
    probes::restore(&mut pod);
    metrics::restore(&mut pod);
    let pages =
        ApplicationPages { handlers: probes::redirect(&mut pod), metrics: metrics::redirect(&mut pod) };
    let options = options(&pod, settings);
    // Capture comes first, so that nothing leaves past the proxy, and the proxy next, so that it serves what follows.
    let mut first = vec![match settings.capture {
        CaptureMode::Container => capture(settings, &options),
        CaptureMode::Cni => verify(settings, &options),
    }];
    if settings.agent_from == AgentSource::Copy {
        first.push(copy(settings));
    }
    first.push(proxy(settings, &options, &pages));
    put(&mut pod, "initContainers", first);
    let of_others = pod["spec"]["volumes"].take();
    pod["spec"]["volumes"] = [others(of_others), volumes(settings)].concat().into();
    let metadata = &mut pod["metadata"];
    if metadata.is_null() {
        *metadata = json!({});
    }
    let fingerprint = settings.fingerprint();
    for (field, name, value) in [
        ("labels", PLANE, "envoy"),
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
        CaptureMode::Cni => annotations.insert(CAPTURE.into(), "envoy".into()),
    };
    pod
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
