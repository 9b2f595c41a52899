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

/// The variable of the agent that holds the page of the application's metrics, with the annotations as their author wrote them.
pub(crate) const METRICS: &str = "HEDDLE_METRICS_PAGE";

/// Returns the value of a variable of an injected Pod's agent.
pub(crate) fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let containers = pod["spec"]["initContainers"].as_array()?.iter();
    let environment =
        containers.filter(|one| one["name"] == PROXY).filter_map(|one| one["env"].as_array()).flatten();
    environment.filter(|variable| variable["name"] == name).find_map(|one| one["value"].as_str())
}

/// Returns whether a container or volume was injected.
pub(crate) fn is_ours(item: &Value) -> bool {
    item["name"].as_str().is_some_and(|name| name.starts_with(PREFIX))
}
