//! The rule and the backends of a request at a Service port.

use crate::matching::matches;
use crate::request::{Call, HttpCall, Lines, Version};
use crate::verdict::{
    Carried, Forward, Outcome, RouteChoice, Share, ShareTarget, Step, Topic, protocol_word,
};
use crate::{View, path, server};
use heddle_model::ability;
use heddle_model::fact::{DataPlane, Locality, Protocol};
use heddle_model::http::{Filters, Fraction, HttpMatch, Redirect};
use heddle_model::locality::eligible;
use heddle_model::route::{Backend, Mirror, RouteDefaults, RouteRule, RouteTable, WeightedBackend};
use heddle_model::snapshot::{Endpoints, RouteKey};
use heddle_model::{Families, Family, ServicePortKey};

/// Returns what a proxied client's request to a Service port comes to.
pub(crate) fn route(view: &View, port: &ServicePortKey, call: &Call, steps: &mut Vec<Step>) -> Outcome {
    let carried = match carried(view, port, call, steps) {
        Ok(carried) => carried,
        Err(why) => return Outcome::Refused { why },
    };
    if let (Carried::Http, Call::Http(http), Some(DataPlane::Envoy)) = (carried, call, view.caller.plane)
        && let Some((status, fault)) = path::fault(http)
    {
        let why = format!("the client's proxy takes no such request: {fault}");
        steps.push(Step::new(Topic::Route, None, "", why.clone()));
        return Outcome::Answered { status, why, route: None, location: None };
    }
    let table = table(view, port);
    let (Carried::Http, Call::Http(http), Some((key, table))) = (carried, call, table) else {
        steps.push(Step::new(Topic::Route, None, "", "no route: to the Service's own endpoints"));
        let limits = match carried {
            Carried::Http => defaults(view, port),
            Carried::Bytes => RouteDefaults::default(),
        };
        return Outcome::Forwarded(Forward { limits, ..own_endpoints(view, port, carried, call) });
    };
    let lines = match view.caller.plane {
        Some(DataPlane::Linkerd) => Lines::Apart,
        Some(DataPlane::Envoy) | None => Lines::Joined,
    };
    let tunnel = http.is_tunnel() && view.caller.plane == Some(DataPlane::Envoy);
    match table.entries.iter().find(|entry| !tunnel && matches(&entry.matcher, http, lines)) {
        Some(entry) => by_rule(view, port, &entry.rule, call, steps),
        None => unmatched(key, table, http, steps),
    }
}

/// As what the client's proxy carries the call; a port that speaks HTTP refuses everything else.
fn carried(
    view: &View,
    port: &ServicePortKey,
    call: &Call,
    steps: &mut Vec<Step>,
) -> Result<Carried, String> {
    let protocol = protocol(view, port);
    let text = format!("{port} speaks {}", protocol_word(protocol));
    steps.push(Step::new(Topic::Protocol, Some(port.service.source()), "spec.ports", text));
    match (protocol, call) {
        (Protocol::Tcp | Protocol::Opaque, _) | (Protocol::Detect, Call::Tcp | Call::Tls) => {
            Ok(Carried::Bytes)
        }
        (_, Call::Http(_)) => Ok(Carried::Http),
        (Protocol::Http | Protocol::Http2 | Protocol::Grpc, Call::Tcp | Call::Tls) => {
            Err(format!("{port} speaks {} and these bytes are not", protocol_word(protocol)))
        }
    }
}

/// The table for this client: of its own namespace if there is one, else of all. Never both.
fn table<'a>(view: &'a View, port: &ServicePortKey) -> Option<(RouteKey, &'a RouteTable<HttpMatch>)> {
    let consumer = view.caller.workload.as_ref().map(|key| key.namespace.clone());
    let own = consumer.map(|consumer| RouteKey { port: port.clone(), consumer: Some(consumer) });
    let all = RouteKey { port: port.clone(), consumer: None };
    own.into_iter().chain([all]).find_map(|key| {
        let table = view.snapshot.routes.get(&key)?;
        Some((key, &**table))
    })
}

