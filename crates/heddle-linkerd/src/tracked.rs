//! The Snapshot as an answer sees it: every look is remembered, so that an answer knows what it was made from.

use heddle_model::fact::{EgressNetwork, Mesh};
use heddle_model::http::HttpMatch;
use heddle_model::route::RouteTable;
use heddle_model::snapshot::{Endpoints, Key, RouteKey, Service, Workload};
use heddle_model::{
    AddressKey, Name, Owner, Reach, ServiceKey, ServicePortKey, Snapshot, SourceRef, WorkloadKey,
};
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A Snapshot, and what was looked at.
pub(crate) struct TrackedSnapshot<'a> {
    snapshot: &'a Snapshot,
    keys: RefCell<BTreeSet<Key>>,
    wide: RefCell<BTreeSet<UnkeyedDependency>>,
}

/// Something that an answer depends on and that keys which do not exist yet may change. Only answers about addresses
/// that nobody owns have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnkeyedDependency {
    /// The set of EgressNetworks.
    Egress,
    /// The networks of the cluster that hold this address.
    Network(IpAddr),
}

impl<'a> TrackedSnapshot<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, keys: RefCell::default(), wide: RefCell::default() }
    }

    /// Returns what was looked at.
    pub(crate) fn into_dependencies(self) -> (BTreeSet<Key>, BTreeSet<UnkeyedDependency>) {
        (self.keys.into_inner(), self.wide.into_inner())
    }

    pub(crate) fn mesh(&self) -> &'a Mesh {
        self.note(Key::Mesh);
        &self.snapshot.mesh
    }

    pub(crate) fn workload(&self, key: &WorkloadKey) -> Option<&'a Workload> {
        self.note(Key::Workload(key.clone()));
        self.snapshot.workloads.get(key).map(|found| &**found)
    }

    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&'a Service> {
        self.note(Key::Service(key.clone()));
        self.snapshot.services.get(key).map(|found| &**found)
    }

    pub(crate) fn endpoints(&self, port: &ServicePortKey) -> Option<&'a Endpoints> {
        self.note(Key::Endpoints(port.clone()));
        self.snapshot.endpoints.get(port).map(|found| &**found)
    }

    pub(crate) fn routes(&self, key: RouteKey) -> Option<&'a RouteTable<HttpMatch>> {
        let found = self.snapshot.routes.get(&key).map(|found| &**found);
        self.note(Key::Routes(key));
        found
    }

    /// The owner of an address, as clients of this reach see it.
    pub(crate) fn owner(&self, reach: Reach, address: IpAddr) -> Option<&'a Owner> {
        self.note(Key::Address(AddressKey::of_mesh(address)));
        let found = self.snapshot.addresses.seen_from(&reach, address);
        self.note(Key::Address(AddressKey { address, reach }));
        found
    }

    /// The network that holds an address, and that is the Pods' and Services' alone. No key says which networks may.
    pub(crate) fn closed_network(&self, address: IpAddr) -> Option<IpNet> {
        self.wide.borrow_mut().insert(UnkeyedDependency::Network(address));
        self.snapshot.closed_network_of(address).map(|(network, _)| network)
    }

    /// The EgressNetwork that decides about an address. No key says which networks hold it.
    pub(crate) fn egress(
        &self,
        client: &Name,
        address: IpAddr,
    ) -> Option<(&'a SourceRef, &'a EgressNetwork)> {
        self.wide.borrow_mut().insert(UnkeyedDependency::Egress);
        self.snapshot.egress_network(client, address)
    }

    fn note(&self, key: Key) {
        self.keys.borrow_mut().insert(key);
    }
}

impl UnkeyedDependency {
    /// Returns whether a changed key may change what depends on this.
    pub fn is_changed_by(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Egress, Key::Egress(_)) => true,
            (Self::Network(address), Key::Network(network)) => network.contains(address),
            (
                Self::Egress | Self::Network(_),
                Key::Mesh
                | Key::Workload(_)
                | Key::Service(_)
                | Key::Endpoints(_)
                | Key::Routes(_)
                | Key::Address(_)
                | Key::Network(_)
                | Key::Egress(_)
                | Key::Report(_)
                | Key::Diagnostics(_),
            ) => false,
        }
    }
}
