//! Texts with a form that the API server checks.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text! {
    /// An IPv4 or IPv6 network in CIDR notation.
    Cidr, { "type": "string", "format": "cidr", "maxLength": 49 }
}

text! {
    /// An IPv4 or IPv6 address.
    IpAddress, {
        "type": "string",
        "maxLength": 45,
        "x-kubernetes-validations": [{
            "rule": crate::rule::IP,
            "message": "must be an IPv4 or IPv6 address",
        }, {
            "rule": crate::rule::UNICAST,
            "message": "must not be a loopback, link-local, multicast or unspecified address",
        }],
    }
}

text! {
    /// A duration as the Gateway API writes it (GEP-2257).
    Duration, { "type": "string", "maxLength": 32, "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$" }
}
