//! Connections whose peer has not proved yet who it is: so many, and nobody can keep others out.
//!
//! Where one more comes than there may be, the oldest connection of the address that has most is closed. Whoever opens
//! many loses its own; a peer with one connection has it until the time for its proof is over.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The connections of peers that have not proved who they are.
#[derive(Debug)]
pub(crate) struct Unproven {
    most: usize,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    last: u64,
    count: usize,
    /// By network, then in the order in which they came.
    networks: BTreeMap<IpAddr, BTreeMap<u64, CancellationToken>>,
}

/// One connection's place, given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<Unproven>,
    network: IpAddr,
    number: u64,
}

impl Unproven {
    /// There may be `most`.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), places: Mutex::default() })
    }

    /// A place for a connection from `address`, and what tells it that another one needs it.
    ///
    /// Returns whether somebody had to go for it, too.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> (Place, CancellationToken, bool) {
        let network = network(address);
        let mut places = self.lock();
        let evicted = places.count >= self.most;
        if evicted {
            places.evict();
        }
        places.last += 1;
        places.count += 1;
        let (number, token) = (places.last, CancellationToken::new());
        places.networks.entry(network).or_default().insert(number, token.clone());
        drop(places);
        (Place { table: self.clone(), network, number }, token, evicted)
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn evict(&mut self) {
        let Some((network, _)) = self.networks.iter().max_by_key(|(_, of)| of.len()) else { return };
        let network = *network;
        let oldest = self.networks.get(&network).and_then(|network| network.keys().next().copied());
        if let Some(token) = oldest.and_then(|number| self.remove(network, number)) {
            token.cancel();
        }
    }

    fn remove(&mut self, network: IpAddr, number: u64) -> Option<CancellationToken> {
        let peers = self.networks.get_mut(&network)?;
        let token = peers.remove(&number)?;
        self.count -= 1;
        if peers.is_empty() {
            self.networks.remove(&network);
        }
        Some(token)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().remove(self.network, self.number);
    }
}

/// Addresses that one machine can take at will count as one: an IPv6 subnet of 64 bits.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_whoever_has_most_makes_room() {
        let table = Unproven::new(3);
        let [many, one]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let (_a, first, _) = table.enter(many);
        let (_b, second, _) = table.enter(many);
        let (c, alone, evicted) = table.enter(one);
        assert!(!evicted && table.len() == 3);
        let (_d, _, evicted) = table.enter(many);
        assert!(evicted && first.is_cancelled() && !second.is_cancelled() && !alone.is_cancelled());
        let (_e, _, evicted) = table.enter(one);
        assert!(evicted && second.is_cancelled() && !alone.is_cancelled());
        drop(c);
        let (_f, _, evicted) = table.enter(many);
        assert!(!evicted && table.len() == 3);
    }

    #[test]
    fn nothing_is_left_of_connections_that_went() {
        let table = Unproven::new(2);
        let places = ["::1", "fd00::1", "fd00::2"].map(|address| table.enter(address.parse().unwrap()));
        assert!(places[1].1.is_cancelled() || places[0].1.is_cancelled());
        drop(places);
        assert_eq!((table.len(), table.lock().networks.len()), (0, 0));
    }

    #[test]
    fn a_subnet_is_one_peer() {
        let of_text = |text: &str| network(text.parse().unwrap());
        assert_eq!(of_text("fd00:1:2:3::1"), of_text("fd00:1:2:3:ffff::2"));
        assert_ne!(of_text("fd00:1:2:3::1"), of_text("fd00:1:2:4::1"));
        assert_eq!(of_text("::ffff:10.0.0.1"), of_text("10.0.0.1"));
        assert_ne!(of_text("10.0.0.1"), of_text("10.0.0.2"));
    }
}
