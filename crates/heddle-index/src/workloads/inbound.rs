//! The inbound ports of one workload.

use crate::access::at_workload::AccessContext;
use crate::access::coverage::{Coverage, KnownPorts};
use crate::access::mtls::{self, PortRef, Selecting};
use crate::access::pool::Pool;
use crate::services::member::ServiceBackend;
use crate::services::port_protocol;
use crate::status::findings::Finding;
use crate::workloads::own_port;
use heddle_model::fact::{Mtls, Protocol, Workload};
use heddle_model::snapshot::{InboundDefault, InboundPort, Service};
use heddle_model::{Map, ServiceKey, SourceRef, WorkloadKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The input from which the ports of one workload are resolved.
pub(crate) struct Ports<'a> {
    pub(crate) key: &'a WorkloadKey,
    pub(crate) services: &'a Map<ServiceKey, Arc<Service>>,
    pub(crate) workload: &'a Workload,
    pub(crate) edges: &'a [ServiceBackend],
    pub(crate) selecting: Selecting<'a>,
    pub(crate) around: AccessContext<'a>,
}

impl Ports<'_> {
    /// Every port that a Service, the workload or a policy names.
    pub(crate) fn resolve(&self, pool: &mut Pool, finding: &mut Finding) -> Vec<InboundPort> {
        let own = own_port::of(self.workload);
        self.note_own(&own, finding);
        let numbers = self.numbers();
        let ports = numbers.difference(&own).copied().map(|number| {
            let (mtls, mtls_source) = self.mtls(PortRef::Number(number), finding);
            InboundPort {
                port: number,
                app_port: self.declared(number).map_or(number, |port| port.app_port),
                protocol: self.protocol(number, finding),
                mtls,
                mtls_source,
                access: pool.share(self.around.at(PortRef::Number(number), finding)),
                rate_limit: self.around.rate_limit(number),
            }
        });
        ports.collect()
    }

    /// Returns what holds for every other port.
    pub(crate) fn undeclared(&self, pool: &mut Pool, finding: &mut Finding) -> InboundDefault {
        let (mtls, mtls_source) = self.mtls(PortRef::Undeclared, finding);
        InboundDefault { mtls, mtls_source, access: pool.share(self.around.at(PortRef::Undeclared, finding)) }
    }

    /// Notes which policies cover the workload, and at which of its known ports.
    pub(crate) fn count(&self, inbound: &[InboundPort], finding: &mut Finding) {
        let (known, own) = (self.known(), own_port::of(self.workload));
        let ports = || inbound.iter().map(|port| port.port).filter(|port| known.ports.contains(port));
        for (source, policy) in &self.selecting {
            let ports = ports().filter(|port| PortRef::Number(*port).is_among(&policy.ports)).count();
            let (policy, named) = ((*source).clone(), known.named(&(&policy.ports - &own)));
            finding.covered.push(Coverage { policy, ports, named });
        }
        for (source, covered) in self.around.covering() {
            let ports = ports().filter(|port| covered.covers(PortRef::Number(*port))).count();
            let named = covered.named().map(|ports| known.named(&(ports - &own))).unwrap_or_default();
            finding.covered.push(Coverage { policy: source.clone(), ports, named });
        }
        finding.covered.shrink_to_fit();
    }

    /// The ports that the workload, its annotations or a Service name.
    fn known(&self) -> KnownPorts {
        let declared = self.workload.ports.iter().map(|port| port.port);
        let targeted = self.edges.iter().map(|edge| edge.target);
        KnownPorts {
            ports: declared.chain(targeted).chain(self.around.declared()).collect(),
            services: self.edges.iter().map(|edge| (edge.port.port, edge.target)).collect(),
        }
    }

    /// Tells whoever names a port that is the proxy's own.
    fn note_own(&self, own: &BTreeSet<u16>, finding: &mut Finding) {
        for (source, policy) in &self.selecting {
            policy.ports.intersection(own).for_each(|port| own_port::note_policy(source, *port, finding));
        }
        for (source, covered) in self.around.covering() {
            let named = own.iter().filter(|port| covered.names(**port));
            named.for_each(|port| own_port::note_policy(source, *port, finding));
        }
        for edge in self.edges.iter().filter(|edge| own.contains(&edge.target)) {
            own_port::note_service(edge, finding);
        }
        for port in self.workload.ports.iter().filter(|port| own.contains(&port.port)) {
            own_port::note_owner(self.key.source(), "spec.ports", port.port, finding);
        }
        for (port, server) in self.around.servers().filter(|(port, _)| own.contains(port)) {
            own_port::note_owner(server.clone(), "spec.port", port, finding);
        }
    }

    fn numbers(&self) -> BTreeSet<u16> {
        let declared = self.workload.ports.iter().map(|port| port.port);
        let targeted = self.edges.iter().map(|edge| edge.target);
        let policies = self.selecting.iter().flat_map(|(_, policy)| policy.ports.iter().copied());
        declared.chain(targeted).chain(policies).chain(self.around.ports()).collect()
    }

    fn declared(&self, number: u16) -> Option<&heddle_model::fact::WorkloadPort> {
        self.workload.ports.iter().find(|port| port.port == number)
    }

    /// An InboundPolicy says it, else a Server, else the workload, else the Services, else the name of the port.
    fn protocol(&self, number: u16, finding: &mut Finding) -> Protocol {
        mtls::protocol(&self.selecting, number, finding)
            .or_else(|| self.around.protocol(number))
            .or_else(|| self.declared(number).and_then(|port| port.protocol))
            .or_else(|| port_protocol::from_services(self.services, self.edges, number, finding))
            .or_else(|| self.declared(number).and_then(|port| port.named))
            .unwrap_or_else(|| self.around.default_protocol(number))
    }

    fn mtls(&self, port: PortRef, finding: &mut Finding) -> (Mtls, Option<SourceRef>) {
        match mtls::mode(&self.selecting, port, finding) {
            Some((mtls, source)) => (mtls, Some(source)),
            None if self.workload.plane.is_some() => (Mtls::Permissive, None),
            None => (Mtls::Disabled, None),
        }
    }
}
