//! The first message of a stream: who it says it is.

use crate::refusal::Refusal;
use heddle_model::text::printable;
use heddle_proto::envoy::config::core::v3::{Node, node::UserAgentVersionType};
use heddle_proto::google::protobuf::value::Kind;
use heddle_xds::{BadCapture, Capture};

/// The key of `node.metadata` that tells how traffic is captured.
const CAPTURE: &str = "heddle.capture";
/// The part of the client's name for itself that is kept.
const AGENT_BYTES: usize = 64;

/// A node's description of itself. Only the id is believed, and only if the caller may name it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) node: String,
    pub(super) capture: Capture,
    pub(super) agent: String,
}

impl Hello {
    pub(super) fn read(node: Option<Node>) -> Result<Self, Refusal> {
        let node = node.ok_or(Refusal::NoNode)?;
        Ok(Self { capture: capture(&node)?, agent: agent(&node), node: node.id })
    }
}

fn capture(node: &Node) -> Result<Capture, Refusal> {
    let value = node.metadata.as_ref().and_then(|metadata| metadata.fields.get(CAPTURE));
    match value.map(|value| &value.kind) {
        None => Ok(Capture::Captured),
        Some(Some(Kind::StringValue(text))) => Ok(text.parse()?),
        Some(_) => Err(Refusal::Capture(BadCapture("not a string".into()))),
    }
}

fn agent(node: &Node) -> String {
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(text)) => text.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => {
            let version = build.version.as_ref();
            version.map(|v| format!("{}.{}.{}", v.major_number, v.minor_number, v.patch)).unwrap_or_default()
        }
        None => String::new(),
    };
    let text = format!("{} {version}", node.user_agent_name);
    printable(text.trim(), AGENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_proto::google::protobuf::{Struct, Value};

    fn node(capture: Option<Kind>) -> Node {
        let fields = capture.map(|kind| (CAPTURE.to_string(), Value { kind: Some(kind) }));
        Node {
            id: "pod/shop/web".into(),
            metadata: Some(Struct { fields: fields.into_iter().collect() }),
            user_agent_name: "envoy".into(),
            user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion("1.40\n".into())),
            ..Node::default()
        }
    }

    #[track_caller]
    fn check(value: Option<Kind>, want: Result<Capture, &str>) {
        let got = Hello::read(Some(node(value)));
        assert_eq!(got.map(|hello| hello.capture).map_err(|e| e.to_string()), want.map_err(String::from));
    }

    #[test]
    fn a_node_may_say_how_traffic_is_captured() {
        let want = "want \"captured\", \"bound\" or \"bound:<network>\" (bound:127.11.0.0/16)";
        check(None, Ok(Capture::Captured));
        check(Some(Kind::StringValue("bound".into())), Ok(Capture::Bound(None)));
        check(Some(Kind::StringValue("captured".into())), Ok(Capture::Captured));
        let both = format!("node metadata \"heddle.capture\": \"both\" is no capture mode, {want}");
        check(Some(Kind::StringValue("both".into())), Err(&both));
        let bool = format!("node metadata \"heddle.capture\": \"not a string\" is no capture mode, {want}");
        check(Some(Kind::BoolValue(true)), Err(&bool));
    }

    #[test]
    fn a_first_message_has_a_node() {
        assert_eq!(Hello::read(None), Err(Refusal::NoNode));
        assert_eq!(Hello::read(Some(node(None))).map(|hello| hello.agent), Ok("envoy 1.40".into()));
    }
}
