//! The networks of the cluster's Pods and Services.

use crate::{Snapshot, SourceRef};
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

impl Snapshot {
    /// Returns the smallest network that holds an address.
    pub fn network_of(&self, address: IpAddr) -> Option<(IpNet, &ClusterNetwork)> {
        holding(address).find_map(|network| Some((network, self.networks.get(&network)?)))
    }

    /// Returns the network that holds an address and that is the Pods' and Services' alone. An address in it that
    /// nobody owns is refused: it may be a virtual IP or a Pod that is not known yet.
    pub fn closed_network_of(&self, address: IpAddr) -> Option<(IpNet, &ClusterNetwork)> {
        self.network_of(address).filter(|(_, network)| !network.shared)
    }
}

/// Returns every network that holds an address, the smallest first.
pub fn holding(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let most = if address.is_ipv4() { 32 } else { 128 };
    (0..=most)
        .rev()
        .map(move |length| IpNet::new(address, length).expect("the length is at most the family's").trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn the_smallest_network_decides() {
        let mut snapshot = Snapshot::default();
        for (network, shared) in [("10.0.0.0/8", true), ("10.1.0.0/16", false), ("fd00::/8", false)] {
            let source = SourceRef::new(Kind::Mesh, "", "default");
            let network: IpNet = network.parse().expect("a network");
            snapshot.networks.insert(network, ClusterNetwork { source, shared });
        }
        let closed = |address: &str| {
            let found = snapshot.closed_network_of(address.parse().expect("an address"));
            found.map(|(network, _)| network.to_string())
        };
        assert_eq!(closed("10.1.2.3").as_deref(), Some("10.1.0.0/16"));
        assert_eq!(closed("10.2.2.3"), None);
        assert_eq!(closed("fd00::1").as_deref(), Some("fd00::/8"));
        assert_eq!(closed("192.0.2.1"), None);
    }
}
