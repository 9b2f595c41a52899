//! The Service ports that lead to a workload because the Service's selector selects it.
//!
//! An EndpointSlice names a Pod only once it has an address, and some time after that. A policy on the Service must
//! hold from the first connection, so a workload counts as behind a Service as soon as the selector says so.

use crate::services::member::{ServiceBackend, target};
use crate::tables::{Tables, selects};
use heddle_model::fact::{Labels, Service, ServiceForm, Workload};
use heddle_model::{Name, ServicePortKey, WorkloadKey};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the Service ports of its namespace that lead to a workload: those whose endpoints name it, and those whose
/// selector does. What another namespace's Service says of its ports means nothing to the workload, granted or not.
pub(crate) fn edges(
    tables: &Tables,
    key: &WorkloadKey,
    workload: &Workload,
    named: &[ServiceBackend],
) -> Vec<ServiceBackend> {
    let own = |edge: &&ServiceBackend| edge.port.service.namespace == key.namespace;
    let mut edges: BTreeSet<ServiceBackend> = named.iter().filter(own).cloned().collect();
    for service in tables.services_selecting(&key.namespace, &workload.labels) {
        let Some(found) = tables.service(&service).filter(|found| has_endpoints(found)) else { continue };
        edges.extend(found.ports.iter().filter_map(|port| {
            let target = target(port, workload)?;
            Some(ServiceBackend {
                port: ServicePortKey { service: service.clone(), port: port.number },
                target,
            })
        }));
    }
    edges.into_iter().collect()
}

/// Returns whether two forms of a Service lead to the same ports of the same workloads.
pub(crate) fn leads_alike(one: &Service, other: &Service) -> bool {
    let ports = |service: &Service| -> BTreeMap<_, _> {
        service.ports.iter().map(|port| (port.number, port.target.clone())).collect()
    };
    one.selector == other.selector && has_endpoints(one) == has_endpoints(other) && ports(one) == ports(other)
}

fn has_endpoints(service: &Service) -> bool {
    match service.form {
        ServiceForm::Virtual(_) | ServiceForm::Headless => true,
        ServiceForm::External(_) => false,
    }
}

/// Selectors of Services whose workloads must be resolved again, found by namespace and their first pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectors(BTreeMap<Name, BTreeMap<(Name, Name), BTreeSet<Labels>>>);

impl Selectors {
    /// Adds a selector; an empty one selects nothing.
    pub(crate) fn insert(&mut self, namespace: &Name, selector: &Labels) {
        let Some((label, value)) = selector.iter().next() else { return };
        let pair = (label.clone(), value.clone());
        let of_namespace = self.0.entry(namespace.clone()).or_default();
        of_namespace.entry(pair).or_default().insert(selector.clone());
    }

    /// Returns the workloads that any of the selectors selects. Each namespace is looked through once, however many
    /// of its Services changed.
    pub(crate) fn workloads(&self, tables: &Tables) -> Vec<WorkloadKey> {
        let mut found = Vec::new();
        for (namespace, selectors) in &self.0 {
            let selected = |labels: &Labels| {
                labels.iter().any(|(label, value)| {
                    let among = selectors.get(&(label.clone(), value.clone()));
                    among.is_some_and(|all| all.iter().any(|selector| selects(selector, labels)))
                })
            };
            let workloads = tables.workloads(namespace);
            found.extend(workloads.filter(|(_, workload)| selected(&workload.labels)).map(|(key, _)| key));
        }
        found
    }
}
