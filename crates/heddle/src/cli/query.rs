//! Requests to the API server by path, for objects of any kind.

use anyhow::{Context, Result};
use heddle_kube::{BUNDLE, Client};
use heddle_model::{Kind, KindSpec, Origin};
use http::Request;
use kube::Error;
use serde_json::Value;

/// A definition of one of Heddle's kinds.
pub(super) struct Definition {
    /// Its name, `PLURAL.GROUP`.
    pub(super) name: String,
    /// The path of it in the API.
    pub(super) path: String,
    /// The kind.
    pub(super) spec: &'static KindSpec,
}

/// Returns the definitions of Heddle's kinds.
pub(super) fn definitions() -> impl Iterator<Item = Definition> {
    let ours = Kind::ALL.map(Kind::spec).into_iter().filter(|spec| spec.origin == Origin::Heddle);
    ours.map(|spec| {
        let name = format!("{}.{}", spec.plural, spec.group);
        Definition {
            path: format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"),
            name,
            spec,
        }
    })
}

/// Returns the place of the bundle with the mesh's roots.
pub(super) fn trust_bundle() -> String {
    format!("/apis/certificates.k8s.io/v1/clustertrustbundles/{BUNDLE}")
}

/// The number of objects that a page of a list has.
const PAGE: u32 = 500;

/// Returns what is at a path, or nothing where nothing is.
pub(super) async fn get(client: &Client, path: &str) -> Result<Option<Value>> {
    send(client, Request::get(path), path).await
}

/// Deletes what is at a path. Returns whether something was there.
pub(super) async fn delete(client: &Client, path: &str) -> Result<bool> {
    Ok(send(client, Request::delete(path), path).await?.is_some())
}

async fn send(client: &Client, request: http::request::Builder, path: &str) -> Result<Option<Value>> {
    match client.request::<Value>(request.body(Vec::new())?).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error).with_context(|| format!("asking the API server for {path}")),
    }
}

/// Returns the items of a list, of which the path ends in its query.
pub(super) async fn list(client: &Client, path: &str) -> Result<Vec<Value>> {
    let (mut items, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("{path}limit={PAGE}&continue={next}")).await?.unwrap_or_default();
        items.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => return Ok(items),
        }
    }
}
