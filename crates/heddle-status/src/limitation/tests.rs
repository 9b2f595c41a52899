use super::*;
use heddle_model::access::{Access, Posture};
use heddle_model::fact::Mtls;
use heddle_model::report::Subject;
use heddle_model::snapshot::InboundDefault;
use heddle_model::{Kind, WorkloadKind};

fn policy() -> SourceRef {
    SourceRef::new(Kind::AccessPolicy, "shop", "deny")
}

fn key(name: &str) -> Key {
    Key::Workload(WorkloadKey::new(WorkloadKind::Pod, "shop", name))
}

/// Envoys do nothing of the policy, and each names its zone for a port.
fn envoys(snapshot: &Snapshot, key: &Key, _: &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic> {
    let Key::Workload(key) = key else { return BTreeSet::new() };
    let found = snapshot.workloads.get(key).filter(|found| found.plane == Some(DataPlane::Envoy));
    let port = found.and_then(|found| found.zone.clone());
    port.map(|port| says(&format!("port {port}"))).into_iter().collect()
}

/// Workloads with an Envoy are told of while there is a linkerd2-proxy.
fn beside(_: &Snapshot, key: &Key, planes: &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic> {
    let is_limited = matches!(key, Key::Workload(_)) && planes.len() == 2;
    is_limited.then(|| says("both planes are here")).into_iter().collect()
}

fn says(message: &str) -> Diagnostic {
    Diagnostic { object: policy(), field: String::new(), reason: "OverDenied", message: message.into() }
}

/// A mesh of workloads: a name, a data plane, a zone.
fn mesh(workloads: &[(&str, DataPlane, &str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (name, plane, zone) in workloads {
        let key = WorkloadKey::new(WorkloadKind::Pod, "shop", *name);
        snapshot.workloads.insert(key.clone(), Arc::new(workload(key, *plane, zone)));
    }
    snapshot
}

fn workload(key: WorkloadKey, plane: DataPlane, zone: &str) -> Workload {
    let access = Access { posture: Posture::Allow, posture_source: None, policies: Vec::new(), routes: None };
    Workload {
        key,
        identity: None,
        addresses: Vec::new(),
        plane: Some(plane),
        node: None,
        region: None,
        zone: Some(zone.into()),
        host_network: false,
        skip_inbound_ports: BTreeSet::new(),
        uses: None,
        inbound: Vec::new(),
        undeclared: InboundDefault { mtls: Mtls::Permissive, mtls_source: None, access: Arc::new(access) },
    }
}

fn conditions(tracker: &LimitationTracker, there: Vec<Condition>) -> Vec<(&'static str, String)> {
    let report = Arc::new(Report { subjects: vec![Subject { parent: None, conditions: there }] });
    let report = tracker.onto(&policy(), &report);
    report.subjects[0].conditions.iter().map(|one| (one.kind, one.message.clone())).collect()
}

fn accepted() -> Vec<Condition> {
    vec![Condition::new("Accepted", true, "Accepted", String::new())]
}

#[test]
fn what_many_proxies_cannot_do_is_told_once_until_the_last_can() {
    use DataPlane::Envoy;
    let mut tracker = LimitationTracker::new(&[envoys]);
    let both = [key("a"), key("b")].into();
    assert_eq!(tracker.follow(&both, &mesh(&[("a", Envoy, "80"), ("b", Envoy, "80")])), [policy()].into());
    let want = [("Accepted", String::new()), ("Enforced", "port 80".into())];
    assert_eq!(conditions(&tracker, accepted()), want);
    assert_eq!(tracker.at(&key("a")).count(), 1);
    tracker.follow(&[key("a")].into(), &mesh(&[("b", Envoy, "80")]));
    assert_eq!(conditions(&tracker, accepted()), want);
    assert_eq!(tracker.follow(&[key("b")].into(), &mesh(&[])), [policy()].into());
    assert_eq!(conditions(&tracker, accepted()), want[..1]);
    assert_eq!(tracker.by_object().len(), 0);
}

#[test]
fn the_first_proxy_of_a_data_plane_and_the_last_concern_all() {
    use DataPlane::{Envoy, Linkerd};
    let mut tracker = LimitationTracker::new(&[beside]);
    tracker.follow(&[key("a")].into(), &mesh(&[("a", Envoy, "80")]));
    assert_eq!(tracker.at(&key("a")).count(), 0);
    tracker.follow(&[key("l")].into(), &mesh(&[("a", Envoy, "80"), ("l", Linkerd, "80")]));
    assert_eq!(tracker.at(&key("a")).count(), 1);
    let whole = LimitationTracker::of(&[beside], &mesh(&[("a", Envoy, "80"), ("l", Linkerd, "80")]));
    assert!(whole.by_object().iter().eq(tracker.by_object().iter()));
    tracker.follow(&[key("l")].into(), &mesh(&[("a", Envoy, "80")]));
    assert_eq!(tracker.at(&key("a")).count(), 0);
}

#[test]
fn what_is_said_already_stays_and_the_order_of_types_too() {
    let mut tracker = LimitationTracker::new(&[envoys]);
    tracker.follow(&[key("a")].into(), &mesh(&[("a", DataPlane::Envoy, "80")]));
    let there = vec![
        Condition::new("Enforced", false, "NotEnforced", "port 15001 belongs to the proxy".into()),
        Condition::new("PartiallyInvalid", true, "UnsupportedValue", "x".into()),
    ];
    let want =
        [("Enforced", "port 15001 belongs to the proxy; port 80".into()), ("PartiallyInvalid", "x".into())];
    assert_eq!(conditions(&tracker, there), want);
}
