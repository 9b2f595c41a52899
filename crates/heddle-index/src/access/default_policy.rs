//! Whom a port admits by default, as Linkerd says it, in Heddle's words.

use heddle_model::access::{Action, Mode, Network, Peer, Policy, Posture, Principal, Rule};
use heddle_model::server::Stance;
use heddle_model::{Diagnostic, SourceRef};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The posture of a port.
pub(crate) fn posture(stance: Stance) -> Posture {
    match stance {
        Stance::All | Stance::Audit => Posture::Allow,
        Stance::AllAuthenticated => Posture::Authenticated,
        Stance::Cluster | Stance::ClusterAuthenticated | Stance::Deny => Posture::Deny,
    }
}

/// What is said beside the posture: an Allow of those within the cluster's networks, or one in Audit that nobody
/// passes, so that what authorizations would refuse is counted.
pub(crate) fn beside(stance: Stance, cidrs: &[IpNet], source: &SourceRef) -> Option<Policy> {
    let networks: Arc<[Network]> =
        cidrs.iter().map(|cidr| Network { cidr: *cidr, except: Vec::new() }).collect();
    let within = |principals: BTreeSet<Principal>| {
        let peer = Peer { principals: Arc::new(principals), networks: networks.clone() };
        let rules =
            if networks.is_empty() { Vec::new() } else { vec![Rule { from: vec![peer], ..Rule::default() }] };
        Some(allow(source, Mode::Enforce, rules.into()))
    };
    match stance {
        Stance::Cluster => within(BTreeSet::new()),
        Stance::ClusterAuthenticated => within(BTreeSet::from([Principal::Any])),
        Stance::Audit => Some(allow(source, Mode::Audit, Arc::new([]))),
        Stance::All | Stance::AllAuthenticated | Stance::Deny => None,
    }
}

/// The Allow that says what a posture says. An authorization beside it would close the port to others.
pub(crate) fn spelled_out(stance: Stance, source: &SourceRef) -> Option<Policy> {
    match stance {
        Stance::AllAuthenticated => {
            let peer = Peer::new([Principal::Any], []);
            let rule = Rule { from: vec![peer], ..Rule::default() };
            Some(allow(source, Mode::Enforce, Arc::new([rule])))
        }
        Stance::All | Stance::Cluster | Stance::ClusterAuthenticated | Stance::Deny | Stance::Audit => None,
    }
}

/// What a Server that cannot be read means: it admits nobody.
pub(crate) fn closed(source: &SourceRef) -> Policy {
    allow(source, Mode::Enforce, Arc::new([]))
}

/// What is wrong with a stance that hangs on networks that nobody names.
pub(crate) fn fault(stance: Stance, cidrs: &[IpNet], source: &SourceRef) -> Option<Diagnostic> {
    (stance.is_cluster() && cidrs.is_empty()).then(|| Diagnostic {
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
