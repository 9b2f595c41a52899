use super::*;
use heddle_model::access::{Action, Mode, Rule};
use heddle_model::fact::{AccessPolicy, Covers};

fn policy(spec: Value) -> (AccessPolicy, Vec<String>) {
    match say(Kind::AccessPolicy, json!({"spec": spec})) {
        (Fact::AccessPolicy(policy), faults) => (policy, faults),
        (other, _) => panic!("{other:?}"),
    }
}

/// The rules of a policy with one rule, of either action, in the model's own words with what is plain left out.
#[track_caller]
fn check_rule(rule: Value, allow: &[&str], deny: &str, fault: &str) {
    let (allowed, faults) = policy(json!({"rules": [rule]}));
    assert_eq!(allowed.rules.iter().map(text).collect::<Vec<_>>(), allow, "Allow {rule}");
    assert_eq!(faults.first().map_or("", |fault| fault), fault, "{rule}");
    let (denied, _) = policy(json!({"action": "Deny", "rules": [rule]}));
    assert_eq!(denied.rules.iter().map(text).collect::<Vec<_>>(), [deny], "Deny {rule}");
}

fn text(rule: &Rule) -> String {
    let from = rule.from.iter().map(|peer| {
        let mut parts: Vec<String> =
            peer.principals.iter().map(|principal| format!("{principal:?}")).collect();
        parts.extend(peer.networks.iter().map(|net| format!("{}-{:?}", net.cidr, net.except)));
        if parts.is_empty() { "anyone".into() } else { parts.join(" ") }
    });
    let requests = rule.requests.iter().map(|request| {
        let mut parts: Vec<String> = request.methods.iter().map(ToString::to_string).collect();
        parts.extend(request.paths.iter().map(|path| format!("{path:?}")));
        parts.extend(request.headers.iter().map(|header| format!("{}:{:?}", header.name, header.value)));
        if parts.is_empty() { "any".into() } else { parts.join(" ") }
    });
    format!("{} | {}", from.collect::<Vec<_>>().join(", "), requests.collect::<Vec<_>>().join(", "))
}

#[test]
fn a_rule_says_who_and_which_requests() {
    let from = json!([
        {"identities": ["*", "spiffe://td/ns/a/sa/b"], "networks": [{"cidr": "10.9.9.9/8", "except": ["10.1.0.0/16"]}]},
        {"serviceAccounts": [{"name": "web"}, {"namespace": "b", "name": "c"}], "namespaces": ["shop"]},
    ]);
    let want = "Any Spiffe(\"spiffe://td/ns/a/sa/b\") 10.0.0.0/8-[10.1.0.0/16], Namespace(\"shop\") \
                Account(Identity { namespace: \"b\", service_account: \"c\" }) \
                Account(Identity { namespace: \"shop\", service_account: \"web\" }) | ";
    check_rule(json!({"from": from}), &[want], want, "");
    let requests = json!([{
        "methods": ["GET", "POST"], "paths": [{"value": "/a/"}, {"type": "Exact", "value": "/b/"}],
        "headers": [{"name": "X-A", "value": "1"}, {"name": "b", "type": "Prefix", "value": "2"}, {"name": "c", "type": "Present"}],
    }]);
    let want = " | GET POST Exact(\"/b/\") Prefix(\"/a\") x-a:Exact(\"1\") b:Prefix(\"2\") c:Present";
    check_rule(json!({"requests": requests}), &[want], want, "");
}

