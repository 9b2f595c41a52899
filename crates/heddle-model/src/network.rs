//! The networks of the cluster's Pods and Services.

use crate::SourceRef;
use ipnet::IpNet;
use std::net::IpAddr;

/// A network of the cluster, or the address of one Pod that no network holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNetwork {
    /// The object that states it: the Mesh, a ServiceCIDR, a Node; or the Pod.
    pub source: SourceRef,
    /// It holds the address of a Node or of the API server too, so it is not the Pods' and Services' alone: an
    /// address in it that nobody owns may be anything.
    pub shared: bool,
}

/// Returns every network that holds an address, the smallest first.
pub fn holding(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let most = if address.is_ipv4() { 32 } else { 128 };
    (0..=most)
        .rev()
        .map(move |length| IpNet::new(address, length).expect("the length is at most the family's").trunc())
}
