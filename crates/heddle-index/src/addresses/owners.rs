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
use heddle_model::fact::{Mesh, ServiceForm, Slice, Workload};
use heddle_model::{
    AddressKey, Family, Kind, Map, Name, Owner, Reach, ServiceKey, ServicePortKey, SourceRef, WorkloadKey,
    WorkloadKind,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// A claim on an address. The least one owns it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Pod { deleting: bool, created: Reverse<Option<i64>>, key: WorkloadKey },
    ApiServer,
    Node(Name),
    Service { created: Option<i64>, key: ServiceKey },
    HandMade(HandMade),
}

/// A claim by an ExternalWorkload, or by an EndpointSlice that lists the address without a Pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandMade {
    created: Option<i64>,
    namespace: Name,
    name: Name,
    kind: Kind,
}

impl Claim {
    /// Returns the claim of a workload on one of its own addresses.
    pub(crate) fn workload(key: WorkloadKey, workload: &Workload) -> Self {
        match key.kind {
            WorkloadKind::Pod => {
                Self::Pod { deleting: workload.deleting, created: Reverse(workload.created), key }
            }
            WorkloadKind::External | WorkloadKind::LinkerdExternal => {
                Self::HandMade(HandMade::new(&key.source(), workload.created))
            }
        }
    }

    fn owner(&self) -> Result<Owner, &HandMade> {
        match self {
            Self::Pod { deleting: _, created: _, key } => Ok(Owner::Workload(key.clone())),
            Self::ApiServer => Ok(Owner::ApiServer),
            Self::Node(name) => Ok(Owner::Node(name.clone())),
            Self::Service { created: _, key } => Ok(Owner::Service(key.clone())),
            Self::HandMade(hand_made) => Err(hand_made),
        }
    }
}

impl HandMade {
    pub(crate) fn new(source: &SourceRef, created: Option<i64>) -> Self {
        let SourceRef { kind, namespace, name } = source.clone();
        Self { created, namespace, name, kind }
    }

    /// Returns the object that makes the claim.
    pub(crate) fn source(&self) -> SourceRef {
        SourceRef::new(self.kind, self.namespace.clone(), self.name.clone())
    }
}

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
    let granted = hand_made.iter().map(|claim| &claim.namespace).filter(|of| mesh.grants(of, address));
    if let Some(owner) = granted.filter_map(owner).next() {
        return vec![(Reach::Mesh, owner)];
    }
    let namespaces: BTreeSet<&Name> = hand_made.iter().map(|claim| &claim.namespace).collect();
    let owned = namespaces.into_iter().filter_map(|of| Some((Reach::Namespace(of.clone()), owner(of)?)));
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

/// Returns the claims of an EndpointSlice, by address.
pub(crate) fn of_slice(source: &SourceRef, slice: &Slice) -> Vec<(IpAddr, Claim)> {
    if is_of_api_server(source, slice) {
        return slice.endpoints.iter().map(|item| (item.address, Claim::ApiServer)).collect();
    }
    let hand_made = slice.endpoints.iter().filter(|item| item.pod.is_none());
    let claim = || Claim::HandMade(HandMade::new(source, slice.created));
    hand_made.map(|item| (item.address, claim())).collect()
}

/// Returns whether a slice is the one in which the API server lists itself.
pub(crate) fn is_of_api_server(source: &SourceRef, slice: &Slice) -> bool {
    let service = slice.service.as_ref().is_some_and(|key| *key == ServiceKey::new("default", "kubernetes"));
    service && &*source.namespace == "default" && &*source.name == "kubernetes"
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