fn unmatched(
    key: RouteKey,
    table: &RouteTable<HttpMatch>,
    http: &HttpCall,
    steps: &mut Vec<Step>,
) -> Outcome {
    let source = table.entries.first().map(|entry| entry.rule.source.clone());
    let path = if http.is_tunnel() { "CONNECT" } else { http.bare_path() };
    let why = match &key.consumer {
        Some(consumer) => format!("no rule of namespace {consumer}'s routes for {} matches {path}", key.port),
        None => format!("no rule of the routes for {} matches {path}", key.port),
    };
    steps.push(Step::new(Topic::Route, source, "spec.rules", why.clone()));
    Outcome::Answered { status: 404, why, route: None, location: None }
}

/// Returns what a Service says of requests for which no rule does.
fn defaults(view: &View, port: &ServicePortKey) -> RouteDefaults {
    view.snapshot.services.get(&port.service).map(|service| service.defaults.clone()).unwrap_or_default()
}

fn by_rule(
    view: &View,
    port: &ServicePortKey,
    rule: &RouteRule,
    call: &Call,
    steps: &mut Vec<Step>,
) -> Outcome {
    let field = format!("spec.rules[{}]", rule.index);
    let step = |topic, field: String, text: String| Step::new(topic, Some(rule.source.clone()), field, text);
    steps.push(step(Topic::Route, field.clone(), "this rule is the best match".into()));
    let choice = choice(rule);
    if let Some(lack) = view.caller.plane.and_then(|plane| ability::lacks(plane, rule)) {
        let why = format!("{lack}, which the rule asks for");
        let status = rule.broken_status();
        steps.push(step(Topic::Route, format!("{field}.filters"), format!("{why}: {status}")));
        return Outcome::Answered { status, why, route: Some(choice), location: None };
    }
    if let Some(redirect) = &rule.redirect {
        return redirected(redirect, port, choice, call, steps, &field);
    }
    if rule.backends.is_empty() {
        let why = "the rule has no backend that gets traffic".to_string();
        let status = rule.broken_status();
        steps.push(step(Topic::Backend, format!("{field}.backendRefs"), format!("{why}: {status}")));
        return Outcome::Answered { status, why, route: Some(choice), location: None };
    }
    let total = rule.backends.iter().map(|backend| u64::from(backend.weight)).sum();
    let mut shares = Vec::new();
    for backend in &rule.backends {
        let to = share_target(view, rule, backend, call);
        let text = match &backend.backend {
            Backend::Service { port, families: _ } => format!("{port} gets {} of {total}", backend.weight),
            Backend::Broken { reason, message } => {
                let status = rule.broken_status();
                format!("{} of {total} is answered {status}: {message} ({reason})", backend.weight)
            }
        };
        steps.push(step(Topic::Backend, format!("{field}.backendRefs"), text));
        shares.push(Share { weight: backend.weight.into(), total, to });
    }
    let limits = defaults(view, port).of(rule);
    for Mirror { port, families: _, fraction: Fraction { numerator, denominator } } in &rule.mirrors {
        let text = format!("{numerator} of {denominator} requests are copied to {port}");
        steps.push(step(Topic::Backend, format!("{field}.filters"), text));
    }
    let mirrors = rule.mirrors.clone();
    Outcome::Forwarded(Forward { carried: Carried::Http, route: Some(choice), limits, shares, mirrors })
}

fn redirected(
    redirect: &Redirect,
    port: &ServicePortKey,
    choice: RouteChoice,
    call: &Call,
    steps: &mut Vec<Step>,
    field: &str,
) -> Outcome {
    let (authority, path) = match call {
        Call::Http(http) => (http.authority.as_str(), http.path.as_str()),
        Call::Tcp | Call::Tls => ("", "/"),
    };
    let location = redirect.location(authority, path, port.port);
    let (status, why) = (redirect.status, format!("redirected to {location}"));
    let text = format!("{why}: {status}");
    steps.push(Step::new(Topic::Route, Some(choice.source.clone()), format!("{field}.filters"), text));
    Outcome::Answered { status, why, route: Some(choice), location: Some(location) }
}

fn choice(rule: &RouteRule) -> RouteChoice {
    let RouteRule {
        source,
        index,
        filters,
        redirect: _,
        mirrors: _,
        backends: _,
        request_timeout: _,
        backend_timeout: _,
        retry: _,
    } = rule;
    RouteChoice { source: source.clone(), rule: *index, filters: filters.clone() }
}

