//! What an agent is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What an agent is told. Plain data: the binary's arguments fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where files go: `certs/` and `sds/`. Made if it is not there; the child's working directory, so that
    /// the relative SDS paths of its configuration lead here.
    pub folder: PathBuf,
    /// `HOST:PORT` of the controller.
    pub controller: String,
    /// The DNS name that the controller's certificate must have.
    pub server_name: String,
    /// PEM file with the roots that verify the controller. Read again for every request.
    pub trust_anchors: PathBuf,
    /// File with the bearer token. Read again for every request: the kubelet rotates it.
    pub token: PathBuf,
    /// Spreads renewals: a hash of the workload's UID, or of its name.
    pub seed: u32,
    /// Where `/live`, `/ready` and `/metrics` are served; `None`: nowhere.
    pub probe: Option<SocketAddr>,
    /// The child's Envoy admin address, to be told when a drain begins; `None`: it is not told.
    pub envoy_admin: Option<SocketAddr>,
    /// How long the child goes on serving after SIGTERM, while its peers learn that it leaves.
    pub drain: Duration,
    /// How long the child may take to end after it was told to, before it is killed.
    pub grace: Duration,
}

impl Config {
    /// How long one request to the controller may take, connecting included.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
}
