//! Open connections through a real Envoy while the networks of the cluster change.

use heddle_play_tests::{Alive, through_changes};

/// A Node that joins is a filter chain that is added: none of the others drains. That a chain which changes does cut its
/// connections shows in the second change, which is one of egress.
#[test]
fn a_node_that_joins_cuts_no_connection() {
    let scenario =
        heddle_scenario_tests::all().into_iter().find(|scenario| scenario.name == "networks-learnt");
    let scenario = scenario.expect("the scenario is there");
    let [joined, denied] = through_changes(&scenario).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(joined, Alive { bytes: true, requests: true, outside: true });
    assert_eq!(denied, Alive { bytes: true, requests: true, outside: false });
}
