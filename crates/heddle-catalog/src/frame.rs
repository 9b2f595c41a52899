//! A resource as bytes that are sent to many: encoded once, never per client.
//!
//! Written by hand because the same bytes serve both variants of the protocol: an
//! `envoy.service.discovery.v3.Resource` with its `resource` last ends in the `google.protobuf.Any` that a
//! `DiscoveryResponse` lists. A test compares with the generated messages.

use bytes::Bytes;

/// Field numbers of `envoy.service.discovery.v3.Resource` and `google.protobuf.Any`.
const RESOURCE_VERSION: u8 = 1;
const RESOURCE_RESOURCE: u8 = 2;
const RESOURCE_NAME: u8 = 3;
const ANY_TYPE_URL: u8 = 1;
const ANY_VALUE: u8 = 2;

/// An encoded `Resource`, and where in it the encoded `Any` begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) body_at: usize,
}

/// Encodes a resource.
pub(crate) fn frame(name: &str, version: &str, type_url: &str, value: &[u8]) -> Frame {
    let any_len = field_len(type_url.len()) + field_len(value.len());
    let total = field_len(name.len()) + field_len(version.len()) + field_len(any_len);
    let mut out = Vec::with_capacity(total);
    put(&mut out, RESOURCE_NAME, name.as_bytes());
    put(&mut out, RESOURCE_VERSION, version.as_bytes());
    head(&mut out, RESOURCE_RESOURCE, any_len);
    let body_at = out.len();
    put(&mut out, ANY_TYPE_URL, type_url.as_bytes());
    put(&mut out, ANY_VALUE, value);
    debug_assert_eq!(out.len(), total);
    Frame { bytes: out.into(), body_at }
}

/// An encoded message whose field 1 is `name` and that says nothing else.
pub(crate) fn only_name(name: &str) -> Bytes {
    let mut out = Vec::with_capacity(field_len(name.len()));
    put(&mut out, 1, name.as_bytes());
    out.into()
}

/// The bytes of a length-delimited field with a number below 16. An empty one is not written (proto3).
fn field_len(len: usize) -> usize {
    if len == 0 { 0 } else { 1 + varint_len(len) + len }
}

fn varint_len(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn put(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        head(out, field, bytes.len());
        out.extend_from_slice(bytes);
    }
}

fn head(out: &mut Vec<u8>, field: u8, mut len: usize) {
    const LENGTH_DELIMITED: u8 = 2;
    out.push(field << 3 | LENGTH_DELIMITED);
    while len > 0x7f {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}
