//! The stages of settings and places: the Mesh, addresses, Nodes.

use super::{Changed, publish};
use crate::Index;
use crate::address::Claim;
use crate::selected::Settings;
use crate::tables::service_key;
use heddle_model::snapshot::Key;
use heddle_model::{Kind, ServicePortKey, WorkloadKey};
use std::mem::take;
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
            self.mark_cluster();
        }
        if self.snapshot.mesh.moves_from_linkerd() != mesh.moves_from_linkerd() {
            self.mark_default_opaque_ports();
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

    /// Marks what hangs on the Mesh's networks.
    fn mark_cluster(&mut self) {
        let servers = self.tables.of_kind(Kind::Server).map(|(source, _)| source);
        let cluster =
            servers.filter(|source| self.tables.server(source).is_some_and(|one| one.stance.is_cluster()));
        self.dirty.servers.extend(cluster.cloned());
        let workloads = self.tables.all_workloads().filter(|(key, workload)| {
            let settings = Settings::of(&self.tables, &self.snapshot.mesh, key, workload);
            settings.stance.is_some_and(|(stance, _)| stance.is_cluster())
        });
        self.dirty.workloads.extend(workloads.map(|(key, _)| key));
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
        let mut touched = take(&mut self.dirty.held);
        for address in take(&mut self.dirty.addresses) {
            let claims = self.tables.claims.of(&address);
            let owner = claims.first().map(Claim::owner);
            if !publish(&mut self.snapshot.addresses, &address, owner) {
                continue;
            }
            changed.insert(Key::Address(address));
            touched.insert(address);
            for claim in claims {
                if let Claim::Service(key) = claim {
                    self.dirty.services.insert(key.clone());
                }
            }
            for key in self.tables.externals_at.of(&address) {
                self.dirty.workloads.insert(key.clone());
                self.dirty.reports.insert(key.source());
            }
        }
        for address in touched {
            self.dirty.members.extend(self.derived.members_at.of(&address).iter().cloned());
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
