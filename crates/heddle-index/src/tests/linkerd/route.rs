//! Routes at Servers, and ServiceProfiles.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use super::*;
use heddle_model::access::{AccessEntry, Unmatched};
use heddle_model::http::{HttpMatch, PathMatch};
use heddle_model::report::ParentRef;

fn opens_route(route: &str, name: &str) -> Fact {
    let requires = vec![Requirement::Here(account(name))];
    Fact::Authorization(Authorization { opens: Opens::Route(source(route)), requires })
}

fn at_server(paths: &[&str]) -> Fact {
    route(vec![to_server("s")], vec![rule(paths.iter().map(|path| prefix(path)).collect(), vec![])])
}

/// Returns how many entries the routes at `s` make, or `None`.
fn routed(objects: Vec<(&'static str, Fact)>) -> Option<usize> {
    let routes = port(&mesh(objects), 8080).access.routes.clone()?;
    assert_eq!(routes.unmatched, Unmatched::Refused);
    Some(routes.entries.len())
}

/// Each entry of the routes at `s`: its path, and whom the authorizations of each governor admit.
fn entries(objects: Vec<(&'static str, Fact)>) -> Vec<String> {
    let routes = port(&mesh(objects), 8080).access.routes.clone().unwrap();
    let entry = |entry: &AccessEntry| {
        let path = match &entry.matcher.path {
            None => "/",
            Some(PathMatch::Prefix(path) | PathMatch::Exact(path) | PathMatch::Regex(path)) => path,
        };
        let governors = routes.at(&entry.governors).map(|governor| {
            let name = governor.route.as_ref().map_or("", |route| route.name.as_str());
            format!("{name} [{}]", governor.policies.iter().map(policy_text).collect::<Vec<_>>().join(", "))
        });
        format!("{path}: {}", governors.collect::<Vec<_>>().join(" and "))
    };
    routes.entries.iter().map(entry).collect()
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
    check(objects.clone(), &["Deny"]);
    let own = "AuthorizationPolicy shop/a: shop/web";
    assert_eq!(
        entries(objects.clone()),
        ["/c: g []".into(), format!("/a: r [{own}]"), format!("/b: r [{own}]")]
    );
    assert_eq!(routed(objects.clone()), Some(3));
    assert_eq!(routed(vec![("Server shop/s", closed())]), None);
    let report = mesh(objects).reports.get(&source(route)).unwrap().clone();
    assert!(report.subjects[0].conditions.iter().all(|condition| condition.holds), "{report:?}");
}

#[test]
fn each_request_belongs_to_its_best_route_and_is_open_to_whom_that_one_admits() {
    let (all, admin) = ("HTTPRoute.policy.linkerd.io shop/all", "HTTPRoute.policy.linkerd.io shop/admin");
    let objects = vec![
        ("Server shop/s", closed()),
        (all, at_server(&["/", "/other"])),
        (admin, at_server(&["/admin"])),
        ("AuthorizationPolicy shop/a", opens_route(all, "web")),
        ("AuthorizationPolicy shop/b", opens_route(admin, "ops")),
    ];
    check(objects.clone(), &["Deny"]);
    assert_eq!(
        entries(objects.clone()),
        [
            "/admin: admin [AuthorizationPolicy shop/b: shop/ops]",
            "/other: all [AuthorizationPolicy shop/a: shop/web]",
            ": all [AuthorizationPolicy shop/a: shop/web]",
        ]
    );
    assert_eq!(diagnostics(&mesh(objects), "AuthorizationPolicy shop/a").len(), 0);
}

#[test]
fn what_a_route_wins_that_no_server_can_tell_is_opened_to_nobody_by_a_looser_one() {
    let (all, admin) = ("HTTPRoute.policy.linkerd.io shop/all", "HTTPRoute.policy.linkerd.io shop/admin");
    let regex = HttpMatch {
        path: Some(PathMatch::Regex("/admin.*".into())),
        method: Some("GET".into()),
        ..prefix("/")
    };
    let objects = vec![
        ("Server shop/s", closed()),
        (all, at_server(&["/"])),
        (admin, route(vec![to_server("s")], vec![rule(vec![regex], vec![])])),
        ("AuthorizationPolicy shop/a", opens_route(all, "web")),
        ("AuthorizationPolicy shop/b", opens_route(admin, "ops")),
    ];
    let (web, nobody) = ("AuthorizationPolicy shop/a: shop/web", "AuthorizationPolicy shop/b: ");
    let want = [format!(": admin [{nobody}] and all [{web}]"), format!(": all [{web}]")];
    assert_eq!(entries(objects.clone()), want);
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
fn a_route_of_an_egress_network_is_told_that_it_is_not_supported() {
    let parent = ParentRef { kind: Some("EgressNetwork".into()), ..to_server("all") };
    let objects = vec![("HTTPRoute shop/r", route(vec![parent], vec![rule(vec![prefix("/a")], vec![])]))];
    let report = mesh(objects).reports.get(&source("HTTPRoute shop/r")).unwrap().clone();
    let accepted = report.subjects[0].conditions.iter().find(|one| one.kind == "Accepted").unwrap();
    assert_eq!((accepted.holds, accepted.reason), (false, "UnsupportedValue"));
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
    let families = heddle_model::Families::Single(heddle_model::Family::V4);
    let to = |port| {
        let backend = heddle_model::route::Backend::Service { port: port_key("cart", port), families };
        format!("{backend:?}")
    };
    assert_eq!(backends, [(80, to(80)), (81, to(81))]);
    let protocols: Vec<_> = snapshot
        .services
        .get(&heddle_model::ServiceKey::new("shop", "cart"))
        .map(|service| service.ports.iter().map(|port| port.protocol).collect())
        .unwrap_or_default();
    assert_eq!(protocols, [Protocol::Detect; 2], "a profile says nothing of what is spoken");
}
