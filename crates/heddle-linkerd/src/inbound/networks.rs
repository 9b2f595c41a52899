//! Networks with holes, and what they have in common.

use crate::net;
use heddle_model::access::Network;
use ipnet::IpNet;

/// All addresses.
pub(crate) fn everywhere() -> Vec<Network> {
    net::everywhere().map(|cidr| Network { cidr, except: Vec::new() }).into()
}

/// The parts of these networks that are in none of those.
pub(crate) fn outside(networks: &[Network], holes: &[Network]) -> Vec<Network> {
    holes.iter().fold(networks.to_vec(), |left, hole| {
        left.iter()
            .flat_map(|left| [but(left, hole.cidr)].into_iter().flatten().chain(within_holes(left, hole)))
            .collect()
    })
}

/// The parts of these networks that are in some of those.
pub(crate) fn inside(networks: &[Network], others: &[Network]) -> Vec<Network> {
    let both = |of: &Network, other: &Network| {
        let narrowed = within(of, other.cidr)?;
        other.except.iter().try_fold(narrowed, |left, hole| but(&left, *hole))
    };
    networks.iter().flat_map(|network| others.iter().filter_map(move |other| both(network, other))).collect()
}

/// Returns what lies in a hole of the other network is not of it.
fn within_holes(network: &Network, other: &Network) -> Vec<Network> {
    other.except.iter().filter_map(|hole| within(network, *hole)).collect()
}

fn within(network: &Network, cidr: IpNet) -> Option<Network> {
    let narrower = match (cidr.contains(&network.cidr), network.cidr.contains(&cidr)) {
        (true, _) => network.cidr,
        (false, true) => cidr,
        (false, false) => return None,
    };
    let narrowed = Network { cidr: narrower, except: Vec::new() };
    network.except.iter().try_fold(narrowed, |left, hole| but(&left, *hole))
}

/// A network without another; `None` where nothing is left.
fn but(network: &Network, hole: IpNet) -> Option<Network> {
    if hole.contains(&network.cidr) {
        return None;
    }
    let mut left = network.clone();
    let known = left.except.iter().any(|except| except.contains(&hole));
    if left.cidr.contains(&hole) && !known {
        left.except.retain(|except| !hole.contains(except));
        left.except.push(hole);
        left.except.sort();
    }
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    /// A network of few addresses: 10.0.0.0 to 10.0.0.15.
    fn cidr() -> impl Strategy<Value = IpNet> {
        (0..16u32, 28..=32u8).prop_map(|(last, length)| {
            let ip = Ipv4Addr::from(0x0a00_0000 + last);
            IpNet::new(ip.into(), length).expect("a length").trunc()
        })
    }

    fn networks() -> impl Strategy<Value = Vec<Network>> {
        vec((cidr(), vec(cidr(), 0..3)).prop_map(|(cidr, except)| Network { cidr, except }), 0..4)
    }

    fn holds(networks: &[Network], ip: IpAddr) -> bool {
        networks.iter().any(|network| {
            network.cidr.contains(&ip) && !network.except.iter().any(|hole| hole.contains(&ip))
        })
    }

    proptest! {
        #[test]
        fn every_address_is_inside_or_outside(some in networks(), others in networks()) {
            for last in 0..16u32 {
                let ip = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + last));
                let (is_in, is_other) = (holds(&some, ip), holds(&others, ip));
                prop_assert_eq!(holds(&inside(&some, &others), ip), is_in && is_other, "{} inside", ip);
                prop_assert_eq!(holds(&outside(&some, &others), ip), is_in && !is_other, "{} outside", ip);
            }
        }
    }
}
