//! What the proxy of a workload cannot enforce of what objects say of its ports.
//!
//! The words name the port and not the workload: they are counted, and a policy over a thousand Pods is told once.

use crate::status::findings::Finding;
use heddle_model::access::{Action, Policy};
use heddle_model::fact::{DataPlane, Protocol};
use heddle_model::report::Condition;
use heddle_model::snapshot::InboundPort;
use heddle_model::{Diagnostic, SourceRef};
use std::collections::BTreeMap;

/// The reason of what matters only where a linkerd2-proxy is.
const OF_LINKERD: &str = "RequestsUnseen";

/// Returns what matters in a mesh with these data planes.
pub(crate) fn present<'a>(
    all: impl Iterator<Item = &'a Diagnostic>,
    planes: &BTreeMap<DataPlane, usize>,
) -> impl Iterator<Item = &'a Diagnostic> {
    let linkerd = planes.contains_key(&DataPlane::Linkerd);
    all.filter(move |found| linkerd || found.reason != OF_LINKERD)
}

/// Notes what an Envoy does not enforce. All that our model says of a port was Linkerd's before, or is ours to
/// project.
pub(crate) fn note(plane: Option<DataPlane>, inbound: &[InboundPort], finding: &mut Finding) {
    match plane {
        Some(DataPlane::Envoy) => {}
        Some(DataPlane::Linkerd) | None => return,
    }
    for port in inbound {
        if let Some(limit) = &port.rate_limit {
            let text = format!("port {}: an Envoy does not limit requests", port.port);
            finding.unenforced.insert(told(&limit.source, "RateLimitUnsupported", text));
        }
        if port.protocol == Protocol::Detect {
            let policies = port.access.policies.iter().filter(|policy| speaks_of_requests(policy));
            let routes = port.access.routes.iter().flat_map(|routes| &routes.governors);
            let policies = policies.chain(routes.flat_map(|governor| &governor.policies));
            finding.unenforced.extend(policies.map(|policy| unseen(port.port, policy)));
        }
    }
}

/// Returns what an EgressNetwork is told while some workload has an Envoy.
pub(crate) fn egress() -> Condition {
    let text = "an Envoy follows the egress of the Mesh alone".to_string();
    Condition::new("Enforced", false, "NotEnforced", text)
}

/// Mesh TLS of a linkerd2-proxy does not say what it carries, and an Envoy that detects goes by that.
fn unseen(port: u16, policy: &Policy) -> Diagnostic {
    let instead = match policy.action {
        Action::Allow => "nothing is admitted by what a rule says of requests",
        Action::Deny => "a rule denies whatever it says of requests",
    };
    let text = format!(
        "port {port} is detected: to its Envoy the requests of a linkerd2-proxy are bytes, and {instead}; say its protocol"
    );
    told(&policy.source, OF_LINKERD, text)
}

fn speaks_of_requests(policy: &Policy) -> bool {
    policy.rules.iter().any(|rule| !rule.requests.is_empty())
}

fn told(object: &SourceRef, reason: &'static str, message: String) -> Diagnostic {
    Diagnostic { object: object.clone(), field: String::new(), reason, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::Kind;
    use heddle_model::access::{Access, Posture, RateLimit};
    use heddle_model::fact::Mtls;
    use std::sync::Arc;

    #[test]
    fn an_envoy_limits_no_requests_and_says_so() {
        let source = SourceRef::new(Kind::AccessPolicy, "shop", "limit");
        let limit = RateLimit { source, total: Some(5), identity: None, overrides: Vec::new() };
        let access =
            Access { posture: Posture::Allow, posture_source: None, policies: Vec::new(), routes: None };
        let port = InboundPort {
            port: 80,
            app_port: 80,
            protocol: Protocol::Http,
            mtls: Mtls::Permissive,
            mtls_source: None,
            access: Arc::new(access),
            rate_limit: Some(Arc::new(limit)),
        };
        let told = |plane| {
            let mut finding = Finding::default();
            note(plane, std::slice::from_ref(&port), &mut finding);
            finding.unenforced.into_iter().map(|found| found.message).collect::<Vec<_>>()
        };
        assert_eq!(told(Some(DataPlane::Envoy)), ["port 80: an Envoy does not limit requests"]);
        assert_eq!(told(Some(DataPlane::Linkerd)), [""; 0]);
        assert_eq!(told(None), [""; 0]);
    }
}
