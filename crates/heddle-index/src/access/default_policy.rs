//! The default callers of a port, as Linkerd's settings say them, as Heddle's policies.

use heddle_model::access::{Action, Mode, Network, Peer, Policy, Posture, Principal, Rule};
use heddle_model::server::DefaultPolicy;
use heddle_model::{Diagnostic, SourceRef};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The posture of a port.
pub(crate) fn posture(default_policy: DefaultPolicy) -> Posture {
    match default_policy {
        DefaultPolicy::All | DefaultPolicy::Audit => Posture::Allow,
        DefaultPolicy::AllAuthenticated => Posture::Authenticated,
        DefaultPolicy::Cluster | DefaultPolicy::ClusterAuthenticated | DefaultPolicy::Deny => Posture::Deny,
    }
}

/// Returns what is said beside the posture: an Allow of those within the cluster's networks, or one in Audit that nobody
/// passes, so that what authorizations would refuse is counted.
pub(crate) fn implied_allow(
    default_policy: DefaultPolicy,
    cidrs: &[IpNet],
    source: &SourceRef,
) -> Option<Policy> {
    let networks: Arc<[Network]> =
        cidrs.iter().map(|cidr| Network { cidr: *cidr, except: Vec::new() }).collect();
    let within = |principals: BTreeSet<Principal>| {
        let peer = Peer { principals: Arc::new(principals), networks: networks.clone() };
        let rules =
            if networks.is_empty() { Vec::new() } else { vec![Rule { from: vec![peer], ..Rule::default() }] };
        Some(allow(source, Mode::Enforce, rules.into()))
    };
    match default_policy {
        DefaultPolicy::Cluster => within(BTreeSet::new()),
        DefaultPolicy::ClusterAuthenticated => within(BTreeSet::from([Principal::Any])),
        DefaultPolicy::Audit => Some(allow(source, Mode::Audit, Arc::new([]))),
        DefaultPolicy::All | DefaultPolicy::AllAuthenticated | DefaultPolicy::Deny => None,
    }
}

/// The Allow that says what a posture says. An authorization beside it would close the port to others.
pub(crate) fn explicit_allow(default_policy: DefaultPolicy, source: &SourceRef) -> Option<Policy> {
    match default_policy {
        DefaultPolicy::AllAuthenticated => {
            let peer = Peer::new([Principal::Any], []);
            let rule = Rule { from: vec![peer], ..Rule::default() };
            Some(allow(source, Mode::Enforce, Arc::new([rule])))
        }
        DefaultPolicy::All
        | DefaultPolicy::Cluster
        | DefaultPolicy::ClusterAuthenticated
        | DefaultPolicy::Deny
        | DefaultPolicy::Audit => None,
    }
}

/// Returns what a Server that cannot be read means: it admits nobody.
pub(crate) fn closed(source: &SourceRef) -> Policy {
    allow(source, Mode::Enforce, Arc::new([]))
}

/// Returns what is wrong with a default policy that hangs on networks that nobody names.
pub(crate) fn fault(
    default_policy: DefaultPolicy,
    cidrs: &[IpNet],
    source: &SourceRef,
) -> Option<Diagnostic> {
    (default_policy.is_cluster() && cidrs.is_empty()).then(|| Diagnostic {
        object: source.clone(),
        field: String::new(),
        reason: "NoNetworks",
        message:
            "no network of the cluster is known, so nobody is within one and nobody is admitted by that: set \
                  spec.networks of the Mesh"
                .into(),
    })
}

/// An Allow of the whole port.
pub(crate) fn allow(source: &SourceRef, mode: Mode, rules: Arc<[Rule]>) -> Policy {
    Policy { source: source.clone(), action: Action::Allow, mode, rules }
}
