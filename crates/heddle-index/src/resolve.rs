//! The stages of resolving, in order. Each takes what is dirty for it, recomputes, compares, and marks what
//! depends on what became different.

use crate::address::Claim;
use crate::findings::Finding;
use crate::member::{self, Members};
use crate::multimap::Side;
use crate::{Index, attachment, endpoints, policy, report, routes, service, workload};
use heddle_model::report::Report;
use heddle_model::snapshot::{Key, RouteKey};
use heddle_model::{Diagnostic, Kind, Map, ServiceKey, ServicePortKey, SourceRef, WorkloadKey};
use std::collections::BTreeSet;
use std::mem::take;
use std::sync::Arc;

/// The keys that changed so far.
type Changed = BTreeSet<Key>;

/// Puts a value into a map, or takes it out. Returns whether that made a difference.
fn publish<K: Ord + Clone, V: Clone + Eq>(map: &mut Map<K, V>, key: &K, value: Option<V>) -> bool {
    if map.get(key) == value.as_ref() {
        return false;
    }
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    };
    true
}

impl Index {
    /// Recomputes what the events since the last call touch. Returns the keys whose values became different:
    /// none where the result is equal.
    pub fn resolve(&mut self) -> BTreeSet<Key> {
        let mut changed = Changed::new();
        self.resolve_mesh(&mut changed);
        self.resolve_addresses(&mut changed);
        self.resolve_nodes();
        self.resolve_members();
        self.resolve_attachments(&mut changed);
        self.resolve_services(&mut changed);
        self.resolve_policies();
        self.resolve_workloads(&mut changed);
        self.resolve_endpoints(&mut changed);
        self.resolve_routes(&mut changed);
        self.resolve_reports(&mut changed);
        self.resolve_diagnostics(&mut changed);
        changed
    }

    /// Of the Mesh only its posture decides something here, for the namespaces that do not say theirs.
    fn resolve_mesh(&mut self, changed: &mut Changed) {
        if !take(&mut self.dirty.mesh) {
            return;
        }
        let mesh = self.tables.mesh();
        self.dirty.workloads.extend(self.workloads_of_mesh_posture());
        if *self.snapshot.mesh != mesh {
            self.snapshot.mesh = Arc::new(mesh);
            changed.insert(Key::Mesh);
        }
    }

    /// The workloads whose posture is the Mesh's, if it is another than they were resolved with.
    fn workloads_of_mesh_posture(&self) -> Vec<WorkloadKey> {
        let mesh = crate::tables::mesh_source();
        let source = self.tables.row(&mesh).map(|_| mesh.clone());
        let posture = self.tables.mesh().posture;
        let other = self.derived.workloads.iter().filter(|(_, resolved)| {
            let access = &resolved.workload.undeclared.access;
            let of_mesh = access.posture_source.as_ref().is_none_or(|source| source.kind == Kind::Mesh);
            of_mesh && (access.posture != posture || access.posture_source != source)
        });
        other.map(|(key, _)| key.clone()).collect()
    }

    fn resolve_addresses(&mut self, changed: &mut Changed) {
        let mut touched = take(&mut self.dirty.held);
        for address in take(&mut self.dirty.addresses) {
            let claims = self.tables.claims.of(&address);
            let owner = claims.first().map(Claim::owner);
            if !publish(&mut self.snapshot.addresses, &address, owner) {
                continue;
            }
            changed.insert(Key::Address(address));
            touched.insert(address);
            for claim in claims {
                if let Claim::Service(key) = claim {
                    self.dirty.services.insert(key.clone());
                }
            }
            for key in self.tables.externals_at.of(&address) {
                self.dirty.workloads.insert(key.clone());
                self.dirty.reports.insert(key.source());
            }
        }
        for address in touched {
            self.dirty.members.extend(self.derived.members_at.of(&address).iter().cloned());
        }
    }

    fn resolve_nodes(&mut self) {
        for node in take(&mut self.dirty.nodes) {
            self.dirty.workloads.extend(self.tables.on_node.of(&node).iter().cloned());
            for service in self.derived.members_on.of(&node) {
                let Some(members) = self.derived.members.get(service) else { continue };
                let on_node = members
                    .ports
                    .iter()
                    .filter(|(_, members)| members.iter().any(|member| member.node.as_ref() == Some(&node)));
                self.dirty.endpoints.extend(
                    on_node.map(|(port, _)| ServicePortKey { service: service.clone(), port: *port }),
                );
            }
        }
    }

