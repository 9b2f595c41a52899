mod annotation;
mod profile;
mod strict;

use super::*;
use heddle_model::Identity;
use heddle_model::access::Principal;
use heddle_model::fact::{DataPlane, Egress, Protocol, TargetPort, Workload};
use heddle_model::labels::Labels;
use heddle_model::server::{
    Authentication, Authorization, Client, DefaultPolicy, Opens, Requirement, WorkloadClass,
};

fn authorization(kind: Kind, spec: Value) -> (Authorization, Vec<String>) {
    match say(kind, json!({"spec": spec})) {
        (Fact::Authorization(authorization), faults) => (authorization, faults),
        (other, _) => panic!("{other:?}"),
    }
}

fn account(namespace: &str, name: &str) -> Client {
    Client::Known(Principal::Account(Identity::new(namespace, name).expect("valid")))
}

#[test]
fn a_server_is_a_port_of_some_workloads_and_closed_unless_it_says_otherwise() {
    let spec = json!({
        "podSelector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
        "port": "http", "proxyProtocol": "gRPC",
    });
    let (fact, faults) = say(Kind::Server, json!({"spec": spec, "metadata": {"labels": {"a": "b"}}}));
    let Fact::Server(server) = fact else { panic!("{fact:?}") };
    assert_eq!(faults, [""; 0]);
    assert_eq!((server.among, server.default_policy), (WorkloadClass::Pods, DefaultPolicy::Deny));
    assert_eq!((server.port, server.protocol), (TargetPort::Name("http".into()), Some(Protocol::Grpc)));
    let labels = |pairs: &[(&str, &str)]| -> Labels {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    };
    assert!(server.selector.selects(&labels(&[("app", "web")])));
    assert!(!server.selector.selects(&labels(&[("app", "web"), ("tier", "x")])));
    assert_eq!(server.labels, labels(&[("a", "b")]));
}

#[test]
fn a_server_that_cannot_be_read_is_none_and_an_access_policy_that_cannot_denies() {
    let server = |spec: Value| json!({"metadata": {"name": "x", "namespace": "shop"}, "spec": spec});
    let neither = "spec: one of podSelector and externalWorkloadSelector must be set";
    check_invalid(Kind::Server, server(json!({"port": 80})), neither);
    let both = json!({"port": 80, "podSelector": {}, "externalWorkloadSelector": {}});
    check_invalid(Kind::Server, server(both), neither);
    check_invalid(
        Kind::Server,
        server(json!({"podSelector": {"matchName": "x"}, "port": 80})),
        "spec.podSelector.matchName: is not a field, only matchLabels, matchExpressions are",
    );
    check_invalid(
        Kind::Server,
        server(json!({"podSelector": {}, "port": 0})),
        "spec.port: 0 is not an integer from 1 to 65535",
    );
    check_faults(
        Kind::Server,
        json!({"spec": {"podSelector": {}, "port": 80, "accessPolicy": "everyone"}}),
        &["spec.accessPolicy Invalid: \"everyone\" is none of all-unauthenticated, all-authenticated, \
           cluster-unauthenticated, cluster-authenticated, deny, audit; it is deny"],
    );
}

