//! Linkerd's annotations on namespaces, workloads, Services and routes.

use super::duration::duration;
use super::retry;
use super::server::STANCES;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta::annotation;
use crate::ports::ports;
use heddle_model::Name;
use heddle_model::fact::{Accrual, DataPlane, ServicePort, Workload, WorkloadPort};
use heddle_model::route::RouteDefaults;
use heddle_model::server::{DefaultPolicy, ProxyConfig};
use std::collections::BTreeSet;
use std::time::Duration;

/// `config.linkerd.io/…` of a workload, which only Linkerd's proxy heeds.
pub(crate) fn of_workload(
    root: &Field<'_>,
    workload: &Workload,
    notes: &mut Diagnostics,
) -> Option<Box<ProxyConfig>> {
    match workload.plane {
        Some(DataPlane::Linkerd) => proxy_config(root, &named(&workload.ports), notes),
        Some(DataPlane::Envoy) | None => None,
    }
}

fn named(ports: &[WorkloadPort]) -> Vec<(Name, u16)> {
    ports.iter().filter_map(|port| Some((port.name.clone()?, port.port))).collect()
}

/// `config.linkerd.io/…`; `None` where nothing is said. A default policy that cannot be read is `deny`.
pub(crate) fn proxy_config(
    root: &Field<'_>,
    names: &[(Name, u16)],
    notes: &mut Diagnostics,
) -> Option<Box<ProxyConfig>> {
    let default_policy = annotation(root, "config.linkerd.io/default-inbound-policy")
        .map(|word| notes.take(word.one_of(&STANCES), "it is deny").unwrap_or(DefaultPolicy::Deny));
    let mut listed = |name: &str| annotation(root, name).and_then(|place| ports(&place, names, notes));
    let opaque_ports = listed("config.linkerd.io/opaque-ports");
    let skip_inbound_ports = listed("config.linkerd.io/skip-inbound-ports");
    let config = ProxyConfig { default_policy, opaque_ports, skip_inbound_ports };
    (config != ProxyConfig::default()).then(|| Box::new(config))
}

/// `config.linkerd.io/opaque-ports` of a Service: those of its ports that it names.
pub(crate) fn opaque_ports(
    root: &Field<'_>,
    known: &[ServicePort],
    notes: &mut Diagnostics,
) -> Option<BTreeSet<u16>> {
    let place = annotation(root, "config.linkerd.io/opaque-ports")?;
    let names: Vec<_> = known.iter().map(|port| (port.name.clone(), port.number)).collect();
    let mut named = ports(&place, &names, notes)?;
    named.retain(|number| known.iter().any(|port| port.number == *number));
    Some(named)
}

/// `timeout.linkerd.io/…` and `retry.linkerd.io/…` of a Service or of a route.
///
/// Linkerd measures a response and an attempt by themselves; both bound one attempt here, the shorter holds.
pub(crate) fn route_defaults(root: &Field<'_>, notes: &mut Diagnostics) -> RouteDefaults {
    let mut timeout = |name: &str| {
        let read = annotation(root, name).map(|place| duration(&place)).transpose();
        notes.take(read, "there is no such limit").flatten().filter(|limit| !limit.is_zero())
    };
    let request_timeout = timeout("timeout.linkerd.io/request");
    let response = timeout("timeout.linkerd.io/response");
    if let Some(idle) = annotation(root, "timeout.linkerd.io/idle") {
        notes.wrong(idle.unsupported("idle streams are not limited"), "it is ignored");
    }
    if let Some(grpc) = annotation(root, "retry.linkerd.io/grpc") {
        notes.wrong(grpc.unsupported("calls are not tried again by their gRPC status"), "it is ignored");
    }
    let (retry, attempt) = retry::read(root, notes);
    let attempt = [response, attempt].into_iter().flatten().min();
    let backend_timeout = attempt.filter(|attempt| request_timeout.is_none_or(|most| *attempt <= most));
    RouteDefaults { request_timeout, backend_timeout, retry }
}

/// `balancer.linkerd.io/failure-accrual…` of a Service. Where any of it cannot be read there is none.
pub(crate) fn accrual(root: &Field<'_>, notes: &mut Diagnostics) -> Option<Accrual> {
    let mode = annotation(root, "balancer.linkerd.io/failure-accrual")?;
    let mode = notes.take(mode.text().map(|text| (text, mode.clone())), "failures are not counted")?;
    match mode {
        ("consecutive", _) => {}
        ("unified", place) => notes.wrong(
            place.unsupported("rates of success are not measured"),
            "only failures in a row are counted",
        ),
        (_, place) => {
            let wrong = place.unsupported(format!("{} is neither consecutive nor unified", place.shown()));
            notes.wrong(wrong, "failures are not counted");
            return None;
        }
    }
    let accrual = notes.take(consecutive(root), "failures are not counted")?;
    (accrual.max_failures > 0).then_some(accrual)
}

fn consecutive(root: &Field<'_>) -> Result<Accrual, FieldError> {
    let setting =
        |name: &str| annotation(root, &format!("balancer.linkerd.io/failure-accrual-consecutive-{name}"));
    let penalty = |place: Option<Field<'_>>, unset| match place {
        Some(place) => duration(&place),
        None => Ok(Duration::from_secs(unset)),
    };
    let max_failures = setting("max-failures").map_or(Ok(7), |place| place.parse("a number of failures"))?;
    let min_penalty = penalty(setting("min-penalty"), 1)?;
    let max_penalty = penalty(setting("max-penalty"), 60)?;
    if let Some(place) = setting("min-penalty").or_else(|| setting("max-penalty"))
        && (min_penalty.is_zero() || min_penalty > max_penalty)
    {
        return Err(place.wrong(format!("penalties from {min_penalty:?} to {max_penalty:?} are none")));
    }
    let jitter = setting("jitter-ratio").map_or(Ok(0.5), |place| ratio(&place))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100 times 100")]
    let jitter_percent = (jitter * 100.0).round() as u16;
    Ok(Accrual { max_failures, min_penalty, max_penalty, jitter_percent })
}

fn ratio(place: &Field<'_>) -> Result<f64, FieldError> {
    let ratio: f64 = place.parse("a ratio")?;
    if (0.0..=100.0).contains(&ratio) { Ok(ratio) } else { Err(place.wrong("is not from 0 to 100")) }
}
