//! One AccessPolicy with its targets looked up: at which Service ports, and for which requests.

use crate::attachment::Attachment;
use crate::tables::Tables;
use heddle_model::access::{Action, Mode, Rule};
use heddle_model::fact::{Covers, ServiceForm, Target};
use heddle_model::http::{HttpMatch, PathMatch, ValueMatch};
use heddle_model::{Kind, Name, ServiceKey, ServicePortKey, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An AccessPolicy, its rules shared by every port that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) action: Action,
    pub(crate) mode: Mode,
    pub(crate) rules: Arc<[Rule]>,
    /// What its targets cover. Empty unless it has targets.
    pub(crate) scopes: BTreeMap<ServicePortKey, Scope>,
    /// Targets that are not there.
    pub(crate) missing: Vec<String>,
    /// Matches of its routes that no server can tell.
    pub(crate) untold: Vec<String>,
}

/// The requests that a policy covers at one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Every request, and every TCP connection.
    pub(crate) all: bool,
    /// Requests that a server can tell: the rules decide.
    pub(crate) told: BTreeSet<HttpMatch>,
    /// For an Allow: requests among which are some that it covers, but a server cannot tell which. It closes
    /// them all and admits none of them.
    pub(crate) closed: BTreeSet<HttpMatch>,
}

impl Scope {
    /// Adds what another target of the same policy covers at the same port.
    pub(crate) fn extend(&mut self, other: &Self) {
        let Self { all, told, closed } = other;
        self.all |= all;
        self.told.extend(told.iter().cloned());
        self.closed.extend(closed.iter().cloned());
    }
}

/// Looks up the targets of an AccessPolicy.
pub(crate) fn resolve(
    tables: &Tables,
    attachments: &BTreeMap<SourceRef, Attachment>,
    source: &SourceRef,
) -> Option<Resolved> {
    let policy = tables.access_policy(tables.row(source)?)?;
    let mut resolved = Resolved {
        action: policy.action,
        mode: policy.mode,
        rules: policy.rules.as_slice().into(),
        scopes: BTreeMap::new(),
        missing: Vec::new(),
        untold: Vec::new(),
    };
    let targets = match &policy.covers {
        Covers::Targets(targets) => targets.as_slice(),
        Covers::Namespace | Covers::Workloads { .. } => &[],
    };
    for target in targets {
        match target {
            Target::Service { name, port } => {
                let key = ServiceKey { namespace: source.namespace.clone(), name: name.clone() };
                resolved.cover_service(tables, key, port.as_ref());
            }
            Target::HttpRoute { name } => {
                let kind = Kind::HttpRoute;
                let route = SourceRef { kind, namespace: source.namespace.clone(), name: name.clone() };
                resolved.cover_route(attachments, &route);
            }
        }
    }
    Some(resolved)
}

impl Resolved {
    fn cover_service(&mut self, tables: &Tables, key: ServiceKey, name: Option<&Name>) {
        let Some(service) = tables.service(&key) else {
            return self.missing.push(format!("there is no Service {key}"));
        };
        if matches!(service.form, ServiceForm::External(_)) {
            return self.missing.push(format!("Service {key} is an ExternalName: no workload is behind it"));
        }
        let wanted = service.ports.iter().filter(|port| name.is_none_or(|name| port.name == *name));
        let wanted: Vec<_> = wanted.map(|port| port.number).collect();
        if let (true, Some(name)) = (wanted.is_empty(), name) {
            self.missing.push(format!("Service {key} has no port named {name:?}"));
        }
        for port in wanted {
            let port = ServicePortKey { service: key.clone(), port };
            self.scopes.entry(port).or_default().all = true;
        }
    }

    fn cover_route(&mut self, attachments: &BTreeMap<SourceRef, Attachment>, route: &SourceRef) {
        let Some(attachment) = attachments.get(route) else {
            return self.missing.push(format!("there is no {route}"));
        };
        let own: Vec<_> =
            attachment.ports.iter().filter(|port| port.service.namespace == route.namespace).collect();
        if own.is_empty() {
            return self.missing.push(format!("{route} is attached to no Service of its namespace"));
        }
        let scope = self.route_scope(route, attachment);
        for port in own {
            self.scopes.entry(port.clone()).or_default().extend(&scope);
        }
    }

    /// The requests of a route, as far as a server's rules can tell them: they know no query and no regular
    /// expression. Where a match has one, the rest of it covers more than the match: a Deny refuses more, and
    /// an Allow closes more and admits none of it.
    fn route_scope(&mut self, route: &SourceRef, attachment: &Attachment) -> Scope {
        let mut scope = Scope::default();
        for (index, rule) in attachment.rules.iter().enumerate() {
            for (place, matcher) in rule.matches.iter().enumerate() {
                let (told, untold) = tellable(matcher);
                let Some(untold) = untold else {
                    scope.told.insert(told);
                    continue;
                };
                self.untold.push(format!(
                    "{route} rules[{index}].matches[{place}] has {untold}, which no server can tell: {}",
                    match self.action {
                        Action::Allow =>
                            "nothing is admitted by it, and all that the rest of it matches is closed",
                        Action::Deny => "all that the rest of it matches is denied",
                    }
                ));
                match self.action {
                    Action::Allow => scope.closed.insert(told),
                    Action::Deny => scope.told.insert(told),
                };
            }
        }
        scope
    }
}

/// Returns the part of a match that a server's rules can tell, its path canonical, and what they cannot tell of it.
pub(crate) fn tellable(matcher: &HttpMatch) -> (HttpMatch, Option<&'static str>) {
    let HttpMatch { path, method, headers, query } = matcher;
    let is_regex = |path: &PathMatch| matches!(path, PathMatch::Regex(_));
    let canonical = path.as_ref().filter(|path| !is_regex(path)).map(PathMatch::canonical);
    let told: Vec<_> =
        headers.iter().filter(|header| !matches!(header.value, ValueMatch::Regex(_))).cloned().collect();
    let untold = if !query.is_empty() || told != *headers || path.as_ref().is_some_and(is_regex) {
        Some("a query or a regular expression")
    } else if matches!(canonical, Some(Err(_))) {
        Some("a path that proxies do not compare in all of its spellings")
    } else {
        None
    };
    let path = canonical.and_then(Result::ok);
    (HttpMatch { path, method: method.clone(), headers: told, query: Vec::new() }, untold)
}