#[test]
fn an_authorization_policy_opens_a_server_all_of_them_or_a_route() {
    let opens = |target: Value| {
        let spec = json!({"targetRef": target, "requiredAuthenticationRefs": []});
        authorization(Kind::AuthorizationPolicy, spec).0.opens
    };
    let route = |kind| Opens::Route(heddle_model::SourceRef::new(kind, "shop", "r"));
    let policy = "policy.linkerd.io";
    assert_eq!(opens(json!({"group": policy, "kind": "Server", "name": "s"})), Opens::Server("s".into()));
    assert_eq!(opens(json!({"kind": "Namespace", "name": "shop"})), Opens::Servers(Default::default()));
    let gateway = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"});
    assert_eq!(opens(gateway), route(Kind::HttpRoute));
    let theirs = json!({"group": policy, "kind": "httproute", "name": "r"});
    assert_eq!(opens(theirs), route(Kind::LinkerdHttpRoute));
    let invalid = |target: Value, want: &str| {
        let object = json!({
            "metadata": {"name": "x", "namespace": "shop"},
            "spec": {"targetRef": target, "requiredAuthenticationRefs": []},
        });
        check_invalid(Kind::AuthorizationPolicy, object, want);
    };
    invalid(
        json!({"kind": "Namespace", "name": "other"}),
        "spec.targetRef: \"other\" is not the policy's own namespace",
    );
    invalid(
        json!({"group": "gateway.networking.k8s.io", "kind": "GRPCRoute", "name": "r"}),
        "spec.targetRef: \"grpcroute\" of group \"gateway.networking.k8s.io\" cannot be opened, only a Server, the Namespace or an HTTPRoute",
    );
}

#[test]
fn everything_that_is_required_must_hold_and_what_cannot_be_read_admits_nobody() {
    let requires = |required: Value| {
        let target = json!({"group": "policy.linkerd.io", "kind": "Server", "name": "s"});
        let spec = json!({"targetRef": target, "requiredAuthenticationRefs": required});
        authorization(Kind::AuthorizationPolicy, spec)
    };
    let group = "policy.linkerd.io";
    let mesh = json!({"group": group, "kind": "MeshTLSAuthentication", "name": "m", "namespace": "other"});
    let network = json!({"group": group, "kind": "NetworkAuthentication", "name": "n"});
    let (both, faults) = requires(json!([mesh, network]));
    let object =
        |kind, namespace, name| Requirement::Object(heddle_model::SourceRef::new(kind, namespace, name));
    let want =
        [object(Kind::MeshTlsAuthentication, "other", "m"), object(Kind::NetworkAuthentication, "shop", "n")];
    assert_eq!((both.requires.as_slice(), faults.len()), (want.as_slice(), 0));
    assert_eq!(requires(json!([])).0.requires, [], "nothing is required of anyone");
    let nobody = [Requirement::Here(Authentication::NOBODY)];
    let account = json!({"kind": "ServiceAccount", "name": "web"});
    let (twice, faults) = requires(json!([mesh, account]));
    assert_eq!(twice.requires, nobody);
    assert_eq!(
        faults,
        [
            "spec.requiredAuthenticationRefs[1] Invalid: a second identity is required, at most one may be; it admits nobody"
        ]
    );
    assert_eq!(requires(json!([network, {"kind": "Secret", "name": "x"}])).0.requires, nobody);
    assert_eq!(requires(json!("x")).0.requires, nobody);
}

#[test]
fn clients_are_named_by_identity_and_the_rest_is_left_out() {
    let identities = json!([
        "*",
        "*.shop.serviceaccount.identity.linkerd.td",
        "spiffe://td/ns/a/sa/b",
        "UPPER",
        "**.x",
        5
    ]);
    let references = json!([
        {"kind": "ServiceAccount", "name": "web"}, {"kind": "ServiceAccount", "name": "api", "namespace": "b"},
        {"kind": "Namespace", "name": "ops"}, {"kind": "Pod", "name": "x"},
    ]);
    let spec = json!({"identities": identities, "identityRefs": references});
    let (fact, faults) = say(Kind::MeshTlsAuthentication, json!({"spec": spec}));
    let want = vec![
        Client::Known(Principal::Any),
        Client::Dns("*.shop.serviceaccount.identity.linkerd.td".into()),
        Client::Known(Principal::Spiffe("spiffe://td/ns/a/sa/b".into())),
        account("shop", "web"),
        account("b", "api"),
        Client::Known(Principal::Namespace("ops".into())),
    ];
    assert_eq!(fact, Fact::Authentication(Authentication { clients: Some(want), networks: None }));
    assert_eq!(faults.len(), 4, "{faults:?}");
    let (fact, _) = say(Kind::MeshTlsAuthentication, json!({"spec": {}}));
    assert_eq!(fact, Fact::Authentication(Authentication::NOBODY));
}

