//! Reports of policies, the Mesh and ExternalWorkloads.

use crate::access::coverage::PORT_NOT_FOUND;
use crate::access::policy;
use crate::access::rate_limit;
use crate::addresses::egress;
use crate::addresses::networks_known;
use crate::addresses::reach;
use crate::status::findings::Findings;
use crate::status::join;
use crate::tables::{Row, Tables, mesh_source};
use heddle_model::fact::Mesh;
use heddle_model::report::{Condition, Report, Subject};
use heddle_model::{AddressKey, Diagnostic, Fact, Kind, Map, Owner, SourceRef, StatusForm};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Returns whether a kind has a report that is made here. A route's comes with its attachment.
pub(crate) fn has_report(kind: Kind) -> bool {
    match kind.spec().status {
        StatusForm::Conditions | StatusForm::Target => true,
        StatusForm::None | StatusForm::Parents => false,
    }
}

/// The input from which reports are made.
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) owners: &'a Map<AddressKey, Owner>,
    pub(crate) policies: &'a BTreeMap<SourceRef, policy::Resolved>,
    pub(crate) findings: &'a Findings,
    pub(crate) mesh: &'a Mesh,
    /// The networks of the cluster.
    pub(crate) cidrs: &'a [IpNet],
    /// The addresses of Pods that are networks of their own.
    pub(crate) alone: &'a BTreeSet<IpAddr>,
}

