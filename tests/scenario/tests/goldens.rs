//! Every scenario comes out as accepted, and every request as its author wrote.

use heddle_decide::decide;
use heddle_model::fact::DataPlane;
use heddle_scenario_tests::linkerd::linkerd_text;
use heddle_scenario_tests::{
    Detail, Scenario, Summary, all, findings_text, status_text, verdicts_text, xds_text,
};
use heddle_xds::{Capture, Client};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_scenario_comes_out_as_accepted() {
    let bless = std::env::var_os("BLESS").is_some();
    let wrong: Vec<String> = all().iter().filter_map(|scenario| golden(scenario, bless).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn golden(scenario: &Scenario, bless: bool) -> Result<(), String> {
    let index = scenario.index();
    let snapshot = index.snapshot();
    // One shows everything; the others show their stories.
    let detail = if scenario.name == "plain-service" { Detail::Full } else { Detail::Brief };
    let mut rendered = BTreeMap::from([
        ("model.txt", heddle_testkit::dump(&snapshot)),
        ("verdicts.txt", verdicts_text(scenario, &snapshot)),
        ("status.yaml", status_text(&index)),
    ]);
    rendered.extend(findings_text(&snapshot).map(|text| ("findings.txt", text)));
    let client = client(scenario);
    if snapshot
        .workloads
        .get(&client.workload)
        .is_none_or(|workload| workload.plane != Some(DataPlane::Linkerd))
    {
        rendered.insert("xds.yaml", xds_text(&client, &snapshot, detail));
    }
    let detail = if scenario.name == "linkerd-service" { Detail::Full } else { Detail::Brief };
    rendered.extend(linkerd_text(scenario, &snapshot, detail).map(|text| ("linkerd.yaml", text)));
    heddle_testkit::golden::check(&scenario.dir, &["in.yaml", "requests.yaml"], &rendered, bless)
}

fn client(scenario: &Scenario) -> Client {
    let workload =
        scenario.requests.client.parse().unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    Client { workload, capture: Capture::Captured }
}

#[test]
fn every_request_is_decided_as_its_author_wrote() {
    let wrong: Vec<String> = all().iter().flat_map(unlike_wanted).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn unlike_wanted(scenario: &Scenario) -> Vec<String> {
    let snapshot = scenario.snapshot();
    let mut wrong = Vec::new();
    for ask in &scenario.requests.requests {
        let mut say = |what: &str, got: &str, want: &str| {
            if got != want {
                wrong.push(format!("{}: {}: {what} is {got:?}, want {want:?}", scenario.name, ask.name));
            }
        };
        let request = match ask.request(&snapshot) {
            Ok(request) => request,
            Err(bad) => {
                say("the request", &bad.0, "made");
                continue;
            }
        };
        let got = Summary::from(&decide(&snapshot, &request));
        say("the verdict", &got.want, &ask.want);
        if let Some(at) = &ask.at {
            let want: BTreeSet<String> = at.iter().cloned().collect();
            say("who answers", &format!("{:?}", got.at), &format!("{want:?}"));
        }
        if let Some(by) = &ask.by {
            say("what decides", &got.by, by);
        }
        if let Some(route) = &ask.route {
            say("the rule", &got.route, route);
        }
    }
    wrong
}

#[test]
fn there_are_enough_stories_and_requests_and_each_says_why() {
    let all = all();
    assert!(all.len() >= 30, "{} scenarios", all.len());
    let requests: usize = all.iter().map(|scenario| scenario.requests.requests.len()).sum();
    assert!(requests >= 150, "{requests} requests");
    for scenario in &all {
        assert!(scenario.why.len() > 20, "{}: the first line does not say why", scenario.name);
        let names: BTreeSet<&str> = scenario.requests.requests.iter().map(|ask| ask.name.as_str()).collect();
        assert_eq!(names.len(), scenario.requests.requests.len(), "{}: a name twice", scenario.name);
    }
}
