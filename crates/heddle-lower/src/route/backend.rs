//! The backends of a rule.

use super::filter::{self, Owner};
use super::reference;
use crate::diagnostics::Diagnostics;
use crate::field::Field;
use heddle_model::fact::BackendRef;

/// The requests that are answered for a backend that cannot be used.
const BROKEN: &str = "its share of the requests is";
/// The largest weight of the Gateway API.
const HEAVIEST: u32 = 1_000_000;

/// The fields of a backend.
const FIELDS: [&str; 7] = ["group", "kind", "namespace", "name", "port", "weight", "filters"];

/// The backends of a rule, in the order written.
pub(super) fn all(rule: &Field<'_>, notes: &mut Diagnostics) -> Vec<BackendRef> {
    let list = rule.get("backendRefs").map(|list| list.list());
    let list = list.and_then(|list| notes.take_or_answer(list, "all requests are")).unwrap_or_default();
    list.iter().map(|place| one(place, notes)).collect()
}

/// A weight that cannot be read is 1, and its backend is broken.
fn one(place: &Field<'_>, notes: &mut Diagnostics) -> BackendRef {
    let known = notes.take_or_answer(place.only(&FIELDS), BROKEN);
    let weight = place.get("weight").map_or(Ok(1), |weight| weight.number(0..=HEAVIEST));
    let weight = notes.take_or_answer(weight, BROKEN);
    let filters = notes.take_or_answer(filter::all(place, Owner::Backend, &notes.namespace()), BROKEN);
    let target = reference::target(place, notes.namespace()).map_err(|wrong| {
        let (reason, message) = (wrong.reason, wrong.message.clone());
        notes.answers(wrong, BROKEN);
        (reason, message)
    });
    let broken = known.is_none() || weight.is_none() || filters.is_none();
    BackendRef { target, weight: weight.unwrap_or(1), filters: filters.unwrap_or_default().filters, broken }
}
