//! The diagnostics of one object, as they are found.

use crate::field::{FieldError, INVALID};
use crate::unicast::Loopback;
use heddle_model::route::broken_status;
use heddle_model::{Diagnostic, SourceRef};

/// The most faults of one object that are kept.
const MOST: usize = 64;

/// The faults of one object.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    object: SourceRef,
    loopback: Loopback,
    diagnostics: Vec<Diagnostic>,
    /// The number of further faults.
    more: usize,
}

impl Diagnostics {
    /// Nothing is wrong with `object` yet.
    pub(crate) fn new(object: SourceRef, loopback: Loopback) -> Self {
        Self { object, loopback, diagnostics: Vec::new(), more: 0 }
    }

    /// Returns the place of loopback addresses in the object's source.
    pub(crate) fn loopback(&self) -> Loopback {
        self.loopback
    }

    /// The object's namespace.
    pub(crate) fn namespace(&self) -> heddle_model::Name {
        self.object.namespace.clone()
    }

    /// Notes a fault, and what holds instead.
    pub(crate) fn wrong(&mut self, wrong: FieldError, instead: &str) {
        if self.diagnostics.len() == MOST {
            self.more += 1;
            return;
        }
        let FieldError { field, reason, message } = wrong;
        let message = format!("{message}; {instead}");
        self.diagnostics.push(Diagnostic { object: self.object.clone(), field, reason, message });
    }

    /// The value, or a note of its fault and what holds instead.
    pub(crate) fn take<T>(&mut self, result: Result<T, FieldError>, instead: &str) -> Option<T> {
        result.map_err(|wrong| self.wrong(wrong, instead)).ok()
    }

    /// Notes a fault for which requests of a route are answered by the proxy itself: whose, as in "requests of this rule are".
    pub(crate) fn answers(&mut self, wrong: FieldError, whose: &str) {
        let status = broken_status(self.object.kind);
        self.wrong(wrong, &format!("{whose} answered {status}"));
    }

    /// The value, or a note of its fault and of whose requests are answered for it.
    pub(crate) fn take_or_answer<T>(&mut self, result: Result<T, FieldError>, whose: &str) -> Option<T> {
        result.map_err(|wrong| self.answers(wrong, whose)).ok()
    }

    /// The values that can be read.
    pub(crate) fn take_all<T>(
        &mut self,
        results: impl IntoIterator<Item = Result<T, FieldError>>,
        instead: &str,
    ) -> Vec<T> {
        results.into_iter().filter_map(|result| self.take(result, instead)).collect()
    }

    /// Returns what is wrong, in the order found, and how much more there is.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let Self { object, loopback: _, mut diagnostics, more } = self;
        if more > 0 {
            let message = format!("{more} more faults are not shown");
            diagnostics.push(Diagnostic { object, field: "spec".into(), reason: INVALID, message });
        }
        diagnostics
    }
}
