//! The input from which workloads are resolved.

use crate::access::policy;
use crate::access::route_access;
use crate::access::server;
use crate::tables::Tables;
use heddle_model::fact;
use heddle_model::snapshot::Service;
use heddle_model::{AddressKey, Map, Owner, ServiceKey, SourceRef};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The input from which workloads are resolved.
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) owners: &'a Map<AddressKey, Owner>,
    pub(crate) services: &'a Map<ServiceKey, Arc<Service>>,
    pub(crate) policies: &'a BTreeMap<SourceRef, policy::Resolved>,
    pub(crate) servers: &'a BTreeMap<SourceRef, server::Resolved>,
    pub(crate) routes: route_access::View<'a>,
    pub(crate) mesh: &'a fact::Mesh,
    /// The networks for policies that speak of the cluster.
    pub(crate) cidrs: &'a [IpNet],
}
