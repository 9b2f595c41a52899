//! The stages of settings and places: the Mesh, addresses, Nodes.

use super::{Changed, publish};
use crate::Index;
use crate::access::selected::Settings;
use crate::addresses::owners;
use crate::tables::claim::{self, Claim};
use crate::tables::{owned, service_key};
use heddle_model::fact::Mesh;
use heddle_model::snapshot::Key;
use heddle_model::{AddressKey, Fact, Kind, Name, Owner, ServiceKey, ServicePortKey, WorkloadKey};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::net::IpAddr;
use std::sync::Arc;

impl Index {
    /// Of the Mesh its posture decides something here, for the namespaces that do not say theirs; its suffix,
    /// where authorizations name identities; and its networks, where they are what is meant by the cluster.
    pub(super) fn resolve_mesh(&mut self, changed: &mut Changed) {
        if !take(&mut self.dirty.mesh) {
            return;
        }
        let mesh = self.tables.mesh();
        self.dirty.workloads.extend(self.workloads_of_mesh_posture());
        if *self.snapshot.mesh == mesh {
            return;
        }
        if self.snapshot.mesh.identity_suffix != mesh.identity_suffix {
            self.dirty.authentications.extend(self.derived.authentications.keys().cloned());
            self.dirty.authorizations.extend(self.derived.authorizations.keys().cloned());
        }
        if self.snapshot.mesh.networks != mesh.networks {
            let old = self.snapshot.mesh.clone();
            self.mark_networks(&old.networks, &mesh.networks);
        }
        if self.snapshot.mesh.moves_from_linkerd() != mesh.moves_from_linkerd() {
            self.mark_default_opaque_ports();
        }
        for namespace in regranted(&self.snapshot.mesh, &mesh) {
            self.mark_hand_made(&namespace);
        }
        self.snapshot.mesh = Arc::new(mesh);
        changed.insert(Key::Mesh);
    }

    /// Marks what hangs on whether Linkerd's default opaque ports hold.
    fn mark_default_opaque_ports(&mut self) {
        let services = self.tables.of_kind(Kind::Service).map(|(source, _)| service_key(source));
        self.dirty.services.extend(services);
        self.dirty.attachments.extend(self.derived.attachments.keys().cloned());
        self.dirty.workloads.extend(self.tables.all_workloads().map(|(key, _)| key));
    }

    /// Marks what a namespace claims by hand, and what is reported of it.
    fn mark_hand_made(&mut self, namespace: &Name) {
        for kind in [Kind::ExternalWorkload, Kind::LinkerdExternalWorkload] {
            for (source, row) in self.tables.of_namespace(kind, namespace) {
                let Fact::Workload(workload) = &row.fact else { continue };
                self.dirty.addresses.extend(owned(workload));
                self.dirty.reports.insert(source.clone());
                self.dirty.diagnostics.insert(source.clone());
            }
        }
        for (source, row) in self.tables.of_namespace(Kind::EndpointSlice, namespace) {
            let Fact::Slice(slice) = &row.fact else { continue };
            let claims = claim::of_slice(source, slice);
            if !claims.is_empty() {
                self.dirty.addresses.extend(claims.into_iter().map(|(address, _)| address));
                self.dirty.members.extend(slice.service.clone());
                self.dirty.diagnostics.extend(slice.service.as_ref().map(ServiceKey::source));
            }
        }
    }

    /// Marks what hangs on the cluster's networks.
    pub(super) fn mark_cluster(&mut self) {
        let servers = self.tables.of_kind(Kind::Server).map(|(source, _)| source);
        let cluster = servers
            .filter(|source| self.tables.server(source).is_some_and(|one| one.default_policy.is_cluster()));
        self.dirty.servers.extend(cluster.cloned());
        let workloads = self.tables.all_workloads().filter(|(key, workload)| {
            let settings = Settings::of(&self.tables, &self.snapshot.mesh, key, workload);
            settings.default_policy.is_some_and(|(default_policy, _)| default_policy.is_cluster())
        });
        self.dirty.workloads.extend(workloads.map(|(key, _)| key));
        self.mark_egress();
    }

