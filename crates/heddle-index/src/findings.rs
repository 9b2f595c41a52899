//! What many recomputed things say of one object, counted, so that a change of one of them costs only itself.

use heddle_model::{Counted, Diagnostic, SourceRef};
use std::collections::{BTreeMap, BTreeSet};

/// What one recomputed thing (a Service's members, a workload) says of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// For the object's diagnostics.
    pub(crate) diagnostics: BTreeSet<Diagnostic>,
    /// For the object's diagnostics and its condition `Conflicted`.
    pub(crate) conflicts: BTreeSet<Diagnostic>,
    /// For the object's diagnostics and its condition `Enforced`.
    pub(crate) unenforced: BTreeSet<Diagnostic>,
    /// For the object's condition `Overridden`.
    pub(crate) overridden: BTreeSet<Diagnostic>,
    /// For the object's condition `Accepted`: a policy whose requests no server can tell.
    pub(crate) unclear: BTreeSet<Diagnostic>,
    /// That a policy selects this workload, at so many of its known ports. Each policy once.
    pub(crate) selected: Vec<(SourceRef, usize)>,
}

/// How many workloads and ports a policy selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) workloads: usize,
    pub(crate) ports: usize,
}

/// The sum of all findings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    diagnostics: Counted,
    conflicts: Counted,
    unenforced: Counted,
    overridden: Counted,
    unclear: Counted,
    selected: BTreeMap<SourceRef, Selected>,
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
        reports.extend(self.unenforced.replace(&old.unenforced, &new.unenforced));
        reports.extend(self.overridden.replace(&old.overridden, &new.overridden));
        reports.extend(self.unclear.replace(&old.unclear, &new.unclear));
        diagnostics.extend(reports.iter().cloned());
        let mut touched = Touched { diagnostics, reports };
        if old.selected != new.selected {
            self.reselect(old, new, &mut touched.reports);
        }
        touched
    }

    fn reselect(&mut self, old: &Finding, new: &Finding, touched: &mut BTreeSet<SourceRef>) {
        for (policy, ports) in &new.selected {
            let sum = self.selected.entry(policy.clone()).or_default();
            sum.workloads += 1;
            sum.ports += ports;
        }
        for (policy, ports) in &old.selected {
            let sum = self.selected.entry(policy.clone()).or_default();
            sum.workloads -= 1;
            sum.ports -= ports;
            if sum.workloads == 0 {
                self.selected.remove(policy);
            }
        }
        let gone = old.selected.iter().filter(|entry| !new.selected.contains(entry));
        let come = new.selected.iter().filter(|entry| !old.selected.contains(entry));
        touched.extend(gone.chain(come).map(|(policy, _)| policy.clone()));
    }

    pub(crate) fn diagnostics(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.of(object)
    }

    pub(crate) fn conflicts(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.conflicts.of(object)
    }

    pub(crate) fn unenforced(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.unenforced.of(object)
    }

    pub(crate) fn overridden(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.overridden.of(object)
    }

    pub(crate) fn unclear(&self, object: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.unclear.of(object)
    }

    /// The objects of which something is not enforced.
    pub(crate) fn not_enforced(&self) -> impl Iterator<Item = &SourceRef> {
        self.unenforced.objects()
    }

    pub(crate) fn selected(&self, policy: &SourceRef) -> Selected {
        self.selected.get(policy).copied().unwrap_or_default()
    }
}
