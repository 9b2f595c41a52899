//! The workload that asks, as the proxy's settings name it.

use heddle_model::{WorkloadKey, WorkloadKind};
use serde::Deserialize;

/// Bytes of it that are looked at. The longest names of a namespace and a Pod are 316 together.
const MOST: usize = 1024;

/// The reason for which a text names no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a workload, want {{\"ns\": …, \"pod\": …}}, {{\"ns\": …, \"external_workload\": …}}, \
     \"<namespace>:<pod>\", \"pod/<namespace>/<name>\" or \"external/<namespace>/<name>\""
)]
pub(crate) struct BadContext(String);

/// As Linkerd's injector writes it. What else it says (`nodeName`) is known from the workload.
#[derive(Deserialize)]
struct Context {
    ns: String,
    pod: Option<String>,
    external_workload: Option<String>,
}

/// The workload that a `context_token`, `workload` or `source_workload` names.
pub(super) fn parse(text: &str) -> Result<WorkloadKey, BadContext> {
    let bad = || BadContext(text.chars().take(80).collect());
    if text.len() > MOST {
        return Err(bad());
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).ok().and_then(named).ok_or_else(bad);
    }
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let (namespace, pod) = text.split_once(':').ok_or_else(bad)?;
    key(WorkloadKind::Pod, namespace, pod).ok_or_else(bad)
}

fn named(context: Context) -> Option<WorkloadKey> {
    let Context { ns, pod, external_workload } = context;
    match (pod, external_workload) {
        (Some(pod), None) => key(WorkloadKind::Pod, &ns, &pod),
        (None, Some(name)) => key(WorkloadKind::External, &ns, &name),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn key(kind: WorkloadKind, namespace: &str, name: &str) -> Option<WorkloadKey> {
    let of_name = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    let is_name = |text: &str| !text.is_empty() && text.chars().all(of_name);
    (is_name(namespace) && is_name(name)).then(|| WorkloadKey::new(kind, namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let got = parse(text).map(|key| key.to_string());
        assert_eq!(got, want.map(String::from).ok_or_else(|| BadContext(text.into())));
    }

    #[test]
    fn a_workload_is_named_in_each_of_its_forms() {
        check(r#"{"ns":"shop","nodeName":"n1","pod":"web-0"}"#, Some("pod/shop/web-0"));
        check(r#"{"ns":"shop", "pod":"web-0"}"#, Some("pod/shop/web-0"));
        check(r#"{"ns":"shop", "external_workload":"vm"}"#, Some("external/shop/vm"));
        check("shop:web-0", Some("pod/shop/web-0"));
        check("pod/shop/web-0", Some("pod/shop/web-0"));
        check("external/shop/vm", Some("external/shop/vm"));
    }

    #[test]
    fn what_names_no_workload_is_refused() {
        check("", None);
        check("web-0", None);
        check("shop:", None);
        check(":web-0", None);
        check("a:b:c", None);
        check("{", None);
        check(r#"{"ns":"shop"}"#, None);
        check(r#"{"ns":"shop","pod":"a","external_workload":"b"}"#, None);
        check(r#"{"ns":"","pod":"a"}"#, None);
        check(r#"{"ns":"shop","pod":"a/b"}"#, None);
        check("shop:a\u{1b}[2J", None);
        assert_eq!(
            parse("ns").map_err(|error| error.to_string()),
            Err(concat!(
                r#""ns" is not a workload, want {"ns": …, "pod": …}, {"ns": …, "external_workload": …}, "#,
                r#""<namespace>:<pod>", "pod/<namespace>/<name>" or "external/<namespace>/<name>""#,
            )
            .to_string())
        );
        assert!(parse(&"x".repeat(100_000)).is_err_and(|BadContext(text)| text.len() == 80));
    }
}
