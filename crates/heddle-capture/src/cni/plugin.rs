//! One call of the plugin (CNI specification 1.1, section 2): a Pod's network is there, and its traffic is captured if the
//! injector says so.
//!
//! The Pod's annotations come from the runtime. One that hands none over is no fault here: the Pod's prover waits until
//! the node has captured its traffic.

use crate::network_namespace::within;
use crate::rules::{Capture, CapturedBy, Direction};
use heddle_model::PortRange;
use heddle_model::capture::{CAPTURE, PROXY_USER, SKIP_INBOUND, SKIP_OUTBOUND};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

/// The plugin's type in a network's configuration, which is the name of its program.
pub const NAME: &str = "heddle-cni";

/// The capability by which the runtime hands over a Pod's annotations.
pub(super) const POD_ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";

/// The versions of the specification in which a plugin is told its predecessors' result.
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// Bytes of a configuration that are read: a Pod's annotations have at most 256 KiB.
const INPUT: u64 = 4 << 20;

/// Answers one call: reads it from the environment and standard input, and prints the result.
pub fn run() -> ExitCode {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let mut input = Vec::new();
    let read = io::stdin().take(INPUT).read_to_end(&mut input);
    let call = PluginCall { command: variable("CNI_COMMAND"), namespace: variable("CNI_NETNS"), input };
    let answer =
        read.map_err(|error| Fault::new(Fault::IO, "standard input", error)).and_then(|_| call.answer());
    let (text, code) = match answer {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(fault) => (fault.to_string(), ExitCode::FAILURE),
    };
    // The runtime sees the code where it cannot read the answer.
    let _unread = io::stdout().write_all(text.as_bytes());
    code
}

/// One call of the plugin.
struct PluginCall {
    command: String,
    namespace: String,
    input: Vec<u8>,
}

/// The work of a call, and its answer.
#[derive(Debug, PartialEq, Eq)]
struct Task {
    /// The capture, and the network namespace in which it is to hold.
    capture: Option<(PathBuf, Capture)>,
    /// The answer, once that is done.
    answer: String,
}

impl PluginCall {
    fn answer(&self) -> Result<String, Fault> {
        let Task { capture, answer } = self.task()?;
        if let Some((path, capture)) = capture {
            let failed = |error: &dyn std::fmt::Display| {
                Fault::new(Fault::CAPTURE, &format!("traffic of {} is not captured", path.display()), error)
            };
            let namespace = File::open(&path).map_err(|error| failed(&error))?;
            let applied = within(namespace, || capture.apply()).map_err(|error| failed(&error))?;
            applied.map_err(|error| failed(&error))?;
        }
        Ok(answer)
    }

    fn task(&self) -> Result<Task, Fault> {
        let nothing = |answer: String| Ok(Task { capture: None, answer });
        if self.command == "VERSION" {
            return nothing(json!({"cniVersion": "1.1.0", "supportedVersions": VERSIONS}).to_string());
        }
        let input: Value = serde_json::from_slice(&self.input)
            .map_err(|error| Fault::new(Fault::DECODING, "not JSON", error))?;
        let version = input["cniVersion"].as_str().unwrap_or_default();
        if !VERSIONS.contains(&version) {
            let wanted = format!("want one of {}", VERSIONS.join(", "));
            return Err(Fault::new(Fault::VERSION, &format!("cniVersion {version:?}"), wanted));
        }
        match &*self.command {
            "ADD" => {
                let result = &input["prevResult"];
                if !result.is_object() {
                    let remedy = format!("list {NAME} after the plugin that makes the network");
                    return Err(Fault::new(Fault::CONFIGURATION, "no prevResult", remedy));
                }
                let capture = of_annotations(&input["runtimeConfig"][POD_ANNOTATIONS])?;
                if capture.is_some() && self.namespace.is_empty() {
                    return Err(Fault::new(Fault::ENVIRONMENT, "CNI_NETNS", "it is not set"));
                }
                let capture = capture.map(|capture| (PathBuf::from(&self.namespace), capture));
                Ok(Task { capture, answer: result.to_string() })
            }
            "DEL" | "CHECK" | "GC" | "STATUS" => nothing(String::new()),
            other => Err(Fault::new(Fault::ENVIRONMENT, "CNI_COMMAND", format!("{other:?} is not known"))),
        }
    }
}

