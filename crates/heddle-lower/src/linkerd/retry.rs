//! Retries, as annotations `retry.linkerd.io/…` say them.

use super::duration::duration;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta::annotation;
use heddle_model::route::Retry;
use std::collections::BTreeSet;
use std::time::Duration;

/// The failures of servers, all that Linkerd calls `5xx`.
pub(super) fn server_errors() -> Vec<u16> {
    (500..=599).collect()
}

/// Retries, and how long one attempt may take. Where any of it cannot be read there are none.
pub(super) fn read(root: &Field<'_>, notes: &mut Diagnostics) -> (Option<Retry>, Option<Duration>) {
    let [limit, timeout, codes] = ["limit", "timeout", "http"].map(|name| {
        let name = format!("retry.linkerd.io/{name}");
        annotation(root, &name)
    });
    if limit.is_none() && timeout.is_none() && codes.is_none() {
        return (None, None);
    }
    let attempts = limit.map_or(Ok(1), |limit| self::limit(&limit));
    let timeout = timeout.map(|timeout| duration(&timeout)).transpose();
    let codes = codes.map_or(Ok(Vec::new()), |codes| self::codes(&codes));
    let read = attempts.and_then(|attempts| {
        let retry = Retry { attempts, codes: codes?, backoff: None };
        Ok((Some(retry), timeout?.filter(|timeout| !timeout.is_zero())))
    });
    notes.take(read, "nothing is tried again").unwrap_or_default()
}

/// Linkerd takes 0 as not said, which means once.
fn limit(place: &Field<'_>) -> Result<u32, FieldError> {
    let limit: u16 = place.parse("a number of attempts from 0 to 65535")?;
    Ok(u32::from(limit.max(1)))
}

fn codes(place: &Field<'_>) -> Result<Vec<u16>, FieldError> {
    let mut codes = BTreeSet::new();
    for word in place.text()?.split(',').map(str::trim) {
        let (first, last) = match word.to_ascii_lowercase().as_str() {
            "5xx" => (500, 599),
            "gateway-error" => (502, 504),
            word => {
                let (first, last) = word.split_once('-').unwrap_or((word, word));
                (code(place, first)?, code(place, last)?)
            }
        };
        codes.extend(first..=last);
    }
    Ok(codes.into_iter().collect())
}

fn code(place: &Field<'_>, text: &str) -> Result<u16, FieldError> {
    let code = text.parse::<u16>().ok().filter(|code| (400..=599).contains(code));
    code.ok_or_else(|| {
        place.unsupported(format!(
            "{text:?} is none of 5xx, gateway-error and statuses from 400 to 599 that can be tried again"
        ))
    })
}
