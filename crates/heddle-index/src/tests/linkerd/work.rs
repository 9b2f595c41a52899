//! The cost of a change of one of Linkerd's objects.

use super::*;
use crate::Index;
use heddle_model::{Event, Kind, SourceRef};
use std::sync::Arc;

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
    audited.default_policy = DefaultPolicy::Audit;
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
    cluster.default_policy = DefaultPolicy::Cluster;
    index.apply(set("Server shop/s9", Fact::Server(cluster)));
    index.resolve();
    let before = index.work();
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    index.apply(set("Mesh default", Fact::Mesh(Mesh { networks, ..Mesh::default() })));
    index.resolve();
    let after = index.work();
    assert_eq!([after.servers - before.servers, after.authorizations - before.authorizations], [1, 0]);
}

/// A Server that so many authorizations open, each requiring one authentication of so many identities.
fn opened(authorizations: usize, identities: usize) -> Index {
    let mut index = Index::new();
    index.apply(set("Pod shop/web", pod("web", "10.0.0.1")));
    index.apply(set("Server shop/web", Fact::Server(server_of("web", 8080))));
    let clients =
        (0..identities).map(|n| Client::Known(Principal::Spiffe(format!("spiffe://other/{n}").into())));
    let shared = Authentication { clients: Some(clients.collect()), networks: None };
    index.apply(set("MeshTLSAuthentication auth/shared", Fact::Authentication(shared)));
    for number in 0..authorizations {
        let requires =
            vec![Requirement::Object(SourceRef::new(Kind::MeshTlsAuthentication, "auth", "shared"))];
        let authorization =
            Fact::Authorization(Authorization { opens: Opens::Server("web".into()), requires });
        index.apply(set(&format!("AuthorizationPolicy shop/a{number}"), authorization));
    }
    index.resolve();
    index
}

#[test]
fn authorizations_share_the_identities_of_what_they_require() {
    let index = opened(4, 100);
    let access = &index.snapshot().workloads.get(&pod_key("web")).unwrap().inbound[0].access.clone();
    let sets: Vec<_> =
        access.policies.iter().map(|policy| policy.rules[0].from[0].principals.clone()).collect();
    assert_eq!(sets.len(), 4);
    assert!(sets.iter().all(|one| Arc::ptr_eq(one, &sets[0])));
}

#[test]
fn a_server_that_names_far_too_many_callers_is_closed_and_says_why() {
    let index = opened(17, 1000);
    let snapshot = index.snapshot();
    let access = snapshot.workloads.get(&pod_key("web")).unwrap().inbound[0].access.clone();
    assert!(access.policies.iter().all(|policy| policy.rules.is_empty()) && !access.policies.is_empty());
    let found = snapshot.diagnostics.get(&source("AuthorizationPolicy shop/a0")).unwrap();
    assert_eq!(found[0].reason, "TooManyCallers");
    assert!(found[0].message.contains("names 17000 identities and networks together, at most 16384"));
}
