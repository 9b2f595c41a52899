//! The client itself.

use kube::{Client, Config};
use std::time::Duration;

/// How long connecting may take before the attempt counts as failed.
const CONNECT: Duration = Duration::from_secs(5);

/// A client of the cluster that the environment names: in-cluster, else the kubeconfig.
///
/// # Errors
/// Neither is there, or what is there cannot be read.
pub async fn client() -> Result<Client, kube::Error> {
    let mut config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    config.connect_timeout = Some(CONNECT);
    Client::try_from(config)
}
