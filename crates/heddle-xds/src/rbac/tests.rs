#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]
use super::*;
use heddle_model::access::{
    AccessEntry, Network, Peer, Principal, RequestMatch, RouteAccess, Sight, Unmatched,
};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::{Identity, Kind};
use std::sync::Arc;

fn account(name: &str) -> Peer {
    let identity = Identity::new("shop", name).expect("valid");
    Peer::new([Principal::Account(identity)], [])
}

fn from(peers: &[Peer]) -> Rule {
    Rule { from: peers.to_vec(), ..Rule::default() }
}

fn to(path: PathMatch) -> Rule {
    Rule {
        requests: vec![RequestMatch { paths: [path].into(), ..RequestMatch::default() }],
        ..Rule::default()
    }
}

fn policy(name: &str, action: Action, mode: Mode, rules: &[Rule]) -> Policy {
    let source = SourceRef::new(Kind::AccessPolicy, "shop", name);
    let numbered = rules.iter().enumerate().map(|(index, rule)| Rule { index, ..rule.clone() });
    Policy { source, action, mode, rules: numbered.collect() }
}

/// Policies on routes: each governor's, then the governors of each entry.
fn on_routes(governors: Vec<Vec<Policy>>, entries: &[&[usize]]) -> RouteAccess {
    let governor = |policies| Governor { route: None, sight: Sight::Clear, policies };
    let entry = |(place, governors): (usize, &&[usize])| AccessEntry {
        matcher: HttpMatch {
            path: Some(PathMatch::Prefix(format!("/{place}").into())),
            ..HttpMatch::default()
        },
        governors: governors.to_vec(),
        audits: Vec::new(),
    };
    RouteAccess {
        governors: governors.into_iter().map(governor).collect(),
        entries: entries.iter().enumerate().map(entry).collect(),
        unmatched: Unmatched::ByPort,
    }
}

fn routed(posture: Posture, policies: Vec<Policy>, routes: RouteAccess) -> Access {
    Access { routes: Some(Arc::new(routes)), ..access(posture, policies) }
}

/// The tags that metadata of a route are asked for.
fn tags(metadata: &xds::SourcedMetadata) -> String {
    use xds::value_matcher::MatchPattern;
    assert_eq!(metadata.metadata_source, i32::from(xds::MetadataSource::Route));
    let value =
        metadata.metadata_matcher.as_ref().and_then(|matcher| matcher.value.clone()).expect("a value");
    let one = |value: &xds::ValueMatcher| match &value.match_pattern {
        Some(MatchPattern::StringMatch(tag)) => text(&Some(tag.clone())),
        other => panic!("{other:?}"),
    };
    match &value.match_pattern {
        Some(MatchPattern::OrMatch(all)) => {
            format!("group {}", all.value_matchers.iter().map(one).collect::<Vec<_>>().join("|"))
        }
        _ => format!("group {}", one(&value)),
    }
}

fn text(matcher: &Option<xds::StringMatcher>) -> String {
    match matcher.as_ref().and_then(|matcher| matcher.match_pattern.clone()) {
        Some(xds::string_matcher::MatchPattern::Exact(text)) => text,
        Some(xds::string_matcher::MatchPattern::Prefix(text)) => format!("{text}*"),
        other => panic!("{other:?}"),
    }
}

fn list<T>(items: &[T], word: &str, say: impl Fn(&T) -> String) -> String {
    format!("({})", items.iter().map(say).collect::<Vec<_>>().join(word))
}

fn asked(given: &xds::Permission) -> String {
    use xds::permission::Rule;
    match given.rule.as_ref().expect("a rule") {
        Rule::Any(true) => "any".into(),
        Rule::AndRules(set) => list(&set.rules, " and ", asked),
        Rule::OrRules(set) => list(&set.rules, " or ", asked),
        Rule::NotRule(rule) => format!("not {}", asked(rule)),
        Rule::UrlPath(path) => match &path.rule {
            Some(xds::path_matcher::Rule::Path(path)) => text(&Some(path.clone())),
            None => panic!("no path"),
        },
        Rule::Header(header) => match &header.header_match_specifier {
            Some(xds::header_matcher::HeaderMatchSpecifier::StringMatch(value)) => {
                format!("{}={}", header.name, text(&Some(value.clone())))
            }
            Some(xds::header_matcher::HeaderMatchSpecifier::PresentMatch(true)) => header.name.clone(),
            other => panic!("{other:?}"),
        },
        Rule::SourcedMetadata(metadata) => tags(metadata),
        other => panic!("{other:?}"),
    }
}

