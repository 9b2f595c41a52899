//! The endpoints of a Service port, and how clients are told of them.

use crate::endpoint::Dial;
use crate::subscription::Place;
use crate::tracked::TrackedSnapshot;
use crate::{l5d, net};
use bytes::Bytes;
use heddle_model::fact::Locality;
use heddle_model::locality::{ClientPlace, eligible};
use heddle_model::snapshot::Transport;
use heddle_model::{Family, Name, ServicePortKey, snapshot};
use heddle_proto::io::linkerd::proxy::destination::{Update, update};
use prost::Message as _;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The most bytes of one message: proxies take 4 MiB.
const MOST_BYTES: usize = 3 << 20;

/// The endpoints of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// True if what was asked for exists.
    pub exists: bool,
    /// `metric_labels` of the whole set.
    pub labels: BTreeMap<String, String>,
    /// Each endpoint as an encoded `WeightedAddr`.
    pub items: BTreeMap<SocketAddr, Bytes>,
}

/// `WeightedAddrSet` of encoded members, in an `Update`: the same on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Add {
    #[prost(message, optional, tag = "1")]
    add: Option<AddSet>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct AddSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    addrs: Vec<Bytes>,
    #[prost(btree_map = "string, string", tag = "2")]
    metric_labels: BTreeMap<String, String>,
}

impl Endpoints {
    /// The encoded `Update`s that a new client is sent: the whole set.
    ///
    /// The first replaces what the client still holds, so it is one message up to the most that a proxy takes.
    pub fn whole(&self) -> Vec<Bytes> {
        if self.items.is_empty() {
            return vec![nobody(self.exists)];
        }
        self.added(self.items.values())
    }

    /// The encoded `Update`s that turn `old` into this set, none if they are equal.
    ///
    /// An endpoint whose transport changed is removed and added again: the proxy would use the old one once more.
    pub fn since(&self, old: &Self) -> Vec<Bytes> {
        if self.items.is_empty() {
            let same = old.items.is_empty() && old.exists == self.exists;
            return if same { Vec::new() } else { vec![nobody(self.exists)] };
        }
        let relabelled = self.labels != old.labels;
        let kept =
            |at: &SocketAddr, item: &Bytes, other: &Self| !relabelled && other.items.get(at) == Some(item);
        let (changed, new): (Vec<_>, Vec<_>) = self
            .items
            .iter()
            .filter(|(at, item)| !kept(at, item, old))
            .partition(|(at, _)| old.items.contains_key(at));
        let gone = old.items.iter().filter(|(at, item)| !kept(at, item, self)).map(|(at, _)| *at);
        // What is new comes first, so that there is always somebody to send to.
        let mut updates = self.added(new.into_iter().map(|(_, item)| item));
        updates.extend(removed(gone));
        updates.extend(self.added(changed.into_iter().map(|(_, item)| item)));
        updates
    }

    fn added<'a>(&self, items: impl Iterator<Item = &'a Bytes>) -> Vec<Bytes> {
        let mut sets: Vec<Vec<Bytes>> = Vec::new();
        let mut length = usize::MAX;
        for item in items {
            // A member's own length and tag take at most 6 bytes more.
            length = length.saturating_add(item.len() + 6);
            if length > MOST_BYTES {
                sets.push(Vec::new());
                length = item.len() + 6;
            }
            sets.last_mut().expect("one was pushed").push(item.clone());
        }
        let message = |addrs| Add { add: Some(AddSet { addrs, metric_labels: self.labels.clone() }) };
        sets.into_iter().map(|addrs| message(addrs).encode_to_vec().into()).collect()
    }
}

fn nobody(exists: bool) -> Bytes {
    encode(update::Update::NoEndpoints(l5d::NoEndpoints { exists }))
}

/// An address takes at most 32 bytes, so this bounds a message too.
fn removed(gone: impl Iterator<Item = SocketAddr>) -> Vec<Bytes> {
    let all: Vec<_> = gone.map(net::socket).collect();
    let sets = all.chunks(MOST_BYTES / 32);
    sets.map(|addrs| encode(update::Update::Remove(l5d::AddrSet { addrs: addrs.to_vec() }))).collect()
}

fn encode(update: update::Update) -> Bytes {
    Update { update: Some(update) }.encode_to_vec().into()
}

/// The endpoints of a port as clients at a place see them; `None` where another kind of place counts now.
pub(crate) fn project(
    look: &TrackedSnapshot,
    port: &ServicePortKey,
    dialled: Option<Family>,
    place: &Place,
) -> Option<Endpoints> {
    let service = look.service(&port.service);
    let exists = service.is_some_and(|service| service.ports.iter().any(|one| one.number == port.port));
    let Some(service) = service.filter(|_| exists) else { return Some(Endpoints::default()) };
    if !place.fits(service.locality) {
        return None;
    }
    let mesh = look.mesh();
    let family = service.families.serving(dialled);
    let all = look.endpoints(port).into_iter().flat_map(|all| all.of_family(family));
    let dials = eligible(all, service.locality, place.of_client()).into_iter().filter_map(Dial::of);
    let items = dials.map(|dial| (dial.at, dial.message(mesh).encode_to_vec().into()));
    let labels = [("service", &port.service.name), ("namespace", &port.service.namespace)];
    let labels = labels.map(|(name, value)| (name.to_string(), value.to_string()));
    Some(Endpoints { exists, labels: labels.into(), items: items.collect() })
}

/// Returns whether anybody at all may be dialled there: an empty balancer would keep requests waiting.
pub(crate) fn usable(endpoints: Option<&snapshot::Endpoints>, family: Option<Family>) -> bool {
    let mut items = endpoints.into_iter().flat_map(|all| all.of_family(family));
    items.any(|item| item.transport != Transport::Refused)
}

impl Place {
    /// Returns where a client at a Node and zone is, as far as a Service minds.
    pub(crate) fn for_locality(locality: Locality, node: Option<&Name>, zone: Option<&Name>) -> Self {
        match locality {
            Locality::Any => Self::Anywhere,
            Locality::PreferZone => Self::Zone(zone.cloned()),
            Locality::PreferNode | Locality::OnlyNode => Self::Node(node.cloned(), zone.cloned()),
        }
    }

    fn fits(&self, locality: Locality) -> bool {
        match (self, locality) {
            (Self::Anywhere, Locality::Any)
            | (Self::Zone(_), Locality::PreferZone)
            | (Self::Node(..), Locality::PreferNode | Locality::OnlyNode) => true,
            (Self::Anywhere | Self::Zone(_) | Self::Node(..), _) => false,
        }
    }

    fn of_client(&self) -> ClientPlace<'_> {
        match self {
            Self::Anywhere => ClientPlace::default(),
            Self::Zone(zone) => ClientPlace { node: None, zone: zone.as_ref() },
            Self::Node(node, zone) => ClientPlace { node: node.as_ref(), zone: zone.as_ref() },
        }
    }
}

#[cfg(test)]
mod tests;
