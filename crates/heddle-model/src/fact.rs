//! Facts: the content of one object, after its Kubernetes type has ended.

use crate::access::{Action, Mode, Posture, Rule};
use crate::http::{Filters, Fraction, HttpMatch, Redirect};
use crate::report::ParentRef;
use crate::route::{Retry, RouteDefaults};
use crate::server::{Authentication, Authorization, ProxyConfig, RateLimitPolicy, Server};
use crate::{Families, Identity, Name, ServiceKey, Uses};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

pub use crate::port::{PortProtocol, Protocol, TargetPort};

pub use crate::labels::Labels;

/// The content of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A Namespace.
    Namespace(Namespace),
    /// A Node.
    Node(Node),
    /// A ServiceCIDR.
    ServiceCidr(ServiceCidr),
    /// A Pod or an ExternalWorkload.
    Workload(Workload),
    /// A Service.
    Service(Service),
    /// An EndpointSlice.
    Slice(Slice),
    /// A ReferenceGrant.
    Grant(PodGrant),
    /// An HTTPRoute of either group, a GRPCRoute, or a ServiceProfile.
    HttpRoute(Route<HttpMatch>),
    /// The Mesh.
    Mesh(Mesh),
    /// An InboundPolicy.
    InboundPolicy(InboundPolicy),
    /// An AccessPolicy.
    AccessPolicy(AccessPolicy),
    /// A Server.
    Server(Server),
    /// A ServerAuthorization or an AuthorizationPolicy.
    Authorization(Authorization),
    /// A MeshTLSAuthentication or a NetworkAuthentication.
    Authentication(Authentication),
    /// An HTTPLocalRateLimitPolicy.
    RateLimit(RateLimitPolicy),
    /// An EgressNetwork.
    Egress(EgressNetwork),
    /// An object that cannot be read at all. It replaces what the object said before, in the narrowest safe
    /// meaning: an AccessPolicy is an enforced Allow without rules over its whole namespace (it admits nobody),
    /// an InboundPolicy makes its whole namespace Strict, the Mesh `default` has posture Deny and egress Deny,
    /// a Server closes its whole namespace as an AccessPolicy does, an EgressNetwork denies all that is outside.
    /// Everything else is absent: a route too, because its parents are unknown.
    Invalid(Invalid),
}

/// Writes `as_…` for variants of [`Fact`]: what the object says, or `None` for a fact of another form.
macro_rules! accessors {
    ($($name:ident $variant:ident $type:ty;)*) => {
        impl Fact {
            $(
                #[doc = concat!("Returns what [`Self::", stringify!($variant), "`] says; `None` for another fact.")]
                pub fn $name(&self) -> Option<&$type> {
                    if let Self::$variant(value) = self { Some(value) } else { None }
                }
            )*
        }
    };
}

accessors! {
    as_namespace Namespace Namespace;
    as_node Node Node;
    as_service_cidr ServiceCidr ServiceCidr;
    as_workload Workload Workload;
    as_service Service Service;
    as_slice Slice Slice;
    as_grant Grant PodGrant;
    as_http_route HttpRoute Route<HttpMatch>;
    as_inbound_policy InboundPolicy InboundPolicy;
    as_access_policy AccessPolicy AccessPolicy;
    as_server Server Server;
    as_authorization Authorization Authorization;
    as_authentication Authentication Authentication;
    as_rate_limit RateLimit RateLimitPolicy;
    as_egress Egress EgressNetwork;
    as_invalid Invalid Invalid;
}

/// An object that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The reason, with field and value.
    pub message: String,
}

/// A Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Annotation `heddle.dev/default-posture`; `None` follows the Mesh.
    pub posture: Option<Posture>,
    /// Annotation `heddle.dev/uses`, for workloads that do not have it.
    pub uses: Option<Uses>,
    /// The settings of proxies of workloads that do not state them.
    pub config: Option<Box<ProxyConfig>>,
}

/// A Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `status.addresses` of types `InternalIP` and `ExternalIP`.
    pub addresses: Vec<IpAddr>,
    /// Label `topology.kubernetes.io/region`.
    pub region: Option<Name>,
    /// Label `topology.kubernetes.io/zone`.
    pub zone: Option<Name>,
    /// `spec.podCIDRs`.
    pub pod_cidrs: Vec<IpNet>,
}

