//! Endpoints of a cluster, by locality and priority.

use crate::family_port::FamilyPort;
use crate::resource::Resource;
use crate::xds;
use heddle_model::Name;
use heddle_model::fact::{DataPlane, Locality};
use heddle_model::snapshot::{Endpoint, Endpoints, Health, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// The metadata key by which an endpoint says who it is.
const IDENTITY: &str = "heddle.identity";

/// The place of clients that share a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// Anywhere.
    Anywhere,
    /// In a zone.
    FromZone(&'a Name),
    /// On a Node.
    FromNode(&'a Name),
}

/// The list of a port for clients at a place; `None` where that is the list of clients elsewhere.
///
/// Nobody listed is an empty list, never an absent one: Envoy ignores the removal of a list that it holds.
pub(crate) fn of_port(
    at: &FamilyPort,
    locality: Locality,
    endpoints: &Endpoints,
    seen: Seen,
) -> Option<Resource> {
    let all = usable(endpoints.items.iter());
    let tiers = match (locality, seen) {
        (Locality::Any, Seen::Anywhere) | (Locality::PreferZone | Locality::PreferNode, Seen::Anywhere) => {
            vec![all]
        }
        (Locality::Any, Seen::FromZone(_) | Seen::FromNode(_))
        | (Locality::PreferZone, Seen::FromNode(_))
        | (Locality::OnlyNode, Seen::FromZone(_)) => return None,
        (Locality::PreferZone | Locality::PreferNode, Seen::FromZone(zone)) => {
            nearest(all, &[&|item| item.zone.as_ref() == Some(zone)])?
        }
        (Locality::PreferNode, Seen::FromNode(node)) => nearest_of_node(all, node)?,
        // A client without a Node has no endpoint on it.
        (Locality::OnlyNode, Seen::Anywhere) => Vec::new(),
        (Locality::OnlyNode, Seen::FromNode(node)) => {
            // As for kube-proxy, what drains on the Node is used though others are ready elsewhere.
            vec![usable(endpoints.items.iter().filter(|item| item.node.as_ref() == Some(node)))]
        }
    };
    let assignment = assignment(&at.to_string(), &tiers);
    let sources = BTreeSet::from([at.port.service.source()]);
    Some(Resource { body: xds::pack(&assignment), sources, needs: Vec::new() })
}

/// A list of one address in plain text.
pub(crate) fn single(cluster: &str, address: xds::Address) -> xds::ClusterLoadAssignment {
    let endpoint = xds::LbEndpoint {
        host_identifier: Some(xds::lb_endpoint::HostIdentifier::Endpoint(xds::Endpoint {
            address: Some(address),
            ..xds::Endpoint::default()
        })),
        ..xds::LbEndpoint::default()
    };
    let locality =
        xds::LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..xds::LocalityLbEndpoints::default() };
    xds::ClusterLoadAssignment {
        cluster_name: cluster.into(),
        endpoints: vec![locality],
        ..xds::ClusterLoadAssignment::default()
    }
}

/// Returns how an endpoint says how it is dialled: `<namespace>/<service account>`, `-` for plain text, and `!`, which no
/// cluster knows, for not at all.
pub(crate) fn label(transport: &Transport) -> String {
    match transport {
        Transport::Plain => "-".into(),
        Transport::Mesh(identity) => identity.to_string(),
        Transport::Refused => "!".into(),
    }
}

/// Returns what a transport socket match looks for.
pub(crate) fn identity_is(label: &str) -> xds::Struct {
    let value = xds::Value { kind: Some(xds::value::Kind::StringValue(label.into())) };
    xds::Struct { fields: BTreeMap::from([(IDENTITY.into(), value)]) }
}

/// Those that are ready; those that drain only where nobody is ready.
fn usable<'a>(items: impl Iterator<Item = &'a Endpoint> + Clone) -> Vec<&'a Endpoint> {
    let with = |health| items.clone().filter(move |item| item.health == health).collect::<Vec<_>>();
    let ready = with(Health::Ready);
    if ready.is_empty() { with(Health::Draining) } else { ready }
}

