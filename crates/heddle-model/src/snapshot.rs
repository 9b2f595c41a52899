//! The mesh as resolved: what every projection, decision and status is a function of.

use crate::access::{Access, RateLimit};
use crate::fact::{Accrual, DataPlane, EgressNetwork, Locality, Mesh, Mtls, Protocol, ServiceForm};
use crate::http::HttpMatch;
use crate::network;
use crate::report::Report;
use crate::route::{RouteDefaults, RouteTable};
use crate::{
    AddressKey, ClusterNetwork, Diagnostic, Families, Family, Identity, Map, Name, Owner, ServiceKey,
    ServicePortKey, SourceRef, Uses, WorkloadKey,
};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The mesh as resolved. A clone shares everything; equal object sets make equal Snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The settings in force.
    pub mesh: Arc<Mesh>,
    /// Workloads that have not ended.
    pub workloads: Map<WorkloadKey, Arc<Workload>>,
    /// Services.
    pub services: Map<ServiceKey, Arc<Service>>,
    /// The endpoints of every port of every Service with a virtual IP or headless.
    pub endpoints: Map<ServicePortKey, Arc<Endpoints>>,
    /// Route tables. Absent: traffic of the port goes to its own endpoints.
    pub routes: Map<RouteKey, Arc<RouteTable<HttpMatch>>>,
    /// The owners of addresses.
    pub addresses: Map<AddressKey, Owner>,
    /// The networks of the cluster's Pods and Services, and the address of each Pod that none of them holds.
    pub networks: Map<IpNet, ClusterNetwork>,
    /// The networks outside of the mesh, as its EgressNetworks state them.
    pub egress: Map<SourceRef, Arc<EgressNetwork>>,
    /// The state of each route, policy and Mesh.
    pub reports: Map<SourceRef, Arc<Report>>,
    /// The faults of each object.
    pub diagnostics: Map<SourceRef, Arc<[Diagnostic]>>,
}

impl Snapshot {
    /// Returns the smallest network that holds an address.
    pub fn network_of(&self, address: IpAddr) -> Option<(IpNet, &ClusterNetwork)> {
        network::holding(address).find_map(|network| Some((network, self.networks.get(&network)?)))
    }

    /// Returns the network that holds an address and that is the Pods' and Services' alone. An address in it that
    /// nobody owns is refused: it may be a virtual IP or a Pod that is not known yet.
    pub fn closed_network_of(&self, address: IpAddr) -> Option<(IpNet, &ClusterNetwork)> {
        self.network_of(address).filter(|(_, network)| !network.shared)
    }
}

/// The key of a table of routes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteKey {
    /// The port that clients dial.
    pub port: ServicePortKey,
    /// `None` for all clients (producer routes), else the namespace whose clients have this table instead
    /// (consumer routes).
    pub consumer: Option<Name>,
}

/// One workload as resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The one concerned.
    pub key: WorkloadKey,
    /// Its identity; `None` has no proxy configuration and gets no certificate.
    pub identity: Option<Identity>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its proxy.
    pub plane: Option<DataPlane>,
    /// Its Node.
    pub node: Option<Name>,
    /// Its region.
    pub region: Option<Name>,
    /// Its zone.
    pub zone: Option<Name>,
    /// It shares its Node's addresses.
    pub host_network: bool,
    /// Ports its proxy never sees.
    pub skip_inbound_ports: BTreeSet<u16>,
    /// The Services of which its proxy is told unasked; `None` follows the Mesh.
    pub uses: Option<Uses>,
    /// Ports that a Service, the workload itself or a policy names, by number.
    pub inbound: Vec<InboundPort>,
    /// The rule of every other port.
    pub undeclared: InboundDefault,
}

/// A declared port of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundPort {
    /// The port to which peers connect.
    pub port: u16,
    /// The port at which the application listens.
    pub app_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its mTLS mode.
    pub mtls: Mtls,
    /// The policy that set the mode; `None` is the default.
    pub mtls_source: Option<SourceRef>,
    /// Its access rules.
    pub access: Arc<Access>,
    /// The number of requests that it takes.
    pub rate_limit: Option<Arc<RateLimit>>,
}

/// The rule of ports that nobody declared: their protocol is told from the first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundDefault {
    /// The mTLS mode.
    pub mtls: Mtls,
    /// The policy that set the mode.
    pub mtls_source: Option<SourceRef>,
    /// Its access rules.
    pub access: Arc<Access>,
}

