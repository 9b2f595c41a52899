//! Random objects of a small world, where much refers to much.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

mod linkerd;

use heddle_model::access::{Action, Mode, Posture, Rule};
use heddle_model::fact::*;
use heddle_model::http::{Filters, Fraction, HttpMatch, KeyMatch, PathChange, PathMatch, ValueMatch};
use heddle_model::report::ParentRef;
use heddle_model::server::ProxyConfig;
use heddle_model::{
    Diagnostic, Fact, Families, Family, Identity, Kind, Lowered, Meta, Name, ServiceKey, SourceRef, Uses,
};
use ipnet::IpNet;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

/// One object, of any kind.
pub(crate) fn lowered() -> impl Strategy<Value = Lowered> {
    let source = select(Kind::ALL.to_vec()).prop_flat_map(source);
    source.prop_flat_map(|source| {
        let fact = prop_oneof![19 => fact(source.kind), 1 => invalid()];
        (Just(source), fact, any::<bool>(), 0..3i64).prop_map(|(source, mut fact, flawed, generation)| {
            if let Fact::Slice(Slice { service: Some(service), .. }) = &mut fact {
                service.namespace = source.namespace.clone();
            }
            let flaw = |object| Diagnostic {
                object,
                field: "spec.x".into(),
                reason: "UnsupportedValue",
                message: "x is not y".into(),
            };
            let diagnostics = if flawed { vec![flaw(source.clone())] } else { Vec::new() };
            Lowered { source, fact, diagnostics, meta: Meta { generation, ..Meta::default() } }
        })
    })
}

/// One of few names of a kind.
pub(crate) fn source(kind: Kind) -> BoxedStrategy<SourceRef> {
    match kind {
        Kind::Namespace => namespace().prop_map(|name| SourceRef::new(Kind::Namespace, "", name)).boxed(),
        Kind::Node | Kind::ServiceCidr => node().prop_map(move |name| SourceRef::new(kind, "", name)).boxed(),
        Kind::Mesh => {
            name(&["default", "other"]).prop_map(|name| SourceRef::new(Kind::Mesh, "", name)).boxed()
        }
        kind => (namespace(), object()).prop_map(move |(ns, name)| SourceRef::new(kind, ns, name)).boxed(),
    }
}

fn name(from: &'static [&'static str]) -> impl Strategy<Value = Name> + Clone {
    select(from).prop_map(Name::from)
}

fn namespace() -> impl Strategy<Value = Name> + Clone {
    name(&["a", "b"])
}

fn object() -> impl Strategy<Value = Name> + Clone {
    name(&["x", "y"])
}

fn node() -> impl Strategy<Value = Name> + Clone {
    name(&["n1", "n2"])
}

/// Those of workloads, endpoints and Nodes; some of them are virtual IPs too.
fn address() -> impl Strategy<Value = IpAddr> + Clone {
    select(vec!["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.1.0.1", "fd00::1"])
        .prop_map(|text| text.parse().unwrap())
}

fn created() -> impl Strategy<Value = Option<i64>> + Clone {
    option::of(0..3i64)
}

fn service_ip() -> impl Strategy<Value = IpAddr> + Clone {
    select(vec!["10.0.0.3", "10.1.0.1", "10.1.0.2", "fd00::2"]).prop_map(|text| text.parse().unwrap())
}

fn number() -> impl Strategy<Value = u16> + Clone {
    select(vec![80u16, 81, 8080])
}

fn protocol() -> impl Strategy<Value = Protocol> + Clone {
    select(vec![Protocol::Http, Protocol::Grpc, Protocol::Tcp])
}

fn labels() -> impl Strategy<Value = Labels> + Clone {
    prop_oneof![
        Just(Labels::new()),
        Just([("app".into(), "x".into())].into_iter().collect()),
        Just([("app".into(), "y".into())].into_iter().collect()),
        Just([("app".into(), "x".into()), ("tier".into(), "t".into())].into_iter().collect()),
    ]
}

fn posture() -> impl Strategy<Value = Posture> {
    select(vec![Posture::Allow, Posture::Authenticated, Posture::Deny])
}

fn uses() -> impl Strategy<Value = Option<Uses>> {
    option::of(select(vec![Uses::All, Uses::Services([ServiceKey::new("a", "s")].into())]))
}

fn invalid() -> impl Strategy<Value = Fact> {
    Just(Fact::Invalid(Invalid { message: "spec is not a map".into() }))
}

