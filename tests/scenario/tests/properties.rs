//! Properties of every scenario: the Snapshot depends on the set of objects alone.

use heddle_model::{Event, Kind};
use heddle_scenario_tests::{Scenario, all, resolved};
use heddle_testkit::Shuffler;

/// Seeds that failed once are added here and run for ever.
const SEEDS: [u64; 6] = [1, 2, 3, 5, 8, 13];

#[test]
fn any_history_of_the_same_objects_gives_the_same_snapshot() {
    for scenario in all() {
        let want = scenario.snapshot();
        for seed in SEEDS {
            let mut shuffler = Shuffler::new(seed);
            let ordered = shuffler.any_order(&scenario.objects);
            assert_same(&scenario, seed, "any order", &want, &resolved(ordered).snapshot());
            let life = shuffler.life(&scenario.objects);
            assert_same(&scenario, seed, "a long life", &want, &resolved(life).snapshot());
        }
    }
}

#[test]
fn resolving_after_every_event_ends_the_same() {
    for scenario in all() {
        let want = scenario.snapshot();
        for seed in SEEDS {
            let mut index = heddle_index::Index::new();
            for event in Shuffler::new(seed).life(&scenario.objects) {
                index.apply(event);
                index.resolve();
            }
            assert_same(&scenario, seed, "step by step", &want, &index.snapshot());
        }
    }
}

#[test]
fn a_replay_is_silent() {
    for scenario in all() {
        let mut index = scenario.index();
        let work = index.work();
        let again = scenario.objects.lists();
        let each = scenario.objects.lowered.iter().cloned().map(|lowered| Event::Set(Box::new(lowered)));
        again.into_iter().chain(each).for_each(|event| index.apply(event));
        let changed = index.resolve();
        assert!(changed.is_empty(), "{}: {changed:?}", scenario.name);
        assert_eq!(index.work(), work, "{}: a replay was worked on", scenario.name);
    }
}

#[test]
fn what_comes_and_goes_leaves_nothing() {
    for scenario in all() {
        let mut index = scenario.index();
        for kind in Kind::ALL {
            index.apply(Event::Replace(kind, vec![]));
        }
        index.resolve();
        let empty = resolved(Kind::ALL.map(|kind| Event::Replace(kind, vec![])));
        assert_same(&scenario, 0, "all gone", &empty.snapshot(), &index.snapshot());
    }
}

/// The keys that a change reports are exactly those whose values differ.
#[test]
fn the_keys_that_changed_are_those_that_differ() {
    for scenario in all() {
        let mut index = heddle_index::Index::new();
        for event in Shuffler::new(21).life(&scenario.objects) {
            let before = index.snapshot();
            index.apply(event.clone());
            let changed = index.resolve();
            let differs = heddle_testkit::difference(&before, &index.snapshot());
            assert_eq!(changed, differs, "{}: {event:?}", scenario.name);
        }
    }
}

#[track_caller]
fn assert_same(
    scenario: &Scenario,
    seed: u64,
    what: &str,
    want: &heddle_model::Snapshot,
    got: &heddle_model::Snapshot,
) {
    if want != got {
        let diff = heddle_testkit::golden::diff(&heddle_testkit::dump(want), &heddle_testkit::dump(got));
        panic!("{}, seed {seed}, {what}:\n{diff}", scenario.name);
    }
}
