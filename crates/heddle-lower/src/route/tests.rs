use crate::tests::{check_faults, say};
use heddle_model::fact::{Route, RouteRule};
use heddle_model::http::{Fraction, HttpMatch, PathChange, PathMatch};
use heddle_model::{Fact, Kind};
use serde_json::{Value, json};
use std::time::Duration;

fn route(spec: Value) -> (Route<HttpMatch>, Vec<String>) {
    match say(Kind::HttpRoute, json!({"spec": spec})) {
        (Fact::HttpRoute(route), faults) => (route, faults),
        (other, _) => panic!("{other:?}"),
    }
}

fn rule(rule: Value) -> (RouteRule<HttpMatch>, Vec<String>) {
    let (mut route, faults) = route(json!({"rules": [rule]}));
    (route.rules.remove(0), faults)
}

/// The matches of a rule in short: `PATH METHOD headers query`.
#[track_caller]
fn check_matches(matches: Value, want: &[&str], broken: &[&str]) {
    let (rule, faults) = rule(json!({"matches": matches}));
    let text = |found: &HttpMatch| {
        let HttpMatch { path, method, headers, query } = found;
        let mut parts = Vec::from_iter(path.iter().map(|path| format!("{path:?}")));
        parts.extend(method.iter().map(ToString::to_string));
        parts.extend(headers.iter().map(|key| format!("{}:{:?}", key.name, key.value)));
        parts.extend(query.iter().map(|key| format!("?{}:{:?}", key.name, key.value)));
        parts.join(" ")
    };
    assert_eq!(rule.matches.iter().map(text).collect::<Vec<_>>(), want, "{matches}");
    assert_eq!(faults, broken, "{matches}");
    assert_eq!(rule.broken, !broken.is_empty(), "{matches}");
}

#[test]
fn a_rule_matches_what_the_gateway_api_says() {
    check_matches(json!(null), &[""], &[]);
    check_matches(json!([]), &[""], &[]);
    check_matches(json!([{}, {"method": "GET"}]), &["", "GET"], &[]);
    let path = |kind: &str, value: &str| json!([{"path": {"type": kind, "value": value}}]);
    check_matches(json!([{"path": {"value": "/"}}]), &[""], &[]);
    check_matches(json!([{"path": {"type": "PathPrefix"}}]), &[""], &[]);
    check_matches(path("PathPrefix", "/v2/"), &["Prefix(\"/v2\")"], &[]);
    check_matches(path("Exact", "/v2/"), &["Exact(\"/v2/\")"], &[]);
    check_matches(path("Exact", "/"), &["Exact(\"/\")"], &[]);
    check_matches(path("RegularExpression", "/v[0-9]+/.*"), &["Regex(\"/v[0-9]+/.*\")"], &[]);
    check_matches(
        json!([{
            "headers": [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}, {"name": "b", "type": "RegularExpression", "value": "c.*"}],
            "queryParams": [{"name": "Q", "value": "1"}, {"name": "q", "value": "2"}, {"name": "Q", "value": "3"}],
        }]),
        &["x-a:Exact(\"1\") b:Regex(\"c.*\") ?Q:Exact(\"1\") ?q:Exact(\"2\")"],
        &[],
    );
}

