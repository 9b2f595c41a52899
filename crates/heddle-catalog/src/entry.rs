//! One published resource.

use crate::frame::{Frame, frame};
use crate::{Dialect, Projection};
use bytes::Bytes;
use heddle_model::SourceRef;
use std::collections::BTreeSet;

/// One published resource, shared by every client that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<K> {
    key: K,
    version: [u8; 16],
    frame: Frame,
    needs: Box<[K]>,
    sources: BTreeSet<SourceRef>,
    absent: bool,
}

impl<K> Entry<K> {
    /// Encodes a projection whose [`version`] is known.
    pub(crate) fn new<D: Dialect<Key = K>>(key: K, version: [u8; 16], projection: Projection<K>) -> Self {
        let Projection { type_url, value, sources, needs } = projection;
        let frame = frame(D::name(&key), &hex(&version), &type_url, &value);
        Self { key, version, frame, needs: needs.into(), sources, absent: false }
    }

    /// Answers for a name that does not exist.
    pub(crate) fn absent<D: Dialect<Key = K>>(key: K, version: [u8; 16], projection: Projection<K>) -> Self {
        Self { absent: true, ..Self::new::<D>(key, version, projection) }
    }

    /// The same bytes, made from other objects.
    pub(crate) fn with_sources(&self, projection: Projection<K>) -> Self
    where
        K: Clone,
    {
        let Projection { type_url: _, value: _, sources, needs } = projection;
        let Self { key, version, frame, needs: _, sources: _, absent } = self;
        Self {
            key: key.clone(),
            version: *version,
            frame: frame.clone(),
            needs: needs.into(),
            sources,
            absent: *absent,
        }
    }

    /// Its type and name.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns whether it was made for one client, which names what does not exist, and is published to nobody.
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// The first 128 bits of a BLAKE3 over type and content. In [`Self::framed`] as 32 lower-case digits.
    pub fn version(&self) -> [u8; 16] {
        self.version
    }

    /// The encoded `google.protobuf.Any`: an item of a state-of-the-world response.
    pub fn body(&self) -> Bytes {
        self.frame.bytes.slice(self.frame.body_at..)
    }

    /// The encoded `envoy.service.discovery.v3.Resource`: an item of a delta response.
    pub fn framed(&self) -> Bytes {
        self.frame.bytes.clone()
    }

    /// The resources it refers to.
    pub fn needs(&self) -> &[K] {
        &self.needs
    }

    /// The objects it came from: whose fault a refusal may be.
    pub fn sources(&self) -> &BTreeSet<SourceRef> {
        &self.sources
    }
}

/// The version of what a projection holds.
pub(crate) fn version<K>(projection: &Projection<K>) -> [u8; 16] {
    let mut hash = blake3::Hasher::new();
    hash.update(projection.type_url.as_bytes()).update(&[0]).update(&projection.value);
    let mut version = [0; 16];
    version.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    version
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;
