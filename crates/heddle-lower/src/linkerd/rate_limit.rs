//! HTTPLocalRateLimitPolicies.

use super::reference::{POLICY, Reference};
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta;
use heddle_model::Identity;
use heddle_model::server::RateLimitPolicy;
use std::collections::BTreeSet;

/// One of which a part cannot be read is none, as for Linkerd: a limit that was not meant could be worse than
/// none.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<RateLimitPolicy, FieldError> {
    let spec = root.need("spec")?;
    spec.only(&["targetRef", "total", "identity", "overrides"])?;
    let target = spec.need("targetRef")?;
    let reference = Reference::read(&target)?;
    if reference.target() != (POLICY, "server") {
        let (group, kind) = reference.target();
        return Err(target.wrong(format!("{kind:?} of group {group:?} is not a Server of {POLICY}")));
    }
    let limit = |field: &str| spec.get(field).map(|place| limit(&place)).transpose();
    let overrides = spec.get("overrides").map_or(Ok(Vec::new()), |list| list.list())?;
    Ok(RateLimitPolicy {
        server: reference.name.into(),
        total: limit("total")?,
        identity: limit("identity")?,
        overrides: overrides.iter().map(|place| one(place, notes)).collect::<Result<_, _>>()?,
        created: meta::created(root),
    })
}

fn limit(place: &Field<'_>) -> Result<u32, FieldError> {
    place.only(&["requestsPerSecond"])?;
    per_second(place)
}

fn per_second(place: &Field<'_>) -> Result<u32, FieldError> {
    place.need("requestsPerSecond")?.number(1..=u32::MAX)
}

fn one(place: &Field<'_>, notes: &Diagnostics) -> Result<(BTreeSet<Identity>, u32), FieldError> {
    place.only(&["requestsPerSecond", "clientRefs"])?;
    let mut clients = BTreeSet::new();
    for client in place.need("clientRefs")?.list()? {
        let reference = Reference::read(&client)?;
        if reference.target() != ("", "serviceaccount") {
            return Err(client.wrong("is not a ServiceAccount"));
        }
        let identity = Identity::new(reference.namespace(notes.namespace()), reference.name);
        clients.insert(identity.map_err(|bad| client.wrong(bad.to_string()))?);
    }
    Ok((clients, per_second(place)?))
}
