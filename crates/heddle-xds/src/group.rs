//! Groups of clients that share resources.

use crate::Capture;
use crate::family_port::ports;
use crate::resource::ResourceKey;
use heddle_model::fact::Scope;
use heddle_model::snapshot::Workload;
use heddle_model::{Name, Snapshot, Uses, WorkloadKey};
use heddle_proto::ResourceType;
use std::net::IpAddr;

/// A set of clients that are given the same bytes under the same names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Every Envoy: clusters, endpoints and producer routes of all Services.
    Mesh,
    /// Those whose traffic is captured alike: outbound listeners.
    Capture(Capture),
    /// Those of a namespace: consumer routes.
    Consumer(Name),
    /// Those whose traffic is captured: the capture listener, and what it hands connections to.
    Captured,
    /// Those of a namespace whose traffic is captured: another capture listener, where the namespace has addresses whose
    /// owner counts for its clients only.
    OwnAddresses(Name),
    /// Those whose traffic is captured at IPv6 too: the capture listener; of the clients of a namespace that has addresses
    /// of its own, another.
    DualStack(Option<Name>),
    /// Those of a zone: endpoints of Services that prefer it.
    Zone(Name),
    /// Those of a Node: endpoints of Services that prefer or demand it.
    Node(Name),
    /// One proxy: its inbound listeners and clusters.
    Workload(WorkloadKey, Capture),
}

/// A proxy, by whom it stands beside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client {
    /// The proxy's workload.
    pub workload: WorkloadKey,
    /// The capture by which traffic reaches it.
    pub capture: Capture,
}

impl Client {
    /// The groups it belongs to, most general first: a later one overrides an earlier one name by name.
    ///
    /// A namespace, zone or Node group is listed even while it holds nothing, so the list changes only when
    /// the workload's own place or its IP families do. A workload that the Snapshot does not know has no zone and no Node.
    pub fn groups(&self, snapshot: &Snapshot) -> Vec<Group> {
        let Self { workload: key, capture } = self;
        let mut groups =
            vec![Group::Mesh, Group::Capture(capture.clone()), Group::Consumer(key.namespace.clone())];
        match capture {
            Capture::Captured => groups.extend([Group::Captured, Group::OwnAddresses(key.namespace.clone())]),
            Capture::Bound(_) => {}
        }
        if let Some(workload) = snapshot.workloads.get(key) {
            if *capture == Capture::Captured && has_six(workload) {
                groups.extend([None, Some(key.namespace.clone())].map(Group::DualStack));
            }
            groups.extend(workload.zone.clone().map(Group::Zone));
            groups.extend(workload.node.clone().map(Group::Node));
        }
        groups.push(Group::Workload(key.clone(), capture.clone()));
        groups
    }

    /// Returns whether it is given what a group holds only as far as something needs it that it asked for: under capture an
    /// Envoy asks for what it dials, and else nobody can.
    pub fn is_offered(&self, group: &Group, snapshot: &Snapshot) -> bool {
        self.asks(snapshot)
            && match group {
                Group::Mesh | Group::Capture(_) | Group::Consumer(_) | Group::Zone(_) | Group::Node(_) => {
                    true
                }
                Group::Captured | Group::OwnAddresses(_) | Group::DualStack(_) | Group::Workload(..) => false,
            }
    }

    /// Returns whether it asks for the Services that its workload dials.
    fn asks(&self, snapshot: &Snapshot) -> bool {
        match (&self.capture, self.uses(snapshot), snapshot.mesh.scope) {
            (Capture::Bound(_), _, _) | (Capture::Captured, Some(Uses::All), _) => false,
            (Capture::Captured, Some(Uses::Services(_)), _) => true,
            (Capture::Captured, None, scope) => scope == Scope::OnDemand,
        }
    }

    fn uses<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Uses> {
        snapshot.workloads.get(&self.workload)?.uses.as_ref()
    }

    /// The listeners that it is given before its workload dials them, with all that they need.
    pub fn used(&self, snapshot: &Snapshot) -> Vec<ResourceKey> {
        match self.uses(snapshot) {
            Some(Uses::Services(services)) if self.asks(snapshot) => {
                let found = services.iter().filter_map(|key| snapshot.services.get(key));
                let ports = found.flat_map(|service| ports(service));
                ports.map(|at| ResourceKey::new(ResourceType::Listener, at.to_string())).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }
}

/// Returns whether the capture listener of a workload answers at IPv6 as well.
pub(crate) fn has_six(workload: &Workload) -> bool {
    workload.addresses.iter().any(IpAddr::is_ipv6)
}
