//! Requests to a Service port, by its table of routes.

use super::backend;
use super::retry;
use crate::endpoints::usable;
use crate::l5d::{self, outbound as l5d_out};
use crate::tracked::TrackedSnapshot;
use crate::{filter, meta};
use heddle_model::ability;
use heddle_model::fact::DataPlane;
use heddle_model::http::HttpMatch;
use heddle_model::route::{Backend, RouteRule, RouteTable, WeightedBackend};
use heddle_model::snapshot::{RouteKey, Service};
use heddle_model::{Families, Family, Name, ServicePortKey};
use l5d_out::http_route::{self as route, distribution};

/// A Service port, as the clients of a namespace see it.
pub(crate) struct Routed<'a> {
    pub(crate) look: &'a TrackedSnapshot<'a>,
    pub(crate) namespace: &'a Name,
    pub(crate) service: &'a Service,
    pub(crate) port: &'a ServicePortKey,
    /// The family of the dialled address; `None` for a target by name.
    pub(crate) dialled: Option<Family>,
}

/// The effect of a rule on its requests.
struct Rule {
    filters: Vec<route::Filter>,
    backends: distribution::Kind,
    timeouts: Option<l5d::Timeouts>,
    retry: Option<route::Retry>,
}

impl Routed<'_> {
    /// Its routes. What none of them matches is answered 404 by the proxy.
    pub(crate) fn routes(&self) -> Vec<l5d_out::HttpRoute> {
        match self.table() {
            None => vec![self.own_endpoints()],
            Some(table) => {
                crate::precedence::best_match(table).into_iter().map(|entry| self.entry(&entry)).collect()
            }
        }
    }

    /// The table of the client's own namespace if there is one, else that of all. Never both.
    fn table(&self) -> Option<&RouteTable<HttpMatch>> {
        let key = |consumer| RouteKey { port: self.port.clone(), consumer };
        let own = self.look.routes(key(Some(self.namespace.clone())));
        own.or_else(|| self.look.routes(key(None)))
    }

    fn entry(&self, (matcher, rule): &(l5d::HttpRouteMatch, &RouteRule)) -> l5d_out::HttpRoute {
        http_route(meta::source(&rule.source), vec![matcher.clone()], self.rule(rule))
    }

    fn own_endpoints(&self) -> l5d_out::HttpRoute {
        let defaults = &self.service.defaults;
        let limits = retry::Limits {
            request: defaults.request_timeout,
            attempt: defaults.backend_timeout,
            retry: defaults.retry.as_ref(),
        };
        let rule = Rule {
            filters: Vec::new(),
            backends: first(self.to_port(self.port, self.service.families, Vec::new())),
            timeouts: limits.timeouts(),
            retry: limits.retries(),
        };
        http_route(meta::default("default"), Vec::new(), rule)
    }

    fn rule(&self, rule: &RouteRule) -> Rule {
        let RouteRule {
            source: _,
            index: _,
            filters: changes,
            redirect,
            mirrors: _,
            backends,
            request_timeout,
            backend_timeout,
            retry,
        } = rule;
        let defaults = &self.service.defaults;
        let limits = retry::Limits {
            request: request_timeout.or(defaults.request_timeout),
            attempt: backend_timeout.or(defaults.backend_timeout),
            retry: retry.as_ref().or(defaults.retry.as_ref()),
        };
        let mut filters = filter::changes(changes);
        if let Some(lack) = ability::lacks(DataPlane::Linkerd, rule) {
            filters.push(filter::answer(rule.broken_status(), lack));
        } else if let Some(redirect) = redirect {
            filters.push(filter::redirect(redirect, self.port.port));
        } else if backends.is_empty() {
            filters.push(filter::answer(rule.broken_status(), "the rule has no backend that gets traffic"));
        }
        Rule { filters, backends: self.shares(rule), timeouts: limits.timeouts(), retry: limits.retries() }
    }

    fn shares(&self, rule: &RouteRule) -> distribution::Kind {
        let status = rule.broken_status();
        let mut shares: Vec<_> =
            rule.backends.iter().map(|backend| (self.backend(backend, status), backend.weight)).collect();
        match shares.len() {
            0 => distribution::Kind::Empty(distribution::Empty {}),
            1 => first(shares.remove(0).0),
            _ => random(shares),
        }
    }

    fn backend(&self, given: &WeightedBackend, broken: u16) -> route::RouteBackend {
        let WeightedBackend { weight: _, backend, filters } = given;
        if let Some(lack) = ability::lacks_of(DataPlane::Linkerd, filters) {
            return answered(meta::default("unsupported"), filter::answer(broken, lack));
        }
        match backend {
            Backend::Service { port, families } => self.to_port(port, *families, filter::changes(filters)),
            Backend::Broken { reason, message: _ } => answered(
                meta::default("broken"),
                filter::answer(broken, &format!("the backend is broken: {reason}")),
            ),
        }
    }

    /// Returns where nobody is, the policy answers at once: an empty balancer would keep requests waiting for seconds.
    fn to_port(
        &self,
        port: &ServicePortKey,
        families: Families,
        filters: Vec<route::Filter>,
    ) -> route::RouteBackend {
        if !usable(self.look.endpoints(port), families.serving(self.dialled)) {
            let why = format!("{port} has no endpoint");
            return answered(meta::service(port), filter::answer(503, &why));
        }
        route::RouteBackend { backend: Some(backend::balanced(port, families, self.dialled)), filters }
    }
}

/// A route that answers everything by itself.
pub(crate) fn answer(name: &str, status: u16, why: &str) -> l5d_out::HttpRoute {
    let rule = Rule {
        filters: vec![filter::answer(status, why)],
        backends: distribution::Kind::Empty(distribution::Empty {}),
        timeouts: None,
        retry: None,
    };
    http_route(meta::default(name), Vec::new(), rule)
}

fn answered(metadata: l5d::Metadata, filter: route::Filter) -> route::RouteBackend {
    route::RouteBackend { backend: Some(backend::nobody(metadata)), filters: vec![filter] }
}

fn first(backend: route::RouteBackend) -> distribution::Kind {
    distribution::Kind::FirstAvailable(distribution::FirstAvailable { backends: vec![backend] })
}

/// By weight. Proxies panic where the weights add up to nothing, or to more than 32 bits.
fn random(shares: Vec<(route::RouteBackend, u32)>) -> distribution::Kind {
    let sum: u64 = shares.iter().map(|(_, weight)| u64::from((*weight).max(1))).sum();
    let scale = sum.div_ceil(u64::from(u32::MAX) / 2).max(1);
    let weighted = |(backend, weight): (route::RouteBackend, u32)| route::WeightedRouteBackend {
        backend: Some(backend),
        weight: u32::try_from((u64::from(weight) / scale).max(1)).expect("it was a u32"),
    };
    let backends = shares.into_iter().map(weighted).collect();
    distribution::Kind::RandomAvailable(distribution::RandomAvailable { backends })
}

fn http_route(metadata: l5d::Metadata, matches: Vec<l5d::HttpRouteMatch>, rule: Rule) -> l5d_out::HttpRoute {
    let Rule { filters, backends, timeouts, retry } = rule;
    let rule = route::Rule {
        matches,
        filters,
        backends: Some(route::Distribution { kind: Some(backends) }),
        timeouts,
        retry,
        allow_l5d_request_headers: false,
    };
    l5d_out::HttpRoute { metadata: Some(metadata), hosts: Vec::new(), rules: vec![rule] }
}
