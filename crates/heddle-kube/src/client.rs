//! The client itself.

use kube::{Client, Config};
use std::time::Duration;

/// The time that connecting may take before the attempt counts as failed.
const CONNECT: Duration = Duration::from_secs(5);

/// The time that the API server may be silent when it owes an answer. Longer than a watch lives: one that is silent for
/// so long has lost its connection without having been told.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

/// A client of the cluster that the environment names: in-cluster, else the kubeconfig.
///
/// # Errors
/// Neither is there, or what is there cannot be read.
pub async fn client() -> Result<Client, kube::Error> {
    let mut config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    Client::try_from(config)
}