/// A ServiceCIDR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceCidr {
    /// `spec.cidrs`.
    pub cidrs: Vec<IpNet>,
}

/// The proxy beside a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataPlane {
    /// An Envoy sidecar.
    Envoy,
    /// A linkerd2-proxy sidecar.
    Linkerd,
}

/// A Pod or an ExternalWorkload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its labels.
    pub labels: Labels,
    /// Its addresses; empty until it has one.
    pub addresses: Vec<IpAddr>,
    /// Its ServiceAccount; `None` where the name makes no identity (a diagnostic says why).
    pub identity: Option<Identity>,
    /// Label `heddle.dev/plane`; `None` for a workload without a proxy.
    pub plane: Option<DataPlane>,
    /// The Node it runs on.
    pub node: Option<Name>,
    /// Its own zone, where no Node says it (ExternalWorkload `spec.zone`).
    pub zone: Option<Name>,
    /// It shares its Node's addresses: it owns none, and no proxy captures its traffic.
    pub host_network: bool,
    /// It has ended: it owns no address any more. A Pod that is being deleted still serves while its containers
    /// run, and has not ended.
    pub ended: bool,
    /// It is being deleted: another Pod that has one of its addresses owns it.
    pub deleting: bool,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
    /// Ports it declares: named container ports, or an ExternalWorkload's ports.
    pub ports: Vec<WorkloadPort>,
    /// Annotation `heddle.dev/skip-inbound-ports`: its proxy never sees these.
    pub skip_inbound_ports: BTreeSet<u16>,
    /// Annotation `heddle.dev/uses`; `None` follows the Namespace.
    pub uses: Option<Uses>,
    /// Further settings of its proxy, by annotations.
    pub config: Option<Box<ProxyConfig>>,
}

/// A port that a workload declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPort {
    /// Its name, for named target ports.
    pub name: Option<Name>,
    /// The port to which peers connect.
    pub port: u16,
    /// The port at which the application listens: differs from `port` only where a proxy binds `port` itself.
    pub app_port: u16,
    /// Its protocol, if stated.
    pub protocol: Option<Protocol>,
    /// The protocol that the prefix of its name says, where nobody else says it.
    pub named: Option<Protocol>,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its form.
    pub form: ServiceForm,
    /// The families of its virtual IPs; without any, `spec.ipFamilies`.
    pub families: Families,
    /// Its TCP ports, by number.
    pub ports: Vec<ServicePort>,
    /// Annotation `config.linkerd.io/opaque-ports`, by port number; `None` where the Service has none.
    pub opaque_ports: Option<BTreeSet<u16>>,
    /// Labels of the workloads behind it; empty selects none.
    pub selector: Labels,
    /// Endpoints that are not ready are used too.
    pub publish_not_ready: bool,
    /// The preference for near endpoints.
    pub locality: Locality,
    /// The time at which an endpoint that fails is left alone.
    pub accrual: Option<Accrual>,
    /// The limits of requests for which no route says any.
    pub defaults: RouteDefaults,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
}

/// The time at which an endpoint that fails is left alone (Linkerd's annotations `balancer.linkerd.io/failure-accrual…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accrual {
    /// Failures in a row after which it is.
    pub max_failures: u32,
    /// For how long at first; doubled each time it fails again.
    pub min_penalty: Duration,
    /// For how long at most.
    pub max_penalty: Duration,
    /// By how much each time is varied, in percent.
    pub jitter_percent: u16,
}

/// Destinations outside of the mesh that are given a name (Linkerd's `EgressNetwork`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressNetwork {
    /// The addresses; clients of the namespace that it lies in are meant, or all clients if that is the Mesh's
    /// global egress namespace. In a fact, none are all that lie outside of the Mesh's networks.
    pub networks: Vec<crate::access::Network>,
    /// The fate of connections to them.
    pub policy: Egress,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
}

/// The form of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceForm {
    /// By virtual IPs, in the order of `spec.clusterIPs`.
    Virtual(Vec<IpAddr>),
    /// By the addresses of its endpoints.
    Headless,
    /// By another DNS name: not a destination of the mesh.
    External(Name),
}