#[test]
fn a_network_is_a_range_or_an_address_and_one_with_a_bad_hole_is_left_out() {
    let networks = json!([
        {"cidr": "10.9.0.0/8", "except": ["10.1.0.1"]}, {"cidr": "192.0.2.7"}, {"cidr": "10.0.0.0/8", "except": ["x"]},
    ]);
    let (fact, faults) = say(Kind::NetworkAuthentication, json!({"spec": {"networks": networks}}));
    let Fact::Authentication(Authentication { clients: None, networks: Some(networks) }) = fact else {
        panic!("{fact:?}")
    };
    let text: Vec<_> = networks.iter().map(|one| format!("{}-{:?}", one.cidr, one.except)).collect();
    assert_eq!(text, ["10.0.0.0/8-[10.1.0.1/32]", "192.0.2.7/32-[]"]);
    assert_eq!(
        faults,
        [
            "spec.networks[2].except[0] Invalid: \"x\" is not a network in CIDR notation or an address; it admits nobody"
        ]
    );
}

/// The clients of a ServerAuthorization, `None` for anyone, and the first fault.
#[track_caller]
fn check_client(client: Value, want: Option<&[Client]>, fault: &str) {
    let spec = json!({"server": {"name": "s"}, "client": client});
    let (found, faults) = authorization(Kind::ServerAuthorization, spec);
    let [Requirement::Here(Authentication { clients, .. })] = found.requires.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(clients.as_deref(), want, "{client}");
    assert_eq!(faults.first().map_or("", String::as_str), fault, "{client}");
}

#[test]
fn a_server_authorization_says_who_may_call_in_place() {
    let any = [Client::Known(Principal::Any)];
    check_client(json!({"unauthenticated": true}), None, "");
    check_client(json!({"meshTLS": {"identities": ["*"]}}), Some(&any), "");
    let accounts =
        json!({"meshTLS": {"serviceAccounts": [{"name": "web"}, {"name": "api", "namespace": "b"}]}});
    check_client(accounts, Some(&[account("shop", "web"), account("b", "api")]), "");
    check_client(
        json!({"meshTLS": {"unauthenticatedTLS": true}}),
        Some(&any),
        "spec.client.meshTLS.unauthenticatedTLS UnsupportedValue: mesh TLS always proves an identity; whoever has an identity is admitted",
    );
    let nobody: Option<&[Client]> = Some(&[]);
    check_client(json!({}), nobody, "spec.client.meshTLS Invalid: is required; it admits nobody");
    check_client(
        json!({"meshTLS": {}}),
        nobody,
        "spec.client.meshTLS Invalid: identities or serviceAccounts must be set; it admits nobody",
    );
    check_client(
        json!({"unauthenticated": true, "jwt": {}}),
        nobody,
        "spec.client.jwt Invalid: is not a field, only networks, unauthenticated, meshTLS are; it admits nobody",
    );
}

#[test]
fn a_rate_limit_of_which_a_part_cannot_be_read_is_none() {
    let server = json!({"group": "policy.linkerd.io", "kind": "Server", "name": "s"});
    let overrides =
        json!([{"requestsPerSecond": 5, "clientRefs": [{"kind": "ServiceAccount", "name": "web"}]}]);
    let spec = json!({"targetRef": server, "total": {"requestsPerSecond": 9}, "overrides": overrides});
    let (fact, _) = say(Kind::RateLimitPolicy, json!({"spec": spec}));
    let Fact::RateLimit(limit) = fact else { panic!("{fact:?}") };
    assert_eq!((&*limit.server, limit.total, limit.identity), ("s", Some(9), None));
    assert_eq!(limit.overrides, [([Identity::new("shop", "web").expect("valid")].into(), 5)]);
    let none = json!({
        "metadata": {"name": "x"}, "spec": {"targetRef": server, "total": {"requestsPerSecond": 0}},
    });
    let want = "spec.total.requestsPerSecond: 0 is not an integer from 1 to 4294967295";
    check_invalid(Kind::RateLimitPolicy, none, want);
}

