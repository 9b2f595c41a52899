//! The stages of what opens and closes ports: authorizations, Servers; and of what lies outside.

use super::{Changed, publish};
use crate::Index;
use crate::access::authentication;
use crate::access::authorization;
use crate::access::selected;
use crate::access::server;
use crate::addresses::egress;
use crate::status::findings::Finding;
use heddle_model::server::Opens;
use heddle_model::snapshot::Key;
use heddle_model::{Kind, SourceRef};
use std::mem::take;
use std::sync::Arc;

impl Index {
    /// Resolves what authentications name, once for all that require them. Whatever changes one marks those too.
    pub(super) fn resolve_authentications(&mut self) {
        for source in take(&mut self.dirty.authentications) {
            let suffix = &self.snapshot.mesh.identity_suffix;
            let authentication = self.tables.authentication(&source);
            let new = authentication.map(|found| authentication::resolve(&source, found, suffix));
            let finding = new.as_ref().map_or_else(Finding::default, |new| new.finding.clone());
            let old = match new {
                Some(new) => self.derived.authentications.insert(source, new),
                None => self.derived.authentications.remove(&source),
            };
            self.replace_finding(&old.unwrap_or_default().finding, &finding);
        }
    }

    pub(super) fn resolve_authorizations(&mut self) {
        for source in take(&mut self.dirty.authorizations) {
            self.work.authorizations += 1;
            let view = authorization::View {
                tables: &self.tables,
                mesh: &self.snapshot.mesh,
                attachments: &self.derived.attachments,
                authentications: &self.derived.authentications,
            };
            let new = view.resolve(&source);
            let old = match &new {
                Some(new) => self.derived.authorizations.insert(source.clone(), new.clone()),
                None => self.derived.authorizations.remove(&source),
            };
            if old == new {
                continue;
            }
            let effect = |form: &authorization::Resolved| (form.opens.clone(), form.rules.clone());
            if old.as_ref().map(effect) != new.as_ref().map(effect) {
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
                cidrs: &self.derived.cidrs,
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
            let new = egress::View { tables: &self.tables, cidrs: &self.derived.cidrs }
                .resolve(&source)
                .map(Arc::new);
            if publish(&mut self.snapshot.egress, &source, new) {
                changed.insert(Key::Egress(source));
            }
        }
    }
}
