//! Who may call, as Envoy's RBAC filters.
//!
//! Stages, in the order that [`Access`] states. Where policies compare escapes, the first refuses paths with lower-case
//! ones, which Envoy would take for other paths. Where routes are attached, the next refuses what is none of
//! theirs. The one after refuses what an enforced Deny matches. The last admits what an enforced Allow matches, or what
//! the posture admits outside of every Allow's scope, and refuses the rest. Policies in Audit are shadow rules of
//! the last two: of the Denies those alone, of the Allows what would hold if they were enforced too.
//!
//! Where bytes are carried, nothing is known of requests: an Allow that speaks of HTTP admits nothing and still
//! covers the port, a Deny forgets its HTTP parts. So whoever could send a route's requests as bytes does not get
//! round a policy of that route.

mod permission;
mod principal;

use crate::http::{http_filter, network_filter};
use crate::xds;
use heddle_model::SourceRef;
use heddle_model::access::{Access, Action, Mode, Policy, Posture, Rule};
use heddle_model::http::HttpMatch;
use std::collections::BTreeMap;

/// What stands before the names of dynamic metadata of Deny policies in Audit.
pub(crate) const AUDIT_DENY: &str = "audit_deny_";
/// What stands before the names of dynamic metadata of Allow policies in Audit.
pub(crate) const AUDIT_ALLOW: &str = "audit_allow_";

/// What a proxy sees of what it carries.
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

/// The HTTP filters that enforce `access`, in order; none where it admits everyone.
pub(crate) fn http(access: &Access, trust_domain: &str) -> Vec<xds::HttpFilter> {
    let filter = |stage: Stage| {
        let config = xds::HttpRbac {
            rules: stage.rules,
            shadow_rules: stage.audit,
            shadow_rules_stat_prefix: stage.audit_prefix.into(),
            ..xds::HttpRbac::default()
        };
        http_filter(&format!("heddle.access.{}", stage.name), xds::pack(&config))
    };
    stages(access, Sees::Requests, trust_domain).map(filter).collect()
}

/// The network filters that enforce `access`, in order; none where it admits everyone.
pub(crate) fn network(access: &Access, trust_domain: &str, stat_prefix: &str) -> Vec<xds::Filter> {
    let filter = |stage: Stage| {
        let config = xds::NetworkRbac {
            rules: stage.rules,
            shadow_rules: stage.audit,
            shadow_rules_stat_prefix: stage.audit_prefix.into(),
            stat_prefix: format!("{stat_prefix}."),
            ..xds::NetworkRbac::default()
        };
        network_filter(&format!("heddle.access.{}", stage.name), &config)
    };
    stages(access, Sees::Bytes, trust_domain).map(filter).collect()
}

fn stages(access: &Access, sees: Sees, trust_domain: &str) -> impl Iterator<Item = Stage> {
    let rules = Rules { access, sees, trust_domain };
    let audited =
        |action| access.policies.iter().any(|policy| policy.mode == Mode::Audit && policy.action == action);
    let escapes = Stage { name: "escapes", rules: rules.escapes(), audit: None, audit_prefix: "" };
    let routes = Stage { name: "routes", rules: rules.routed(), audit: None, audit_prefix: "" };
    let deny = Stage {
        name: "deny",
        rules: rules.deny(Mode::Enforce),
        audit: rules.deny(Mode::Audit),
        audit_prefix: AUDIT_DENY,
    };
    let allow = Stage {
        name: "allow",
        rules: rules.allow(&[Mode::Enforce]),
        audit: audited(Action::Allow).then(|| rules.allow(&[Mode::Enforce, Mode::Audit])).flatten(),
        audit_prefix: AUDIT_ALLOW,
    };
    [escapes, routes, deny, allow].into_iter().filter(|stage| stage.rules.is_some() || stage.audit.is_some())
}

/// What the rules of one port are made from.
struct Rules<'a> {
    access: &'a Access,
    sees: Sees,
    trust_domain: &'a str,
}

