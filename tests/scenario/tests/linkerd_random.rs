//! linkerd2-proxies do with their answers what is decided, whatever the tables and policies.

use heddle_decide::{Call, Client, HttpCall, Request};
use heddle_linkerd::limitations;
use heddle_model::access::{
    Access, AccessEntry, Action, Governor, Mode, Network, Peer, Policy, Posture, Principal, RequestMatch,
    RouteAccess, Rule, Sight, Unmatched,
};
use heddle_model::fact::{DataPlane, Locality, Mtls, Protocol, ServiceForm};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::route::{Backend, RouteDefaults, RouteEntry, RouteRule, RouteTable, WeightedBackend};
use heddle_model::snapshot::{
    Endpoint, EndpointServer, Endpoints, Health, InboundDefault, InboundPort, Key, RouteKey, Service,
    ServicePort, Transport, Workload,
};
use heddle_model::{
    AddressKey, Families, Family, Identity, Kind, Name, Owner, ServiceKey, ServicePortKey, Snapshot,
    SourceRef, WorkloadKey, WorkloadKind,
};
use heddle_scenario_tests::linkerd::difference;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_best_match_is_the_first_of_the_table(matchers in vec(matcher(), 1..6), calls in vec(call(), 20)) {
        let mut mesh = mesh(access(Posture::Allow, Vec::new()), Protocol::Http, Mtls::Permissive);
        let entries = matchers.into_iter().enumerate().map(|(place, matcher)| entry(place, matcher)).collect();
        let key = RouteKey { port: port("cart"), consumer: None };
        mesh.routes.insert(key.clone(), Arc::new(RouteTable { entries }));
        prop_assume!(limitations(&mesh, &Key::Routes(key.clone()), &[DataPlane::Linkerd].into()).is_empty());
        for call in calls {
            let request = request("web", "10.1.0.1:80", Call::Http(call));
            prop_assert_eq!(difference(&mesh, &request), Ok(()), "{:?}", request);
        }
    }

    #[test]
    fn a_port_admits_whom_its_policies_admit(
        policies in vec(policy(), 0..4),
        routes in option::weighted(0.7, routes()),
        posture in select(vec![Posture::Allow, Posture::Authenticated, Posture::Deny]),
        protocol in select(vec![Protocol::Http, Protocol::Detect, Protocol::Tcp, Protocol::Opaque]),
        mtls in select(vec![Mtls::Strict, Mtls::Permissive, Mtls::Disabled]),
        calls in vec((caller(), prop_oneof![7 => call().prop_map(Call::Http), 2 => repeating_call().prop_map(Call::Http), 1 => Just(Call::Tcp), 1 => Just(Call::Tls)]), 20),
    ) {
        let routes = routes.map(Arc::new);
        let mesh = mesh(Access { routes, ..access(posture, policies) }, protocol, mtls);
        for (caller, call) in calls {
            let request = Request { client: caller, ..request("web", "10.1.0.1:80", call) };
            prop_assert_eq!(difference(&mesh, &request), Ok(()), "{:?}", request);
        }
    }
}

/// A Service `b/cart`, its workload, and clients.
fn mesh(access: Access, protocol: Protocol, mtls: Mtls) -> Snapshot {
    let mut mesh = Snapshot::default();
    let access = Arc::new(access);
    for (namespace, name, address) in [
        ("a", "web", "10.0.0.1"),
        ("a", "other", "10.0.3.1"),
        ("c", "web", "10.9.0.1"),
        ("b", "cart", "10.0.0.2"),
    ] {
        let own = InboundPort {
            port: 8080,
            app_port: 8080,
            protocol,
            mtls,
            mtls_source: None,
            access: access.clone(),
            rate_limit: None,
        };
        let workload = workload(namespace, name, address, vec![own], &access);
        mesh.addresses.insert(AddressKey::of_mesh(ip(address)), Owner::Workload(workload.key.clone()));
        mesh.workloads.insert(workload.key.clone(), Arc::new(workload));
    }
    serve(&mut mesh, "cart", "10.1.0.1", protocol, vec![endpoint("10.0.0.2", protocol, mtls)]);
    for place in 0..6 {
        let address = format!("10.2.0.{place}");
        let plain = Endpoint {
            workload: None,
            transport: Transport::Plain,
            server: None,
            ..endpoint(&address, protocol, mtls)
        };
        serve(&mut mesh, &format!("v{place}"), &format!("10.1.1.{place}"), protocol, vec![plain]);
    }
    mesh
}

fn workload(
    namespace: &str,
    name: &str,
    address: &str,
    inbound: Vec<InboundPort>,
    access: &Arc<Access>,
) -> Workload {
    Workload {
        key: WorkloadKey::new(WorkloadKind::Pod, namespace, name),
        identity: Some(Identity::new(namespace, name).expect("valid")),
        addresses: vec![ip(address)],
        plane: Some(DataPlane::Linkerd),
        node: None,
        region: None,
        zone: None,
        host_network: false,
        skip_inbound_ports: Default::default(),
        uses: None,
        inbound,
        undeclared: InboundDefault { mtls: Mtls::Permissive, mtls_source: None, access: access.clone() },
    }
}

