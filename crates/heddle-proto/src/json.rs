//! Messages as JSON: Envoy's as it reads and prints them, linkerd2-proxy's as people read them.

use crate::DESCRIPTORS;
use crate::google::protobuf::Any;
use bytes::Bytes;
use prost::{Message as _, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Prints messages as JSON.
///
/// Making one reads all descriptors, some hundred kilobytes: keep it.
#[derive(Debug)]
pub struct Printer(DescriptorPool);

/// The reason for which a message cannot be printed.
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
    pub fn print(&self, any: &Any) -> Result<Value, NotJson> {
        let wrap = self.0.get_message_by_name("google.protobuf.Any").expect("it is generated");
        let bytes = any.encode_to_vec();
        let message = DynamicMessage::decode(wrap, bytes.as_slice()).map_err(|e| NotJson(e.to_string()))?;
        let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
        message
            .serialize_with_options(serde_json::value::Serializer, &options)
            .map_err(|e| NotJson(format!("{}: {e}", any.type_url)))
    }

    /// An encoded message of linkerd2-proxy's API, with IP addresses in text: there they are numbers.
    ///
    /// # Errors
    /// As of [`Printer::print`].
    pub fn linkerd<M: Name>(&self, encoded: Bytes) -> Result<Value, NotJson> {
        let mut body = self.print(&Any { type_url: M::type_url(), value: encoded })?;
        if let Some(fields) = body.as_object_mut() {
            fields.remove("@type");
        }
        with_addresses(&mut body);
        Ok(body)
    }
}

fn with_addresses(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(with_addresses),
        Value::Object(fields) => {
            if let Some(address) = fields.get("ip").and_then(address) {
                fields.insert("ip".into(), address.to_string().into());
            }
            fields.values_mut().for_each(with_addresses);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An `io.linkerd.proxy.net.IPAddress`.
fn address(value: &Value) -> Option<IpAddr> {
    if let Some(ip) = value.get("ipv4") {
        return Some(Ipv4Addr::from(u32::try_from(ip.as_u64()?).ok()?).into());
    }
    let six = value.get("ipv6")?;
    let half = |name: &str| six.get(name).and_then(Value::as_u64).map_or(0, u128::from);
    Some(Ipv6Addr::from((half("first") << 64) | half("last")).into())
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
    fn linkerds_addresses_are_text() {
        use crate::io::linkerd::proxy::net::{IPv6, IpAddress, TcpAddress, ip_address::Ip};
        let print = |ip| {
            let address = TcpAddress { ip: Some(IpAddress { ip: Some(ip) }), port: 80 };
            Printer::new().linkerd::<TcpAddress>(address.encode_to_vec().into()).expect("prints")
        };
        assert_eq!(print(Ip::Ipv4(0x0a00_0001)), json!({"ip": "10.0.0.1", "port": 80}));
        let six = IPv6 { first: 0x2001_0db8_0000_0000, last: 1 };
        assert_eq!(print(Ip::Ipv6(six)), json!({"ip": "2001:db8::1", "port": 80}));
    }

    #[test]
    fn a_type_that_is_not_here_is_named() {
        let any = Any { type_url: "type.googleapis.com/a.B".into(), value: Default::default() };
        let error = Printer::new().print(&any).expect_err("unknown").to_string();
        assert!(error.starts_with("type.googleapis.com/a.B: "), "{error}");
    }
}