impl Rules<'_> {
    /// `None` where the case of escapes does not matter.
    fn escapes(&self) -> Option<xds::Rbac> {
        (self.sees == Sees::Requests && self.access.minds_case()).then(|| {
            let refused = policy(permission::lower_escapes(), principal::anyone());
            let policies = BTreeMap::from([("lower-case escapes".to_string(), refused)]);
            xds::Rbac { action: xds::rbac::Action::Deny.into(), policies, ..xds::Rbac::default() }
        })
    }

    /// `None` where no route is attached. Bytes are no request of any.
    fn routed(&self) -> Option<xds::Rbac> {
        let routed = self.access.routed.as_deref()?;
        let permission = match self.sees {
            Sees::Requests => permission::requests(Some(routed), &[]),
            Sees::Bytes => None,
        };
        let of_route = permission.map(|of| ("routes".to_string(), policy(of, principal::anyone())));
        let policies = of_route.into_iter().collect();
        Some(xds::Rbac { action: xds::rbac::Action::Allow.into(), policies, ..xds::Rbac::default() })
    }

    fn deny(&self, mode: Mode) -> Option<xds::Rbac> {
        let policies = self.policies(Action::Deny, &[mode]);
        (!policies.is_empty()).then_some(xds::Rbac {
            action: xds::rbac::Action::Deny.into(),
            policies,
            ..xds::Rbac::default()
        })
    }

    /// `None` where everyone is admitted.
    fn allow(&self, modes: &[Mode]) -> Option<xds::Rbac> {
        let covering: Vec<_> =
            self.with(Action::Allow, modes).map(|policy| policy.scope.as_deref()).collect();
        if covering.is_empty() && self.access.posture == Posture::Allow {
            return None;
        }
        let mut policies = self.policies(Action::Allow, modes);
        policies.extend(self.posture(&covering).map(|policy| ("posture".to_string(), policy)));
        Some(xds::Rbac { action: xds::rbac::Action::Allow.into(), policies, ..xds::Rbac::default() })
    }

    /// Admits by posture what is in none of these scopes (`None`: the whole port).
    fn posture(&self, covering: &[Option<&[HttpMatch]>]) -> Option<xds::Policy> {
        let who = match self.access.posture {
            Posture::Allow => principal::anyone(),
            Posture::Authenticated => principal::anyone_of(self.trust_domain),
            Posture::Deny => return None,
        };
        let scopes = match self.sees {
            Sees::Requests => covering.iter().copied().collect::<Option<Vec<_>>>()?.concat(),
            Sees::Bytes if covering.is_empty() => Vec::new(),
            Sees::Bytes => return None,
        };
        Some(policy(permission::outside(&scopes), who))
    }

    fn with<'b>(&'b self, action: Action, modes: &'b [Mode]) -> impl Iterator<Item = &'b Policy> {
        let held = move |policy: &&Policy| policy.action == action && modes.contains(&policy.mode);
        self.access.policies.iter().filter(held)
    }

    fn policies(&self, action: Action, modes: &[Mode]) -> BTreeMap<String, xds::Policy> {
        let of = |from: &Policy| {
            let named = |rule: &Rule| Some((rule_name(&from.source, rule.index), self.rule(from, rule)?));
            from.rules.iter().filter_map(named).collect::<Vec<_>>()
        };
        self.with(action, modes).flat_map(of).collect()
    }

    /// `None` for a rule that matches nothing here.
    fn rule(&self, from: &Policy, rule: &Rule) -> Option<xds::Policy> {
        let Rule { index: _, from: peers, requests } = rule;
        let permission = match (self.sees, from.action) {
            (Sees::Requests, _) => permission::requests(from.scope.as_deref(), requests)?,
            (Sees::Bytes, Action::Deny) => permission::any(),
            (Sees::Bytes, Action::Allow) => {
                (requests.is_empty() && from.scope.is_none()).then(permission::any)?
            }
        };
        Some(policy(permission, principal::peers(peers, self.trust_domain)))
    }
}

/// The name of a rule in Envoy's logs and statistics: `AccessPolicy/<namespace>/<name>/<index>`.
fn rule_name(source: &SourceRef, index: usize) -> String {
    let SourceRef { kind, namespace, name } = source;
    format!("{kind}/{namespace}/{name}/{index}")
}

fn policy(permission: xds::Permission, principal: xds::Principal) -> xds::Policy {
    xds::Policy { permissions: vec![permission], principals: vec![principal], ..xds::Policy::default() }
}

#[cfg(test)]
mod tests;
