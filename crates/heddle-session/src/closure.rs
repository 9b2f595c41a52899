//! The part of a view that a client asked for, with everything that this needs.

use crate::{Resource, ResourceType, View};
use heddle_model::Name;
use std::collections::BTreeMap;

/// A resource's type and name.
type Key = (ResourceType, Name);

/// The resources that a client asked for by name beside its wildcard, and all that they need, each counted by those that
/// need it. A change costs what it changes.
#[derive(Default)]
pub(crate) struct Closure {
    entries: BTreeMap<Key, Needed>,
    /// Nodes that came or went since [`Self::take_moved`].
    moved: Vec<Key>,
}

#[derive(Default)]
struct Needed {
    /// The client itself asks for it.
    asked: bool,
    /// The client itself, if it asks, and the entries that need it.
    users: usize,
    needs: Box<[Key]>,
}

impl Closure {
    /// Returns whether a resource is in it.
    pub(crate) fn has(&self, ty: ResourceType, name: &Name) -> bool {
        self.entries.contains_key(&(ty, name.clone()))
    }

    /// The names of a type.
    pub(crate) fn names(&self, ty: ResourceType) -> impl Iterator<Item = &Name> {
        let from = (ty, Name::from(""));
        self.entries
            .range(from..)
            .map(|(key, _)| key)
            .take_while(move |(of, _)| *of == ty)
            .map(|(_, name)| name)
    }

    /// Takes in a resource that the client asks for, and what it needs.
    pub(crate) fn add<V: View>(&mut self, ty: ResourceType, name: Name, view: &V) {
        let key = (ty, name);
        if self.entries.get(&key).is_some_and(|entry| entry.asked) {
            return;
        }
        self.hold(key.clone(), view);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.asked = true;
        }
    }

    /// Lets go of what the client asks for no more.
    pub(crate) fn remove(&mut self, ty: ResourceType, name: &Name) {
        let key = (ty, name.clone());
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if std::mem::take(&mut entry.asked) {
            self.release(&key);
        }
    }

    /// Takes in that a resource may need others than before.
    pub(crate) fn refresh<V: View>(&mut self, ty: ResourceType, name: &Name, view: &V) {
        let key = (ty, name.clone());
        if !self.entries.contains_key(&key) {
            return;
        }
        let needs = needs(&key, view);
        for need in &needs {
            self.hold(need.clone(), view);
        }
        let before = self.entries.get_mut(&key).map(|entry| std::mem::replace(&mut entry.needs, needs));
        for need in before.unwrap_or_default() {
            self.release(&need);
        }
    }

    /// The same of everything.
    pub(crate) fn refresh_all<V: View>(&mut self, view: &V) {
        let all: Vec<Key> = self.entries.keys().cloned().collect();
        for (ty, name) in all {
            self.refresh(ty, &name, view);
        }
    }

    /// Returns what came into it or went out of it since this was asked last.
    pub(crate) fn take_moved(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.moved)
    }

    /// Counts one more user of a resource, which comes with what it needs.
    pub(crate) fn hold<V: View>(&mut self, key: Key, view: &V) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.users += 1;
            return;
        }
        let needs = needs(&key, view);
        self.entries.insert(key.clone(), Needed { asked: false, users: 1, needs: needs.clone() });
        self.moved.push(key);
        for need in needs {
            self.hold(need, view);
        }
    }

    /// Counts a user less.
    pub(crate) fn release(&mut self, key: &Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.users -= 1;
        if entry.users > 0 {
            return;
        }
        let needs = self.entries.remove(key).map(|entry| entry.needs).unwrap_or_default();
        self.moved.push(key.clone());
        for need in &needs {
            self.release(need);
        }
    }
}

fn needs<V: View>((ty, name): &Key, view: &V) -> Box<[Key]> {
    let mut needs = Vec::new();
    if let Some(resource) = view.get(*ty, name) {
        resource.needs(&mut |ty, name| needs.push((ty, name.clone())));
    }
    needs.into()
}
