//! Packing any message into a `google.protobuf.Any`.

use crate::google::protobuf::Any;
use prost::{DecodeError, Name};

/// The reason for which an `Any` is not the message that was wanted.
#[derive(Debug, PartialEq, Eq)]
pub enum NotThat {
    /// It holds another type: the caller may try another.
    Type {
        /// The type URL that came.
        found: String,
        /// The type URL that was wanted.
        want: String,
    },
    /// It holds bytes that are no message of its type.
    Bytes(DecodeError),
}

impl std::fmt::Display for NotThat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Type { found, want } => write!(f, "type {found:?}, want {want:?}"),
            Self::Bytes(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for NotThat {}

/// The message, encoded, under its type URL `type.googleapis.com/<full name>`.
pub fn pack<M: Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec().into() }
}

/// The message in an `Any` that holds an `M`.
///
/// # Errors
/// When it holds another type, or bytes that are no such message.
pub fn unpack<M: Name + Default>(any: &Any) -> Result<M, NotThat> {
    let want = M::type_url();
    if any.type_url != want {
        return Err(NotThat::Type { found: any.type_url.clone(), want });
    }
    M::decode(any.value.clone()).map_err(NotThat::Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::config::cluster::v3::Cluster;
    use crate::envoy::config::listener::v3::Listener;
    use crate::google::protobuf::{Struct, Value, value};

    #[test]
    fn a_packed_message_is_unpacked_as_itself_only() {
        let cluster = Cluster { name: "a".to_owned(), ..Default::default() };
        let any = pack(&cluster);
        assert_eq!(any.type_url, "type.googleapis.com/envoy.config.cluster.v3.Cluster");
        assert_eq!(unpack(&any), Ok(cluster));
        let error = unpack::<Listener>(&any).map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("type \"type.googleapis.com/envoy.config.cluster.v3.Cluster\", want \
                 \"type.googleapis.com/envoy.config.listener.v3.Listener\""
                .to_owned())
        );
    }

    #[test]
    fn a_broken_payload_is_an_error() {
        let any = Any { value: vec![0xff].into(), ..pack(&Cluster::default()) };
        assert!(matches!(unpack::<Cluster>(&any), Err(NotThat::Bytes(_))));
    }

    #[test]
    fn equal_maps_encode_to_equal_bytes() {
        let text = |text: &str| Value { kind: Some(value::Kind::StringValue(text.to_owned())) };
        let keys = ["b", "a", "z", "c", "k"];
        let there = Struct { fields: keys.iter().map(|key| ((*key).to_owned(), text(key))).collect() };
        let back = Struct { fields: keys.iter().rev().map(|key| ((*key).to_owned(), text(key))).collect() };
        assert_eq!(pack(&there), pack(&back));
    }
}