fn fact(kind: Kind) -> BoxedStrategy<Fact> {
    match kind {
        Kind::Namespace => (option::of(posture()), config(), uses())
            .prop_map(|(posture, config, uses)| Fact::Namespace(Namespace { posture, uses, config }))
            .boxed(),
        Kind::Node => {
            (vec(address(), 0..2), option::of(name(&["r"])), option::of(name(&["z1", "z2"])), cidrs())
                .prop_map(|(addresses, region, zone, pod_cidrs)| {
                    Fact::Node(Node { addresses, region, zone, pod_cidrs })
                })
                .boxed()
        }
        Kind::ServiceCidr => cidrs().prop_map(|cidrs| Fact::ServiceCidr(ServiceCidr { cidrs })).boxed(),
        Kind::Pod => workload().prop_map(Fact::Workload).boxed(),
        Kind::ExternalWorkload | Kind::LinkerdExternalWorkload => {
            workload().prop_map(|workload| Fact::Workload(outside(workload))).boxed()
        }
        Kind::Service => service().prop_map(Fact::Service).boxed(),
        Kind::EndpointSlice => slice().prop_map(Fact::Slice).boxed(),
        Kind::HttpRoute | Kind::GrpcRoute | Kind::LinkerdHttpRoute | Kind::ServiceProfile => {
            route().prop_map(Fact::HttpRoute).boxed()
        }
        Kind::ReferenceGrant => grant().prop_map(Fact::Grant).boxed(),
        Kind::Mesh => mesh().prop_map(Fact::Mesh).boxed(),
        Kind::InboundPolicy => inbound().prop_map(Fact::InboundPolicy).boxed(),
        Kind::AccessPolicy => access().prop_map(Fact::AccessPolicy).boxed(),
        Kind::Server => linkerd::server().prop_map(Fact::Server).boxed(),
        Kind::ServerAuthorization | Kind::AuthorizationPolicy => {
            linkerd::authorization().prop_map(Fact::Authorization).boxed()
        }
        Kind::MeshTlsAuthentication | Kind::NetworkAuthentication => {
            linkerd::authentication().prop_map(Fact::Authentication).boxed()
        }
        Kind::RateLimitPolicy => linkerd::rate_limit().prop_map(Fact::RateLimit).boxed(),
        Kind::EgressNetwork => linkerd::egress().prop_map(Fact::Egress).boxed(),
    }
}

fn cidrs() -> impl Strategy<Value = Vec<IpNet>> {
    let some = ["10.0.0.0/30", "10.0.0.2/31", "10.0.0.3/32", "10.1.0.0/16", "fd00::/64"];
    vec(select(some.map(|text| text.parse().unwrap()).to_vec()), 0..3)
}

fn mesh() -> impl Strategy<Value = Mesh> {
    let suffix = name(&["heddle.cluster.local", "linkerd.cluster.local"]);
    let grants = vec((namespace(), select(vec!["10.0.0.0/24", "10.0.0.2/32", "fd00::/16"])), 0..3);
    (posture(), mesh_networks(), suffix, grants).prop_map(|(posture, networks, identity_suffix, grants)| {
        Mesh {
            posture,
            networks,
            address_grants: grants.into_iter().map(|(to, cidr)| (to, vec![cidr.parse().unwrap()])).collect(),
            identity_suffix,
            ..Mesh::default()
        }
    })
}

fn mesh_networks() -> impl Strategy<Value = Vec<IpNet>> {
    let some = ["10.0.0.0/8", "10.0.0.0/30", "fd00::/8"];
    prop_oneof![Just(Vec::new()), vec(select(some.map(|text| text.parse().unwrap()).to_vec()), 0..3)]
}

fn config() -> impl Strategy<Value = Option<Box<ProxyConfig>>> {
    let ports = || option::of(btree_set(number(), 0..2));
    let config = (option::of(linkerd::default_policy()), ports(), ports());
    option::of(config.prop_map(|(default_policy, opaque_ports, skip_inbound_ports)| {
        Box::new(ProxyConfig { default_policy, opaque_ports, skip_inbound_ports })
    }))
}

