//! Diagnostics that many things say, counted, so that a change of one thing costs only itself.

use crate::{Diagnostic, SourceRef};
use std::collections::{BTreeMap, BTreeSet};

/// The sum of what many things say of objects, each diagnostic once however often it is said.
#[derive(Clone, Debug, Default)]
pub struct Counted(BTreeMap<SourceRef, BTreeMap<Diagnostic, usize>>);

impl Counted {
    /// Replaces what one thing said by what it says now. Returns the objects of which either speaks alone.
    pub fn replace(&mut self, old: &BTreeSet<Diagnostic>, new: &BTreeSet<Diagnostic>) -> BTreeSet<SourceRef> {
        let mut touched = BTreeSet::new();
        for comes in new.difference(old) {
            *self.0.entry(comes.object.clone()).or_default().entry(comes.clone()).or_default() += 1;
            touched.insert(comes.object.clone());
        }
        for goes in old.difference(new) {
            self.forget(goes);
            touched.insert(goes.object.clone());
        }
        touched
    }

    fn forget(&mut self, goes: &Diagnostic) {
        let Some(sum) = self.0.get_mut(&goes.object) else { return };
        if let Some(count) = sum.get_mut(goes) {
            *count -= 1;
            if *count == 0 {
                sum.remove(goes);
            }
        }
        if sum.is_empty() {
            self.0.remove(&goes.object);
        }
    }

    /// Returns what is said of an object, in order.
    pub fn of(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.0.get(object).into_iter().flat_map(BTreeMap::keys)
    }

    /// The objects of which something is said.
    pub fn objects(&self) -> impl Iterator<Item = &SourceRef> {
        self.0.keys()
    }
}
