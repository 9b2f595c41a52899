//! One object of a file, checked and lowered.

use crate::fault::DirError;
use crate::node::Node;
use crate::strict::Strict;
use heddle_lower::{Loopback, lower_from};
use heddle_model::{Kind, Lowered};

/// An object of a manifest.
pub(crate) enum Object {
    /// One that says something to a mesh.
    Read(Box<Lowered>),
    /// One of a kind that Heddle does not read: its apiVersion and kind.
    PassedOver(String),
}

/// Groups other than Kubernetes' own that have a kind of a name that Heddle reads, and mean something else by it.
const FOREIGN: [(&str, &str); 2] = [("serving.knative.dev", "Service"), ("kuma.io", "Mesh")];

/// Reads one object.
///
/// # Errors
/// Everything about the object that an API server would refuse, or that Heddle could only give a narrower
/// meaning than what was written.
pub(crate) fn read(file: &str, node: &Node, strict: &Strict) -> Result<Object, Vec<DirError>> {
    let fault = |field: &str, message: String| DirError {
        file: file.into(),
        line: node.line_of(field),
        field: field.into(),
        message,
    };
    let value = node.value();
    let text = |field: &str| value[field].as_str().filter(|text| !text.is_empty());
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return Err(vec![fault("", "has no apiVersion and kind".into())]);
    };
    let Some(kind) = Kind::from_manifest(api_version, kind) else {
        return match unread(api_version, kind) {
            Some(message) => Err(vec![fault("kind", message)]),
            None => Ok(Object::PassedOver(format!("{api_version} {kind}"))),
        };
    };
    let problems = strict.check(kind, &value);
    if !problems.is_empty() {
        return Err(problems.into_iter().map(|problem| fault(&problem.field, problem.message)).collect());
    }
    let mut lowered = lower_from(Loopback::Granted, kind, &value);
    let faults: Vec<DirError> = lowered
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.reason == heddle_lower::INVALID)
        .map(|diagnostic| fault(&diagnostic.field, without_remedy(&diagnostic.message)))
        .collect();
    lowered.meta.origin = Some(format!("{file}:{}", node.line));
    if faults.is_empty() { Ok(Object::Read(Box::new(lowered))) } else { Err(faults) }
}

/// A diagnostic says what holds instead after its last semicolon; here nothing does.
fn without_remedy(message: &str) -> String {
    message.rsplit_once("; ").map_or(message, |(fault, _)| fault).into()
}

/// Returns why a kind that is not read is a mistake: Heddle reads one of that name, or it is in Heddle's own group.
///
/// Two groups may have a kind of one name: that of the group that was written is meant, if it is there.
fn unread(api_version: &str, kind: &str) -> Option<String> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if FOREIGN.contains(&(group, kind)) {
        return None;
    }
    let known: Vec<_> = Kind::ALL.into_iter().map(Kind::spec).filter(|known| known.name == kind).collect();
    let same = known.iter().find(|known| known.group == group).or_else(|| known.first());
    match same {
        Some(known) => {
            Some(format!("{api_version} {kind} is not read, want {}", known.api_version(known.version())))
        }
        None if group == "heddle.dev" => {
            Some(format!("{api_version} {kind} is not a kind that Heddle reads"))
        }
        None => None,
    }
}
