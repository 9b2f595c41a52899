//! The stages of what clients dial: attached routes, Services, the targets of policies, route tables.

use super::{Changed, publish};
use crate::Index;
use crate::access::policy;
use crate::multimap::Side;
use crate::routes::attachment;
use crate::routes::attachment::Attachment;
use crate::routes::attachment::backends;
use crate::routes::parent;
use crate::routes::table;
use crate::routes::table::{Excluded, Merged};
use crate::services::service;
use heddle_model::http::HttpMatch;
use heddle_model::report::{ParentRef, Subject};
use heddle_model::route::RouteTable;
use heddle_model::snapshot::{Key, RouteKey};
use heddle_model::{Name, ServiceKey, ServicePortKey, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::Arc;

/// The Service ports whose routes changed, whether a policy targets one that did, and where those send requests.
type RouteChanges = BTreeMap<ServicePortKey, (bool, BTreeSet<ServicePortKey>)>;

/// Returns the Service ports of its own namespace that a route is attached to in some form, and its backends.
fn own_ports(
    source: &SourceRef,
    forms: [Option<&Attachment>; 2],
) -> BTreeMap<ServicePortKey, BTreeSet<ServicePortKey>> {
    let forms = || forms.into_iter().flatten();
    let own = |port: &&ServicePortKey| port.service.namespace == source.namespace;
    let backends: BTreeSet<_> = forms().flat_map(backends).cloned().collect();
    let ports = forms().flat_map(|form| &form.ports).filter(own);
    ports.map(|port| (port.clone(), backends.clone())).collect()
}

impl Index {
    pub(super) fn resolve_attachments(&mut self, changed: &mut Changed) {
        let mut changes = RouteChanges::new();
        for source in take(&mut self.dirty.attachments) {
            self.work.attachments += 1;
            let new = attachment::resolve(&self.tables, &self.snapshot.mesh, &source);
            let old = match &new {
                Some(new) => self.derived.attachments.insert(source.clone(), new.clone()),
                None => self.derived.attachments.remove(&source),
            };
            if old == new {
                continue;
            }
            self.dirty.diagnostics.insert(source.clone());
            self.publish_route_report(&source, changed);
            self.dirty.policies.extend(self.tables.policies.of(&source).iter().cloned());
            self.dirty.authorizations.extend(self.tables.authorizations.of(&source).iter().cloned());
            for form in [&old, &new].into_iter().flatten() {
                self.dirty.servers.extend(form.servers.keys().cloned());
            }
            self.forget_routes(&source.namespace);
            for (port, backends) in own_ports(&source, [old.as_ref(), new.as_ref()]) {
                let (policied, known) = changes.entry(port).or_default();
                *policied |= self.is_policied(&source);
                known.extend(backends);
            }
            for (side, form) in [(Side::Goes, old), (Side::Comes, new)] {
                for port in form.into_iter().flat_map(|form| form.ports) {
                    let table = attachment::table(&source, &port);
                    self.derived.attached.put(side, table.clone(), source.clone());
                    self.dirty.routes.insert(table);
                    self.dirty.services.insert(port.service);
                }
            }
        }
        for (port, (policied, backends)) in changes {
            if policied || self.attached_to(&port).iter().any(|route| self.is_policied(route)) {
                backends.iter().for_each(|port| self.mark_port(port));
                self.mark_reached(&port);
            }
        }
    }

    /// Returns whether a policy targets a route.
    fn is_policied(&self, route: &SourceRef) -> bool {
        !self.tables.policies.of(route).is_empty()
    }

    /// Marks the workloads to which requests for a Service port get: other policies on routes may hold there.
    fn mark_reached(&mut self, port: &ServicePortKey) {
        let routes = self.attached_to(port).iter().filter_map(|route| self.derived.attachments.get(route));
        let mut reached: BTreeSet<_> = routes.flat_map(backends).cloned().collect();
        reached.insert(port.clone());
        reached.iter().for_each(|port| self.mark_port(port));
    }

    /// The routes of a Service port that all clients have.
    fn attached_to(&self, port: &ServicePortKey) -> &[SourceRef] {
        self.derived.attached.of(&RouteKey { port: port.clone(), consumer: None })
    }

    fn forget_routes(&mut self, namespace: &Name) {
        if let Some(pool) = self.derived.pools.get_mut(namespace) {
            pool.forget_routes();
        }
    }

    /// Marks the workloads behind a Service port.
    fn mark_port(&mut self, port: &ServicePortKey) {
        self.mark_selected(&port.service);
        let Some(members) = self.derived.members.get(&port.service) else { return };
        let all = members.ports.get(&port.port).into_iter().flatten();
        self.dirty.workloads.extend(all.filter_map(|member| member.workload.clone()));
    }

    pub(super) fn resolve_services(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.services) {
            self.work.services += 1;
            self.dirty.diagnostics.insert(key.source());
            let owners = &self.snapshot.addresses;
            let routes = service::Attached {
                by_table: &self.derived.attached,
                attachments: &self.derived.attachments,
            };
            let new =
                service::resolve(&self.tables, &self.snapshot.mesh, owners, &routes, &key).map(Arc::new);
            let old = self.snapshot.services.get(&key).cloned();
            if !publish(&mut self.snapshot.services, &key, new.clone()) {
                continue;
            }
            changed.insert(Key::Service(key.clone()));
            if old.as_ref().map(|old| &old.ports) != new.as_ref().map(|new| &new.ports) {
                self.mark_behind(&key);
            }
            if old.map(|old| old.families) != new.map(|new| new.families) {
                self.mark_tables(&key);
            }
        }
    }

    /// Marks the workloads behind a Service: what it says of their ports changed.
    fn mark_behind(&mut self, key: &ServiceKey) {
        self.mark_selected(key);
        let Some(members) = self.derived.members.get(key) else { return };
        let all = members.ports.values().flatten();
        self.dirty.workloads.extend(all.filter_map(|member| member.workload.clone()));
    }

    /// Marks the workloads that a Service selects.
    fn mark_selected(&mut self, key: &ServiceKey) {
        if let Some(service) = self.tables.service(key) {
            self.dirty.selectors.insert(&key.namespace, &service.selector);
        }
    }

    /// Marks the route tables of a Service: rules that lead to its own endpoints name its families.
    fn mark_tables(&mut self, key: &ServiceKey) {
        for source in self.tables.routes.of(key) {
            let attached = self.derived.attachments.get(source).into_iter().flat_map(|found| &found.ports);
            let own = attached.filter(|port| port.service == *key);
            self.dirty.routes.extend(own.map(|port| attachment::table(source, port)));
        }
    }

    pub(super) fn resolve_policies(&mut self) {
        let mut reached = BTreeSet::new();
        for source in take(&mut self.dirty.policies) {
            self.work.policies += 1;
            let new = policy::resolve(&self.tables, &self.derived.attachments, &source);
            let old = match &new {
                Some(new) => self.derived.policies.insert(source.clone(), new.clone()),
                None => self.derived.policies.remove(&source),
            };
            if old == new {
                continue;
            }
            self.dirty.diagnostics.insert(source.clone());
            self.dirty.reports.insert(source);
            for policy in [old, new].into_iter().flatten() {
                policy.ports.iter().for_each(|port| self.mark_port(port));
                for route in &policy.routes {
                    self.forget_routes(&route.namespace);
                    let found = self.derived.attachments.get(route);
                    for (port, backends) in own_ports(route, [found, None]) {
                        reached.insert(port);
                        backends.iter().for_each(|port| self.mark_port(port));
                    }
                }
            }
        }
        for port in reached {
            self.mark_reached(&port);
        }
    }

    pub(super) fn resolve_routes(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.routes) {
            self.work.routes += 1;
            let table = self.route_table(&key, changed);
            if publish(&mut self.snapshot.routes, &key, table) {
                changed.insert(Key::Routes(key));
            }
        }
    }

    fn route_table(&mut self, key: &RouteKey, changed: &mut Changed) -> Option<Arc<RouteTable<HttpMatch>>> {
        let sources = self.derived.attached.of(key).iter();
        let attached = sources.filter_map(|source| Some((source, self.derived.attachments.get(source)?)));
        let families = self.tables.service(&key.port.service).map(|service| service.families);
        let Merged { table, excluded } = table::resolve(&key.port, families.unwrap_or_default(), attached);
        let new: BTreeMap<_, _> = excluded.into_iter().map(|(source, why)| (source.clone(), why)).collect();
        let old = self.derived.excluded.remove(key).unwrap_or_default();
        let either: BTreeSet<&SourceRef> = old.keys().chain(new.keys()).collect();
        let differs = |source: &&SourceRef| old.get(*source) != new.get(*source);
        let differing: Vec<SourceRef> = either.into_iter().filter(differs).cloned().collect();
        if !new.is_empty() {
            self.derived.excluded.insert(key.clone(), new);
        }
        for source in differing {
            self.publish_route_report(&source, changed);
        }
        table.map(Arc::new)
    }

    /// The ports of a parent of a route that accepted it.
    fn ports_of_parent<'a>(
        &self,
        attachment: &'a Attachment,
        source: &SourceRef,
        parent: &ParentRef,
    ) -> Vec<&'a ServicePortKey> {
        let Some(service) = parent::service(source, parent) else { return Vec::new() };
        let named = |number: u16| {
            let ports = self.tables.service(&service).map_or(&[][..], |found| &found.ports);
            ports.iter().find(|port| port.number == number).map(|port| port.name.as_str())
        };
        let is_meant = |port: &&ServicePortKey| {
            port.service == service
                && parent.port.is_none_or(|number| number == port.port)
                && parent.section_name.as_deref().is_none_or(|name| named(port.port) == Some(name))
        };
        attachment.ports.iter().filter(is_meant).collect()
    }

    /// Publishes the report of a route: its attachment's, and at the parents whose tables have no room for it that it
    /// is not accepted.
    fn publish_route_report(&mut self, source: &SourceRef, changed: &mut Changed) {
        self.work.reports += 1;
        let report = self.derived.attachments.get(source).map(|attachment| {
            let mut report = attachment.report.clone();
            let excluded = |port: &ServicePortKey| {
                let routes = self.derived.excluded.get(&attachment::table(source, port))?;
                Some((port.clone(), *routes.get(source)?))
            };
            let lost: BTreeMap<_, _> = attachment.ports.iter().filter_map(excluded).collect();
            if !lost.is_empty() {
                let ports = |parent: &ParentRef| self.ports_of_parent(attachment, source, parent);
                report.subjects.iter_mut().for_each(|subject| refuse(subject, &lost, ports));
            }
            Arc::new(report)
        });
        if publish(&mut self.snapshot.reports, source, report) {
            changed.insert(Key::Report(source.clone()));
        }
    }
}

/// Changes whether a route is accepted by a parent, of whose ports it lost some. One that has further ports keeps those that
/// no other kind has, and says which it lost.
fn refuse<'a>(
    subject: &mut Subject,
    lost: &BTreeMap<ServicePortKey, Excluded>,
    ports: impl Fn(&ParentRef) -> Vec<&'a ServicePortKey>,
) {
    let Some(parent) = &subject.parent else { return };
    let ports = ports(parent);
    let here: Vec<_> = ports.iter().filter_map(|port| lost.get_key_value(*port)).collect();
    let Some(accepted) = subject.conditions.iter_mut().find(|condition| condition.kind == "Accepted") else {
        return;
    };
    let full = here.iter().rev().find(|(_, why)| **why == Excluded::Full);
    match (full, here.first()) {
        (Some((port, _)), _) => *accepted = table::excluded(port),
        (None, Some((port, _))) if here.len() == ports.len() => *accepted = table::conflicted(port),
        (None, Some((port, _))) => accepted.message = table::conflicted(port).message,
        (None, None) => {}
    }
}
