//! Access, as Envoy's RBAC filters.
//!
//! Two stages, in the order that [`Access`] states. The first refuses what an enforced Deny matches, what is no request
//! of the routes that a port serves, and where policies compare escapes, paths with lower-case ones, which Envoy would
//! take for other paths, and paths that a connection has which began before paths were resolved. The second admits what an enforced Allow matches, or what the posture admits
//! where no Allow holds, and refuses the rest. Policies in Audit are shadow rules of both: of the Denies those alone, of
//! the Allows what would hold if they were enforced too.
//!
//! For requests both stages are filters that refuse everything by themselves; what they admit lies in the route
//! configuration of the port, once for the virtual host. Its routes only say which routes of the Gateway API govern
//! their requests (a [`Group`] of [`crate::inbound`]'s entries), and rules of policies on routes ask for that: so rules
//! and routes are not multiplied, and a policy that changes changes no listener.
//!
//! Where bytes are carried, nothing is known of requests: an Allow that speaks of HTTP admits nothing and still
//! covers the port, a Deny forgets its HTTP parts. So whoever could send a route's requests as bytes does not get
//! round a policy of that route.

mod group;
mod permission;
mod principal;

pub(crate) use group::{Group, UNMATCHED, groups, metadata, tagged};

use crate::filter::{http_filter, network_filter};
use crate::xds;
use heddle_model::SourceRef;
use heddle_model::access::{Access, Action, Governor, Mode, Policy, Posture, Rule};
use std::collections::BTreeMap;

/// The prefix of the names of dynamic metadata of Deny policies in Audit.
pub(crate) const AUDIT_DENY: &str = "audit_deny_";
/// The prefix of the names of dynamic metadata of Allow policies in Audit.
pub(crate) const AUDIT_ALLOW: &str = "audit_allow_";

/// The units in which a proxy sees what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// Requests.
    Requests,
    /// Bytes.
    Bytes,
}

/// One of the filters.
struct Stage {
    name: &'static str,
    rules: Option<xds::Rbac>,
    audit: Option<xds::Rbac>,
    audit_prefix: &'static str,
}

impl Stage {
    fn is_idle(&self) -> bool {
        self.rules.is_none() && self.audit.is_none()
    }

    fn name(&self) -> String {
        format!("heddle.access.{}", self.name)
    }

    fn http(self) -> xds::HttpRbac {
        xds::HttpRbac {
            rules: self.rules,
            shadow_rules: self.audit,
            shadow_rules_stat_prefix: self.audit_prefix.into(),
            ..xds::HttpRbac::default()
        }
    }
}

/// The HTTP filters of every port, in order: each refuses what the route configuration says nothing of.
pub(crate) fn http_filters() -> Vec<xds::HttpFilter> {
    let refusing = |name, audit_prefix| {
        let nobody = xds::Rbac { action: xds::rbac::Action::Allow.into(), ..xds::Rbac::default() };
        let stage = Stage { name, rules: Some(nobody), audit: None, audit_prefix };
        http_filter(&stage.name(), xds::pack(&stage.http()))
    };
    vec![refusing("deny", AUDIT_DENY), refusing("allow", AUDIT_ALLOW)]
}

/// Returns what the HTTP filters do at a port, by their names.
pub(crate) fn per_route(access: &Access, trust_domain: &str) -> BTreeMap<String, xds::Any> {
    let config = |stage: Stage| {
        let name = stage.name();
        let rbac = if stage.is_idle() { xds::HttpRbac::default() } else { stage.http() };
        (name, xds::pack(&xds::HttpRbacPerRoute { rbac: Some(rbac) }))
    };
    stages(access, Sees::Requests, trust_domain).into_iter().map(config).collect()
}

/// The network filters that enforce `access`, in order; none where it admits everyone.
pub(crate) fn network(access: &Access, trust_domain: &str, stat_prefix: &str) -> Vec<xds::Filter> {
    let filter = |stage: Stage| {
        let name = stage.name();
        let config = xds::NetworkRbac {
            rules: stage.rules,
            shadow_rules: stage.audit,
            shadow_rules_stat_prefix: stage.audit_prefix.into(),
            stat_prefix: format!("{stat_prefix}."),
            ..xds::NetworkRbac::default()
        };
        network_filter(&name, &config)
    };
    let stages = stages(access, Sees::Bytes, trust_domain).into_iter();
    stages.filter(|stage| !stage.is_idle()).map(filter).collect()
}

fn stages(access: &Access, sees: Sees, trust_domain: &str) -> [Stage; 2] {
    let groups = access.routes.as_deref().map(groups).unwrap_or_default();
    let rules = Rules { access, groups, sees, trust_domain };
    let mut audited = access.all_policies().filter(|policy| policy.mode == Mode::Audit);
    let deny = Stage {
        name: "deny",
        rules: rules.refused(),
        audit: rules.deny(Mode::Audit),
        audit_prefix: AUDIT_DENY,
    };
    let audits = audited.any(|policy| policy.action == Action::Allow);
    let allow = Stage {
        name: "allow",
        rules: rules.allow(&[Mode::Enforce]),
        audit: audits.then(|| rules.allow(&[Mode::Enforce, Mode::Audit])).flatten(),
        audit_prefix: AUDIT_ALLOW,
    };
    [deny, allow]
}