#[test]
fn an_egress_network_that_cannot_be_read_allows_less_and_denies_more() {
    let egress = |spec: Value| match say(Kind::EgressNetwork, json!({"spec": spec})) {
        (Fact::Egress(egress), _) => (egress.policy, egress.networks.len()),
        (other, _) => panic!("{other:?}"),
    };
    let networks = json!([{"cidr": "192.0.2.0/24"}, {"cidr": "x"}]);
    assert_eq!(egress(json!({"trafficPolicy": "Allow"})), (Egress::Allow, 0));
    assert_eq!(egress(json!({"trafficPolicy": "Allow", "networks": networks})), (Egress::Allow, 1));
    assert_eq!(egress(json!({"trafficPolicy": "Deny", "networks": networks})), (Egress::Deny, 0));
    assert_eq!(egress(json!({"trafficPolicy": "Maybe"})), (Egress::Deny, 0));
}

fn external(spec: Value) -> (Workload, Vec<String>) {
    match say(Kind::LinkerdExternalWorkload, json!({"spec": spec})) {
        (Fact::Workload(workload), faults) => (workload, faults),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn an_external_workload_is_somebody_of_its_own_namespace_with_linkerds_proxy() {
    let ports = json!([{"port": 8080, "name": "http"}, {"port": 4143, "name": "linkerd-proxy"}, {"port": 53, "protocol": "UDP"}]);
    for (field, identity) in
        [("meshTLS", "spiffe://td/ns/shop/sa/vm"), ("meshTls", "vm.shop.serviceaccount.identity.linkerd.td")]
    {
        let mut spec = json!({"workloadIPs": [{"ip": "192.0.2.1"}], "ports": ports});
        spec[field] =
            json!({"identity": identity, "serverName": "vm.shop.serviceaccount.identity.linkerd.td"});
        let (workload, faults) = external(spec);
        assert_eq!(faults, [""; 0]);
        assert_eq!(workload.identity, Identity::new("shop", "vm").ok());
        assert_eq!(workload.plane, Some(DataPlane::Linkerd));
        assert_eq!(workload.addresses, ["192.0.2.1".parse::<std::net::IpAddr>().expect("sound")]);
        assert_eq!(workload.ports.iter().map(|port| port.port).collect::<Vec<_>>(), [8080]);
    }
    for (identity, fault) in [
        (
            "spiffe://td/ns/bank/sa/vm",
            "spec.meshTLS.identity ForeignIdentity: \"spiffe://td/ns/bank/sa/vm\" is of another namespace than the workload; the workload has no identity",
        ),
        (
            "spiffe://td/vm",
            "spec.meshTLS.identity Invalid: \"spiffe://td/vm\" has path \"vm\", want \"ns/<namespace>/sa/<service account>\"; the workload has no identity",
        ),
        (
            "vm",
            "spec.meshTLS.identity Invalid: \"vm\" is not the name of an identity; the workload has no identity",
        ),
    ] {
        let (workload, faults) = external(json!({"meshTLS": {"identity": identity}}));
        assert_eq!((workload.identity, faults), (None, vec![fault.to_string()]));
    }
}

#[test]
fn linkerds_routes_without_backends_go_on_and_what_a_server_cannot_take_is_known() {
    let rules = |kind, rules: Value| match say(kind, json!({"spec": {"rules": rules}})) {
        (Fact::HttpRoute(route), _) => (route.rules[0].own_endpoints, route.unservable),
        (other, _) => panic!("{other:?}"),
    };
    assert_eq!(rules(Kind::LinkerdHttpRoute, json!([{}])), (true, None));
    assert_eq!(rules(Kind::HttpRoute, json!([{}])), (false, None));
    let filter = json!([{"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {}}]}]);
    assert_eq!(
        rules(Kind::LinkerdHttpRoute, filter).1.as_deref(),
        Some("spec.rules[0].filters are not supported at a Server")
    );
}
