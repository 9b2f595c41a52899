//! Networks as Linkerd writes them: a bare address is a network of one.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::access::{Action, Network};
use ipnet::IpNet;
use std::net::IpAddr;

/// Reads a network. A hole that cannot be read makes what admits unreadable, and is no hole in what denies.
pub(super) fn network(
    place: &Field<'_>,
    action: Action,
    notes: &mut Diagnostics,
) -> Result<Network, FieldError> {
    place.only(&["cidr", "except"])?;
    let cidr = cidr(&place.need("cidr")?)?;
    let holes = place.get("except").map_or(Ok(Vec::new()), |except| except.list())?;
    let holes = holes.iter().map(self::cidr);
    let except = match action {
        Action::Allow => holes.collect::<Result<Vec<_>, _>>()?,
        Action::Deny => notes.take_all(holes, "it is denied too"),
    };
    Ok(Network { cidr, except })
}

fn cidr(place: &Field<'_>) -> Result<IpNet, FieldError> {
    if let Some(address) = place.value().as_str().and_then(|text| text.parse::<IpAddr>().ok()) {
        return Ok(IpNet::from(address));
    }
    place.parse::<IpNet>("a network in CIDR notation or an address").map(|network| network.trunc())
}
