//! Access to each port: the policies that cover it, their scope, and the posture.

use super::build::*;
use heddle_model::access::{Access, Action, Governor, Policy, Posture, Sight};
use heddle_model::fact::{Covers, Invalid, Mesh, Namespace, Target};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::{Event, Fact, Snapshot};
use std::collections::BTreeSet;

fn path(matcher: &HttpMatch) -> String {
    let HttpMatch { path, method, headers, query } = matcher;
    assert!(query.is_empty(), "no server can tell a query");
    let path = match path {
        None => "*".to_string(),
        Some(PathMatch::Exact(path)) => format!("={path}"),
        Some(PathMatch::Prefix(path)) => format!("{path}/*"),
        Some(PathMatch::Regex(regex)) => panic!("no server can tell {regex}"),
    };
    let method = method.as_ref().map(|method| format!("{method} ")).unwrap_or_default();
    format!("{method}{path}{}", "+".repeat(headers.len()))
}

/// `Action name [rules]`
fn policy_text(policy: &Policy) -> String {
    format!("{:?} {} [{}]", policy.action, policy.source.name, policy.rules.len())
}

/// The route, `~` where its requests cannot be told, and its policies.
fn governor_text(governor: &Governor) -> String {
    let route = governor.route.as_ref().map_or("port", |route| route.name.as_str());
    let blurred = if governor.sight == Sight::Blurred { "~" } else { "" };
    let policies = governor.policies.iter().map(policy_text).collect::<Vec<_>>().join(", ");
    format!("{route}{blurred} ({policies})")
}

/// `Posture`, then the policies of the port, then each entry of routes with its governors.
fn access_text(access: &Access) -> String {
    let by = access.posture_source.as_ref().map(|source| format!(" by {source}")).unwrap_or_default();
    let policies = access.policies.iter().map(|policy| format!(", {}", policy_text(policy)));
    let entries = access.routes.iter().flat_map(|routes| {
        routes.entries.iter().map(|entry| {
            let governors = routes.at(&entry.governors).map(governor_text).collect::<Vec<_>>().join(" and ");
            let audits = routes.at(&entry.audits).map(|audit| format!(" audit {}", governor_text(audit)));
            format!("; {} {governors}{}", path(&entry.matcher), audits.collect::<String>())
        })
    });
    let (policies, entries): (String, String) = (policies.collect(), entries.collect());
    format!("{:?}{by}{policies}{entries}", access.posture)
}

/// The access of every known port, then of all others.
fn print(snapshot: &Snapshot) -> Vec<String> {
    let workload = snapshot.workloads.get(&pod_key("web-0")).unwrap();
    let ports = workload.inbound.iter().map(|port| format!("{} {}", port.port, access_text(&port.access)));
    ports.chain([format!("* {}", access_text(&workload.undeclared.access))]).collect()
}

fn world() -> Vec<(&'static str, Fact)> {
    let mut service = virtual_service("web", "10.1.0.1");
    service.ports.push(service_port("admin", 81, 9090));
    let slice = heddle_model::fact::Slice {
        service: Some(heddle_model::ServiceKey::new("shop", "web")),
        ports: vec![("http".into(), 8080), ("admin".into(), 9090)],
        endpoints: vec![endpoint("10.0.0.1", Some("web-0"))],
        created: None,
    };
    vec![
        ("Pod shop/web-0", pod("web", "10.0.0.1")),
        ("Service shop/web", Fact::Service(service)),
        ("EndpointSlice shop/web", Fact::Slice(slice)),
    ]
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) -> Snapshot {
    let snapshot = snapshot(world().into_iter().chain(objects));
    assert_eq!(print(&snapshot), want);
    snapshot
}

/// `Type=status reason: message`, one per condition.
fn conditions(snapshot: &Snapshot, object: &str) -> Vec<String> {
    let report = snapshot.reports.get(&source(object)).unwrap();
    let conditions = report.subjects[0].conditions.iter();
    conditions.map(|c| format!("{}={} {}: {}", c.kind, c.holds, c.reason, c.message)).collect()
}

fn targets(targets: Vec<Target>) -> Covers {
    Covers::Targets(targets)
}

fn service_target(name: &str, port: Option<&str>) -> Target {
    Target::Service { name: name.into(), port: port.map(Into::into) }
}

fn route_target(name: &str) -> Target {
    Target::HttpRoute { name: name.into() }
}

