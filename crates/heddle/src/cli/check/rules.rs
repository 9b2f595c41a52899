//! The judgement: facts in, lines out.

use super::facts::Facts;
use crate::cli::injector_settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heddle_admission::{
    Asked, Choice, INJECT, INJECTED, INJECTED_SETTINGS, InjectorSettings, Installation, PROXY, choose,
};
use heddle_model::identity::ROOTS_FILE;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The oldest minor version of Kubernetes 1 that the chart supports.
const OLDEST: u32 = 33;
/// The first that serves ClusterTrustBundles in `certificates.k8s.io/v1`.
const BUNDLES_SINCE: u32 = 37;
/// The most names that one line has.
const NAMED: usize = 5;

/// The category of what the chart installs.
const INSTALLATION: &str = "installation";

/// The weight of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as it was probably meant.
    Warning,
    /// It does not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The part of the installation.
    pub category: &'static str,
    /// Its name for scripts, which never changes its meaning.
    pub code: &'static str,
    /// The weight.
    pub level: Level,
    /// The value that was found, in a sentence.
    pub found: String,
    /// The command or change that mends it; empty where nothing is to be done.
    pub fix: String,
}

fn line(
    category: &'static str,
    code: &'static str,
    holds: bool,
    otherwise: Level,
    found: impl Into<String>,
    fix: &str,
) -> Line {
    let (level, fix) = if holds { (Level::Ok, String::new()) } else { (otherwise, fix.to_owned()) };
    Line { category, code, level, found: found.into(), fix }
}

/// Judges the cluster and what is installed in it.
pub(super) fn installation(facts: &Facts, namespace: &str) -> Vec<Line> {
    let mut all = Vec::from(cluster(facts));
    if facts.controllers.is_empty() && facts.definitions.iter().all(|(_, found)| found.is_none()) {
        let fix = install(namespace);
        all.push(line(INSTALLATION, "HI00", false, Level::Warning, "Heddle is not installed", &fix));
        return all;
    }
    all.extend(installed(facts, namespace));
    all.extend(mesh(facts));
    all
}

fn cluster(facts: &Facts) -> [Line; 2] {
    let text = |field: &str| facts.version[field].as_str().unwrap_or_default();
    let minor = text("minor").trim_end_matches('+').parse::<u32>().unwrap_or_default();
    let served = facts.certificates.as_ref().is_some_and(|list| {
        let mut resources = list["resources"].as_array().into_iter().flatten();
        resources.any(|resource| resource["name"] == "clustertrustbundles")
    });
    // The chart chooses by the version. A cluster that turned them off must be said to.
    let by_default = minor >= BUNDLES_SINCE;
    let source = if served { "ClusterTrustBundle" } else { "ConfigMap" };
    let bundles = format!("Pods can take their roots from a {source}");
    [
        line(
            "cluster",
            "HC01",
            text("major") == "1" && minor >= OLDEST,
            Level::Error,
            format!("Kubernetes {}", text("gitVersion")),
            &format!("use Kubernetes 1.{OLDEST} or newer"),
        ),
        line(
            "cluster",
            "HC02",
            served || !by_default || facts.roots.is_some(),
            Level::Error,
            bundles,
            "serve certificates.k8s.io/v1, or helm upgrade --reuse-values --set injector.rootsFrom=ConfigMap",
        ),
    ]
}

fn install(namespace: &str) -> String {
    format!("helm install heddle charts/heddle -n {namespace} --create-namespace")
}

fn logs(namespace: &str) -> String {
    format!("kubectl -n {namespace} logs -l app.kubernetes.io/name=heddle --tail=20")
}

fn installed(facts: &Facts, namespace: &str) -> Vec<Line> {
    let missing: Vec<&str> =
        facts.definitions.iter().filter(|(_, found)| found.is_none()).map(|(name, _)| &**name).collect();
    let defined = match missing.as_slice() {
        [] => "all definitions are there".into(),
        missing => format!("missing: {}", missing.join(", ")),
    };
    let upgrade = format!("helm upgrade heddle charts/heddle -n {namespace}");
    let mut all = vec![line(INSTALLATION, "HI01", missing.is_empty(), Level::Error, defined, &upgrade)];
    all.extend(replicas(facts, namespace));
    let in_config_map = facts.roots.as_ref().and_then(|map| map["data"][ROOTS_FILE].as_str());
    let in_bundle = facts.bundle.as_ref().and_then(|bundle| bundle["spec"]["trustBundle"].as_str());
    let roots = in_config_map.or(in_bundle);
    let published = format!("the roots for Pods are {}published", if roots.is_some() { "" } else { "not " });
    let logs = logs(namespace);
    all.push(line(INSTALLATION, "HI04", roots.is_some(), Level::Error, published, &logs));
    for (code, name, webhook) in
        [("HI05", "injector", &facts.injector), ("HI06", "validator", &facts.validator)]
    {
        let Some(webhook) = webhook else { continue };
        let trusted = roots.is_some_and(|roots| trusts(webhook, roots));
        let verb = if trusted { "trusts" } else { "does not trust" };
        let found = format!("the API server {verb} the {name}");
        all.push(line(INSTALLATION, code, trusted, Level::Error, found, &logs));
    }
    all.extend(facts.cni.as_ref().map(|cni| plugin(cni, namespace)));
    all
}

