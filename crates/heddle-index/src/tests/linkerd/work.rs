//! What a change of an object of Linkerd's costs.

use super::*;
use crate::Index;
use heddle_model::{Event, Kind, SourceRef};

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
