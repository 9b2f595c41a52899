//! A verdict as stable JSON: structs of its own words, not the engine's.

use heddle_decide::Verdict;
use heddle_decide::verdict::{
    Admission, Candidate, Carried, Destination, Dial, Forward, Ground, Outcome, RouteChoice, ShareTarget,
    Step, Topic,
};
use heddle_model::Name;
use heddle_model::http::{Filters, Fraction, HeaderChange, PathChange};
use heddle_model::route::{Mirror, Retry, RouteDefaults};
use heddle_status::Finding;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The verdict of one request, and what else is told of the objects that made it.
pub(crate) fn verdict(verdict: &Verdict, notes: &BTreeSet<Finding>) -> Value {
    let Verdict { caller, destination, outcome, steps } = verdict;
    json!({
        "apiVersion": "cli.heddle.dev/v1",
        "kind": "Verdict",
        "client": {
            "workload": caller.workload.as_ref().map(ToString::to_string),
            "identity": caller.identity.as_ref().map(ToString::to_string),
            "proxied": caller.proxied(),
        },
        "destination": destination_of(destination),
        "outcome": outcome_of(outcome),
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "notes": notes.iter().map(note).collect::<Vec<_>>(),
    })
}

fn note(Finding { object, field, severity, reason, message }: &Finding) -> Value {
    json!({
        "object": object.to_string(), "field": field, "severity": severity.as_str(), "reason": reason,
        "message": message,
    })
}

fn destination_of(destination: &Destination) -> Value {
    match destination {
        Destination::Service(port) => json!({"kind": "Service", "name": port.to_string()}),
        Destination::Headless(port) => json!({"kind": "HeadlessEndpoint", "name": port.to_string()}),
        Destination::Workload(key) => json!({"kind": "Workload", "name": key.to_string()}),
        Destination::NoSuchPort(port) => json!({"kind": "NoSuchPort", "name": port.to_string()}),
        Destination::Unknown => json!({"kind": "Unknown"}),
        Destination::Outside => json!({"kind": "Outside"}),
    }
}

fn outcome_of(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::PassedThrough => json!({"kind": "PassedThrough"}),
        Outcome::Refused { why } => json!({"kind": "Refused", "why": why}),
        Outcome::Answered { status, why, route, location } => {
            let route = route.as_ref().map(route_of);
            json!({"kind": "Answered", "status": status, "why": why, "route": route, "location": location})
        }
        Outcome::Forwarded(forward) => forward_of(forward),
    }
}

fn forward_of(forward: &Forward) -> Value {
    let Forward { carried, route, limits, shares, mirrors } = forward;
    let shares = shares.iter().map(|share| {
        let to = match &share.to {
            ShareTarget::Broken { status, reason, message } => {
                json!({"status": status, "reason": reason, "message": message})
            }
            ShareTarget::Endpoints { service, candidates, filters, absent } => {
                json!({
                    "service": service.as_ref().map(ToString::to_string),
                    "requestHeaders": headers_of(&filters.request),
                    "responseHeaders": headers_of(&filters.response),
                    "rewrite": rewrite_of(filters),
                    "endpoints": candidates.iter().map(candidate).collect::<Vec<_>>(),
                    "noEndpoint": absent,
                })
            }
        };
        json!({"weight": share.weight, "of": share.total, "to": to})
    });
    json!({
        "kind": "Forwarded",
        "as": match carried { Carried::Http => "HTTP", Carried::Bytes => "TCP" },
        "route": route.as_ref().map(route_of),
        "limits": limits_of(limits),
        "shares": shares.collect::<Vec<_>>(),
        "mirrors": mirrors.iter().map(copies).collect::<Vec<_>>(),
    })
}

fn copies(mirror: &Mirror) -> Value {
    let Mirror { port, families: _, fraction: Fraction { numerator, denominator } } = mirror;
    json!({"service": port.to_string(), "numerator": numerator, "denominator": denominator})
}

fn route_of(route: &RouteChoice) -> Value {
    let RouteChoice { source, rule, filters } = route;
    json!({
        "object": source.to_string(),
        "rule": rule,
        "requestHeaders": headers_of(&filters.request),
        "responseHeaders": headers_of(&filters.response),
        "rewrite": rewrite_of(filters),
    })
}

