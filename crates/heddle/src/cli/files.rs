//! The files by which a workload and the controller know each other, as arguments.

use std::path::PathBuf;

/// Their place.
#[derive(clap::Args)]
pub(crate) struct Files {
    /// PEM file with the roots that verify the controller
    #[arg(
        long,
        env = "HEDDLE_ROOTS",
        value_name = "FILE",
        default_value = "/var/run/heddle/roots/roots.pem"
    )]
    pub roots: PathBuf,
    /// File with the token that proves who we are; read again each time
    #[arg(long, env = "HEDDLE_TOKEN", value_name = "FILE", default_value = "/var/run/secrets/tokens/heddle")]
    pub token: PathBuf,
    /// The folder to which the agent writes; the proxy's working directory
    #[arg(long, env = "HEDDLE_DIR", value_name = "FOLDER", default_value = "/var/run/heddle/agent")]
    pub dir: PathBuf,
}
