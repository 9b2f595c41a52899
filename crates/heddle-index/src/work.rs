//! Counters of recomputed outputs: the proof that work follows the change.

/// Recomputations since the index was made, per kind of output, whether or not the result was different.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Sets of members: the endpoints of one whole Service before transport and locality.
    pub members: u64,
    /// Routes attached to their parents.
    pub attachments: u64,
    /// AccessPolicies whose targets were looked up.
    pub policies: u64,
    /// Authorizations whose requirements were looked up.
    pub authorizations: u64,
    /// Servers with what opens and limits them.
    pub servers: u64,
    /// Networks, and addresses of Pods that may be some.
    pub networks: u64,
    /// Workloads.
    pub workloads: u64,
    /// Services.
    pub services: u64,
    /// Endpoint lists, one per Service port.
    pub endpoints: u64,
    /// Route tables.
    pub routes: u64,
    /// Access lists: one per declared port of a workload, and one for its other ports.
    pub access: u64,
    /// Reports.
    pub reports: u64,
}
