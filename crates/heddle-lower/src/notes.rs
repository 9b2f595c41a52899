//! What is wrong with one object, as it is found.

use crate::place::Wrong;
use heddle_model::{Diagnostic, SourceRef};

/// What is wrong with one object.
#[derive(Debug)]
pub(crate) struct Notes {
    object: SourceRef,
    diagnostics: Vec<Diagnostic>,
}

impl Notes {
    /// Nothing is wrong with `object` yet.
    pub(crate) fn new(object: SourceRef) -> Self {
        Self { object, diagnostics: Vec::new() }
    }

    /// The object's namespace.
    pub(crate) fn namespace(&self) -> heddle_model::Name {
        self.object.namespace.clone()
    }

    /// Notes a fault, and what holds instead.
    pub(crate) fn wrong(&mut self, wrong: Wrong, instead: &str) {
        let Wrong { field, reason, message } = wrong;
        let message = format!("{message}; {instead}");
        self.diagnostics.push(Diagnostic { object: self.object.clone(), field, reason, message });
    }

    /// The value, or a note of its fault and what holds instead.
    pub(crate) fn take<T>(&mut self, result: Result<T, Wrong>, instead: &str) -> Option<T> {
        result.map_err(|wrong| self.wrong(wrong, instead)).ok()
    }

    /// The values that can be read.
    pub(crate) fn take_all<T>(
        &mut self,
        results: impl IntoIterator<Item = Result<T, Wrong>>,
        instead: &str,
    ) -> Vec<T> {
        results.into_iter().filter_map(|result| self.take(result, instead)).collect()
    }

    /// All that is wrong, in the order found.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }
}