    fn resolve_members(&mut self) {
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
            if old.ports.get(port) != new.ports.get(port) {
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

    fn replace_finding(&mut self, old: &Finding, new: &Finding) {
        let touched = self.derived.findings.replace(old, new);
        self.dirty.diagnostics.extend(touched.diagnostics);
        self.dirty.reports.extend(touched.reports);
    }

    fn resolve_attachments(&mut self, changed: &mut Changed) {
        for source in take(&mut self.dirty.attachments) {
            self.work.attachments += 1;
            let new = attachment::resolve(&self.tables, &source);
            let old = match &new {
                Some(new) => self.derived.attachments.insert(source.clone(), new.clone()),
                None => self.derived.attachments.remove(&source),
            };
            if old == new {
                continue;
            }
            self.work.reports += 1;
            let report = new.as_ref().map(|new| Arc::new(new.report.clone()));
            if publish(&mut self.snapshot.reports, &source, report) {
                changed.insert(Key::Report(source.clone()));
            }
            self.dirty.policies.extend(self.tables.policies.of(&source).iter().cloned());
            for (side, form) in [(Side::Goes, old), (Side::Comes, new)] {
                for port in form.into_iter().flat_map(|form| form.ports) {
                    let table = attachment::table(&source, &port);
                    self.derived.attached.put(side, table.clone(), source.clone());
                    self.dirty.routes.insert(table);
                    self.dirty.services.insert(port.service);
                }
            }
        }
    }

    fn resolve_services(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.services) {
            self.work.services += 1;
            self.dirty.diagnostics.insert(key.source());
            let (owners, attached) = (&self.snapshot.addresses, &self.derived.attached);
            let new = service::resolve(&self.tables, owners, attached, &key).map(Arc::new);
            let old = self.snapshot.services.get(&key).cloned();
            if !publish(&mut self.snapshot.services, &key, new.clone()) {
                continue;
            }
            changed.insert(Key::Service(key.clone()));
            if old.map(|old| old.ports.clone()) != new.map(|new| new.ports.clone()) {
                self.mark_behind(&key);
            }
        }
    }

    /// Marks the workloads behind a Service: what it says of their ports changed.
    fn mark_behind(&mut self, key: &ServiceKey) {
        let Some(members) = self.derived.members.get(key) else { return };
        let all = members.ports.values().flatten();
        self.dirty.workloads.extend(all.filter_map(|member| member.workload.clone()));
    }

    fn resolve_policies(&mut self) {
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
            self.dirty.reports.insert(source);
            for port in [old, new].into_iter().flatten().flat_map(|policy| policy.scopes.into_keys()) {
                let Some(members) = self.derived.members.get(&port.service) else { continue };
                let all = members.ports.get(&port.port).into_iter().flatten();
                self.dirty.workloads.extend(all.filter_map(|member| member.workload.clone()));
            }
        }
    }

    fn resolve_workloads(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.workloads) {
            self.work.workloads += 1;
            let view = workload::View {
                tables: &self.tables,
                owners: &self.snapshot.addresses,
                services: &self.snapshot.services,
                policies: &self.derived.policies,
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

    fn resolve_endpoints(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.endpoints) {
            self.work.endpoints += 1;
            let members = self.derived.members.get(&key.service).and_then(|all| all.ports.get(&key.port));
            let new = members
                .map(|members| Arc::new(endpoints::resolve(&self.tables, &self.derived.workloads, members)));
            if publish(&mut self.snapshot.endpoints, &key, new) {
                changed.insert(Key::Endpoints(key));
            }
        }
    }

    fn resolve_routes(&mut self, changed: &mut Changed) {
        for key in take(&mut self.dirty.routes) {
            self.work.routes += 1;
            let table = self.route_table(&key);
            if publish(&mut self.snapshot.routes, &key, table) {
                changed.insert(Key::Routes(key));
            }
        }
    }

    fn route_table(
        &self,
        key: &RouteKey,
    ) -> Option<Arc<heddle_model::route::RouteTable<heddle_model::http::HttpMatch>>> {
        let sources = self.derived.attached.of(key).iter();
        let attached = sources.filter_map(|source| Some((source, self.derived.attachments.get(source)?)));
        routes::resolve(attached).map(Arc::new)
    }

    fn resolve_reports(&mut self, changed: &mut Changed) {
        for source in take(&mut self.dirty.reports) {
            if source.kind == Kind::HttpRoute {
                continue;
            }
            let new = self.report(&source);
            if publish(&mut self.snapshot.reports, &source, new.map(Arc::new)) {
                changed.insert(Key::Report(source));
            }
        }
    }

    fn report(&mut self, source: &SourceRef) -> Option<Report> {
        let view = report::View {
            tables: &self.tables,
            owners: &self.snapshot.addresses,
            policies: &self.derived.policies,
            findings: &self.derived.findings,
        };
        let report = view.resolve(source);
        self.work.reports += u64::from(report.is_some());
        report
    }

    fn resolve_diagnostics(&mut self, changed: &mut Changed) {
        for source in take(&mut self.dirty.diagnostics) {
            let all = self.diagnostics(&source);
            let all = (!all.is_empty()).then(|| all.into());
            if publish(&mut self.snapshot.diagnostics, &source, all) {
                changed.insert(Key::Diagnostics(source));
            }
        }
    }

    /// What lowering said of an object, and then what resolving found.
    fn diagnostics(&self, source: &SourceRef) -> Vec<Diagnostic> {
        let lowered = self.tables.row(source).map_or(&[][..], |row| &row.diagnostics);
        let found = self.derived.findings.diagnostics(source);
        let mut all: Vec<_> = lowered.iter().chain(found).cloned().collect();
        if source.kind == Kind::Service {
            let key = crate::tables::service_key(source);
            all.extend(service::diagnostics(&self.tables, &self.snapshot.addresses, &key));
        }
        all
    }
}
