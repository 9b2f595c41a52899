//! The origin of a policy, route or backend, which proxies show in metrics and logs.

use crate::l5d;
use heddle_model::{Kind, ServicePortKey, SourceRef};

/// Of no object.
pub(crate) fn default(name: &str) -> l5d::Metadata {
    l5d::Metadata { kind: Some(l5d::metadata::Kind::Default(name.into())) }
}

/// Of an object. A proxy takes no resource without a namespace.
pub(crate) fn source(source: &SourceRef) -> l5d::Metadata {
    let SourceRef { kind, namespace, name } = source;
    if namespace.is_empty() || name.is_empty() {
        return default(&source.to_string());
    }
    resource(l5d::Resource {
        group: group(*kind).into(),
        kind: kind.as_str().into(),
        namespace: namespace.to_string(),
        name: name.to_string(),
        ..l5d::Resource::default()
    })
}

/// Of a Service's port.
pub(crate) fn service(port: &ServicePortKey) -> l5d::Metadata {
    let mut metadata = source(&port.service.source());
    if let Some(l5d::metadata::Kind::Resource(resource)) = &mut metadata.kind {
        resource.port = port.port.into();
    }
    metadata
}

fn resource(resource: l5d::Resource) -> l5d::Metadata {
    l5d::Metadata { kind: Some(l5d::metadata::Kind::Resource(resource)) }
}

/// Never empty: the proxy wants one, and says `core` where Kubernetes says nothing.
fn group(kind: Kind) -> &'static str {
    match kind.spec().group {
        "" => "core",
        group => group,
    }
}
