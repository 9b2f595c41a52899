//! Routes: where they attach, in which order they match, where their requests go, and what is told.

use super::build::*;
use heddle_model::fact::{BackendRef, PortProtocol, Protocol, Route, RouteRule, Service, ServiceForm};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::report::ParentRef;
use heddle_model::route::Backend;
use heddle_model::snapshot::RouteKey;
use heddle_model::{Fact, Kind, Name, ServiceKey, Snapshot};

/// Every table as `port [consumer]: entry | entry`, an entry as `route.rule place`.
fn tables(snapshot: &Snapshot) -> Vec<String> {
    let tables = snapshot.routes.iter().map(|(RouteKey { port, consumer }, table)| {
        let entries = table.entries.iter().map(|entry| {
            format!("{}/{}.{}", entry.rule.source.namespace, entry.rule.source.name, entry.rule.index)
        });
        let consumer = consumer.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
        format!("{port}{consumer}: {}", entries.collect::<Vec<_>>().join(" "))
    });
    tables.collect()
}

fn world() -> Vec<(&'static str, Fact)> {
    let mut service = virtual_service("web", "10.1.0.1");
    service.ports.push(service_port("admin", 81, 9090));
    let headless = Service { form: ServiceForm::Headless, ..virtual_service("db", "10.1.0.2") };
    let external = Service { form: ServiceForm::External("example.com".into()), ..headless.clone() };
    vec![
        ("Service shop/web", Fact::Service(service)),
        ("Service shop/db", Fact::Service(headless)),
        ("Service shop/out", Fact::Service(external)),
    ]
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) -> Snapshot {
    let snapshot = snapshot(world().into_iter().chain(objects));
    assert_eq!(tables(&snapshot), want);
    snapshot
}

/// `Type=status reason: message` of the first parent, or of another.
fn conditions(snapshot: &Snapshot, object: &str, place: usize) -> Vec<String> {
    let report = snapshot.reports.get(&source(object)).unwrap();
    let conditions = report.subjects[place].conditions.iter();
    conditions.map(|c| format!("{}={} {}: {}", c.kind, c.holds, c.reason, c.message)).collect()
}

fn any() -> Vec<RouteRule<HttpMatch>> {
    vec![rule(vec![HttpMatch::default()], vec![])]
}

fn to(parent: ParentRef) -> Fact {
    route(vec![parent], any())
}

const ACCEPTED: &str = "Accepted=true Accepted: ";
const RESOLVED: &str = "ResolvedRefs=true ResolvedRefs: ";

#[test]
fn a_grpc_route_has_its_ports_alone() {
    let at = |port| ParentRef { port, ..parent("web") };
    let found = check(
        [
            ("GRPCRoute shop/calls", to(at(Some(80)))),
            ("HTTPRoute shop/everywhere", to(at(None))),
            ("HTTPRoute shop/loser", to(at(Some(80)))),
            ("HTTPRoute other/consumer", to(ParentRef { namespace: Some("shop".into()), ..at(Some(80)) })),
        ],
        &[
            "shop/web:80: shop/calls.0",
            "shop/web:80 for other: other/consumer.0",
            "shop/web:81: shop/everywhere.0",
        ],
    );
    let why = "a GRPCRoute is attached to shop/web:80, and only one kind of route applies to a port";
    let lost = format!("Accepted=false Conflicted: {why}");
    let kept = format!("{ACCEPTED}{why}");
    for (route, want) in [
        ("GRPCRoute shop/calls", ACCEPTED),
        ("HTTPRoute shop/everywhere", &kept),
        ("HTTPRoute shop/loser", &lost),
        ("HTTPRoute other/consumer", ACCEPTED),
    ] {
        let conditions = conditions(&found, route, 0);
        assert!(conditions.iter().any(|condition| condition == want), "{route}: {conditions:?}");
    }
}

#[test]
fn calls_of_more_characters_of_a_service_come_first() {
    let with = |path: Option<PathMatch>| rule(vec![HttpMatch { path, ..HttpMatch::default() }], vec![]);
    let rules = vec![
        with(None),
        with(Some(PathMatch::Regex("/[^/]+/List".into()))),
        with(Some(PathMatch::Prefix("/shop.A".into()))),
        with(Some(PathMatch::Exact("/shop.A/List".into()))),
        with(Some(PathMatch::Prefix("/shop.Bc".into()))),
    ];
    let route = |name: &'static str| {
        (name, super::build::route(vec![ParentRef { port: Some(80), ..parent("web") }], rules.clone()))
    };
    let order = |kind: &str, places: [usize; 5]| {
        format!("shop/web:80: {}", places.map(|place| format!("shop/{kind}.{place}")).join(" "))
    };
    check([route("GRPCRoute shop/calls")], &[&order("calls", [3, 4, 2, 1, 0])]);
    check([route("HTTPRoute shop/requests")], &[&order("requests", [3, 1, 4, 2, 0])]);
}

