//! Claims on an address, in the order in which they win it ([`crate::addresses::owners`]).

use heddle_model::fact::{Slice, Workload};
use heddle_model::{Kind, Name, Owner, ServiceKey, SourceRef, WorkloadKey, WorkloadKind};
use std::cmp::Reverse;
use std::net::IpAddr;

/// A claim on an address. The least one owns it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Pod { deleting: bool, created: Reverse<Option<i64>>, key: WorkloadKey },
    ApiServer,
    Node(Name),
    Service { created: Option<i64>, key: ServiceKey },
    HandMade(HandMade),
}

/// A claim by an ExternalWorkload, or by an EndpointSlice that lists the address without a Pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandMade {
    created: Option<i64>,
    pub(crate) namespace: Name,
    name: Name,
    kind: Kind,
}

impl Claim {
    /// Returns the claim of a workload on one of its own addresses.
    pub(crate) fn workload(key: WorkloadKey, workload: &Workload) -> Self {
        match key.kind {
            WorkloadKind::Pod => {
                Self::Pod { deleting: workload.deleting, created: Reverse(workload.created), key }
            }
            WorkloadKind::External | WorkloadKind::LinkerdExternal => {
                Self::HandMade(HandMade::new(&key.source(), workload.created))
            }
        }
    }

    pub(crate) fn owner(&self) -> Result<Owner, &HandMade> {
        match self {
            Self::Pod { deleting: _, created: _, key } => Ok(Owner::Workload(key.clone())),
            Self::ApiServer => Ok(Owner::ApiServer),
            Self::Node(name) => Ok(Owner::Node(name.clone())),
            Self::Service { created: _, key } => Ok(Owner::Service(key.clone())),
            Self::HandMade(hand_made) => Err(hand_made),
        }
    }
}

impl HandMade {
    pub(crate) fn new(source: &SourceRef, created: Option<i64>) -> Self {
        let SourceRef { kind, namespace, name } = source.clone();
        Self { created, namespace, name, kind }
    }

    /// Returns the object that makes the claim.
    pub(crate) fn source(&self) -> SourceRef {
        SourceRef::new(self.kind, self.namespace.clone(), self.name.clone())
    }
}

/// Returns whether a slice is the one in which the API server lists itself.
pub(crate) fn is_of_api_server(source: &SourceRef, slice: &Slice) -> bool {
    let service = slice.service.as_ref().is_some_and(|key| *key == ServiceKey::new("default", "kubernetes"));
    service && &*source.namespace == "default" && &*source.name == "kubernetes"
}

/// Returns the claims of an EndpointSlice, by address.
pub(crate) fn of_slice(source: &SourceRef, slice: &Slice) -> Vec<(IpAddr, Claim)> {
    if is_of_api_server(source, slice) {
        return slice.endpoints.iter().map(|item| (item.address, Claim::ApiServer)).collect();
    }
    let hand_made = slice.endpoints.iter().filter(|item| item.pod.is_none());
    let claim = || Claim::HandMade(HandMade::new(source, slice.created));
    hand_made.map(|item| (item.address, claim())).collect()
}
