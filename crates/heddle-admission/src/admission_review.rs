//! The envelope of a question of the API server and of its answer (`admission.k8s.io/v1`).

use serde_json::{Value, json};

/// Returns the request of a review.
///
/// # Errors
/// Says what is wrong with a review of another form.
pub(crate) fn request(review: &Value) -> Result<&Value, &'static str> {
    let request = &review["request"];
    if !request["uid"].is_string() {
        return Err("request.uid is missing");
    }
    if review["apiVersion"] != "admission.k8s.io/v1" {
        return Err("apiVersion is not admission.k8s.io/v1");
    }
    Ok(request)
}

/// The answer to one request: admitted as it is, unless more is said.
pub(crate) struct Answer {
    response: Value,
    warnings: Vec<String>,
}

impl Answer {
    /// Admits.
    pub(crate) fn admit(request: &Value) -> Self {
        Self { response: json!({"uid": request["uid"], "allowed": true}), warnings: Vec::new() }
    }

    /// Says something to whoever sent the object.
    pub(crate) fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        self.warnings.extend(warnings.into_iter().map(|warning| format!("heddle: {warning}")));
    }

    /// Refuses the object.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.response["allowed"] = false.into();
        self.response["status"] =
            json!({"code": 422, "reason": "Invalid", "message": format!("heddle: {why}")});
    }

    /// Changes the object by a JSON patch in base64.
    pub(crate) fn patch(&mut self, patch: String) {
        self.response["patchType"] = "JSONPatch".into();
        self.response["patch"] = patch.into();
    }

    /// Returns the review that answers.
    pub(crate) fn into_review(mut self) -> Value {
        if !self.warnings.is_empty() {
            self.response["warnings"] = self.warnings.into();
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": self.response})
    }
}
