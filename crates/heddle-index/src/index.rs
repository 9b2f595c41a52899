//! The index: events in, a Snapshot and the keys that changed out.

use crate::access::authentication;
use crate::access::authorization;
use crate::access::policy;
use crate::access::pool::Pool;
use crate::access::server;
use crate::dirty::Dirty;
use crate::multimap::Multimap;
use crate::routes::attachment::Attachment;
use crate::routes::parent;
use crate::routes::table::Excluded;
use crate::services::member::{Members, ServiceBackend};
use crate::status::findings::Findings;
use crate::status::report;
use crate::tables::{Row, Tables};
use crate::work::Work;
use crate::workloads::workload;
use heddle_model::snapshot::RouteKey;
use heddle_model::{Event, Fact, Kind, Lowered, Meta, Name, ServiceKey, Snapshot, SourceRef, WorkloadKey};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// All facts, everything resolved from them, and what is to be resolved anew.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(crate) tables: Tables,
    pub(crate) derived: Derived,
    pub(crate) dirty: Dirty,
    pub(crate) snapshot: Snapshot,
    pub(crate) work: Work,
    listed: BTreeSet<Kind>,
}

/// The state between the facts and the Snapshot, as last resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Derived {
    pub(crate) members: BTreeMap<ServiceKey, Members>,
    /// The Service ports that a workload is behind.
    pub(crate) edges: Multimap<WorkloadKey, ServiceBackend>,
    /// The Services that looked at an address.
    pub(crate) members_at: Multimap<IpAddr, ServiceKey>,
    /// The Services with members on a Node.
    pub(crate) members_on: Multimap<Name, ServiceKey>,
    pub(crate) attachments: BTreeMap<SourceRef, Attachment>,
    /// The routes of a table.
    pub(crate) attached: Multimap<RouteKey, SourceRef>,
    /// The routes that a table has no room for.
    pub(crate) excluded: BTreeMap<RouteKey, BTreeMap<SourceRef, Excluded>>,
    pub(crate) policies: BTreeMap<SourceRef, policy::Resolved>,
    pub(crate) authentications: BTreeMap<SourceRef, authentication::Resolved>,
    pub(crate) authorizations: BTreeMap<SourceRef, authorization::Resolved>,
    pub(crate) servers: BTreeMap<SourceRef, server::Resolved>,
    pub(crate) workloads: BTreeMap<WorkloadKey, workload::Resolved>,
    pub(crate) findings: Findings,
    /// The networks for policies that speak of the cluster.
    pub(crate) cidrs: Vec<IpNet>,
    /// The addresses of Pods that are networks of their own.
    pub(crate) alone: BTreeSet<IpAddr>,
    /// The number of workloads that have a proxy of each data plane.
    /// Access lists, by the namespace of their workloads.
    pub(crate) pools: BTreeMap<Name, Pool>,
}

impl Index {
    /// An index without facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event. What it changes is seen after the next [`Index::resolve`].
    ///
    /// An event that says what is known already costs one comparison. An object replaces its former self,
    /// also where it cannot be read any more.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Set(lowered) => {
                let (source, row) = Row::split(*lowered);
                self.set(&source, Some(row));
            }
            Event::Delete(source) => self.set(&source, None),
            Event::Replace(kind, objects) => self.replace(kind, objects),
        }
    }

    /// The mesh as of the last [`Index::resolve`]. The clone shares everything.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// Returns how much was recomputed since the index was made.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Returns what decides nothing about an object: its generation, uid, origin and last seen status.
    pub fn meta(&self, source: &SourceRef) -> Option<&Meta> {
        self.tables.row(source).map(|row| &row.meta)
    }

    /// The objects of a kind that are known, in order.
    pub fn sources(&self, kind: Kind) -> impl Iterator<Item = &SourceRef> {
        self.tables.of_kind(kind).map(|(source, _)| source)
    }

    /// Returns whether every kind was listed completely once.
    ///
    /// # Errors
    /// The kinds that were not: before they are, an answer could leave out a policy.
    pub fn complete(&self) -> Result<(), BTreeSet<Kind>> {
        let missing: BTreeSet<_> = Kind::ALL.into_iter().filter(|kind| !self.listed.contains(kind)).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// Sets all objects of a kind. Removals come from the rows, never from keys remembered since a list began.
    fn replace(&mut self, kind: Kind, objects: Vec<Lowered>) {
        self.listed.insert(kind);
        let mut gone: BTreeSet<_> = self.sources(kind).cloned().collect();
        for lowered in objects {
            let (source, row) = Row::split(lowered);
            gone.remove(&source);
            self.set(&source, Some(row));
        }
        for source in gone {
            self.set(&source, None);
        }
    }

    fn set(&mut self, source: &SourceRef, row: Option<Row>) {
        let known = self.tables.row(source);
        let same_fact = known.map(|row| &row.fact) == row.as_ref().map(|row| &row.fact);
        let same_text = known.map(|row| &row.diagnostics) == row.as_ref().map(|row| &row.diagnostics);
        if same_fact && same_text {
            if let Some(row) = row {
                self.tables.set_meta(source, row.meta);
            }
            return;
        }
        if !same_text {
            self.dirty.diagnostics.insert(source.clone());
        }
        if report::has_report(source.kind) {
            self.dirty.reports.insert(source.clone());
        }
        let old = self.tables.set(source, row);
        if !same_fact {
            self.mark(source, old.as_ref().map(|row| &row.fact));
        } else if parent::is_route(source.kind) {
            self.dirty.attachments.insert(source.clone());
        }
    }

    fn mark(&mut self, source: &SourceRef, old: Option<&Fact>) {
        let new = self.tables.row(source).map(|row| &row.fact);
        self.dirty.mark(&self.tables, source, [old, new]);
    }
}
