//! Retries and the time of one attempt.

use crate::xds;
use crate::xds::retry_policy::{RetryBackOff, RetryHostPredicate, retry_host_predicate};
use heddle_model::route::{Retry, RouteDefaults};
use std::time::Duration;

/// Tried again without anyone's asking: nothing of the request has reached an application. It is what loses
/// nothing when an endpoint goes away under load.
const SAFE: &str = "connect-failure,refused-stream,reset-before-request";
/// Tried again where a route has a retry stanza: the Gateway API adds broken connections and attempts that took
/// too long.
const ASKED: &str = "connect-failure,refused-stream,reset";
/// The interval, where nobody states it.
const ATTEMPTS: u32 = 2;

/// Returns what is tried again, and how long each time.
pub(crate) fn within(limits: &RouteDefaults) -> xds::RetryPolicy {
    let RouteDefaults { request_timeout: _, backend_timeout, retry } = limits;
    let mut policy = match retry {
        None => policy(SAFE.into(), ATTEMPTS),
        Some(retry) => asked(retry),
    };
    // Zero is no limit, as Envoy has it where it is unset.
    policy.per_try_timeout = backend_timeout.filter(|limit| !limit.is_zero()).and_then(xds::duration);
    policy
}

fn asked(retry: &Retry) -> xds::RetryPolicy {
    let Retry { attempts, codes, backoff } = retry;
    let on = if codes.is_empty() { ASKED.to_string() } else { format!("{ASKED},retriable-status-codes") };
    let mut policy = policy(on, *attempts);
    policy.retriable_status_codes = codes.iter().map(|code| u32::from(*code)).collect();
    policy.retry_back_off = backoff.filter(|least| !least.is_zero()).map(back_off);
    policy
}

/// Envoy waits a random part of this, growing from attempt to attempt: it has no least time.
fn back_off(least: Duration) -> RetryBackOff {
    let least = least.max(Duration::from_millis(1));
    RetryBackOff {
        base_interval: xds::duration(least),
        max_interval: xds::duration(least.saturating_mul(10)),
    }
}

fn policy(on: String, attempts: u32) -> xds::RetryPolicy {
    xds::RetryPolicy {
        retry_on: on,
        num_retries: xds::number(attempts),
        retry_host_predicate: vec![elsewhere()],
        host_selection_retry_max_attempts: 5,
        ..xds::RetryPolicy::default()
    }
}

/// Another endpoint than those tried, if there is one.
fn elsewhere() -> RetryHostPredicate {
    let config = xds::pack(&xds::PreviousHostsPredicate {});
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".into(),
        config_type: Some(retry_host_predicate::ConfigType::TypedConfig(config)),
    }
}
