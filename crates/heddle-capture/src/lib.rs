//! Leading a Pod's TCP traffic through its proxy: by a container of the Pod, or by a CNI plugin of its node.
//!
//! ```text
//! heddle agent capture ───────────────────┐
//! runtime ──▶ cni::plugin, as a Pod starts ├─▶ rules ──▶ nftables of the Pod
//! node ──▶ cni::provers, what it missed ───┘
//!   └──▶ cni::installation ──▶ conflist: the plugin among the runtime's
//! heddle agent verify ──▶ proof, from inside the Pod
//! ```
//!
//! The plugin and its node need no right at the API server: the runtime hands a Pod's annotations to the plugin, and a
//! prover says in its arguments what it waits for. What a Pod writes there changes its own traffic alone.

pub mod cni;
mod network_namespace;
mod proof;
mod rules;

pub use proof::{NotCaptured, prove};
pub use rules::{Capture, CaptureError, CapturedBy, Direction, TABLE};