#[test]
fn a_path_that_no_proxy_compares_breaks_what_it_may_have_meant() {
    let query = "is not a path from / without query";
    let character = "has a character that no path has as it is; write it as an escape";
    let slashes = "ends with two slashes; use type Exact, or a prefix with one";
    for (kind, text, meant, fault) in [
        ("PathPrefix", "/foo//", "Prefix(\"/foo\")", slashes),
        ("PathPrefix", "//", "", slashes),
        ("PathPrefix", "/a?b", "Prefix(\"/a\")", query),
        ("Exact", "/a#b", "Exact(\"/a\")", query),
        ("Exact", "/a/b c", "Prefix(\"/a\")", character),
        ("PathPrefix", "/a/é", "Prefix(\"/a\")", character),
        ("PathPrefix", "/é", "", character),
    ] {
        let fault = format!(
            "spec.rules[0].matches[0].path.value Invalid: {text:?} {fault}; requests of this rule are answered 500"
        );
        check_matches(json!([{"path": {"type": kind, "value": text}}]), &[meant], &[&fault]);
    }
    for (text, want) in [("/foo//", r#"Exact("/foo//")"#), ("/a{b}|c", r#"Exact("/a{b}|c")"#)] {
        check_matches(json!([{"path": {"type": "Exact", "value": text}}]), &[want], &[]);
    }
}

#[test]
fn a_match_that_cannot_be_honoured_breaks_its_rule_and_keeps_the_rest() {
    let broken = "requests of this rule are answered 500";
    let at = |rest: &str| format!("spec.rules[0].matches[0].{rest}; {broken}");
    for (matched, rest, fault) in [
        (
            json!({"path": {"type": "Glob", "value": "/a"}, "method": "GET"}),
            "GET",
            at(r#"path.type UnsupportedValue: "Glob" is none of Exact, PathPrefix, RegularExpression"#),
        ),
        (
            json!({"path": {"value": "a"}}),
            "Prefix(\"/a\")",
            at(r#"path.value Invalid: "a" is not a path from / without query"#),
        ),
        (
            json!({"path": {"type": "RegularExpression", "value": "/(?=a)"}}),
            "",
            at(
                r#"path.value UnsupportedValue: "/(?=a)" is not a regular expression that proxies take: look-around, including look-ahead and look-behind, is not supported"#,
            ),
        ),
        (json!({"method": "get"}), "", at(r#"method UnsupportedValue: "get" is not a method in upper case"#)),
        (
            json!({"headers": [{"name": "a b", "value": "x"}, {"name": "c", "value": "d"}]}),
            "c:Exact(\"d\")",
            at(r#"headers[0].name Invalid: "a b" is not the name of a header"#),
        ),
        (
            json!({"headers": [{"name": "a", "value": "x\n"}]}),
            "",
            at(r#"headers[0].value Invalid: "x\n" has a control character"#),
        ),
        (
            json!({"queryParams": [{"name": "a", "type": "Glob", "value": "x"}]}),
            "",
            at(r#"queryParams[0].type UnsupportedValue: "Glob" is none of Exact, RegularExpression"#),
        ),
        (
            json!({"port": 80}),
            "",
            at("port Invalid: is not a field, only path, method, headers, queryParams are"),
        ),
    ] {
        check_matches(json!([matched]), &[rest], &[&fault]);
    }
    check_matches(json!(5), &[""], &[&format!("spec.rules[0].matches Invalid: 5 is not a list; {broken}")]);
}

#[test]
fn filters_change_headers() {
    let change = json!({
        "set": [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}], "add": [{"name": "b", "value": ""}],
        "remove": ["X-C", "a"],
    });
    let (rule, faults) = rule(json!({
        "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": change},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}},
        ],
        "backendRefs": [{"name": "a", "port": 80, "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["d"]}}]}],
    }));
    assert_eq!(faults, [""; 0]);
    let request = &rule.filters.request;
    assert_eq!(request.set, [("x-a".into(), "1".into())]);
    assert_eq!(request.add, [("b".into(), "".into())]);
    assert_eq!(request.remove, ["a".into(), "x-c".into()]);
    assert_eq!(rule.filters.response.remove, ["server".into()]);
    assert_eq!(rule.backends[0].filters.request.remove, ["d".into()]);
    assert!(!rule.broken);
}

#[test]
fn a_filter_that_cannot_be_honoured_is_never_skipped() {
    let broken = "requests of this rule are answered 500";
    let modifier = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}});
    let host = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "Host", "value": "a"}]}});
    for (filters, fault) in [
        (
            json!([{"type": "CORS", "cors": {}}]),
            r#"[0].type UnsupportedValue: filter "CORS" is not supported"#,
        ),
        (
            json!([{"type": "ExtensionRef"}]),
            r#"[0].type UnsupportedValue: filter "ExtensionRef" is not supported"#,
        ),
        (json!([{"type": "RequestHeaderModifier"}]), "[0].requestHeaderModifier Invalid: is required"),
        (
            json!([modifier, modifier]),
            r#"[1].type IncompatibleFilters: filter "RequestHeaderModifier" is there twice"#,
        ),
        (
            json!([host]),
            "[0].requestHeaderModifier.set[0].name UnsupportedValue: header host cannot be changed",
        ),
    ] {
        let (found, faults) = rule(json!({"filters": filters}));
        assert_eq!(faults, [format!("spec.rules[0].filters{fault}; {broken}")]);
        assert!(found.broken);
        let (found, faults) = rule(json!({"backendRefs": [{"name": "a", "port": 1, "filters": filters}]}));
        assert_eq!(
            faults,
            [format!(
                "spec.rules[0].backendRefs[0].filters{fault}; its share of the requests is answered 500"
            )]
        );
        assert!(!found.broken && found.backends[0].broken);
    }
}

