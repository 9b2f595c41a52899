//! The settings of an agent.

use crate::application::Application;
use heddle_model::WorkloadKey;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The settings of an agent. Plain data: the binary's arguments fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The folder of the files. Made if it is not there; the child's working directory, so that the relative SDS paths of
    /// an Envoy's configuration lead here.
    pub folder: PathBuf,
    /// `HOST:PORT` of the controller.
    pub controller: String,
    /// The DNS name that the controller's certificate must have.
    pub server_name: String,
    /// PEM file with the roots that verify the controller. Read again for every request.
    pub trust_anchors: PathBuf,
    /// File with the bearer token. Read again for every request: the kubelet rotates it.
    pub token: PathBuf,
    /// The child.
    pub proxy: Proxy,
    /// The address at which `/live`, `/ready` and `/metrics` are served; `None`: nowhere.
    pub probe: Option<SocketAddr>,
    /// The application, which is asked in the kubelet's stead.
    pub application: Application,
    /// The time that the child goes on serving after SIGTERM, while its peers learn that it leaves.
    pub drain: Duration,
    /// The time that the child may take to end after it was told to, before it is killed.
    pub grace: Duration,
}

/// The kind of a child, which decides what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// An Envoy, or whatever else reads certificates from files: they are kept fresh below `certs/` and `sds/`.
    Files {
        /// Spreads renewals: a hash of the workload's UID, or of its name.
        seed: u32,
        /// The child's Envoy admin address, to be told when a drain begins; `None`: it is not told.
        envoy_admin: Option<SocketAddr>,
    },
    /// A linkerd2-proxy, which gets its certificates itself, for a key that it is given.
    Linkerd(Sidecar),
}

impl Config {
    /// The time that one request to the controller may take, connecting included.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
}

/// The workload beside which a linkerd2-proxy runs, and where that proxy listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The workload.
    pub workload: WorkloadKey,
    /// Its identity, as a DNS name: `<service account>.<namespace>.serviceaccount.identity.<suffix>`.
    pub identity: String,
    /// Its addresses: what the proxy takes for itself.
    pub addresses: Vec<IpAddr>,
    /// The ports of its application. The first connection to a port that is not named here is refused.
    pub ports: Vec<u16>,
    /// The address at which the proxy's `/ready` and `/metrics` are served.
    pub admin: SocketAddr,
    /// The settings that somebody made already: they win.
    pub given: Given,
}

/// Names of variables that are set already.
pub type Given = BTreeSet<String>;