fn who(given: &xds::Principal) -> String {
    use xds::principal::Identifier;
    match given.identifier.as_ref().expect("an identifier") {
        Identifier::Any(true) => "anyone".into(),
        Identifier::AndIds(set) => list(&set.ids, " and ", who),
        Identifier::OrIds(set) => list(&set.ids, " or ", who),
        Identifier::NotId(id) => format!("not {}", who(id)),
        Identifier::Authenticated(given) => text(&given.principal_name),
        Identifier::DirectRemoteIp(net) => {
            format!("{}/{}", net.address_prefix, net.prefix_len.map_or(0, |len| len.value))
        }
        Identifier::UrlPath(path) => match &path.rule {
            Some(xds::path_matcher::Rule::Path(path)) => text(&Some(path.clone())),
            None => panic!("no path"),
        },
        other => panic!("{other:?}"),
    }
}

fn say(rules: &Option<xds::Rbac>) -> Vec<String> {
    let Some(rules) = rules else { return vec!["everyone".into()] };
    let one = |(name, policy): (&String, &xds::Policy)| {
        if name == "unresolved paths" {
            return name.clone();
        }
        let name = name.trim_start_matches("AccessPolicy/shop/");
        format!("{name}: {} for {}", asked(&policy.permissions[0]), who(&policy.principals[0]))
    };
    rules.policies.iter().map(one).collect()
}

/// Checks the content of each stage, as `stage: policy: what for whom`; audited ones with a question mark.
#[track_caller]
fn check(access: &Access, sees: Sees, want: &[&str]) {
    let mut got = Vec::new();
    for stage in stages(access, sees, "td") {
        got.extend(
            stage
                .rules
                .iter()
                .flat_map(|rules| say(&Some(rules.clone())))
                .map(|line| format!("{} {line}", stage.name)),
        );
        if stage.rules.as_ref().is_some_and(|rules| rules.policies.is_empty()) {
            got.push(format!("{} nobody", stage.name));
        }
        got.extend(
            stage
                .audit
                .iter()
                .flat_map(|rules| say(&Some(rules.clone())))
                .map(|line| format!("{}? {line}", stage.name)),
        );
    }
    // Wherever a policy minds paths, and nowhere else.
    let all = got.len();
    got.retain(|line| line != "deny unresolved paths");
    assert_eq!(all - got.len(), usize::from(sees == Sees::Requests && access.minds_paths()));
    assert_eq!(got, want);
}

fn access(posture: Posture, policies: Vec<Policy>) -> Access {
    Access { posture, posture_source: None, policies, routes: None }
}

const WEB: &str = "spiffe://td/ns/shop/sa/web";

#[test]
fn a_posture_alone_is_one_policy_or_none() {
    for sees in [Sees::Requests, Sees::Bytes] {
        check(&access(Posture::Allow, vec![]), sees, &[]);
        check(&access(Posture::Authenticated, vec![]), sees, &["allow posture: any for spiffe://td/*"]);
        check(&access(Posture::Deny, vec![]), sees, &["allow nobody"]);
    }
}

#[test]
fn an_allow_of_the_whole_port_leaves_nothing_to_the_posture() {
    let allow = policy("p", Action::Allow, Mode::Enforce, &[from(&[account("web")])]);
    for posture in [Posture::Allow, Posture::Authenticated, Posture::Deny] {
        check(&access(posture, vec![allow.clone()]), Sees::Requests, &[&format!("allow p/0: any for {WEB}")]);
    }
    let nobody = policy("p", Action::Allow, Mode::Enforce, &[]);
    check(&access(Posture::Allow, vec![nobody]), Sees::Requests, &["allow nobody"]);
}