/// The preference among endpoints (`spec.trafficDistribution`, `spec.internalTrafficPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locality {
    /// All alike.
    #[default]
    Any,
    /// Those of the client's zone while there are any.
    PreferZone,
    /// Those of the client's Node while there are any, then those of its zone.
    PreferNode,
    /// Only those of the client's Node.
    OnlyNode,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`; empty if the Service has one port without a name.
    pub name: Name,
    /// `port`: what clients dial.
    pub number: u16,
    /// `targetPort`: where the workloads listen.
    pub target: TargetPort,
    /// The Service's statement about its protocol.
    pub protocol: PortProtocol,
}

/// An EndpointSlice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Label `kubernetes.io/service-name`; `None` belongs to no Service.
    pub service: Option<ServiceKey>,
    /// Ports, by the Service port's name. An entry without a number means every port (and is not here).
    pub ports: Vec<(Name, u16)>,
    /// Its endpoints.
    pub endpoints: Vec<SliceEndpoint>,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// The first address; the others are aliases that clients must not use.
    pub address: IpAddr,
    /// The Pod it names (`targetRef`).
    pub pod: Option<Name>,
    /// The Pod's namespace, where it is another than the slice's.
    pub pod_namespace: Option<Name>,
    /// The Node it names.
    pub node: Option<Name>,
    /// The zone it names.
    pub zone: Option<Name>,
    /// `conditions.ready`; unset means true.
    pub ready: bool,
    /// `conditions.serving`; unset means `ready`.
    pub serving: bool,
    /// `conditions.terminating`; unset means false.
    pub terminating: bool,
}

/// A ReferenceGrant as far as it speaks of Pods: Services of other namespaces may have them as endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodGrant {
    /// The namespaces of the Services.
    pub from: BTreeSet<Name>,
    /// The Pods, of the grant's own namespace.
    pub pods: GrantedPods,
}

/// The Pods that a grant speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantedPods {
    /// All of its namespace.
    All,
    /// Those of these names.
    Named(BTreeSet<Name>),
}

impl Default for GrantedPods {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl PodGrant {
    /// Returns whether a Service of a namespace may have a Pod of this name as an endpoint.
    pub fn allows(&self, from: &Name, pod: &Name) -> bool {
        let is_named = match &self.pods {
            GrantedPods::All => true,
            GrantedPods::Named(names) => names.contains(pod),
        };
        is_named && self.from.contains(from)
    }
}

/// A route of any kind, generic over what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<M> {
    /// Parents, in the order written.
    pub parents: Vec<ParentRef>,
    /// Rules, in the order written.
    pub rules: Vec<RouteRule<M>>,
    /// The reason for which a Server cannot take it as it is meant.
    pub unservable: Option<String>,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
}

/// A rule of a route, its references not resolved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule<M> {
    /// Any of these; never empty (the default match is written out).
    pub matches: Vec<M>,
    /// Changes to what passes.
    pub filters: Filters,
    /// The answer in place of every backend.
    pub redirect: Option<Redirect>,
    /// Places that get copies of requests, in the order written.
    pub mirrors: Vec<MirrorRef>,
    /// Backends, in the order written, weight 0 included.
    pub backends: Vec<BackendRef>,
    /// Requests go where they would without the route: to the endpoints of the port that was dialled.
    pub own_endpoints: bool,
    /// `timeouts.request`
    pub request_timeout: Option<Duration>,
    /// `timeouts.backendRequest`
    pub backend_timeout: Option<Duration>,
    /// `retry`
    pub retry: Option<Retry>,
    /// A part of the rule cannot be honoured: every request it matches is answered 500.
    pub broken: bool,
}

/// A reference to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendRef {
    /// The Service and port, or why the reference can never resolve.
    pub target: Result<(ServiceKey, u16), (&'static str, String)>,
    /// Its weight, 1 if unset.
    pub weight: u32,
    /// Changes to what goes to this backend and comes from it.
    pub filters: Filters,
    /// A filter of this backend cannot be honoured: its share is answered 500.
    pub broken: bool,
}

/// A reference to a place that gets copies of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRef {
    /// The filter that says so, by its path in the object.
    pub field: String,
    /// The Service and port, or why the reference can never resolve.
    pub target: Result<(ServiceKey, u16), (&'static str, String)>,
    /// The share of the requests.
    pub fraction: Fraction,
}

/// The Mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// Trust domain of all identities.
    pub trust_domain: Name,
    /// Suffix of the DNS names of all identities.
    pub identity_suffix: Name,
    /// The networks of the cluster's Pods and Services, as stated; none means those of ServiceCIDRs and Nodes. Those in
    /// force are [`crate::Snapshot::networks`].
    pub networks: Vec<IpNet>,
    /// Networks in which hand-made claims of a namespace count for all clients.
    pub address_grants: BTreeMap<Name, Vec<IpNet>>,
    /// The rule of ports that no policy covers, where the Namespace does not state one.
    pub posture: Posture,
    /// The part of the mesh that proxies are told of.
    pub scope: Scope,
    /// The fate of connections to destinations outside the mesh.
    pub egress: Egress,
    /// The requests that are logged.
    pub access_log: AccessLog,
    /// The time that connecting to an endpoint may take.
    pub connect_timeout: Duration,
}

impl Mesh {
    /// Returns whether the cluster moves from Linkerd: its identities have the names that Linkerd gives, so that Services have
    /// Linkerd's default opaque ports.
    pub fn moves_from_linkerd(&self) -> bool {
        self.identity_suffix.starts_with("linkerd.")
    }

    /// Returns whether hand-made claims of a namespace on an address count for all clients. Loopback addresses reach
    /// the facts only from a source whose network the loopback is, and count as granted.
    pub fn grants(&self, namespace: &Name, address: IpAddr) -> bool {
        let granted = || self.address_grants.get(namespace).map_or(&[][..], Vec::as_slice);
        address.is_loopback() || granted().iter().any(|network| network.contains(&address))
    }
}

impl Default for Mesh {
    /// Returns what holds while there is no Mesh object.
    fn default() -> Self {
        Self {
            trust_domain: "cluster.local".into(),
            identity_suffix: "heddle.cluster.local".into(),
            networks: Vec::new(),
            address_grants: BTreeMap::new(),
            posture: Posture::Allow,
            scope: Scope::OnDemand,
            egress: Egress::Allow,
            access_log: AccessLog::Off,
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// The part of the mesh that a proxy is told of, where it can ask for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The Services that its workload dials, from when they are first dialled on.
    OnDemand,
    /// All Services.
    All,
}

/// The fate of connections to destinations outside the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Egress {
    /// Passed through as they are.
    Allow,
    /// Refused.
    Deny,
}

/// The requests that proxies log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that failed: status 500 and above, or refused by policy.
    Errors,
    /// All.
    All,
}

/// mTLS of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mtls {
    /// No mesh TLS.
    Disabled,
    /// Mesh TLS, the application's own TLS, and plain text; only the first is authenticated.
    Permissive,
    /// Mesh TLS only.
    Strict,
}

/// An InboundPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundPolicy {
    /// Labels of the workloads; empty selects every workload of the namespace.
    pub selector: Labels,
    /// Ports, as peers dial them; empty means all, declared or not.
    pub ports: BTreeSet<u16>,
    /// The protocol of the ports.
    pub protocol: Option<Protocol>,
    /// mTLS of the ports.
    pub mtls: Option<Mtls>,
}

/// An AccessPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPolicy {
    /// The part of the namespace that it covers.
    pub covers: Covers,
    /// Its action.
    pub action: Action,
    /// Its mode.
    pub mode: Mode,
    /// Rules, in the order written, each already in its narrowest safe meaning.
    pub rules: Vec<Rule>,
}

/// The part of its namespace that an AccessPolicy covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// The whole namespace.
    Namespace,
    /// The selected workloads of the namespace, at these ports (empty: all).
    Workloads {
        /// Their labels.
        selector: Labels,
        /// Ports as peers dial them.
        ports: BTreeSet<u16>,
    },
    /// The workloads behind these Services, or the requests of these routes; all of the policy's own namespace.
    Targets(Vec<Target>),
}

/// A target of an AccessPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The workloads and target ports behind a Service, or behind one of its ports.
    Service {
        /// Its name.
        name: Name,
        /// `sectionName`: the name of one port.
        port: Option<Name>,
    },
    /// The requests that a route matches, at the workloads behind the Services it is attached to.
    HttpRoute {
        /// Its name.
        name: Name,
    },
}
