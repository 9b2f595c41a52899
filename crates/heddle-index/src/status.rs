//! The stage of status: what became of each object, and what is wrong with it.

pub(crate) mod findings;
pub(crate) mod report;
