//! The common parts of Pods and ExternalWorkloads.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta;
use crate::ports::ports;
use crate::unicast;
use heddle_model::capture::{SKIP_INBOUND, USES};
use heddle_model::fact::{DataPlane, Labels};
use heddle_model::identity::is_dns_label;
use heddle_model::text::items;
use heddle_model::{Identity, Name, ServiceKey, Uses};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The object's labels; none if they cannot be read.
pub(crate) fn labels(root: &Field<'_>, notes: &mut Diagnostics) -> Labels {
    let labels = root.get("metadata").and_then(|metadata| metadata.get("labels"));
    let labels = labels.map(|labels| notes.take(labels.labels(), "it has no labels"));
    labels.flatten().unwrap_or_default()
}

/// The proxy beside it (label `heddle.dev/plane`). No other label says it: a Pod with a label of Linkerd's may
/// belong to another control plane.
pub(crate) fn plane(root: &Field<'_>, notes: &mut Diagnostics) -> Option<DataPlane> {
    let labels = root.get("metadata")?.get("labels")?;
    let written = labels.get_quoted("heddle.dev/plane")?;
    let planes = [("envoy", Some(DataPlane::Envoy)), ("linkerd", Some(DataPlane::Linkerd)), ("none", None)];
    notes.take(written.one_of(&planes), "it has no proxy").flatten()
}

/// The identity of `account` in the object's namespace. Kubernetes takes names that make no identity.
pub(crate) fn identity(place: &Field<'_>, account: &str, notes: &mut Diagnostics) -> Option<Identity> {
    let identity =
        Identity::new(notes.namespace(), account).map_err(|bad| place.unsupported(bad.to_string()));
    notes.take(identity, "the workload has no identity")
}

/// A list of addresses, each once, in the order written.
pub(crate) fn addresses(items: Vec<Field<'_>>, notes: &mut Diagnostics) -> Vec<IpAddr> {
    let loopback = notes.loopback();
    let parsed = items.iter().map(|item| unicast::address(item, loopback));
    let parsed = notes.take_all(parsed, "the address is not used");
    let mut seen = BTreeSet::new();
    parsed.into_iter().filter(|address| seen.insert(*address)).collect()
}

/// The ports of annotation `heddle.dev/skip-inbound-ports`, without those at which the workload's own proxy captures
/// traffic.
pub(crate) fn skip_inbound_ports(
    root: &Field<'_>,
    plane: Option<DataPlane>,
    notes: &mut Diagnostics,
) -> BTreeSet<u16> {
    let Some(written) = meta::annotation(root, SKIP_INBOUND) else {
        return BTreeSet::new();
    };
    let mut skipped = ports(&written, &[], notes).unwrap_or_default();
    for own in plane.into_iter().flat_map(DataPlane::capture_ports) {
        if skipped.remove(&own) {
            let fault = format!("{own} is the proxy's own port, at which it captures traffic");
            notes.wrong(written.wrong(fault), "it is not skipped");
        }
    }
    skipped
}

/// The Services of annotation `heddle.dev/uses`: `NAMESPACE/NAME`, divided by commas, or `*` for all.
pub(crate) fn uses(root: &Field<'_>, notes: &mut Diagnostics) -> Option<Uses> {
    let written = meta::annotation(root, USES)?;
    let text = notes.take(written.text(), "it is not heeded")?;
    if items(text).any(|item| item == "*") {
        return Some(Uses::All);
    }
    let services = items(text).map(|item| service(item).ok_or_else(|| not_a_service(&written, item)));
    let mut services: BTreeSet<ServiceKey> =
        notes.take_all(services, "it is not told beforehand").into_iter().collect();
    if services.len() > Uses::MOST {
        let fault = format!("more than {} Services are named", Uses::MOST);
        notes.wrong(written.unsupported(fault), "the others are told when they are dialled");
        services = services.into_iter().take(Uses::MOST).collect();
    }
    Some(Uses::Services(services))
}

fn service(item: &str) -> Option<ServiceKey> {
    let (namespace, name) = item.split_once('/')?;
    (is_dns_label(namespace) && is_dns_label(name)).then(|| ServiceKey::new(namespace, name))
}

fn not_a_service(written: &Field<'_>, item: &str) -> FieldError {
    written.wrong(format!("{item:?} is no Service: want NAMESPACE/NAME, or * for all"))
}

/// A field that may be absent or empty.
pub(crate) fn optional_name(place: &Field<'_>, field: &str, notes: &mut Diagnostics) -> Option<Name> {
    let text = notes.take(place.get(field)?.text(), "it is taken as absent")?;
    Some(text).filter(|text| !text.is_empty()).map(Name::from)
}