fn workload() -> impl Strategy<Value = Workload> {
    let plane = select(vec![None, Some(DataPlane::Envoy), Some(DataPlane::Linkerd)]);
    let who = (labels(), vec(address(), 0..3), option::of(object()), plane);
    let place = (option::of(node()), option::of(name(&["z3"])), any::<bool>());
    let age = (prop::bool::weighted(0.2), prop::bool::weighted(0.3), created());
    (who, place, age, vec(workload_port(), 0..3), btree_set(number(), 0..2), (config(), uses())).prop_map(
        |(who, place, (ended, deleting, created), ports, skip, (config, uses))| {
            let (labels, addresses, account, plane) = who;
            let (node, zone, host_network) = place;
            Workload {
                labels,
                addresses,
                identity: account.map(|account| Identity::new("a", account).unwrap()),
                plane,
                node,
                zone,
                host_network,
                ended,
                deleting,
                created,
                ports,
                skip_inbound_ports: skip,
                uses,
                config,
            }
        },
    )
}

/// As an ExternalWorkload: it neither ends nor shares the network of a Node.
fn outside(workload: Workload) -> Workload {
    Workload { host_network: false, ended: false, deleting: false, ..workload }
}

fn workload_port() -> impl Strategy<Value = WorkloadPort> {
    let protocols = (option::of(protocol()), option::of(protocol()));
    (option::of(name(&["p", "q"])), number(), number(), protocols).prop_map(
        |(name, port, app_port, (protocol, named))| WorkloadPort { name, port, app_port, protocol, named },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let form = prop_oneof![
        6 => vec(service_ip(), 0..3).prop_map(ServiceForm::Virtual),
        3 => Just(ServiceForm::Headless),
        1 => Just(ServiceForm::External("example.com".into())),
    ];
    let opaque = option::weighted(0.3, btree_set(number(), 0..2));
    (form, vec(service_port(), 1..3), opaque, labels(), any::<bool>(), created()).prop_map(
        |(form, mut ports, opaque_ports, selector, publish_not_ready, created)| {
            ports.sort_by_key(|port| port.number);
            ports.dedup_by_key(|port| port.number);
            let addresses = match &form {
                ServiceForm::Virtual(addresses) => addresses.as_slice(),
                ServiceForm::Headless | ServiceForm::External(_) => &[],
            };
            Service {
                families: Families::from_list(addresses.iter().map(|address| Family::of(*address))),
                form,
                ports,
                opaque_ports,
                selector,
                publish_not_ready,
                locality: Locality::Any,
                accrual: None,
                defaults: Default::default(),
                created,
            }
        },
    )
}

fn service_port() -> impl Strategy<Value = ServicePort> {
    let target =
        prop_oneof![number().prop_map(TargetPort::Number), name(&["p", "q"]).prop_map(TargetPort::Name)];
    let protocol = prop_oneof![
        Just(PortProtocol::Unset),
        protocol().prop_map(PortProtocol::Named),
        protocol().prop_map(PortProtocol::Declared),
    ];
    (name(&["p", "q"]), number(), target, protocol).prop_map(|(name, number, target, protocol)| ServicePort {
        name,
        number,
        target,
        protocol,
    })
}

fn key() -> impl Strategy<Value = ServiceKey> + Clone {
    (namespace(), object()).prop_map(|(namespace, name)| ServiceKey { namespace, name })
}

fn slice() -> impl Strategy<Value = Slice> {
    (option::weighted(0.9, key()), vec((name(&["p", "q"]), number()), 1..3), vec(endpoint(), 0..4), created())
        .prop_map(|(service, ports, endpoints, created)| Slice { service, ports, endpoints, created })
}

fn endpoint() -> impl Strategy<Value = SliceEndpoint> {
    let pod = (option::of(object()), option::weighted(0.3, namespace()));
    let place = (option::of(node()), option::of(name(&["z4"])));
    (address(), pod, place, any::<[bool; 3]>()).prop_map(
        |(address, (pod, pod_namespace), (node, zone), [ready, serving, terminating])| SliceEndpoint {
            address,
            pod_namespace: pod_namespace.filter(|_| pod.is_some()),
            pod,
            node,
            zone,
            ready,
            serving,
            terminating,
        },
    )
}

fn grant() -> impl Strategy<Value = PodGrant> {
    let pods = prop_oneof![Just(GrantedPods::All), object().prop_map(|pod| GrantedPods::Named([pod].into()))];
    (btree_set(namespace(), 0..3), pods).prop_map(|(from, pods)| PodGrant { from, pods })
}

fn matcher() -> impl Strategy<Value = HttpMatch> {
    let path = prop_oneof![
        Just(PathMatch::Exact("/x".into())),
        Just(PathMatch::Prefix("/x".into())),
        Just(PathMatch::Regex("/x.*".into())),
    ];
    let header = Just(KeyMatch { name: "h".into(), value: ValueMatch::Exact("v".into()) });
    let query = Just(KeyMatch { name: "q".into(), value: ValueMatch::Present });
    (option::of(path), option::of(name(&["GET"])), vec(header, 0..2), vec(query, 0..2))
        .prop_map(|(path, method, headers, query)| HttpMatch { path, method, headers, query })
}

fn parent() -> impl Strategy<Value = ParentRef> {
    prop_oneof![3 => service_parent(), 1 => linkerd::server_parent()]
}

fn service_parent() -> impl Strategy<Value = ParentRef> {
    let group = select(vec![Some(""), Some(""), Some("core"), None]);
    let port = (option::weighted(0.2, name(&["p"])), option::weighted(0.3, number()));
    (group, option::of(namespace()), object(), port).prop_map(|(group, namespace, name, (section, port))| {
        ParentRef {
            group: group.map(String::from),
            kind: Some("Service".into()),
            namespace: namespace.map(|name| name.to_string()),
            name: name.to_string(),
            section_name: section.map(|name| name.to_string()),
            port,
        }
    })
}

fn backend() -> impl Strategy<Value = BackendRef> {
    let target = prop_oneof![
        8 => (key(), number()).prop_map(Ok),
        1 => Just(Err(("InvalidKind", "no Service".to_string()))),
    ];
    (target, 0..3u32, prop::bool::weighted(0.1)).prop_map(|(target, weight, broken)| BackendRef {
        target,
        weight,
        filters: Default::default(),
        broken,
    })
}

fn mirror() -> impl Strategy<Value = MirrorRef> {
    let fraction = select(vec![0, 1]).prop_map(|numerator| Fraction { numerator, denominator: 2 });
    let field = "spec.rules[0].filters[0].requestMirror.backendRef";
    (key(), number(), fraction).prop_map(move |(service, port, fraction)| MirrorRef {
        field: field.into(),
        target: Ok((service, port)),
        fraction,
    })
}

fn filters() -> impl Strategy<Value = Filters> {
    let path = select(vec![
        PathChange::Full("/b".into()),
        PathChange::Prefix { of: "/a".into(), with: "".into() },
        PathChange::Prefix { of: "".into(), with: "/a".into() },
    ]);
    let parts = (option::weighted(0.2, path), option::weighted(0.1, Just(Name::from("other"))));
    parts.prop_map(|(path, host)| Filters { host, path, ..Filters::default() })
}

fn route() -> impl Strategy<Value = Route<HttpMatch>> {
    let flags = (any::<bool>(), prop::bool::weighted(0.2));
    let rule = (vec(matcher(), 1..3), filters(), vec(mirror(), 0..2), vec(backend(), 0..3), flags);
    let rule = rule.prop_map(|(matches, filters, mirrors, backends, (own_endpoints, broken))| RouteRule {
        matches,
        own_endpoints: own_endpoints && backends.is_empty(),
        filters,
        redirect: None,
        mirrors,
        backends,
        request_timeout: None,
        backend_timeout: None,
        retry: None,
        broken,
    });
    let unservable = option::weighted(0.2, Just("it has a filter".to_string()));
    (vec(parent(), 1..3), vec(rule, 1..3), unservable, option::of(0..3i64))
        .prop_map(|(parents, rules, unservable, created)| Route { parents, rules, unservable, created })
}

fn inbound() -> impl Strategy<Value = InboundPolicy> {
    let mtls = option::of(select(vec![Mtls::Disabled, Mtls::Permissive, Mtls::Strict]));
    (labels(), btree_set(number(), 0..2), option::of(protocol()), mtls)
        .prop_map(|(selector, ports, protocol, mtls)| InboundPolicy { selector, ports, protocol, mtls })
}

fn access() -> impl Strategy<Value = AccessPolicy> {
    let target = prop_oneof![
        (object(), option::of(name(&["p", "q"]))).prop_map(|(name, port)| Target::Service { name, port }),
        object().prop_map(|name| Target::HttpRoute { name }),
    ];
    let covers = prop_oneof![
        Just(Covers::Namespace),
        (labels(), btree_set(number(), 0..2))
            .prop_map(|(selector, ports)| Covers::Workloads { selector, ports }),
        vec(target, 1..3).prop_map(Covers::Targets),
    ];
    let action = select(vec![Action::Allow, Action::Deny]);
    let mode = select(vec![Mode::Enforce, Mode::Audit]);
    (covers, action, mode, vec(Just(Rule::default()), 0..2))
        .prop_map(|(covers, action, mode, rules)| AccessPolicy { covers, action, mode, rules })
}
