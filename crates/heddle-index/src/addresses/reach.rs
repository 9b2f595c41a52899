//! The reach of hand-made claims, as their authors are told.

use crate::addresses::owners::{self, belongs};
use crate::tables::claim;
use crate::tables::{Tables, owned};
use heddle_model::fact::{Mesh, ServiceForm};
use heddle_model::report::Condition;
use heddle_model::{
    AddressKey, Diagnostic, Kind, Map, Name, Owner, Reach, ServiceKey, SourceRef, WorkloadKey,
};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The most addresses that a message names.
const MOST: usize = 8;

/// The facts and owners that reach is told from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) owners: &'a Map<AddressKey, Owner>,
    pub(crate) mesh: &'a Mesh,
}

/// The addresses of one object, by what became of its claims.
#[derive(Default)]
struct Claimed {
    /// Those that it does not get, with their owners in words.
    refused: Vec<String>,
    /// Those that count for all clients.
    mesh: BTreeSet<IpAddr>,
    /// Those that count for clients of its own namespace.
    own: BTreeSet<IpAddr>,
    /// Those that an older object of its namespace owns, in words.
    shared: Vec<String>,
}

impl View<'_> {
    /// Returns why an ExternalWorkload does not get an address that it lists.
    pub(crate) fn refused(&self, source: &SourceRef) -> Option<String> {
        let refused = self.workload(source).refused;
        (!refused.is_empty()).then(|| refused.join("; "))
    }

    /// Returns the condition `Reach` of an ExternalWorkload; `None` for one without an address of its own.
    pub(crate) fn condition(&self, source: &SourceRef) -> Option<Condition> {
        let Claimed { refused: _, mesh, own, shared } = self.workload(source);
        let grant = (!own.is_empty()).then(|| self.how_to_grant(&source.namespace, &own));
        let is_known = grant.is_some() || !mesh.is_empty();
        let (holds, reason) = if own.is_empty() { (true, "Mesh") } else { (false, "OwnNamespace") };
        let message = grant.into_iter().chain(shared).collect::<Vec<_>>().join("; ");
        is_known.then(|| Condition::new("Reach", holds, reason, message))
    }

    /// Returns what the author of an object without a status of ours is told: a Linkerd ExternalWorkload, or a headless
    /// Service with hand-made endpoints.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other variants are alike here")]
    pub(crate) fn diagnostics(&self, source: &SourceRef) -> Vec<Diagnostic> {
        let (field, claimed) = match source.kind {
            Kind::LinkerdExternalWorkload => ("spec.workloadIPs", self.workload(source)),
            Kind::Service => ("", self.service(source)),
            _ => return Vec::new(),
        };
        let diagnostic =
            |reason, message| Diagnostic { object: source.clone(), field: field.into(), reason, message };
        let refused = claimed.refused.into_iter().map(|message| diagnostic("ForeignAddress", message));
        let own = (!claimed.own.is_empty())
            .then(|| diagnostic("OwnNamespace", self.how_to_grant(&source.namespace, &claimed.own)));
        refused.chain(own).collect()
    }

    fn workload(&self, source: &SourceRef) -> Claimed {
        let mut claimed = Claimed::default();
        let fact = WorkloadKey::from_source(source).and_then(|key| Some((self.tables.workload(&key)?, key)));
        let Some((workload, key)) = fact else { return claimed };
        for address in owned(workload) {
            let belongs = |owner| belongs(*address, owner, &source.namespace);
            if let Some(owner) = owners::foreign(self.owners, &source.namespace, *address) {
                claimed.refused.push(format!("{}: refused", belongs(owner)));
                continue;
            }
            let Some((at, owner)) = self.owners.at(*address).find(|(at, _)| at.counts_for(&source.namespace))
            else {
                continue;
            };
            claimed.add(&at.reach, *address);
            if *owner != Owner::Workload(key.clone()) {
                claimed.shared.push(format!("{}, which is older", belongs(owner)));
            }
        }
        claimed
    }

    /// The addresses of endpoints that no Pod backs. Those that are refused are told of their slices.
    fn service(&self, source: &SourceRef) -> Claimed {
        let mut claimed = Claimed::default();
        let key = ServiceKey { namespace: source.namespace.clone(), name: source.name.clone() };
        let headless =
            |key| self.tables.service(key).is_some_and(|service| service.form == ServiceForm::Headless);
        if !headless(&key) {
            return claimed;
        }
        for slice in self.tables.slices.of(&key) {
            let claims = self.tables.slice(slice).map(|one| claim::of_slice(slice, one));
            for (address, _) in claims.into_iter().flatten() {
                if let Some((at, _)) = self.owners.at(address).find(|(_, owner)| is_listed(owner, &key)) {
                    claimed.add(&at.reach, address);
                }
            }
        }
        claimed
    }

    fn how_to_grant(&self, namespace: &Name, addresses: &BTreeSet<IpAddr>) -> String {
        let named: Vec<String> = addresses.iter().take(MOST).map(IpAddr::to_string).collect();
        let more = addresses.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(
            "{}{more}: known to clients of namespace {namespace} only; for all clients, spec.addressGrants of the Mesh needs {}",
            named.join(", "),
            self.grant(namespace, addresses)
        )
    }

    /// Returns the entry of `spec.addressGrants` with which these addresses count for all clients.
    fn grant(&self, namespace: &Name, addresses: &BTreeSet<IpAddr>) -> String {
        let granted = self.mesh.address_grants.get(namespace).into_iter().flatten().copied();
        let own = addresses.iter().take(MOST).map(|address| IpNet::from(*address));
        let cidrs: Vec<String> = granted.chain(own).map(|cidr| format!("\"{cidr}\"")).collect();
        format!("{{namespace: {namespace}, cidrs: [{}]}}", cidrs.join(", "))
    }
}

impl Claimed {
    fn add(&mut self, reach: &Reach, address: IpAddr) {
        match reach {
            Reach::Mesh => self.mesh.insert(address),
            Reach::Namespace(_) => self.own.insert(address),
        };
    }
}

fn is_listed(owner: &Owner, key: &ServiceKey) -> bool {
    match owner {
        Owner::Endpoints(ports) => ports.values().any(|port| port.service == *key),
        Owner::Service(_) | Owner::Workload(_) | Owner::Node(_) | Owner::ApiServer => false,
    }
}
