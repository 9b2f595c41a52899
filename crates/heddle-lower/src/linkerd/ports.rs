//! Lists of ports in annotations: numbers, ranges and names, divided by commas.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::Name;
use std::collections::BTreeSet;

/// The most ports that one annotation may name: a few letters could name all 65,535 of them for every Pod.
const MOST: usize = 1024;

/// The ports that an annotation names, those of `names` by name. What cannot be read is left out.
pub(super) fn ports(
    place: &Field<'_>,
    names: &[(Name, u16)],
    notes: &mut Diagnostics,
) -> Option<BTreeSet<u16>> {
    let text = notes.take(place.text(), "it is not heeded")?;
    let mut ports = BTreeSet::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let found = some(place, part, names).and_then(|found| match found.len() + ports.len() {
            0..=MOST => Ok(found),
            _ => Err(place.unsupported(format!("more than {MOST} ports are named"))),
        });
        let Some(found) = notes.take(found, &format!("{part:?} is left out")) else { continue };
        ports.extend(found);
    }
    Some(ports)
}

fn some(
    place: &Field<'_>,
    part: &str,
    names: &[(Name, u16)],
) -> Result<std::ops::RangeInclusive<u16>, FieldError> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    if let Some(port) = number(part) {
        return Ok(port..=port);
    }
    if let Some((first, last)) = part.split_once('-')
        && let (Some(first), Some(last)) = (number(first.trim()), number(last.trim()))
        && first <= last
    {
        return Ok(first..=last);
    }
    match names.iter().find(|(name, _)| &**name == part) {
        Some((_, port)) => Ok(*port..=*port),
        None => Err(place.unsupported(format!("{part:?} is no port, no range and no name of a port"))),
    }
}
