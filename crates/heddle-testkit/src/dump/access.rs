//! Access, as text.

use super::{Text, field, list};
use heddle_model::Kind;
use heddle_model::access::{
    Access, AccessEntry, Action, Governor, Mode, Network, Peer, Policy, Posture, Principal, RateLimit,
    RequestMatch, RouteAccess, Rule, Sight, Unmatched,
};

/// A port's line, and what holds there.
pub(crate) fn lines(text: &mut Text, port: &str, access: &Access) {
    let Access { posture, posture_source, policies, routes } = access;
    let posture = match (posture, posture_source) {
        (Posture::Allow, None) => String::new(),
        (posture, None) => format!(" posture={posture:?}"),
        (posture, Some(source)) => format!(" posture={posture:?} by {source}"),
    };
    text.line(1, format_args!("{port}{posture}"));
    policies.iter().for_each(|policy| policy_lines(text, 2, policy));
    if let Some(routes) = routes {
        route_lines(text, routes);
    }
}

/// Writes each route's policies, then the requests that they govern.
fn route_lines(text: &mut Text, routes: &RouteAccess) {
    let RouteAccess { governors, entries, unmatched } = routes;
    for governor in governors {
        let Governor { route: _, sight: _, policies } = governor;
        text.line(2, format_args!("{}", governor_text(governor)));
        policies.iter().for_each(|policy| policy_lines(text, 3, policy));
    }
    for AccessEntry { matcher, governors, audits } in entries {
        let governors = routes.at(governors).map(governor_text).collect::<Vec<_>>().join(" and ");
        let governors = if governors.is_empty() { "the port".into() } else { governors };
        let audits = routes.at(audits).map(|audit| format!(", audit {}", governor_text(audit)));
        let audits: String = audits.collect();
        text.line(2, format_args!("[{}] by {governors}{audits}", super::http::matcher(matcher)));
    }
    match unmatched {
        Unmatched::ByPort => {}
        Unmatched::Refused => text.line(2, format_args!("[else] refused")),
    }
}

fn governor_text(governor: &Governor) -> String {
    let route = governor.route.as_ref().map_or_else(|| "the port".to_string(), ToString::to_string);
    match governor.sight {
        Sight::Clear => route,
        Sight::Blurred => format!("{route} (blurred)"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other variants are alike here")]
fn policy_lines(text: &mut Text, depth: usize, policy: &Policy) {
    let Policy { source, action, mode, rules } = policy;
    let action = match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    let mode = match mode {
        Mode::Enforce => "",
        Mode::Audit => " (audit)",
    };
    let name = match source.kind {
        Kind::AccessPolicy => format!("{}/{}", source.namespace, source.name),
        _ => source.to_string(),
    };
    text.line(depth, format_args!("{action}{mode} {name}"));
    for (place, rule) in rules.iter().enumerate() {
        // Where a rule before it could not be read.
        let moved = if rule.index == place { String::new() } else { format!("[{}] ", rule.index) };
        text.line(depth + 1, format!("{moved}{}", rule_text(rule)));
    }
}

fn rule_text(rule: &Rule) -> String {
    let Rule { index: _, from, requests } = rule;
    let from: Vec<String> = from.iter().map(peer_text).collect();
    let from = if from.is_empty() { "anyone".into() } else { from.join(" | ") };
    let requests: Vec<String> = requests.iter().map(request_text).collect();
    let requests = if requests.is_empty() { String::new() } else { format!(": {}", requests.join(" | ")) };
    format!("{from}{requests}")
}

fn peer_text(peer: &Peer) -> String {
    let Peer { principals, networks } = peer;
    let principal = |principal: &Principal| match principal {
        Principal::Any => "whoever is known".to_string(),
        Principal::Namespace(namespace) => format!("{namespace}/*"),
        Principal::Account(identity) => identity.to_string(),
        Principal::Spiffe(id) => id.to_string(),
    };
    let who = list(principals.iter().map(principal));
    let networks = self::networks(networks);
    let from = field("from", (!networks.is_empty()).then_some(networks));
    format!("{}{from}", if who.is_empty() { "anyone" } else { &who })
}

/// Networks with their holes.
pub(crate) fn networks(networks: &[Network]) -> String {
    list(networks.iter().map(|network| {
        let except = network.except.iter().map(|hole| format!("-{hole}"));
        format!("{}{}", network.cidr, except.collect::<String>())
    }))
}

/// A limit on requests.
pub(crate) fn limit(limit: &RateLimit) -> String {
    let RateLimit { source, total, identity, overrides } = limit;
    let overrides = overrides.iter().map(|(who, most)| format!(" {}={most}", list(who).replace(' ', ",")));
    let overrides: String = overrides.collect();
    let (total, identity) = (field("total", *total), field("each", *identity));
    format!(" limit by {}/{}:{total}{identity}{overrides}", source.namespace, source.name)
}

fn request_text(request: &RequestMatch) -> String {
    let RequestMatch { methods, paths, headers } = request;
    let paths = paths.iter().map(super::http::path);
    let headers = headers.iter().map(super::http::key);
    list(methods.iter().map(ToString::to_string).chain(paths).chain(headers))
}