fn share_target(view: &View, rule: &RouteRule, backend: &WeightedBackend, call: &Call) -> ShareTarget {
    let WeightedBackend { weight: _, backend: to, filters } = backend;
    let status = rule.broken_status();
    let lack = view.caller.plane.and_then(|plane| ability::lacks_of(plane, filters));
    match (to, lack) {
        (Backend::Broken { reason, message }, _) => {
            ShareTarget::Broken { status, reason, message: message.to_string() }
        }
        (Backend::Service { .. }, Some(lack)) => {
            ShareTarget::Broken { status, reason: "UnsupportedValue", message: lack.into() }
        }
        (Backend::Service { port, families }, None) => {
            let call = server::changed(call, &[&rule.filters, filters]);
            let to = Backends { port, families: *families };
            endpoints_of(view, to, Carried::Http, &call, filters.clone())
        }
    }
}

/// Everything to the endpoints of the dialled port.
pub(crate) fn own_endpoints(view: &View, port: &ServicePortKey, carried: Carried, call: &Call) -> Forward {
    let families = view.snapshot.services.get(&port.service).map(|service| service.families);
    let to = Backends { port, families: families.unwrap_or_default() };
    let to = endpoints_of(view, to, carried, call, Filters::default());
    let shares = vec![Share { weight: 1, total: 1, to }];
    Forward { carried, route: None, limits: RouteDefaults::default(), shares, mirrors: Vec::new() }
}

/// The call as the client's Envoy sends it to a port: in HTTP/2 where the port speaks that, else as it came.
fn sent_on(view: &View, port: &ServicePortKey, carried: Carried, call: &Call) -> Call {
    match (view.caller.plane, carried, call) {
        (Some(DataPlane::Envoy), Carried::Http, Call::Http(http)) => {
            Call::Http(http.sent_on(match protocol(view, port) {
                Protocol::Http2 | Protocol::Grpc => Version::Http2,
                Protocol::Http | Protocol::Detect | Protocol::Tcp | Protocol::Opaque => http.version,
            }))
        }
        (Some(DataPlane::Envoy | DataPlane::Linkerd) | None, Carried::Http | Carried::Bytes, _) => {
            call.clone()
        }
    }
}

/// The protocol of a Service port.
fn protocol(view: &View, port: &ServicePortKey) -> Protocol {
    let service = view.snapshot.services.get(&port.service);
    let found = service.and_then(|service| service.ports.iter().find(|p| p.number == port.port));
    found.map_or(Protocol::Detect, |found| found.protocol)
}

/// A Service port and the families of its Service.
struct Backends<'a> {
    port: &'a ServicePortKey,
    families: Families,
}

fn endpoints_of(
    view: &View,
    Backends { port, families }: Backends,
    carried: Carried,
    call: &Call,
    filters: Filters,
) -> ShareTarget {
    let service = view.snapshot.services.get(&port.service);
    let locality = service.map_or(Locality::Any, |service| service.locality);
    let endpoints = view.snapshot.endpoints.get(port);
    let call = &sent_on(view, port, carried, call);
    let family = families.serving(Some(view.dialled));
    let eligible = endpoints.map(|all| eligible(all.of_family(family), locality, view.place));
    let candidates: Vec<_> = eligible
        .unwrap_or_default()
        .into_iter()
        .map(|endpoint| {
            server::reach(view, server::Target::new(view, endpoint), server::Sent { carried, call })
        })
        .collect();
    let absent = candidates.is_empty().then(|| absent(endpoints.map(|endpoints| &**endpoints), family));
    let service = Some(port.clone());
    ShareTarget::Endpoints { service, filters: Box::new(filters), candidates, absent }
}

/// The reason for which a port has no endpoint for a client.
fn absent(endpoints: Option<&Endpoints>, family: Option<Family>) -> String {
    let Some(endpoints) = endpoints else { return "there is no such Service port".into() };
    if let Some(absent) = &endpoints.absent {
        return absent.to_string();
    }
    match family.filter(|_| endpoints.of_family(family).next().is_none()) {
        Some(family) => format!("none of its endpoints has an {family} address"),
        None => "none of its endpoints is on the client's Node, and its traffic stays there".into(),
    }
}
