//! The CNI plugin `heddle-cni`, and what keeps it on a node.

mod conflist;
mod installation;
pub mod plugin;
mod provers;

pub use installation::{Installation, InstallationError};
pub use provers::Provers;
