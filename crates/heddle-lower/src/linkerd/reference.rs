//! References to other objects, by group, kind and name.

use crate::field::{Field, FieldError};
use heddle_model::Name;

/// The group of most of Linkerd's kinds.
pub(super) const POLICY: &str = "policy.linkerd.io";

/// A reference as Linkerd reads it: group and kind in any case, and no group means the core.
pub(super) struct Reference<'a> {
    group: String,
    kind: String,
    pub(super) name: &'a str,
    namespace: Option<&'a str>,
}

impl<'a> Reference<'a> {
    pub(super) fn read(place: &Field<'a>) -> Result<Self, FieldError> {
        place.only(&["group", "kind", "namespace", "name"])?;
        let group = place.get("group").map_or(Ok(""), |group| group.text())?.to_ascii_lowercase();
        let kind = place.need("kind")?.name()?.to_ascii_lowercase();
        let namespace = place.get("namespace").map(|namespace| namespace.text()).transpose()?;
        Ok(Self {
            group: if group == "core" { String::new() } else { group },
            kind,
            name: place.need("name")?.name()?,
            namespace: namespace.filter(|namespace| !namespace.is_empty()),
        })
    }

    /// Its group (empty for the core) and its kind, in lower case.
    pub(super) fn target(&self) -> (&str, &str) {
        (&self.group, &self.kind)
    }

    /// The namespace it names, or else that of the object that has it.
    pub(super) fn namespace(&self, own: Name) -> Name {
        self.namespace.map_or(own, Name::from)
    }
}
