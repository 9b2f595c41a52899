//! ServiceProfiles.

use super::*;

/// The rules of a ServiceProfile, in few words, and what is wrong with it.
#[track_caller]
fn check_profile(spec: Value, want: &[&str], faults: &[&str]) {
    let (fact, got) = say(Kind::ServiceProfile, json!({"spec": spec}));
    let Fact::HttpRoute(route) = fact else { panic!("{fact:?}") };
    let rules = route.rules.iter().map(|rule| {
        let matches = rule.matches.iter().map(|found| {
            let path = found.path.as_ref().map(|path| format!("{path:?}")).unwrap_or_default();
            format!("{}{path}", found.method.as_deref().unwrap_or_default())
        });
        let backends = rule.backends.iter().map(|backend| {
            let (service, port) = backend.target.clone().expect("sound");
            format!(" {}x{service}:{port}", backend.weight)
        });
        let own = if rule.own_endpoints { " own" } else { "" };
        let retry = rule.retry.as_ref().map(|retry| format!(" {}x{}", retry.attempts, retry.codes.len()));
        let timeout = rule.request_timeout.map(|timeout| format!(" {timeout:?}")).unwrap_or_default();
        let matches = matches.collect::<Vec<_>>().join("|");
        format!("{matches}{}{own}{timeout}{}", backends.collect::<String>(), retry.unwrap_or_default())
    });
    assert_eq!(rules.collect::<Vec<_>>(), want, "{spec}");
    assert_eq!(got, faults, "{spec}");
}

#[test]
fn a_service_profile_is_a_route_of_the_service_that_its_name_spells() {
    let (fact, _) =
        say(Kind::ServiceProfile, json!({"spec": {"routes": [{"condition": {"method": "GET"}}]}}));
    let Fact::HttpRoute(route) = fact else { panic!("{fact:?}") };
    let parent = &route.parents[0];
    assert_eq!((parent.namespace.as_deref(), parent.name.as_str()), (Some("shop"), "web"));
    let profile = |name: &str| json!({"metadata": {"name": name}, "spec": {}});
    let lowered = lower(Kind::ServiceProfile, &profile("web.shop.svc.cluster.local"));
    assert!(matches!(lowered.fact, Fact::HttpRoute(route) if route.parents.is_empty()), "it says nothing");
    check_invalid(
        Kind::ServiceProfile,
        profile("example.com"),
        "metadata.name: \"example.com\" is not SERVICE.NAMESPACE.svc.DOMAIN",
    );
}

#[test]
fn conditions_are_alternatives_and_what_they_cannot_say_is_left_out() {
    let route = |condition: Value| json!({"name": "r", "condition": condition});
    check_profile(
        json!({"routes": [{"name": "a", "condition": {"pathRegex": "/a", "method": "GET"}, "timeout": "2s", "isRetryable": true}]}),
        &["GETExact(\"/a\") own 2s 1x100", " own"],
        &[],
    );
    let any = json!({"any": [{"pathRegex": "/a/.*"}, {"pathRegex": "/b"}], "all": [{"method": "PUT"}]});
    check_profile(
        json!({"routes": [route(any)]}),
        &["PUTRegex(\"/a/.*\")|PUTExact(\"/b\") own", " own"],
        &[],
    );
    check_profile(
        json!({"routes": [route(json!({"not": [{"method": "GET"}]}))]}),
        &[" own"],
        &["spec.routes[0].condition.not UnsupportedValue: a route cannot match what something is not; \
           the route is left out, and its requests follow the others"],
    );
    check_profile(
        json!({"routes": [], "dstOverrides": [
            {"authority": "v1.shop.svc.cluster.local:8080", "weight": "500m"}, {"authority": "v2.b.svc", "weight": 1},
        ], "retryBudget": {}}),
        &[" 500xshop/v1:8080 1000xb/v2:80"],
        &["spec.retryBudget UnsupportedValue: retryBudget is not supported; it is ignored"],
    );
}

#[test]
fn nested_conditions_do_not_multiply_without_end() {
    let nine = || json!({"any": (0..9).map(|n| json!({"pathRegex": format!("/{n}")})).collect::<Vec<_>>()});
    check_profile(
        json!({"routes": [{"name": "r", "condition": {"all": [nine(), nine()]}}]}),
        &[" own"],
        &["spec.routes[0].condition UnsupportedValue: it comes to more than 64 alternatives; \
           the route is left out, and its requests follow the others"],
    );
    let mut deep = json!({"method": "GET"});
    for _ in 0..20 {
        deep = json!({"all": [deep]});
    }
    let (_, faults) = say(Kind::ServiceProfile, json!({"spec": {"routes": [{"condition": deep}]}}));
    assert!(faults[0].contains("more than 8 deep"), "{faults:?}");
}
