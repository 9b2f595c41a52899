//! linkerd2-proxies do with their answers what is decided.
//!
//! Every scenario is read a second time with linkerd2-proxies in the place of its Envoys.

use heddle_model::Snapshot;
use heddle_scenario_tests::linkerd::difference;
use heddle_scenario_tests::{Scenario, all};

#[test]
fn proxies_do_what_is_decided() {
    let wrong: Vec<String> =
        all().iter().flat_map(|scenario| differences(scenario, scenario.snapshot())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn proxies_in_the_place_of_envoys_do_what_is_decided() {
    check(|_| true);
}

#[test]
fn proxies_beside_envoys_do_what_is_decided() {
    check(|place| place % 2 == 0);
    check(|place| place % 2 == 1);
}

#[track_caller]
fn check(is_chosen: fn(usize) -> bool) {
    let all = all();
    let snapshot = |scenario: &Scenario| scenario.switched(is_chosen).snapshot();
    let wrong: Vec<String> = all.iter().flat_map(|one| differences(one, snapshot(one))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn differences(scenario: &Scenario, snapshot: Snapshot) -> Vec<String> {
    let asks = scenario.requests.requests.iter();
    let different = asks.filter_map(|ask| {
        let request = ask.request(&snapshot).ok()?;
        let why = difference(&snapshot, &request).err()?;
        Some(format!("{}: {}: {why}", scenario.name, ask.name))
    });
    different.collect()
}