#[test]
fn what_an_allow_cannot_read_admits_nothing_and_what_a_deny_cannot_read_is_denied() {
    let everything = " | ";
    for (rule, allow, deny, fault) in [
        (json!(5), &[][..], everything, "spec.rules[0] Invalid: 5 is not an object; it admits nothing"),
        (
            json!({"form": []}),
            &[],
            everything,
            "spec.rules[0].form Invalid: is not a field, only from, requests are; it admits nothing",
        ),
        (
            json!({}),
            &[],
            everything,
            "spec.rules[0] Invalid: one of from, requests must be set; everyone is 0.0.0.0/0 and ::/0 of networks; it admits nothing",
        ),
        (
            json!({"requests": [{"headers": []}]}),
            &[],
            " | any",
            "spec.rules[0].requests[0].headers Invalid: must not be empty; it admits nothing",
        ),
        (
            json!({"from": []}),
            &[],
            everything,
            "spec.rules[0].from Invalid: must not be empty; it admits nothing",
        ),
        (
            json!({"from": [{}]}),
            &[],
            everything,
            "spec.rules[0].from[0] Invalid: one of identities, serviceAccounts, namespaces, networks must be set; it admits nothing",
        ),
        (
            json!({"from": [{"namespaces": ["a"]}, {"namespaces": "b"}]}),
            &["Namespace(\"a\") | "],
            "Namespace(\"a\"), anyone | ",
            "spec.rules[0].from[1].namespaces Invalid: \"b\" is not a list; it admits nothing",
        ),
        (
            json!({"from": [{"namespaces": ["a", "B"]}]}),
            &["Namespace(\"a\") | "],
            "anyone | ",
            "spec.rules[0].from[0].namespaces[1] Invalid: namespace \"B\" is not a DNS label (RFC 1123: at most 63 of a-z, 0-9 and '-', alphanumeric at both ends); it admits nothing",
        ),
        (
            json!({"from": [{"identities": ["spiffe://td/*"]}]}),
            &[],
            "anyone | ",
            "spec.rules[0].from[0].identities[0] Invalid: \"spiffe://td/*\" is neither \"*\" nor a SPIFFE ID; it admits nothing",
        ),
        (
            json!({"from": [{"identities": ["*"], "networks": [{"cidr": "x"}]}]}),
            &[],
            "Any | ",
            "spec.rules[0].from[0].networks[0].cidr Invalid: \"x\" is not a network in CIDR notation; it admits nothing",
        ),
        (
            json!({"from": [{"networks": [{"cidr": "10.0.0.0/8", "except": ["x", "10.1.0.0/16"]}]}]}),
            &[],
            "10.0.0.0/8-[10.1.0.0/16] | ",
            "spec.rules[0].from[0].networks[0].except[0] Invalid: \"x\" is not a network in CIDR notation; it admits nothing",
        ),
        (
            json!({"from": [{"identities": ["*"], "ipBlocks": ["10.0.0.0/8"]}]}),
            &[],
            everything,
            "spec.rules[0].from[0].ipBlocks Invalid: is not a field, only identities, serviceAccounts, namespaces, networks are; it admits nothing",
        ),
        (
            json!({"requests": [{"methods": ["get"]}, {"methods": ["POST"]}]}),
            &[" | POST"],
            " | any, POST",
            "spec.rules[0].requests[0].methods[0] Invalid: \"get\" is not a method in upper case; it admits nothing",
        ),
        (
            json!({"requests": [{"methods": ["GET"], "headers": [{"name": "a", "value": "1"}, {"name": "b"}]}]}),
            &[],
            " | GET a:Exact(\"1\")",
            "spec.rules[0].requests[0].headers[1] Invalid: value must be set for Exact and Prefix, and only for them; it admits nothing",
        ),
        (
            json!({"requests": [{"paths": [{"value": "/a?b"}]}]}),
            &[],
            " | any",
            "spec.rules[0].requests[0].paths[0].value Invalid: \"/a?b\" cannot be compared: '?' begins a query or fragment, which is no part of a path; write %3F for the character; it admits nothing",
        ),
        (
            json!({"requests": [{"paths": [{"type": "Regex", "value": "/a"}, {"value": "/b"}]}]}),
            &[" | Prefix(\"/b\")"],
            " | any",
            "spec.rules[0].requests[0].paths[0].type Invalid: \"Regex\" is none of Exact, PathPrefix; it admits nothing",
        ),
    ] {
        check_rule(rule, allow, deny, fault);
    }
}

