//! The Snapshot as what linkerd2-proxy asks for.
//!
//! A proxy opens one stream per question. [`topic`] reads the question for the workload that asks: those with equal
//! topics get equal answers, and share one. [`project`] answers a topic, and says which keys of the Snapshot the
//! answer was made from: only when one of these changes is it asked again, so the cost follows the change.

mod answer;
mod ask;
mod topic;

pub use answer::{Answer, Endpoints, Projected, project};
pub use ask::{Ask, Refused};
pub use topic::{Place, Target, Topic, topic};