/// One Service as resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The one concerned.
    pub key: ServiceKey,
    /// Its form. Virtual IPs that another Service owns are not here.
    pub form: ServiceForm,
    /// The families of its endpoints.
    pub families: Families,
    /// Its ports, by number.
    pub ports: Vec<ServicePort>,
    /// The preference among endpoints.
    pub locality: Locality,
    /// The time at which an endpoint that fails is left alone for a while; `None` is never.
    pub accrual: Option<Accrual>,
    /// The limits of requests for which no route says any.
    pub defaults: RouteDefaults,
}

/// A port of a Service as resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name; empty if it has none.
    pub name: Name,
    /// The number that clients dial.
    pub number: u16,
    /// Its protocol towards clients: `appProtocol`, else the kind of a route attached, else the name's prefix,
    /// else detected.
    pub protocol: Protocol,
}

/// The endpoints of one Service port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// By address, then port; each pair once.
    pub items: Vec<Endpoint>,
    /// The reason for which no endpoint gets requests; `None` where one does.
    pub absent: Option<Arc<str>>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address or port to connect to.
    pub address: IpAddr,
    /// The address or port to connect to.
    pub port: u16,
    /// Its workload, if that is known.
    pub workload: Option<WorkloadKey>,
    /// The transport of whoever can speak all that its proxy understands; what holds for the proxies of one
    /// plane is [`Endpoint::transport_from`].
    pub transport: Transport,
    /// Its readiness for new requests.
    pub health: Health,
    /// Its Node.
    pub node: Option<Name>,
    /// Its region.
    pub region: Option<Name>,
    /// Its zone.
    pub zone: Option<Name>,
    /// The proxy of ours that takes connections there; `None` where none does.
    pub server: Option<EndpointServer>,
}

/// The proxy in front of an endpoint: what some clients must know to speak to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointServer {
    /// Its data plane.
    pub plane: DataPlane,
    /// As what it takes the port.
    pub protocol: Protocol,
    /// The mTLS mode there.
    pub mtls: Mtls,
}

/// The transport to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// In plain text.
    Plain,
    /// With mesh TLS, expecting this identity.
    Mesh(Identity),
    /// Not at all: its port is Strict and it has no identity.
    Refused,
}

/// The readiness of an endpoint for new requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Yes.
    Ready,
    /// Only where no endpoint is ready: terminating, but still serving (as kube-proxy does).
    Draining,
}

impl Endpoint {
    /// Returns the family of its address.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }
}

impl Endpoints {
    /// Returns those of one family, or all of them.
    pub fn of_family(&self, family: Option<Family>) -> impl Iterator<Item = &Endpoint> + Clone {
        self.items.iter().filter(move |item| family.is_none_or(|family| item.family() == family))
    }
}

/// A key of the Snapshot whose value changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The settings.
    Mesh,
    /// A workload appeared, changed or went.
    Workload(WorkloadKey),
    /// A Service appeared, changed or went.
    Service(ServiceKey),
    /// The endpoints of a port.
    Endpoints(ServicePortKey),
    /// A table of routes.
    Routes(RouteKey),
    /// The owner of an address.
    Address(AddressKey),
    /// A network of the cluster.
    Network(IpNet),
    /// An EgressNetwork.
    Egress(SourceRef),
    /// The state of an object.
    Report(SourceRef),
    /// The faults of an object.
    Diagnostics(SourceRef),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn the_smallest_network_decides() {
        let mut snapshot = Snapshot::default();
        for (network, shared) in [("10.0.0.0/8", true), ("10.1.0.0/16", false), ("fd00::/8", false)] {
            let source = SourceRef::new(Kind::Mesh, "", "default");
            let network: IpNet = network.parse().expect("a network");
            snapshot.networks.insert(network, ClusterNetwork { source, shared });
        }
        let closed = |address: &str| {
            let found = snapshot.closed_network_of(address.parse().expect("an address"));
            found.map(|(network, _)| network.to_string())
        };
        assert_eq!(closed("10.1.2.3").as_deref(), Some("10.1.0.0/16"));
        assert_eq!(closed("10.2.2.3"), None);
        assert_eq!(closed("fd00::1").as_deref(), Some("fd00::/8"));
        assert_eq!(closed("192.0.2.1"), None);
    }
}
