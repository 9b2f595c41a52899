//! Where each kind lives in the Kubernetes API.

use heddle_model::Kind;

/// Where a kind lives in the Kubernetes API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The version that is read.
    pub version: &'static str,
    /// Versions that say the same and are read where the cluster has not `version`, newest first.
    pub older: &'static [&'static str],
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
        self.with(self.version)
    }

    /// Every version that may be read, newest first.
    pub fn versions(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.version).chain(self.older.iter().copied())
    }

    fn with(&self, version: &str) -> String {
        if self.group.is_empty() { version.into() } else { format!("{}/{version}", self.group) }
    }
}

const POLICY: &str = "policy.linkerd.io";

/// Where `kind` lives.
pub const fn api_of(kind: Kind) -> Api {
    let (group, version, plural, namespaced) = match kind {
        Kind::Namespace => ("", "v1", "namespaces", false),
        Kind::Node => ("", "v1", "nodes", false),
        Kind::Pod => ("", "v1", "pods", true),
        Kind::ServiceCidr => ("networking.k8s.io", "v1", "servicecidrs", false),
        Kind::Service => ("", "v1", "services", true),
        Kind::EndpointSlice => ("discovery.k8s.io", "v1", "endpointslices", true),
        Kind::HttpRoute => ("gateway.networking.k8s.io", "v1", "httproutes", true),
        Kind::Mesh => (heddle_api::GROUP, heddle_api::VERSION, "meshes", false),
        Kind::InboundPolicy => (heddle_api::GROUP, heddle_api::VERSION, "inboundpolicies", true),
        Kind::AccessPolicy => (heddle_api::GROUP, heddle_api::VERSION, "accesspolicies", true),
        Kind::ExternalWorkload => (heddle_api::GROUP, heddle_api::VERSION, "externalworkloads", true),
        Kind::Server => (POLICY, "v1beta3", "servers", true),
        Kind::ServerAuthorization => (POLICY, "v1beta1", "serverauthorizations", true),
        Kind::AuthorizationPolicy => (POLICY, "v1alpha1", "authorizationpolicies", true),
        Kind::MeshTlsAuthentication => (POLICY, "v1alpha1", "meshtlsauthentications", true),
        Kind::NetworkAuthentication => (POLICY, "v1alpha1", "networkauthentications", true),
        Kind::LinkerdHttpRoute => (POLICY, "v1beta3", "httproutes", true),
        Kind::RateLimitPolicy => (POLICY, "v1alpha1", "httplocalratelimitpolicies", true),
        Kind::EgressNetwork => (POLICY, "v1alpha1", "egressnetworks", true),
        Kind::ServiceProfile => ("linkerd.io", "v1alpha2", "serviceprofiles", true),
        Kind::LinkerdExternalWorkload => ("workload.linkerd.io", "v1beta1", "externalworkloads", true),
    };
    Api { group, version, older: older(kind), kind: kind.as_str(), plural, namespaced }
}

const fn older(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Server => &["v1beta2", "v1beta1"],
        Kind::LinkerdHttpRoute => &["v1beta2", "v1beta1", "v1alpha1"],
        Kind::LinkerdExternalWorkload => &["v1alpha1"],
        _ => &[],
    }
}

/// The kind that a manifest's `apiVersion` and `kind` mean, if it is one that is lowered.
pub fn kind_of(api_version: &str, kind: &str) -> Option<Kind> {
    let is = |api: Api| api.kind == kind && api.versions().any(|version| api.with(version) == api_version);
    Kind::ALL.into_iter().find(|known| is(api_of(*known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_what_a_manifest_says() {
        for kind in Kind::ALL {
            assert_eq!(kind_of(&api_of(kind).api_version(), kind.as_str()), Some(kind));
        }
        assert_eq!(kind_of("policy.linkerd.io/v1beta1", "Server"), Some(Kind::Server));
        assert_eq!(kind_of("policy.linkerd.io/v1alpha1", "HTTPRoute"), Some(Kind::LinkerdHttpRoute));
        assert_eq!(kind_of("gateway.networking.k8s.io/v1", "HTTPRoute"), Some(Kind::HttpRoute));
    }

    #[test]
    fn another_version_is_another_kind() {
        assert_eq!(kind_of("gateway.networking.k8s.io/v1beta1", "HTTPRoute"), None);
        assert_eq!(kind_of("apps/v1", "Pod"), None);
    }

    #[test]
    fn our_own_kinds_are_where_their_definitions_say() {
        for crd in heddle_api::crds() {
            let defined = |api: &Api| (api.group, api.kind) == (&crd.spec.group, &crd.spec.names.kind);
            let found = Kind::ALL.into_iter().map(api_of).find(defined);
            let api = found.expect("every defined kind is lowered");
            assert_eq!(api.plural, crd.spec.names.plural);
            assert_eq!(api.namespaced, crd.spec.scope == "Namespaced");
            assert_eq!(api.version, crd.spec.versions[0].name);
        }
    }
}