#[test]
fn policies_on_routes_ask_which_routes_govern_a_request() {
    let allow = policy("p", Action::Allow, Mode::Enforce, &[from(&[account("web")])]);
    let deny = policy("d", Action::Deny, Mode::Enforce, &[to(PathMatch::Exact("/x".into()))]);
    let routes =
        || on_routes(vec![vec![allow.clone(), deny.clone()], vec![deny.clone()]], &[&[0], &[1], &[0]]);
    check(
        &routed(Posture::Authenticated, vec![], routes()),
        Sees::Requests,
        &[
            "deny d/0: (group 0|1 and /x) for anyone",
            &format!("allow p/0: group 0 for {WEB}"),
            "allow posture: not group 0 for spiffe://td/*",
        ],
    );
    check(
        &routed(Posture::Deny, vec![], routes()),
        Sees::Requests,
        &["deny d/0: (group 0|1 and /x) for anyone", &format!("allow p/0: group 0 for {WEB}")],
    );
    // Nothing is known of bytes: they may be the requests of any route.
    check(
        &routed(Posture::Allow, vec![], routes()),
        Sees::Bytes,
        &["deny d/0: any for anyone", "allow nobody"],
    );
    // What the port admits, its routes admit too.
    let port = policy("q", Action::Allow, Mode::Enforce, &[from(&[account("pay")])]);
    check(
        &routed(Posture::Allow, vec![port], on_routes(vec![vec![allow]], &[&[0]])),
        Sees::Requests,
        &[&format!("allow p/0: group 0 for {WEB}"), "allow q/0: any for spiffe://td/ns/shop/sa/pay"],
    );
}

#[test]
fn where_several_routes_govern_each_must_admit() {
    let web = policy("a", Action::Allow, Mode::Enforce, &[from(&[account("web")])]);
    let path = to(PathMatch::Exact("/x".into()));
    let both = policy("b", Action::Allow, Mode::Enforce, &[path, from(&[account("pay")])]);
    let all = vec![vec![web.clone()], vec![both.clone()], vec![]];
    check(
        &routed(Posture::Allow, vec![], on_routes(all.clone(), &[&[0, 1], &[0, 2]])),
        Sees::Requests,
        &[
            "allow posture: not group 0|1 for anyone",
            &format!("allow routes/0: group 0 for ({WEB} and (/x or spiffe://td/ns/shop/sa/pay))"),
            &format!("allow routes/1: group 1 for {WEB}"),
        ],
    );
    check(&routed(Posture::Deny, vec![], on_routes(all, &[&[0, 2]])), Sees::Requests, &["allow nobody"]);
}

#[test]
fn a_deny_comes_first_and_forgets_http_where_bytes_are_carried() {
    let deny = policy("d", Action::Deny, Mode::Enforce, &[to(PathMatch::Exact("/x".into()))]);
    check(&access(Posture::Allow, vec![deny.clone()]), Sees::Requests, &["deny d/0: /x for anyone"]);
    check(&access(Posture::Allow, vec![deny]), Sees::Bytes, &["deny d/0: any for anyone"]);
}

#[test]
fn an_allow_that_speaks_of_http_admits_no_bytes() {
    let rules = [to(PathMatch::Prefix("".into())), from(&[account("web")])];
    let allow = policy("p", Action::Allow, Mode::Enforce, &rules);
    check(&access(Posture::Allow, vec![allow]), Sees::Bytes, &[&format!("allow p/1: any for {WEB}")]);
}

#[test]
fn what_is_audited_decides_nothing() {
    let allow = policy("p", Action::Allow, Mode::Audit, &[from(&[account("web")])]);
    let deny = policy("d", Action::Deny, Mode::Audit, &[from(&[])]);
    check(
        &access(Posture::Allow, vec![deny, allow.clone()]),
        Sees::Requests,
        &["deny? d/0: any for anyone", &format!("allow? p/0: any for {WEB}")],
    );
    let enforced = policy("e", Action::Allow, Mode::Enforce, &[from(&[account("pay")])]);
    check(
        &access(Posture::Deny, vec![enforced, allow]),
        Sees::Requests,
        &[
            "allow e/0: any for spiffe://td/ns/shop/sa/pay",
            "allow? e/0: any for spiffe://td/ns/shop/sa/pay",
            &format!("allow? p/0: any for {WEB}"),
        ],
    );
}

