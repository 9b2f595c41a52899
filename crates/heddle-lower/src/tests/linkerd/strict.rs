#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]
use super::*;
use heddle_model::http::HttpMatch;

/// Asserts what is said of a field that the kind does not know.
#[track_caller]
fn check(kind: Kind, spec: Value, field: &str, instead: &str) -> Fact {
    let (fact, faults) = say(kind, json!({"spec": spec}));
    let named = |fault: &&String| fault.starts_with(&format!("{field} Invalid: is not a field, only "));
    let fault = faults.iter().find(named).unwrap_or_else(|| panic!("no {field} in {faults:#?}"));
    assert!(fault.ends_with(&format!("; {instead}")), "{fault}");
    fact
}

#[test]
fn an_egress_network_with_an_unknown_field_denies() {
    let spec = json!({"trafficPolicy": "Allow", "network": [{"cidr": "203.0.113.0/24"}]});
    let instead = "until it is corrected all that is outside is denied";
    let fact = check(Kind::EgressNetwork, spec, "spec.network", instead);
    assert!(matches!(fact, Fact::Invalid(_)), "{fact:?}");
}

#[test]
fn a_server_with_an_unknown_field_admits_nobody_by_itself() {
    let spec =
        json!({"podSelector": {}, "port": 80, "accessPolicy": "all-unauthenticated", "acessPolicy": "deny"});
    let fact = check(Kind::Server, spec, "spec.acessPolicy", "the access policy is deny");
    let Fact::Server(server) = fact else { panic!("{fact:?}") };
    assert_eq!(server.default_policy, DefaultPolicy::Deny);
}

#[test]
fn an_authorization_with_an_unknown_field_admits_nobody_or_is_none() {
    let target = json!({"group": "policy.linkerd.io", "kind": "Server", "name": "web"});
    let spec = json!({"targetRef": target, "requiredAuthenticationRefs": [], "when": []});
    let fact = check(Kind::AuthorizationPolicy, spec, "spec.when", "the object is not used");
    assert!(matches!(fact, Fact::Invalid(_)), "{fact:?}");
    let spec = json!({"server": {"name": "web"}, "client": {"unauthenticated": true, "network": []}});
    let fact = check(Kind::ServerAuthorization, spec, "spec.client.network", "it admits nobody");
    let Fact::Authorization(authorization) = fact else { panic!("{fact:?}") };
    assert_eq!(authorization.requires, [Requirement::Here(Authentication::NOBODY)]);
    for (kind, spec, field) in [
        (Kind::MeshTlsAuthentication, json!({"identities": ["*"], "except": []}), "spec.except"),
        (Kind::NetworkAuthentication, json!({"networks": [], "cidrs": []}), "spec.cidrs"),
    ] {
        let fact = check(kind, spec, field, "the object is not used");
        assert!(matches!(fact, Fact::Invalid(_)), "{fact:?}");
    }
}

#[test]
fn a_truth_value_of_another_type_admits_fewer() {
    let spec = json!({"server": {"name": "web"}, "client": {"unauthenticated": "true"}});
    let (authorization, faults) = authorization(Kind::ServerAuthorization, spec);
    let nobody = Authentication { clients: Some(Vec::new()), networks: None };
    assert_eq!(authorization.requires, [Requirement::Here(nobody)]);
    assert_eq!(
        faults[0],
        "spec.client.unauthenticated Invalid: \"true\" is not true or false; callers must have an identity"
    );
}

