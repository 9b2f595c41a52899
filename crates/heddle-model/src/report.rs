//! Reports on objects, for their status and for `heddle explain`.

use crate::SourceRef;

/// Something about one object that its author should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The object at fault.
    pub object: SourceRef,
    /// The place in it, as a path from its root: `spec.rules[0].matches[1].path.value`. Empty: the whole.
    pub field: String,
    /// A CamelCase reason, of the Gateway API where it has one.
    pub reason: &'static str,
    /// A sentence: what came, what was wanted, what holds instead.
    pub message: String,
}

/// The state of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// For a route one per `parentRef` that names a Service, in the order written; for a policy or a
    /// Mesh exactly one.
    pub subjects: Vec<Subject>,
}

/// The conditions of an object, or of a route at one of its parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The parent, as written.
    pub parent: Option<ParentRef>,
    /// At most one of each type, ordered by type.
    pub conditions: Vec<Condition>,
}

/// A parent as the route's author wrote it: status repeats it verbatim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParentRef {
    /// As written; `None` if unset (which means `gateway.networking.k8s.io`).
    pub group: Option<String>,
    /// As written; `None` if unset (which means `Gateway`).
    pub kind: Option<String>,
    /// As written.
    pub namespace: Option<String>,
    /// As written.
    pub name: String,
    /// As written.
    pub section_name: Option<String>,
    /// As written.
    pub port: Option<u16>,
}

/// One condition, without what time and generation add to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// `Accepted`, `ResolvedRefs`, `PartiallyInvalid`, `Conflicted`, ….
    pub kind: &'static str,
    /// True or False.
    pub holds: bool,
    /// CamelCase.
    pub reason: &'static str,
    /// Sentences, at most 1 KiB.
    pub message: String,
    /// The object's diagnostics say all of it, field by field.
    pub diagnosed: bool,
}

/// Types of conditions that are faults while they hold. All others are faults while they do not.
const NEGATIVE: [&str; 2] = ["Conflicted", "PartiallyInvalid"];

impl Condition {
    /// The most bytes of a message: an object's status may hold many.
    const LIMIT: usize = 1024;

    /// A condition, its message cut to 1 KiB.
    pub fn new(kind: &'static str, holds: bool, reason: &'static str, mut message: String) -> Self {
        if message.len() > Self::LIMIT {
            let room = Self::LIMIT - '…'.len_utf8();
            message.truncate(message.floor_char_boundary(room));
            message.push('…');
        }
        Self { kind, holds, reason, message, diagnosed: false }
    }

    /// Returns the condition, marked as one whose message the object's diagnostics repeat.
    pub fn diagnosed(self) -> Self {
        Self { diagnosed: true, ..self }
    }

    /// Returns whether the condition tells of something wrong.
    pub fn is_fault(&self) -> bool {
        self.holds == NEGATIVE.contains(&self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = Condition::new("Accepted", true, "Accepted", "ü".repeat(600)).message;
        assert_eq!(message.len(), 1023);
        assert!(message.ends_with("üü…"));
    }

    #[test]
    fn a_fault_is_what_should_hold_and_does_not_or_the_other_way_round() {
        let cases = [
            ("Accepted", true, false),
            ("Accepted", false, true),
            ("Enforced", false, true),
            ("Conflicted", true, true),
            ("PartiallyInvalid", true, true),
            ("PartiallyInvalid", false, false),
        ];
        for (kind, holds, want) in cases {
            assert_eq!(Condition::new(kind, holds, "Any", String::new()).is_fault(), want, "{kind}={holds}");
        }
    }
}
