//! The stages of who is behind a Service: members, workloads, endpoints.

use super::{Changed, publish};
use crate::Index;
use crate::access::route_access;
use crate::multimap::Side;
use crate::services::endpoints;
use crate::services::member::{self, Members};
use crate::status::findings::Finding;
use crate::workloads::{view, workload};
use heddle_model::snapshot::Key;
use heddle_model::{ServiceKey, ServicePortKey, WorkloadKey};
use std::mem::take;
use std::sync::Arc;

impl Index {
    pub(super) fn resolve_members(&mut self) {
        for key in take(&mut self.dirty.members) {
            self.work.members += 1;
            let new = member::resolve(&self.tables, &self.snapshot.addresses, &key);
            let old = match &new {
                Some(new) => self.derived.members.insert(key.clone(), new.clone()),
                None => self.derived.members.remove(&key),
            };
            if old != new {
                self.replace_members(&key, &old.unwrap_or_default(), &new.unwrap_or_default());
            }
        }
    }

    fn replace_members(&mut self, key: &ServiceKey, old: &Members, new: &Members) {
        for port in old.ports.keys().chain(new.ports.keys()) {
            let is_same = old.ports.get(port) == new.ports.get(port);
            if !is_same || old.absent.get(port) != new.absent.get(port) {
                self.dirty.endpoints.insert(ServicePortKey { service: key.clone(), port: *port });
            }
        }
        let derived = &mut self.derived;
        for (side, members) in [(Side::Goes, old), (Side::Comes, new)] {
            for address in &members.addresses {
                derived.members_at.put(side, *address, key.clone());
            }
            for node in &members.nodes {
                derived.members_on.put(side, node.clone(), key.clone());
            }
        }
        let (before, after) = (old.edges(key), new.edges(key));
        for (side, edges) in
            [(Side::Goes, before.difference(&after)), (Side::Comes, after.difference(&before))]
        {
            for (workload, edge) in edges {
                derived.edges.put(side, workload.clone(), edge.clone());
                self.dirty.workloads.insert(workload.clone());
            }
        }
        let finding = |members: &Members| Finding {
            diagnostics: members.diagnostics.iter().cloned().collect(),
            ..Finding::default()
        };
        self.replace_finding(&finding(old), &finding(new));
    }

    pub(super) fn resolve_workloads(&mut self, changed: &mut Changed) {
        let selected = take(&mut self.dirty.selectors).workloads(&self.tables);
        self.dirty.workloads.extend(selected);
        for key in take(&mut self.dirty.workloads) {
            self.work.workloads += 1;
            let view = view::View {
                tables: &self.tables,
                owners: &self.snapshot.addresses,
                services: &self.snapshot.services,
                policies: &self.derived.policies,
                servers: &self.derived.servers,
                routes: route_access::View {
                    tables: &self.tables,
                    attachments: &self.derived.attachments,
                    attached: &self.derived.attached,
                    policies: &self.derived.policies,
                },
                mesh: &self.snapshot.mesh,
                cidrs: &self.derived.cidrs,
            };
            let pool = self.derived.pools.entry(key.namespace.clone()).or_default();
            let new = view.resolve(&key, self.derived.edges.of(&key), pool);
            self.work.access += new.as_ref().map_or(0, |new| new.workload.inbound.len() as u64 + 1);
            let old = match &new {
                Some(new) => self.derived.workloads.insert(key.clone(), new.clone()),
                None => self.derived.workloads.remove(&key),
            };
            if old != new {
                self.replace_workload(&key, old, new, changed);
            }
        }
    }

    fn replace_workload(
        &mut self,
        key: &WorkloadKey,
        old: Option<workload::Resolved>,
        new: Option<workload::Resolved>,
        changed: &mut Changed,
    ) {
        if old.as_ref().map(endpoints::depends_on) != new.as_ref().map(endpoints::depends_on) {
            self.dirty.endpoints.extend(self.derived.edges.of(key).iter().map(|edge| edge.port.clone()));
        }
        let none = Finding::default();
        let finding = |form: &Option<workload::Resolved>| form.as_ref().map(|form| form.finding.clone());
        let (before, after) = (finding(&old), finding(&new));
        self.replace_finding(before.as_ref().unwrap_or(&none), after.as_ref().unwrap_or(&none));
        let live = new.filter(|new| !new.ended).map(|new| new.workload);
        if publish(&mut self.snapshot.workloads, key, live) {
            changed.insert(Key::Workload(key.clone()));
        }
    }

    pub(super) fn resolve_endpoints(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.endpoints) {
            self.work.endpoints += 1;
            let all = self.derived.members.get(&key.service);
            let members = all.and_then(|all| Some((all.ports.get(&key.port)?, all.absent.get(&key.port))));
            let new = members.map(|(members, absent)| {
                Arc::new(endpoints::resolve(&self.tables, &self.derived.workloads, members, absent))
            });
            if publish(&mut self.snapshot.endpoints, &key, new) {
                changed.insert(Key::Endpoints(key));
            }
        }
    }

    pub(super) fn replace_finding(&mut self, old: &Finding, new: &Finding) {
        let touched = self.derived.findings.replace(old, new);
        self.dirty.diagnostics.extend(touched.diagnostics);
        self.dirty.reports.extend(touched.reports);
    }
}