/// The input from which the rules of one port are made.
struct Rules<'a> {
    access: &'a Access,
    /// The routes that govern requests together, and how their requests are told.
    groups: Vec<Group>,
    sees: Sees,
    trust_domain: &'a str,
}

impl<'a> Rules<'a> {
    /// Returns what is refused whatever an Allow says.
    fn refused(&self) -> Option<xds::Rbac> {
        let mut rules = self.deny(Mode::Enforce);
        if self.sees == Sees::Requests && self.access.minds_case() {
            let rules = rules.get_or_insert_with(|| rbac(xds::rbac::Action::Deny, BTreeMap::new()));
            let refused = policy(permission::lower_escapes(), principal::anyone());
            rules.policies.insert("lower-case escapes".into(), refused);
        }
        if self.sees == Sees::Requests && self.access.minds_paths() {
            let rules = rules.get_or_insert_with(|| rbac(xds::rbac::Action::Deny, BTreeMap::new()));
            let refused = policy(permission::unresolved(), principal::anyone());
            rules.policies.insert("unresolved paths".into(), refused);
        }
        if self.access.refuses_unmatched() {
            let asked = match self.sees {
                Sees::Requests => permission::of_groups(&[UNMATCHED]),
                Sees::Bytes => permission::any(),
            };
            let rules = rules.get_or_insert_with(|| rbac(xds::rbac::Action::Deny, BTreeMap::new()));
            rules.policies.insert("routes".into(), policy(asked, principal::anyone()));
        }
        rules
    }

    fn deny(&self, mode: Mode) -> Option<xds::Rbac> {
        let policies = self.policies(Action::Deny, &[mode]);
        (!policies.is_empty()).then(|| rbac(xds::rbac::Action::Deny, policies))
    }

    /// `None` where everyone is admitted.
    fn allow(&self, modes: &[Mode]) -> Option<xds::Rbac> {
        let is_covered = self.of_port(Action::Allow, modes).next().is_some();
        let closed: Vec<&str> = self.closed(modes).iter().map(|group| group.tag.as_str()).collect();
        let nothing_covers = !is_covered && closed.is_empty() && self.bytes_are_open(modes);
        if nothing_covers && self.access.posture == Posture::Allow {
            return None;
        }
        let mut policies = self.policies(Action::Allow, modes);
        if self.sees == Sees::Requests {
            let shared = self.closed(modes).into_iter().filter(|group| group.governors.len() > 1);
            let shared = shared.filter_map(|group| self.shared(group, modes, is_covered));
            policies.extend(shared);
        }
        let rest = match self.sees {
            Sees::Requests => (!is_covered).then(|| permission::outside(&closed)),
            Sees::Bytes => (!is_covered && self.bytes_are_open(modes)).then(permission::any),
        };
        let by_posture = rest.zip(self.posture()).map(|(rest, who)| policy(rest, who));
        policies.extend(by_posture.map(|policy| ("posture".to_string(), policy)));
        Some(rbac(xds::rbac::Action::Allow, policies))
    }

    /// Returns whom the posture admits; `None` is nobody.
    fn posture(&self) -> Option<xds::Principal> {
        match self.access.posture {
            Posture::Allow => Some(principal::anyone()),
            Posture::Authenticated => Some(principal::anyone_of(self.trust_domain)),
            Posture::Deny => None,
        }
    }

    /// Returns whether no Allow on a route covers bytes.
    fn bytes_are_open(&self, modes: &[Mode]) -> bool {
        self.sees == Sees::Requests || !self.governors().any(|governor| has_allow(governor, modes))
    }