#[test]
fn the_posture_is_the_namespaces_else_the_meshs() {
    check([], &["8080 Allow", "9090 Allow", "* Allow"]);
    let mesh = || ("Mesh default", Fact::Mesh(Mesh { posture: Posture::Authenticated, ..Mesh::default() }));
    let by_mesh = "Authenticated by Mesh default";
    let all = |by: &str| ["8080 ", "9090 ", "* "].map(|port| format!("{port}{by}"));
    check([mesh()], &all(by_mesh).each_ref().map(String::as_str));
    let silent = ("Namespace shop", Fact::Namespace(Namespace::default()));
    check([mesh(), silent], &all(by_mesh).each_ref().map(String::as_str));
    let deny = (
        "Namespace shop",
        Fact::Namespace(Namespace { posture: Some(Posture::Deny), uses: None, config: None }),
    );
    check([mesh(), deny], &all("Deny by Namespace shop").each_ref().map(String::as_str));
}

#[test]
fn only_the_mesh_named_default_counts_and_an_unreadable_one_denies() {
    let other = Fact::Mesh(Mesh { posture: Posture::Deny, ..Mesh::default() });
    let snapshot = check([("Mesh other", other)], &["8080 Allow", "9090 Allow", "* Allow"]);
    assert_eq!(
        conditions(&snapshot, "Mesh other"),
        ["Accepted=false NotDefault: only the Mesh named \"default\" counts"]
    );
    let invalid = Fact::Invalid(Invalid { message: "spec: not a map".into() });
    let want = ["8080 Deny by Mesh default", "9090 Deny by Mesh default", "* Deny by Mesh default"];
    let snapshot = check([("Mesh default", invalid)], &want);
    assert_eq!(
        conditions(&snapshot, "Mesh default"),
        [
            "Accepted=false Invalid: spec: not a map; until it is corrected the posture is Deny, egress is Deny, and all else is as without a Mesh"
        ]
    );
}

#[test]
fn a_policy_covers_its_namespace_its_workloads_or_their_ports() {
    let deny = |covers| access(Action::Deny, covers, "intruder");
    let all = ("AccessPolicy shop/a", deny(Covers::Namespace));
    let selected = |app: &str, ports: BTreeSet<u16>| Covers::Workloads { selector: labels(app), ports };
    let snapshot = check(
        [
            all,
            ("AccessPolicy shop/b", deny(selected("app=web", [8080].into()))),
            ("AccessPolicy shop/c", deny(selected("app=web", [].into()))),
            ("AccessPolicy shop/d", deny(selected("app=other", [].into()))),
            ("AccessPolicy bank/e", deny(Covers::Namespace)),
        ],
        &[
            "8080 Allow, Deny a [1], Deny b [1], Deny c [1]",
            "9090 Allow, Deny a [1], Deny c [1]",
            "* Allow, Deny a [1], Deny c [1]",
        ],
    );
    assert_eq!(
        conditions(&snapshot, "AccessPolicy shop/b"),
        ["Accepted=true Accepted: selects 1 workloads, 1 ports"]
    );
    assert_eq!(
        conditions(&snapshot, "AccessPolicy shop/d"),
        ["Accepted=true Accepted: selects 0 workloads, 0 ports"]
    );
}

#[test]
fn a_service_as_target_means_the_target_ports_behind_it() {
    let allow = |target| access(Action::Allow, targets(vec![target]), "web");
    let snapshot = check(
        [
            ("AccessPolicy shop/all", allow(service_target("web", None))),
            ("AccessPolicy shop/one", allow(service_target("web", Some("admin")))),
        ],
        &["8080 Allow, Allow all [1]", "9090 Allow, Allow all [1], Allow one [1]", "* Allow"],
    );
    assert_eq!(
        conditions(&snapshot, "AccessPolicy shop/all"),
        ["Accepted=true Accepted: selects 1 workloads, 2 ports"]
    );
}

#[test]
fn a_target_that_is_not_there_covers_nothing_and_is_told() {
    let covers = targets(vec![
        service_target("gone", None),
        service_target("web", Some("gone")),
        route_target("gone"),
        service_target("web", Some("admin")),
    ]);
    let snapshot = check(
        [("AccessPolicy shop/p", access(Action::Allow, covers, "web"))],
        &["8080 Allow", "9090 Allow, Allow p [1]", "* Allow"],
    );
    assert_eq!(
        conditions(&snapshot, "AccessPolicy shop/p"),
        [
            "Accepted=false TargetNotFound: there is no Service shop/gone; Service shop/web has no port named \"gone\"; \
          there is no HTTPRoute shop/gone; nothing is covered by such a target; selects 1 workloads, 1 ports"
        ]
    );
}

#[test]
fn a_route_as_target_means_its_requests_at_the_workloads_behind_its_parents() {
    let mut only = parent("web");
    only.port = Some(80);
    let matches = vec![prefix("/a"), HttpMatch { method: Some("GET".into()), ..prefix("/b") }];
    let objects = [
        ("HTTPRoute shop/r", route(vec![only], vec![rule(matches, vec![])])),
        ("AccessPolicy shop/p", access(Action::Allow, targets(vec![route_target("r")]), "web")),
    ];
    check(objects, &["8080 Allow; GET /b/* r (Allow p [1]); /a/* r (Allow p [1])", "9090 Allow", "* Allow"]);
}

