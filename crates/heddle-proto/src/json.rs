//! Messages as JSON, as Envoy reads and prints them.

use crate::DESCRIPTORS;
use crate::google::protobuf::Any;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

/// Prints messages as JSON.
///
/// Making one reads all descriptors, some hundred kilobytes: keep it.
#[derive(Debug)]
pub struct Printer(DescriptorPool);

/// Why a message cannot be printed.
#[derive(Debug)]
pub struct NotJson(String);

impl std::fmt::Display for NotJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotJson {}

impl Printer {
    /// A printer of every message of this crate.
    pub fn new() -> Self {
        let pool = DescriptorPool::decode(DESCRIPTORS);
        Self(pool.expect("the descriptors are generated with the messages"))
    }

    /// A packed message, with its type as `@type`, packed messages within it likewise. Fields have the names of the
    /// `.proto` files; those that are not set are left out.
    ///
    /// # Errors
    /// When the message, or one packed within it, is of a type that is not here, or is no message of its type.
    pub fn print(&self, any: &Any) -> Result<serde_json::Value, NotJson> {
        let wrap = self.0.get_message_by_name("google.protobuf.Any").expect("it is generated");
        let bytes = any.encode_to_vec();
        let message = DynamicMessage::decode(wrap, bytes.as_slice()).map_err(|e| NotJson(e.to_string()))?;
        let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
        message
            .serialize_with_options(serde_json::value::Serializer, &options)
            .map_err(|e| NotJson(format!("{}: {e}", any.type_url)))
    }
}

impl Default for Printer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::config::core::v3::TypedExtensionConfig;
    use crate::pack;
    use serde_json::json;

    #[test]
    fn packed_messages_are_opened_all_the_way_down() {
        let inner = TypedExtensionConfig { name: "inner".into(), typed_config: None };
        let outer = TypedExtensionConfig { name: "outer".into(), typed_config: Some(pack(&inner)) };
        let url = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
        let want = json!({"@type": url, "name": "outer", "typed_config": {"@type": url, "name": "inner"}});
        assert_eq!(Printer::new().print(&pack(&outer)).expect("prints"), want);
    }

    #[test]
    fn a_type_that_is_not_here_is_named() {
        let any = Any { type_url: "type.googleapis.com/a.B".into(), value: Default::default() };
        let error = Printer::new().print(&any).expect_err("unknown").to_string();
        assert!(error.starts_with("type.googleapis.com/a.B: "), "{error}");
    }
}