/// The host and path that requests are given; null where they keep theirs.
fn rewrite_of(filters: &Filters) -> Value {
    let Filters { request: _, response: _, host, path } = filters;
    if host.is_none() && path.is_none() {
        return Value::Null;
    }
    let path = path.as_ref().map(|change| match change {
        PathChange::Full(whole) => json!({"full": whole.as_str()}),
        PathChange::Prefix { of, with } => json!({"prefix": of.as_str(), "with": with.as_str()}),
    });
    json!({"host": host.as_ref().map(|host| host.as_str()), "path": path})
}

/// Changes to headers, in the order in which they are made.
fn headers_of(HeaderChange { set, add, remove }: &HeaderChange) -> Value {
    let pairs = |all: &[(Name, Name)]| -> Vec<Value> {
        all.iter().map(|(name, value)| json!({"name": name.as_str(), "value": value.as_str()})).collect()
    };
    let removed: Vec<&str> = remove.iter().map(|name| name.as_str()).collect();
    json!({"remove": removed, "set": pairs(set), "add": pairs(add)})
}

/// The time that the request may take and how often it is tried; `null` is not said, and 0 seconds is no limit.
fn limits_of(RouteDefaults { request_timeout, backend_timeout, retry }: &RouteDefaults) -> Value {
    let seconds = |limit: &Option<Duration>| limit.map(|limit| limit.as_secs_f64());
    let retry = retry.as_ref().map(|Retry { attempts, codes, backoff }| {
        json!({"attempts": attempts, "codes": codes, "backoffSeconds": seconds(backoff)})
    });
    json!({
        "requestTimeoutSeconds": seconds(request_timeout),
        "attemptTimeoutSeconds": seconds(backend_timeout),
        "retry": retry,
    })
}

fn candidate(candidate: &Candidate) -> Value {
    let (admitted, ground) = match &candidate.admission {
        Admission::Allowed(ground) => ("Allowed", ground_of(ground)),
        Admission::Denied(ground) => ("Denied", ground_of(ground)),
        Admission::Unenforced { why } => ("Unenforced", json!({"why": why})),
        Admission::Answered { status, why } => ("Answered", json!({"status": status, "why": why})),
        Admission::Refused { why } => ("Refused", json!({"why": why})),
    };
    let transport = match &candidate.transport {
        Dial::Plain => json!({"mtls": false}),
        Dial::Mesh(identity) => json!({"mtls": true, "serverIdentity": identity.to_string()}),
        Dial::Refused => json!({"refused": true}),
    };
    json!({
        "address": candidate.address,
        "port": candidate.port,
        "workload": candidate.workload.as_ref().map(ToString::to_string),
        "transport": transport,
        "access": admitted,
        "ground": ground,
        "audit": candidate.audit.iter().map(|hit| hit.policy.to_string()).collect::<Vec<_>>(),
        "steps": candidate.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn ground_of(ground: &Ground) -> Value {
    match ground {
        Ground::Rule { policy, rule, action } => {
            json!({"policy": policy.to_string(), "rule": rule, "action": format!("{action:?}")})
        }
        Ground::LowerEscape => json!({"lowerEscape": true}),
        Ground::Tunnel => json!({"tunnel": true}),
        Ground::NotRouted => json!({"notRouted": true}),
        Ground::NoRuleMatches { policies } => {
            json!({"noRuleMatches": policies.iter().map(ToString::to_string).collect::<Vec<_>>()})
        }
        Ground::Posture { posture, source } => {
            json!({"posture": format!("{posture:?}"), "object": source.as_ref().map(ToString::to_string)})
        }
    }
}

fn step(step: &Step) -> Value {
    let topic = match step.topic {
        Topic::Client => "client",
        Topic::Destination => "destination",
        Topic::Protocol => "protocol",
        Topic::Route => "route",
        Topic::Backend => "backend",
        Topic::Transport => "transport",
        Topic::Access => "access",
        Topic::Audit => "audit",
    };
    json!({
        "topic": topic,
        "text": step.text,
        "object": step.source.as_ref().map(ToString::to_string),
        "field": step.field,
    })
}
