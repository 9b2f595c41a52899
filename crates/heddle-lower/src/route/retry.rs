//! Timeouts and retries of a rule.

use crate::duration::duration;
use crate::field::{Field, FieldError};
use heddle_model::route::Retry;
use std::time::Duration;

/// The time that the requests of a rule may take.
#[derive(Default)]
pub(super) struct Timeouts {
    pub(super) request: Option<Duration>,
    pub(super) backend: Option<Duration>,
}

/// `timeouts` (GEP-1742).
///
/// # Errors
/// One attempt may not take longer than all of them, unless all are without limit.
pub(super) fn timeouts(rule: &Field<'_>) -> Result<Timeouts, FieldError> {
    let Some(place) = rule.get("timeouts") else { return Ok(Timeouts::default()) };
    place.only(&["request", "backendRequest"])?;
    let read = |field: &str| place.get(field).map(|timeout| duration(&timeout)).transpose();
    let (request, backend) = (read("request")?, read("backendRequest")?);
    let limit = request.filter(|request| !request.is_zero());
    if let (Some(limit), Some(backend)) = (limit, backend)
        && backend > limit
    {
        return Err(place.wrong("backendRequest is longer than request"));
    }
    Ok(Timeouts { request, backend })
}

/// `retry` (GEP-1731). One attempt after the first if it does not say how many.
pub(super) fn retry(rule: &Field<'_>) -> Result<Option<Retry>, FieldError> {
    let Some(place) = rule.get("retry") else { return Ok(None) };
    place.only(&["codes", "attempts", "backoff"])?;
    let mut codes = Vec::new();
    for code in place.get("codes").map_or(Ok(Vec::new()), |codes| codes.list())? {
        let code = code.number(400..=599)?;
        let code = u16::try_from(code).expect("the range fits");
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let attempts = place.get("attempts").map_or(Ok(1), |attempts| attempts.number(0..=i32::MAX as u32))?;
    let backoff = place.get("backoff").map(|backoff| duration(&backoff)).transpose()?;
    Ok(Some(Retry { attempts, codes, backoff }))
}
