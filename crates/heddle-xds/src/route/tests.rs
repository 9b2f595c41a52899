use super::*;
use heddle_model::http::{Filters, HeaderChange, KeyMatch, PathMatch, ValueMatch};
use heddle_model::route::{Backend, Retry, RouteRule, WeightedBackend};
use heddle_model::{Families, Kind, ServiceKey, ServicePortKey};
use heddle_proto::json::Printer;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn port(name: &str) -> ServicePortKey {
    ServicePortKey { service: ServiceKey::new("shop", name), port: 80 }
}

fn to(name: &str, weight: u32) -> WeightedBackend {
    let backend = Backend::Service { port: port(name), families: Families::Single(Family::V4) };
    WeightedBackend { weight, backend, filters: Default::default() }
}

fn broken(weight: u32) -> WeightedBackend {
    WeightedBackend {
        backend: Backend::Broken { reason: "BackendNotFound", message: "gone".into() },
        ..to("x", weight)
    }
}

fn rule(backends: Vec<WeightedBackend>) -> RouteRule {
    RouteRule {
        source: SourceRef::new(Kind::HttpRoute, "shop", "r"),
        index: 1,
        filters: Default::default(),
        redirect: None,
        mirrors: Vec::new(),
        backends,
        request_timeout: None,
        backend_timeout: None,
        retry: None,
    }
}

fn table(matcher: HttpMatch, rule: RouteRule) -> RouteTable<HttpMatch> {
    RouteTable { entries: vec![RouteEntry { matcher, rule: Arc::new(rule) }] }
}

/// The first route, as JSON, and what it needs.
fn printed(table: Option<&RouteTable<HttpMatch>>) -> (Value, Vec<String>) {
    printed_with(table, &RouteDefaults::default())
}

fn printed_with(table: Option<&RouteTable<HttpMatch>>, defaults: &RouteDefaults) -> (Value, Vec<String>) {
    let resource = of_port(&FamilyPort::first(port("cart")), Some(Family::V4), table, defaults);
    let body = Printer::new().print(&resource.body).expect("it prints");
    let needs = resource.needs.iter().map(|key| key.name.to_string()).collect();
    (body["virtual_hosts"][0]["routes"][0].clone(), needs)
}

fn of_rule(rule: RouteRule) -> Value {
    printed(Some(&table(HttpMatch::default(), rule))).0
}

#[test]
fn a_port_without_a_table_goes_to_its_own_endpoints() {
    let (route, needs) = printed(None);
    assert_eq!(route["name"], "shop/cart:80/default");
    assert_eq!(route["match"], json!({"prefix": "/"}));
    assert_eq!(route["route"]["cluster"], "shop/cart:80");
    assert_eq!(route["route"]["timeout"], "0s");
    assert_eq!(
        route["route"]["retry_policy"]["retry_on"],
        "connect-failure,refused-stream,reset-before-request"
    );
    assert_eq!(needs, ["shop/cart:80"]);
}

#[test]
fn an_empty_table_answers_404() {
    let (route, needs) = printed(Some(&RouteTable { entries: Vec::new() }));
    assert_eq!((route, needs), (Value::Null, Vec::new()));
}

#[test]
fn a_broken_share_goes_to_the_reserved_cluster() {
    let (route, needs) = printed(Some(&table(HttpMatch::default(), rule(vec![to("a", 3), broken(1)]))));
    assert_eq!(route["name"], "HTTPRoute/shop/r/1");
    assert_eq!(
        route["route"]["weighted_clusters"]["clusters"],
        json!([{"name": "shop/a:80", "weight": 3}, {"name": "heddle/broken", "weight": 1}])
    );
    assert_eq!(route["route"]["cluster_not_found_response_code"], "INTERNAL_SERVER_ERROR");
    assert_eq!(needs, ["shop/a:80"]);
}

#[test]
fn a_rule_that_reaches_nobody_answers_500() {
    for backends in [vec![], vec![broken(1)], vec![broken(1), broken(2)]] {
        let route = of_rule(rule(backends));
        assert_eq!(route["direct_response"], json!({"status": 500}));
        assert_eq!(route["route"], Value::Null);
    }
}

#[test]
fn times_and_retries_are_said_apart() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let with = |request_timeout, backend_timeout, retry| {
        let rule = RouteRule { request_timeout, backend_timeout, retry, ..rule(vec![to("a", 1)]) };
        let route = of_rule(rule)["route"].clone();
        (route["timeout"].clone(), route["retry_policy"].clone())
    };
    let (timeout, retries) = with(seconds(3), seconds(1), None);
    assert_eq!((timeout, &retries["per_try_timeout"]), (json!("3s"), &json!("1s")));
    let (timeout, retries) = with(seconds(0), seconds(0), None);
    assert_eq!((timeout, &retries["per_try_timeout"]), (json!("0s"), &Value::Null));
    let retry = Retry { attempts: 4, codes: vec![503, 429], backoff: Some(Duration::from_millis(20)) };
    let (_, retries) = with(None, None, Some(retry));
    assert_eq!(retries["retry_on"], "connect-failure,refused-stream,reset,retriable-status-codes");
    assert_eq!(retries["num_retries"], 4);
    assert_eq!(retries["retriable_status_codes"], json!([503, 429]));
    assert_eq!(retries["retry_back_off"], json!({"base_interval": "0.020s", "max_interval": "0.200s"}));
    let (_, retries) = with(None, None, Some(Retry { attempts: 0, codes: vec![], backoff: None }));
    assert_eq!(
        (&retries["num_retries"], &retries["retry_on"]),
        (&json!(0), &json!("connect-failure,refused-stream,reset"))
    );
}

