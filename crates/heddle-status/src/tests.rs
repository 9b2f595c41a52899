use super::*;
use heddle_model::Kind;
use heddle_model::report::{Condition, ParentRef, Subject};
use serde_json::json;

const NOW: i64 = 86_400;

fn route() -> SourceRef {
    SourceRef::new(Kind::HttpRoute, "shop", "web")
}

fn policy() -> SourceRef {
    SourceRef::new(Kind::AccessPolicy, "shop", "deny")
}

fn meta(generation: i64) -> Meta {
    Meta { generation, ..Meta::default() }
}

fn service(name: &str, port: Option<u16>) -> ParentRef {
    ParentRef {
        group: Some(String::new()),
        kind: Some("Service".into()),
        namespace: None,
        name: name.into(),
        section_name: None,
        port,
    }
}

fn accepted(parent: Option<ParentRef>, holds: bool, reason: &'static str) -> Subject {
    Subject { parent, conditions: vec![Condition::new("Accepted", holds, reason, "why".into())] }
}

fn report(subjects: Vec<Subject>) -> Report {
    Report { subjects }
}

fn condition(status: &str, reason: &str, generation: i64, since: &str) -> Value {
    json!({
        "type": "Accepted", "status": status, "reason": reason, "message": "why",
        "observedGeneration": generation, "lastTransitionTime": since,
    })
}

/// Asserts the status that is written over `current`, and that it is not written twice.
#[track_caller]
fn check(source: &SourceRef, report: &Report, generation: i64, current: &Value, want: Option<Value>) {
    let text = current.to_string();
    let got = status(source, report, &meta(generation), Some(&text), CONTROLLER, NOW);
    assert_eq!(got, want);
    let settled = got.unwrap_or_else(|| current.clone()).to_string();
    let again = status(source, report, &meta(generation), Some(&settled), CONTROLLER, NOW + 60);
    assert_eq!(again, None, "written again over {settled}");
}

#[test]
fn a_first_status_has_all_conditions() {
    let want = json!({"conditions": [condition("True", "Accepted", 3, "1970-01-02T00:00:00Z")]});
    let report = report(vec![accepted(None, true, "Accepted")]);
    check(&policy(), &report, 3, &json!({}), Some(want.clone()));
    assert_eq!(status(&policy(), &report, &meta(3), None, CONTROLLER, NOW), Some(want.clone()));
    assert_eq!(status(&policy(), &report, &meta(3), Some("not JSON"), CONTROLLER, NOW), Some(want));
}

#[test]
fn an_equal_status_is_not_written() {
    let current = json!({"conditions": [condition("True", "Accepted", 3, "1970-01-01T00:00:00Z")]});
    check(&policy(), &report(vec![accepted(None, true, "Accepted")]), 3, &current, None);
}

#[test]
fn the_transition_time_moves_only_with_the_truth() {
    let current = json!({"conditions": [condition("False", "Invalid", 3, "1970-01-01T00:00:00Z")]});
    let want = json!({"conditions": [condition("False", "TargetNotFound", 4, "1970-01-01T00:00:00Z")]});
    check(&policy(), &report(vec![accepted(None, false, "TargetNotFound")]), 4, &current, Some(want));
    let want = json!({"conditions": [condition("True", "Accepted", 4, "1970-01-02T00:00:00Z")]});
    check(&policy(), &report(vec![accepted(None, true, "Accepted")]), 4, &current, Some(want));
}

#[test]
fn what_others_wrote_stays_as_it_is_and_where_it_is() {
    let foreign = json!({"type": "example.com/Audited", "status": "Unknown"});
    let stale = json!({"type": "Conflicted", "status": "True"});
    let old = condition("True", "Accepted", 3, "1970-01-01T00:00:00Z");
    let current = json!({"conditions": [foreign, stale, old], "other": 1});
    let want = json!({"conditions": [foreign, old], "other": 1});
    check(&policy(), &report(vec![accepted(None, true, "Accepted")]), 3, &current, Some(want));
}

#[test]
fn each_parent_has_its_own_entry_with_the_reference_as_written() {
    let subjects = vec![
        accepted(Some(service("web", Some(80))), true, "Accepted"),
        accepted(Some(service("web", Some(81))), false, "NoMatchingParent"),
    ];
    let since = "1970-01-02T00:00:00Z";
    let entry = |port: u16, condition: Value| {
        json!({
            "parentRef": {"group": "", "kind": "Service", "name": "web", "port": port},
            "controllerName": "heddle.dev/controller", "conditions": [condition],
        })
    };
    let want = json!({"parents": [
        entry(80, condition("True", "Accepted", 1, since)),
        entry(81, condition("False", "NoMatchingParent", 1, since)),
    ]});
    check(&route(), &report(subjects), 1, &json!({}), Some(want));
}