    /// Marks the EgressNetworks: what lies outside of the cluster's networks changed.
    pub(super) fn mark_egress(&mut self) {
        let egress = || self.tables.of_kind(Kind::EgressNetwork).map(|(source, _)| source.clone());
        self.dirty.egress.extend(egress());
        self.dirty.reports.extend(egress());
    }

    /// The workloads whose posture is the Mesh's, if it is another than they were resolved with.
    fn workloads_of_mesh_posture(&self) -> Vec<WorkloadKey> {
        let (posture, source) = self.tables.mesh_posture();
        let other = self.derived.workloads.iter().filter(|(_, resolved)| {
            let access = &resolved.workload.undeclared.access;
            let of_mesh = access.posture_source.as_ref().is_none_or(|source| source.kind == Kind::Mesh);
            of_mesh && (access.posture != posture || access.posture_source != source)
        });
        other.map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn resolve_addresses(&mut self, changed: &mut Changed) {
        let mut touched = take(&mut self.dirty.workload_ips);
        for address in take(&mut self.dirty.addresses) {
            if self.resolve_address(address, changed) {
                touched.insert(address);
                self.dirty.owned.insert(address);
                self.mark_claimants(address);
            }
        }
        for address in touched {
            self.dirty.members.extend(self.derived.members_at.of(&address).iter().cloned());
        }
    }

    /// Publishes the owners of an address. Returns whether one of them is another than before.
    fn resolve_address(&mut self, address: IpAddr, changed: &mut Changed) -> bool {
        let mut owners: BTreeMap<AddressKey, Option<Owner>> =
            self.snapshot.addresses.at(address).map(|(key, _)| (key.clone(), None)).collect();
        for (reach, owner) in owners::resolve(&self.tables, &self.snapshot.mesh, address) {
            owners.insert(AddressKey { address, reach }, Some(owner));
        }
        let mut differs = false;
        for (key, owner) in owners {
            if publish(&mut self.snapshot.addresses, &key, owner) {
                changed.insert(Key::Address(key));
                differs = true;
            }
        }
        differs
    }

    /// Marks all that claim an address, the owner and those that are refused.
    fn mark_claimants(&mut self, address: IpAddr) {
        for claim in self.tables.claims.of(&address) {
            match claim {
                Claim::Service { created: _, key } => {
                    self.dirty.services.insert(key.clone());
                }
                Claim::HandMade(hand_made) => {
                    let source = hand_made.source();
                    let service = self.tables.slice(&source).and_then(|slice| slice.service.as_ref());
                    self.dirty.diagnostics.extend(service.map(ServiceKey::source));
                    if let Some(key) = WorkloadKey::from_source(&source) {
                        self.dirty.workloads.insert(key);
                        self.dirty.reports.insert(source.clone());
                        self.dirty.diagnostics.insert(source);
                    }
                }
                Claim::Pod { .. } | Claim::Node(_) | Claim::ApiServer => {}
            }
        }
    }

    pub(super) fn resolve_nodes(&mut self) {
        for node in take(&mut self.dirty.nodes) {
            self.dirty.workloads.extend(self.tables.on_node.of(&node).iter().cloned());
            for service in self.derived.members_on.of(&node) {
                let Some(members) = self.derived.members.get(service) else { continue };
                let on_node = members
                    .ports
                    .iter()
                    .filter(|(_, members)| members.iter().any(|member| member.node.as_ref() == Some(&node)));
                self.dirty.endpoints.extend(
                    on_node.map(|(port, _)| ServicePortKey { service: service.clone(), port: *port }),
                );
            }
        }
    }
}

/// Returns the namespaces whose grants differ.
fn regranted(old: &Mesh, new: &Mesh) -> BTreeSet<Name> {
    let all = old.address_grants.keys().chain(new.address_grants.keys());
    all.filter(|one| old.address_grants.get(*one) != new.address_grants.get(*one)).cloned().collect()
}
