//! The names of what is injected.

use serde_json::Value;

/// The label on a Namespace or a Pod that chooses the proxy: `envoy`, `linkerd` or `none`. A Pod's own wins.
pub const INJECT: &str = "heddle.dev/inject";
/// The beginning of the name of every container and volume that is injected.
const PREFIX: &str = "heddle-";
/// The name of the container with the agent and the proxy.
pub const PROXY: &str = "heddle-proxy";
/// The port at which the agent is asked.
pub(crate) const AGENT_PORT: u16 = 15020;
/// The variable of the agent that holds the handlers that it serves: by container and handler, the action as its author
/// wrote it, with the number of the port.
pub(crate) const HANDLERS: &str = "HEDDLE_HANDLERS";

/// Returns whether a container or volume was injected.
pub(crate) fn is_ours(item: &Value) -> bool {
    item["name"].as_str().is_some_and(|name| name.starts_with(PREFIX))
}
