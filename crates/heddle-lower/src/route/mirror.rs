//! Places that get copies of requests.

use super::reference;
use crate::field::{Field, FieldError};
use heddle_model::Name;
use heddle_model::fact::MirrorRef;
use heddle_model::http::Fraction;

/// The largest term of a fraction (Gateway API `Fraction`).
const MOST: u32 = i32::MAX as u32;

/// A mirror: of all requests, unless a percentage or a fraction is stated.
///
/// # Errors
/// A share that cannot be read. A place that cannot be found is none: copies are then sent nowhere, as the Gateway
/// API wants.
pub(super) fn one(place: &Field<'_>, namespace: &Name) -> Result<MirrorRef, FieldError> {
    place.only(&["backendRef", "percent", "fraction"])?;
    let to = place.need("backendRef")?;
    to.only(&["group", "kind", "namespace", "name", "port"])?;
    let target = reference::target(&to, namespace.clone()).map_err(|wrong| (wrong.reason, wrong.message));
    let fraction = match (place.get("percent"), place.get("fraction")) {
        (Some(_), Some(fraction)) => {
            return Err(fraction.wrong("percent and fraction are not stated together"));
        }
        (Some(percent), None) => Fraction { numerator: percent.number(0..=100)?, denominator: 100 },
        (None, Some(given)) => fraction(&given)?,
        (None, None) => Fraction { numerator: 1, denominator: 1 },
    };
    Ok(MirrorRef { field: to.path().into(), target, fraction })
}

fn fraction(place: &Field<'_>) -> Result<Fraction, FieldError> {
    place.only(&["numerator", "denominator"])?;
    let numerator = place.need("numerator")?.number(0..=MOST)?;
    let denominator = place.get("denominator").map_or(Ok(100), |whole| whole.number(1..=MOST))?;
    if numerator > denominator {
        return Err(place.wrong("numerator is more than denominator"));
    }
    Ok(Fraction { numerator, denominator })
}
