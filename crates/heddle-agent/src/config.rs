//! What an agent is told.

use crate::linkerd::Sidecar;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What an agent is told. Plain data: the binary's arguments fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where files go. Made if it is not there; the child's working directory, so that the relative SDS paths of
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
    /// What the child is.
    pub proxy: Proxy,
    /// Where `/live`, `/ready` and `/metrics` are served; `None`: nowhere.
    pub probe: Option<SocketAddr>,
    /// How long the child goes on serving after SIGTERM, while its peers learn that it leaves.
    pub drain: Duration,
    /// How long the child may take to end after it was told to, before it is killed.
    pub grace: Duration,
}

/// What the child is, which decides what it needs beside it.
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
    /// How long one request to the controller may take, connecting included.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
}
