//! The stage of status: what became of each object, and what is wrong with it.

pub(crate) mod findings;
pub(crate) mod report;

/// Sentences in one text.
pub(crate) fn join(messages: impl Iterator<Item = String>) -> String {
    messages.collect::<Vec<_>>().join("; ")
}
