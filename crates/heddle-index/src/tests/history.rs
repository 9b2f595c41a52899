//! Only the objects that are left matter: not how they came to be, nor in how many steps.

use super::arbitrary;
use super::build::difference;
use crate::Index;
use heddle_model::{Event, Kind, Lowered, Snapshot, SourceRef};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    Set(Box<Lowered>),
    Delete(SourceRef),
    /// A complete list: what is left of a kind, without the objects of a name.
    Relist(Kind, &'static str),
    /// A list that breaks off: some objects come again, and no end.
    Broken(Kind, usize),
    Resolve,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(Kind::ALL.to_vec());
    prop_oneof![
        12 => arbitrary::lowered().prop_map(|lowered| Step::Set(Box::new(lowered))),
        2 => kind().prop_flat_map(arbitrary::source).prop_map(Step::Delete),
        1 => (kind(), prop::sample::select(vec!["x", "y", "none"])).prop_map(|(kind, name)| Step::Relist(kind, name)),
        1 => (kind(), 0..3usize).prop_map(|(kind, count)| Step::Broken(kind, count)),
        4 => Just(Step::Resolve),
    ]
}

/// The rest after a history, and the index that lived it.
#[derive(Default)]
struct Played {
    index: Index,
    left: BTreeMap<SourceRef, Lowered>,
    before: Snapshot,
}

impl Played {
    fn play(&mut self, step: Step) {
        match step {
            Step::Set(lowered) => {
                self.left.insert(lowered.source.clone(), (*lowered).clone());
                self.index.apply(Event::Set(lowered));
            }
            Step::Delete(source) => {
                self.left.remove(&source);
                self.index.apply(Event::Delete(source));
            }
            Step::Relist(kind, without) => {
                self.left.retain(|source, _| source.kind != kind || &*source.name != without);
                self.index.apply(Event::Replace(kind, self.of(kind)));
            }
            Step::Broken(kind, count) => {
                for lowered in self.of(kind).into_iter().take(count) {
                    self.index.apply(Event::Set(Box::new(lowered)));
                }
            }
            Step::Resolve => self.resolve(),
        }
    }

    fn of(&self, kind: Kind) -> Vec<Lowered> {
        self.left.values().filter(|lowered| lowered.source.kind == kind).cloned().collect()
    }

    /// Resolves, and compares the keys that are said to have changed with those that did.
    fn resolve(&mut self) {
        let changed = self.index.resolve();
        let after = self.index.snapshot();
        assert_eq!(changed, difference(&self.before, &after));
        self.before = after;
    }
}

/// An index that knows nothing but what is left, told in one go.
fn rebuilt(left: &BTreeMap<SourceRef, Lowered>, reverse: bool) -> Index {
    let mut index = Index::new();
    let mut kinds = Kind::ALL.to_vec();
    if reverse {
        kinds.reverse();
    }
    for kind in kinds {
        let mut all: Vec<_> = left.values().filter(|lowered| lowered.source.kind == kind).cloned().collect();
        if reverse {
            all.reverse();
        }
        index.apply(Event::Replace(kind, all));
    }
    index.resolve();
    index
}

proptest! {
    #[test]
    fn any_history_resolves_to_what_is_left(steps in vec(step(), 1..120)) {
        let mut played = Played::default();
        for step in steps {
            played.play(step);
        }
        played.resolve();
        let want = rebuilt(&played.left, false);
        prop_assert_eq!(difference(&played.before, &want.snapshot()), BTreeSet::new());
        prop_assert_eq!(&rebuilt(&played.left, true).snapshot(), &want.snapshot());
    }

    #[test]
    fn a_replay_is_silent_and_does_nothing(objects in vec(arbitrary::lowered(), 1..40)) {
        let left: BTreeMap<_, _> = objects.into_iter().map(|object| (object.source.clone(), object)).collect();
        let mut index = rebuilt(&left, false);
        let work = index.work();
        for mut lowered in left.values().cloned() {
            lowered.meta.generation += 1;
            index.apply(Event::Set(Box::new(lowered)));
        }
        for kind in Kind::ALL {
            let all = left.values().filter(|lowered| lowered.source.kind == kind).cloned().collect();
            index.apply(Event::Replace(kind, all));
        }
        prop_assert_eq!(index.resolve(), BTreeSet::new());
        prop_assert_eq!(index.work(), work);
        prop_assert_eq!(index.complete(), Ok(()));
    }
}
