//! Servers, what opens them and what limits them; EgressNetworks; annotations of proxies.

use super::build::*;
use crate::Index;
use heddle_model::access::{Access, Action, Mode, Network, Posture, Principal};
use heddle_model::fact::{DataPlane, Egress, EgressNetwork, Invalid, Mesh, Namespace, Protocol, TargetPort};
use heddle_model::labels::Selector;
use heddle_model::report::ParentRef;
use heddle_model::server::*;
use heddle_model::snapshot::InboundPort;
use heddle_model::{Event, Fact, Identity, Kind, Snapshot, SourceRef};
use std::collections::BTreeSet;

fn server_of(app: &str, port: u16) -> Server {
    Server {
        among: Among::Pods,
        selector: Selector { labels: labels(&format!("app={app}")), conditions: Vec::new() },
        port: TargetPort::Number(port),
        protocol: None,
        stance: Stance::Deny,
        labels: labels("tier=front"),
        created: None,
    }
}

/// A Server at port 8080 of `cart`.
fn server(change: impl FnOnce(&mut Server)) -> Fact {
    let mut server = server_of("cart", 8080);
    change(&mut server);
    Fact::Server(server)
}

fn closed() -> Fact {
    server(|_| {})
}

fn account(name: &str) -> Authentication {
    let principal = Principal::Account(Identity::new("shop", name).unwrap());
    Authentication { clients: Some(vec![Client::Known(principal)]), networks: None }
}

fn network(cidr: &str) -> Network {
    Network { cidr: cidr.parse().unwrap(), except: Vec::new() }
}

fn opens_server(requires: Vec<Requirement>) -> Fact {
    Fact::Authorization(Authorization { opens: Opens::Server("s".into()), requires })
}

fn opens_route(route: &str, name: &str) -> Fact {
    let requires = vec![Requirement::Here(account(name))];
    Fact::Authorization(Authorization { opens: Opens::Route(source(route)), requires })
}

fn to_server(name: &str) -> ParentRef {
    ParentRef {
        group: Some("policy.linkerd.io".into()),
        kind: Some("Server".into()),
        namespace: None,
        name: name.into(),
        section_name: None,
        port: None,
    }
}

fn at_server(paths: &[&str]) -> Fact {
    route(vec![to_server("s")], vec![rule(paths.iter().map(|path| prefix(path)).collect(), vec![])])
}

