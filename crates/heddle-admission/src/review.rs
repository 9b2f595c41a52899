//! One AdmissionReview, answered (`admission.k8s.io/v1`).

use crate::annotations;
use crate::choice::{Choice, choose, choose_enforced};
use crate::inject::inject;
use crate::settings::InjectorSettings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The reason for which the injector is asked, as the webhook's selectors know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The value of the namespace's label, where the Pod has none.
    pub of_namespace: Option<&'a str>,
    /// The namespace enforces a profile that refuses the capture container.
    pub enforced: bool,
}

/// Answers a review of a Pod.
///
/// # Errors
/// Says what is wrong with a review that is none of a Pod.
pub fn review(review: &Value, asked: Asked<'_>, settings: &InjectorSettings) -> Result<Value, &'static str> {
    let request = &review["request"];
    let uid = request["uid"].as_str().ok_or("request.uid is missing")?;
    if review["apiVersion"] != "admission.k8s.io/v1" {
        return Err("apiVersion is not admission.k8s.io/v1");
    }
    let pod = &request["object"];
    if pod["kind"] != "Pod" {
        return Err("request.object is no Pod");
    }
    let namespace = request["namespace"].as_str().unwrap_or_default();
    let mut response = json!({"uid": uid, "allowed": true});
    let mut warnings = annotations::warnings(pod);
    let choose = if asked.enforced { choose_enforced } else { choose };
    match choose(pod, namespace, asked.of_namespace, &settings.namespace) {
        Choice::Inject(_) => {
            let patch = json_patch::diff(pod, &inject(pod, settings));
            if !patch.0.is_empty() {
                let patch = serde_json::to_vec(&patch).map_err(|_| "the patch cannot be written")?;
                response["patchType"] = "JSONPatch".into();
                response["patch"] = STANDARD.encode(patch).into();
            }
        }
        Choice::Skip { why: None } => {}
        Choice::Skip { why: Some(why) } => warnings.push(format!("not injected: {why}")),
        Choice::Refuse { why } => {
            response["allowed"] = false.into();
            response["status"] =
                json!({"code": 422, "reason": "Invalid", "message": format!("heddle: {why}")});
        }
    }
    if !warnings.is_empty() {
        let warnings: Vec<_> = warnings.iter().map(|warning| format!("heddle: {warning}")).collect();
        response["warnings"] = warnings.into();
    }
    Ok(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::tests::settings;

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
        assert_eq!(patched, inject(&pod(), &settings()));
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
