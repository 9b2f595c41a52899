//! The condition of the Mesh about the networks of the cluster.

use crate::addresses::network::{self, node_address_in};
use crate::tables::Tables;
use heddle_model::report::Condition;
use heddle_model::{AddressKey, Map, Owner};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Up to how many Pods are counted; of more it is said that there are more.
const COUNTED: usize = 8;
/// The most networks that are proposed.
const LISTED: usize = 16;
/// The largest networks that are proposed, by prefix length.
const LARGEST: [u8; 2] = [12, 32];

/// The facts that the condition is made from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) owners: &'a Map<AddressKey, Owner>,
    /// `spec.networks`
    pub(crate) declared: &'a [IpNet],
    /// The networks of the cluster, as stated or learnt.
    pub(crate) cidrs: &'a [IpNet],
    /// The addresses of Pods that are networks of their own.
    pub(crate) alone: &'a BTreeSet<IpAddr>,
}

/// Returns condition `NetworksKnown`, where there is something to set.
pub(crate) fn condition(view: View) -> Option<Condition> {
    let messages: Vec<String> = view.shared().chain(view.outside()).collect();
    let reason = if view.alone.is_empty() { "NodesInside" } else { "PodsOutside" };
    (!messages.is_empty()).then(|| Condition::new("NetworksKnown", false, reason, messages.join("; ")))
}

impl View<'_> {
    /// Names the networks of the Mesh that hold a Node.
    fn shared(&self) -> impl Iterator<Item = String> {
        self.declared.iter().enumerate().filter_map(|(index, network)| {
            let (address, source) = node_address_in(self.tables, *network)?;
            Some(format!(
                "spec.networks[{index}] {network} holds {address} of {source}, so what nobody owns in it is \
                 passed on as if it were outside: name the networks of Pods and Services alone, or leave \
                 spec.networks out, and they are learnt from ServiceCIDRs and Nodes"
            ))
        })
    }

    /// Says how many Pods lie outside of the networks, and which networks would hold them.
    fn outside(&self) -> Option<String> {
        let first = self.alone.first()?;
        let pod = self.owners.get(&AddressKey::of_mesh(*first));
        let like = pod.map(|pod| format!(" such as {pod} at {first}")).unwrap_or_default();
        let wanted = match self.proposal() {
            Some(networks) => format!("set spec.networks to {networks}"),
            None => "no network holds them that holds no Node".into(),
        };
        let count = counted(self.alone.len());
        Some(format!(
            "no network of Pods holds {count}{like}, so each proxy is told of the address of each of them: {wanted}"
        ))
    }

    /// Returns the networks that hold all Pods and no Node, as the field is written.
    fn proposal(&self) -> Option<String> {
        let (four, six): (Vec<_>, Vec<_>) = [self.alone.first(), self.alone.last()]
            .into_iter()
            .flatten()
            .chain(self.ends())
            .partition(|address| address.is_ipv4());
        let mut networks = self.closed();
        for ends in [four, six].into_iter().filter(|ends| !ends.is_empty()) {
            let network = common(ends.into_iter().copied())?;
            let is_small = network.prefix_len() >= LARGEST[usize::from(network.addr().is_ipv6())];
            if !is_small || node_address_in(self.tables, network).is_some() {
                return None;
            }
            networks.insert(network);
        }
        if networks.len() > LISTED {
            return Some("the networks of Pods and Services".into());
        }
        let shown: Vec<String> =
            networks.iter().map(|network| format!("{:?}", network.to_string())).collect();
        Some(format!("[{}]", shown.join(", ")))
    }

    /// Returns the networks that hold no Node: those of the Mesh, and what is learnt within the others.
    fn closed(&self) -> BTreeSet<IpNet> {
        let (tables, owners, declared) = (self.tables, self.owners, self.declared);
        let view = network::View { tables, owners, declared };
        let shared = |network: &IpNet| node_address_in(tables, *network).is_some();
        let within = declared.iter().filter(|network| shared(network));
        let learnt: Vec<IpNet> = within.flat_map(|network| view.learnt_within(*network)).collect();
        let all = self.cidrs.iter().copied().chain(learnt);
        all.filter(|network| !shared(network)).collect()
    }

    /// Returns the last IPv4 address and the first IPv6 address.
    fn ends(&self) -> impl Iterator<Item = &IpAddr> {
        let six = IpAddr::from([0u16; 8]);
        self.alone.range(..six).next_back().into_iter().chain(self.alone.range(six..).next())
    }
}

/// Returns the smallest network that holds all addresses, which are of one family.
fn common(addresses: impl Iterator<Item = IpAddr>) -> Option<IpNet> {
    addresses.map(IpNet::from).reduce(|mut one, other| {
        while !one.contains(&other) {
            one = one.supernet().unwrap_or(one);
        }
        one
    })
}

/// Returns a number of Pods in words that stay the same while there are about as many.
fn counted(pods: usize) -> String {
    match pods {
        1 => "1 Pod".into(),
        _ if pods <= COUNTED => format!("{pods} Pods"),
        _ => format!("more than {} Pods", 1usize << (pods - 1).ilog2()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_while_it_is_small() {
        let all = [1, 8, 9, 16, 17, 1000].map(counted);
        assert_eq!(
            all,
            [
                "1 Pod",
                "8 Pods",
                "more than 8 Pods",
                "more than 8 Pods",
                "more than 16 Pods",
                "more than 512 Pods"
            ]
        );
    }

    #[test]
    fn the_common_network_holds_first_and_last() {
        let addresses = ["10.1.0.3", "10.1.200.7"].map(|text| text.parse().expect("an address"));
        assert_eq!(
            common(addresses.into_iter()).map(|common| common.to_string()).as_deref(),
            Some("10.1.0.0/16")
        );
    }
}
