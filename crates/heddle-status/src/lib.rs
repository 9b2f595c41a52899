//! Reports in, Kubernetes status out; and what is wrong with objects, as findings.
//!
//! A status is a function of the report, the object's generation, the status that is there and a given `now`.
//! Where the one that is there says the same already, nothing is written.

mod condition;
mod finding;
mod parent;
mod shortfalls;
mod target;
mod time;

use heddle_model::report::Report;
use heddle_model::{Kind, Meta, SourceRef};
use serde_json::{Map, Value};

pub use finding::{Finding, Severity, described, findings};
pub use shortfalls::Shortfalls;
pub use time::rfc3339;

/// The controller that Heddle's entries in `status.parents[]` name.
pub const CONTROLLER: &str = "heddle.dev/controller";

/// The controller that entries of Linkerd's own HTTPRoutes name: what reads them looks for it.
pub const LINKERD_CONTROLLER: &str = "linkerd.io/policy-controller";

/// A JSON object.
type Object = Map<String, Value>;

/// The value that `.status` of an object should have, or `None` where `current` says all of it already.
///
/// `current` is the status that is there, as JSON; one that is absent or cannot be read counts as empty. What
/// others wrote stays as it is and where it is: parents of other controllers, condition types that are not
/// ours, other fields. `now` is in seconds since 1970 and is used only where a condition's truth changes.
///
/// Returns `None` for kinds that have no status of ours.
pub fn status(
    source: &SourceRef,
    report: &Report,
    meta: &Meta,
    current: Option<&str>,
    controller: &str,
    now: i64,
) -> Option<Value> {
    let stamp = condition::Stamp { generation: Some(meta.generation), now: rfc3339(now) };
    let current = current.and_then(|text| serde_json::from_str::<Object>(text).ok()).unwrap_or_default();
    let mut new = current.clone();
    match source.kind {
        Kind::HttpRoute => parent::write(&mut new, report, controller, &stamp),
        Kind::Mesh | Kind::InboundPolicy | Kind::AccessPolicy | Kind::ExternalWorkload => {
            let conditions = report.subjects.first().map_or(&[][..], |subject| &subject.conditions);
            condition::write(&mut new, conditions, &stamp);
        }
        Kind::LinkerdHttpRoute => parent::write(&mut new, report, LINKERD_CONTROLLER, &stamp),
        Kind::RateLimitPolicy | Kind::EgressNetwork => {
            // The definitions of these kinds have no `observedGeneration`: it would be cut off each time.
            target::write(&mut new, report, &condition::Stamp { generation: None, ..stamp });
        }
        Kind::Namespace
        | Kind::Node
        | Kind::Pod
        | Kind::ServiceCidr
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::Server
        | Kind::ServerAuthorization
        | Kind::AuthorizationPolicy
        | Kind::MeshTlsAuthentication
        | Kind::NetworkAuthentication
        | Kind::ServiceProfile
        | Kind::LinkerdExternalWorkload => return None,
    }
    (new != current).then_some(Value::Object(new))
}

/// Takes an array out of an object; anything else that is there is dropped.
fn take_array(object: &mut Object, field: &str) -> Vec<Value> {
    match object.remove(field) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