/// The Snapshot of `shop/cart` and these objects.
fn mesh(objects: Vec<(&'static str, Fact)>) -> Snapshot {
    let cart = [("Pod shop/cart", pod("cart", "10.0.0.1"))];
    snapshot(cart.into_iter().chain(objects))
}

fn port(snapshot: &Snapshot, number: u16) -> InboundPort {
    let cart = snapshot.workloads.get(&pod_key("cart")).unwrap();
    cart.inbound.iter().find(|port| port.port == number).unwrap().clone()
}

/// What holds at a port: its posture, and each policy as `SOURCE[ (audit)][ of SCOPE]: WHO`.
fn said(access: &Access) -> Vec<String> {
    let policy = |policy: &heddle_model::access::Policy| {
        assert_eq!(policy.action, Action::Allow);
        let audit = if policy.mode == Mode::Audit { " (audit)" } else { "" };
        let scope = policy.scope.iter().map(|scope| format!(" of {}", scope.len())).collect::<String>();
        let who = policy.rules.iter().map(|rule| match rule.from.as_slice() {
            [] => "anyone".to_string(),
            peers => peers
                .iter()
                .map(|peer| {
                    let who = peer.principals.iter().map(|principal| match principal {
                        Principal::Account(identity) => identity.to_string(),
                        other => format!("{other:?}"),
                    });
                    let networks = peer.networks.iter().map(|network| network.cidr.to_string());
                    who.chain(networks).collect::<Vec<_>>().join("+")
                })
                .collect(),
        });
        format!("{}{audit}{scope}: {}", policy.source, who.collect::<Vec<_>>().join("|"))
    };
    let posture = format!("{:?}", access.posture);
    std::iter::once(posture).chain(access.policies.iter().map(policy)).collect()
}

#[track_caller]
fn check(objects: Vec<(&'static str, Fact)>, want: &[&str]) {
    assert_eq!(said(&port(&mesh(objects), 8080).access), want);
}

fn diagnostics(snapshot: &Snapshot, object: &str) -> Vec<String> {
    let found = snapshot.diagnostics.get(&source(object));
    found
        .into_iter()
        .flat_map(|all| all.iter())
        .map(|one| format!("{}: {}", one.reason, one.message))
        .collect()
}

#[test]
fn a_server_closes_its_port_but_to_those_that_authorizations_name() {
    let web = || opens_server(vec![Requirement::Here(account("web"))]);
    check(vec![("Server shop/s", closed())], &["Deny"]);
    check(
        vec![("Server shop/s", closed()), ("AuthorizationPolicy shop/a", web())],
        &["Deny", "AuthorizationPolicy shop/a: shop/web"],
    );
    let other = mesh(vec![("Server shop/s", closed()), ("AuthorizationPolicy other/a", web())]);
    assert_eq!(said(&port(&other, 8080).access), ["Deny"], "another namespace opens nothing");
    assert_eq!(diagnostics(&other, "AuthorizationPolicy other/a").len(), 1);
    let cart = other.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!(cart.undeclared.access.posture, Posture::Allow, "other ports are as before");
}

#[test]
fn a_stance_is_a_posture_and_stays_what_it_is_beside_authorizations() {
    let with = |stance, authorized: bool| {
        let mut objects = vec![("Server shop/s", server(|server| server.stance = stance))];
        if authorized {
            objects
                .push(("AuthorizationPolicy shop/a", opens_server(vec![Requirement::Here(account("web"))])));
        }
        objects.push((
            "Mesh default",
            Fact::Mesh(Mesh { networks: vec!["10.0.0.0/8".parse().unwrap()], ..Mesh::default() }),
        ));
        said(&port(&mesh(objects), 8080).access)
    };
    let web = "AuthorizationPolicy shop/a: shop/web";
    assert_eq!(with(Stance::All, true), ["Allow"], "everyone may pass: nothing needs to open it");
    assert_eq!(with(Stance::AllAuthenticated, false), ["Authenticated"]);
    assert_eq!(with(Stance::AllAuthenticated, true), ["Authenticated", "Server shop/s: Any", web]);
    assert_eq!(with(Stance::Cluster, true), ["Deny", "Server shop/s: 10.0.0.0/8", web]);
    assert_eq!(with(Stance::ClusterAuthenticated, false), ["Deny", "Server shop/s: Any+10.0.0.0/8"]);
    let audited = ["Allow", "Server shop/s (audit): ", "AuthorizationPolicy shop/a (audit): shop/web"];
    assert_eq!(with(Stance::Audit, true), audited);
}

#[test]
fn the_cluster_without_networks_is_nobody() {
    let snapshot = mesh(vec![("Server shop/s", server(|server| server.stance = Stance::Cluster))]);
    assert_eq!(said(&port(&snapshot, 8080).access), ["Deny", "Server shop/s: "]);
    assert_eq!(
        diagnostics(&snapshot, "Server shop/s"),
        [
            "NoNetworks: the Mesh names no networks, so nobody is within the cluster's: nobody is admitted by that"
        ]
    );
}

#[test]
fn all_that_is_required_must_hold_and_what_is_missing_admits_nobody() {
    let object = |text| Requirement::Object(source(text));
    let both =
        || opens_server(vec![object("MeshTLSAuthentication b/m"), object("NetworkAuthentication shop/n")]);
    let near = Authentication { clients: None, networks: Some(vec![network("10.0.0.0/8")]) };
    let all = vec![
        ("Server shop/s", closed()),
        ("AuthorizationPolicy shop/a", both()),
        ("MeshTLSAuthentication b/m", Fact::Authentication(account("web"))),
        ("NetworkAuthentication shop/n", Fact::Authentication(near)),
    ];
    check(all.clone(), &["Deny", "AuthorizationPolicy shop/a: shop/web+10.0.0.0/8"]);
    for missing in [2, 3] {
        let mut some = all.clone();
        some.remove(missing);
        check(some.clone(), &["Deny", "AuthorizationPolicy shop/a: "]);
        assert_eq!(diagnostics(&mesh(some), "AuthorizationPolicy shop/a").len(), 1);
        let mut broken = all.clone();
        broken[missing].1 = Fact::Invalid(Invalid { message: "x".into() });
        check(broken, &["Deny", "AuthorizationPolicy shop/a: "]);
    }
    check(
        vec![("Server shop/s", closed()), ("AuthorizationPolicy shop/a", opens_server(vec![]))],
        &["Deny", "AuthorizationPolicy shop/a: anyone"],
    );
}

#[test]
fn names_of_identities_are_those_of_the_meshs_suffix() {
    let name = |name: &str| {
        let clients = Some(vec![Client::Dns(name.into())]);
        opens_server(vec![Requirement::Here(Authentication { clients, networks: None })])
    };
    let web = "web.shop.serviceaccount.identity.linkerd.cluster.local";
    let objects = || vec![("Server shop/s", closed()), ("ServerAuthorization shop/a", name(web))];
    check(objects(), &["Deny", "ServerAuthorization shop/a: "]);
    let mut kept = objects();
    let suffix = Mesh { identity_suffix: "linkerd.cluster.local".into(), ..Mesh::default() };
    kept.push(("Mesh default", Fact::Mesh(suffix)));
    check(kept, &["Deny", "ServerAuthorization shop/a: shop/web"]);
    assert_eq!(
        diagnostics(&mesh(objects()), "ServerAuthorization shop/a"),
        [format!(
            "UnknownIdentity: {web:?} is nobody of this mesh, whose identities end in heddle.cluster.local"
        )]
    );
}

#[test]
fn the_namespace_means_its_servers_and_no_other_ports() {
    let opens = |selector: &str| {
        let selector = Selector { labels: labels(selector), conditions: Vec::new() };
        let requires = vec![Requirement::Here(account("web"))];
        Fact::Authorization(Authorization { opens: Opens::Servers(selector), requires })
    };
    let objects = vec![("Server shop/s", closed()), ("AuthorizationPolicy shop/a", opens(""))];
    check(objects.clone(), &["Deny", "AuthorizationPolicy shop/a: shop/web"]);
    let snapshot = mesh(objects);
    let cart = snapshot.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!(said(&cart.undeclared.access), ["Allow"]);
    check(
        vec![("Server shop/s", closed()), ("ServerAuthorization shop/a", opens("tier=front"))],
        &["Deny", "ServerAuthorization shop/a: shop/web"],
    );
    check(vec![("Server shop/s", closed()), ("ServerAuthorization shop/a", opens("tier=back"))], &["Deny"]);
}

#[test]
fn of_two_servers_at_one_port_the_oldest_holds_and_the_other_is_told() {
    let objects = vec![
        ("Server shop/a", server(|server| server.created = Some(5))),
        ("Server shop/s", server(|server| (server.created, server.stance) = (Some(4), Stance::All))),
    ];
    check(objects.clone(), &["Allow"]);
    let snapshot = mesh(objects);
    assert_eq!(diagnostics(&snapshot, "Server shop/a").len(), 1);
    assert_eq!(diagnostics(&snapshot, "Server shop/s"), [""; 0]);
}

#[test]
fn a_server_that_cannot_be_read_closes_its_namespace() {
    let snapshot = mesh(vec![("Server shop/s", Fact::Invalid(Invalid { message: "x".into() }))]);
    let cart = snapshot.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!(said(&cart.undeclared.access), ["Allow", "Server shop/s: "]);
}

#[test]
fn a_server_says_what_its_port_speaks_unless_an_inbound_policy_does() {
    let grpc = || ("Server shop/s", server(|server| server.protocol = Some(Protocol::Grpc)));
    assert_eq!(port(&mesh(vec![grpc()]), 8080).protocol, Protocol::Grpc);
    let http = inbound("cart", |policy| policy.protocol = Some(Protocol::Http));
    let both = mesh(vec![grpc(), ("InboundPolicy shop/p", http)]);
    assert_eq!(port(&both, 8080).protocol, Protocol::Http);
}

#[test]
fn a_server_for_external_workloads_selects_no_pod_and_a_named_port_is_looked_up() {
    let externals = server(|server| server.among = Among::Externals);
    let snapshot = mesh(vec![
        ("Server shop/s", externals),
        ("ExternalWorkload.workload.linkerd.io shop/vm", pod("cart", "192.0.2.1")),
    ]);
    let ports = |key: &str| {
        let found = snapshot.workloads.get(&key.parse().unwrap()).unwrap();
        found.inbound.iter().map(|port| port.port).collect::<Vec<_>>()
    };
    assert_eq!(ports("pod/shop/cart"), [0u16; 0]);
    assert_eq!(ports("linkerd-external/shop/vm"), [8080]);
    let mut cart = workload("cart", "10.0.0.1");
    cart.ports = vec![declared("web", 9000, None)];
    let named = server(|server| server.port = TargetPort::Name("web".into()));
    let snapshot = snapshot_of(vec![("Pod shop/cart", Fact::Workload(cart)), ("Server shop/s", named)]);
    assert_eq!(port(&snapshot, 9000).access.posture, Posture::Deny);
}

fn snapshot_of(objects: Vec<(&'static str, Fact)>) -> Snapshot {
    snapshot(objects)
}

/// What the routes at `s` match, or `None`.
fn routed(objects: Vec<(&'static str, Fact)>) -> Option<usize> {
    port(&mesh(objects), 8080).access.routed.as_ref().map(|all| all.len())
}

#[test]
fn routes_close_a_server_to_what_they_do_not_match_and_open_their_own_requests() {
    let route = "HTTPRoute.policy.linkerd.io shop/r";
    let objects = vec![
        ("Server shop/s", closed()),
        (route, at_server(&["/a", "/b"])),
        ("HTTPRoute shop/g", at_server(&["/c"])),
        ("AuthorizationPolicy shop/a", opens_route(route, "web")),
    ];
    check(objects.clone(), &["Deny", "AuthorizationPolicy shop/a of 2: shop/web"]);
    assert_eq!(routed(objects.clone()), Some(3));
    assert_eq!(routed(vec![("Server shop/s", closed())]), None);
    let report = mesh(objects).reports.get(&source(route)).unwrap().clone();
    assert!(report.subjects[0].conditions.iter().all(|condition| condition.holds), "{report:?}");
}

#[test]
fn what_another_route_wins_is_opened_to_nobody_by_a_looser_one() {
    let (all, admin) = ("HTTPRoute.policy.linkerd.io shop/all", "HTTPRoute.policy.linkerd.io shop/admin");
    let objects = vec![
        ("Server shop/s", closed()),
        (all, at_server(&["/", "/other"])),
        (admin, at_server(&["/admin"])),
        ("AuthorizationPolicy shop/a", opens_route(all, "web")),
        ("AuthorizationPolicy shop/b", opens_route(admin, "ops")),
    ];
    check(
        objects.clone(),
        &[
            "Deny",
            "AuthorizationPolicy shop/a of 1: shop/web",
            "AuthorizationPolicy shop/a of 1: ",
            "AuthorizationPolicy shop/b of 1: shop/ops",
        ],
    );
    assert_eq!(diagnostics(&mesh(objects), "AuthorizationPolicy shop/a").len(), 1);
}

#[test]
fn a_route_that_a_server_cannot_take_matches_nothing_there_and_closes_it() {
    let unservable = match at_server(&["/a"]) {
        Fact::HttpRoute(mut route) => {
            route.unservable = Some("filters".into());
            Fact::HttpRoute(route)
        }
        other => other,
    };
    let route = "HTTPRoute.policy.linkerd.io shop/r";
    let objects = vec![("Server shop/s", closed()), (route, unservable)];
    assert_eq!(routed(objects.clone()), Some(0));
    let reason = |snapshot: Snapshot| {
        let report = snapshot.reports.get(&source(route)).unwrap();
        report.subjects[0].conditions.iter().find(|one| one.kind == "Accepted").map(|one| one.reason)
    };
    assert_eq!(reason(mesh(objects)), Some("UnsupportedValue"));
    assert_eq!(reason(mesh(vec![(route, at_server(&["/a"]))])), Some("NoMatchingParent"));
}

#[test]
fn the_oldest_rate_limit_holds_and_the_others_are_told() {
    let limit = |total, created| {
        let (server, overrides) = ("s".into(), Vec::new());
        Fact::RateLimit(RateLimitPolicy { server, total: Some(total), identity: None, overrides, created })
    };
    let objects = vec![
        ("Server shop/s", closed()),
        ("HTTPLocalRateLimitPolicy shop/a", limit(1, Some(7))),
        ("HTTPLocalRateLimitPolicy shop/b", limit(2, Some(6))),
    ];
    let snapshot = mesh(objects.clone());
    let holds = port(&snapshot, 8080).rate_limit.map(|limit| (limit.source.to_string(), limit.total));
    assert_eq!(holds, Some(("HTTPLocalRateLimitPolicy shop/b".into(), Some(2))));
    let reason = |snapshot: &Snapshot, name: &str| {
        snapshot.reports.get(&source(name)).unwrap().subjects[0].conditions[0].reason
    };
    assert_eq!(reason(&snapshot, "HTTPLocalRateLimitPolicy shop/a"), "RateLimitReasonAlreadyExists");
    assert_eq!(reason(&snapshot, "HTTPLocalRateLimitPolicy shop/b"), "Accepted");
    let none = mesh(objects[1..2].to_vec());
    assert_eq!(reason(&none, "HTTPLocalRateLimitPolicy shop/a"), "NoMatchingTarget");
}

#[test]
fn egress_is_what_lies_outside_and_one_that_overlaps_allows_nothing() {
    let egress = |cidr: &[&str], policy| {
        let networks = cidr.iter().map(|cidr| network(cidr)).collect();
        Fact::Egress(EgressNetwork { networks, policy, created: None })
    };
    let mesh = || Mesh { networks: vec!["10.0.0.0/8".parse().unwrap()], ..Mesh::default() };
    let snapshot = snapshot([
        ("Mesh default", Fact::Mesh(mesh())),
        ("EgressNetwork shop/all", egress(&[], Egress::Allow)),
        ("EgressNetwork shop/inside", egress(&["10.1.0.0/16"], Egress::Allow)),
        ("EgressNetwork shop/shut", egress(&["10.1.0.0/16"], Egress::Deny)),
        ("EgressNetwork shop/broken", Fact::Invalid(Invalid { message: "x".into() })),
    ]);
    let found = |name: &str| snapshot.egress.get(&SourceRef::new(Kind::EgressNetwork, "shop", name));
    let all = found("all").unwrap();
    assert_eq!(all.networks[0].except, ["10.0.0.0/8".parse().unwrap()]);
    assert!(found("inside").is_none() && found("shut").is_some());
    assert_eq!(found("broken").map(|egress| egress.policy), Some(Egress::Deny));
    let reason = |name: &str| {
        snapshot.reports.get(&source(&format!("EgressNetwork shop/{name}"))).unwrap().subjects[0].conditions
            [0]
        .reason
    };
    assert_eq!(
        ["all", "inside", "broken"].map(reason),
        ["Accepted", "EgressReasonNetworkOverlap", "Invalid"]
    );
}

fn annotated(plane: DataPlane, config: ProxyConfig) -> Fact {
    let mut cart = workload("cart", "10.0.0.1");
    (cart.plane, cart.config) = (Some(plane), Some(Box::new(config)));
    Fact::Workload(cart)
}

#[test]
fn annotations_hold_for_linkerds_proxies_where_no_server_is() {
    let config = || ProxyConfig {
        stance: Some(Stance::Deny),
        opaque_ports: Some([25].into()),
        skip_inbound_ports: Some([9999].into()),
    };
    let linkerd = snapshot([("Pod shop/cart", annotated(DataPlane::Linkerd, config()))]);
    let cart = linkerd.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!(said(&cart.undeclared.access), ["Deny"]);
    assert_eq!(cart.undeclared.access.posture_source, Some(source("Pod shop/cart")));
    assert_eq!(cart.skip_inbound_ports, BTreeSet::from([9999]));
    assert_eq!(port(&linkerd, 25).protocol, Protocol::Opaque);
    let envoy = snapshot([("Pod shop/cart", annotated(DataPlane::Envoy, config()))]);
    let cart = envoy.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!((cart.undeclared.access.posture, cart.inbound.len()), (Posture::Allow, 0));
}

#[test]
fn a_pods_annotations_stand_before_its_namespaces() {
    let stance = |stance| ProxyConfig { stance: Some(stance), ..ProxyConfig::default() };
    let around = |posture, config| {
        let config = Some(Box::new(config));
        ("Namespace shop", Fact::Namespace(Namespace { posture, config }))
    };
    let posture = |pod: ProxyConfig, around: (&'static str, Fact)| {
        let snapshot = snapshot([("Pod shop/cart", annotated(DataPlane::Linkerd, pod)), around]);
        snapshot.workloads.get(&pod_key("cart")).unwrap().undeclared.access.posture
    };
    let nothing = ProxyConfig::default;
    assert_eq!(posture(nothing(), around(None, stance(Stance::Deny))), Posture::Deny);
    assert_eq!(posture(stance(Stance::All), around(None, stance(Stance::Deny))), Posture::Allow);
    let own = around(Some(Posture::Authenticated), stance(Stance::Deny));
    assert_eq!(posture(nothing(), own.clone()), Posture::Authenticated, "Heddle's own word comes first");
    assert_eq!(posture(stance(Stance::All), own), Posture::Allow);
}

/// A mesh of many Servers, each of one workload; two of them opened by one authentication.
fn many() -> Index {
    let mut index = Index::new();
    for number in 0..200 {
        let app = format!("s{number}");
        let ip = format!("10.0.{}.{}", number / 100, number % 100 + 1);
        index.apply(set(&format!("Pod shop/{app}"), pod(&app, &ip)));
        index.apply(set(&format!("Server shop/{app}"), Fact::Server(server_of(&app, 8080))));
        let named = if number < 2 { "shared" } else { "other" };
        let requires = vec![Requirement::Object(SourceRef::new(Kind::MeshTlsAuthentication, "auth", named))];
        let opens = Opens::Server(app.as_str().into());
        let authorization = Fact::Authorization(Authorization { opens, requires });
        index.apply(set(&format!("AuthorizationPolicy shop/{app}"), authorization));
    }
    index.resolve();
    index
}

#[test]
fn an_authentication_that_changes_touches_only_what_refers_to_it() {
    let mut index = many();
    let before = index.work();
    index.apply(set("MeshTLSAuthentication auth/shared", Fact::Authentication(account("web"))));
    let changed = index.resolve();
    let after = index.work();
    assert_eq!(after.authorizations - before.authorizations, 2);
    assert_eq!(after.servers - before.servers, 2);
    assert_eq!(after.workloads - before.workloads, 2);
    // Two workloads, and the two policies that are told no more that it is missing.
    assert_eq!(changed.len(), 4, "{changed:?}");
    index.apply(set("MeshTLSAuthentication auth/nobodys", Fact::Authentication(account("web"))));
    assert!(index.resolve().is_empty());
    assert_eq!(index.work(), after, "what nothing refers to costs nothing");
}

#[test]
fn a_server_a_route_and_a_rate_limit_cost_the_workloads_that_they_select() {
    let mut index = many();
    let mut done = |event: Event| {
        let before = index.work();
        index.apply(event);
        index.resolve();
        let after = index.work();
        [after.servers - before.servers, after.workloads - before.workloads]
    };
    let mut audited = server_of("s7", 8080);
    audited.stance = Stance::Audit;
    assert_eq!(done(set("Server shop/s7", Fact::Server(audited))), [1, 1]);
    let attached = route(vec![to_server("s7")], vec![rule(vec![prefix("/a")], vec![])]);
    assert_eq!(done(set("HTTPRoute.policy.linkerd.io shop/r", attached)), [1, 1]);
    let limit = RateLimitPolicy {
        server: "s7".into(),
        total: Some(1),
        identity: None,
        overrides: Vec::new(),
        created: None,
    };
    assert_eq!(done(set("HTTPLocalRateLimitPolicy shop/l", Fact::RateLimit(limit))), [1, 1]);
    assert_eq!(done(Event::Delete(source("AuthorizationPolicy shop/s7"))), [1, 1]);
    assert_eq!(done(Event::Delete(source("Server shop/s7"))), [1, 1]);
}

#[test]
fn the_meshs_networks_cost_only_what_means_the_cluster() {
    let mut index = many();
    let mut cluster = server_of("s9", 8080);
    cluster.stance = Stance::Cluster;
    index.apply(set("Server shop/s9", Fact::Server(cluster)));
    index.resolve();
    let before = index.work();
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    index.apply(set("Mesh default", Fact::Mesh(Mesh { networks, ..Mesh::default() })));
    index.resolve();
    let after = index.work();
    assert_eq!([after.servers - before.servers, after.authorizations - before.authorizations], [1, 0]);
}

#[test]
fn a_route_without_backends_goes_on_to_each_port_of_its_service() {
    let mut two = virtual_service("cart", "10.1.0.1");
    two.ports.push(service_port("other", 81, 8081));
    let mut own = rule(vec![prefix("/a")], vec![]);
    own.own_endpoints = true;
    let snapshot = mesh(vec![
        ("Service shop/cart", Fact::Service(two)),
        ("ServiceProfile shop/cart.shop.svc", route(vec![parent("cart")], vec![own])),
    ]);
    let backends: Vec<_> = snapshot
        .routes
        .iter()
        .map(|(key, table)| (key.port.port, format!("{:?}", table.entries[0].rule.backends[0].backend)))
        .collect();
    let to = |port| format!("{:?}", heddle_model::route::Backend::Service(port_key("cart", port)));
    assert_eq!(backends, [(80, to(80)), (81, to(81))]);
    let protocols: Vec<_> = snapshot
        .services
        .get(&heddle_model::ServiceKey::new("shop", "cart"))
        .map(|service| service.ports.iter().map(|port| port.protocol).collect())
        .unwrap_or_default();
    assert_eq!(protocols, [Protocol::Detect; 2], "a profile says nothing of what is spoken");
}
