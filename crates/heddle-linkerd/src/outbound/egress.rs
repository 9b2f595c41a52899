//! What becomes of addresses outside of the mesh.

use crate::look::Look;
use heddle_model::access::Network;
use heddle_model::fact::{Egress, EgressNetwork};
use heddle_model::{Name, SourceRef};
use std::cmp::Reverse;
use std::net::IpAddr;

/// The namespace whose EgressNetworks are meant for all clients.
const GLOBAL: &str = "linkerd-egress";

/// The EgressNetwork that an address lies in, and what it says: one of the client's namespace before a global one,
/// then the smallest, the oldest, the first by name.
pub(crate) fn find(look: &Look, namespace: &Name, address: IpAddr) -> Option<(SourceRef, Egress)> {
    let near = look.egress().filter_map(|(source, of)| {
        let EgressNetwork { networks, policy, created } = &**of;
        let own = source.namespace == *namespace;
        let smallest =
            networks.iter().filter(|of| holds(of, address)).map(|of| of.cidr.prefix_len()).max()?;
        let rank = (Reverse(own), Reverse(smallest), *created, source.clone());
        (own || source.namespace.as_str() == GLOBAL).then_some((rank, *policy))
    });
    near.min().map(|((_, _, _, source), policy)| (source, policy))
}

fn holds(Network { cidr, except }: &Network, address: IpAddr) -> bool {
    cidr.contains(&address) && !except.iter().any(|hole| hole.contains(&address))
}