/// By nearness: each predicate takes its endpoints out of what is left, which comes last. `None` where that makes no
/// difference.
fn nearest<'a>(
    items: Vec<&'a Endpoint>,
    near: &[&dyn Fn(&Endpoint) -> bool],
) -> Option<Vec<Vec<&'a Endpoint>>> {
    let mut tiers = Vec::new();
    let mut rest = items;
    for is_near in near {
        let (inside, outside): (Vec<_>, Vec<_>) = rest.into_iter().partition(|item| is_near(item));
        tiers.push(inside);
        rest = outside;
    }
    tiers.push(rest);
    // Envoy wants priorities without gaps.
    tiers.retain(|tier| !tier.is_empty());
    (tiers.len() > 1).then_some(tiers)
}

/// The Node, then its zone, then the rest. A Node is known to lie in a zone by an endpoint on it; without one
/// on it, the list of the zone is the same.
fn nearest_of_node<'a>(items: Vec<&'a Endpoint>, node: &Name) -> Option<Vec<Vec<&'a Endpoint>>> {
    let here = |item: &Endpoint| item.node.as_ref() == Some(node);
    let zone = items.iter().find(|item| here(item))?.zone.clone();
    nearest(items, &[&here, &|item| zone.is_some() && item.zone == zone])
}

fn assignment(cluster: &str, tiers: &[Vec<&Endpoint>]) -> xds::ClusterLoadAssignment {
    let endpoints = (0..).zip(tiers).flat_map(|(priority, tier)| localities(priority, tier)).collect();
    xds::ClusterLoadAssignment {
        cluster_name: cluster.into(),
        endpoints,
        ..xds::ClusterLoadAssignment::default()
    }
}

fn localities(priority: u32, tier: &[&Endpoint]) -> Vec<xds::LocalityLbEndpoints> {
    let mut by_place: BTreeMap<(Option<&Name>, Option<&Name>), Vec<xds::LbEndpoint>> = BTreeMap::new();
    for item in tier {
        by_place.entry((item.region.as_ref(), item.zone.as_ref())).or_default().push(endpoint(item));
    }
    by_place
        .into_iter()
        .map(|((region, zone), lb_endpoints)| xds::LocalityLbEndpoints {
            locality: Some(xds::Locality {
                region: region.map(Name::to_string).unwrap_or_default(),
                zone: zone.map(Name::to_string).unwrap_or_default(),
                ..xds::Locality::default()
            }),
            load_balancing_weight: xds::number(u32::try_from(lb_endpoints.len()).unwrap_or(u32::MAX)),
            lb_endpoints,
            priority,
            ..xds::LocalityLbEndpoints::default()
        })
        .collect()
}

/// The identity stands in the metadata, which chooses the socket, and in the host name, whose change makes
/// Envoy leave the connections that were verified against the old one.
fn endpoint(item: &Endpoint) -> xds::LbEndpoint {
    let Endpoint {
        address,
        port,
        workload: _,
        transport: _,
        health: _,
        node: _,
        region: _,
        zone: _,
        server: _,
    } = item;
    let label = label(&item.transport_from(DataPlane::Envoy));
    let metadata = BTreeMap::from([("envoy.transport_socket_match".to_string(), identity_is(&label))]);
    xds::LbEndpoint {
        host_identifier: Some(xds::lb_endpoint::HostIdentifier::Endpoint(xds::Endpoint {
            address: Some(crate::address::socket(*address, *port)),
            hostname: label,
            ..xds::Endpoint::default()
        })),
        metadata: Some(xds::Metadata { filter_metadata: metadata, ..xds::Metadata::default() }),
        ..xds::LbEndpoint::default()
    }
}

#[cfg(test)]
mod tests;
