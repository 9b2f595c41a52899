//! EgressNetworks.

use super::network::network;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta;
use heddle_model::access::{Action, Network};
use heddle_model::fact::{Egress, EgressNetwork};

const POLICIES: [(&str, Egress); 2] = [("Allow", Egress::Allow), ("Deny", Egress::Deny)];

/// One with a field that is not known is none, which denies. A policy that cannot be read denies. A network that
/// cannot be read is not allowed, or makes a Deny one of all that is outside.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<EgressNetwork, FieldError> {
    let spec = root.need("spec")?;
    spec.only(&["trafficPolicy", "networks"])?;
    let policy = spec.need("trafficPolicy").and_then(|word| word.one_of(&POLICIES));
    let policy = notes.take(policy, "it is Deny").unwrap_or(Egress::Deny);
    let networks = match spec.get("networks") {
        Some(list) => networks(&list, policy, notes)?,
        None => Vec::new(),
    };
    Ok(EgressNetwork { networks, policy, created: meta::created(root) })
}

fn networks(place: &Field<'_>, policy: Egress, notes: &mut Diagnostics) -> Result<Vec<Network>, FieldError> {
    let (action, instead) = match policy {
        Egress::Allow => (Action::Allow, "it is not allowed"),
        Egress::Deny => (Action::Deny, "all that is outside is denied"),
    };
    let list = place.list()?;
    if list.is_empty() {
        return Err(place.wrong("must not be empty"));
    }
    let read: Vec<_> = list.iter().map(|item| network(item, action, notes)).collect();
    let whole = read.iter().all(Result::is_ok);
    let known = notes.take_all(read, instead);
    match policy {
        Egress::Allow if known.is_empty() => Err(place.wrong("none of it can be read")),
        Egress::Deny if !whole => Ok(Vec::new()),
        Egress::Allow | Egress::Deny => Ok(known),
    }
}
