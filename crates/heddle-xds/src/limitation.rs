//! Limitations: the parts of what objects say that no Envoy does.
//!
//! The words name the port and not the workload, so that a policy over a thousand Pods is told once.

use heddle_model::access::{Action, Policy};
use heddle_model::fact::{DataPlane, Protocol};
use heddle_model::snapshot::{InboundPort, Key};
use heddle_model::{Diagnostic, Snapshot, SourceRef, WorkloadKey};
use std::collections::BTreeSet;

/// Returns what Envoys do not do of what `key` stands for, in a mesh that has these data planes.
pub fn limitations(snapshot: &Snapshot, key: &Key, planes: &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic> {
    match key {
        Key::Workload(workload) => at_workload(snapshot, workload, planes),
        Key::Egress(network) => egress(network, planes),
        Key::Mesh
        | Key::Service(_)
        | Key::Endpoints(_)
        | Key::Routes(_)
        | Key::Address(_)
        | Key::Network(_)
        | Key::Report(_)
        | Key::Diagnostics(_) => BTreeSet::new(),
    }
}

fn at_workload(snapshot: &Snapshot, key: &WorkloadKey, planes: &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic> {
    let workload = snapshot.workloads.get(key);
    let envoy = workload.filter(|found| found.plane == Some(DataPlane::Envoy) && !found.host_network);
    let Some(workload) = envoy else { return BTreeSet::new() };
    let linkerd = planes.contains(&DataPlane::Linkerd);
    let limits = workload.inbound.iter().filter_map(rate_limit);
    let unseen = workload.inbound.iter().filter(|_| linkerd).flat_map(unseen);
    limits.chain(unseen).collect()
}

fn rate_limit(port: &InboundPort) -> Option<Diagnostic> {
    let limit = port.rate_limit.as_ref()?;
    let text = format!("port {}: an Envoy does not limit requests", port.port);
    Some(diagnostic(&limit.source, "RateLimitUnsupported", text))
}

/// Mesh TLS of a linkerd2-proxy does not say what it carries, and an Envoy that detects goes by that.
fn unseen(port: &InboundPort) -> Vec<Diagnostic> {
    if port.protocol != Protocol::Detect {
        return Vec::new();
    }
    let of_port = port.access.policies.iter().filter(|policy| speaks_of_requests(policy));
    let routes = port.access.routes.iter().flat_map(|routes| &routes.governors);
    let all = of_port.chain(routes.flat_map(|governor| &governor.policies));
    let each = all.map(|policy| {
        let instead = match policy.action {
            Action::Allow => "nothing is admitted by what a rule says of requests",
            Action::Deny => "a rule denies whatever it says of requests",
        };
        let text = format!(
            "port {} is detected: to its Envoy the requests of a linkerd2-proxy are bytes, and {instead}; say its protocol",
            port.port
        );
        diagnostic(&policy.source, "RequestsUnseen", text)
    });
    each.collect()
}

fn egress(network: &SourceRef, planes: &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic> {
    let text = || "an Envoy follows the egress of the Mesh alone".to_string();
    let envoys = planes.contains(&DataPlane::Envoy);
    envoys.then(|| diagnostic(network, "NotEnforced", text())).into_iter().collect()
}

fn speaks_of_requests(policy: &Policy) -> bool {
    policy.rules.iter().any(|rule| !rule.requests.is_empty())
}

fn diagnostic(object: &SourceRef, reason: &'static str, message: String) -> Diagnostic {
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
        let source = SourceRef::new(Kind::RateLimitPolicy, "shop", "limit");
        let limit = RateLimit { source, total: Some(5), identity: None, overrides: Vec::new() };
        let access =
            Access { posture: Posture::Allow, posture_source: None, policies: Vec::new(), routes: None };
        let mut port = InboundPort {
            port: 80,
            app_port: 80,
            protocol: Protocol::Http,
            mtls: Mtls::Permissive,
            mtls_source: None,
            access: Arc::new(access),
            rate_limit: Some(Arc::new(limit)),
        };
        let found = rate_limit(&port).expect("a limitation");
        assert_eq!(found.message, "port 80: an Envoy does not limit requests");
        port.rate_limit = None;
        assert_eq!(rate_limit(&port), None);
    }
}
