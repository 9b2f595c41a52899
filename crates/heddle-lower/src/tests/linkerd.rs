use super::*;
use heddle_model::Identity;
use heddle_model::access::Principal;
use heddle_model::fact::{Accrual, DataPlane, Egress, Protocol, TargetPort, Workload};
use heddle_model::labels::Labels;
use heddle_model::server::{Among, Authentication, Authorization, Client, Opens, Requirement, Stance};
use std::time::Duration;

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
    assert_eq!((server.among, server.stance), (Among::Pods, Stance::Deny));
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
        "spec.podSelector: matchName is not a field, only matchLabels, matchExpressions are",
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
        "spec.client Invalid: jwt is not a field, only networks, unauthenticated, meshTLS are; it admits nobody",
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

/// The rules of a ServiceProfile, in few words, and what is wrong with it.
#[track_caller]
fn check_profile(spec: Value, want: &[&str], faults: &[&str]) {
    let (fact, got) = say(Kind::ServiceProfile, json!({"spec": spec}));
    let Fact::HttpRoute(route) = fact else { panic!("{fact:?}") };
    let rules = route.rules.iter().map(|rule| {
        let matches = rule.matches.iter().map(|found| {
            let path = found.path.as_ref().map(|path| format!("{path:?}")).unwrap_or_default();
            format!("{}{path}", found.method.as_deref().unwrap_or_default())
        });
        let backends = rule.backends.iter().map(|backend| {
            let (service, port) = backend.target.clone().expect("sound");
            format!(" {}x{service}:{port}", backend.weight)
        });
        let own = if rule.own_endpoints { " own" } else { "" };
        let retry = rule.retry.as_ref().map(|retry| format!(" {}x{}", retry.attempts, retry.codes.len()));
        let timeout = rule.request_timeout.map(|timeout| format!(" {timeout:?}")).unwrap_or_default();
        let matches = matches.collect::<Vec<_>>().join("|");
        format!("{matches}{}{own}{timeout}{}", backends.collect::<String>(), retry.unwrap_or_default())
    });
    assert_eq!(rules.collect::<Vec<_>>(), want, "{spec}");
    assert_eq!(got, faults, "{spec}");
}

#[test]
fn a_service_profile_is_a_route_of_the_service_that_its_name_spells() {
    let (fact, _) =
        say(Kind::ServiceProfile, json!({"spec": {"routes": [{"condition": {"method": "GET"}}]}}));
    let Fact::HttpRoute(route) = fact else { panic!("{fact:?}") };
    let parent = &route.parents[0];
    assert_eq!((parent.namespace.as_deref(), parent.name.as_str()), (Some("shop"), "web"));
    let profile = |name: &str| json!({"metadata": {"name": name}, "spec": {}});
    let lowered = lower(Kind::ServiceProfile, &profile("web.shop.svc.cluster.local"));
    assert!(matches!(lowered.fact, Fact::HttpRoute(route) if route.parents.is_empty()), "it says nothing");
    check_invalid(
        Kind::ServiceProfile,
        profile("example.com"),
        "metadata.name: \"example.com\" is not SERVICE.NAMESPACE.svc.DOMAIN",
    );
}

#[test]
fn conditions_are_alternatives_and_what_they_cannot_say_is_left_out() {
    let route = |condition: Value| json!({"name": "r", "condition": condition});
    check_profile(
        json!({"routes": [{"name": "a", "condition": {"pathRegex": "/a", "method": "GET"}, "timeout": "2s", "isRetryable": true}]}),
        &["GETExact(\"/a\") own 2s 1x100", " own"],
        &[],
    );
    let any = json!({"any": [{"pathRegex": "/a/.*"}, {"pathRegex": "/b"}], "all": [{"method": "PUT"}]});
    check_profile(
        json!({"routes": [route(any)]}),
        &["PUTRegex(\"/a/.*\")|PUTExact(\"/b\") own", " own"],
        &[],
    );
    check_profile(
        json!({"routes": [route(json!({"not": [{"method": "GET"}]}))]}),
        &[" own"],
        &["spec.routes[0].condition Invalid: not is not a field, only pathRegex, method, all, any are; \
           the route is left out, and its requests follow the others"],
    );
    check_profile(
        json!({"routes": [], "dstOverrides": [
            {"authority": "v1.shop.svc.cluster.local:8080", "weight": "500m"}, {"authority": "v2.b.svc", "weight": 1},
        ], "retryBudget": {}}),
        &[" 500xshop/v1:8080 1000xb/v2:80"],
        &["spec.retryBudget UnsupportedValue: retryBudget is not supported; it is ignored"],
    );
}