#[test]
fn a_route_with_an_unknown_field_breaks_what_has_it() {
    let route = |rest: Value| {
        let mut spec = json!({"rules": [{"matches": [{"path": {"value": "/a"}}], "backendRefs": [{"name": "a", "port": 80}]}]});
        let fields = rest.as_object().expect("an object");
        spec.as_object_mut().expect("an object").extend(fields.clone());
        spec
    };
    let rules = |fact: Fact| match fact {
        Fact::HttpRoute(route) => route.rules,
        other => panic!("{other:?}"),
    };
    let broken = "requests of this rule are answered 500";
    for kind in [Kind::LinkerdHttpRoute, Kind::HttpRoute] {
        let all = "all requests of the route are answered 500";
        let fact = check(kind, route(json!({"parentRef": []})), "spec.parentRef", all);
        assert!(rules(fact).iter().all(|rule| rule.broken));
        let fact = check(kind, json!({"rules": [{"match": []}, {}]}), "spec.rules[0].match", broken);
        assert_eq!(rules(fact).iter().map(|rule| rule.broken).collect::<Vec<_>>(), [true, false]);
        let exact = json!({"rules": [{"matches": [{"path": {"typ": "Exact", "value": "/a"}}]}]});
        let fact = check(kind, exact, "spec.rules[0].matches[0].path.typ", broken);
        let rule = rules(fact).remove(0);
        assert!(rule.broken && rule.matches == [HttpMatch::default()], "{rule:?}");
        let fact = check(
            kind,
            json!({"rules": [{"backendRefs": [{"name": "a", "port": 80, "wieght": 0}]}]}),
            "spec.rules[0].backendRefs[0].wieght",
            "its share of the requests is answered 500",
        );
        assert!(rules(fact)[0].backends[0].broken);
        let filter =
            json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}, "when": 1});
        check(kind, json!({"rules": [{"filters": [filter]}]}), "spec.rules[0].filters[0].when", broken);
        let parent = json!({"parentRefs": [{"group": "", "kind": "Service", "name": "a", "prot": 80}]});
        check(kind, route(parent), "spec.parentRefs[0].prot", "it is not attached there");
    }
}

#[test]
fn what_says_how_requests_fare_is_left_out_where_a_field_is_unknown() {
    let server = json!({"group": "policy.linkerd.io", "kind": "Server", "name": "web"});
    let spec = json!({"targetRef": server, "total": {"requestsPerSecond": 5, "burst": 9}});
    check(Kind::RateLimitPolicy, spec, "spec.total.burst", "the object is not used");
    check(Kind::ServiceProfile, json!({"retryBudgets": {}}), "spec.retryBudgets", "it is ignored");
    let rule = json!({"condition": {"method": "GET"}, "isRetriable": true});
    let instead = "the route is left out, and its requests follow the others";
    check(Kind::ServiceProfile, json!({"routes": [rule]}), "spec.routes[0].isRetriable", instead);
    let to = json!({"authority": "b.shop.svc:80", "weight": 1, "wait": 1});
    let share = "its share of the requests is answered 500";
    check(Kind::ServiceProfile, json!({"dstOverrides": [to]}), "spec.dstOverrides[0].wait", share);
}

#[test]
fn an_external_workload_with_an_unknown_field_is_nobody() {
    let name = "vm.shop.serviceaccount.identity.linkerd.cluster.local";
    let spec = json!({"meshTLS": {"identity": name, "serverName": name, "mode": "x"}, "workloadIPs": [{"ip": "192.0.2.1"}]});
    let (workload, faults) = external(spec);
    assert_eq!(workload.identity, None);
    assert_eq!(
        faults,
        [
            "spec.meshTLS.mode Invalid: is not a field, only identity, serverName are; the workload has no identity"
        ]
    );
    let ip = json!({"meshTLS": {"identity": name, "serverName": name}, "workloadIPs": [{"ip": "192.0.2.1", "v": 6}]});
    let field = "spec.workloadIPs[0].v";
    let fact = check(Kind::LinkerdExternalWorkload, ip, field, "the address is not used");
    assert!(matches!(fact, Fact::Workload(workload) if workload.addresses.is_empty()));
}

#[test]
fn a_field_beside_spec_is_none() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.spec().origin == Origin::Linkerd) {
        let (fact, faults) = say(kind, json!({"spec": {}, "specs": {}}));
        assert!(matches!(fact, Fact::Invalid(_)), "{kind}: {fact:?}");
        assert!(faults[0].starts_with("specs Invalid: is not a field, only apiVersion"), "{faults:?}");
    }
}
