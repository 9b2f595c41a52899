//! The stage of workloads: one workload with its inbound ports and all that holds at them.

pub(crate) mod inbound;
pub(crate) mod own_port;
pub(crate) mod view;
pub(crate) mod workload;
