//! Secrets that are created once, and replaced only as they were read.

use crate::MANAGER;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::BTreeMap;

/// The content of a Secret, by key.
pub type Data = BTreeMap<String, Vec<u8>>;

/// The Secrets of one namespace.
#[derive(Clone)]
pub struct Secrets(Api<Secret>);

/// A Secret as it was read.
pub struct Stored {
    /// Its data.
    pub data: Data,
    /// Its resource version.
    pub version: String,
}

/// The content of a Secret after an attempt to create it: ours or another's.
#[derive(PartialEq, Eq)]
pub enum Created {
    /// Ours.
    Now,
    /// Somebody else's: another replica was first.
    Before(Data),
}

/// The result of an attempt to replace a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It holds our data.
    Now,
    /// It was left as it is: somebody else has changed it.
    ChangedBefore,
}

impl Secrets {
    /// Those of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// A Secret; `None` if there is none.
    ///
    /// # Errors
    /// The API server did not say whether there is one: never take that for "none".
    pub async fn get(&self, name: &str) -> Result<Option<Stored>, kube::Error> {
        let stored = |secret: Secret| Stored {
            version: secret.metadata.resource_version.clone().unwrap_or_default(),
            data: data(secret),
        };
        Ok(self.0.get_opt(name).await?.map(stored))
    }

    /// Replaces the data of a Secret, unless somebody has changed it since it was read in this version.
    ///
    /// # Errors
    /// It is not known whether it was replaced: get it again.
    pub async fn replace(&self, name: &str, data: Data, version: &str) -> Result<Replaced, kube::Error> {
        let patch = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"resourceVersion": version},
            "data": encoded(data),
        });
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        match self.0.patch(name, &params, &Patch::Merge(&patch)).await {
            Ok(_) => Ok(Replaced::Now),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Replaced::ChangedBefore),
            Err(error) => Err(error),
        }
    }

    /// Creates a Secret of type Opaque, and never changes one that is there.
    ///
    /// # Errors
    /// It is not known whether it was created: get it again.
    pub async fn create(&self, name: &str, data: Data) -> Result<Created, kube::Error> {
        let secret = Secret {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
            type_: Some("Opaque".to_owned()),
            data: Some(encoded(data)),
            ..Default::default()
        };
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        match self.0.create(&params, &secret).await {
            Ok(_) => Ok(Created::Now),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                Ok(Created::Before(self.0.get(name).await.map(self::data)?))
            }
            Err(error) => Err(error),
        }
    }
}

fn encoded(data: Data) -> BTreeMap<String, ByteString> {
    data.into_iter().map(|(key, value)| (key, ByteString(value))).collect()
}

fn data(secret: Secret) -> Data {
    secret.data.unwrap_or_default().into_iter().map(|(key, ByteString(value))| (key, value)).collect()
}
