//! One AccessPolicy with its targets looked up: the Service ports and the routes that it covers.

use crate::routes::attachment::{Attachment, backends};
use crate::routes::tellable::tellable;
use crate::tables::Tables;
use heddle_model::access::{Action, Mode, Policy, Rule};
use heddle_model::fact::{Covers, ServiceForm, Target};
use heddle_model::{Diagnostic, Kind, Name, ServiceKey, ServicePortKey, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An AccessPolicy, its rules shared by every port that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) action: Action,
    pub(crate) mode: Mode,
    pub(crate) rules: Arc<[Rule]>,
    /// The Service ports that its targets name: all that comes to the workloads behind them.
    pub(crate) ports: BTreeSet<ServicePortKey>,
    /// The routes that its targets name: their requests, at the workloads that they lead to.
    pub(crate) routes: BTreeSet<SourceRef>,
    /// Targets that are not there, by their places in `spec.targetRefs`.
    pub(crate) missing: Vec<(usize, String)>,
    /// Matches of its routes that no server can tell, and backends that it does not cover.
    pub(crate) partial: Vec<String>,
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
        ports: BTreeSet::new(),
        routes: BTreeSet::new(),
        missing: Vec::new(),
        partial: Vec::new(),
    };
    let targets = match &policy.covers {
        Covers::Targets(targets) => targets.as_slice(),
        Covers::Namespace | Covers::Workloads { .. } => &[],
    };
    for (place, target) in targets.iter().enumerate() {
        match target {
            Target::Service { name, port } => {
                let key = ServiceKey { namespace: source.namespace.clone(), name: name.clone() };
                resolved.cover_service(tables, place, key, port.as_ref());
            }
            Target::HttpRoute { name } => {
                let kind = Kind::HttpRoute;
                let route = SourceRef { kind, namespace: source.namespace.clone(), name: name.clone() };
                resolved.cover_route(attachments, place, &route);
            }
        }
    }
    Some(resolved)
}

impl Resolved {
    /// Returns what is wrong with the targets of the policy `source`.
    pub(crate) fn diagnostics(&self, source: &SourceRef) -> impl Iterator<Item = Diagnostic> {
        let missing = self.missing.iter().map(|(place, message)| {
            let message = format!("{message}; nothing is covered by such a target");
            (format!("spec.targetRefs[{place}]"), "TargetNotFound", message)
        });
        let partial = self.partial.iter();
        let partial =
            partial.map(|message| ("spec.targetRefs".to_string(), "UnsupportedValue", message.clone()));
        missing.chain(partial).map(|(field, reason, message)| Diagnostic {
            object: source.clone(),
            field,
            reason,
            message,
        })
    }

    fn cover_service(&mut self, tables: &Tables, place: usize, key: ServiceKey, name: Option<&Name>) {
        let Some(service) = tables.service(&key) else {
            return self.missing.push((place, format!("there is no Service {key}")));
        };
        if matches!(service.form, ServiceForm::External(_)) {
            let message = format!("Service {key} is an ExternalName: no workload is behind it");
            return self.missing.push((place, message));
        }
        let wanted = service.ports.iter().filter(|port| name.is_none_or(|name| port.name == *name));
        let wanted: Vec<_> = wanted.map(|port| port.number).collect();
        if let (true, Some(name)) = (wanted.is_empty(), name) {
            self.missing.push((place, format!("Service {key} has no port named {name:?}")));
        }
        for port in wanted {
            self.ports.insert(ServicePortKey { service: key.clone(), port });
        }
    }

    fn cover_route(
        &mut self,
        attachments: &BTreeMap<SourceRef, Attachment>,
        place: usize,
        route: &SourceRef,
    ) {
        let Some(attachment) = attachments.get(route) else {
            return self.missing.push((place, format!("there is no {route}")));
        };
        if !attachment.ports.iter().any(|port| port.service.namespace == route.namespace) {
            return self.missing.push((place, format!("{route} is attached to no Service of its namespace")));
        }
        self.routes.insert(route.clone());
        self.note_blurred(route, attachment);
        self.note_foreign(route, attachment);
    }

    /// A server's rules know no query and no regular expression. Where a match has one, the rest of it covers more than
    /// the match: a Deny refuses more, and an Allow closes more and admits none of it.
    fn note_blurred(&mut self, route: &SourceRef, attachment: &Attachment) {
        let meaning = match self.action {
            Action::Allow => "nothing is admitted by it, and all that the rest of it matches is closed",
            Action::Deny => "all that the rest of it matches is denied",
        };
        for (index, rule) in attachment.rules.iter().enumerate() {
            let matches = rule.matches.iter().enumerate();
            let blurred = matches.filter_map(|(place, matcher)| Some((place, tellable(matcher).1?)));
            self.partial.extend(blurred.map(|(place, untold)| {
                format!("{route} rules[{index}].matches[{place}] has {untold}, which no server can tell: {meaning}")
            }));
        }
    }

    /// A policy holds in its own namespace only.
    fn note_foreign(&mut self, route: &SourceRef, attachment: &Attachment) {
        let foreign = backends(attachment).filter(|port| port.service.namespace != route.namespace);
        let foreign: BTreeSet<_> = foreign.collect();
        self.partial.extend(foreign.into_iter().map(|port| {
            format!("{route} sends requests to {port}, of another namespace: they are not covered there")
        }));
    }

    /// The policy as it holds at one port.
    pub(crate) fn policy(&self, source: &SourceRef) -> Policy {
        let Self { action, mode, rules, ports: _, routes: _, missing: _, partial: _ } = self;
        Policy { source: source.clone(), action: *action, mode: *mode, rules: rules.clone() }
    }
}
