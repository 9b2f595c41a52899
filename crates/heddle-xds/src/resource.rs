//! What is served: a resource, its name and where it comes from.

use crate::xds;
use heddle_model::{Name, SourceRef};
use std::collections::BTreeSet;

/// A type of resource, in the order in which changes are made visible: what is named later may refer to what is
/// named earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// Clusters (CDS).
    Cluster,
    /// Endpoints of a cluster (EDS).
    Endpoint,
    /// Listeners (LDS).
    Listener,
    /// Route configurations (RDS).
    Route,
}

/// The key of a resource: a name within a type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceKey {
    /// Its type.
    pub ty: Type,
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

impl Type {
    /// Every type, in order.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Endpoint, Self::Listener, Self::Route];

    /// The type's name on the wire.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The type of a name on the wire; `None` for one that is not served.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.type_url() == url)
    }
}

impl ResourceKey {
    /// The resource `name` of type `ty`.
    pub fn new(ty: Type, name: impl Into<Name>) -> Self {
        Self { ty, name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_by_the_url_it_has() {
        for ty in Type::ALL {
            assert_eq!(Type::of_url(ty.type_url()), Some(ty));
        }
        assert_eq!(Type::of_url("type.googleapis.com/envoy.config.cluster.v3.cluster"), None);
        assert_eq!(Type::of_url(""), None);
    }

    #[test]
    fn urls_are_the_names_of_the_messages() {
        use prost::Name as _;
        assert_eq!(Type::Cluster.type_url(), xds::Cluster::type_url());
        assert_eq!(Type::Endpoint.type_url(), xds::ClusterLoadAssignment::type_url());
        assert_eq!(Type::Listener.type_url(), xds::Listener::type_url());
        assert_eq!(Type::Route.type_url(), xds::RouteConfiguration::type_url());
    }
}
