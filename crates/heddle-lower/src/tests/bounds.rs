//! Objects that say far too much: an API server takes 1.5 MB of anything that a schema does not bound.

use super::*;
use heddle_model::access::{Action, Rule};
use heddle_model::fact::{AccessPolicy, Covers};

fn many(count: usize, item: impl Fn(usize) -> Value) -> Value {
    (0..count).map(item).collect()
}

#[test]
fn a_list_that_is_far_too_long_is_not_read() {
    let ports = |count| json!({"spec": {"ports": many(count, |port| json!({"port": port + 1}))}});
    check_faults(Kind::Service, ports(1024), &[]);
    let text = "spec.ports Invalid: has 60000 items, at most 1024 are read; it has no ports";
    check_faults(Kind::Service, ports(60_000), &[text]);

    let endpoint = |_| json!({"addresses": ["10.0.0.1"]});
    let slice = json!({"addressType": "IPv4", "endpoints": many(20_000, endpoint)});
    let text = "endpoints Invalid: has 20000 items, at most 1024 are read; there are none";
    check_faults(Kind::EndpointSlice, slice, &[text]);

    let labels: Value = (0..2000).map(|label| (format!("l{label}"), json!("x"))).collect();
    let pod = json!({"metadata": {"labels": labels}, "spec": {}});
    let text = "metadata.labels Invalid: has 2000 items, at most 1024 are read; it has no labels";
    check_faults(Kind::Pod, pod, &[text]);

    let pod =
        json!({"metadata": {"annotations": {"heddle.dev/skip-inbound-ports": "22,1000-2024"}}, "spec": {}});
    let text = "metadata.annotations[heddle.dev/skip-inbound-ports] UnsupportedValue: more than 1024 ports are \
                named; \"1000-2024\" is left out";
    check_faults(Kind::Pod, pod, &[text]);
}

#[test]
fn a_policy_with_far_too_many_rules_takes_its_narrowest_meaning() {
    let rules = |count| many(count, |_| json!({"from": [{"namespaces": ["a"]}]}));
    let policy = |action: &str| json!({"spec": {"action": action, "rules": rules(2000)}});
    let meaning = |action: Action, rules: Vec<Rule>| {
        let mode = heddle_model::access::Mode::Enforce;
        Fact::AccessPolicy(AccessPolicy { covers: Covers::Namespace, action, mode, rules })
    };
    let (allow, faults) = say(Kind::AccessPolicy, policy("Allow"));
    assert_eq!(allow, meaning(Action::Allow, vec![]));
    assert_eq!(faults, ["spec.rules Invalid: has 2000 items, at most 1024 are read; it admits nobody"]);
    let (deny, _) = say(Kind::AccessPolicy, policy("Deny"));
    assert_eq!(deny, meaning(Action::Deny, vec![Rule::default()]));
}

#[test]
fn an_object_whose_lists_are_too_many_together_is_not_used() {
    let path = |path| json!({"value": format!("/{path}")});
    let rule = |_| json!({"requests": [{"paths": many(1000, path)}]});
    let policy = json!({"spec": {"rules": many(20, rule)}});
    let text = "spec: has 20040 items, at most 16384 are read";
    let (fact, faults) = say(Kind::AccessPolicy, policy);
    assert_eq!(fact, Fact::Invalid(Invalid { message: text.into() }));
    assert_eq!(faults.len(), 1);

    let route = json!({"spec": {"rules": many(20, |_| json!({"matches": many(1000, |_| json!({}))}))}});
    let text = "spec: has 20020 items, at most 16384 are read";
    assert_eq!(say(Kind::HttpRoute, route).0, Fact::Invalid(Invalid { message: text.into() }));
}

#[test]
fn of_very_many_faults_some_are_shown_and_the_others_counted() {
    let ports = json!({"spec": {"ports": many(1000, |_| json!({"port": "x"}))}});
    let (_, faults) = say(Kind::Service, ports);
    assert_eq!(faults.len(), 65);
    assert_eq!(faults[64], "spec Invalid: 936 more faults are not shown");

    let long = "x".repeat(1_000_000);
    let (_, faults) = say(Kind::AccessPolicy, json!({"spec": {long: 1}}));
    assert!(faults.iter().all(|fault| fault.len() < 300), "{faults:?}");
}