#[test]
fn a_route_is_for_all_clients_of_its_own_services_and_for_its_own_clients_of_others() {
    let all = ["shop/web:80: shop/r.0", "shop/web:80 for bank: bank/r.0", "shop/web:81: shop/r.0"];
    let mut one = parent("web");
    one.port = Some(80);
    check([("HTTPRoute shop/r", to(parent("web"))), ("HTTPRoute bank/r", to(one))], &all);
}

#[test]
fn a_parent_without_a_namespace_is_in_the_routes() {
    let mut own = parent("web");
    own.namespace = None;
    check([("HTTPRoute shop/r", to(own.clone()))], &["shop/web:80: shop/r.0", "shop/web:81: shop/r.0"]);
    let snapshot = check([("HTTPRoute bank/r", to(own))], &[]);
    assert_eq!(
        conditions(&snapshot, "HTTPRoute bank/r", 0),
        ["Accepted=false NoMatchingParent: there is no Service bank/web", RESOLVED]
    );
}

#[test]
fn port_and_section_name_must_name_one_port() {
    let with = |section: Option<&str>, port| {
        let parent = ParentRef { section_name: section.map(Into::into), port, ..parent("web") };
        [("HTTPRoute shop/r", to(parent))]
    };
    check(with(Some("admin"), None), &["shop/web:81: shop/r.0"]);
    check(with(Some("admin"), Some(81)), &["shop/web:81: shop/r.0"]);
    let snapshot = check(with(Some("admin"), Some(80)), &[]);
    assert_eq!(
        conditions(&snapshot, "HTTPRoute shop/r", 0)[0],
        "Accepted=false NoMatchingParent: Service shop/web has no port 80 named \"admin\""
    );
    let snapshot = check(with(None, Some(7)), &[]);
    assert_eq!(
        conditions(&snapshot, "HTTPRoute shop/r", 0)[0],
        "Accepted=false NoMatchingParent: Service shop/web has no port 7"
    );
}

