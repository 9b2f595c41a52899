//! A view without what its client did not ask for.

use crate::closure::Closure;
use crate::{ResourceType, View};
use heddle_model::Name;
use std::collections::BTreeSet;

/// A view as one client has it: what every client of its kind is given, and what it asked for.
///
/// Only roots are left out: endpoints and routes are asked for by name anyway.
pub(crate) struct Scoped<'a, V: View> {
    pub(crate) view: &'a V,
    pub(crate) closure: &'a Closure,
    /// The listeners that a client says it holds which did not say yet what it asks for: they stay.
    pub(crate) unheard: &'a BTreeSet<Name>,
}

impl<V: View> Scoped<'_, V> {
    fn has(&self, ty: ResourceType, name: &Name) -> bool {
        !ty.is_root()
            || self.closure.has(ty, name)
            || self.view.is_given(ty, name)
            || ty == ResourceType::Listener && self.unheard.contains(name)
    }
}

impl<V: View> View for Scoped<'_, V> {
    type Resource = V::Resource;

    fn sequence(&self) -> u64 {
        self.view.sequence()
    }

    fn get(&self, ty: ResourceType, name: &Name) -> Option<V::Resource> {
        self.view.get(ty, name).filter(|_| self.has(ty, name))
    }

    fn absent(&self, ty: ResourceType, name: &Name) -> Option<V::Resource> {
        self.view.absent(ty, name)
    }

    fn is_given(&self, ty: ResourceType, name: &Name) -> bool {
        self.view.is_given(ty, name)
    }

    fn is_withheld(&self, ty: ResourceType, name: &Name) -> bool {
        !self.has(ty, name) && self.view.get(ty, name).is_some()
    }

    fn for_each_given(&self, ty: ResourceType, each: &mut dyn FnMut(&V::Resource)) {
        self.view.for_each_given(ty, each);
    }

    /// In no order: callers note names.
    fn for_each(&self, ty: ResourceType, each: &mut dyn FnMut(&V::Resource)) {
        self.view.for_each_given(ty, each);
        for name in self.closure.names(ty) {
            if let Some(resource) = self.view.get(ty, name) {
                each(&resource);
            }
        }
    }

    fn changed_since(&self, sequence: u64) -> Option<Vec<(ResourceType, Name)>> {
        self.view.changed_since(sequence)
    }
}
