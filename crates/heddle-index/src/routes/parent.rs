//! The parents of a route that are Services or Servers.

use heddle_model::fact::Route;
use heddle_model::report::ParentRef;
use heddle_model::{Kind, Name, ServiceKey, SourceRef};

/// The Service that a parent names, if it names one.
///
/// The group must be written: unset means `gateway.networking.k8s.io` (GEP-1294). `core` is taken as an alias
/// because the Gateway API's own mesh page writes it.
pub(crate) fn service(route: &SourceRef, parent: &ParentRef) -> Option<ServiceKey> {
    let core = matches!(parent.group.as_deref(), Some("" | "core"));
    let service = parent.kind.as_deref() == Some("Service");
    (core && service).then(|| ServiceKey {
        namespace: parent.namespace.as_deref().map_or_else(|| route.namespace.clone(), Name::from),
        name: parent.name.as_str().into(),
    })
}

/// The Server that a parent names, if it names one.
pub(crate) fn server(route: &SourceRef, parent: &ParentRef) -> Option<SourceRef> {
    let policy = parent.group.as_deref() == Some("policy.linkerd.io");
    let server = parent.kind.as_deref() == Some("Server");
    let namespace = parent.namespace.as_deref().map_or_else(|| route.namespace.clone(), Name::from);
    (policy && server).then(|| SourceRef::new(Kind::Server, namespace, parent.name.as_str()))
}

/// Returns whether a parent is an EgressNetwork, to which nothing can be attached here.
pub(crate) fn is_egress(parent: &ParentRef) -> bool {
    parent.group.as_deref() == Some("policy.linkerd.io") && parent.kind.as_deref() == Some("EgressNetwork")
}

/// Returns whether the objects of a kind are routes.
pub(crate) fn is_route(kind: Kind) -> bool {
    matches!(kind, Kind::HttpRoute | Kind::GrpcRoute | Kind::LinkerdHttpRoute | Kind::ServiceProfile)
}

/// Every Service that a route names, as parent or as backend.
pub(crate) fn services<M>(source: &SourceRef, route: &Route<M>) -> Vec<ServiceKey> {
    let parents = route.parents.iter().filter_map(|parent| service(source, parent));
    let backends = route.rules.iter().flat_map(|rule| &rule.backends).map(|backend| &backend.target);
    let mirrors = route.rules.iter().flat_map(|rule| &rule.mirrors).map(|mirror| &mirror.target);
    let targets = backends.chain(mirrors).filter_map(|target| target.as_ref().ok());
    parents.chain(targets.map(|(key, _)| key.clone())).collect()
}
