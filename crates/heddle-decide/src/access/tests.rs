use super::*;
use heddle_model::access::{Governor, Sight};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::{Kind, SourceRef};
use std::sync::Arc;

fn source(name: &str) -> SourceRef {
    SourceRef::new(Kind::AccessPolicy, "shop", name)
}

fn policy(name: &str, action: Action, rules: Vec<Rule>) -> Policy {
    let numbered = rules.into_iter().enumerate().map(|(index, rule)| Rule { index, ..rule });
    let rules: Vec<_> = numbered.collect();
    Policy { source: source(name), action, mode: Mode::Enforce, rules: rules.into() }
}

fn audited(name: &str, action: Action, rules: Vec<Rule>) -> Policy {
    Policy { mode: Mode::Audit, ..policy(name, action, rules) }
}

fn from(principal: Principal) -> Rule {
    let peer = Peer::new([principal], []);
    Rule { from: vec![peer], ..Rule::default() }
}

fn to(path: &str) -> Rule {
    let request = RequestMatch { paths: [PathMatch::Exact(path.into())].into(), ..RequestMatch::default() };
    Rule { requests: vec![request], ..Rule::default() }
}

fn web() -> Identity {
    Identity::new("shop", "web").expect("valid")
}

/// One caller, `shop/web` from 10.0.0.7 with `GET /a`, against policies.
#[track_caller]
fn check(posture: Posture, policies: Vec<Policy>, want: &str) {
    let call = HttpCall::new("GET", "cart", "/a?x=1");
    check_arrival(posture, policies, Some(&web()), Some(&call), want);
}

#[track_caller]
fn check_arrival(
    posture: Posture,
    policies: Vec<Policy>,
    identity: Option<&Identity>,
    http: Option<&HttpCall>,
    want: &str,
) {
    let access = Access { posture, posture_source: None, policies, routes: None };
    let address = "10.0.0.7".parse().ok();
    let arrival = Arrival { identity, trust_domain: "td", address, http };
    assert_eq!(said(&admit(&access, &arrival)), want);
}

fn said(admission: &Admission) -> String {
    let ground = |ground: &Ground| match ground {
        Ground::Rule { policy, rule, .. } => format!("{}[{rule}]", policy.name),
        Ground::NotRouted => "no route".into(),
        Ground::LowerEscape => "a lower-case escape".into(),
        Ground::Tunnel => "a tunnel".into(),
        Ground::NoRuleMatches { policies } => {
            format!("none of {:?}", policies.iter().map(|p| p.name.as_str()).collect::<Vec<_>>())
        }
        Ground::Posture { posture, .. } => format!("{posture:?}"),
    };
    match admission {
        Admission::Allowed(by) => format!("allowed by {}", ground(by)),
        Admission::Denied(by) => format!("denied by {}", ground(by)),
        Admission::Unenforced { why } | Admission::Refused { why } => why.clone(),
        Admission::Answered { status: _, why } => (*why).into(),
    }
}

#[test]
fn without_policies_the_posture_decides() {
    check(Posture::Allow, vec![], "allowed by Allow");
    check(Posture::Authenticated, vec![], "allowed by Authenticated");
    check(Posture::Deny, vec![], "denied by Deny");
    check_arrival(Posture::Allow, vec![], None, None, "allowed by Allow");
    check_arrival(Posture::Authenticated, vec![], None, None, "denied by Authenticated");
}

#[test]
fn deny_wins_over_allow() {
    let allow = || policy("a", Action::Allow, vec![Rule::default()]);
    check(Posture::Deny, vec![allow()], "allowed by a[0]");
    let deny = policy("z", Action::Deny, vec![to("/b"), to("/a")]);
    check(Posture::Deny, vec![allow(), deny], "denied by z[1]");
}

