//! The authority that signs: where its files lie, and how it is kept from ending.

mod condition;
mod keeper;
mod material;
mod mounted;

pub(crate) use condition::Condition;
pub(crate) use keeper::{Keeper, Kept};
pub(crate) use material::Material;

use crate::cluster;
use crate::state::State;
use anyhow::Result;
use heddle_kube::Client;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The folder of an authority's files.
pub(crate) enum Origin {
    /// In the state folder, made by the controller unless they were put there by hand.
    State(State),
    /// In a folder as a `kubernetes.io/tls` Secret is mounted; made by others.
    Mounted(PathBuf),
    /// In Secrets of a namespace, made by one of the replicas.
    Cluster {
        /// The cluster.
        client: Client,
        /// The controller's namespace.
        namespace: String,
    },
}

impl Origin {
    /// Makes what is missing, and what ends and can be made again under the same root.
    async fn renew(&self, now: SystemTime) -> Result<()> {
        match self {
            Self::State(state) => {
                let state = state.clone();
                tokio::task::spawn_blocking(move || state.renew_authority(now)).await?
            }
            Self::Mounted(_) => Ok(()),
            Self::Cluster { client, namespace } => cluster::renew_authority(client, namespace, now).await,
        }
    }

    async fn read(&self) -> Result<Material> {
        match self {
            Self::State(state) => {
                let state = state.clone();
                tokio::task::spawn_blocking(move || state.authority()).await?
            }
            Self::Mounted(folder) => {
                let folder = folder.clone();
                tokio::task::spawn_blocking(move || mounted::read(&folder)).await?
            }
            Self::Cluster { client, namespace } => cluster::authority(client, namespace).await,
        }
    }

    /// Returns how often it is looked at: what costs an API request less often.
    fn interval(&self) -> Duration {
        match self {
            Self::State(_) | Self::Mounted(_) => Duration::from_secs(2),
            Self::Cluster { .. } => Duration::from_secs(300),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(folder) => write!(f, "the state folder {folder}"),
            Self::Mounted(folder) => write!(f, "the folder {}", folder.display()),
            Self::Cluster { namespace, .. } => write!(f, "the Secrets of namespace {namespace}"),
        }
    }
}
