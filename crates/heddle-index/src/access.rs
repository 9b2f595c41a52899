//! The stage of access: policies with their targets looked up, and who may call each port.

pub(crate) mod absent;
pub(crate) mod at_workload;
pub(crate) mod authentication;
pub(crate) mod authorization;
pub(crate) mod coverage;
pub(crate) mod default_policy;
pub(crate) mod governing;
pub(crate) mod mtls;
pub(crate) mod policy;
pub(crate) mod pool;
pub(crate) mod rate_limit;
pub(crate) mod route_access;
pub(crate) mod selected;
pub(crate) mod server;
