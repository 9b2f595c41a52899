//! The Envoy dialect.

use crate::frame::only_name;
use crate::{Dialect, Projection};
use heddle_model::snapshot::Key;
use heddle_model::{Name, Snapshot};
use heddle_xds as xds;
use std::collections::BTreeSet;

/// Clusters, endpoints, listeners and routes for Envoys.
pub enum Xds {}

impl Dialect for Xds {
    type Client = xds::Client;
    type Group = xds::Group;
    type Type = xds::ResourceType;
    type Key = xds::ResourceKey;

    fn key(ty: xds::ResourceType, name: Name) -> xds::ResourceKey {
        xds::ResourceKey { ty, name }
    }

    fn ty(key: &xds::ResourceKey) -> xds::ResourceType {
        key.ty
    }

    fn name(key: &xds::ResourceKey) -> &Name {
        &key.name
    }

    fn groups(client: &xds::Client, snapshot: &Snapshot) -> Vec<xds::Group> {
        client.groups(snapshot)
    }

    /// The list of groups says where the workload stands ([`xds::Client::groups`]), and which of them are offered the Mesh.
    fn regroups(client: &xds::Client, key: &Key) -> bool {
        match key {
            Key::Workload(workload) => *workload == client.workload,
            Key::Mesh => true,
            Key::Service(_)
            | Key::Endpoints(_)
            | Key::Routes(_)
            | Key::Address(_)
            | Key::Network(_)
            | Key::Egress(_)
            | Key::Report(_)
            | Key::Diagnostics(_) => false,
        }
    }

    fn is_offered(client: &xds::Client, group: &xds::Group, snapshot: &Snapshot) -> bool {
        client.is_offered(group, snapshot)
    }

    fn used(client: &xds::Client, snapshot: &Snapshot) -> Vec<xds::ResourceKey> {
        client.used(snapshot)
    }

    fn names(group: &xds::Group, snapshot: &Snapshot) -> BTreeSet<xds::ResourceKey> {
        xds::names(group, snapshot)
    }

    fn touched(group: &xds::Group, key: &Key, old: &Snapshot, new: &Snapshot) -> BTreeSet<xds::ResourceKey> {
        xds::touched(group, key, old, new)
    }

    fn project(
        group: &xds::Group,
        key: &xds::ResourceKey,
        snapshot: &Snapshot,
    ) -> Option<Projection<xds::ResourceKey>> {
        xds::project(group, key, snapshot).map(projection)
    }

    fn is_asked_for(key: &xds::ResourceKey) -> bool {
        xds::is_asked_for(key)
    }

    fn asked(
        client: &xds::Client,
        key: &xds::ResourceKey,
        snapshot: &Snapshot,
    ) -> Option<Projection<xds::ResourceKey>> {
        xds::asked(&client.workload.namespace, key, snapshot).map(projection)
    }

    /// A `ClusterLoadAssignment` or `RouteConfiguration` that has its name (field 1 of both) and nothing else:
    /// no endpoints, and 404 for every request. Or a cluster of nobody, where a dialled address is asked for.
    fn absent(key: &xds::ResourceKey) -> Option<Projection<xds::ResourceKey>> {
        match key.ty {
            xds::ResourceType::Cluster if xds::is_asked_for(key) => Some(projection(xds::nobody(&key.name))),
            xds::ResourceType::Cluster | xds::ResourceType::Listener => None,
            xds::ResourceType::Endpoint | xds::ResourceType::Route => Some(Projection {
                type_url: key.ty.url().to_string(),
                value: only_name(&key.name),
                sources: BTreeSet::new(),
                needs: Vec::new(),
            }),
        }
    }
}

fn projection(resource: xds::Resource) -> Projection<xds::ResourceKey> {
    let xds::Resource { body, sources, needs } = resource;
    Projection { type_url: body.type_url, value: body.value, sources, needs }
}
