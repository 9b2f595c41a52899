//! Kinds that say nothing to a mesh, but commonly lie beside those that do.

/// Whether an object of this kind is passed over in silence.
pub(crate) fn is_ignored(api_version: &str, kind: &str) -> bool {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    match group {
        "" => matches!(
            kind,
            "ConfigMap"
                | "Secret"
                | "ServiceAccount"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "LimitRange"
                | "ResourceQuota"
                | "Endpoints"
                | "Event"
        ),
        "gateway.networking.k8s.io" => matches!(kind, "Gateway" | "GatewayClass" | "ReferenceGrant"),
        "apps"
        | "batch"
        | "autoscaling"
        | "policy"
        | "rbac.authorization.k8s.io"
        | "networking.k8s.io"
        | "storage.k8s.io"
        | "scheduling.k8s.io"
        | "apiextensions.k8s.io"
        | "admissionregistration.k8s.io"
        | "coordination.k8s.io"
        | "events.k8s.io" => true,
        _ => false,
    }
}
