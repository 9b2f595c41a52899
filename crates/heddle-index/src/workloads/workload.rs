//! One workload as resolved.

use crate::access::at_workload::AccessContext;
use crate::access::mtls::Selecting;
use crate::access::pool::Pool;
use crate::access::selected::{Selected, Settings};
use crate::addresses::owners;
use crate::services::member::ServiceBackend;
use crate::services::selection;
use crate::status::findings::Finding;
use crate::tables::selects;
use crate::workloads::inbound;
use crate::workloads::view::View;
use heddle_model::fact;
use heddle_model::snapshot::Workload;
use heddle_model::{Kind, WorkloadKey, WorkloadKind};
use std::net::IpAddr;
use std::sync::Arc;

/// A workload, and what resolving it found about other objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Kept for a workload that has ended too: its endpoints may still drain.
    pub(crate) workload: Arc<Workload>,
    /// It is not in the Snapshot any more.
    pub(crate) ended: bool,
    pub(crate) finding: Finding,
}

impl View<'_> {
    /// Resolves a workload whom the endpoints of these Service ports name.
    pub(crate) fn resolve(
        &self,
        key: &WorkloadKey,
        named: &[ServiceBackend],
        pool: &mut Pool,
    ) -> Option<Resolved> {
        let fact = self.tables.workload(key)?;
        let edges = &*selection::edges(self.tables, key, fact, named);
        let selecting = self.selecting(key, fact);
        let mut finding = Finding::default();
        let settings = Settings::of(self.tables, self.mesh, key, fact);
        let skip_inbound_ports = settings.skipped(fact);
        let selected = Selected::of(self, key, fact, &mut finding);
        let around = AccessContext::new(self, key, fact, edges, pool).with(selected, settings, &mut finding);
        let ports = inbound::Ports { key, services: self.services, workload: fact, edges, selecting, around };
        let inbound = ports.resolve(pool, &mut finding);
        let undeclared = ports.undeclared(pool, &mut finding);
        ports.count(&inbound, &mut finding);
        let node = fact.node.as_ref().and_then(|name| self.tables.node(name));
        let workload = Workload {
            key: key.clone(),
            identity: fact.identity.clone(),
            addresses: self.addresses(key, fact),
            plane: fact.plane,
            node: fact.node.clone(),
            region: node.and_then(|node| node.region.clone()),
            zone: node.and_then(|node| node.zone.clone()).or_else(|| fact.zone.clone()),
            host_network: fact.host_network,
            skip_inbound_ports,
            uses: fact.uses.clone().or_else(|| self.tables.namespace(&key.namespace)?.1.uses.clone()),
            inbound,
            undeclared,
        };
        Some(Resolved { workload: Arc::new(workload), ended: fact.ended, finding })
    }

    fn selecting(&self, key: &WorkloadKey, fact: &fact::Workload) -> Selecting<'_> {
        let policies = self.tables.of_namespace(Kind::InboundPolicy, &key.namespace);
        let policies = policies.filter_map(|(source, row)| Some((source, self.tables.inbound_policy(row)?)));
        policies.filter(|(_, policy)| selects(&policy.selector, &fact.labels)).collect()
    }

    /// Its addresses, without those that an ExternalWorkload lists and another owns.
    fn addresses(&self, key: &WorkloadKey, fact: &fact::Workload) -> Vec<IpAddr> {
        let own = |address: &&IpAddr| match key.kind {
            WorkloadKind::Pod => true,
            WorkloadKind::External | WorkloadKind::LinkerdExternal => {
                owners::foreign(self.owners, &key.namespace, **address).is_none()
            }
        };
        fact.addresses.iter().filter(own).copied().collect()
    }
}