impl View<'_> {
    /// The report of an object that is not a route. `None` for kinds without a status of ours.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the table of kinds says which have a report")]
    pub(crate) fn resolve(&self, source: &SourceRef) -> Option<Report> {
        let row = self.tables.row(source)?;
        let accepted = match source.kind {
            Kind::Mesh => mesh(source, row),
            Kind::InboundPolicy => self.inbound(source, row),
            Kind::AccessPolicy => self.access(source, row),
            Kind::ExternalWorkload => self.external(source, row),
            Kind::RateLimitPolicy => {
                return rate_limit::report(self.tables, source);
            }
            Kind::EgressNetwork => {
                return Some(egress::report(egress::View { tables: self.tables, cidrs: self.cidrs }, source));
            }
            _ => return None,
        };
        let mut conditions = vec![accepted];
        if source.kind == Kind::ExternalWorkload {
            conditions.extend(self.reach().condition(source));
        }
        conditions.extend(self.networks_known(source, row));
        conditions.extend(self.conflicted(source));
        conditions.extend(self.overridden(source));
        conditions.extend(self.partly(source, row));
        conditions.extend(self.proxy_ports(source));
        conditions.sort();
        Some(Report { subjects: vec![Subject { parent: None, conditions }] })
    }

    fn networks_known(&self, source: &SourceRef, row: &Row) -> Option<Condition> {
        let Self { tables, owners, mesh, cidrs, alone, .. } = *self;
        let is_in_force = *source == mesh_source() && matches!(row.fact, Fact::Mesh(_));
        let view = networks_known::View { tables, owners, declared: &mesh.networks, cidrs, alone };
        is_in_force.then(|| networks_known::condition(view)).flatten()
    }

    fn inbound(&self, source: &SourceRef, row: &Row) -> Condition {
        match row.fact.as_invalid() {
            Some(invalid) => unreadable(&format!(
                "{}; until it is corrected every workload of the namespace is Strict",
                invalid.message
            )),
            None => Condition::new("Accepted", true, "Accepted", self.selects(source)),
        }
    }

    fn access(&self, source: &SourceRef, row: &Row) -> Condition {
        if let Fact::Invalid(invalid) = &row.fact {
            return unreadable(&format!(
                "{}; until it is corrected it admits nobody to any workload of the namespace, as an Allow without rules would",
                invalid.message
            ));
        }
        let missing = self.policies.get(source).map_or(&[][..], |policy| &policy.missing);
        let unclear = join(self.findings.unclear(source).map(|unclear| unclear.message.clone()));
        if missing.is_empty() && !unclear.is_empty() {
            return Condition::new("Accepted", false, "UnsupportedValue", unclear);
        }
        if missing.is_empty() {
            return Condition::new("Accepted", true, "Accepted", self.selects(source));
        }
        let missing = join(missing.iter().map(|(_, message)| message.clone()));
        let message = format!("{missing}; nothing is covered by such a target; {}", self.selects(source));
        Condition::new("Accepted", false, "TargetNotFound", message).diagnosed()
    }

    fn external(&self, source: &SourceRef, row: &Row) -> Condition {
        if let Some(invalid) = row.fact.as_invalid() {
            return unreadable(&format!("{}; until it is corrected it is absent", invalid.message));
        }
        let Some(workload) = row.fact.as_workload() else { return unreadable("not an ExternalWorkload") };
        if let Some(refused) = self.reach().refused(source) {
            return Condition::new("Accepted", false, "ForeignAddress", refused);
        }
        if workload.identity.is_none() {
            let message = "no identity: it gets no certificate and no configuration".to_string();
            return Condition::new("Accepted", false, "InvalidIdentity", message);
        }
        Condition::new("Accepted", true, "Accepted", String::new())
    }

    fn reach(&self) -> reach::View<'_> {
        reach::View { tables: self.tables, owners: self.owners, mesh: self.mesh }
    }

    fn selects(&self, source: &SourceRef) -> String {
        let Some(total) = self.findings.coverage(source) else {
            return "selects 0 workloads, 0 ports".into();
        };
        let unknown =
            total.diagnostics(source).into_iter().filter(|unknown| unknown.reason != PORT_NOT_FOUND);
        let unknown = unknown.map(|unknown| format!("; {}", unknown.message));
        format!("selects {} workloads, {} ports{}", total.workloads, total.ports, unknown.collect::<String>())
    }

    fn conflicted(&self, source: &SourceRef) -> Option<Condition> {
        let message = join(self.findings.conflicts(source).map(|conflict| conflict.message.clone()));
        (!message.is_empty()).then(|| Condition::new("Conflicted", true, "Conflicted", message).diagnosed())
    }

    /// Requests of the policy's routes that other routes win.
    fn overridden(&self, source: &SourceRef) -> Option<Condition> {
        let message = join(self.findings.overridden(source).map(|found| found.message.clone()));
        (!message.is_empty()).then(|| Condition::new("Overridden", true, "MoreSpecificRoute", message))
    }

    /// Ports of proxies, at which the policy does nothing.
    fn proxy_ports(&self, source: &SourceRef) -> Option<Condition> {
        let message = join(self.findings.proxy_ports(source).map(|found| found.message.clone()));
        (!message.is_empty()).then(|| Condition::new("Enforced", false, "NotEnforced", message).diagnosed())
    }

    /// Returns what lowering gave a narrower meaning than was written, and matches that no server can tell.
    fn partly(&self, source: &SourceRef, row: &Row) -> Option<Condition> {
        if matches!(row.fact, Fact::Invalid(_)) {
            return None;
        }
        let untold = self.policies.get(source).map_or(&[][..], |policy| &policy.partial);
        let coverage = self.findings.coverage(source).into_iter();
        let ports: Vec<_> = coverage.flat_map(|total| total.diagnostics(source)).collect();
        let ports = || ports.iter().filter(|diagnostic| diagnostic.reason == PORT_NOT_FOUND);
        let messages = row.diagnostics.iter().chain(ports()).map(sentence).chain(untold.iter().cloned());
        let first = row.diagnostics.iter().chain(ports()).next();
        let reason = first.map_or("UnsupportedValue", |diagnostic| diagnostic.reason);
        let message = join(messages);
        (!message.is_empty()).then(|| Condition::new("PartiallyInvalid", true, reason, message).diagnosed())
    }
}

fn sentence(diagnostic: &Diagnostic) -> String {
    if diagnostic.field.is_empty() {
        return diagnostic.message.clone();
    }
    format!("{}: {}", diagnostic.field, diagnostic.message)
}

/// The condition of an object that cannot be read. Lowering's diagnostic says the same.
fn unreadable(message: &str) -> Condition {
    Condition::new("Accepted", false, "Invalid", message.to_string()).diagnosed()
}

fn mesh(source: &SourceRef, row: &Row) -> Condition {
    if *source != mesh_source() {
        return Condition::new(
            "Accepted",
            false,
            "NotDefault",
            "only the Mesh named \"default\" counts".to_string(),
        );
    }
    match row.fact.as_invalid() {
        Some(invalid) => unreadable(&format!(
            "{}; until it is corrected the posture is Deny, egress is Deny, and all else is as without a Mesh",
            invalid.message
        )),
        None => Condition::new("Accepted", true, "Accepted", String::new()),
    }
}
