//! The owner of an address, and the clients for which it counts.

use crate::{Map, Name, ServiceKey, ServicePortKey, WorkloadKey};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The clients for which the owner of an address counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All clients.
    Mesh,
    /// The clients of one namespace.
    Namespace(Name),
}

/// An address, as some clients see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressKey {
    /// The address.
    pub address: IpAddr,
    /// The clients.
    pub reach: Reach,
}

/// The owner of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A Service, whose virtual IP it is.
    Service(ServiceKey),
    /// A Pod or an ExternalWorkload.
    Workload(WorkloadKey),
    /// A Node.
    Node(Name),
    /// The API server.
    ApiServer,
    /// Hand-made endpoints of headless Services of one namespace, by the port that they listen at. Never empty.
    Endpoints(Arc<BTreeMap<u16, ServicePortKey>>),
}

impl AddressKey {
    /// Returns the key of `address` as all clients see it.
    pub fn of_mesh(address: IpAddr) -> Self {
        Self { address, reach: Reach::Mesh }
    }

    /// Returns whether it is what the clients of a namespace see.
    pub fn counts_for(&self, namespace: &Name) -> bool {
        match &self.reach {
            Reach::Mesh => true,
            Reach::Namespace(own) => own == namespace,
        }
    }
}

impl Owner {
    /// Returns the namespace that the owner lives in; `None` for what belongs to the cluster.
    pub fn namespace(&self) -> Option<&Name> {
        match self {
            Self::Service(key) => Some(&key.namespace),
            Self::Workload(key) => Some(&key.namespace),
            Self::Endpoints(ports) => ports.values().next().map(|port| &port.service.namespace),
            Self::Node(_) | Self::ApiServer => None,
        }
    }
}

impl Map<AddressKey, Owner> {
    /// Returns the owner of an address for clients of this reach: of their own namespace, else of the whole mesh. An
    /// address has an owner of the one kind or of the other, never of both.
    pub fn seen_from(&self, reach: &Reach, address: IpAddr) -> Option<&Owner> {
        let own = match reach {
            Reach::Mesh => None,
            Reach::Namespace(_) => self.get(&AddressKey { address, reach: reach.clone() }),
        };
        own.or_else(|| self.get(&AddressKey::of_mesh(address)))
    }

    /// Returns every owner of an address, by reach.
    pub fn at(&self, address: IpAddr) -> impl Iterator<Item = (&AddressKey, &Owner)> {
        self.range_from(&AddressKey::of_mesh(address)).take_while(move |(key, _)| key.address == address)
    }
}

/// `Service shop/cart`, as messages name the owner.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(key) => write!(f, "{}", key.source()),
            Self::Workload(key) => write!(f, "{}", key.source()),
            Self::Node(name) => write!(f, "Node {name}"),
            Self::ApiServer => f.write_str("the API server"),
            Self::Endpoints(ports) => match ports.values().next() {
                Some(port) => write!(f, "{}", port.service.source()),
                None => f.write_str("nobody"),
            },
        }
    }
}

/// `10.0.0.1`, or `10.0.0.1 for NAMESPACE`.
impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reach {
            Reach::Mesh => write!(f, "{}", self.address),
            Reach::Namespace(namespace) => write!(f, "{} for {namespace}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(entries: &[(&str, Reach, &str)]) -> Map<AddressKey, Owner> {
        let entry = |(address, reach, service): &(&str, Reach, &str)| {
            let key = AddressKey { address: address.parse().expect("an address"), reach: reach.clone() };
            (key, Owner::Service(ServiceKey::new("shop", *service)))
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn an_owner_counts_for_its_reach_only() {
        let (a, b) = (Reach::Namespace("a".into()), Reach::Namespace("b".into()));
        let map = owned(&[
            ("10.0.0.1", Reach::Mesh, "all"),
            ("10.0.0.2", a.clone(), "own"),
            ("10.0.0.2", b.clone(), "other"),
        ]);
        let check = |reach: &Reach, address: &str, want: Option<&str>| {
            let found = map.seen_from(reach, address.parse().expect("an address")).map(Owner::to_string);
            assert_eq!(found.as_deref(), want, "{reach:?} {address}");
        };
        check(&Reach::Mesh, "10.0.0.1", Some("Service shop/all"));
        check(&a, "10.0.0.1", Some("Service shop/all"));
        check(&Reach::Mesh, "10.0.0.2", None);
        check(&a, "10.0.0.2", Some("Service shop/own"));
        check(&b, "10.0.0.2", Some("Service shop/other"));
        check(&Reach::Namespace("c".into()), "10.0.0.2", None);
    }

    #[test]
    fn all_owners_of_an_address_stand_together() {
        let map = owned(&[
            ("10.0.0.1", Reach::Mesh, "before"),
            ("10.0.0.2", Reach::Namespace("a".into()), "x"),
            ("10.0.0.2", Reach::Namespace("b".into()), "y"),
            ("10.0.0.3", Reach::Mesh, "after"),
        ]);
        let at = |address: &str| map.at(address.parse().expect("an address")).count();
        assert_eq!([at("10.0.0.1"), at("10.0.0.2"), at("10.0.0.4")], [1, 2, 0]);
    }
}
