//! A route without policies of its own never opens what was denied, wherever it sends requests and whatever it edits.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use heddle_decide::verdict::{Admission, Ground, Outcome, ShareTarget};
use heddle_decide::{Call, Client, HttpCall, Request, decide};
use heddle_model::{Snapshot, WorkloadKey, WorkloadKind};
use heddle_scenario_tests::resolved;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use std::collections::BTreeSet;
use std::fmt::Write;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_route_that_is_added_opens_nothing(
        posture in select(vec!["Allow", "Authenticated", "Deny"]),
        routes in vec((unfiltered(), vec(policy(), 0..3)), 1..4),
        added in route(),
        calls in vec(call(), 12),
    ) {
        let before = snapshot(posture, &routes, None);
        let after = snapshot(posture, &routes, Some(&added));
        for request in calls {
            // A request that goes to another workload is that one's to judge.
            let goes_on = reached(&before, &request) == reached(&after, &request);
            if goes_on && is_denied(&before, &request) {
                prop_assert!(!is_admitted(&after, &request), "{:?}", request);
            }
        }
    }
}

/// A route of few paths and one header.
#[derive(Clone, Debug)]
struct Route {
    parent: &'static str,
    backend: &'static str,
    path: &'static str,
    header: Option<&'static str>,
    filter: Option<&'static str>,
}

fn route() -> impl Strategy<Value = Route> {
    let filters =
        vec!["remove: [x-env]", "set: [{name: x-env, value: prod}]", "add: [{name: x-env, value: dev}]"];
    (
        select(vec!["cart", "v1"]),
        select(vec!["cart", "v1"]),
        select(vec!["/", "/a", "/a/b"]),
        option::of(select(vec!["prod", "dev"])),
        option::weighted(0.4, select(filters)),
    )
        .prop_map(|(parent, backend, path, header, filter)| Route {
            parent,
            backend,
            path,
            header,
            filter,
        })
}

/// A route without filters: where a filter hides whose requests are whose, a workload denies more than policies say, and a
/// further filter may tell them apart again.
fn unfiltered() -> impl Strategy<Value = Route> {
    route().prop_map(|route| Route { filter: None, ..route })
}

/// The action, the mode, and a peer.
type Policy = (&'static str, &'static str, &'static str);

fn policy() -> impl Strategy<Value = Policy> {
    let peers = vec!["serviceAccounts: [{name: web}]", "serviceAccounts: [{name: bad}]", "identities: ['*']"];
    (select(vec!["Allow", "Deny"]), select(vec!["Enforce", "Enforce", "Audit"]), select(peers))
}

fn call() -> impl Strategy<Value = Request> {
    let targets = select(vec!["10.96.0.1:80", "10.96.0.2:80", "10.1.0.2:8080", "10.1.0.3:8080"]);
    let path = select(vec!["/", "/a", "/a/b/c", "/z"]);
    let header = option::of(select(vec!["prod", "dev", "other"]));
    (select(vec!["web", "bad"]), targets, path, header).prop_map(|(from, to, path, header)| {
        let to: std::net::SocketAddr = to.parse().expect("an address");
        let mut call = HttpCall::new("GET", "cart", path);
        call.headers = header.map(|value| ("x-env".into(), value.into())).into_iter().collect();
        let client = Client::Workload(WorkloadKey::new(WorkloadKind::Pod, "shop", from));
        Request { client, address: to.ip(), port: to.port(), call: Call::Http(call) }
    })
}

fn snapshot(posture: &str, routes: &[(Route, Vec<Policy>)], added: Option<&Route>) -> Snapshot {
    let mut text = world(posture);
    for (place, (route, policies)) in routes.iter().enumerate() {
        write_route(&mut text, &format!("r{place}"), route);
        for (number, (action, mode, peer)) in policies.iter().enumerate() {
            let target = "group: gateway.networking.k8s.io, kind: HTTPRoute";
            let spec = format!(
                "{{action: {action}, mode: {mode}, targetRefs: [{{{target}, name: r{place}}}], rules: [{{from: [{{{peer}}}]}}]}}"
            );
            object(&mut text, "heddle.dev/v1alpha1", "AccessPolicy", &format!("p{place}-{number}"), &spec);
        }
    }
    // By its name before all others that match as much.
    added.into_iter().for_each(|route| write_route(&mut text, "added", route));
    let objects = heddle_testkit::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    resolved(objects.lists()).snapshot()
}

fn world(posture: &str) -> String {
    let mut text = format!(
        "{{apiVersion: heddle.dev/v1alpha1, kind: Mesh, metadata: {{name: default}}, spec: {{trustDomain: td.mesh, networks: [10.0.0.0/8], defaultPosture: {posture}}}}}\n"
    );
    for (name, ip) in [("web", "10.1.0.1"), ("cart", "10.1.0.2"), ("v1", "10.1.0.3"), ("bad", "10.1.0.9")] {
        let _ = write!(
            text,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {{app: {name}, heddle.dev/plane: envoy}}}}, \
             spec: {{serviceAccountName: {name}, containers: [{{name: app}}]}}, status: {{phase: Running, podIP: {ip}, podIPs: [{{ip: {ip}}}]}}}}\n"
        );
    }
    for (name, ip) in [("cart", "10.96.0.1"), ("v1", "10.96.0.2")] {
        let spec = format!(
            "{{clusterIP: {ip}, selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}"
        );
        object(&mut text, "v1", "Service", name, &spec);
        let pod = if name == "cart" { "10.1.0.2" } else { "10.1.0.3" };
        let _ = write!(
            text,
            "---\n{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: {name}, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}, \
             addressType: IPv4, ports: [{{name: http, port: 8080}}], endpoints: [{{addresses: [{pod}], conditions: {{ready: true}}, targetRef: {{kind: Pod, namespace: shop, name: {name}}}}}]}}\n"
        );
    }
    text
}

