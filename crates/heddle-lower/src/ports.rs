//! Lists of ports in annotations: numbers, ranges and names, divided by commas.

use crate::diagnostics::Diagnostics;
use crate::field::Field;
use heddle_model::text::items;
use heddle_model::{Name, PortRange, PortRangeError};
use std::collections::BTreeSet;

/// The ports that an annotation names, those of `names` by name. What cannot be read is left out.
pub(crate) fn ports(
    place: &Field<'_>,
    names: &[(Name, u16)],
    notes: &mut Diagnostics,
) -> Option<BTreeSet<u16>> {
    let most = PortRange::MOST_KEPT;
    let text = notes.take(place.text(), "it is not heeded")?;
    let mut ports = BTreeSet::new();
    for item in items(text) {
        let named = names.iter().find(|(name, _)| &**name == item).map(|(_, port)| *port..=*port);
        let found = named.map_or_else(|| item.parse().map(PortRange::ports), Ok);
        let found = found.map_err(|bad| place.wrong(not_a_port(&bad, names))).and_then(|found| {
            let fits = found.len() + ports.len() <= most;
            fits.then_some(found)
                .ok_or_else(|| place.unsupported(format!("more than {most} ports are named")))
        });
        ports.extend(notes.take(found, &format!("{item:?} is left out")).into_iter().flatten());
    }
    Some(ports)
}

fn not_a_port(bad: &PortRangeError, names: &[(Name, u16)]) -> String {
    if names.is_empty() { bad.to_string() } else { format!("{bad}, and no port has this name") }
}
