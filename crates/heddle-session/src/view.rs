//! What there is to send to one client.

use crate::Version;
use bytes::Bytes;
use heddle_model::Name;

/// The resource types of a stream, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// CDS: `envoy.config.cluster.v3.Cluster`
    Cluster,
    /// EDS: `envoy.config.endpoint.v3.ClusterLoadAssignment`
    Endpoint,
    /// LDS: `envoy.config.listener.v3.Listener`
    Listener,
    /// RDS: `envoy.config.route.v3.RouteConfiguration`
    Route,
}

impl Type {
    /// Every type, in order.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Endpoint, Self::Listener, Self::Route];

    /// Returns whether a first request that names nothing means everything, and whether a state-of-the-world
    /// response is the complete set, so that what is missing is deleted (xDS protocol, "wildcard").
    pub const fn is_root(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// The URL of the type's messages, as in `type_url`.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The type of a `type_url`; `None` for types that are not served.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.url() == url)
    }
}

/// One encoded resource, shared by all clients that get it: make it a pointer, a session keeps one per
/// resource that its client holds.
pub trait Resource: Clone {
    /// Its name.
    fn name(&self) -> &Name;
    /// The hash of its content.
    fn version(&self) -> Version;
    /// The encoded `google.protobuf.Any`: an item of `DiscoveryResponse.resources`.
    fn body(&self) -> Bytes;
    /// The encoded `envoy.service.discovery.v3.Resource`: an item of `DeltaDiscoveryResponse.resources`.
    fn framed(&self) -> Bytes;
    /// Returns whether it is kept for everyone who gets it, or was made for one client's name ([`View::absent`]).
    fn is_shared(&self) -> bool {
        true
    }
    /// Calls `each` for every resource that it refers to. References to what no view defines (the reserved
    /// cluster name of a broken backend) may be among them and delay nothing.
    fn needs(&self, each: &mut dyn FnMut(Type, &Name));
}

/// An immutable published state, for one client.
pub trait View {
    /// One resource.
    type Resource: Resource;

    /// Grows with every published state.
    fn sequence(&self) -> u64;

    /// The resource `name`, or `None` if there is none for this client.
    fn get(&self, ty: Type, name: &Name) -> Option<Self::Resource>;

    /// A body that answers for a name that does not exist. Needed for routes, which Envoy would wait for
    /// for ever, and for endpoints where a client cannot be told "none" otherwise (state of the world, or a
    /// cluster that warms again). `None` where there is no such body.
    fn absent(&self, ty: Type, name: &Name) -> Option<Self::Resource>;

    /// Calls `each` for every resource of `ty`, ordered by name.
    fn for_each(&self, ty: Type, each: &mut dyn FnMut(&Self::Resource));

    /// The resources that appeared, changed or went since the state numbered `sequence`, for this client;
    /// more may be named. `None`: too long ago to say, compare everything.
    fn changed_since(&self, sequence: u64) -> Option<Vec<(Type, Name)>>;
}
