//! The Services of which a proxy is told before its workload dials them.

use crate::ServiceKey;
use std::collections::BTreeSet;

/// The Services of which a proxy is told before its workload dials them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uses {
    /// All Services of the mesh.
    All,
    /// These.
    Services(BTreeSet<ServiceKey>),
}

impl Uses {
    /// The greatest number of Services that are named.
    pub const MOST: usize = 256;
}