#[test]
fn a_peer_is_a_principal_from_a_network() {
    let network = |cidr: &str, except: &[&str]| Network {
        cidr: cidr.parse().expect("a network"),
        except: except.iter().map(|net| net.parse().expect("a network")).collect(),
    };
    let peers = [
        Peer::new([Principal::Any], [network("10.0.0.0/8", &["10.1.0.0/16", "10.2.0.0/16"])]),
        Peer::new([Principal::Namespace("shop".into()), Principal::Spiffe("spiffe://b/x".into())], []),
        Peer::new([], [network("fd00::/8", &[])]),
        Peer::default(),
    ];
    let allow = policy("p", Action::Allow, Mode::Enforce, &[from(&peers)]);
    let want = "allow p/0: any for ((spiffe://td/* and (10.0.0.0/8 and not (10.1.0.0/16 or 10.2.0.0/16))) \
                or (spiffe://td/ns/shop/sa/* or spiffe://b/x) or fd00::/8 or anyone)";
    check(&access(Posture::Allow, vec![allow]), Sees::Bytes, &[want]);
}

#[test]
fn a_request_is_a_method_a_path_and_headers() {
    let header = |name: &str, value| KeyMatch { name: name.into(), value };
    let request = RequestMatch {
        methods: ["GET".into(), "HEAD".into()].into(),
        paths: [PathMatch::Exact("/a".into())].into(),
        headers: vec![
            header("host", ValueMatch::Exact("cart".into())),
            header("x-a", ValueMatch::Prefix("b".into())),
            header("x-b", ValueMatch::Present),
        ],
    };
    let rule = Rule { requests: vec![request, RequestMatch::default()], ..Rule::default() };
    let allow = policy("p", Action::Allow, Mode::Enforce, &[rule]);
    let want = "allow p/0: (((:method=GET or :method=HEAD) and /a and :authority=cart and x-a=b* and x-b) or any) for anyone";
    check(&access(Posture::Allow, vec![allow]), Sees::Requests, &[want]);
}

#[test]
fn only_an_enforced_policy_that_looks_at_paths_changes_paths() {
    let path = || to(PathMatch::Prefix("/a".into()));
    let with = |mode, rule: Rule| access(Posture::Allow, vec![policy("p", Action::Deny, mode, &[rule])]);
    assert!(with(Mode::Enforce, path()).minds_paths());
    assert!(!with(Mode::Audit, path()).minds_paths());
    assert!(!with(Mode::Enforce, from(&[account("web")])).minds_paths());
    let on_path = |mode| {
        let deny = policy("p", Action::Deny, mode, &[from(&[])]);
        routed(Posture::Allow, Vec::new(), on_routes(vec![vec![deny]], &[&[0]]))
    };
    assert!(on_path(Mode::Enforce).minds_paths() && !on_path(Mode::Audit).minds_paths());
}

#[test]
fn where_routes_are_served_what_is_none_of_theirs_is_refused_first() {
    let deny = policy("d", Action::Deny, Mode::Enforce, &[from(&[account("pay")])]);
    let routes = |entries: &[&[usize]]| RouteAccess {
        unmatched: Unmatched::Refused,
        ..on_routes(vec![vec![]], entries)
    };
    let served = routed(Posture::Allow, vec![deny.clone()], routes(&[&[0]]));
    assert!(served.minds_paths());
    let denied = "deny d/0: any for spiffe://td/ns/shop/sa/pay";
    check(&served, Sees::Requests, &[denied, "deny routes: group unmatched for anyone"]);
    check(&served, Sees::Bytes, &[denied, "deny routes: any for anyone"]);
}
