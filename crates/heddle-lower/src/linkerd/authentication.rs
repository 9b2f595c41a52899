//! MeshTLSAuthentications and NetworkAuthentications: whom an authorization may require a caller to be.

use super::network;
use super::reference::Reference;
use crate::access_rule;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::access::{Action, Network, Principal};
use heddle_model::server::{Authentication, Client};
use heddle_model::{Identity, Name};

/// The meaning of an item that cannot be read.
const NOBODY: &str = "it admits nobody";

pub(crate) fn mesh_tls(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Authentication, FieldError> {
    let spec = root.need("spec")?;
    spec.only(&["identities", "identityRefs"])?;
    let mut clients = names(spec.get("identities"), notes);
    let references = items(spec.get("identityRefs"), notes);
    let referred = references.iter().map(|place| referred(place, notes.namespace())).collect::<Vec<_>>();
    clients.extend(notes.take_all(referred, NOBODY));
    if spec.get("identities").is_none() && spec.get("identityRefs").is_none() {
        notes.wrong(spec.wrong("identities or identityRefs must be set"), NOBODY);
    }
    Ok(Authentication { clients: Some(clients), networks: None })
}

pub(crate) fn network(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Authentication, FieldError> {
    let spec = root.need("spec")?;
    spec.only(&["networks"])?;
    Ok(Authentication { clients: None, networks: Some(networks(&spec.need("networks")?, notes)) })
}

/// Networks that admit; those that cannot be read are left out.
pub(super) fn networks(place: &Field<'_>, notes: &mut Diagnostics) -> Vec<Network> {
    let list = items(Some(place.clone()), notes);
    let read: Vec<_> = list.iter().map(|place| network::network(place, Action::Allow, notes)).collect();
    notes.take_all(read, NOBODY)
}

/// Identities by their names; those that cannot be read are left out.
pub(super) fn names(place: Option<Field<'_>>, notes: &mut Diagnostics) -> Vec<Client> {
    let list = items(place, notes);
    let read: Vec<_> = list.iter().map(|place| name(place, notes)).collect();
    notes.take_all(read, NOBODY)
}

/// The items of a list that may be absent.
pub(super) fn items<'a>(place: Option<Field<'a>>, notes: &mut Diagnostics) -> Vec<Field<'a>> {
    place.and_then(|place| notes.take(place.list(), NOBODY)).unwrap_or_default()
}

/// The ServiceAccount of a name, which may be none that has an identity.
pub(super) fn account(place: &Field<'_>, namespace: Name, name: &str) -> Result<Client, FieldError> {
    let identity = Identity::new(namespace, name).map_err(|bad| place.wrong(bad.to_string()))?;
    Ok(Client::Known(Principal::Account(identity)))
}

/// `*`, a SPIFFE ID, or the DNS name of an identity, perhaps only its end.
fn name(place: &Field<'_>, notes: &mut Diagnostics) -> Result<Client, FieldError> {
    let text = place.text()?;
    if text == "*" || text.starts_with("spiffe://") {
        return access_rule::identity(place, notes).map(Client::Known);
    }
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if text.len() <= 255 && text.strip_prefix("*.").unwrap_or(text).split('.').all(label) {
        return Ok(Client::Dns(text.into()));
    }
    Err(place.wrong(format!("{} is neither \"*\", the name of an identity nor a SPIFFE ID", place.shown())))
}

fn referred(place: &Field<'_>, own: Name) -> Result<Client, FieldError> {
    let reference = Reference::read(place)?;
    match reference.target() {
        ("", "serviceaccount") => account(place, reference.namespace(own), reference.name),
        ("", "namespace") => match Identity::new(reference.name, "default") {
            Ok(identity) => Ok(Client::Known(Principal::Namespace(identity.namespace))),
            Err(bad) => Err(place.wrong(bad.to_string())),
        },
        (group, kind) => {
            Err(place
                .wrong(format!("{kind:?} of group {group:?} is neither a ServiceAccount nor a Namespace")))
        }
    }
}
