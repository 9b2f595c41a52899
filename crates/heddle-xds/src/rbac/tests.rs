use super::*;
use heddle_model::access::{Network, Peer, Principal, RequestMatch};
use heddle_model::http::{KeyMatch, PathMatch, ValueMatch};
use heddle_model::{Identity, Kind};

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
    Policy { source, action, mode, scope: None, rules: numbered.collect() }
}

fn route(path: &str) -> Option<std::sync::Arc<[HttpMatch]>> {
    let of = HttpMatch { path: Some(PathMatch::Prefix(path.into())), ..HttpMatch::default() };
    Some([of].into())
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

fn asked(of: &xds::Permission) -> String {
    use xds::permission::Rule;
    match of.rule.as_ref().expect("a rule") {
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
        other => panic!("{other:?}"),
    }
}

fn who(of: &xds::Principal) -> String {
    use xds::principal::Identifier;
    match of.identifier.as_ref().expect("an identifier") {
        Identifier::Any(true) => "anyone".into(),
        Identifier::AndIds(set) => list(&set.ids, " and ", who),
        Identifier::OrIds(set) => list(&set.ids, " or ", who),
        Identifier::NotId(id) => format!("not {}", who(id)),
        Identifier::Authenticated(of) => text(&of.principal_name),
        Identifier::DirectRemoteIp(net) => {
            format!("{}/{}", net.address_prefix, net.prefix_len.map_or(0, |len| len.value))
        }
        other => panic!("{other:?}"),
    }
}

fn say(rules: &Option<xds::Rbac>) -> Vec<String> {
    let Some(rules) = rules else { return vec!["everyone".into()] };
    let one = |(name, policy): (&String, &xds::Policy)| {
        let name = name.trim_start_matches("AccessPolicy/shop/");
        format!("{name}: {} for {}", asked(&policy.permissions[0]), who(&policy.principals[0]))
    };
    rules.policies.iter().map(one).collect()
}

/// What stands in each stage, as `stage: policy: what for whom`; audited ones with a question mark.
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
    assert_eq!(got, want);
}

fn access(posture: Posture, policies: Vec<Policy>) -> Access {
    Access { posture, posture_source: None, policies, routed: None }
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
fn an_allow_of_a_route_leaves_the_rest_to_the_posture() {
    let mut allow = policy("p", Action::Allow, Mode::Enforce, &[from(&[account("web")])]);
    allow.scope = route("/pay");
    check(
        &access(Posture::Authenticated, vec![allow.clone()]),
        Sees::Requests,
        &[
            &format!("allow p/0: (/pay or /pay/*) for {WEB}"),
            "allow posture: not (/pay or /pay/*) for spiffe://td/*",
        ],
    );
    check(
        &access(Posture::Deny, vec![allow.clone()]),
        Sees::Requests,
        &[&format!("allow p/0: (/pay or /pay/*) for {WEB}")],
    );
    // Nothing is known of bytes: they may be the route's requests.
    check(&access(Posture::Allow, vec![allow.clone()]), Sees::Bytes, &["allow nobody"]);
    allow.scope = Some([].into());
    check(&access(Posture::Allow, vec![allow]), Sees::Requests, &["allow posture: any for anyone"]);
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
    let mut scoped = with(Mode::Enforce, from(&[]));
    scoped.policies[0].scope = route("/a");
    assert!(scoped.minds_paths());
}

#[test]
fn where_routes_are_attached_what_is_none_of_theirs_is_refused_first() {
    let deny = policy("d", Action::Deny, Mode::Enforce, &[from(&[account("pay")])]);
    let mut routed = access(Posture::Allow, vec![deny]);
    routed.routed = route("/pay");
    assert!(routed.minds_paths());
    check(
        &routed,
        Sees::Requests,
        &["routes routes: (/pay or /pay/*) for anyone", "deny d/0: any for spiffe://td/ns/shop/sa/pay"],
    );
    check(&routed, Sees::Bytes, &["routes nobody", "deny d/0: any for spiffe://td/ns/shop/sa/pay"]);
    routed.routed = Some([].into());
    check(&routed, Sees::Requests, &["routes nobody", "deny d/0: any for spiffe://td/ns/shop/sa/pay"]);
}
