//! One object, admitted or refused by what it says itself.
//!
//! Lowering judges: the same function tells the controller what the object means. Kinds of others are never refused, since
//! other implementations own them and a refused object has no status; of theirs a fault is a warning.

use crate::admission_review::{Answer, request};
use heddle_lower::lower;
use heddle_model::{Diagnostic, Kind, Origin};
use heddle_status::Severity;
use serde_json::Value;

/// The faults that one answer names.
const NAMED: usize = 8;

/// Answers a review of an object of a kind that the mesh reads.
///
/// # Errors
/// Says what is wrong with a review that is none of such an object.
pub fn validate(review: &Value) -> Result<Value, &'static str> {
    let request = request(review)?;
    let (object, old) = (&request["object"], &request["oldObject"]);
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = Kind::from_manifest(text("apiVersion"), text("kind"))
        .ok_or("request.object is of no kind that is read")?;
    let (errors, warnings) = faults(kind, object, old);
    let mut answer = Answer::admit(request);
    answer.warn(lines(&warnings));
    if kind.spec().origin != Origin::Heddle {
        answer.warn(lines(&errors));
    } else if !errors.is_empty() {
        answer.refuse(&lines(&errors).join("; "));
    }
    Ok(answer.into_review())
}

/// Returns the errors and the warnings that this change brings. An object that is being deleted, or whose spec stays as it is,
/// brings none: it could never lose its finalizers. Nor does an error that was stored before.
fn faults(kind: Kind, object: &Value, old: &Value) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let leaves = !object["metadata"]["deletionTimestamp"].is_null();
    if leaves || (!old.is_null() && object["spec"] == old["spec"]) {
        return (Vec::new(), Vec::new());
    }
    let stored = if old.is_null() { Vec::new() } else { lower(kind, old).diagnostics };
    let mut all = lower(kind, object).diagnostics;
    all.retain(|fault| !stored.contains(fault));
    all.into_iter().partition(|fault| Severity::from_reason(fault.reason) == Severity::Error)
}

fn lines(faults: &[Diagnostic]) -> Vec<String> {
    let mut lines: Vec<String> = faults.iter().take(NAMED).map(in_words).collect();
    if faults.len() > NAMED {
        lines.push(format!("and {} more", faults.len() - NAMED));
    }
    lines
}

/// A diagnostic as a sentence with its place.
pub(crate) fn in_words(fault: &Diagnostic) -> String {
    let Diagnostic { object: _, field, reason: _, message } = fault;
    if field.is_empty() { message.clone() } else { format!("{field}: {message}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(path: &str) -> Value {
        json!({
            "apiVersion": "heddle.dev/v1alpha1", "kind": "AccessPolicy",
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"action": "Allow", "rules": [{
                "from": [{"identities": ["*"]}],
                "requests": [{"paths": [{"type": "Exact", "value": path}]}],
            }]},
        })
    }

    fn asked(object: &Value, old: &Value) -> Value {
        let request = json!({"uid": "1", "object": object, "oldObject": old});
        let review =
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        validate(&review).expect("an answer")["response"].clone()
    }

    #[test]
    fn what_lowering_cannot_read_is_refused_with_its_field() {
        assert_eq!(asked(&policy("/a"), &Value::Null), json!({"uid": "1", "allowed": true}));
        let refused = asked(&policy("/a%"), &Value::Null);
        assert_eq!(refused["allowed"], false);
        let message = refused["status"]["message"].as_str().expect("a message");
        assert!(message.starts_with("heddle: spec.rules[0].requests[0].paths[0]"), "{message}");
    }

    #[test]
    fn what_was_stored_may_stay_and_leave() {
        let (bad, worse) = (policy("/a%"), policy("/c%"));
        assert_eq!(asked(&bad, &bad)["allowed"], true, "nothing is changed");
        assert_eq!(asked(&worse, &policy("/a"))["allowed"], false);
        let mut other = bad.clone();
        other["spec"]["mode"] = "Audit".into();
        assert_eq!(asked(&other, &bad)["allowed"], true, "the error was there before");
        let mut leaves = worse.clone();
        leaves["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(asked(&leaves, &policy("/a"))["allowed"], true);
    }

    #[test]
    fn kinds_of_others_are_warned_of_and_never_refused() {
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {
                "parentRefs": [{"group": "", "kind": "Service", "name": "web", "port": 80}],
                "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "a"}}]}],
            },
        });
        let answer = asked(&route, &Value::Null);
        assert_eq!(answer["allowed"], true);
        let warning = answer["warnings"][0].as_str().expect("a warning");
        assert!(warning.starts_with("heddle: spec.rules[0].matches[0].path"), "{warning}");
    }

    #[test]
    fn what_is_no_review_of_a_kind_that_is_read_is_refused() {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "request": {"uid": "1", "object": {"kind": "Secret"}}});
        assert_eq!(validate(&review), Err("request.object is of no kind that is read"));
    }
}