fn object(text: &mut String, version: &str, kind: &str, name: &str, spec: &str) {
    let _ = write!(
        text,
        "---\n{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}, namespace: shop}}, spec: {spec}}}\n"
    );
}

fn write_route(text: &mut String, name: &str, route: &Route) {
    let Route { parent, backend, path, header, filter } = route;
    let headers = header.map(|value| format!(", headers: [{{name: x-env, value: {value}}}]"));
    let filters = filter.map(|filter| {
        format!(", filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{{filter}}}}}]")
    });
    let spec = format!(
        "{{parentRefs: [{{group: '', kind: Service, name: {parent}}}], rules: [{{backendRefs: [{{name: {backend}, port: 80}}], \
         matches: [{{path: {{type: PathPrefix, value: {path}}}{}}}]{}}}]}}",
        headers.unwrap_or_default(),
        filters.unwrap_or_default(),
    );
    object(text, "gateway.networking.k8s.io/v1", "HTTPRoute", name, &spec);
}

fn admissions(snapshot: &Snapshot, request: &Request) -> Vec<Admission> {
    let Outcome::Forwarded(forward) = decide(snapshot, request).outcome else { return Vec::new() };
    let candidates = forward.shares.into_iter().flat_map(|share| match share.to {
        ShareTarget::Endpoints { candidates, .. } => candidates,
        ShareTarget::Broken { .. } => Vec::new(),
    });
    candidates.map(|candidate| candidate.admission).collect()
}

/// Returns whether a workload denies a request that dials it, or a policy one that dials its Service: where nothing but the
/// posture does, a route may lead to another workload whose policies admit.
fn is_denied(snapshot: &Snapshot, request: &Request) -> bool {
    let of_service = request.port == 80;
    let all = admissions(snapshot, request);
    let denied = |admission: &Admission| match admission {
        Admission::Denied(Ground::Posture { .. }) => !of_service,
        Admission::Denied(_) => true,
        _ => false,
    };
    !all.is_empty() && all.iter().all(denied)
}

/// Returns the workloads that a request may get to.
fn reached(snapshot: &Snapshot, request: &Request) -> BTreeSet<String> {
    let Outcome::Forwarded(forward) = decide(snapshot, request).outcome else { return BTreeSet::new() };
    let candidates = forward.shares.into_iter().flat_map(|share| match share.to {
        ShareTarget::Endpoints { candidates, .. } => candidates,
        ShareTarget::Broken { .. } => Vec::new(),
    });
    candidates.map(|candidate| format!("{:?}", candidate.workload)).collect()
}

fn is_admitted(snapshot: &Snapshot, request: &Request) -> bool {
    admissions(snapshot, request).iter().any(|admission| matches!(admission, Admission::Allowed(_)))
}
