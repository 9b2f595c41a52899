//! The networks of the cluster's Pods and Services.
//!
//! The Mesh states them, or else ServiceCIDRs and the Pod networks of Nodes do. A network that holds the address of a Node
//! is shared: an address in it that nobody owns may be anything. Within a shared network of the Mesh, those of ServiceCIDRs
//! and Nodes count too. A Pod that no network holds, or only a shared one, is a network of its own.

use crate::tables::{Tables, mesh_source};
use heddle_model::{AddressKey, ClusterNetwork, Map, Owner, SourceRef, WorkloadKind, holding};
use ipnet::IpNet;
use std::net::IpAddr;

/// The facts that networks are resolved from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) owners: &'a Map<AddressKey, Owner>,
    /// `spec.networks` of the Mesh.
    pub(crate) declared: &'a [IpNet],
}

impl View<'_> {
    /// Resolves a network; `None` for one that is none of the cluster's.
    pub(crate) fn resolve(&self, network: IpNet) -> Option<ClusterNetwork> {
        if let Some(source) = self.stated_by(network) {
            return Some(ClusterNetwork { source, shared: self.is_shared(network) });
        }
        let address = (network.prefix_len() == network.max_prefix_len()).then(|| network.addr())?;
        let pod = self.pod_at(address).filter(|_| !self.is_held(address))?;
        Some(ClusterNetwork { source: pod, shared: false })
    }

    /// Returns the networks for policies that speak of the cluster: as the Mesh states them, else all that is learnt.
    pub(crate) fn cidrs(&self) -> Vec<IpNet> {
        if !self.declared.is_empty() {
            return self.declared.to_vec();
        }
        self.tables.cidrs.range(..).map(|(network, _)| *network).collect()
    }

    /// Returns the networks that Nodes and ServiceCIDRs state within one of the Mesh.
    pub(crate) fn learnt_within(&self, network: IpNet) -> Vec<IpNet> {
        let after = self.tables.cidrs.range(network..).map(|(other, _)| *other);
        after.take_while(|other| network.contains(other)).collect()
    }

    /// Returns the object that states a network.
    fn stated_by(&self, network: IpNet) -> Option<SourceRef> {
        if self.declared.contains(&network) {
            return Some(mesh_source());
        }
        let source = self.tables.cidrs.of(&network).first()?;
        let within = |of_mesh: &IpNet| of_mesh.contains(&network) && self.is_shared(*of_mesh);
        let counts = self.declared.is_empty() || self.declared.iter().any(within);
        counts.then(|| source.clone())
    }

    fn is_shared(&self, network: IpNet) -> bool {
        node_address_in(self.tables, network).is_some()
    }

    /// Returns whether a network that is the Pods' and Services' alone holds an address.
    fn is_held(&self, address: IpAddr) -> bool {
        let smallest = holding(address).find(|network| self.stated_by(*network).is_some());
        smallest.is_some_and(|network| !self.is_shared(network))
    }

    fn pod_at(&self, address: IpAddr) -> Option<SourceRef> {
        match self.owners.get(&AddressKey::of_mesh(address))? {
            Owner::Workload(key) if key.kind == WorkloadKind::Pod => Some(key.source()),
            Owner::Workload(_)
            | Owner::Service(_)
            | Owner::Endpoints(_)
            | Owner::Node(_)
            | Owner::ApiServer => None,
        }
    }
}

/// Returns the first address of a Node in a network, and who has it.
pub(crate) fn node_address_in(tables: &Tables, network: IpNet) -> Option<(IpAddr, &SourceRef)> {
    let mut found = tables.node_addresses.range(network.network()..=network.broadcast());
    found.find_map(|(address, sources)| Some((*address, sources.first()?)))
}
