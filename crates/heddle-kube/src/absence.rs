//! Kinds that are not there, or on their way out.

use heddle_lower::api_of;
use heddle_model::Kind;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::watcher;
use kube::{Api, Client};

/// Whether the mesh works without this kind.
pub(crate) fn optional(kind: Kind) -> bool {
    match kind {
        Kind::HttpRoute => true,
        Kind::Namespace
        | Kind::Node
        | Kind::Pod
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::Mesh
        | Kind::InboundPolicy
        | Kind::AccessPolicy
        | Kind::ExternalWorkload => false,
    }
}

/// Whether a CustomResourceDefinition defines this kind.
fn custom(kind: Kind) -> bool {
    match kind {
        Kind::Namespace | Kind::Node | Kind::Pod | Kind::Service | Kind::EndpointSlice => false,
        Kind::HttpRoute | Kind::Mesh | Kind::InboundPolicy | Kind::AccessPolicy | Kind::ExternalWorkload => {
            true
        }
    }
}

/// The status that the API server answered with, if it was one.
fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// The API server knows no such kind.
pub(crate) fn is_absent(error: &watcher::Error) -> bool {
    code(error) == Some(404)
}

/// The API server does not stream lists (before Kubernetes 1.32, or switched off).
pub(crate) fn streams_no_lists(error: &watcher::Error) -> bool {
    matches!(code(error), Some(400 | 422))
}

/// Why the objects of a kind may be vanishing without anybody having deleted them: its definition is going or
/// gone. Then they keep their effect, since a mesh without its AccessPolicies would let everybody in.
///
/// # Errors
/// The API server did not say; ask again. One that does not let us look counts as "no".
pub(crate) async fn going(client: Client, kind: Kind) -> Result<Option<String>, kube::Error> {
    let api = api_of(kind);
    if !custom(kind) {
        return Ok(None);
    }
    let name = format!("{}.{}", api.plural, api.group);
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    match definitions.get_metadata_opt(&name).await {
        Ok(Some(definition)) if definition.metadata.deletion_timestamp.is_none() => Ok(None),
        Ok(Some(_)) => {
            Ok(Some(format!("CustomResourceDefinition {name} is being deleted; its objects stay in force")))
        }
        Ok(None) => {
            Ok(Some(format!("CustomResourceDefinition {name} was deleted; its objects stay in force")))
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}