#[test]
fn entries_of_other_controllers_stay_and_ours_go_when_irrelevant() {
    let parent = json!({"group": "", "kind": "Service", "name": "web"});
    let foreign = json!({"parentRef": parent, "controllerName": "gateway.networking.k8s.io/stale-controller",
        "conditions": [{"type": "Accepted", "status": "True"}]});
    let gone = json!({"parentRef": {"kind": "Service", "name": "old"}, "controllerName": CONTROLLER, "conditions": []});
    let ours = json!({"parentRef": parent, "controllerName": CONTROLLER,
        "conditions": [condition("True", "Accepted", 1, "1970-01-01T00:00:00Z"), {"type": "example.com/Seen"}]});
    let current = json!({"parents": [gone, ours, foreign]});
    let subjects = vec![accepted(Some(service("web", None)), true, "Accepted")];
    check(&route(), &report(subjects), 1, &current, Some(json!({"parents": [ours, foreign]})));
    check(&route(), &report(vec![]), 1, &current, Some(json!({"parents": [foreign]})));
}

#[test]
fn a_route_of_no_service_is_left_alone() {
    check(&route(), &report(vec![]), 1, &json!({}), None);
    check(&route(), &report(vec![]), 1, &json!({"parents": []}), None);
}

#[test]
fn no_more_entries_are_written_than_the_api_takes() {
    let foreign = json!({"parentRef": {"name": "g"}, "controllerName": "example.com/gateway"});
    let current = json!({"parents": vec![foreign; 30]});
    let subjects = (1..=4).map(|port| accepted(Some(service("web", Some(port))), true, "Accepted")).collect();
    let got = status(&route(), &report(subjects), &meta(1), Some(&current.to_string()), CONTROLLER, NOW);
    let parents = got.map(|status| status["parents"].as_array().map_or(0, Vec::len));
    assert_eq!(parents, Some(32));
}

#[test]
fn kinds_of_others_have_no_status_of_ours() {
    let source = SourceRef::new(Kind::Service, "shop", "web");
    let report = report(vec![accepted(None, true, "Accepted")]);
    assert_eq!(status(&source, &report, &meta(1), None, CONTROLLER, NOW), None);
}

#[test]
fn linkerds_routes_name_linkerds_controller() {
    let source = SourceRef::new(Kind::LinkerdHttpRoute, "shop", "web");
    let ours = json!({"controllerName": CONTROLLER, "parentRef": {"name": "other"}, "conditions": []});
    let entry = json!({
        "controllerName": LINKERD_CONTROLLER, "parentRef": {"group": "", "kind": "Service", "name": "web"},
        "conditions": [condition("True", "Accepted", 2, "1970-01-02T00:00:00Z")],
    });
    let report = report(vec![accepted(Some(service("web", None)), true, "Accepted")]);
    check(&source, &report, 2, &json!({"parents": [ours]}), Some(json!({"parents": [ours, entry]})));
}

#[test]
fn a_rate_limit_names_its_target_and_no_generation_that_would_be_cut_off() {
    let source = SourceRef::new(Kind::RateLimitPolicy, "shop", "web");
    let target = ParentRef { group: Some("policy.linkerd.io".into()), ..service("cart", None) };
    let target = ParentRef { kind: Some("Server".into()), ..target };
    let mut accepted_condition = condition("True", "Accepted", 0, "1970-01-02T00:00:00Z");
    accepted_condition.as_object_mut().expect("an object").remove("observedGeneration");
    let want = json!({
        "targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "cart"},
        "conditions": [accepted_condition],
    });
    let report = report(vec![accepted(Some(target), true, "Accepted")]);
    check(&source, &report, 7, &json!({}), Some(want));
}

#[test]
fn kinds_whose_definitions_have_no_status_get_none() {
    let report = report(vec![accepted(None, true, "Accepted")]);
    for kind in [Kind::Server, Kind::AuthorizationPolicy, Kind::ServiceProfile, Kind::LinkerdExternalWorkload]
    {
        let source = SourceRef::new(kind, "shop", "x");
        assert_eq!(status(&source, &report, &meta(1), None, CONTROLLER, NOW), None, "{kind}");
    }
}

#[test]
fn one_more_condition_stands_beside_those_of_the_report() {
    let accepted = condition("True", "Accepted", 3, "1970-01-01T00:00:00Z");
    let current = json!({"conditions": [accepted], "other": 1}).to_string();
    let applied = Condition::new("ValuesApplied", true, "Applied", "every value counts".into());
    let got = with_condition(Some(&current), &applied, Some(3), NOW).expect("it is new");
    assert_eq!(got["conditions"][0], accepted);
    assert_eq!(got["conditions"][1]["type"], "ValuesApplied");
    assert_eq!(got["conditions"][1]["observedGeneration"], 3);
    assert_eq!(got["other"], 1);
    assert_eq!(with_condition(Some(&got.to_string()), &applied, Some(3), NOW + 1), None);
}