/// A Service `web` whose port 80 is named and states these, one Pod behind it, and a route.
fn told(protocol: PortProtocol, opaque: Option<u16>, route: (&'static str, Fact)) -> (String, String) {
    let mut service = virtual_service("web", "10.1.0.1");
    (service.ports[0].name, service.ports[0].protocol) = ("x".into(), protocol);
    service.opaque_ports = opaque.map(|port| [port].into());
    let object = route.0;
    let snapshot = snapshot([("Service shop/web", Fact::Service(service)), route]);
    let speaks = snapshot.services.get(&ServiceKey::new("shop", "web")).unwrap().ports[0].protocol;
    let routed = snapshot.routes.keys().next().map_or("", |_| ", routed");
    (format!("{speaks:?}{routed}"), conditions(&snapshot, object, 0)[0].clone())
}

#[test]
fn app_protocol_comes_before_a_route_that_names_the_port_before_the_ports_name() {
    use PortProtocol::{Declared, Named, Unset};
    let naming = || to(ParentRef { port: Some(80), ..parent("web") });
    let own = |fact| ("HTTPRoute shop/r", fact);
    let foreign = |fact| ("HTTPRoute bank/r", fact);
    let accepted = |note: &str| format!("{ACCEPTED}{note}");
    let refused = |why: &str| format!("Accepted=false NoMatchingParent: {why}");
    let http = Protocol::Http;
    for (says, opaque, route, speaks, status) in [
        (Unset, None, own(naming()), "Http, routed", accepted("")),
        (Unset, None, own(to(parent("web"))), "Detect, routed", accepted("")),
        (Unset, None, foreign(naming()), "Detect, routed", accepted("")),
        (Named(http), None, own(to(parent("web"))), "Http, routed", accepted("")),
        (Named(Protocol::Grpc), None, own(naming()), "Grpc, routed", accepted("")),
        (
            Named(Protocol::Tcp),
            None,
            own(naming()),
            "Http, routed",
            accepted("port 80 speaks TCP by its name \"x\"; this route names the port and makes it HTTP"),
        ),
        (
            Named(Protocol::Opaque),
            None,
            own(to(parent("web"))),
            "Opaque",
            refused(
                "port 80 speaks opaque bytes by its name \"x\": a route that does not name the port passes it over",
            ),
        ),
        (
            Named(Protocol::Tcp),
            None,
            foreign(naming()),
            "Tcp",
            refused(
                "port 80 speaks TCP by its name \"x\", which only a route of namespace shop that names the port may change",
            ),
        ),
        (
            Declared(Protocol::Tcp),
            None,
            own(naming()),
            "Tcp",
            refused("port 80 speaks TCP by its appProtocol, which a route does not change"),
        ),
        (
            Named(http),
            Some(80),
            own(naming()),
            "Opaque",
            refused(
                "port 80 speaks opaque bytes by annotation config.linkerd.io/opaque-ports, which a route does not change",
            ),
        ),
        (Declared(http), Some(80), own(naming()), "Http, routed", accepted("")),
    ] {
        assert_eq!(told(says, opaque, route), (speaks.to_string(), status), "{says:?} {opaque:?}");
    }
}

#[test]
fn headless_services_external_names_and_missing_services_are_no_parents() {
    let parents = ["db", "out", "gone"].map(parent).to_vec();
    let snapshot = check([("HTTPRoute shop/r", route(parents, any()))], &[]);
    let found: Vec<_> =
        (0..3).map(|place| conditions(&snapshot, "HTTPRoute shop/r", place)[0].clone()).collect();
    assert_eq!(
        found,
        [
            "Accepted=false NoMatchingParent: Service shop/db is headless: it has no virtual IP to route",
            "Accepted=false NoMatchingParent: Service shop/out is an ExternalName: nothing dials it",
            "Accepted=false NoMatchingParent: there is no Service shop/gone",
        ]
    );
}

#[test]
fn parents_of_other_kinds_are_not_ours_to_report() {
    let gateway = ParentRef { group: None, kind: None, ..parent("web") };
    let unset = ParentRef { group: None, ..parent("web") };
    let core = ParentRef { group: Some("core".into()), ..parent("web") };
    let parents = vec![gateway, unset, core.clone()];
    let snapshot = check(
        [("HTTPRoute shop/r", route(parents, any()))],
        &["shop/web:80: shop/r.0", "shop/web:81: shop/r.0"],
    );
    let report = snapshot.reports.get(&source("HTTPRoute shop/r")).unwrap();
    let parents: Vec<_> = report.subjects.iter().map(|subject| subject.parent.clone()).collect();
    assert_eq!(parents, [Some(core)], "the parent is told as it was written");
}

#[test]
fn the_best_match_of_all_routes_comes_first() {
    let exact = |path: &str| HttpMatch { path: Some(PathMatch::Exact(path.into())), ..HttpMatch::default() };
    let regex = HttpMatch { path: Some(PathMatch::Regex("/.*".into())), ..HttpMatch::default() };
    let key = |name: &str| KeyMatch { name: name.into(), value: ValueMatch::Present };
    let one = |matcher| rule(vec![matcher], vec![]);
    let get = |matcher| HttpMatch { method: Some("GET".into()), ..matcher };
    let headers = |count, matcher| HttpMatch { headers: vec![key("h"); count], ..matcher };
    let query = |count, matcher| HttpMatch { query: vec![key("q"); count], ..matcher };
    let rules = vec![
        one(prefix("/")),
        one(query(1, prefix("/a"))),
        one(query(2, prefix("/a"))),
        one(headers(1, prefix("/a"))),
        one(headers(2, prefix("/a"))),
        one(get(prefix("/a"))),
        one(prefix("/ab")),
        one(regex),
        one(exact("/")),
        one(prefix("/a")),
    ];
    let mut only = parent("web");
    only.port = Some(80);
    let objects = [("HTTPRoute shop/r", route(vec![only], rules))];
    let order = [8, 7, 6, 5, 4, 3, 2, 1, 9, 0].map(|index| format!("shop/r.{index}")).join(" ");
    check(objects, &[&format!("shop/web:80: {order}")]);
}

#[test]
fn equal_matches_go_by_age_then_name_then_place() {
    let mut only = parent("web");
    only.port = Some(80);
    let aged = |created| {
        let rules = vec![rule(vec![prefix("/")], vec![]), rule(vec![prefix("/")], vec![])];
        Fact::HttpRoute(Route { parents: vec![only.clone()], rules, unservable: None, created })
    };
    let objects = [
        ("HTTPRoute shop/a", aged(Some(9))),
        ("HTTPRoute shop/c", aged(Some(5))),
        ("HTTPRoute shop/b", aged(Some(5))),
        ("HTTPRoute shop/z", aged(None)),
    ];
    let order = "shop/z.0 shop/z.1 shop/b.0 shop/b.1 shop/c.0 shop/c.1 shop/a.0 shop/a.1";
    check(objects, &[&format!("shop/web:80: {order}")]);
}

#[test]
fn a_rule_with_two_matches_is_two_entries_each_in_its_place() {
    let mut only = parent("web");
    only.port = Some(80);
    let rules = vec![rule(vec![prefix("/"), prefix("/long")], vec![]), rule(vec![prefix("/mid")], vec![])];
    check([("HTTPRoute shop/r", route(vec![only], rules))], &["shop/web:80: shop/r.0 shop/r.1 shop/r.0"]);
}

/// The backends of the only rule, as `weight target`, and what is told of them.
fn backends(backends: Vec<BackendRef>, change: fn(&mut RouteRule<HttpMatch>)) -> (Vec<String>, Vec<String>) {
    let mut rule = rule(vec![prefix("/")], backends);
    change(&mut rule);
    let fine = vec![rule, super::build::rule(vec![prefix("/fine")], vec![])];
    let snapshot =
        snapshot(world().into_iter().chain([("HTTPRoute bank/r", route(vec![parent("web")], fine))]));
    let key = RouteKey { port: port_key("web", 80), consumer: Some(Name::from("bank")) };
    let table = snapshot.routes.get(&key).unwrap();
    let entry = table.entries.iter().find(|entry| entry.rule.index == 0).unwrap();
    let backends = entry.rule.backends.iter().map(|backend| match &backend.backend {
        Backend::Service { port, families: _ } => format!("{} {port}", backend.weight),
        Backend::Broken { reason, message: _ } => format!("{} {reason}", backend.weight),
    });
    (backends.collect(), conditions(&snapshot, "HTTPRoute bank/r", 0))
}

#[test]
fn a_backend_that_is_not_there_answers_for_its_own_share() {
    let unreadable = BackendRef {
        target: Err(("InvalidKind", "kind \"Bucket\" is not Service".into())),
        ..backend("x", 1, 1)
    };
    let refs = vec![
        backend("web", 80, 90),
        backend("gone", 80, 5),
        backend("web", 7, 4),
        backend("out", 80, 3),
        unreadable,
        backend("db", 80, 2),
    ];
    let (backends, told) = backends(refs, |_| {});
    assert_eq!(
        backends,
        [
            "90 shop/web:80",
            "5 BackendNotFound",
            "4 BackendNotFound",
            "3 InvalidKind",
            "1 InvalidKind",
            "2 shop/db:80"
        ]
    );
    assert_eq!(
        told,
        [
            ACCEPTED,
            "ResolvedRefs=false BackendNotFound: spec.rules[0].backendRefs[1]: there is no Service shop/gone; \
             spec.rules[0].backendRefs[2]: Service shop/web has no port 7; \
             spec.rules[0].backendRefs[3]: Service shop/out is an ExternalName (example.com); \
             spec.rules[0].backendRefs[4]: kind \"Bucket\" is not Service"
        ]
    );
}

#[test]
fn a_backend_of_weight_nothing_gets_nothing_but_is_told() {
    let (backends, told) = backends(vec![backend("web", 80, 0), backend("gone", 80, 0)], |_| {});
    assert!(backends.is_empty());
    assert!(told[1].starts_with("ResolvedRefs=false BackendNotFound"), "{told:?}");
}

#[test]
fn a_rule_that_cannot_be_honoured_answers_500_and_the_others_stay() {
    let (backends, told) = backends(vec![backend("web", 80, 1)], |rule| rule.broken = true);
    assert!(backends.is_empty());
    assert_eq!(
        told,
        [
            ACCEPTED,
            "PartiallyInvalid=true UnsupportedValue: Dropped Rule: spec.rules[0] answers 500",
            RESOLVED
        ]
    );
}

#[test]
fn a_backend_that_cannot_be_honoured_answers_500_for_its_share() {
    let refs = vec![backend("web", 80, 9), backend("web", 80, 1)];
    let (backends, told) = backends(refs, |rule| rule.backends[1].broken = true);
    assert_eq!(backends, ["9 shop/web:80", "1 UnsupportedValue"]);
    assert_eq!(
        told[1],
        "PartiallyInvalid=true UnsupportedValue: Dropped Rule: spec.rules[0].backendRefs[1] answers 500"
    );
}

#[test]
fn a_route_without_a_good_rule_is_not_accepted_and_answers_500() {
    let mut broken = rule(vec![prefix("/")], vec![backend("web", 80, 1)]);
    broken.broken = true;
    let mut only = parent("web");
    only.port = Some(80);
    let mut object = lowered("HTTPRoute shop/r", route(vec![only], vec![broken]));
    object.diagnostics.push(heddle_model::Diagnostic {
        object: object.source.clone(),
        field: "spec.rules[0].filters[0].type".into(),
        reason: "UnsupportedValue",
        message: "\"CORS\" is not supported".into(),
    });
    let mut index = index(world());
    index.apply(heddle_model::Event::Set(Box::new(object)));
    index.resolve();
    let snapshot = index.snapshot();
    assert_eq!(tables(&snapshot), ["shop/web:80: shop/r.0"]);
    assert_eq!(
        conditions(&snapshot, "HTTPRoute shop/r", 0)[0],
        "Accepted=false UnsupportedValue: no rule can be honoured, all requests get 500: spec.rules[0] answers 500 \
         (spec.rules[0].filters[0].type: \"CORS\" is not supported)"
    );
}

#[test]
fn a_route_that_cannot_be_read_is_absent() {
    let invalid = Fact::Invalid(heddle_model::fact::Invalid { message: "spec: not a map".into() });
    let snapshot = check([("HTTPRoute shop/r", invalid)], &[]);
    assert!(snapshot.reports.is_empty());
}

#[test]
fn a_service_that_comes_later_is_found() {
    let mut index = index([("HTTPRoute shop/r", route(vec![parent("late")], any()))]);
    assert!(index.snapshot().routes.is_empty());
    index.apply(set("Service shop/late", service("late", "10.1.0.9")));
    index.resolve();
    assert_eq!(tables(&index.snapshot()), ["shop/late:80: shop/r.0"]);
    index.apply(heddle_model::Event::Delete(ServiceKey::new("shop", "late").source()));
    index.resolve();
    assert!(index.snapshot().routes.is_empty());
    assert_eq!(index.sources(Kind::HttpRoute).count(), 1);
}

#[test]
fn a_table_has_room_for_so_many_matches_and_the_youngest_routes_are_refused() {
    let exact =
        |n: usize| HttpMatch { path: Some(PathMatch::Exact(format!("/{n}").into())), ..HttpMatch::default() };
    let with = |matches: usize, created| {
        let Fact::HttpRoute(route) =
            route(vec![parent("web")], vec![rule((0..matches).map(exact).collect(), vec![])])
        else {
            unreachable!("a route");
        };
        Fact::HttpRoute(Route { created: Some(created), ..route })
    };
    let sizes =
        |snapshot: &Snapshot| snapshot.routes.values().map(|table| table.entries.len()).collect::<Vec<_>>();
    let mut index = index(world());
    index.apply(set("HTTPRoute shop/old", with(4000, 1)));
    index.apply(set("HTTPRoute shop/young", with(97, 2)));
    index.resolve();
    assert_eq!(sizes(&index.snapshot()), [4000, 4000]);
    let refused = "Accepted=false UnsupportedValue: the routes for shop/web:81 have more than 4096 matches together: of \
                   the youngest, this one among them, none is in effect; shorten or remove some";
    assert_eq!(conditions(&index.snapshot(), "HTTPRoute shop/young", 0), [refused, RESOLVED]);
    assert_eq!(conditions(&index.snapshot(), "HTTPRoute shop/old", 0), [ACCEPTED, RESOLVED]);
    index.apply(set("HTTPRoute shop/old", with(3999, 1)));
    index.resolve();
    assert_eq!(sizes(&index.snapshot()), [4096, 4096]);
    assert_eq!(conditions(&index.snapshot(), "HTTPRoute shop/young", 0), [ACCEPTED, RESOLVED]);
}
