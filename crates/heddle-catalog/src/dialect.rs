//! The interface of a dialect to the catalog.

use bytes::Bytes;
use heddle_model::snapshot::Key;
use heddle_model::{Name, Snapshot, SourceRef};
use std::collections::BTreeSet;
use std::fmt::Debug;

/// A projection of the Snapshot to named resources for groups of clients: pure functions of their arguments.
pub trait Dialect {
    /// A client.
    type Client: Clone + Ord + Debug;
    /// A set of clients that are given the same bytes under the same names.
    type Group: Clone + Ord + Debug;
    /// A type of resource.
    type Type: Copy + Ord + Debug;
    /// The key of a resource: ordered by type, then by name.
    type Key: Clone + Ord + Debug;

    /// The key of a type and a name.
    fn key(ty: Self::Type, name: Name) -> Self::Key;

    /// The type of a key.
    fn ty(key: &Self::Key) -> Self::Type;

    /// The name of a key.
    fn name(key: &Self::Key) -> &Name;

    /// The groups of a client, most general first: a later one overrides an earlier one name by name.
    fn groups(client: &Self::Client, snapshot: &Snapshot) -> Vec<Self::Group>;

    /// Returns whether a change at `key` may change the groups of `client`.
    fn regroups(client: &Self::Client, key: &Key) -> bool;

    /// Returns whether a client gets what a group holds only as far as it asks for it, or something needs it that it asks for.
    fn is_offered(client: &Self::Client, group: &Self::Group, snapshot: &Snapshot) -> bool;

    /// The resources that a client is given of what is offered before it asks, with all that they need.
    fn used(client: &Self::Client, snapshot: &Snapshot) -> Vec<Self::Key>;

    /// Every resource of a group.
    fn names(group: &Self::Group, snapshot: &Snapshot) -> BTreeSet<Self::Key>;

    /// The resources of a group that a change at `key` may add, change or remove; more may be named. A name that ends with a
    /// star stands for all that begin as it does of those that are in no group ([`Dialect::asked`]).
    fn touched(group: &Self::Group, key: &Key, old: &Snapshot, new: &Snapshot) -> BTreeSet<Self::Key>;

    /// One resource of a group; `None` where the group has none of that name.
    fn project(group: &Self::Group, key: &Self::Key, snapshot: &Snapshot) -> Option<Projection<Self::Key>>;

    /// Returns whether a resource is in no group, and made for who asks for it; also of a pattern of such names.
    fn is_asked_for(key: &Self::Key) -> bool;

    /// Such a resource, for one client; `None` where there is none of that name for it.
    fn asked(client: &Self::Client, key: &Self::Key, snapshot: &Snapshot) -> Option<Projection<Self::Key>>;

    /// A body that answers for a name that does not exist; `None` for types of which a client can be told so.
    fn absent(key: &Self::Key) -> Option<Projection<Self::Key>>;
}

/// One resource, projected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection<K> {
    /// `type_url` of its `google.protobuf.Any`.
    pub type_url: String,
    /// The encoded message: `value` of its `google.protobuf.Any`.
    pub value: Bytes,
    /// The objects it came from.
    pub sources: BTreeSet<SourceRef>,
    /// The resources it refers to.
    pub needs: Vec<K>,
}
