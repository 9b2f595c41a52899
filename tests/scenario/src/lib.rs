//! The scenarios of `tests/scenarios`: one folder, one story.
//!
//! | file | what |
//! |---|---|
//! | `in.yaml` | the objects; its first comment says why the case exists |
//! | `requests.yaml` | requests, each with what is wanted, written by hand before the first run |
//! | `model.txt` | golden: the Snapshot |
//! | `verdicts.txt` | golden: what `explain` prints of each request |
//! | `status.yaml` | golden: the status of every object that has one |
//! | `findings.txt` | golden: what is wrong with the objects, as `heddle lint` and the log say it, if anything is |
//! | `xds.yaml` | golden: the resources of the client that `requests.yaml` names, if that is no linkerd2-proxy |
//! | `linkerd.yaml` | golden: what the linkerd2-proxies are told, if there are any |

mod brief;
mod intruder;
pub mod linkerd;
mod request;
mod resources;
mod scenario;
mod summary;
mod text;

pub use intruder::{INTRUDER, intruder};
pub use request::{Ask, BadAsk, Requests, Sent};
pub use resources::{Detail, dialled, everywhere, resources, xds_text};
pub use scenario::{Scenario, all, resolved};
pub use summary::Summary;
pub use text::{findings_text, status_text, verdicts_text};
