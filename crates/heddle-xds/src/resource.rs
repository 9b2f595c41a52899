//! Resources, their names and origins.

use crate::xds;
use heddle_model::{Name, SourceRef};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// The key of a resource: a name within a type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceKey {
    /// Its type.
    pub ty: ResourceType,
    /// Its name, unique within its type.
    pub name: Name,
}

/// One resource as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The message, packed. Equal inputs give equal bytes.
    pub body: xds::Any,
    /// The objects it came from: whose fault a refusal may be.
    pub sources: BTreeSet<SourceRef>,
    /// The resources it refers to, in order, each once. All exist wherever this one does.
    pub needs: Vec<ResourceKey>,
}

impl ResourceKey {
    /// The resource `name` of type `ty`.
    pub fn new(ty: ResourceType, name: impl Into<Name>) -> Self {
        Self { ty, name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_the_names_of_the_messages() {
        use prost::Name as _;
        assert_eq!(ResourceType::Cluster.url(), xds::Cluster::type_url());
        assert_eq!(ResourceType::Endpoint.url(), xds::ClusterLoadAssignment::type_url());
        assert_eq!(ResourceType::Listener.url(), xds::Listener::type_url());
        assert_eq!(ResourceType::Route.url(), xds::RouteConfiguration::type_url());
    }
}
