//! Resources for one client.

use crate::Version;
use bytes::Bytes;
use heddle_model::Name;
use heddle_proto::ResourceType;

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
    /// Returns whether it is kept for everyone who gets it, or was made for one client that asked for its name.
    fn is_shared(&self) -> bool {
        true
    }
    /// Returns whether it stands for what does not exist ([`View::absent`]).
    fn is_absent(&self) -> bool {
        false
    }
    /// Calls `each` for every resource that it refers to. References to what no view defines (the reserved
    /// cluster name of a broken backend) may be among them and delay nothing.
    fn needs(&self, each: &mut dyn FnMut(ResourceType, &Name));
}

/// An immutable published state, for one client.
pub trait View {
    /// One resource.
    type Resource: Resource;

    /// Grows with every published state.
    fn sequence(&self) -> u64;

    /// The resource `name`, or `None` if there is none for this client.
    fn get(&self, ty: ResourceType, name: &Name) -> Option<Self::Resource>;

    /// A body that answers for a name that does not exist. Needed for routes, which Envoy would wait for
    /// for ever, for endpoints where a client cannot be told "none" otherwise (state of the world, or a
    /// cluster that warms again), and for clusters that are asked for as they are dialled, which Envoy asks for once and
    /// never again. `None` where there is no such body.
    fn absent(&self, ty: ResourceType, name: &Name) -> Option<Self::Resource>;

    /// Calls `each` for every resource of `ty`, ordered by name.
    fn for_each(&self, ty: ResourceType, each: &mut dyn FnMut(&Self::Resource));

    /// Returns whether the client is given a resource unasked. One that asks for everything of a root type gets this, and
    /// what it needs of the rest for the names that it asks for beside.
    fn is_given(&self, _ty: ResourceType, _name: &Name) -> bool {
        true
    }

    /// The resources that the client is given before it asks for them, with all that they need.
    fn used(&self) -> Vec<(ResourceType, Name)> {
        Vec::new()
    }

    /// Returns whether a resource exists that the client neither is given nor asked for.
    fn is_withheld(&self, _ty: ResourceType, _name: &Name) -> bool {
        false
    }

    /// Calls `each` for every resource of `ty` that is given unasked.
    fn for_each_given(&self, ty: ResourceType, each: &mut dyn FnMut(&Self::Resource)) {
        self.for_each(ty, each);
    }

    /// The resources that appeared, changed or went since the state numbered `sequence`, for this client;
    /// more may be named. A name that ends with a star stands for all that begin as it does.
    /// `None`: too long ago to say, compare everything.
    fn changed_since(&self, sequence: u64) -> Option<Vec<(ResourceType, Name)>>;
}

/// The endpoints that a cluster refers to.
pub(crate) fn endpoints<R: Resource>(cluster: &R) -> Vec<Name> {
    let mut names = Vec::new();
    cluster.needs(&mut |ty, name| {
        if ty == ResourceType::Endpoint {
            names.push(name.clone());
        }
    });
    names
}
