//! The destinations of a ServiceProfile's requests.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::ServiceKey;
use heddle_model::fact::BackendRef;

/// The largest weight of the Gateway API.
const HEAVIEST: u32 = 1_000_000;

/// Name, namespace and port (80 if unset) of `SERVICE.NAMESPACE.svc[.DOMAIN][:PORT]`.
pub(super) fn service(authority: &str) -> Option<(&str, &str, u16)> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (authority, 80),
    };
    let mut labels = host.trim_end_matches('.').split('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some(name), Some(namespace), Some("svc")) if !name.is_empty() && !namespace.is_empty() => {
            Some((name, namespace, port))
        }
        _ => None,
    }
}

/// `dstOverrides`: the share of one that cannot be read is answered 500.
pub(super) fn all(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<BackendRef> {
    let list = spec.get("dstOverrides").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it has no destinations")).unwrap_or_default();
    list.iter().map(|place| one(place, notes)).collect()
}

fn one(place: &Field<'_>, notes: &mut Diagnostics) -> BackendRef {
    const BROKEN: &str = "its share of the requests is answered 500";
    let known = place.only(&["authority", "weight"]);
    let weight = known.and_then(|()| self::weight(&place.need("weight")?));
    let weight = notes.take(weight, BROKEN);
    let target = target(place).map_err(|wrong| {
        let (reason, message) = (wrong.reason, wrong.message.clone());
        notes.wrong(wrong, BROKEN);
        (reason, message)
    });
    BackendRef { target, weight: weight.unwrap_or(1), filters: Default::default(), broken: weight.is_none() }
}

fn target(place: &Field<'_>) -> Result<(ServiceKey, u16), FieldError> {
    let authority = place.need("authority")?;
    let found = service(authority.text()?);
    let found = found.map(|(name, namespace, port)| (ServiceKey::new(namespace, name), port));
    found.ok_or_else(|| {
        authority.wrong(format!("{} is not SERVICE.NAMESPACE.svc.DOMAIN:PORT", authority.shown()))
    })
}

/// A quantity of Kubernetes, in thousandths: whole ones, or with `m`.
fn weight(place: &Field<'_>) -> Result<u32, FieldError> {
    let whole = |number: u64| u32::try_from(number.checked_mul(1000)?).ok();
    let read = match place.value().as_str() {
        None => place.value().as_u64().and_then(whole),
        Some(text) => match text.strip_suffix('m') {
            Some(thousandths) => thousandths.parse().ok(),
            None => text.parse().ok().and_then(whole),
        },
    };
    read.filter(|weight| *weight <= HEAVIEST).ok_or_else(|| {
        place.unsupported(format!(
            "{} is not a weight from 0 to 1000, whole or in thousandths (m)",
            place.shown()
        ))
    })
}
