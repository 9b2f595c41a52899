//! The checks of an API server, where there is none.

use heddle_api::{Problem, Schemas, gateway};
use heddle_model::{Kind, Origin};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::LazyLock;

/// The schemas of all kinds.
pub(crate) struct Strict {
    ours: Schemas,
}

/// The schemas of the Gateway API, which take long to read.
static GATEWAY: LazyLock<Schemas> = LazyLock::new(|| {
    let definition = |text: &&str| serde_saphyr::from_str(text).expect("a definition that is checked in");
    Schemas::from_definitions(gateway::DEFINITIONS.iter().map(definition))
});

impl Strict {
    pub(crate) fn new() -> Self {
        Self { ours: Schemas::new() }
    }

    /// Wrong types, unknown fields, and for kinds of the Gateway API and of Heddle everything that their schemas and rules
    /// refuse. Of Linkerd's kinds there are no schemas here: lowering says what is wrong with them.
    pub(crate) fn check(&self, kind: Kind, object: &Value) -> Vec<Problem> {
        let found = match kind.spec().origin {
            Origin::Kubernetes => built_in(kind, object),
            Origin::Linkerd => typed::<ObjectMeta>("metadata", &object["metadata"]),
            Origin::GatewayApi => by_schema(&GATEWAY, kind, object),
            Origin::Heddle => by_schema(&self.ours, kind, object),
        };
        names(object).into_iter().chain(found).collect()
    }
}

fn by_schema(schemas: &Schemas, kind: Kind, object: &Value) -> Vec<Problem> {
    let mut found = typed::<ObjectMeta>("metadata", &object["metadata"]);
    found.extend(schemas.check(kind.as_str(), object));
    found
}

/// Wrong types and unknown fields of a kind of Kubernetes itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds have no type here")]
fn built_in(kind: Kind, object: &Value) -> Vec<Problem> {
    match kind {
        Kind::Namespace => typed::<Namespace>("", object),
        Kind::Node => typed::<Node>("", object),
        Kind::Pod => typed::<Pod>("", object),
        Kind::ServiceCidr => typed::<ServiceCIDR>("", object),
        Kind::Service => typed::<Service>("", object),
        Kind::EndpointSlice => typed::<EndpointSlice>("", object),
        _ => typed::<ObjectMeta>("metadata", &object["metadata"]),
    }
}

/// Reads a value as a type, and names the fields that the type does not know.
fn typed<T: DeserializeOwned>(path: &str, value: &Value) -> Vec<Problem> {
    if value.is_null() {
        return Vec::new();
    }
    let at = |inner: &str| match (path, inner) {
        (path, ".") => path.into(),
        ("", inner) => inner.into(),
        (path, inner) => format!("{path}.{inner}"),
    };
    let mut found = Vec::new();
    let mut ignored = |inner: serde_ignored::Path<'_>| {
        let message = "is not a field".into();
        found.push(Problem { field: at(&written(&inner)), message });
    };
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let read: Result<T, _> = serde_ignored::deserialize(tracked, &mut ignored);
    if let Err(error) = read {
        found.push(Problem { field: at(&track.path().to_string()), message: error.to_string() });
    }
    found
}

/// A path as diagnostics write it.
fn written(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", written(parent)),
        Path::Map { parent, key } => match written(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            written(parent)
        }
    }
}

/// Names are of the form that Kubernetes wants of all of them: RFC 1123, in lower case.
fn names(object: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, longest) in [("name", 253), ("namespace", 63)] {
        if let Some(text) = object["metadata"][name].as_str()
            && !is_dns_name(text, longest)
        {
            let message = format!("{text:?} is not a DNS name in lower case of at most {longest} characters");
            found.push(Problem { field: format!("metadata.{name}"), message });
        }
    }
    found
}

fn is_dns_name(text: &str, longest: usize) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        label.starts_with(alphanumeric)
            && label.ends_with(alphanumeric)
            && label.chars().all(|c| alphanumeric(c) || c == '-')
    };
    text.len() <= longest && text.split('.').all(label)
}
