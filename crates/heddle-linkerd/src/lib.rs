//! The Snapshot as what linkerd2-proxy asks for.
//!
//! A proxy opens one stream per question. [`topic`] reads the question for the workload that asks: those with equal
//! topics get equal answers, and share one. [`project`] answers a topic, and says which keys of the Snapshot the
//! answer was made from: only when one of these changes is it asked again, so the cost follows the change.

mod answer;
mod endpoint;
mod endpoints;
mod filter;
mod inbound;
mod l5d;
mod limitation;
mod matching;
mod meta;
mod name;
mod net;
mod outbound;
mod pattern;
mod precedence;
mod profile;
mod proxy_request;
mod questions;
mod subscription;
mod tracked;

pub use answer::{Answer, Projected, project};
pub use endpoints::Endpoints;
pub use limitation::limitations;
pub use proxy_request::{ProxyRequest, Refused};
pub use questions::{names, questions};
pub use subscription::{Place, Subscription, Target, topic};
pub use tracked::UnkeyedDependency;
