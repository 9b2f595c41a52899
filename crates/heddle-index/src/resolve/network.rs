//! The stage of networks.

use super::{Changed, publish};
use crate::Index;
use crate::addresses::network;
use crate::addresses::network::View;
use crate::tables::mesh_source;
use heddle_model::snapshot::Key;
use heddle_model::{AddressKey, Kind, holding};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::mem::take;
use std::net::IpAddr;

impl Index {
    /// Resolves the networks that changed, each before those within it, and then the Pods in them.
    pub(super) fn resolve_networks(&mut self, changed: &mut Changed) {
        let mut dirty = self.dirty_networks();
        let stated = !dirty.is_empty();
        let mut addresses = take(&mut self.dirty.owned);
        while let Some((_, network)) = dirty.pop_first() {
            if !self.resolve_network(network, changed) {
                continue;
            }
            addresses.extend(self.owned_within(network));
            if self.snapshot.mesh.networks.contains(&network) {
                dirty.extend(self.networks().learnt_within(network).into_iter().map(by_size));
            }
        }
        for address in addresses {
            self.resolve_network(address.into(), changed);
        }
        if stated {
            self.resolve_cidrs();
        }
    }

    /// Marks every network and every Pod: the Mesh states other networks.
    pub(super) fn mark_networks(&mut self, old: &[IpNet], new: &[IpNet]) {
        self.dirty.networks.extend(old.iter().chain(new).copied());
        self.dirty.networks.extend(self.tables.cidrs.range(..).map(|(network, _)| *network));
        self.dirty.owned.extend(self.snapshot.addresses.keys().map(|key| key.address));
    }

    fn networks(&self) -> network::View<'_> {
        let (tables, owners) = (&self.tables, &self.snapshot.addresses);
        View { tables, owners, declared: &self.snapshot.mesh.networks }
    }

    /// Takes the networks that changed, the largest first. A Node's address says something of all that hold it.
    fn dirty_networks(&mut self) -> BTreeSet<(u8, IpNet)> {
        let mut dirty = take(&mut self.dirty.networks);
        for address in take(&mut self.dirty.node_addresses) {
            self.dirty.reports.insert(mesh_source());
            dirty.extend(holding(address).filter(|network| self.snapshot.networks.contains_key(network)));
        }
        dirty.into_iter().map(by_size).collect()
    }

    fn resolve_network(&mut self, network: IpNet, changed: &mut Changed) -> bool {
        self.work.networks += 1;
        let new = self.networks().resolve(network);
        let is_pod = new.as_ref().is_some_and(|new| new.source.kind == Kind::Pod);
        if !publish(&mut self.snapshot.networks, &network, new) {
            return false;
        }
        changed.insert(Key::Network(network));
        self.dirty.reports.insert(mesh_source());
        if is_pod {
            self.derived.alone.insert(network.addr());
        } else if network.prefix_len() < network.max_prefix_len()
            || !self.derived.alone.remove(&network.addr())
        {
            self.mark_egress();
        }
        true
    }

    fn owned_within(&self, network: IpNet) -> Vec<IpAddr> {
        let after = self.snapshot.addresses.range_from(&AddressKey::of_mesh(network.network()));
        let after = after.map(|(key, _)| key.address);
        after.take_while(|address| network.contains(address)).collect()
    }

    /// Resolves the networks for policies that speak of the cluster.
    fn resolve_cidrs(&mut self) {
        let cidrs = self.networks().cidrs();
        if self.derived.cidrs != cidrs {
            self.derived.cidrs = cidrs;
            self.dirty.reports.insert(mesh_source());
            self.mark_cluster();
        }
    }
}

fn by_size(network: IpNet) -> (u8, IpNet) {
    (network.prefix_len(), network)
}
