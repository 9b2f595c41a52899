//! The stages of what opens and closes ports: authorizations, Servers; and of what lies outside.

use super::{Changed, publish};
use crate::findings::Finding;
use crate::{Index, authorization, egress, selected, server};
use heddle_model::server::Opens;
use heddle_model::snapshot::Key;
use heddle_model::{Kind, SourceRef};
use std::mem::take;
use std::sync::Arc;

impl Index {
    pub(super) fn resolve_authorizations(&mut self) {
        for source in take(&mut self.dirty.authorizations) {
            self.work.authorizations += 1;
            let (tables, mesh, attachments) = (&self.tables, &*self.snapshot.mesh, &self.derived.attachments);
            let new = authorization::View { tables, mesh, attachments }.resolve(&source);
            let old = match &new {
                Some(new) => self.derived.authorizations.insert(source.clone(), new.clone()),
                None => self.derived.authorizations.remove(&source),
            };
            if old == new {
                continue;
            }
            let said = |form: &authorization::Resolved| (form.opens.clone(), form.rules.clone());
            if old.as_ref().map(said) != new.as_ref().map(said) {
                for form in [&old, &new].into_iter().flatten() {
                    let opened = self.opened(&source, &form.opens);
                    self.dirty.servers.extend(opened);
                }
            }
            let finding = |form: Option<authorization::Resolved>| {
                form.map_or_else(Finding::default, |form| form.finding)
            };
            self.replace_finding(&finding(old), &finding(new));
        }
    }

    /// The Servers that an authorization opens, or some of whose requests.
    fn opened(&self, source: &SourceRef, opens: &Opens) -> Vec<SourceRef> {
        match opens {
            Opens::Server(name) => {
                vec![SourceRef::new(Kind::Server, source.namespace.clone(), name.clone())]
            }
            Opens::Servers(selector) => {
                let servers = self.tables.servers(&source.namespace);
                let selected = servers
                    .filter(|(_, server)| server.is_some_and(|server| selector.selects(&server.labels)));
                selected.map(|(server, _)| server.clone()).collect()
            }
            Opens::Route(route) => {
                let attached = self.derived.attachments.get(route);
                attached.into_iter().flat_map(|found| found.servers.keys().cloned()).collect()
            }
        }
    }

    pub(super) fn resolve_servers(&mut self) {
        for source in take(&mut self.dirty.servers) {
            self.work.servers += 1;
            let view = server::View {
                tables: &self.tables,
                mesh: &self.snapshot.mesh,
                attachments: &self.derived.attachments,
                authorizations: &self.derived.authorizations,
            };
            let new = view.resolve(&source);
            let old = match &new {
                Some(new) => self.derived.servers.insert(source.clone(), new.clone()),
                None => self.derived.servers.remove(&source),
            };
            if old == new {
                continue;
            }
            // One that came, went or selects others now has marked those workloads itself.
            if let Some(server) = self.tables.server(&source) {
                let all = self.tables.workloads(&source.namespace);
                let touched = all.filter(|(key, workload)| selected::by(server, key, workload));
                self.dirty.workloads.extend(touched.map(|(key, _)| key));
            }
            let finding =
                |form: Option<server::Resolved>| form.map_or_else(Finding::default, |form| form.finding);
            self.replace_finding(&finding(old), &finding(new));
        }
    }

    pub(super) fn resolve_egress(&mut self, changed: &mut Changed) {
        for source in take(&mut self.dirty.egress) {
            let new = egress::resolve(&self.tables, &self.snapshot.mesh, &source).map(Arc::new);
            if publish(&mut self.snapshot.egress, &source, new) {
                changed.insert(Key::Egress(source));
            }
        }
    }
}
