//! One route at its parents: where it applies, what its rules do, and what became of it.

use crate::routes::parent;
use crate::routes::parent_ports;
use crate::routes::tellable::tellable;
use crate::status::join;
use crate::tables::Tables;
use heddle_model::fact::{self, BackendRef, Mesh, MirrorRef, Route, ServiceForm};
use heddle_model::http::HttpMatch;
use heddle_model::report::{Condition, ParentRef, Report, Subject};
use heddle_model::route::{Backend, Mirror, RouteRule, WeightedBackend, broken_status};
use heddle_model::snapshot::RouteKey;
use heddle_model::{Diagnostic, Families, Kind, ServiceKey, ServicePortKey, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A route, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// The Service ports that accepted it.
    pub(crate) ports: BTreeSet<ServicePortKey>,
    /// Those of them that it makes HTTP, since it names them.
    pub(crate) made_http: BTreeSet<ServicePortKey>,
    /// The Servers that it is attached to. One that does not accept it is closed by it all the same: its other
    /// requests were not to pass.
    pub(crate) servers: BTreeMap<SourceRef, Served>,
    /// Its age; `None` is oldest.
    pub(crate) created: Option<i64>,
    /// Its rules, in the order written.
    pub(crate) rules: Vec<Rule>,
    /// The route's report.
    pub(crate) report: Report,
    /// Parents and backends that are not there.
    pub(crate) faults: Vec<Diagnostic>,
}

/// The answer of a Server to a route's wish to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    Accepted,
    Refused,
}

/// A rule and what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) matches: Vec<HttpMatch>,
    pub(crate) rule: Arc<RouteRule>,
    /// Its requests go where they would without it.
    pub(crate) own_endpoints: bool,
    /// A part of it cannot be honoured.
    pub(crate) broken: bool,
}

/// The reason for which a reference is not good: reason and message.
type Fault = (&'static str, String);

/// The references of one route that do not resolve.
struct Unresolved<'a> {
    source: &'a SourceRef,
    /// For the condition `ResolvedRefs`.
    faults: Vec<Fault>,
    /// Those of them that lowering could not see.
    diagnostics: Vec<Diagnostic>,
}

impl Unresolved<'_> {
    fn note(&mut self, field: String, reason: &'static str, message: String) {
        self.diagnostics.push(Diagnostic { object: self.source.clone(), field, reason, message });
    }
}

/// The table that a route is in at a Service port: everyone's if both live in one namespace (a producer
/// route), else that of the clients of the route's namespace (a consumer route, GEP-1294).
pub(crate) fn table(route: &SourceRef, port: &ServicePortKey) -> RouteKey {
    let consumer = (route.namespace != port.service.namespace).then(|| route.namespace.clone());
    RouteKey { port: port.clone(), consumer }
}

/// Attaches a route to the Services that it names.
pub(crate) fn resolve(tables: &Tables, mesh: &Mesh, source: &SourceRef) -> Option<Attachment> {
    let route = tables.route(source)?;
    let mut unresolved = Unresolved { source, faults: Vec::new(), diagnostics: Vec::new() };
    let rules = route.rules.iter().enumerate().map(|(index, rule)| Rule {
        matches: rule.matches.clone(),
        rule: Arc::new(resolve_rule(tables, index, rule, &mut unresolved)),
        own_endpoints: rule.own_endpoints,
        broken: rule.broken,
    });
    let rules: Vec<Rule> = rules.collect();
    let backoffs = note_backoffs(&rules, &mut unresolved);
    let diagnostics = tables.row(source).map_or(&[][..], |row| &row.diagnostics);
    let shared = shared_conditions(route, source.kind, diagnostics, &unresolved.faults);
    let (mut ports, mut made_http, mut servers) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let mut subjects = Vec::new();
    for (place, parent) in route.parents.iter().enumerate() {
        let mut conditions = shared.clone();
        if let Some(service) = parent::service(source, parent) {
            conditions.push(match parent_ports::find(tables, mesh, source, &service, parent) {
                Ok(found) => {
                    ports.extend(found.ports);
                    made_http.extend(found.made_http);
                    accepted(route, source.kind, diagnostics, [found.notes, backoffs.clone()].concat())
                }
                Err(message) => no_parent(place, message, &mut unresolved),
            });
        } else if let Some(server) = parent::server(source, parent) {
            conditions = at_server(route, &rules);
            conditions.push(match parent_server(tables, source, parent, &server) {
                Ok(()) => {
                    let (served, accepted) = served(route);
                    servers.insert(server, served);
                    accepted
                }
                Err(message) => no_parent(place, message, &mut unresolved),
            });
        } else if parent::is_egress(parent) {
            let message = "routes of an EgressNetwork are not supported: its trafficPolicy decides";
            conditions.push(Condition::new("Accepted", false, "UnsupportedValue", message.into()));
        } else {
            continue;
        }
        conditions.sort();
        subjects.push(Subject { parent: Some(parent.clone()), conditions });
    }
    let (created, report, faults) = (route.created, Report { subjects }, unresolved.diagnostics);
    Some(Attachment { ports, made_http, servers, created, rules, report, faults })
}