    fn governors(&self) -> impl Iterator<Item = &'a Governor> {
        self.access.routes.iter().flat_map(|routes| &routes.governors)
    }

    /// The governors of a group, and the routes that only look on where policies in Audit count.
    fn held(&self, group: &Group, modes: &[Mode]) -> impl Iterator<Item = &'a Governor> {
        let audits = if modes.contains(&Mode::Audit) { group.audits.as_slice() } else { &[] };
        let places: Vec<usize> = group.governors.iter().chain(audits).copied().collect();
        let routes = self.access.routes.as_deref();
        places.into_iter().filter_map(move |place| routes?.governors.get(place))
    }

    /// The groups whose requests an Allow covers.
    fn closed(&self, modes: &[Mode]) -> Vec<&Group> {
        let covered = |group: &&Group| self.held(group, modes).any(|governor| has_allow(governor, modes));
        self.groups.iter().filter(covered).collect()
    }

    fn of_port<'b>(&'b self, action: Action, modes: &'b [Mode]) -> impl Iterator<Item = &'a Policy> + 'b {
        self.access
            .policies
            .iter()
            .filter(move |policy| policy.action == action && modes.contains(&policy.mode))
    }

    /// The policies on routes, each with the groups for which it holds. An Allow does not admit by itself where several
    /// routes must admit ([`Self::shared`]).
    fn on_routes(&self, action: Action, modes: &[Mode]) -> Vec<(Vec<&str>, &'a Policy)> {
        let mut found: BTreeMap<&SourceRef, (Vec<&str>, &Policy)> = BTreeMap::new();
        let alone = |group: &&Group| action == Action::Deny || group.governors.len() <= 1;
        for group in self.groups.iter().filter(alone) {
            let policies = self.held(group, modes).flat_map(|governor| &governor.policies);
            let meant = policies.filter(|policy| policy.action == action && modes.contains(&policy.mode));
            for policy in meant.filter(|policy| !policy.rules.is_empty()) {
                let (tags, _) = found.entry(&policy.source).or_insert_with(|| (Vec::new(), policy));
                if tags.last() != Some(&group.tag.as_str()) {
                    tags.push(&group.tag);
                }
            }
        }
        found.into_values().collect()
    }

    fn policies(&self, action: Action, modes: &[Mode]) -> BTreeMap<String, xds::Policy> {
        let mut policies = BTreeMap::new();
        for from in self.of_port(action, modes) {
            policies.extend(self.named(from, self.asks_of_port(action)));
        }
        match self.sees {
            Sees::Requests => {
                for (tags, from) in self.on_routes(action, modes) {
                    let asked = |rule: &Rule| {
                        Some(permission::all(vec![
                            permission::of_groups(&tags),
                            permission::requests(&rule.requests),
                        ]))
                    };
                    policies.extend(self.named(from, asked));
                }
            }
            Sees::Bytes if action == Action::Deny => {
                let all = self.governors().flat_map(|governor| &governor.policies);
                for from in all.filter(|policy| policy.action == action && modes.contains(&policy.mode)) {
                    policies.extend(self.named(from, |_| Some(permission::any())));
                }
            }
            Sees::Bytes => {}
        }
        policies
    }

    /// Returns what a rule of a policy of the port asks; `None` for one that matches nothing here.
    fn asks_of_port(&self, action: Action) -> impl Fn(&Rule) -> Option<xds::Permission> {
        let sees = self.sees;
        move |rule| match (sees, action) {
            (Sees::Requests, _) => Some(permission::requests(&rule.requests)),
            (Sees::Bytes, Action::Deny) => Some(permission::any()),
            (Sees::Bytes, Action::Allow) => rule.requests.is_empty().then(permission::any),
        }
    }

    fn named(
        &self,
        from: &Policy,
        asked: impl Fn(&Rule) -> Option<xds::Permission>,
    ) -> Vec<(String, xds::Policy)> {
        let one = |rule: &Rule| {
            let who = principal::peers(&rule.from, self.trust_domain);
            Some((rule_name(&from.source, rule.index), policy(asked(rule)?, who)))
        };
        from.rules.iter().filter_map(one).collect()
    }

    /// Returns whom each of several routes admits; `None` for nobody.
    fn shared(&self, group: &Group, modes: &[Mode], port_is_covered: bool) -> Option<(String, xds::Policy)> {
        let mut each = Vec::new();
        for governor in self.held(&Group { audits: Vec::new(), ..group.clone() }, modes) {
            if !has_allow(governor, modes) {
                each.push(if port_is_covered { None } else { self.posture() }?);
                continue;
            }
            let allows = governor.policies.iter();
            let allows =
                allows.filter(|policy| policy.action == Action::Allow && modes.contains(&policy.mode));
            let rules = allows.flat_map(|policy| policy.rules.iter()).map(|rule| {
                let asked = principal::asking(&permission::requests(&rule.requests));
                principal::all(vec![asked, principal::peers(&rule.from, self.trust_domain)])
            });
            each.push(principal::one_of(rules.collect())?);
        }
        let asked = permission::of_groups(&[&group.tag]);
        Some((format!("routes/{}", group.tag), policy(asked, principal::all(each))))
    }
}

fn has_allow(governor: &Governor, modes: &[Mode]) -> bool {
    governor.policies.iter().any(|policy| policy.action == Action::Allow && modes.contains(&policy.mode))
}

/// The name of a rule in Envoy's logs and statistics: `AccessPolicy/<namespace>/<name>/<index>`.
fn rule_name(source: &SourceRef, index: usize) -> String {
    let SourceRef { kind, namespace, name } = source;
    format!("{kind}/{namespace}/{name}/{index}")
}

fn rbac(action: xds::rbac::Action, policies: BTreeMap<String, xds::Policy>) -> xds::Rbac {
    xds::Rbac { action: action.into(), policies, ..xds::Rbac::default() }
}

fn policy(permission: xds::Permission, principal: xds::Principal) -> xds::Policy {
    xds::Policy { permissions: vec![permission], principals: vec![principal], ..xds::Policy::default() }
}

#[cfg(test)]
mod tests;