#[test]
fn nested_conditions_do_not_multiply_without_end() {
    let nine = || json!({"any": (0..9).map(|n| json!({"pathRegex": format!("/{n}")})).collect::<Vec<_>>()});
    check_profile(
        json!({"routes": [{"name": "r", "condition": {"all": [nine(), nine()]}}]}),
        &[" own"],
        &["spec.routes[0].condition UnsupportedValue: it comes to more than 64 alternatives; \
           the route is left out, and its requests follow the others"],
    );
    let mut deep = json!({"method": "GET"});
    for _ in 0..20 {
        deep = json!({"all": [deep]});
    }
    let (_, faults) = say(Kind::ServiceProfile, json!({"spec": {"routes": [{"condition": deep}]}}));
    assert!(faults[0].contains("more than 8 deep"), "{faults:?}");
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

fn annotated(kind: Kind, annotations: Value, spec: Value) -> (Fact, Vec<String>) {
    let labels = json!({"heddle.dev/plane": "linkerd"});
    say(kind, json!({"metadata": {"annotations": annotations, "labels": labels}, "spec": spec}))
}

#[test]
fn annotations_steer_linkerds_proxy_and_no_other() {
    let annotations = json!({
        "config.linkerd.io/default-inbound-policy": "cluster-authenticated",
        "config.linkerd.io/opaque-ports": "25, 3306-3308,db", "config.linkerd.io/skip-inbound-ports": "9999",
    });
    let spec = json!({"containers": [{"ports": [{"name": "db", "containerPort": 5432}]}]});
    let (fact, faults) = annotated(Kind::Pod, annotations.clone(), spec.clone());
    let Fact::Workload(pod) = fact else { panic!("{fact:?}") };
    let config = pod.config.expect("said");
    assert_eq!(faults, [""; 0]);
    assert_eq!(config.stance, Some(Stance::ClusterAuthenticated));
    assert_eq!(config.opaque_ports, Some([25, 3306, 3307, 3308, 5432].into()));
    assert_eq!(config.skip_inbound_ports, Some([9999].into()));
    let (fact, _) = say(Kind::Pod, json!({"metadata": {"annotations": annotations}, "spec": spec}));
    assert!(matches!(fact, Fact::Workload(pod) if pod.config.is_none()), "no proxy, no setting");
}

#[test]
fn what_annotations_cannot_say_is_told_and_a_stance_that_cannot_be_read_denies() {
    let annotations = json!({
        "config.linkerd.io/default-inbound-policy": "open", "config.linkerd.io/opaque-ports": "1-65535,80,x",
    });
    let (fact, faults) = annotated(Kind::Namespace, annotations, json!({}));
    let Fact::Namespace(namespace) = fact else { panic!("{fact:?}") };
    let config = namespace.config.expect("said");
    assert_eq!((config.stance, config.opaque_ports), (Some(Stance::Deny), Some([80].into())));
    assert_eq!(
        faults[1..],
        [
            "metadata.annotations[config.linkerd.io/opaque-ports] UnsupportedValue: more than 1024 ports are named; \"1-65535\" is left out",
            "metadata.annotations[config.linkerd.io/opaque-ports] UnsupportedValue: \"x\" is no port, no range and no name of a port; \"x\" is left out",
        ]
    );
}

#[test]
fn a_services_annotations_say_how_requests_fare() {
    let annotations = json!({
        "config.linkerd.io/opaque-ports": "80,81,db",
        "balancer.linkerd.io/failure-accrual": "consecutive",
        "balancer.linkerd.io/failure-accrual-consecutive-max-failures": "3",
        "balancer.linkerd.io/failure-accrual-consecutive-max-penalty": "1m",
        "retry.linkerd.io/http": "gateway-error,500", "retry.linkerd.io/limit": "2", "retry.linkerd.io/timeout": "300ms",
        "timeout.linkerd.io/request": "5s", "timeout.linkerd.io/response": "1s", "timeout.linkerd.io/idle": "3s",
    });
    let ports = json!([
        {"name": "a", "port": 80}, {"name": "b", "port": 81, "appProtocol": "http"}, {"name": "db", "port": 82},
    ]);
    let (fact, faults) = annotated(Kind::Service, annotations, json!({"ports": ports}));
    let Fact::Service(service) = fact else { panic!("{fact:?}") };
    let protocols: Vec<_> = service.ports.iter().map(|port| port.protocol).collect();
    assert_eq!(protocols, [Some(Protocol::Opaque), Some(Protocol::Http), Some(Protocol::Opaque)]);
    let accrual = Accrual {
        max_failures: 3,
        min_penalty: Duration::from_secs(1),
        max_penalty: Duration::from_secs(60),
        jitter_percent: 50,
    };
    assert_eq!(service.accrual, Some(accrual));
    assert_eq!(service.defaults.request_timeout, Some(Duration::from_secs(5)));
    assert_eq!(service.defaults.backend_timeout, Some(Duration::from_millis(300)));
    let retry = service.defaults.retry.expect("said");
    assert_eq!((retry.attempts, retry.codes), (2, vec![500, 502, 503, 504]));
    assert_eq!(
        faults,
        [
            "metadata.annotations[timeout.linkerd.io/idle] UnsupportedValue: idle streams are not limited; it is ignored"
        ]
    );
}

#[test]
fn an_annotation_that_cannot_be_read_sets_nothing() {
    for (name, value, fault) in [
        (
            "retry.linkerd.io/http",
            "5xx,200",
            "\"200\" is none of 5xx, gateway-error and statuses from 400 to 599 that can be tried again; nothing is tried again",
        ),
        (
            "retry.linkerd.io/limit",
            "-1",
            "\"-1\" is not a number of attempts from 0 to 65535; nothing is tried again",
        ),
        (
            "timeout.linkerd.io/request",
            "5",
            "\"5\" is not a duration, want whole numbers of d, h, m, s or ms; there is no such limit",
        ),
        (
            "balancer.linkerd.io/failure-accrual",
            "other",
            "\"other\" is neither consecutive nor unified; failures are not counted",
        ),
    ] {
        let (fact, faults) = annotated(Kind::Service, json!({name: value}), json!({"ports": []}));
        let Fact::Service(service) = fact else { panic!("{fact:?}") };
        assert_eq!((service.accrual, service.defaults), (None, Default::default()), "{name}");
        assert!(faults.len() == 1 && faults[0].ends_with(fault), "{faults:?}");
    }
}

#[test]
fn a_routes_annotations_hold_where_its_rules_do_not_say() {
    let annotations = json!({"timeout.linkerd.io/request": "5s", "retry.linkerd.io/timeout": "2s"});
    let backends = json!([{"name": "web", "port": 80}]);
    let rules = json!([{"backendRefs": backends}, {"timeouts": {"request": "1s"}, "retry": {"attempts": 9}, "backendRefs": backends}]);
    let (fact, _) = annotated(Kind::HttpRoute, annotations, json!({"rules": rules}));
    let Fact::HttpRoute(route) = fact else { panic!("{fact:?}") };
    let said: Vec<_> = route
        .rules
        .iter()
        .map(|rule| {
            (rule.request_timeout, rule.backend_timeout, rule.retry.as_ref().map(|retry| retry.attempts))
        })
        .collect();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(said, [(seconds(5), seconds(2), Some(1)), (seconds(1), None, Some(9))]);
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
