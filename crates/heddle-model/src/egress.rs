//! The EgressNetwork of a destination outside of the mesh.

use crate::fact::EgressNetwork;
use crate::{Snapshot, SourceRef};
use std::cmp::Reverse;
use std::net::IpAddr;

/// The namespace whose EgressNetworks are for the clients of all namespaces.
pub const GLOBAL_NAMESPACE: &str = "linkerd-egress";

impl Snapshot {
    /// The EgressNetwork that decides about an address for the clients of a namespace: one of their own namespace
    /// before one of [`GLOBAL_NAMESPACE`], then the smallest network, the oldest object, the first by name.
    pub fn egress_network(&self, client: &str, address: IpAddr) -> Option<(&SourceRef, &EgressNetwork)> {
        let within = |namespace: &str| {
            let own = self.egress.iter().filter(|(source, _)| source.namespace.as_str() == namespace);
            own.filter_map(|(source, network)| {
                let key = (Reverse(narrowest(network, address)?), network.created, &source.name);
                Some((key, (source, &**network)))
            })
            .min_by(|(one, _), (other, _)| one.cmp(other))
            .map(|(_, found)| found)
        };
        within(client).or_else(|| within(GLOBAL_NAMESPACE))
    }
}

/// The length of the longest prefix that holds an address outside of its holes.
fn narrowest(network: &EgressNetwork, address: IpAddr) -> Option<u8> {
    let holding = network
        .networks
        .iter()
        .filter(|net| net.cidr.contains(&address) && !net.except.iter().any(|hole| hole.contains(&address)));
    holding.map(|net| net.cidr.prefix_len()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::access::Network;
    use crate::fact::Egress;
    use std::sync::Arc;

    fn network(cidr: &str, except: &[&str], created: Option<i64>) -> EgressNetwork {
        let parse = |text: &&str| text.parse().expect("a network");
        let networks = vec![Network { cidr: parse(&cidr), except: except.iter().map(parse).collect() }];
        EgressNetwork { networks, policy: Egress::Allow, created }
    }

    /// Checks the object that decides about 1.2.3.4 for clients of `shop`, of these objects named by namespace and name.
    #[track_caller]
    fn check(objects: &[(&str, &str, EgressNetwork)], want: Option<&str>) {
        let mut snapshot = Snapshot::default();
        for (namespace, name, network) in objects {
            // Which kind it is decides nothing.
            let source = SourceRef::new(Kind::Mesh, *namespace, *name);
            snapshot.egress.insert(source, Arc::new(network.clone()));
        }
        let found = snapshot.egress_network("shop", IpAddr::from([1, 2, 3, 4]));
        assert_eq!(found.map(|(source, _)| source.name.as_str()), want);
    }

    #[test]
    fn the_smallest_then_the_oldest_then_the_first_network_of_ones_own_namespace_decides() {
        let any = |created| network("0.0.0.0/0", &[], created);
        check(&[], None);
        check(&[("bank", "a", any(None))], None);
        check(
            &[("linkerd-egress", "a", network("1.2.3.4/32", &[], None)), ("shop", "b", any(None))],
            Some("b"),
        );
        check(
            &[("linkerd-egress", "a", any(None)), ("shop", "b", network("9.0.0.0/8", &[], None))],
            Some("a"),
        );
        check(&[("shop", "a", any(None)), ("shop", "b", network("1.0.0.0/8", &[], Some(5)))], Some("b"));
        check(&[("shop", "a", any(Some(2))), ("shop", "b", any(Some(1)))], Some("b"));
        check(&[("shop", "a", any(Some(2))), ("shop", "b", any(None))], Some("b"));
        check(&[("shop", "b", any(None)), ("shop", "a", any(None))], Some("a"));
        check(&[("shop", "a", network("1.0.0.0/8", &["1.2.0.0/16"], None))], None);
    }
}