/// The first rule of a route that has one match by prefix and these filters.
fn filtered(filters: serde_json::Value) -> (heddle_model::fact::RouteRule<HttpMatch>, Vec<String>) {
    rule(json!({"matches": [{"path": {"type": "PathPrefix", "value": "/a/"}}], "filters": filters}))
}

#[test]
fn redirects_rewrites_and_mirrors_are_read() {
    let (found, faults) = filtered(json!([{"type": "RequestRedirect", "requestRedirect": {
        "scheme": "https", "hostname": "b.example", "port": 8443, "statusCode": 308,
        "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b/"},
    }}]));
    assert_eq!(faults, [""; 0]);
    let redirect = found.redirect.expect("there is one");
    assert_eq!(redirect.path, Some(PathChange::Prefix { of: "/a".into(), with: "/b".into() }));
    assert_eq!(redirect.location("a.example", "/a/c", 80), "https://b.example:8443/b/c");
    assert_eq!(redirect.status, 308);
    let (found, _) = filtered(json!([{"type": "RequestRedirect", "requestRedirect": {}}]));
    assert_eq!(found.redirect.expect("there is one").status, 302);

    let (found, faults) = filtered(json!([
        {"type": "URLRewrite", "urlRewrite": {"hostname": "b.example", "path": {"type": "ReplaceFullPath", "replaceFullPath": ""}}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}, "fraction": {"numerator": 1}}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "c", "port": 80}, "percent": 7}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "d"}}},
    ]));
    assert_eq!(faults, [""; 0]);
    assert_eq!(found.filters.host, Some("b.example".into()));
    assert_eq!(found.filters.path, Some(PathChange::Full("/".into())));
    let mirrors = found.mirrors.iter().map(|mirror| {
        let Fraction { numerator, denominator } = mirror.fraction;
        (mirror.field.as_str(), mirror.target.is_ok(), numerator, denominator)
    });
    let field = |place| format!("spec.rules[0].filters[{place}].requestMirror.backendRef");
    let want = [(field(1), true, 1, 100), (field(2), true, 7, 100), (field(3), false, 1, 1)];
    let want = want.iter().map(|(field, good, a, b)| (field.as_str(), *good, *a, *b));
    assert!(mirrors.eq(want), "{:?}", found.mirrors);
}