/// Notes rules whose least time between retries an Envoy does not keep. Returns the same as sentences.
fn note_backoffs(rules: &[Rule], unresolved: &mut Unresolved<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let backoff =
            rule.rule.retry.as_ref().and_then(|retry| retry.backoff.filter(|least| !least.is_zero()));
        let Some(backoff) = backoff else { continue };
        let field = format!("spec.rules[{index}].retry.backoff");
        let message =
            format!("an Envoy waits a random part of {backoff:?} before a retry, and keeps no least time");
        notes.push(format!("{field}: {message}"));
        unresolved.note(field, "RetryBackoff", message);
    }
    notes
}

/// The condition of a route at a parent that is not there, which the route's diagnostics tell too.
fn no_parent(place: usize, message: String, unresolved: &mut Unresolved<'_>) -> Condition {
    unresolved.note(format!("spec.parentRefs[{place}]"), "NoMatchingParent", message.clone());
    Condition::new("Accepted", false, "NoMatchingParent", message).diagnosed()
}

/// Returns whether a parent reference means a Server as Linkerd takes it: in the route's namespace, and as a whole.
fn parent_server(
    tables: &Tables,
    source: &SourceRef,
    parent: &ParentRef,
    server: &SourceRef,
) -> Result<(), String> {
    if server.namespace != source.namespace {
        return Err(format!("{server} is of another namespace"));
    }
    if parent.port.is_some() || parent.section_name.is_some() {
        return Err("a Server is one port: neither port nor sectionName may be set".into());
    }
    tables.server(server).map(drop).ok_or_else(|| format!("there is no {server} that can be read"))
}

/// Returns whether a Server takes a route.
fn served(route: &Route<HttpMatch>) -> (Served, Condition) {
    let refused =
        |message: String| (Served::Refused, Condition::new("Accepted", false, "UnsupportedValue", message));
    if let Some(why) = &route.unservable {
        return refused(format!("{why}; the route matches nothing there"));
    }
    if !route.rules.is_empty() && route.rules.iter().all(|rule| rule.broken) {
        return refused("no rule can be honoured; the route matches nothing there".into());
    }
    (Served::Accepted, Condition::new("Accepted", true, "Accepted", String::new()))
}

/// The conditions of a route at a Server beside whether it is accepted: its backends say nothing there.
fn at_server(route: &Route<HttpMatch>, rules: &[Rule]) -> Vec<Condition> {
    let mut fields = Vec::new();
    for (index, (rule, written)) in rules.iter().zip(&route.rules).enumerate() {
        if written.broken {
            fields.push(format!("rules[{index}] cannot be honoured"));
            continue;
        }
        let matches = rule.matches.iter().enumerate();
        let untold = matches.filter_map(|(place, matcher)| Some((place, tellable(matcher).1?)));
        fields.extend(untold.map(|(place, untold)| {
            format!("rules[{index}].matches[{place}] has {untold}, which no server can tell")
        }));
    }
    let mut conditions = vec![Condition::new("ResolvedRefs", true, "ResolvedRefs", String::new())];
    if !fields.is_empty() {
        let message = format!("Dropped Rule: {}: its requests are refused", join(fields.into_iter()));
        conditions.push(Condition::new("PartiallyInvalid", true, "UnsupportedValue", message));
    }
    conditions
}

/// Returns whether a route is accepted by a parent that is there.
///
/// A route of which no rule can be honoured is not accepted, but it stays in front of its Service and answers
/// 500: to let its requests through as if it were not there would be to guess.
fn accepted<M>(route: &Route<M>, kind: Kind, diagnostics: &[Diagnostic], notes: Vec<String>) -> Condition {
    if !route.rules.is_empty() && route.rules.iter().all(|rule| rule.broken) {
        let message = format!(
            "no rule can be honoured, all requests get {}: {}",
            broken_status(kind),
            broken_parts(route, kind, diagnostics)
        );
        return Condition::new("Accepted", false, "UnsupportedValue", message).diagnosed();
    }
    Condition::new("Accepted", true, "Accepted", join(notes.into_iter()))
}

/// The conditions that are alike at every parent.
fn shared_conditions<M>(
    route: &Route<M>,
    kind: Kind,
    diagnostics: &[Diagnostic],
    faults: &[Fault],
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    conditions.push(match faults.first() {
        None => Condition::new("ResolvedRefs", true, "ResolvedRefs", String::new()),
        Some((reason, _)) => {
            let messages = faults.iter().map(|(_, message)| message.clone());
            Condition::new("ResolvedRefs", false, reason, join(messages)).diagnosed()
        }
    });
    let all = route.rules.iter().all(|rule| rule.broken);
    let broken = broken_parts(route, kind, diagnostics);
    if !all && !broken.is_empty() {
        let message = format!("Dropped Rule: {broken}");
        conditions.push(Condition::new("PartiallyInvalid", true, "UnsupportedValue", message).diagnosed());
    }
    conditions
}

