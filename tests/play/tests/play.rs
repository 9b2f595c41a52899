//! Real Envoys do what the verdicts say.

/// Every request of every scenario; `HEDDLE_PLAY` names one scenario to play it alone.
#[test]
fn real_envoys_do_what_the_verdicts_say() {
    let only = std::env::var("HEDDLE_PLAY").ok();
    let mut scenarios = heddle_scenario_tests::all();
    scenarios.retain(|scenario| only.as_ref().is_none_or(|only| *only == scenario.name));
    // What other proxies do is held against the verdicts without them.
    scenarios.retain(heddle_scenario_tests::Scenario::is_of_envoys);
    let played = heddle_play_tests::play(&scenarios).unwrap_or_else(|error| panic!("{error}"));
    println!("the slowest: {:?}", played.times.iter().take(12).collect::<Vec<_>>());
    assert!(played.wrong.is_empty(), "{}", played.wrong.join("\n"));
    assert!(only.is_some() || played.requests >= 150, "{} requests", played.requests);
}
