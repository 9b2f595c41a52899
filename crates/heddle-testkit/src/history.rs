//! Histories that end in the same set of objects.

use crate::{Objects, Random};
use heddle_model::{Event, Kind, Lowered, SourceRef};

/// Makes histories: each ends with exactly these objects, whatever came before.
pub struct Shuffler {
    random: Random,
}

impl Shuffler {
    /// The histories of a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    /// Every object once, in any order, after the empty lists that a source starts with.
    pub fn any_order(&mut self, objects: &Objects) -> Vec<Event> {
        let mut sets: Vec<Event> = objects.lowered.iter().cloned().map(set).collect();
        self.random.shuffle(&mut sets);
        let mut history: Vec<Event> =
            Kind::ALL.into_iter().map(|kind| Event::Replace(kind, vec![])).collect();
        self.random.shuffle(&mut history);
        history.extend(sets);
        history
    }

    /// A long life: any order, duplicates, deletes that are taken back, objects that turn into each other's
    /// content and back, complete relists, and strangers that came and went.
    pub fn life(&mut self, objects: &Objects) -> Vec<Event> {
        let mut history = self.any_order(objects);
        for _ in 0..objects.lowered.len() * 2 {
            let happening = self.happening(objects);
            history.extend(happening);
        }
        history.extend(self.settle(objects));
        history
    }

    fn happening(&mut self, objects: &Objects) -> Vec<Event> {
        let Some(one) = self.pick(objects) else { return vec![] };
        match self.random.below(5) {
            0 => vec![set(one.clone()), set(one)],
            1 => vec![Event::Delete(one.source.clone())],
            2 => vec![Event::Delete(one.source.clone()), set(one)],
            3 => self.swapped(objects, &one),
            _ => self.stranger(&one),
        }
    }

    /// One object says for a while what another of its kind says.
    fn swapped(&mut self, objects: &Objects, one: &Lowered) -> Vec<Event> {
        let alike = objects.of(one.source.kind);
        let other = &alike[self.random.below(alike.len())];
        vec![set(Lowered { source: one.source.clone(), ..other.clone() })]
    }

    fn stranger(&mut self, one: &Lowered) -> Vec<Event> {
        let name = format!("{}-stranger", one.source.name);
        let source = SourceRef { name: name.into(), ..one.source.clone() };
        vec![set(Lowered { source, ..one.clone() })]
    }

    /// Brings every object back and takes every stranger away: by a complete list, or one by one. (A list
    /// that breaks off is no event at all: a source only tells of complete ones.)
    fn settle(&mut self, objects: &Objects) -> Vec<Event> {
        let mut kinds = Kind::ALL;
        self.random.shuffle(&mut kinds);
        kinds.into_iter().flat_map(|kind| self.settle_kind(objects.of(kind), kind)).collect()
    }

    fn settle_kind(&mut self, mut objects: Vec<Lowered>, kind: Kind) -> Vec<Event> {
        self.random.shuffle(&mut objects);
        if self.random.once_in(2) {
            return vec![Event::Replace(kind, objects)];
        }
        let mut events: Vec<Event> = objects.iter().flat_map(|one| self.stranger(one)).collect();
        for event in &mut events {
            if let Event::Set(stranger) = event {
                *event = Event::Delete(stranger.source.clone());
            }
        }
        events.extend(objects.into_iter().map(set));
        self.random.shuffle(&mut events);
        events
    }

    fn pick(&mut self, objects: &Objects) -> Option<Lowered> {
        let at = self.random.below(objects.lowered.len());
        objects.lowered.get(at).cloned()
    }
}

fn set(lowered: Lowered) -> Event {
    Event::Set(Box::new(lowered))
}
