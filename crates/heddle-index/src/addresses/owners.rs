//! Claims on an address, and the owners that they make.
//!
//! | claim | order |
//! |---|---|
//! | a Pod's own address | first, whatever its age: one that is not being deleted, then the youngest |
//! | the API server's address, a Node's | then these |
//! | a Service's virtual IP | then the oldest Service |
//! | an ExternalWorkload; an endpoint of a headless Service that no Pod backs | last, the oldest first |
//!
//! The last are made by hand and nobody checked them. Where the Mesh grants their network to their namespace, the first
//! of them owns the address for all clients. Where it grants it to none of them, each namespace has an owner of its own,
//! for its own clients. So a namespace changes nothing for the clients of another by what it writes about an address.

use crate::tables::Tables;
use crate::tables::claim::{Claim, HandMade};
use heddle_model::fact::{Mesh, ServiceForm};
use heddle_model::{
    AddressKey, Family, Map, Name, Owner, Reach, ServicePortKey, SourceRef, WorkloadKey, WorkloadKind,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Resolves the owners of an address, in the order of their reach.
pub(crate) fn resolve(tables: &Tables, mesh: &Mesh, address: IpAddr) -> Vec<(Reach, Owner)> {
    let claims = tables.claims.of(&address);
    if let Some(Ok(owner)) = claims.first().map(Claim::owner) {
        return vec![(Reach::Mesh, owner)];
    }
    let hand_made: Vec<&HandMade> = claims.iter().filter_map(|claim| claim.owner().err()).collect();
    let owner = |namespace: &Name| {
        owner_of(tables, address, hand_made.iter().filter(|claim| claim.namespace == *namespace))
    };
    let granted =
        hand_made.iter().map(|claim| &claim.namespace).filter(|namespace| mesh.grants(namespace, address));
    if let Some(owner) = granted.filter_map(owner).next() {
        return vec![(Reach::Mesh, owner)];
    }
    let namespaces: BTreeSet<&Name> = hand_made.iter().map(|claim| &claim.namespace).collect();
    let owned = namespaces
        .into_iter()
        .filter_map(|namespace| Some((Reach::Namespace(namespace.clone()), owner(namespace)?)));
    owned.collect()
}

/// Returns the owner that the claims of one namespace make, the oldest first: an ExternalWorkload says who is at the
/// address; without one, all endpoints there are taken together.
fn owner_of<'a>(
    tables: &Tables,
    address: IpAddr,
    claims: impl Iterator<Item = &'a &'a HandMade> + Clone,
) -> Option<Owner> {
    if let Some(key) = claims.clone().find_map(|claim| WorkloadKey::from_source(&claim.source())) {
        return Some(Owner::Workload(key));
    }
    let mut ports = BTreeMap::new();
    for (port, key) in claims.flat_map(|claim| listed(tables, &claim.source(), address)) {
        ports.entry(port).or_insert(key);
    }
    (!ports.is_empty()).then(|| Owner::Endpoints(Arc::new(ports)))
}

/// Returns the ports at which a slice of a headless Service lists an address without a Pod.
fn listed(tables: &Tables, source: &SourceRef, address: IpAddr) -> Vec<(u16, ServicePortKey)> {
    let found = tables.slice(source).and_then(|slice| {
        let key = slice.service.as_ref()?;
        let service = tables.service(key).filter(|service| service.form == ServiceForm::Headless)?;
        let service = Some(service).filter(|service| service.families.include(Family::of(address)))?;
        let lists = slice.endpoints.iter().any(|item| item.address == address && item.pod.is_none());
        lists.then_some((slice, key, service))
    });
    let Some((slice, key, service)) = found else { return Vec::new() };
    let ports = service.ports.iter().filter_map(|port| {
        let (_, target) = slice.ports.iter().find(|(name, _)| *name == port.name)?;
        Some((*target, ServicePortKey { service: key.clone(), port: port.number }))
    });
    ports.collect()
}

/// Returns the owner because of whom an ExternalWorkload must not use an address that it lists. Several of one namespace
/// may share an address: they are told apart by their ports.
pub(crate) fn foreign<'a>(
    owners: &'a Map<AddressKey, Owner>,
    namespace: &Name,
    address: IpAddr,
) -> Option<&'a Owner> {
    let owner = owners.seen_from(&Reach::Namespace(namespace.clone()), address)?;
    let is_own = match owner {
        Owner::Workload(key) => key.kind != WorkloadKind::Pod && key.namespace == *namespace,
        Owner::Endpoints(_) => owner.namespace() == Some(namespace),
        Owner::Service(_) | Owner::Node(_) | Owner::ApiServer => false,
    };
    (!is_own).then_some(owner)
}

/// Returns in words to whom an address belongs.
pub(crate) fn belongs(address: IpAddr, owner: &Owner, namespace: &Name) -> String {
    let elsewhere = owner.namespace().is_some_and(|own| own != namespace);
    let suffix = if elsewhere { " of another namespace" } else { "" };
    format!("{address} belongs to {owner}{suffix}")
}
