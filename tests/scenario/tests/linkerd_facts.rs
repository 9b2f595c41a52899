//! Facts that only Linkerd's objects say, put into a Snapshot by hand and decided.

use heddle_decide::verdict::{Forward, Outcome};
use heddle_decide::{Call, Client, HttpCall, Request, Verdict, decide};
use heddle_model::access::{Access, AccessEntry, Network, RouteAccess, Unmatched};
use heddle_model::fact::{Egress, EgressNetwork};
use heddle_model::http::{HttpMatch, PathMatch};
use heddle_model::route::{Retry, RouteDefaults};
use heddle_model::snapshot::{Service, Workload};
use heddle_model::{Kind, ServiceKey, Snapshot, SourceRef, WorkloadKey};
use heddle_scenario_tests::{Summary, all};
use std::sync::Arc;
use std::time::Duration;

fn two_planes() -> Snapshot {
    let found = all().into_iter().find(|scenario| scenario.name == "two-planes");
    found.expect("it is there").snapshot()
}

fn pod(name: &str) -> WorkloadKey {
    format!("pod/shop/{name}").parse().expect("a key")
}

fn ask(snapshot: &Snapshot, from: &str, to: [u8; 4], port: u16, path: &str) -> Verdict {
    let call = Call::Http(HttpCall::new("GET", "any", path));
    let request = Request { client: Client::Workload(pod(from)), address: to.into(), port, call };
    decide(snapshot, &request)
}

const CART: [u8; 4] = [10, 96, 0, 1];

/// Puts a route of `/a` before a port of `cart`.
fn with_route(snapshot: &mut Snapshot, port: u16) {
    let cart = snapshot.workloads.get(&pod("cart")).expect("it is there");
    let mut cart = Workload::clone(cart);
    let matcher = HttpMatch { path: Some(PathMatch::Prefix("/a".into())), ..HttpMatch::default() };
    let entry = AccessEntry { matcher, governors: Vec::new(), audits: Vec::new() };
    let routes = RouteAccess { governors: Vec::new(), entries: vec![entry], unmatched: Unmatched::Refused };
    let routes = Arc::new(routes);
    for inbound in cart.inbound.iter_mut().filter(|inbound| inbound.port == port) {
        let access = Access::clone(&inbound.access);
        inbound.access = Arc::new(Access { routes: Some(routes.clone()), ..access });
    }
    snapshot.workloads.insert(pod("cart"), Arc::new(cart));
}

#[test]
fn where_routes_are_attached_a_request_of_none_is_refused_and_so_are_bytes() {
    let mut snapshot = two_planes();
    with_route(&mut snapshot, 8080);
    with_route(&mut snapshot, 7000);
    for (from, port, path, want, by) in [
        ("web", 8080, "/a/b", "allowed mtls", "AccessPolicy shop/known[0]"),
        ("web", 8080, "/b", "denied mtls", "no route"),
        ("web", 8080, "//x/../a", "allowed mtls", "AccessPolicy shop/known[0]"),
        ("web", 7000, "/a", "allowed mtls", "AccessPolicy shop/known[0]"),
        ("shopper", 8080, "/a", "allowed mtls", "AccessPolicy shop/known[0]"),
        ("shopper", 7000, "/a", "denied mtls", "no route"),
    ] {
        let got = Summary::from(&ask(&snapshot, from, CART, port, path));
        assert_eq!((got.want.as_str(), got.by.as_str()), (want, by), "{from} {port} {path}");
    }
}

fn limits(verdict: &Verdict) -> &RouteDefaults {
    let Outcome::Forwarded(Forward { limits, .. }) = &verdict.outcome else { panic!("{verdict}") };
    limits
}

#[test]
fn what_a_service_says_of_requests_holds_where_no_route_is() {
    let mut snapshot = two_planes();
    let key = ServiceKey::new("shop", "cart");
    let service = Service::clone(snapshot.services.get(&key).expect("it is there"));
    let retry = Retry { attempts: 3, codes: vec![503], backoff: None };
    let defaults = RouteDefaults {
        request_timeout: Some(Duration::from_secs(2)),
        backend_timeout: None,
        retry: Some(retry),
    };
    snapshot.services.insert(key, Arc::new(Service { defaults: defaults.clone(), ..service }));
    let http = ask(&snapshot, "web", CART, 8080, "/");
    assert_eq!(limits(&http), &defaults);
    assert!(
        http.to_string().contains("timeout: 2s\n  retries: 3 after a failed connection or [503]"),
        "{http}"
    );
    // Bytes have no requests.
    assert_eq!(limits(&ask(&snapshot, "web", CART, 9000, "/")), &RouteDefaults::default());
}

#[test]
fn egress_networks_are_for_linkerd2_proxies_alone() {
    let mut snapshot = two_planes();
    let networks = vec![Network { cidr: "203.0.113.0/24".parse().expect("a network"), except: vec![] }];
    let network = EgressNetwork { networks, policy: Egress::Deny, created: None };
    // Which kind it is decides nothing.
    snapshot.egress.insert(SourceRef::new(Kind::Service, "shop", "closed"), Arc::new(network));
    for (from, to, want) in [
        ("shopper", [203, 0, 113, 1], "refused"),
        ("shopper", [198, 51, 100, 1], "passed"),
        ("web", [203, 0, 113, 1], "passed"),
    ] {
        assert_eq!(Summary::from(&ask(&snapshot, from, to, 443, "/")).want, want, "{from} {to:?}");
    }
}
