//! Admission: Pods get their proxies as they are created, and objects that cannot mean what they say are refused.
//!
//! ```text
//! AdmissionReview ──▶ validate ──▶ AdmissionReview
//! AdmissionReview ──▶ review ──▶ choice ──▶ inject ──▶ JSON patch ──▶ AdmissionReview
//! ```
//!
//! Everything but [`server`] is pure: a Pod and [`InjectorSettings`] in, a Pod out. Invariants, each with a test of its name:
//!
//! - Injecting twice is injecting once, whatever others change in between.
//! - A Pod is refused or left alone whole: no half of the containers is added.
//! - Nothing that the Pod's author wrote is changed, but for labels and annotations of `heddle.dev` and for the way of probes
//!   and hooks, which ask the agent what they asked the application.
//! - Everything injected beside the capture container passes the restricted Pod Security profile.

mod admission_review;
mod annotations;
mod choice;
mod container;
mod inject;
mod metrics;
mod names;
mod probes;
mod review;
pub mod server;
mod settings;
mod validate;

pub use choice::{Asked, Choice, ENFORCE, ENFORCED, Installation, choose};
pub use inject::{INJECTED, INJECTED_SETTINGS, inject};
pub use names::{INJECT, PROXY};
pub use review::review;
pub use settings::{AgentSource, CaptureMode, InjectorSettings, LinkerdProxy, RootsSource};
pub use validate::validate;