/// Returns which rules and backends answer by themselves, and why as far as lowering said so.
fn broken_parts<M>(route: &Route<M>, kind: Kind, diagnostics: &[Diagnostic]) -> String {
    let status = broken_status(kind);
    let mut fields = Vec::new();
    for (index, rule) in route.rules.iter().enumerate() {
        let field = format!("spec.rules[{index}]");
        if rule.broken {
            fields.push(field);
            continue;
        }
        let backends = rule.backends.iter().enumerate().filter(|(_, backend)| backend.broken);
        fields.extend(backends.map(|(place, _)| format!("{field}.backendRefs[{place}]")));
    }
    join(fields.into_iter().map(|field| {
        let inside = |diagnostic: &&Diagnostic| {
            let rest = diagnostic.field.strip_prefix(&field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let why = diagnostics.iter().filter(inside).map(|d| format!("{}: {}", d.field, d.message));
        let why = why.collect::<Vec<_>>().join(", ");
        if why.is_empty() {
            format!("{field} answers {status}")
        } else {
            format!("{field} answers {status} ({why})")
        }
    }))
}

fn resolve_rule(
    tables: &Tables,
    index: usize,
    rule: &fact::RouteRule<HttpMatch>,
    unresolved: &mut Unresolved<'_>,
) -> RouteRule {
    let fact::RouteRule {
        matches: _,
        filters,
        redirect,
        mirrors,
        backends,
        own_endpoints: _,
        request_timeout,
        backend_timeout,
        retry,
        broken,
    } = rule;
    let mut resolved = Vec::new();
    for (place, backend) in backends.iter().enumerate() {
        let field = format!("spec.rules[{index}].backendRefs[{place}]");
        let backend = resolve_backend(tables, field, backend, unresolved);
        if !broken {
            resolved.extend(backend);
        }
    }
    let mut copies = Vec::new();
    for mirror in mirrors {
        let copy = resolve_mirror(tables, mirror, unresolved);
        copies.extend(copy.filter(|_| !broken));
    }
    RouteRule {
        source: unresolved.source.clone(),
        index,
        filters: filters.clone(),
        redirect: redirect.clone().filter(|_| !broken),
        mirrors: copies,
        backends: resolved,
        request_timeout: *request_timeout,
        backend_timeout: *backend_timeout,
        retry: retry.clone(),
    }
}

/// A backend and its share. `None` if its share is nothing; a fault is told all the same.
fn resolve_backend(
    tables: &Tables,
    field: String,
    reference: &BackendRef,
    unresolved: &mut Unresolved<'_>,
) -> Option<WeightedBackend> {
    let BackendRef { target, weight, filters, broken } = reference;
    let found = target.clone().and_then(|(service, port)| service_port(tables, service, port));
    let backend = match found {
        Ok(_) if *broken => Backend::Broken {
            reason: "UnsupportedValue",
            message: format!("{field} has a part that cannot be honoured").into(),
        },
        Ok((port, families)) => Backend::Service { port, families },
        Err((reason, message)) => {
            unresolved.faults.push((reason, format!("{field}: {message}")));
            let broken = Backend::Broken { reason, message: message.as_str().into() };
            if target.is_ok() {
                let message = format!(
                    "{message}; its share of the requests is answered {}",
                    broken_status(unresolved.source.kind)
                );
                unresolved.note(field, reason, message);
            }
            broken
        }
    };
    (*weight > 0).then(|| WeightedBackend { weight: *weight, backend, filters: filters.clone() })
}

/// A place that gets copies; `None` where there is no such place, which is told, and where it gets nothing.
fn resolve_mirror(tables: &Tables, reference: &MirrorRef, unresolved: &mut Unresolved<'_>) -> Option<Mirror> {
    let MirrorRef { field, target, fraction } = reference;
    match target.clone().and_then(|(service, port)| service_port(tables, service, port)) {
        Ok((port, families)) => {
            (fraction.numerator > 0).then_some(Mirror { port, families, fraction: *fraction })
        }
        Err((reason, message)) => {
            unresolved.faults.push((reason, format!("{field}: {message}")));
            unresolved.note(field.clone(), reason, format!("{message}; no copies are sent"));
            None
        }
    }
}

/// A Service port that requests can go to. Another namespace's needs no grant: a route with a Service as parent
/// reaches nothing that its client could not reach (GEP-1294).
fn service_port(
    tables: &Tables,
    service: ServiceKey,
    port: u16,
) -> Result<(ServicePortKey, Families), Fault> {
    let Some(fact) = tables.service(&service) else {
        return Err(("BackendNotFound", format!("there is no Service {service}")));
    };
    if let ServiceForm::External(host) = &fact.form {
        return Err(("InvalidKind", format!("Service {service} is an ExternalName ({host})")));
    }
    if !fact.ports.iter().any(|known| known.number == port) {
        return Err(("BackendNotFound", format!("Service {service} has no port {port}")));
    }
    Ok((ServicePortKey { service, port }, fact.families))
}

/// The Service ports that a route sends requests to.
pub(crate) fn backends(attachment: &Attachment) -> impl Iterator<Item = &ServicePortKey> {
    attachment.rules.iter().flat_map(|rule| rule.rule.ports())
}