#[test]
fn a_policy_covers_targets_or_workloads_or_the_namespace() {
    let covers = |spec: Value| format!("{:?}", policy(spec).0.covers);
    assert_eq!(covers(json!({})), "Namespace");
    assert_eq!(covers(json!({"ports": [80]})), "Workloads { selector: {}, ports: {80} }");
    assert_eq!(
        covers(json!({"selector": {"matchLabels": {"a": "b"}}})),
        r#"Workloads { selector: {"a": "b"}, ports: {} }"#
    );
    let targets = json!([
        {"kind": "Service", "name": "web", "sectionName": "http"}, {"group": "", "kind": "Service", "name": "b"},
        {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"},
    ]);
    assert_eq!(
        covers(json!({"targetRefs": targets})),
        r#"Targets([Service { name: "web", port: Some("http") }, Service { name: "b", port: None }, HttpRoute { name: "r" }])"#
    );
}

#[test]
fn a_selection_that_cannot_be_read_is_the_namespace_and_then_an_allow_admits_nobody() {
    let rules = json!([{"from": [{"identities": ["*"]}]}]);
    for (spec, fault) in [
        (
            json!({"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "GRPCRoute", "name": "r"}]}),
            "spec.targetRefs[0] Invalid: \"GRPCRoute\" of group \"gateway.networking.k8s.io\" is neither a Service of group \"\" nor an HTTPRoute of gateway.networking.k8s.io",
        ),
        (
            json!({"targetRefs": [{"kind": "Service", "name": "a"}], "ports": [80]}),
            "spec.targetRefs Invalid: targetRefs excludes selector and ports",
        ),
        (json!({"targetRefs": []}), "spec.targetRefs Invalid: must not be empty"),
        (json!({"ports": [0]}), "spec.ports[0] Invalid: 0 is not an integer from 1 to 65535"),
        (
            json!({"selector": {"matchLabels": {"a": 1}}}),
            "spec.selector.matchLabels Invalid: the value 1 of a is not a string",
        ),
        (
            json!({"novel": 1}),
            "spec.novel Invalid: is not a field, only targetRefs, selector, ports, action, mode, rules are",
        ),
    ] {
        let with = |action: &str| {
            let mut spec = spec.clone();
            spec["rules"] = rules.clone();
            spec["action"] = json!(action);
            policy(spec)
        };
        let (allow, faults) = with("Allow");
        assert_eq!(faults, [format!("{fault}; the whole namespace is covered, and nobody is admitted")]);
        assert_eq!((allow.covers, allow.rules.len()), (Covers::Namespace, 0));
        let (deny, faults) = with("Deny");
        assert_eq!(faults, [format!("{fault}; the whole namespace is covered")]);
        assert_eq!((deny.covers, deny.rules.len()), (Covers::Namespace, 1));
    }
}

#[test]
fn what_a_policy_does_is_narrow_where_it_cannot_be_read() {
    let rules = json!([{"from": [{"namespaces": ["shop"]}]}]);
    let (plain, _) = policy(json!({"rules": rules}));
    assert_eq!((plain.action, plain.mode, plain.rules.len()), (Action::Allow, Mode::Enforce, 1));
    let (audit, _) = policy(json!({"rules": rules, "action": "Deny", "mode": "Audit"}));
    assert_eq!((audit.action, audit.mode, audit.rules.len()), (Action::Deny, Mode::Audit, 1));
    let (unknown, faults) = policy(json!({"rules": rules, "action": "Reject", "mode": "Shadow"}));
    assert_eq!((unknown.action, unknown.mode, unknown.rules.len()), (Action::Allow, Mode::Enforce, 0));
    assert_eq!(
        faults,
        [
            r#"spec.action Invalid: "Reject" is none of Allow, Deny; it admits nobody"#,
            r#"spec.mode Invalid: "Shadow" is none of Enforce, Audit; it is enforced"#,
        ]
    );
    for rules in [json!(null), json!([]), json!(5)] {
        let (deny, faults) = policy(json!({"rules": rules, "action": "Deny"}));
        assert_eq!((deny.rules, faults.len()), (vec![Rule::default()], 1), "{rules}");
        let (allow, _) = policy(json!({"rules": rules}));
        assert_eq!(allow.rules, []);
    }
}