#[test]
fn headers_are_text_and_host_is_the_authority() {
    let change = HeaderChange {
        set: vec![
            ("Host".into(), "b.example".into()),
            ("x-a".into(), "100%".into()),
            ("x-e".into(), "".into()),
        ],
        add: vec![("x-b".into(), "%START_TIME%".into())],
        remove: vec!["x-c".into(), "host".into(), ":path".into()],
    };
    let route = of_rule(RouteRule {
        filters: Filters { request: change.clone(), ..Filters::default() },
        ..rule(vec![to("a", 1)])
    });
    assert_eq!(route["route"]["host_rewrite_literal"], "b.example");
    assert_eq!(
        route["request_headers_to_add"],
        json!([
            {"header": {"key": "x-a", "value": "100%%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "keep_empty_value": true},
            {"header": {"key": "x-e"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "keep_empty_value": true},
            {"header": {"key": "x-b", "value": "%%START_TIME%%"}, "keep_empty_value": true},
        ])
    );
    assert_eq!(route["request_headers_to_remove"], json!(["x-c"]));
    let own = WeightedBackend { filters: Filters { request: change, ..Filters::default() }, ..to("a", 1) };
    let share = &of_rule(rule(vec![own]))["route"]["weighted_clusters"]["clusters"][0];
    assert_eq!(share["host_rewrite_literal"], "b.example");
    assert_eq!(share["request_headers_to_remove"], json!(["x-c"]));
}

#[track_caller]
fn check(matcher: HttpMatch, want: Value) {
    let (route, _) = printed(Some(&table(matcher, rule(vec![to("a", 1)]))));
    assert_eq!(route["match"], want);
}

#[test]
fn every_kind_of_match_has_its_matcher() {
    let path = |path| HttpMatch { path: Some(path), ..HttpMatch::default() };
    check(path(PathMatch::Exact("/a".into())), json!({"path": "/a"}));
    check(path(PathMatch::Prefix("/a".into())), json!({"path_separated_prefix": "/a"}));
    check(path(PathMatch::Prefix("".into())), json!({"prefix": "/"}));
    check(path(PathMatch::Regex("/a.*".into())), json!({"safe_regex": {"regex": "/a.*"}}));
    let key = |name: &str, value| KeyMatch { name: name.into(), value };
    let all = HttpMatch {
        path: None,
        method: Some("GET".into()),
        headers: vec![key("host", ValueMatch::Exact("b".into())), key("x", ValueMatch::Present)],
        query: vec![key("q", ValueMatch::Regex("1+".into())), key("p", ValueMatch::Prefix("a".into()))],
    };
    check(
        all,
        json!({
            "prefix": "/",
            "headers": [
                {"name": ":method", "string_match": {"exact": "GET"}},
                {"name": ":authority", "string_match": {"exact": "b"}},
                {"name": "x", "present_match": true},
            ],
            "query_parameters": [
                {"name": "q", "string_match": {"safe_regex": {"regex": "1+"}}},
                {"name": "p", "string_match": {"prefix": "a"}},
            ],
        }),
    );
}

#[test]
fn what_a_service_says_holds_where_no_rule_says_otherwise() {
    let retry = |attempts| Some(Retry { attempts, codes: vec![503], backoff: None });
    let defaults = RouteDefaults {
        request_timeout: Some(Duration::from_secs(9)),
        backend_timeout: Some(Duration::from_secs(3)),
        retry: retry(4),
    };
    let limits = |table: Option<&RouteTable<HttpMatch>>| {
        let route = printed_with(table, &defaults).0["route"].clone();
        let retry = &route["retry_policy"];
        json!([route["timeout"], retry["per_try_timeout"], retry["num_retries"]])
    };
    assert_eq!(limits(None), json!(["9s", "3s", 4]));
    let silent = table(HttpMatch::default(), rule(vec![to("cart", 1)]));
    assert_eq!(limits(Some(&silent)), json!(["9s", "3s", 4]));
    let spoken = RouteRule {
        request_timeout: Some(Duration::ZERO),
        backend_timeout: Some(Duration::from_secs(1)),
        retry: retry(0),
        ..rule(vec![to("cart", 1)])
    };
    assert_eq!(limits(Some(&table(HttpMatch::default(), spoken))), json!(["0s", "1s", 0]));
}
