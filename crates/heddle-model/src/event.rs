//! Events of the one queue: lowered objects, deletes and complete lists.

use crate::{Diagnostic, Fact, Kind, SourceRef};

/// One object after lowering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// The object.
    pub source: SourceRef,
    /// Its fact.
    pub fact: Fact,
    /// Its faults.
    pub diagnostics: Vec<Diagnostic>,
    /// The part that decides nothing.
    pub meta: Meta,
}

/// The part of an object that changes without changing any decision: kept apart from the facts, outside equality of the Snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: i64,
    /// `metadata.uid`.
    pub uid: String,
    /// The place at which a directory source read it: `FILE:LINE`.
    pub origin: Option<String>,
    /// `status` as last seen, for kinds whose status we write, so that an equal one is not written.
    pub status: Option<String>,
}

/// A change of the world, as a source saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object is there, in this form.
    Set(Box<Lowered>),
    /// An object is gone. Needs only its key.
    Delete(SourceRef),
    /// These are all objects of a kind: the end of a completed list. What is not among them is gone.
    Replace(Kind, Vec<Lowered>),
}
