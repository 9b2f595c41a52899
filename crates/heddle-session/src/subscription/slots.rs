//! The names of one type that a client gave or was sent, and the bytes of them that nobody else keeps.

use super::ClientState;
use crate::Resource;
use heddle_model::Name;
use std::collections::BTreeMap;
use std::ops::Bound;

/// One name.
pub(crate) struct Slot<R> {
    /// By name; a wildcard's resources are not.
    pub(super) subscribed: bool,
    /// With everything sent applied.
    pub(super) state: ClientState<R>,
}

/// The names of one type.
pub(super) struct Slots<R> {
    slots: BTreeMap<Name, Slot<R>>,
    count: Count,
}

/// Sums over slots.
#[derive(Default)]
struct Count {
    /// Bytes that are kept for the client alone.
    own_bytes: usize,
    /// Resources that stand for what does not exist.
    stand_ins: usize,
}

/// Bytes of a slot that stands for no shared resource, beside its name: the slot, and the name's place in what is to be
/// sent and in what is under way.
const SLOT: usize = 128;
/// Bytes of a version that a client named.
const VERSION: usize = 32;
/// Bytes of a resource that was made for a name that does not exist, beside the name, and how often that is in it.
const STAND_IN: usize = 512;
const STAND_IN_NAMES: usize = 3;

impl<R: Resource> Slot<R> {
    fn is_stand_in(&self) -> bool {
        match &self.state {
            ClientState::Has(resource) => resource.is_absent(),
            ClientState::Nothing | ClientState::Gone | ClientState::Unknown(_) => false,
        }
    }

    /// Bytes that are kept for this client alone. A shared resource is not: there are only so many of these.
    fn own_bytes(&self, name: &Name) -> usize {
        match &self.state {
            ClientState::Has(resource) if resource.is_shared() => 0,
            ClientState::Has(_) => SLOT + STAND_IN + (1 + STAND_IN_NAMES) * name.len(),
            ClientState::Unknown(_) => SLOT + VERSION + name.len(),
            // Taken away from whoever asked for everything: its name was not the client's.
            ClientState::Gone if !self.subscribed => 0,
            ClientState::Nothing | ClientState::Gone => SLOT + name.len(),
        }
    }
}

impl Count {
    fn add<R: Resource>(&mut self, name: &Name, slot: &Slot<R>) {
        self.own_bytes += slot.own_bytes(name);
        self.stand_ins += usize::from(slot.is_stand_in());
    }

    fn subtract<R: Resource>(&mut self, name: &Name, slot: &Slot<R>) {
        self.own_bytes -= slot.own_bytes(name);
        self.stand_ins -= usize::from(slot.is_stand_in());
    }
}

impl<R: Resource> Slots<R> {
    pub(super) fn new() -> Self {
        Self { slots: BTreeMap::new(), count: Count::default() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Slot<R>> {
        self.slots.get(name)
    }

    pub(super) fn insert(&mut self, name: Name, slot: Slot<R>) {
        self.remove(&name);
        self.count.add(&name, &slot);
        self.slots.insert(name, slot);
    }

    /// Takes a name out, in the client's own spelling.
    pub(super) fn remove(&mut self, name: &Name) -> Option<(Name, Slot<R>)> {
        let (name, slot) = self.slots.remove_entry(name)?;
        self.count.subtract(&name, &slot);
        Some((name, slot))
    }

    /// Changes a slot that is there.
    pub(super) fn change<T>(&mut self, name: &Name, change: impl FnOnce(&mut Slot<R>) -> T) -> Option<T> {
        let slot = self.slots.get_mut(name)?;
        self.count.subtract(name, slot);
        let changed = change(slot);
        self.count.add(name, slot);
        Some(changed)
    }

    /// Lets go of names that are not asked for by name.
    pub(super) fn retain_subscribed(&mut self) {
        let count = &mut self.count;
        self.slots.retain(|name, slot| {
            if !slot.subscribed {
                count.subtract(name, slot);
            }
            slot.subscribed
        });
    }

    /// Takes no more memory than must be: the nodes of a tree that grew in order are half empty, those of one built at
    /// once are full, and a resource's own name is shared where the client's spelling of it is not.
    pub(super) fn pack(&mut self) {
        let shared = |(name, slot): (Name, Slot<R>)| match &slot.state {
            ClientState::Has(resource) => (resource.name().clone(), slot),
            ClientState::Nothing | ClientState::Gone | ClientState::Unknown(_) => (name, slot),
        };
        self.slots = std::mem::take(&mut self.slots).into_iter().map(shared).collect();
    }

    /// The names from one on, in order.
    pub(super) fn from(&self, start: &str) -> impl Iterator<Item = &Name> {
        self.slots.range::<str, _>((Bound::Included(start), Bound::Unbounded)).map(|(name, _)| name)
    }

    /// Resources that stand for what does not exist.
    pub(super) fn stand_ins(&self) -> usize {
        self.count.stand_ins
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Slot<R>)> {
        self.slots.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes that are kept for this client alone.
    pub(super) fn own_bytes(&self) -> usize {
        self.count.own_bytes
    }
}