#[test]
fn a_redirect_rewrite_or_mirror_that_cannot_be_honoured_breaks_its_rule() {
    let redirect = |body| json!([{"type": "RequestRedirect", "requestRedirect": body}]);
    let rewrite = |body| json!([{"type": "URLRewrite", "urlRewrite": body}]);
    let mirror = |mut body: serde_json::Value| {
        body["backendRef"] = json!({"name": "a", "port": 80});
        json!([{"type": "RequestMirror", "requestMirror": body}])
    };
    for (filters, fault) in [
        (
            redirect(json!({"scheme": "ftp"})),
            r#"[0].requestRedirect.scheme UnsupportedValue: "ftp" is none of http, https"#,
        ),
        (
            redirect(json!({"statusCode": 304})),
            "[0].requestRedirect.statusCode UnsupportedValue: 304 is none of 301, 302, 303, 307, 308",
        ),
        (
            redirect(json!({"hostname": "*.example"})),
            r#"[0].requestRedirect.hostname Invalid: "*.example" is not a host name in lower case"#,
        ),
        (
            redirect(json!({"port": 70000})),
            "[0].requestRedirect.port Invalid: 70000 is not an integer from 1 to 65535",
        ),
        (
            rewrite(json!({"path": {"type": "Other"}})),
            r#"[0].urlRewrite.path.type UnsupportedValue: "Other" is none of ReplaceFullPath, ReplacePrefixMatch"#,
        ),
        (
            rewrite(json!({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/a?b"}})),
            r#"[0].urlRewrite.path.replaceFullPath Invalid: "/a?b" is not a path from / without query"#,
        ),
        (
            rewrite(json!({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/a/../b"}})),
            r#"[0].urlRewrite.path.replaceFullPath Invalid: "/a/../b" is not a path from / without query"#,
        ),
        (
            mirror(json!({"percent": 101})),
            "[0].requestMirror.percent Invalid: 101 is not an integer from 0 to 100",
        ),
        (
            mirror(json!({"percent": 1, "fraction": {"numerator": 1}})),
            "[0].requestMirror.fraction Invalid: percent and fraction are not stated together",
        ),
        (
            mirror(json!({"fraction": {"numerator": 3, "denominator": 2}})),
            "[0].requestMirror.fraction Invalid: numerator is more than denominator",
        ),
    ] {
        let (found, faults) = filtered(filters);
        assert_eq!(faults, [format!("spec.rules[0].filters{fault}; requests of this rule are answered 500")]);
        assert!(found.broken);
    }
    let prefix = json!([{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}}}]);
    let exact = json!([{"path": {"type": "Exact", "value": "/a"}}]);
    let both = json!([redirect(json!({}))[0], rewrite(json!({}))[0]]);
    let answers =
        "a redirect answers in place of every backend: it goes with neither URLRewrite nor backendRefs";
    for (part, fault) in [
        (
            json!({"matches": exact, "filters": prefix}),
            "filters[0].urlRewrite.path Invalid: ReplacePrefixMatch wants exactly one match, with a path of type PathPrefix".into(),
        ),
        (json!({"filters": both}), format!("filters IncompatibleFilters: {answers}")),
        (
            json!({"filters": redirect(json!({})), "backendRefs": [{"name": "a", "port": 80}]}),
            format!("filters IncompatibleFilters: {answers}"),
        ),
    ] {
        let (found, faults) = rule(part);
        assert_eq!(faults, [format!("spec.rules[0].{fault}; requests of this rule are answered 500")]);
        assert!(found.broken);
    }
}

#[test]
fn one_backend_has_no_redirect_mirror_or_path_of_its_own() {
    let path = json!({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/b"}});
    for (filter, fault) in [
        (
            json!({"type": "RequestRedirect", "requestRedirect": {}}),
            r#"type UnsupportedValue: filter "RequestRedirect" is not supported for one backend, only for a rule"#,
        ),
        (
            json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 1}}}),
            r#"type UnsupportedValue: filter "RequestMirror" is not supported for one backend, only for a rule"#,
        ),
        (
            json!({"type": "URLRewrite", "urlRewrite": path}),
            "urlRewrite.path UnsupportedValue: a path is not rewritten for one backend, only for a rule",
        ),
    ] {
        let (found, faults) = rule(json!({"backendRefs": [{"name": "a", "port": 1, "filters": [filter]}]}));
        let place = "spec.rules[0].backendRefs[0].filters[0]";
        assert_eq!(faults, [format!("{place}.{fault}; its share of the requests is answered 500")]);
        assert!(found.backends[0].broken);
    }
}

#[test]
fn backends_are_services_with_ports() {
    let (rule, _) = rule(json!({"backendRefs": [
        {"name": "a", "port": 80},
        {"group": "", "kind": "Service", "name": "b", "namespace": "other", "port": 81, "weight": 0},
        {"kind": "Gateway", "name": "c"},
        {"name": "d"},
        {"port": 80},
        {"name": "e", "port": 80, "weight": -1},
    ]}));
    let text = |target: &Result<(heddle_model::ServiceKey, u16), (&'static str, String)>| match target {
        Ok((service, port)) => format!("{service}:{port}"),
        Err((reason, message)) => format!("{reason}: {message}"),
    };
    let got: Vec<_> = rule.backends.iter().map(|to| (text(&to.target), to.weight, to.broken)).collect();
    assert_eq!(
        got,
        [
            ("shop/a:80".into(), 1, false),
            ("other/b:81".into(), 0, false),
            (r#"InvalidKind: backend of kind "Gateway" of group "" is not a Service"#.into(), 1, false),
            ("BackendNotFound: backend d has no port".into(), 1, false),
            ("Invalid: is required".into(), 1, false),
            ("shop/e:80".into(), 1, true),
        ]
    );
    assert!(!rule.broken);
}

#[test]
fn timeouts_and_retries_are_read() {
    let (found, faults) = rule(json!({
        "timeouts": {"request": "1m", "backendRequest": "10s"},
        "retry": {"codes": [503, 500, 503], "attempts": 0, "backoff": "100ms"},
    }));
    assert_eq!(faults, [""; 0]);
    assert_eq!(found.request_timeout, Some(Duration::from_secs(60)));
    assert_eq!(found.backend_timeout, Some(Duration::from_secs(10)));
    let retry = found.retry.expect("there is one");
    assert_eq!(
        (retry.attempts, retry.codes, retry.backoff),
        (0, vec![503, 500], Some(Duration::from_millis(100)))
    );
    let (found, _) = rule(json!({"timeouts": {"request": "0s", "backendRequest": "10s"}, "retry": {}}));
    assert_eq!((found.request_timeout, found.broken), (Some(Duration::ZERO), false));
    assert_eq!(found.retry.expect("there is one").attempts, 1);
}

#[test]
fn a_timeout_or_retry_that_cannot_be_honoured_breaks_its_rule() {
    for (part, fault) in [
        (
            json!({"timeouts": {"request": "1s", "backendRequest": "2s"}}),
            "timeouts Invalid: backendRequest is longer than request",
        ),
        (
            json!({"timeouts": {"request": "1.5s"}}),
            r#"timeouts.request Invalid: "1.5s" is not a duration, want one to four of 1h, 1m, 1s, 1ms in a row"#,
        ),
        (json!({"retry": {"codes": [200]}}), "retry.codes[0] Invalid: 200 is not an integer from 400 to 599"),
        (
            json!({"retry": {"attempts": -1}}),
            "retry.attempts Invalid: -1 is not an integer from 0 to 2147483647",
        ),
    ] {
        let (found, faults) = rule(part);
        assert_eq!(faults, [format!("spec.rules[0].{fault}; requests of this rule are answered 500")]);
        assert!(found.broken);
    }
}

#[test]
fn parents_are_kept_as_they_were_written() {
    let (route, faults) = route(json!({"parentRefs": [
        {"group": "", "kind": "Service", "name": "web", "port": 80, "sectionName": "http", "namespace": "a"},
        {"name": "gateway"}, {"kind": "Service"}, {"name": "x", "port": 0},
    ], "hostnames": ["a.example"]}));
    let [service, gateway] = &route.parents[..] else { panic!("{:?}", route.parents) };
    assert_eq!(
        (service.group.as_deref(), service.kind.as_deref(), service.port),
        (Some(""), Some("Service"), Some(80))
    );
    assert_eq!(
        (gateway.group.as_deref(), gateway.kind.as_deref(), gateway.name.as_str()),
        (None, None, "gateway")
    );
    assert_eq!(
        faults,
        [
            "spec.hostnames UnsupportedValue: a mesh route matches by the destination that was dialled; hostnames are ignored",
            "spec.parentRefs[2].name Invalid: is required; it is not attached there",
            "spec.parentRefs[3].port Invalid: 0 is not an integer from 1 to 65535; it is not attached there",
        ]
    );
}

#[test]
fn a_parent_that_nobody_can_have_meant_is_told_with_the_field_to_add() {
    let group = "spec.parentRefs[0].group NoMatchingParent: the group of";
    let kind = "spec.parentRefs[0].kind NoMatchingParent: the kind of";
    let instead = "; it is not attached there";
    for (parent, want) in [
        (
            json!({"kind": "Service", "name": "api"}),
            format!(
                "{group} Service api is not set, which means \"gateway.networking.k8s.io\": add group: \"\"{instead}"
            ),
        ),
        (
            json!({"group": "gateway.networking.k8s.io", "kind": "Service", "name": "api"}),
            format!("{group} Service api is \"gateway.networking.k8s.io\": add group: \"\"{instead}"),
        ),
        (
            json!({"group": "", "name": "api"}),
            format!("{kind} api is not set, which means \"Gateway\": a Service wants kind: Service{instead}"),
        ),
        (
            json!({"kind": "Server", "name": "api"}),
            format!(
                "{group} api is not set, which means \"gateway.networking.k8s.io\": add group: policy.linkerd.io{instead}"
            ),
        ),
        (
            json!({"group": "policy.linkerd.io", "kind": "Servers", "name": "api"}),
            format!("{kind} api is \"Servers\": want Server or EgressNetwork{instead}"),
        ),
    ] {
        assert_eq!(route(json!({"parentRefs": [parent], "rules": []})).1, [want], "{parent}");
    }
    for parent in [
        json!({"name": "edge"}),
        json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}),
        json!({"group": "example.com", "kind": "Router", "name": "edge"}),
        json!({"group": "", "kind": "Service", "name": "api"}),
        json!({"group": "policy.linkerd.io", "kind": "EgressNetwork", "name": "out"}),
    ] {
        assert_eq!(route(json!({"parentRefs": [parent], "rules": []})).1, [""; 0], "{parent}");
    }
}

#[test]
fn a_route_without_rules_has_the_default_one() {
    let (found, _) = route(json!({}));
    assert_eq!((found.rules.len(), found.rules[0].backends.len(), found.rules[0].broken), (1, 0, false));
    let (found, faults) = route(json!({"rules": [5, {"sessionPersistence": {}}]}));
    assert_eq!((found.rules[0].broken, found.rules[1].broken), (true, false));
    assert_eq!(
        faults,
        [
            "spec.rules[0] Invalid: 5 is not an object; requests of this rule are answered 500",
            "spec.rules[1].sessionPersistence UnsupportedValue: session persistence is not supported; it is ignored",
        ]
    );
    check_faults(
        Kind::HttpRoute,
        json!({"spec": {"rules": 5}}),
        &["spec.rules Invalid: 5 is not a list; the object is not used"],
    );
}

#[test]
fn a_route_is_as_old_as_it_says() {
    for (written, created) in
        [(json!("1970-01-01T00:01:00Z"), Some(60)), (json!(null), None), (json!("then"), None)]
    {
        let (fact, _) = say(Kind::HttpRoute, json!({"metadata": {"creationTimestamp": written}, "spec": {}}));
        let Fact::HttpRoute(route) = fact else { panic!() };
        assert_eq!(route.created, created);
    }
}

/// The first rule of a GRPCRoute, and its faults.
fn calls(rule: Value) -> (RouteRule<HttpMatch>, Vec<String>) {
    let (fact, faults) = say(Kind::GrpcRoute, json!({"spec": {"rules": [rule]}}));
    let Fact::HttpRoute(mut route) = fact else { panic!("{fact:?}") };
    (route.rules.remove(0), faults)
}

#[test]
fn a_call_is_a_request_to_a_path_of_its_service_and_method() {
    for (method, want) in [
        (json!({"service": "shop.Cart", "method": "Add"}), Some(PathMatch::Exact("/shop.Cart/Add".into()))),
        (json!({"type": "Exact", "service": "shop.Cart"}), Some(PathMatch::Prefix("/shop.Cart".into()))),
        (json!({"method": "Add"}), Some(PathMatch::Regex("/[^/]+/Add".into()))),
        (
            json!({"type": "RegularExpression", "service": "shop[.].*|b"}),
            Some(PathMatch::Regex("/(?:shop[.].*|b)/[^/]+".into())),
        ),
        (json!({"type": "RegularExpression"}), None),
        (json!({}), None),
    ] {
        let (found, faults) =
            calls(json!({"matches": [{"method": method, "headers": [{"name": "X-A", "value": "1"}]}]}));
        assert_eq!(faults, [""; 0]);
        assert_eq!(found.matches[0].path, want, "{method}");
        assert_eq!(found.matches[0].headers[0].name.as_str(), "x-a");
    }
    assert_eq!(calls(json!({})).0.matches, [HttpMatch::default()], "without matches every call is meant");
}

#[test]
fn a_part_of_a_rule_about_calls_that_cannot_be_honoured_breaks_it() {
    let matches = |method| json!({"matches": [{"method": method}]});
    let redirect = json!([{"type": "RequestRedirect", "requestRedirect": {}}]);
    let rewrite = json!([{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}]);
    for (part, fault) in [
        (
            matches(json!({"service": "shop/Cart"})),
            r#"matches[0].method.service Invalid: "shop/Cart" is not the name of a service"#,
        ),
        (
            matches(json!({"method": "Add.One"})),
            r#"matches[0].method.method Invalid: "Add.One" is not the name of a method"#,
        ),
        (
            matches(json!({"type": "Prefix", "method": "Add"})),
            r#"matches[0].method.type UnsupportedValue: "Prefix" is none of Exact, RegularExpression"#,
        ),
        (
            matches(json!({"type": "RegularExpression", "method": "(?=a)"})),
            r#"matches[0].method.method UnsupportedValue: "(?=a)" is not a regular expression that proxies take: look-around, including look-ahead and look-behind, is not supported"#,
        ),
        (
            json!({"matches": [{"path": {}}]}),
            "matches[0].path Invalid: is not a field, only method, headers are",
        ),
        (
            json!({"timeouts": {}}),
            "timeouts Invalid: is not a field, only name, matches, filters, backendRefs, sessionPersistence are",
        ),
        (
            json!({"filters": redirect}),
            r#"filters[0].type UnsupportedValue: filter "RequestRedirect" is not supported"#,
        ),
        (
            json!({"filters": rewrite}),
            r#"filters[0].type UnsupportedValue: filter "URLRewrite" is not supported"#,
        ),
    ] {
        let (found, faults) = calls(part);
        assert_eq!(faults, [format!("spec.rules[0].{fault}; requests of this rule are answered 503")]);
        assert!(found.broken);
    }
}
