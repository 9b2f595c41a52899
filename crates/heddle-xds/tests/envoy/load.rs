//! A real Envoy takes everything that is projected.

use crate::binary::envoy;
use crate::certificates::Authority;
use crate::view::{View, clients, scenarios, snapshot, write};
use heddle_model::Identity;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of this test's own, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the target folder is ours");
    path
}

fn validate(folder: &Path) -> Result<(), String> {
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
