//! A real Envoy takes everything that is projected.

use crate::binary::envoy;
use crate::certificates::Authority;
use crate::view::{View, clients, scenarios, snapshot, write};
use heddle_model::access::{Access, AccessEntry, RouteAccess, Unmatched};
use heddle_model::fact::Accrual;
use heddle_model::http::HttpMatch;
use heddle_model::route::{Retry, RouteDefaults};
use heddle_model::snapshot::{Service, Workload};
use heddle_model::{Identity, Snapshot};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A folder of this test's own, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the target folder is ours");
    path
}

pub(crate) fn validate(folder: &Path) -> Result<(), String> {
    let out = Command::new(envoy())
        .args(["--mode", "validate", "-c", "envoy.json", "-l", "error", "--base-id", "9301"])
        .current_dir(folder)
        .output()
        .expect("Envoy runs");
    match out.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

#[test]
fn a_real_envoy_takes_every_view_of_every_scenario() {
    let folder = folder("load");
    let identity = Identity::new("default", "test").expect("valid");
    Authority::new("roots").write(&folder, &identity, "cluster.local");
    let mut seen = BTreeSet::new();
    for (scenario, text) in scenarios() {
        let snapshot = snapshot(&text);
        for client in clients(&snapshot) {
            let bootstrap = View::of(&client, &snapshot).bootstrap();
            if seen.insert(bootstrap.to_string()) {
                write(&folder, &bootstrap);
                let taken = validate(&folder);
                assert_eq!(taken, Ok(()), "{scenario}, {} {}", client.workload, client.capture);
            }
        }
    }
}

/// Gives everything in a Snapshot what only Linkerd's objects say.
fn with_linkerds_words(snapshot: &mut Snapshot) {
    let accrual = Accrual {
        max_failures: 7,
        min_penalty: Duration::from_secs(1),
        max_penalty: Duration::from_secs(60),
        jitter_percent: 50,
    };
    let retry = Retry { attempts: 2, codes: vec![503], backoff: Some(Duration::from_millis(25)) };
    let limit = Some(Duration::from_secs(1));
    let defaults = RouteDefaults { request_timeout: limit, backend_timeout: limit, retry: Some(retry) };
    for (key, service) in snapshot.services.clone().iter() {
        let (accrual, defaults) = (Some(accrual), defaults.clone());
        let service = Service { accrual, defaults, ..Service::clone(service) };
        snapshot.services.insert(key.clone(), Arc::new(service));
    }
    for (key, workload) in snapshot.workloads.clone().iter() {
        let mut workload = Workload::clone(workload);
        for (place, port) in workload.inbound.iter_mut().enumerate() {
            let entry = AccessEntry { matcher: HttpMatch::default(), governors: vec![], audits: vec![] };
            let entries = if place == 0 { vec![] } else { vec![entry] };
            let routes = RouteAccess { governors: vec![], entries, unmatched: Unmatched::Refused };
            let access = Access { routes: Some(Arc::new(routes)), ..Access::clone(&port.access) };
            port.access = Arc::new(access);
        }
        snapshot.workloads.insert(key.clone(), Arc::new(workload));
    }
}

#[test]
fn a_real_envoy_takes_what_linkerds_objects_say() {
    let folder = folder("linkerds-words");
    let identity = Identity::new("default", "test").expect("valid");
    Authority::new("roots").write(&folder, &identity, "cluster.local");
    let (_, text) = scenarios().into_iter().find(|(name, _)| name == "two-planes").expect("it is there");
    let mut snapshot = snapshot(&text);
    with_linkerds_words(&mut snapshot);
    for client in clients(&snapshot) {
        write(&folder, &View::of(&client, &snapshot).bootstrap());
        assert_eq!(validate(&folder), Ok(()), "{} {}", client.workload, client.capture);
    }
}
