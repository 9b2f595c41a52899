//! A real Kubernetes node (etcd, kube-apiserver, kubelet, containerd, kube-proxy, CoreDNS) in a network namespace of its
//! own, without a container engine and without a way out.
//!
//! ```text
//! netns ──▶ pki ──▶ etcd, kube-apiserver ──▶ containerd, kubelet, kube-proxy, CoreDNS ──▶ images ──▶ Pods
//! ```
//!
//! Needs root, cgroups and overlayfs. The programs are built by `xtask binaries`; all processes end with the value
//! that started them, and what a killed one left behind is taken away by the next.

mod access;
mod config;
pub mod image;
pub mod images;
mod leftovers;
mod netns;
mod node;
pub mod pki;
pub mod process;
pub mod programs;

pub use access::Access;
pub use node::Node;