fn serve(mesh: &mut Snapshot, name: &str, address: &str, protocol: Protocol, items: Vec<Endpoint>) {
    let port = port(name);
    let service = Service {
        key: port.service.clone(),
        form: ServiceForm::Virtual(vec![ip(address)]),
        families: Families::Single(Family::V4),
        ports: vec![ServicePort { name: "p".into(), number: 80, protocol }],
        locality: Locality::Any,
        accrual: None,
        defaults: RouteDefaults::default(),
    };
    mesh.addresses.insert(AddressKey::of_mesh(ip(address)), Owner::Service(port.service.clone()));
    mesh.services.insert(port.service.clone(), Arc::new(service));
    mesh.endpoints.insert(port, Arc::new(Endpoints { items, absent: None }));
}

fn endpoint(address: &str, protocol: Protocol, mtls: Mtls) -> Endpoint {
    let identity = Identity::new("b", "cart").expect("valid");
    Endpoint {
        address: ip(address),
        port: 8080,
        workload: Some(WorkloadKey::new(WorkloadKind::Pod, "b", "cart")),
        transport: if mtls == Mtls::Disabled { Transport::Plain } else { Transport::Mesh(identity) },
        health: Health::Ready,
        node: None,
        region: None,
        zone: None,
        server: Some(EndpointServer { plane: DataPlane::Linkerd, protocol, mtls }),
    }
}

fn entry(place: usize, matcher: HttpMatch) -> RouteEntry<HttpMatch> {
    let backend = WeightedBackend {
        weight: 1,
        backend: Backend::Service {
            port: port(&format!("v{place}")),
            families: Families::Single(Family::V4),
        },
        filters: Default::default(),
    };
    let rule = RouteRule {
        source: SourceRef::new(Kind::HttpRoute, "b", "r"),
        index: place,
        filters: Default::default(),
        redirect: None,
        mirrors: Vec::new(),
        backends: vec![backend],
        request_timeout: None,
        backend_timeout: None,
        retry: None,
    };
    RouteEntry { matcher, rule: Arc::new(rule) }
}

fn access(posture: Posture, mut policies: Vec<Policy>) -> Access {
    for (place, policy) in policies.iter_mut().enumerate() {
        policy.source.name = format!("p{place}").into();
    }
    Access { posture, posture_source: None, policies, routes: None }
}

fn request(client: &str, target: &str, call: Call) -> Request {
    let target: std::net::SocketAddr = target.parse().expect("an address");
    let client = Client::Workload(WorkloadKey::new(WorkloadKind::Pod, "a", client));
    Request { client, address: target.ip(), port: target.port(), call }
}

fn port(name: &str) -> ServicePortKey {
    ServicePortKey { service: ServiceKey::new("b", name), port: 80 }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn caller() -> impl Strategy<Value = Client> {
    let pod =
        |namespace: &str, name: &str| Client::Workload(WorkloadKey::new(WorkloadKind::Pod, namespace, name));
    select(vec![
        pod("a", "web"),
        pod("a", "other"),
        pod("c", "web"),
        Client::Outside(ip("10.0.0.9")),
        Client::Outside(ip("8.8.8.8")),
    ])
}

fn name(one: &'static [&'static str]) -> impl Strategy<Value = Name> {
    select(one).prop_map(Name::from)
}

fn plain_path() -> impl Strategy<Value = PathMatch> {
    prop_oneof![
        name(&["/", "/a", "/a/b", "/a/", "/a//b"]).prop_map(PathMatch::Exact),
        name(&["", "/a", "/a/b"]).prop_map(PathMatch::Prefix),
    ]
}

fn path() -> impl Strategy<Value = PathMatch> {
    prop_oneof![6 => plain_path(), 1 => name(&["/a|/a/b", "/.*"]).prop_map(PathMatch::Regex)]
}

fn plain_value() -> impl Strategy<Value = ValueMatch> {
    prop_oneof![
        name(&["v", "vv", "v,x"]).prop_map(ValueMatch::Exact),
        name(&["v", "v,"]).prop_map(ValueMatch::Prefix),
        Just(ValueMatch::Present),
    ]
}

fn keys(
    names: &'static [&'static str],
    values: BoxedStrategy<ValueMatch>,
) -> impl Strategy<Value = Vec<KeyMatch>> {
    btree_set(select(names), 0..=names.len()).prop_flat_map(move |names| {
        let each: Vec<_> = names
            .into_iter()
            .map(|name| values.clone().prop_map(move |value| KeyMatch { name: name.into(), value }))
            .collect();
        each
    })
}

fn matcher() -> impl Strategy<Value = HttpMatch> {
    let values = prop_oneof![4 => plain_value(), 1 => name(&["v+", "x"]).prop_map(ValueMatch::Regex)].boxed();
    (
        option::of(path()),
        option::of(name(&["GET", "POST"])),
        keys(&["h", "k"], values.clone()),
        keys(&["q"], values),
    )
        .prop_map(|(path, method, headers, query)| HttpMatch { path, method, headers, query })
}

