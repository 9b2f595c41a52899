//! Findings about one object by many recomputed things, counted, so that a change of one of them costs only itself.

use crate::access::coverage::{Coverage, Total};
use heddle_model::{Counted, Diagnostic, SourceRef};
use std::collections::{BTreeMap, BTreeSet};

/// The findings of one recomputed thing (a Service's members, a workload) about objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// For the object's diagnostics.
    pub(crate) diagnostics: BTreeSet<Diagnostic>,
    /// For the object's diagnostics and its condition `Conflicted`.
    pub(crate) conflicts: BTreeSet<Diagnostic>,
    /// For the object's diagnostics and its condition `Enforced`: ports that belong to a proxy.
    pub(crate) proxy_ports: BTreeSet<Diagnostic>,
    /// For the object's condition `Overridden`.
    pub(crate) overridden: BTreeSet<Diagnostic>,
    /// For the object's condition `Accepted`: a policy whose requests no server can tell.
    pub(crate) unclear: BTreeSet<Diagnostic>,
    /// The policies that cover this workload. Each policy once.
    pub(crate) covered: Vec<Coverage>,
}

/// The sum of all findings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    diagnostics: Counted,
    conflicts: Counted,
    proxy_ports: Counted,
    overridden: Counted,
    unclear: Counted,
    covered: BTreeMap<SourceRef, Total>,
}

/// The objects about which something else is said now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    pub(crate) diagnostics: BTreeSet<SourceRef>,
    pub(crate) reports: BTreeSet<SourceRef>,
}

impl Findings {
    /// Replaces what one thing said by what it says now.
    pub(crate) fn replace(&mut self, old: &Finding, new: &Finding) -> Touched {
        let mut diagnostics = self.diagnostics.replace(&old.diagnostics, &new.diagnostics);
        let mut reports = self.conflicts.replace(&old.conflicts, &new.conflicts);
        reports.extend(self.proxy_ports.replace(&old.proxy_ports, &new.proxy_ports));
        reports.extend(self.overridden.replace(&old.overridden, &new.overridden));
        reports.extend(self.unclear.replace(&old.unclear, &new.unclear));
        diagnostics.extend(reports.iter().cloned());
        let mut touched = Touched { diagnostics, reports };
        if old.covered != new.covered {
            let policies = self.recount(old, new);
            touched.diagnostics.extend(policies.iter().cloned());
            touched.reports.extend(policies);
        }
        touched
    }

    /// Counts a workload's coverage anew. Returns the policies concerned.
    fn recount(&mut self, old: &Finding, new: &Finding) -> BTreeSet<SourceRef> {
        for coverage in &new.covered {
            self.covered.entry(coverage.policy.clone()).or_default().add(coverage);
        }
        for coverage in &old.covered {
            let total = self.covered.entry(coverage.policy.clone()).or_default();
            total.remove(coverage);
            if total.workloads == 0 {
                self.covered.remove(&coverage.policy);
            }
        }
        let gone = old.covered.iter().filter(|coverage| !new.covered.contains(coverage));
        let come = new.covered.iter().filter(|coverage| !old.covered.contains(coverage));
        gone.chain(come).map(|coverage| coverage.policy.clone()).collect()
    }

    pub(crate) fn diagnostics(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.of(object)
    }

    pub(crate) fn conflicts(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.conflicts.of(object)
    }

    pub(crate) fn proxy_ports(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.proxy_ports.of(object)
    }

    pub(crate) fn overridden(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.overridden.of(object)
    }

    pub(crate) fn unclear(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.unclear.of(object)
    }

    /// A policy's coverage; `None` where it covers no workload.
    pub(crate) fn coverage(&self, policy: &SourceRef) -> Option<&Total> {
        self.covered.get(policy)
    }
}
