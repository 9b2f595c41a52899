//! The stages of what authors are told: reports and diagnostics.

use super::{Changed, publish};
use crate::Index;
use crate::access::absent;
use crate::addresses::reach;
use crate::services::service;
use crate::status::report;
use crate::tables::service_key;
use heddle_model::report::Report;
use heddle_model::snapshot::Key;
use heddle_model::{Diagnostic, Kind, SourceRef};
use std::mem::take;
use std::sync::Arc;

impl Index {
    pub(super) fn resolve_reports(&mut self, changed: &mut Changed) {
        for source in take(&mut self.dirty.reports) {
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
            mesh: &self.snapshot.mesh,
            cidrs: &self.derived.cidrs,
            alone: &self.derived.alone,
        };
        let report = view.resolve(source);
        self.work.reports += u64::from(report.is_some());
        report
    }

    pub(super) fn resolve_diagnostics(&mut self, changed: &mut Changed) {
        for source in take(&mut self.dirty.diagnostics) {
            let all = self.diagnostics(&source);
            let all = (!all.is_empty()).then(|| all.into());
            if publish(&mut self.snapshot.diagnostics, &source, all) {
                changed.insert(Key::Diagnostics(source));
            }
        }
    }

    /// Returns what a policy names and what is not there.
    fn absent(&self, source: &SourceRef) -> Vec<Diagnostic> {
        let Some(row) = self.tables.row(source) else { return Vec::new() };
        let mut all = match self.derived.findings.coverage(source) {
            Some(total) => total.diagnostics(source),
            None => absent::coverage(source, row, self.derived.policies.get(source)).into_iter().collect(),
        };
        all.extend(absent::callers(&self.tables, source, row));
        all
    }

    /// Returns what lowering said of an object, and then what resolving found.
    fn diagnostics(&self, source: &SourceRef) -> Vec<Diagnostic> {
        let lowered = self.tables.row(source).map_or(&[][..], |row| &row.diagnostics);
        let faults = self.derived.attachments.get(source).map_or(&[][..], |route| &route.faults);
        let findings = &self.derived.findings;
        let found = findings.diagnostics(source).chain(findings.conflicts(source));
        let found = found.chain(findings.overridden(source)).chain(findings.unclear(source));
        let found = found.chain(findings.proxy_ports(source));
        let mut all: Vec<_> = lowered.iter().chain(faults).chain(found).cloned().collect();
        all.extend(self.absent(source));
        if let Some(policy) = self.derived.policies.get(source) {
            all.extend(policy.diagnostics(source));
        }
        if source.kind == Kind::Service {
            let key = service_key(source);
            all.extend(service::diagnostics(&self.tables, &self.snapshot.addresses, &key));
        }
        let (tables, owners, mesh) = (&self.tables, &self.snapshot.addresses, &*self.snapshot.mesh);
        all.extend(reach::View { tables, owners, mesh }.diagnostics(source));
        all
    }
}