#[test]
fn a_route_and_its_service_as_targets_cover_the_whole_port() {
    let both = targets(vec![route_target("r"), service_target("web", Some("http"))]);
    let objects = [
        ("HTTPRoute shop/r", route(vec![parent("web")], vec![rule(vec![prefix("/a")], vec![])])),
        ("AccessPolicy shop/p", access(Action::Allow, both, "web")),
    ];
    check(
        objects,
        &["8080 Allow, Allow p [1]; /a/* r (Allow p [1])", "9090 Allow; /a/* r (Allow p [1])", "* Allow"],
    );
}

/// A route of which a server can tell one match of three.
fn untold_route() -> (&'static str, Fact) {
    let query = KeyMatch { name: "v".into(), value: ValueMatch::Exact("2".into()) };
    let matches = vec![
        prefix("/a"),
        HttpMatch { query: vec![query], ..prefix("/b") },
        HttpMatch {
            path: Some(PathMatch::Regex("/c.*".into())),
            method: Some("GET".into()),
            ..HttpMatch::default()
        },
    ];
    let mut only = parent("web");
    only.port = Some(80);
    ("HTTPRoute shop/r", route(vec![only], vec![rule(matches, vec![])]))
}

#[test]
fn an_allow_admits_nothing_by_a_match_that_no_server_can_tell_and_closes_around_it() {
    let objects = [
        untold_route(),
        ("AccessPolicy shop/p", access(Action::Allow, targets(vec![route_target("r")]), "web")),
    ];
    let want = "8080 Allow; GET /b/* r~ (Allow p [0]) and port (); GET /a/* r (Allow p [1]); \
                GET * r~ (Allow p [0]) and port (); /b/* r~ (Allow p [0]) and port (); /a/* r (Allow p [1])";
    let snapshot = check(objects, &[want, "9090 Allow", "* Allow"]);
    let reason = "has a query or a regular expression, which no server can tell: \
                nothing is admitted by it, and all that the rest of it matches is closed";
    assert_eq!(
        conditions(&snapshot, "AccessPolicy shop/p")[1],
        format!(
            "PartiallyInvalid=true UnsupportedValue: HTTPRoute shop/r rules[0].matches[1] {reason}; \
             HTTPRoute shop/r rules[0].matches[2] {reason}"
        )
    );
}

#[test]
fn a_deny_denies_more_where_no_server_can_tell_its_match() {
    let objects = [
        untold_route(),
        ("AccessPolicy shop/p", access(Action::Deny, targets(vec![route_target("r")]), "intruder")),
    ];
    let want = "8080 Allow; GET /b/* r~ (Deny p [1]) and port (); GET /a/* r (Deny p [1]); \
                GET * r~ (Deny p [1]) and port (); /b/* r~ (Deny p [1]) and port (); /a/* r (Deny p [1])";
    check(objects, &[want, "9090 Allow", "* Allow"]);
}

#[test]
fn a_policy_that_cannot_be_read_admits_nobody_to_its_namespace() {
    let invalid = Fact::Invalid(Invalid { message: "spec.action: \"Alow\" is no action".into() });
    let snapshot = check(
        [("AccessPolicy shop/bad", invalid)],
        &["8080 Allow, Allow bad [0]", "9090 Allow, Allow bad [0]", "* Allow, Allow bad [0]"],
    );
    assert_eq!(
        conditions(&snapshot, "AccessPolicy shop/bad"),
        [
            "Accepted=false Invalid: spec.action: \"Alow\" is no action; until it is corrected it admits nobody \
          to any workload of the namespace, as an Allow without rules would"
        ]
    );
}

#[test]
fn a_policy_on_a_service_holds_for_what_its_selector_selects_before_a_slice_names_it() {
    let policy = access(Action::Allow, targets(vec![service_target("web", Some("admin"))]), "ops");
    let mut index = index(world());
    index.apply(set("AccessPolicy shop/only", policy));
    index.apply(Event::Delete(source("EndpointSlice shop/web")));
    index.resolve();
    let closed = ["8080 Allow", "9090 Allow, Allow only [1]", "* Allow"];
    assert_eq!(print(&index.snapshot()), closed);
    // A Pod that comes, and a selector that no longer selects it.
    index.apply(Event::Delete(source("Pod shop/web-0")));
    index.apply(set("Pod shop/web-0", pod("web", "10.0.0.1")));
    index.resolve();
    assert_eq!(print(&index.snapshot()), closed);
    let mut moved = virtual_service("other", "10.1.0.1");
    moved.ports.push(service_port("admin", 81, 9090));
    index.apply(set("Service shop/web", Fact::Service(moved)));
    index.resolve();
    assert_eq!(print(&index.snapshot()), ["* Allow"]);
}