/// Returns what the injector asks for in a Pod's annotations.
fn of_annotations(annotations: &Value) -> Result<Option<Capture>, Fault> {
    let proxy = match annotations[CAPTURE].as_str() {
        None => return Ok(None),
        Some("envoy") => CapturedBy::Envoy,
        Some("linkerd") => CapturedBy::Linkerd,
        Some(other) => {
            let wanted = format!("{other:?} is none of envoy and linkerd");
            return Err(Fault::new(Fault::CONFIGURATION, CAPTURE, wanted));
        }
    };
    let skipped = |name: &str| -> Result<Vec<RangeInclusive<u16>>, Fault> {
        let ranges = PortRange::list(annotations[name].as_str().unwrap_or_default());
        let ports = ranges.map(|range| range.map(PortRange::ports)).collect::<Result<_, _>>();
        ports.map_err(|bad| Fault::new(Fault::CONFIGURATION, name, bad))
    };
    Ok(Some(Capture {
        proxy,
        users: PROXY_USER..=PROXY_USER,
        skip_inbound: skipped(SKIP_INBOUND)?,
        skip_outbound: skipped(SKIP_OUTBOUND)?,
        direction: Direction::Both,
    }))
}

/// A failed call, as the specification writes it (section 5).
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    code: u32,
    what: String,
    details: String,
}

impl Fault {
    const VERSION: u32 = 1;
    const ENVIRONMENT: u32 = 4;
    const IO: u32 = 5;
    const DECODING: u32 = 6;
    const CONFIGURATION: u32 = 7;
    /// The first of those that are a plugin's own.
    const CAPTURE: u32 = 100;

    fn new(code: u32, what: &str, details: impl std::fmt::Display) -> Self {
        Self { code, what: what.into(), details: details.to_string() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, what, details } = self;
        let message = format!("{NAME}: {what}: {details}");
        write!(f, "{}", json!({"cniVersion": "1.0.0", "code": code, "msg": message, "details": details}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(command: &str, input: &Value) -> PluginCall {
        PluginCall {
            command: command.into(),
            namespace: "/run/netns/a".into(),
            input: input.to_string().into_bytes(),
        }
    }

    fn added(annotations: &Value) -> Value {
        json!({
            "cniVersion": "1.0.0", "name": "node", "type": "heddle-cni",
            "prevResult": {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.5/24"}]},
            "runtimeConfig": {POD_ANNOTATIONS: annotations},
        })
    }

    #[test]
    fn an_injected_pod_is_captured_as_its_annotations_say() {
        let input = added(&json!({CAPTURE: "envoy", SKIP_INBOUND: "22, 9000-9100", SKIP_OUTBOUND: "5432"}));
        let Task { capture, answer } = call("ADD", &input).task().expect("a task");
        let (namespace, capture) = capture.expect("it asks");
        assert_eq!(namespace, PathBuf::from("/run/netns/a"));
        assert_eq!(capture.skip_inbound, [22..=22, 9000..=9100]);
        assert_eq!(capture.skip_outbound, [5432..=5432]);
        assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON"), input["prevResult"]);
    }

    #[test]
    fn other_pods_and_other_commands_change_nothing() {
        let others = added(&json!({"other": "annotation"}));
        assert_eq!(call("ADD", &others).task().expect("a task").capture, None);
        let ours = added(&json!({CAPTURE: "envoy"}));
        for command in ["DEL", "CHECK", "GC", "STATUS"] {
            let nothing = Task { capture: None, answer: String::new() };
            assert_eq!(call(command, &ours).task(), Ok(nothing), "{command}");
        }
        let versions = call("VERSION", &json!({})).task().expect("a task").answer;
        assert!(versions.contains(r#""supportedVersions":["0.3.0""#), "{versions}");
    }

    #[test]
    fn a_fault_says_where_and_has_the_code_of_the_specification() {
        #[track_caller]
        fn check(call: &PluginCall, code: u32, part: &str) {
            let fault = call.task().expect_err("a fault");
            assert!(fault.code == code && fault.to_string().contains(part), "{fault}");
        }
        let annotations = json!({CAPTURE: "envoy"});
        let with = |field: &str, value: Value| {
            let mut input = added(&annotations);
            input[field] = value;
            input
        };
        check(&call("ADD", &with("cniVersion", "0.2.0".into())), Fault::VERSION, "0.2.0");
        check(&call("ADD", &with("prevResult", Value::Null)), Fault::CONFIGURATION, "after the plugin");
        check(&call("PUT", &added(&annotations)), Fault::ENVIRONMENT, "PUT");
        let nowhere = PluginCall { namespace: String::new(), ..call("ADD", &added(&annotations)) };
        check(&nowhere, Fault::ENVIRONMENT, "CNI_NETNS");
        check(&PluginCall { input: b"{".into(), ..call("ADD", &json!({})) }, Fault::DECODING, "JSON");
        check(&call("ADD", &added(&json!({CAPTURE: "nginx"}))), Fault::CONFIGURATION, CAPTURE);
        let ports = json!({CAPTURE: "envoy", SKIP_INBOUND: "http"});
        check(&call("ADD", &added(&ports)), Fault::CONFIGURATION, SKIP_INBOUND);
    }
}
