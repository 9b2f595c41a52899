//! Objects of the cluster.

use crate::eventually;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::Value;

/// ReferenceGrant, as the Gateway API v1.7.0 defines it.
pub const GRANT_CRD: &str = include_str!("../../../crates/heddle-api/gateway/referencegrants.yaml");

/// HTTPRoute, as the Gateway API v1.7.0 defines it.
pub const GATEWAY_CRD: &str = include_str!("../../../crates/heddle-api/gateway/httproutes.yaml");

/// Heddle's definitions, as they are checked in.
const CRDS: [&str; 4] = [
    include_str!("../../../crds/heddle.dev_accesspolicies.yaml"),
    include_str!("../../../crds/heddle.dev_externalworkloads.yaml"),
    include_str!("../../../crds/heddle.dev_inboundpolicies.yaml"),
    include_str!("../../../crds/heddle.dev_meshes.yaml"),
];

/// A definition from its manifest.
pub fn crd(manifest: &str) -> CustomResourceDefinition {
    let json: Value = serde_saphyr::from_str(manifest).expect("a manifest is YAML");
    serde_json::from_value(json).expect("a manifest is a definition")
}

/// Applies Heddle's definitions and waits until their kinds are served.
pub async fn apply_crds(client: &Client) {
    for manifest in CRDS {
        apply_crd(client, &crd(manifest)).await;
    }
}

/// Applies one definition, refusing fields that the server does not know, and waits until its kind is served.
pub async fn apply_crd(client: &Client, crd: &CustomResourceDefinition) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = crd.metadata.name.clone().expect("a definition has a name");
    let params = PatchParams::apply("tests").force().validation_strict();
    api.patch(&name, &params, &Patch::Apply(crd)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    eventually(&format!("{name} is established"), || async {
        let status = api.get(&name).await.ok().and_then(|crd| crd.status).unwrap_or_default();
        let conditions = status.conditions.unwrap_or_default();
        conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
    })
    .await;
}

/// Creates a namespace.
pub async fn namespace(client: &Client, name: &str) {
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..Default::default()
    };
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.expect("a namespace");
}

/// The objects of `plural.group/version`, in a namespace or (empty) of the cluster.
pub fn dynamic(
    client: &Client,
    group_version: &str,
    kind: &str,
    plural: &str,
    namespace: &str,
) -> Api<DynamicObject> {
    let (group, version) = group_version.rsplit_once('/').unwrap_or(("", group_version));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    }
}

/// Creates an object, refusing fields that the server does not know.
///
/// # Errors
/// The server's own words.
pub async fn create(api: &Api<DynamicObject>, object: Value) -> Result<DynamicObject, String> {
    let object: DynamicObject = serde_json::from_value(object).expect("an object");
    let params = PostParams { field_manager: Some("tests".to_owned()), ..Default::default() };
    match api.create(&params, &object).await {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// A token of ServiceAccount shop/web for an audience, bound to the Pod that is named.
pub async fn token(client: &Client, audience: &str, pod: Option<(&str, &str)>) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "shop");
    let bound = pod.map(|(name, uid)| BoundObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(name.to_owned()),
        uid: Some(uid.to_owned()),
    });
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![audience.to_owned()],
            bound_object_ref: bound,
            expiration_seconds: Some(600),
        },
        ..Default::default()
    };
    let answer =
        accounts.create_token_request("web", &PostParams::default(), &request).await.expect("a token");
    answer.status.expect("an issued token").token
}
