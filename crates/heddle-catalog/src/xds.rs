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

    /// The list of groups says where the workload stands and nothing else: see [`xds::Client::groups`].
    fn regroups(client: &xds::Client, key: &Key) -> bool {
        match key {
            Key::Workload(workload) => *workload == client.workload,
            Key::Mesh
            | Key::Service(_)
            | Key::Endpoints(_)
            | Key::Routes(_)
            | Key::Address(_)
            | Key::Network(_)
            | Key::Egress(_)
            | Key::Report(_)
            | Key::Diagnostics(_) => false,
        }
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
        let xds::Resource { body, sources, needs } = xds::project(group, key, snapshot)?;
        Some(Projection { type_url: body.type_url, value: body.value, sources, needs })
    }

    /// A `ClusterLoadAssignment` or `RouteConfiguration` that has its name (field 1 of both) and nothing else:
    /// no endpoints, and 404 for every request.
    fn absent(key: &xds::ResourceKey) -> Option<Projection<xds::ResourceKey>> {
        match key.ty {
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
