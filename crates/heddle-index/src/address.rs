//! Who answers at an address.

use heddle_model::snapshot::Owner;
use heddle_model::{Name, ServiceKey, WorkloadKey, WorkloadKind};

/// Someone who says that an address is theirs. The least claim owns it: a Service's virtual IP before a Pod
/// before an ExternalWorkload, whose addresses nobody checked, and then by key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Service(ServiceKey),
    Pod(WorkloadKey),
    External(WorkloadKey),
}

impl Claim {
    pub(crate) fn workload(key: WorkloadKey) -> Self {
        match key.kind {
            WorkloadKind::Pod => Self::Pod(key),
            WorkloadKind::External | WorkloadKind::LinkerdExternal => Self::External(key),
        }
    }

    /// The owner that this claim makes.
    pub(crate) fn owner(&self) -> Owner {
        match self {
            Self::Service(key) => Owner::Service(key.clone()),
            Self::Pod(key) | Self::External(key) => Owner::Workload(key.clone()),
        }
    }
}

/// The namespace of an owner.
pub(crate) fn namespace(owner: &Owner) -> &Name {
    match owner {
        Owner::Service(key) => &key.namespace,
        Owner::Workload(key) => &key.namespace,
    }
}

/// Who it is, in words.
pub(crate) fn describe(owner: &Owner) -> String {
    match owner {
        Owner::Service(key) => key.source().to_string(),
        Owner::Workload(key) => key.source().to_string(),
    }
}