#[test]
fn an_allow_closes_what_it_covers() {
    let other = Principal::Namespace("bank".into());
    check(Posture::Allow, vec![policy("a", Action::Allow, vec![from(other)])], r#"denied by none of ["a"]"#);
    check(Posture::Allow, vec![policy("a", Action::Allow, vec![])], r#"denied by none of ["a"]"#);
    check(Posture::Deny, vec![policy("a", Action::Deny, vec![])], "denied by Deny");
}

#[test]
fn every_form_of_principal_needs_a_proven_identity() {
    let forms = [
        Principal::Any,
        Principal::Namespace("shop".into()),
        Principal::Account(web()),
        Principal::Spiffe("spiffe://td/ns/shop/sa/web".into()),
    ];
    for form in forms {
        let policies = || vec![policy("a", Action::Allow, vec![from(form.clone())])];
        check(Posture::Deny, policies(), "allowed by a[0]");
        check_arrival(Posture::Deny, policies(), None, None, r#"denied by none of ["a"]"#);
    }
    let foreign = Principal::Spiffe("spiffe://other/ns/shop/sa/web".into());
    check(Posture::Deny, vec![policy("a", Action::Allow, vec![from(foreign)])], r#"denied by none of ["a"]"#);
}

#[test]
fn a_network_has_holes() {
    let rule = |hole: &str| Rule {
        from: vec![Peer {
            principals: Default::default(),
            networks: Arc::new([Network {
                cidr: "10.0.0.0/24".parse().expect("cidr"),
                except: vec![hole.parse().expect("cidr")],
            }]),
        }],
        ..Rule::default()
    };
    check(Posture::Deny, vec![policy("a", Action::Allow, vec![rule("10.0.0.8/32")])], "allowed by a[0]");
    check(
        Posture::Deny,
        vec![policy("a", Action::Allow, vec![rule("10.0.0.7/32")])],
        r#"denied by none of ["a"]"#,
    );
}

#[test]
fn a_peer_is_a_principal_from_a_network() {
    let network = Network { cidr: "192.168.0.0/16".parse().expect("cidr"), except: vec![] };
    let peer = Peer::new([Principal::Any], [network]);
    let rule = Rule { from: vec![peer], ..Rule::default() };
    check(Posture::Deny, vec![policy("a", Action::Allow, vec![rule])], r#"denied by none of ["a"]"#);
}

/// Policies on routes: each entry is a prefix and the places of its governors.
fn on_routes(governors: Vec<Governor>, entries: &[(&str, &[usize])]) -> RouteAccess {
    let entry = |(path, governors): &(&str, &[usize])| AccessEntry {
        matcher: HttpMatch { path: Some(PathMatch::Prefix((*path).into())), ..HttpMatch::default() },
        governors: governors.to_vec(),
        audits: Vec::new(),
    };
    RouteAccess { governors, entries: entries.iter().map(entry).collect(), unmatched: Unmatched::ByPort }
}

fn governor(route: &str, policies: Vec<Policy>) -> Governor {
    let route = Some(SourceRef::new(Kind::HttpRoute, "shop", route));
    Governor { route, sight: Sight::Clear, policies }
}

/// `GET /a` or bytes of `shop/web`, where policies on routes hold.
#[track_caller]
fn check_routes(posture: Posture, routes: RouteAccess, http: Option<&HttpCall>, want: &str) {
    let access =
        Access { posture, posture_source: None, policies: Vec::new(), routes: Some(Arc::new(routes)) };
    let arrival = Arrival { identity: Some(&web()), trust_domain: "td", address: None, http };
    assert_eq!(said(&admit(&access, &arrival)), want);
}

fn allow(name: &str, whom: &str) -> Policy {
    policy(name, Action::Allow, vec![from(Principal::Namespace(whom.into()))])
}

#[test]
fn a_request_is_governed_by_the_first_entry_that_matches_it() {
    let call = HttpCall::new("GET", "cart", "/a");
    let governors =
        || vec![governor("a", vec![allow("only-bank", "bank")]), governor("all", vec![allow("own", "shop")])];
    let both = |entries: &[(&str, &[usize])]| on_routes(governors(), entries);
    let check = |routes, want: &str| check_routes(Posture::Allow, routes, Some(&call), want);
    check(both(&[("/a", &[0]), ("", &[1])]), r#"denied by none of ["only-bank"]"#);
    check(both(&[("/b", &[0]), ("", &[1])]), "allowed by own[0]");
    check(both(&[("/b", &[0])]), "allowed by Allow");
    check(both(&[("/a", &[]), ("", &[0])]), "allowed by Allow");
    // Where requests of both look alike, both must admit.
    check(both(&[("", &[0, 1])]), r#"denied by none of ["only-bank"]"#);
    let unmatched = RouteAccess { unmatched: Unmatched::Refused, ..both(&[("/b", &[0])]) };
    check(unmatched, "denied by no route");
}

#[test]
fn several_governors_admit_what_is_admitted_under_each() {
    let call = HttpCall::new("GET", "cart", "/a");
    let governors = || vec![governor("a", vec![allow("own", "shop")]), governor("b", Vec::new())];
    let check = |posture, want: &str| {
        check_routes(posture, on_routes(governors(), &[("", &[0, 1])]), Some(&call), want);
    };
    check(Posture::Allow, "allowed by own[0]");
    check(Posture::Deny, "denied by Deny");
}

#[test]
fn bytes_take_the_narrowest_meaning_of_a_rule_about_http() {
    let bytes = |policy: Policy, want| check_arrival(Posture::Allow, vec![policy], Some(&web()), None, want);
    bytes(policy("a", Action::Allow, vec![to("/a")]), r#"denied by none of ["a"]"#);
    bytes(policy("a", Action::Allow, vec![to("/a"), Rule::default()]), "allowed by a[1]");
    bytes(policy("d", Action::Deny, vec![to("/zzz")]), "denied by d[0]");
    let on_route = |policy: Policy, want: &str| {
        let routes = on_routes(vec![governor("a", vec![policy])], &[("/a", &[0])]);
        check_routes(Posture::Allow, routes, None, want);
    };
    on_route(policy("a", Action::Allow, vec![Rule::default()]), r#"denied by none of ["a"]"#);
    on_route(policy("d", Action::Deny, vec![Rule::default()]), "denied by d[0]");
}

#[test]
fn all_headers_of_a_request_match_must_be_there() {
    let header = |name: &str, value| KeyMatch { name: name.into(), value };
    let rule =
        |headers| Rule { requests: vec![RequestMatch { headers, ..Default::default() }], ..Rule::default() };
    let mut call = HttpCall::new("GET", "cart", "/a");
    call.headers.push(("x-a".into(), "1".into()));
    let both = vec![header("x-a", ValueMatch::Present), header("x-b", ValueMatch::Present)];
    let one = vec![header("x-a", ValueMatch::Prefix("1".into()))];
    for (headers, want) in [(both, r#"denied by none of ["a"]"#), (one, "allowed by a[0]")] {
        let policies = vec![policy("a", Action::Allow, vec![rule(headers)])];
        check_arrival(Posture::Deny, policies, None, Some(&call), want);
    }
}

#[test]
fn what_is_audited_decides_nothing_and_is_told() {
    let policies = vec![
        audited("a", Action::Allow, vec![to("/b")]),
        audited("b", Action::Allow, vec![to("/a")]),
        audited("c", Action::Deny, vec![to("/a")]),
        audited("d", Action::Deny, vec![to("/b")]),
    ];
    check(Posture::Allow, policies.clone(), "allowed by Allow");
    let access = Access { posture: Posture::Allow, posture_source: None, policies, routes: None };
    let call = HttpCall::new("GET", "cart", "/a");
    let arrival = Arrival { identity: None, trust_domain: "td", address: None, http: Some(&call) };
    let hits: Vec<_> = audit(&access, &arrival).into_iter().map(|hit| (hit.policy.name, hit.would)).collect();
    let want = [("b", Would::Allow { rule: 0 }), ("c", Would::Deny { rule: 0 })];
    assert_eq!(hits, want.map(|(name, would)| (name.into(), would)));
}

#[test]
fn an_audited_allow_would_refuse_only_where_no_other_admits() {
    let hits = |other: Option<Policy>| {
        let mut policies = vec![audited("a", Action::Allow, vec![to("/b")])];
        policies.extend(other);
        let access = Access { posture: Posture::Allow, posture_source: None, policies, routes: None };
        let call = HttpCall::new("GET", "cart", "/a");
        let arrival = Arrival { identity: None, trust_domain: "td", address: None, http: Some(&call) };
        audit(&access, &arrival).into_iter().map(|hit| hit.would).collect::<Vec<_>>()
    };
    assert_eq!(hits(None), [Would::NotAllow]);
    assert_eq!(hits(Some(policy("b", Action::Allow, vec![to("/a")]))), []);
}
