//! One published resource.

use crate::frame::{Frame, frame};
use crate::{Dialect, Projection};
use bytes::Bytes;
use heddle_model::SourceRef;
use heddle_session::Version;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One published resource, shared by every client that gets it: a pointer.
#[derive(Debug)]
pub struct Entry<K>(Arc<Content<K>>);

#[derive(Clone, Debug)]
struct Content<K> {
    key: K,
    version: Version,
    frame: Frame,
    needs: Box<[K]>,
    sources: BTreeSet<SourceRef>,
    made: Made,
}

/// The reason for which an entry was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// It is in a group: everyone of it shares it.
    Published,
    /// One client asked for its name.
    Asked,
    /// The same, of a name that does not exist.
    Absent,
}

impl<K> Entry<K> {
    /// Encodes a projection whose [`version`] is known.
    pub(crate) fn new<D: Dialect<Key = K>>(key: K, version: Version, projection: Projection<K>) -> Self {
        Self(Arc::new(Content::new::<D>(key, version, projection)))
    }

    /// Made for one client that asks for it.
    pub(crate) fn asked<D: Dialect<Key = K>>(key: K, projection: Projection<K>) -> Self {
        Self::alone::<D>(key, projection, Made::Asked)
    }

    /// Answers for a name that does not exist.
    pub(crate) fn absent<D: Dialect<Key = K>>(key: K, projection: Projection<K>) -> Self {
        Self::alone::<D>(key, projection, Made::Absent)
    }

    fn alone<D: Dialect<Key = K>>(key: K, projection: Projection<K>, made: Made) -> Self {
        let version = version(&projection);
        Self(Arc::new(Content { made, ..Content::new::<D>(key, version, projection) }))
    }

    /// The same bytes, made from other objects.
    pub(crate) fn with_sources(&self, projection: Projection<K>) -> Self
    where
        K: Clone,
    {
        let Projection { type_url: _, value: _, sources, needs } = projection;
        let Content { key, version, frame, needs: _, sources: _, made } = (*self.0).clone();
        Self(Arc::new(Content { key, version, frame, needs: needs.into(), sources, made }))
    }

    /// Its type and name.
    pub fn key(&self) -> &K {
        &self.0.key
    }

    /// Returns whether it stands for what does not exist.
    pub fn is_absent(&self) -> bool {
        self.0.made == Made::Absent
    }

    /// Returns whether everyone who gets it shares it; else it was made for one client, which names it.
    pub fn is_shared(&self) -> bool {
        self.0.made == Made::Published
    }

    /// The first 128 bits of a BLAKE3 over type and content. In [`Self::framed`] as 32 lower-case digits.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The encoded `google.protobuf.Any`: an item of a state-of-the-world response.
    pub fn body(&self) -> Bytes {
        self.0.frame.bytes.slice(self.0.frame.body_at..)
    }

    /// The encoded `envoy.service.discovery.v3.Resource`: an item of a delta response.
    pub fn framed(&self) -> Bytes {
        self.0.frame.bytes.clone()
    }

    /// The resources it refers to.
    pub fn needs(&self) -> &[K] {
        &self.0.needs
    }

    /// The objects it came from: whose fault a refusal may be.
    pub fn sources(&self) -> &BTreeSet<SourceRef> {
        &self.0.sources
    }
}

impl<K> Content<K> {
    fn new<D: Dialect<Key = K>>(key: K, version: Version, projection: Projection<K>) -> Self {
        let Projection { type_url, value, sources, needs } = projection;
        let frame = frame(D::name(&key), &version.to_string(), &type_url, &value);
        Self { key, version, frame, needs: needs.into(), sources, made: Made::Published }
    }
}

impl<K> Clone for Entry<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The version of what a projection holds.
pub(crate) fn version<K>(projection: &Projection<K>) -> Version {
    let mut hash = blake3::Hasher::new();
    hash.update(projection.type_url.as_bytes()).update(&[0]).update(&projection.value);
    let mut version = [0; 16];
    version.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    Version(version)
}

#[cfg(test)]
mod tests;
