//! Goldens as text.

use crate::Scenario;
use heddle_decide::{decide, explain};
use heddle_index::Index;
use heddle_model::{Meta, Snapshot};
use heddle_status::{Finding, LimitationTracker, all_findings};
use serde_json::{Value, json};
use std::fmt::Write;

/// Returns what `explain` prints of every request.
pub fn verdicts_text(scenario: &Scenario, snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for ask in &scenario.requests.requests {
        let answer = match ask.request(snapshot) {
            Ok(request) => explain(&decide(snapshot, &request)),
            Err(bad) => format!("{}\n", bad.0),
        };
        writeln!(text, "## {}\n{} -> {}\n{answer}", ask.name, ask.from, ask.to).expect("a String");
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// The status that every reported object would be given at a fixed time.
pub fn status_text(index: &Index) -> String {
    const NOW: i64 = 1_790_000_000;
    let snapshot = index.snapshot();
    let mut documents = Vec::new();
    let limitations = limitations(&snapshot);
    for (source, report) in &snapshot.reports {
        let report = &limitations.onto(source, report);
        let meta = index.meta(source).cloned().unwrap_or_else(Meta::default);
        let status = heddle_status::status(source, report, &meta, None, heddle_status::CONTROLLER, NOW);
        let Some(mut status) = status else { continue };
        drop_times(&mut status);
        documents.push(yaml(&json!({ "object": source.to_string(), "status": status })));
    }
    documents.join("---\n")
}

/// Returns what `heddle lint` and the log say of the objects, a line each; `None` where nothing is wrong.
pub fn findings_text(snapshot: &Snapshot) -> Option<String> {
    let all = all_findings(snapshot, limitations(snapshot).by_object()).into_iter();
    let line = |Finding { object, field, severity, reason, message }: Finding| {
        let field = if field.is_empty() { field } else { format!(" {field}") };
        format!("{severity}: {object}{field}: {message} [{reason}]\n")
    };
    let text: String = all.map(line).collect();
    (!text.is_empty()).then_some(text)
}

fn limitations(snapshot: &Snapshot) -> LimitationTracker {
    LimitationTracker::of(&[heddle_xds::limitations, heddle_linkerd::limitations], snapshot)
}

/// Times and generations say nothing here.
fn drop_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "lastTransitionTime" && name != "observedGeneration");
            fields.values_mut().for_each(drop_times);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A value as YAML.
pub(crate) fn yaml(value: &Value) -> String {
    let text = serde_saphyr::to_string(value).expect("JSON is YAML");
    if text.ends_with('\n') { text } else { text + "\n" }
}