fn call() -> impl Strategy<Value = HttpCall> {
    let path = select(vec![
        "/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "//a", "/x/../a", "/%61", "/a/b?q=v", "/a?q=x", "/a//b",
    ]);
    let header = |name: &'static str| {
        option::of(select(vec!["v", "vv", "x"]))
            .prop_map(move |value| value.map(|value| (name.to_string(), value.to_string())))
    };
    (path, select(vec!["GET", "POST", "PUT"]), header("h"), header("k")).prop_map(|(path, method, h, k)| {
        let mut call = HttpCall::new(method, "cart:80", path);
        call.headers = h.into_iter().chain(k).collect();
        call
    })
}

/// A call with another value of the header that policies mind.
fn repeating_call() -> impl Strategy<Value = HttpCall> {
    (call(), select(vec!["v", "vv", "x"])).prop_filter_map(
        "the same value twice is that value",
        |(mut call, value)| {
            let other = ("h".to_string(), value.to_string());
            (!call.headers.contains(&other)).then(|| {
                call.headers.push(other);
                call
            })
        },
    )
}

fn scope() -> impl Strategy<Value = HttpMatch> {
    let scope = (option::of(plain_path()), option::of(name(&["GET"])), keys(&["h"], plain_value().boxed()));
    scope.prop_map(|(path, method, headers)| HttpMatch { path, method, headers, query: Vec::new() })
}

fn policy() -> impl Strategy<Value = Policy> {
    let mode = prop_oneof![6 => Just(Mode::Enforce), 1 => Just(Mode::Audit)];
    (select(vec![Action::Allow, Action::Deny]), mode, vec(rule(), 0..3)).prop_map(|(action, mode, rules)| {
        Policy { source: SourceRef::new(Kind::AccessPolicy, "b", "p"), action, mode, rules: rules.into() }
    })
}

/// Policies on routes: some governed by one route, some by several, some by none.
fn routes() -> impl Strategy<Value = RouteAccess> {
    let governors = vec(vec(policy(), 0..3), 1..4).prop_map(|governors| {
        let governor = |(place, mut policies): (usize, Vec<Policy>)| {
            for (number, policy) in policies.iter_mut().enumerate() {
                policy.source.name = format!("r{place}-{number}").into();
            }
            let route = Some(SourceRef::new(Kind::HttpRoute, "b", format!("r{place}")));
            Governor { route, sight: Sight::Clear, policies }
        };
        governors.into_iter().enumerate().map(governor).collect::<Vec<_>>()
    });
    let unmatched = select(vec![Unmatched::ByPort, Unmatched::ByPort, Unmatched::Refused]);
    (governors, unmatched).prop_flat_map(|(governors, unmatched)| {
        let places = btree_set(0..governors.len(), 0..=governors.len().min(2));
        let entry = (scope(), places).prop_map(|(matcher, places)| AccessEntry {
            matcher,
            governors: places.into_iter().collect(),
            audits: Vec::new(),
        });
        vec(entry, 1..4).prop_map(move |entries| RouteAccess {
            governors: governors.clone(),
            entries,
            unmatched,
        })
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (vec(peer(), 0..3), vec(asked(), 0..3)).prop_map(|(from, requests)| Rule { index: 0, from, requests })
}

fn peer() -> impl Strategy<Value = Peer> {
    let account =
        |namespace: &str, name: &str| Principal::Account(Identity::new(namespace, name).expect("valid"));
    let principals = vec![
        Principal::Any,
        Principal::Namespace("a".into()),
        Principal::Namespace("c".into()),
        account("a", "web"),
        account("a", "other"),
        Principal::Spiffe("spiffe://cluster.local/ns/c/sa/web".into()),
        Principal::Spiffe("spiffe://elsewhere/ns/a/sa/web".into()),
    ];
    let net = |cidr: &str, except: &[&str]| Network {
        cidr: cidr.parse().expect("a network"),
        except: except.iter().map(|except| except.parse().expect("a network")).collect(),
    };
    let networks = vec![
        net("10.0.0.0/8", &["10.0.0.0/24"]),
        net("10.0.0.0/16", &["10.0.3.0/24", "10.0.0.9/32"]),
        net("10.0.0.0/24", &[]),
        net("0.0.0.0/0", &["10.9.0.0/16"]),
        net("10.0.0.1/32", &[]),
    ];
    (btree_set(select(principals), 0..3), vec(select(networks), 0..3))
        .prop_map(|(principals, networks)| Peer::new(principals, networks))
}

fn asked() -> impl Strategy<Value = RequestMatch> {
    let headers = keys(&["h"], plain_value().boxed());
    (btree_set(name(&["GET", "POST"]), 0..3), btree_set(plain_path(), 0..3), headers)
        .prop_map(|(methods, paths, headers)| RequestMatch { methods, paths, headers })
}
