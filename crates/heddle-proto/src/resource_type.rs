//! The types of xDS resources that Heddle serves.

/// A type of xDS resource, in the order in which changes are made visible: what is sent later may refer to what is sent
/// earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// CDS: `envoy.config.cluster.v3.Cluster`
    Cluster,
    /// EDS: `envoy.config.endpoint.v3.ClusterLoadAssignment`
    Endpoint,
    /// LDS: `envoy.config.listener.v3.Listener`
    Listener,
    /// RDS: `envoy.config.route.v3.RouteConfiguration`
    Route,
}

impl ResourceType {
    /// Every type, in order.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Endpoint, Self::Listener, Self::Route];

    /// Returns whether a first request that names nothing means everything, and whether a state-of-the-world
    /// response is the complete set, so that what is missing is deleted (xDS protocol, "wildcard").
    pub const fn is_root(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// The type's name on the wire, as in `type_url`.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The type's short name: `CDS`, `EDS`, `LDS` or `RDS`.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Cluster => "CDS",
            Self::Endpoint => "EDS",
            Self::Listener => "LDS",
            Self::Route => "RDS",
        }
    }

    /// The type of a name on the wire; `None` for one that is not served.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.url() == url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_by_the_url_it_has() {
        for ty in ResourceType::ALL {
            assert_eq!(ResourceType::of_url(ty.url()), Some(ty));
        }
        assert_eq!(ResourceType::of_url("type.googleapis.com/envoy.config.cluster.v3.cluster"), None);
        assert_eq!(ResourceType::of_url(""), None);
    }
}
