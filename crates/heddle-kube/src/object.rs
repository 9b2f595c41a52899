//! Objects as JSON.

use heddle_lower::lower;
use heddle_model::{Kind, Lowered};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

/// All objects of a kind, in all namespaces, in one of its versions.
pub(crate) fn all(client: Client, kind: Kind, version: &str) -> Api<DynamicObject> {
    Api::all_with(client, &resource(kind, version))
}

/// The objects of a kind in one namespace, or all where the kind has none.
pub(crate) fn within(client: Client, kind: Kind, version: &str, namespace: &str) -> Api<DynamicObject> {
    if kind.spec().scope == heddle_model::Scope::Namespaced {
        Api::namespaced_with(client, namespace, &resource(kind, version))
    } else {
        all(client, kind, version)
    }
}

fn resource(kind: Kind, version: &str) -> ApiResource {
    let spec = kind.spec();
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(spec.group, version, spec.name), spec.plural)
}

/// Returns what an object says. The field managers go first: they are the largest part of many objects and say nothing.
pub(crate) fn lowered(kind: Kind, object: DynamicObject) -> Lowered {
    lower(kind, &json(object))
}

/// The object as JSON, without field managers.
pub(crate) fn json(mut object: DynamicObject) -> Value {
    object.metadata.managed_fields = None;
    let metadata = serde_json::to_value(object.metadata).expect("metadata that was read can be written");
    let mut json = object.data;
    if !json.is_object() {
        json = Value::Object(serde_json::Map::new());
    }
    json["metadata"] = metadata;
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::{Fact, SourceRef};
    use serde_json::json;

    #[test]
    fn an_object_is_lowered_without_its_field_managers() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "shop", "name": "web", "managedFields": [{"manager": "kubelet"}]},
            "spec": {"serviceAccountName": "web"},
        });
        let pod: DynamicObject = serde_json::from_value(pod).unwrap();
        assert_eq!(
            super::json(pod.clone()),
            json!({
                "metadata": {"namespace": "shop", "name": "web"},
                "spec": {"serviceAccountName": "web"},
            })
        );
        let lowered = lowered(Kind::Pod, pod);
        assert_eq!(lowered.source, SourceRef::new(Kind::Pod, "shop", "web"));
        assert!(matches!(lowered.fact, Fact::Workload(_)), "{:?}", lowered.fact);
    }

    #[test]
    fn a_kind_is_asked_for_where_it_lives() {
        let check = |kind, url: &str| {
            use kube::Resource as _;
            assert_eq!(DynamicObject::url_path(&resource(kind, kind.spec().version()), None), url);
        };
        check(Kind::Pod, "/api/v1/pods");
        check(Kind::HttpRoute, "/apis/gateway.networking.k8s.io/v1/httproutes");
        check(Kind::Mesh, "/apis/heddle.dev/v1alpha1/meshes");
        check(Kind::LinkerdHttpRoute, "/apis/policy.linkerd.io/v1beta3/httproutes");
    }
}
