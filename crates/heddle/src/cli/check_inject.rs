//! `heddle check-inject`: which Pods of manifests would get a proxy.

use super::output::Output;
use anyhow::{Context, Result};
use heddle_admission::{Asked, Choice, ENFORCE, ENFORCED, INJECT, Installation, choose};
use heddle_dir::objects_of;
use heddle_model::fact::DataPlane;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tell which Pods of manifests would get a proxy, and why others would not.
///
/// Asks no cluster: the answer is the injector's own, for Pods and for the Pod templates of workloads. Labels of namespaces come
/// from the Namespaces among the manifests, and from --namespace-label for all others.
/// Exits with 0, or with 1 where a Pod would be refused or a file cannot be read.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    heddle check-inject manifests/\n  \
    kubectl get deployments -A -o yaml | heddle check-inject - --namespace-label envoy -o json")]
pub(crate) struct Args {
    /// Files and folders of YAML or JSON; - is the standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The label heddle.dev/inject of namespaces that are not among the manifests
    #[arg(long, value_name = "VALUE")]
    namespace_label: Option<String>,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The namespace of the controller
    #[arg(long, default_value = super::NAMESPACE)]
    controller_namespace: String,
    /// The installation has an image of linkerd2-proxy (linkerdProxy.image of the chart)
    #[arg(long)]
    linkerd: bool,
    /// The nodes' CNI plugin captures traffic (cni.enabled of the chart), so that no Pod Security profile refuses it
    #[arg(long)]
    cni: bool,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// The answer for one Pod, or for the Pods of one workload.
struct Answer {
    object: String,
    outcome: &'static str,
    why: String,
}

/// Prints the answers.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut objects = Vec::new();
    for path in &args.paths {
        read(path, &mut objects)?;
    }
    let answers = answers(args, &objects);
    let text = match args.output {
        Output::Text => answers.iter().map(text).collect(),
        Output::Json => format!("{:#}\n", page(&answers)),
    };
    super::print(&text)?;
    let refused = answers.iter().any(|answer| answer.outcome == REFUSED);
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

const REFUSED: &str = "refused";

fn read(path: &Path, objects: &mut Vec<Value>) -> Result<()> {
    let at = || format!("cannot read {}", path.display());
    let documents = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).with_context(at)?;
        objects_of("-", &text)
    } else {
        heddle_dir::objects(path)
    };
    let documents = documents.with_context(at)?;
    for document in documents {
        match document["items"].as_array() {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(document),
        }
    }
    Ok(())
}

fn answers(args: &Args, objects: &[Value]) -> Vec<Answer> {
    let namespaces: BTreeMap<&str, &Value> = objects
        .iter()
        .filter(|object| object["kind"] == "Namespace")
        .filter_map(|object| Some((object["metadata"]["name"].as_str()?, &object["metadata"]["labels"])))
        .collect();
    let here = Installation { namespace: &args.controller_namespace, linkerd: args.linkerd };
    let answer = |object: &Value| {
        let pod = template(object)?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&args.namespace);
        let name = object["metadata"]["name"].as_str().unwrap_or("-");
        let labels = namespaces.get(namespace);
        let label = match labels {
            Some(labels) => labels[INJECT].as_str(),
            None => args.namespace_label.as_deref(),
        };
        let profile = labels.and_then(|labels| labels[ENFORCE].as_str());
        let enforced = !args.cni && profile.is_some_and(|profile| ENFORCED.contains(&profile));
        let asked = Asked { of_namespace: label, enforced };
        let (outcome, why) = match choose(pod, namespace, asked, here) {
            Choice::Inject(DataPlane::Envoy) => ("injected", "with an Envoy".into()),
            Choice::Inject(DataPlane::Linkerd) => ("injected", "with a linkerd2-proxy".into()),
            Choice::Skip { why } => ("left alone", why.unwrap_or_else(|| "nothing asks for a proxy".into())),
            Choice::Refuse { why } => (REFUSED, why),
        };
        let object = format!("{} {namespace}/{name}", object["kind"].as_str().unwrap_or_default());
        Some(Answer { object, outcome, why })
    };
    objects.iter().filter_map(answer).collect()
}

/// Returns the Pod, or the Pods' template.
fn template(object: &Value) -> Option<&Value> {
    let pointer = match object["kind"].as_str()? {
        "Pod" => "",
        "CronJob" => "/spec/jobTemplate/spec/template",
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            "/spec/template"
        }
        _ => return None,
    };
    object.pointer(pointer)
}

fn text(answer: &Answer) -> String {
    let Answer { object, outcome, why } = answer;
    format!("{outcome:10} {object}: {why}\n")
}

fn page(answers: &[Answer]) -> Value {
    let pods: Vec<Value> = answers
        .iter()
        .map(|Answer { object, outcome, why }| json!({"object": object, "outcome": outcome, "why": why}))
        .collect();
    json!({"apiVersion": "cli.heddle.dev/v1", "kind": "Injections", "pods": pods})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_and_templates_are_answered_as_the_injector_would() {
        let temporary = tempfile::tempdir().expect("a folder");
        let text = "\
kind: Namespace
metadata: {name: shop, labels: {heddle.dev/inject: envoy}}
---
kind: Namespace
metadata: {name: tight, labels: {heddle.dev/inject: envoy, pod-security.kubernetes.io/enforce: restricted}}
---
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: web}]}}}
---
kind: CronJob
metadata: {name: nightly, namespace: shop}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {heddle.dev/inject: none}}, spec: {}}}}}
---
kind: List
items:
- {kind: Pod, metadata: {name: user, namespace: shop}, spec: {containers: [{name: a, securityContext: {runAsUser: 2102}}]}}
- {kind: Pod, metadata: {name: plain}, spec: {}}
- {kind: Service, metadata: {name: web}}
- {kind: DaemonSet, metadata: {name: log, namespace: tight}, spec: {template: {spec: {}}}}
";
        std::fs::write(temporary.path().join("a.yaml"), text).expect("written");
        let args = Args {
            paths: vec![temporary.path().into()],
            namespace_label: None,
            namespace: "default".into(),
            controller_namespace: "heddle-system".into(),
            linkerd: false,
            cni: false,
            output: Output::Text,
        };
        let mut objects = Vec::new();
        read(&args.paths[0], &mut objects).expect("read");
        let lines: Vec<String> = answers(&args, &objects).iter().map(super::text).collect();
        let wanted = [
            "injected   Deployment shop/web: with an Envoy\n",
            "left alone CronJob shop/nightly: nothing asks for a proxy\n",
            "refused    Pod shop/user: container \"a\" runs as user 2102",
            "left alone Pod default/plain: nothing asks for a proxy\n",
            "refused    DaemonSet tight/log: namespace tight enforces the baseline or the restricted profile",
        ];
        assert_eq!(lines.len(), wanted.len());
        for (line, wanted) in lines.iter().zip(wanted) {
            assert!(line.starts_with(wanted), "{line}");
        }
    }

    #[test]
    fn a_file_that_is_no_yaml_is_named() {
        let error = read(Path::new("/absent/a.yaml"), &mut Vec::new()).expect_err("absent");
        assert_eq!(error.to_string(), "cannot read /absent/a.yaml");
    }
}
