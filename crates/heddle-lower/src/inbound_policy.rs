//! InboundPolicies.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::protocol;
use heddle_model::fact::{InboundPolicy, Labels, Mtls};
use std::collections::BTreeSet;

const MODES: [(&str, Mtls); 3] =
    [("Strict", Mtls::Strict), ("Permissive", Mtls::Permissive), ("Disabled", Mtls::Disabled)];

/// An mTLS mode that cannot be read is Strict. Where the selection cannot be read, the whole namespace is
/// meant if that demands more than before (Strict), and nothing if it would demand less.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<InboundPolicy, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let mode = spec.get("mtls").map(|written| {
        let mode = notes.take(written.one_of(&MODES), "it is Strict");
        mode.unwrap_or(Mtls::Strict)
    });
    let spoken = spec.get("protocol").map(|written| written.one_of(&protocol::WORDS));
    let spoken = spoken.and_then(|word| notes.take(word, "the protocol is not set"));
    if let (None, None) = (spec.get("mtls"), spec.get("protocol")) {
        notes.wrong(spec.wrong("protocol or mtls must be set"), "the policy does nothing");
    }
    let selection = selector(&spec).and_then(|selector| Ok((selector, ports(&spec)?)));
    let instead = if mode == Some(Mtls::Strict) {
        "the whole namespace is Strict"
    } else {
        "the policy does nothing, since it would weaken the whole namespace"
    };
    Ok(match notes.take(selection, instead) {
        Some((selector, ports)) => InboundPolicy { selector, ports, protocol: spoken, mtls: mode },
        None => InboundPolicy {
            selector: Labels::new(),
            ports: BTreeSet::new(),
            protocol: None,
            mtls: mode.filter(|mode| *mode == Mtls::Strict),
        },
    })
}

/// `selector`: unset selects every workload of the namespace. One without labels is refused: it may be what an API
/// server left of a mistyped one.
pub(crate) fn selector(spec: &Field<'_>) -> Result<Labels, FieldError> {
    let Some(selector) = spec.get("selector") else { return Ok(Labels::new()) };
    selector.only(&["matchLabels"])?;
    let labels = selector.get("matchLabels").map_or(Ok(Labels::new()), |labels| labels.labels())?;
    if labels.is_empty() {
        return Err(selector.wrong("matchLabels must name a label; without selector every workload is meant"));
    }
    Ok(labels)
}

/// `ports`: unset means all, written as the empty set; an empty list means none and is refused.
pub(crate) fn ports(spec: &Field<'_>) -> Result<BTreeSet<u16>, FieldError> {
    let Some(place) = spec.get("ports") else { return Ok(BTreeSet::new()) };
    let list = place.list()?;
    if list.is_empty() {
        return Err(place.wrong("must not be empty"));
    }
    list.iter().map(Field::port).collect()
}
