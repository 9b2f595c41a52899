//! Endpoints of a cluster, by locality and priority.

use crate::family_port::FamilyPort;
use crate::resource::Resource;
use crate::xds;
use heddle_model::Name;
use heddle_model::fact::{DataPlane, Locality};
use heddle_model::locality::{ClientPlace, tiers};
use heddle_model::snapshot::{Endpoint, Endpoints, Transport};
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
    let client = match (locality, seen) {
        (Locality::Any, Seen::FromZone(_) | Seen::FromNode(_))
        | (Locality::PreferZone, Seen::FromNode(_))
        | (Locality::OnlyNode, Seen::FromZone(_)) => return None,
        (_, Seen::Anywhere) => ClientPlace::default(),
        (_, Seen::FromZone(zone)) => ClientPlace { node: None, zone: Some(zone) },
        // A Node is known to lie in a zone by an endpoint on it; without one on it, the list of the zone is the same.
        (_, Seen::FromNode(node)) => {
            let on_node = endpoints.items.iter().find(|item| item.node.as_ref() == Some(node));
            ClientPlace { node: Some(node), zone: on_node.and_then(|item| item.zone.as_ref()) }
        }
    };
    let tiers = tiers(endpoints.items.iter(), locality, client);
    // Where nearness makes no difference, the list is the one of clients elsewhere.
    let nearest = tiers.first().and_then(|tier| tier.first());
    let is_of_zone = client.node.is_some() && nearest.is_none_or(|item| item.node.as_ref() != client.node);
    let orders = matches!(locality, Locality::PreferZone | Locality::PreferNode);
    if orders && client != ClientPlace::default() && (tiers.len() < 2 || is_of_zone) {
        return None;
    }
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