/// Judges the CNI plugin: a Node without it starts no injected Pod.
fn plugin(cni: &Value, namespace: &str) -> Line {
    let count = |field: &str| cni["status"][field].as_u64().unwrap_or_default();
    let (ready, wanted) = (count("numberReady"), count("desiredNumberScheduled"));
    let found = format!("the CNI plugin is on {ready} of {wanted} Nodes");
    let fix = format!("kubectl -n {namespace} logs daemonset/heddle-cni --tail=20");
    line(INSTALLATION, "HI07", ready == wanted, Level::Error, found, &fix)
}

fn replicas(facts: &Facts, namespace: &str) -> Vec<Line> {
    if facts.controllers.is_empty() {
        let fix = install(namespace);
        return vec![line(INSTALLATION, "HI02", false, Level::Error, "no controller runs", &fix)];
    }
    let ready = facts.controllers.iter().filter(|pod| is_ready(pod)).count();
    let found = format!("{ready} of {} controllers are ready", facts.controllers.len());
    let otherwise = if ready > 0 { Level::Warning } else { Level::Error };
    let all_ready = ready == facts.controllers.len();
    let versions = versions(facts);
    let own = env!("CARGO_PKG_VERSION");
    let same = versions.iter().all(|version| *version == own);
    let compared = format!("controllers {}, this command {own}", Vec::from_iter(versions).join(", "));
    let fix = format!(
        "use the command of the controllers' version, or helm upgrade heddle charts/heddle -n {namespace}"
    );
    vec![
        line(INSTALLATION, "HI02", all_ready, otherwise, found, &logs(namespace)),
        line(INSTALLATION, "HI03", same, Level::Warning, compared, &fix),
    ]
}

/// The versions of the controllers that run.
fn versions(facts: &Facts) -> BTreeSet<&str> {
    let labels = facts.controllers.iter().map(|pod| &pod["metadata"]["labels"]);
    labels.filter_map(|labels| labels["app.kubernetes.io/version"].as_str()).collect()
}

/// The injectors' settings, by the arguments of the controllers.
fn settings_of(facts: &Facts) -> impl Iterator<Item = InjectorSettings> {
    facts.controllers.iter().filter_map(|pod| {
        let arguments = pod["spec"]["containers"][0]["args"].as_array()?;
        let arguments: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
        injector_settings(&arguments)
    })
}

