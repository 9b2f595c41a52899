//! A message with what is alike in all of them in a word, so that a golden shows its story.

use serde_json::{Map, Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The value in brief.
pub(super) fn brief(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(brief).collect()),
        Value::Object(fields) => object(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn object(mut fields: Map<String, Value>) -> Value {
    if let Some(ip) = fields.get("ip").and_then(address) {
        return match (fields.get("port"), fields.get("prefix_len")) {
            (Some(port), _) => format!("{ip}:{port}").into(),
            (None, length) => format!("{ip}/{}", length.unwrap_or(&json!(0))).into(),
        };
    }
    if let Some(path) = fields.get("balancer").and_then(|of| of.pointer("/discovery/dst/path")) {
        return format!("endpoints {}", path.as_str().unwrap_or_default()).into();
    }
    if fields.contains_key("http1") && fields.get("http1") == fields.get("http2") {
        fields.insert("http2".into(), "as http1".into());
    }
    fields.remove("queue");
    Value::Object(fields.into_iter().map(|(name, value)| (name, brief(value))).collect())
}

fn address(of: &Value) -> Option<IpAddr> {
    if let Some(ip) = of.get("ipv4") {
        return Some(Ipv4Addr::from(u32::try_from(ip.as_u64()?).ok()?).into());
    }
    let six = of.get("ipv6")?;
    let half = |name: &str| six.get(name).and_then(Value::as_u64).map_or(0, u128::from);
    Some(Ipv6Addr::from((half("first") << 64) | half("last")).into())
}
