//! Secrets that are created once.

use crate::MANAGER;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use std::collections::BTreeMap;

/// What a Secret holds, by key.
pub type Data = BTreeMap<String, Vec<u8>>;

/// The Secrets of one namespace.
#[derive(Clone)]
pub struct Secrets(Api<Secret>);

/// Whose data a Secret holds after an attempt to create it.
#[derive(PartialEq, Eq)]
pub enum Created {
    /// Ours.
    Now,
    /// Somebody else's: another replica was first.
    Before(Data),
}

impl Secrets {
    /// Those of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// The data of a Secret; `None` if there is none.
    ///
    /// # Errors
    /// The API server did not say whether there is one: never take that for "none".
    pub async fn get(&self, name: &str) -> Result<Option<Data>, kube::Error> {
        Ok(self.0.get_opt(name).await?.map(data))
    }

    /// Creates a Secret of type Opaque, and never changes one that is there.
    ///
    /// # Errors
    /// It is not known whether it was created: get it again.
    pub async fn create(&self, name: &str, data: Data) -> Result<Created, kube::Error> {
        let secret = Secret {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
            type_: Some("Opaque".to_owned()),
            data: Some(data.into_iter().map(|(key, value)| (key, ByteString(value))).collect()),
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

fn data(secret: Secret) -> Data {
    secret.data.unwrap_or_default().into_iter().map(|(key, ByteString(value))| (key, value)).collect()
}
