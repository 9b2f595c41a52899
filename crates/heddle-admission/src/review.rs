//! One review of a Pod, answered.

use crate::admission_review::{Answer, request};
use crate::annotations;
use crate::choice::{Asked, Choice, Installation, choose};
use crate::inject::inject;
use crate::settings::InjectorSettings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Answers a review of a Pod.
///
/// # Errors
/// Says what is wrong with a review that is none of a Pod.
pub fn review(review: &Value, asked: Asked<'_>, settings: &InjectorSettings) -> Result<Value, &'static str> {
    let request = request(review)?;
    let pod = &request["object"];
    if pod["kind"] != "Pod" {
        return Err("request.object is no Pod");
    }
    let namespace = request["namespace"].as_str().unwrap_or_default();
    let mut answer = Answer::admit(request);
    answer.warn(annotations::warnings(pod));
    let here = Installation { namespace: &settings.namespace, linkerd: settings.linkerd.is_some() };
    match choose(pod, namespace, asked, here) {
        Choice::Inject(plane) => {
            let patch = json_patch::diff(pod, &inject(pod, plane, settings));
            if !patch.0.is_empty() {
                let patch = serde_json::to_vec(&patch).map_err(|_| "the patch cannot be written")?;
                answer.patch(STANDARD.encode(patch));
            }
        }
        Choice::Skip { why } => answer.warn(why.map(|why| format!("not injected: {why}"))),
        Choice::Refuse { why } => answer.refuse(&why),
    }
    Ok(answer.into_review())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::tests::settings;
    use heddle_model::fact::DataPlane;
    use serde_json::json;

    const ENVOY: Asked<'_> = Asked { of_namespace: Some("envoy"), enforced: false };

    fn asked(pod: Value) -> Value {
        json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "1", "namespace": "shop", "object": pod},
        })
    }

    fn pod() -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": [{"name": "app"}]}})
    }

    #[test]
    fn the_patch_makes_the_pod_what_it_should_be() {
        let answer = review(&asked(pod()), ENVOY, &settings()).expect("an answer");
        assert_eq!((&answer["response"]["uid"], &answer["response"]["allowed"]), (&json!("1"), &json!(true)));
        let patch = STANDARD.decode(answer["response"]["patch"].as_str().expect("a patch")).expect("base64");
        let mut patched = pod();
        let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a patch");
        json_patch::patch(&mut patched, &patch).expect("it fits");
        assert_eq!(patched, inject(&pod(), DataPlane::Envoy, &settings()));
        let again = review(&asked(patched), ENVOY, &settings()).expect("an answer");
        assert_eq!(again["response"]["patch"], Value::Null, "nothing is left to change");
    }

    #[test]
    fn a_reason_is_a_warning_and_a_fault_a_refusal() {
        let mut host = pod();
        host["spec"]["hostNetwork"] = true.into();
        let answer = review(&asked(host), ENVOY, &settings()).expect("an answer");
        assert_eq!(answer["response"]["allowed"], true);
        let warning = answer["response"]["warnings"][0].as_str().expect("a warning");
        assert!(warning.starts_with("heddle: not injected: a Pod on its Node's network"), "{warning}");
        let mut taken = pod();
        taken["spec"]["containers"][0]["securityContext"] = json!({"runAsUser": 2102});
        let answer = review(&asked(taken), ENVOY, &settings()).expect("an answer");
        assert_eq!(answer["response"]["allowed"], false);
        assert_eq!(answer["response"]["status"]["code"], 422);
    }

    #[test]
    fn what_is_no_review_of_a_pod_is_refused() {
        for (broken, want) in [
            (json!({}), "request.uid is missing"),
            (json!({"request": {"uid": "1"}}), "apiVersion is not admission.k8s.io/v1"),
            (asked(json!({"kind": "Service"})), "request.object is no Pod"),
        ] {
            assert_eq!(review(&broken, Asked::default(), &settings()), Err(want));
        }
    }
}
