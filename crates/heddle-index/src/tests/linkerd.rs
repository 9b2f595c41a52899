//! Servers, what opens them and what limits them; EgressNetworks; annotations of proxies.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

mod around;
mod route;
mod work;

use super::build::*;
use heddle_model::access::{Access, Action, Mode, Network, Posture, Principal};
use heddle_model::fact::{Invalid, Mesh, Protocol, TargetPort};
use heddle_model::labels::Selector;
use heddle_model::report::ParentRef;
use heddle_model::server::*;
use heddle_model::snapshot::InboundPort;
use heddle_model::{Fact, Identity, Snapshot};

fn server_of(app: &str, port: u16) -> Server {
    Server {
        among: WorkloadClass::Pods,
        selector: Selector { labels: labels(&format!("app={app}")), conditions: Vec::new() },
        port: TargetPort::Number(port),
        protocol: None,
        default_policy: DefaultPolicy::Deny,
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

/// The Snapshot of `shop/cart` and these objects.
fn mesh(objects: Vec<(&'static str, Fact)>) -> Snapshot {
    let cart = [("Pod shop/cart", pod("cart", "10.0.0.1"))];
    snapshot(cart.into_iter().chain(objects))
}

fn port(snapshot: &Snapshot, number: u16) -> InboundPort {
    let cart = snapshot.workloads.get(&pod_key("cart")).unwrap();
    cart.inbound.iter().find(|port| port.port == number).unwrap().clone()
}

/// `SOURCE[ (audit)]: WHO`
fn policy_text(policy: &heddle_model::access::Policy) -> String {
    assert_eq!(policy.action, Action::Allow);
    let audit = if policy.mode == Mode::Audit { " (audit)" } else { "" };
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
    format!("{}{audit}: {}", policy.source, who.collect::<Vec<_>>().join("|"))
}

/// Returns what holds for all of a port: its posture, and each policy.
fn said(access: &Access) -> Vec<String> {
    let posture = format!("{:?}", access.posture);
    std::iter::once(posture).chain(access.policies.iter().map(policy_text)).collect()
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
    let with = |default_policy, authorized: bool| {
        let mut objects = vec![("Server shop/s", server(|server| server.default_policy = default_policy))];
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
    assert_eq!(with(DefaultPolicy::All, true), ["Allow"], "everyone may pass: nothing needs to open it");
    assert_eq!(with(DefaultPolicy::AllAuthenticated, false), ["Authenticated"]);
    assert_eq!(with(DefaultPolicy::AllAuthenticated, true), ["Authenticated", "Server shop/s: Any", web]);
    assert_eq!(with(DefaultPolicy::Cluster, true), ["Deny", "Server shop/s: 10.0.0.0/8", web]);
    assert_eq!(with(DefaultPolicy::ClusterAuthenticated, false), ["Deny", "Server shop/s: Any+10.0.0.0/8"]);
    let audited = ["Allow", "Server shop/s (audit): ", "AuthorizationPolicy shop/a (audit): shop/web"];
    assert_eq!(with(DefaultPolicy::Audit, true), audited);
}

#[test]
fn the_cluster_without_networks_is_nobody() {
    let snapshot =
        mesh(vec![("Server shop/s", server(|server| server.default_policy = DefaultPolicy::Cluster))]);
    assert_eq!(said(&port(&snapshot, 8080).access), ["Deny", "Server shop/s: "]);
    assert_eq!(
        diagnostics(&snapshot, "Server shop/s"),
        [
            "NoNetworks: no network of the cluster is known, so nobody is within one and nobody is admitted by that: set spec.networks of the Mesh"
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
        (
            "Server shop/s",
            server(|server| (server.created, server.default_policy) = (Some(4), DefaultPolicy::All)),
        ),
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
    let externals = server(|server| server.among = WorkloadClass::Externals);
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