/// Returns whether every webhook is called with the mesh's own roots.
fn trusts(webhook: &Value, roots: &str) -> bool {
    let wanted = STANDARD.encode(roots);
    let webhooks = webhook["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    !webhooks.is_empty() && webhooks.iter().all(|webhook| webhook["clientConfig"]["caBundle"] == *wanted)
}

fn mesh(facts: &Facts) -> Vec<Line> {
    const PART: &str = "mesh";
    let Some(mesh) = &facts.mesh else {
        let fix = "state the value mesh of the chart, or apply a Mesh named default";
        return vec![line(
            PART,
            "HM01",
            false,
            Level::Warning,
            "there is no Mesh/default: defaults hold",
            fix,
        )];
    };
    let conditions = mesh["status"]["conditions"].as_array().into_iter().flatten();
    let faults: Vec<String> = conditions
        .filter(|condition| condition["status"] == "False")
        .map(|condition| format!("{} is False: {}", word(&condition["type"]), word(&condition["message"])))
        .collect();
    let found = if faults.is_empty() {
        format!(
            "trust domain {}, egress {}",
            word(&mesh["spec"]["trustDomain"]),
            word(&mesh["spec"]["egress"])
        )
    } else {
        faults.join("; ")
    };
    vec![line(PART, "HM01", faults.is_empty(), Level::Warning, found, "kubectl describe mesh default")]
}

/// Judges the Pods that should have proxies, and those that have.
pub(super) fn proxies(facts: &Facts, namespace: &str) -> Vec<Line> {
    const PART: &str = "proxies";
    let labels: BTreeMap<&str, &str> = facts
        .namespaces
        .iter()
        .filter_map(|one| {
            Some((one["metadata"]["name"].as_str()?, one["metadata"]["labels"][INJECT].as_str()?))
        })
        .collect();
    let of_namespace = |pod: &Value| labels.get(word(&pod["metadata"]["namespace"])).copied();
    let linkerd = settings_of(facts).any(|settings| settings.linkerd.is_some());
    let here = Installation { namespace, linkerd };
    let wanted = |pod: &&Value| {
        let label = of_namespace(pod);
        matches!(choose(pod, word(&pod["metadata"]["namespace"]), by_label(label), here), Choice::Inject(_))
    };
    let runs =
        |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] == "Running";
    let running: Vec<&Value> = facts.pods.iter().filter(runs).collect();
    let bare = names(running.iter().copied().filter(wanted).filter(|pod| injected_by(pod).is_none()));
    let controllers = versions(facts);
    let other = |pod: &&Value| {
        !controllers.is_empty() && injected_by(pod).is_some_and(|version| !controllers.contains(version))
    };
    let old = names(running.iter().copied().filter(other));
    let settings: BTreeSet<String> = settings_of(facts).map(|settings| settings.fingerprint()).collect();
    let differs = |pod: &&Value| {
        let own = pod["metadata"]["annotations"][INJECTED_SETTINGS].as_str();
        !settings.is_empty() && injected_by(pod).is_some() && !own.is_some_and(|own| settings.contains(own))
    };
    let stale = names(running.iter().copied().filter(|pod| !other(pod)).filter(differs));
    let meshed: Vec<&Value> = running.iter().copied().filter(|pod| injected_by(pod).is_some()).collect();
    // A Pod that says nothing itself is refused for the label alone.
    let unknown = |name: &str, label: &str| {
        matches!(choose(&Value::Null, name, by_label(Some(label)), here), Choice::Refuse { .. })
    };
    let misnamed: Vec<String> = labels
        .iter()
        .filter(|(name, label)| unknown(name, label))
        .map(|(name, label)| format!("{name} ({label})"))
        .collect();
    let silent = names(meshed.iter().copied().filter(|pod| !proxy_is_ready(pod)));
    let restart = "kubectl -n NAMESPACE rollout restart deployment";
    vec![
        line(
            PART,
            "HP01",
            bare.is_empty(),
            Level::Warning,
            format!("Pods that should have a proxy and have none: {}", few(&bare)),
            restart,
        ),
        line(
            PART,
            "HP02",
            old.is_empty(),
            Level::Warning,
            format!("Pods injected by another version than the controllers': {}", few(&old)),
            restart,
        ),
        line(
            PART,
            "HP03",
            silent.is_empty(),
            Level::Error,
            format!("Pods whose proxy is not ready: {} of {}", few(&silent), meshed.len()),
            "kubectl -n NAMESPACE logs POD -c heddle-proxy",
        ),
        line(
            PART,
            "HP04",
            misnamed.is_empty(),
            Level::Warning,
            format!("Namespaces whose label {INJECT} is none of envoy, linkerd and none: {}", few(&misnamed)),
            "kubectl label --overwrite namespace NAMESPACE heddle.dev/inject=envoy",
        ),
        line(
            PART,
            "HP05",
            stale.is_empty(),
            Level::Warning,
            format!("Pods injected with other settings than the controllers': {}", few(&stale)),
            restart,
        ),
    ]
}

fn by_label(of_namespace: Option<&str>) -> Asked<'_> {
    Asked { of_namespace, enforced: false }
}

/// Judges whether Heddle can be uninstalled: Pods that still have its proxies lose their certificates.
pub(super) fn uninstall(facts: &Facts) -> Vec<Line> {
    let left = names(facts.pods.iter().filter(|pod| injected_by(pod).is_some()));
    let found = format!("Pods that still have a proxy: {}", few(&left));
    let fix = "kubectl label namespace NAMESPACE heddle.dev/inject-; kubectl -n NAMESPACE rollout restart deployment";
    vec![line("uninstall", "HU01", left.is_empty(), Level::Error, found, fix)]
}

fn names<'a>(pods: impl Iterator<Item = &'a Value>) -> Vec<String> {
    pods.map(|pod| format!("{}/{}", word(&pod["metadata"]["namespace"]), word(&pod["metadata"]["name"])))
        .collect()
}

/// The first names of many, and their number.
fn few(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        names if names.len() <= NAMED => names.join(", "),
        names => format!("{} and {} more", names[..NAMED].join(", "), names.len() - NAMED),
    }
}

/// The version of the injector that gave a Pod its proxy.
fn injected_by(pod: &Value) -> Option<&str> {
    pod["metadata"]["annotations"][INJECTED].as_str()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn proxy_is_ready(pod: &Value) -> bool {
    let mut containers = pod["status"]["initContainerStatuses"].as_array().into_iter().flatten();
    containers.any(|container| container["name"] == PROXY && container["ready"] == true)
}

#[cfg(test)]
mod tests;
