//! Where each kind lives in the Kubernetes API.

use heddle_model::Kind;

/// Where a kind lives in the Kubernetes API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The version that is read.
    pub version: &'static str,
    /// The kind, as in `kind:`.
    pub kind: &'static str,
    /// The resource, as in URLs.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Api {
    /// `GROUP/VERSION`, or `VERSION` for the core: as in `apiVersion:`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Where `kind` lives.
pub const fn api_of(kind: Kind) -> Api {
    let (group, version, plural, namespaced) = match kind {
        Kind::Namespace => ("", "v1", "namespaces", false),
        Kind::Node => ("", "v1", "nodes", false),
        Kind::Pod => ("", "v1", "pods", true),
        Kind::Service => ("", "v1", "services", true),
        Kind::EndpointSlice => ("discovery.k8s.io", "v1", "endpointslices", true),
        Kind::HttpRoute => ("gateway.networking.k8s.io", "v1", "httproutes", true),
        Kind::Mesh => (heddle_api::GROUP, heddle_api::VERSION, "meshes", false),
        Kind::InboundPolicy => (heddle_api::GROUP, heddle_api::VERSION, "inboundpolicies", true),
        Kind::AccessPolicy => (heddle_api::GROUP, heddle_api::VERSION, "accesspolicies", true),
        Kind::ExternalWorkload => (heddle_api::GROUP, heddle_api::VERSION, "externalworkloads", true),
    };
    Api { group, version, kind: kind.as_str(), plural, namespaced }
}

/// The kind that a manifest's `apiVersion` and `kind` mean, if it is one that is lowered.
pub fn kind_of(api_version: &str, kind: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|known| known.as_str() == kind && api_of(*known).api_version() == api_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_what_a_manifest_says() {
        for kind in Kind::ALL {
            assert_eq!(kind_of(&api_of(kind).api_version(), kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn another_version_is_another_kind() {
        assert_eq!(kind_of("gateway.networking.k8s.io/v1beta1", "HTTPRoute"), None);
        assert_eq!(kind_of("apps/v1", "Pod"), None);
    }

    #[test]
    fn our_own_kinds_are_where_their_definitions_say() {
        for crd in heddle_api::crds() {
            let found = Kind::ALL.into_iter().map(api_of).find(|api| api.kind == crd.spec.names.kind);
            let api = found.expect("every defined kind is lowered");
            assert_eq!((api.group, api.plural), (crd.spec.group.as_str(), crd.spec.names.plural.as_str()));
            assert_eq!(api.namespaced, crd.spec.scope == "Namespaced");
            assert_eq!(api.version, crd.spec.versions[0].name);
        }
    }
}
