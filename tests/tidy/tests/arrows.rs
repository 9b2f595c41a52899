//! The walls of ARCHITECTURE.md: which crate may depend on which.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use heddle_tidy::PURE;
use serde_json::Value;
use std::process::Command;

const MODEL: &str = "heddle-model";

/// Every crate, and the workspace crates it may depend on. A new arrow is a reviewed edit here.
const ARROWS: &[(&str, &[&str])] = &[
    // data
    ("heddle-model", &[]),
    ("heddle-api", &[]),
    ("heddle-proto", &[]),
    // functions
    ("heddle-lower", &[MODEL, "heddle-api"]),
    ("heddle-index", &[MODEL]),
    ("heddle-decide", &[MODEL]),
    ("heddle-xds", &[MODEL, "heddle-proto"]),
    ("heddle-linkerd", &[MODEL, "heddle-proto"]),
    ("heddle-status", &[MODEL]),
    // protocols
    ("heddle-session", &[MODEL, "heddle-proto"]),
    ("heddle-ca", &[MODEL]),
    // publication
    ("heddle-catalog", &[MODEL, "heddle-linkerd", "heddle-proto", "heddle-session", "heddle-xds"]),
    // edges
    ("heddle-kube", &[MODEL, "heddle-api", "heddle-lower", "heddle-status"]),
    ("heddle-dir", &[MODEL, "heddle-api", "heddle-lower"]),
    (
        "heddle-serve",
        &[
            MODEL,
            "heddle-ca",
            "heddle-catalog",
            "heddle-linkerd",
            "heddle-proto",
            "heddle-session",
            "heddle-xds",
        ],
    ),
    ("heddle-agent", &[MODEL, "heddle-ca", "heddle-proto"]),
    ("heddle-capture", &[MODEL]),
    ("heddle-admission", &[MODEL, "heddle-lower", "heddle-status"]),
    // the binary
    (
        "heddle",
        &[
            MODEL,
            "heddle-admission",
            "heddle-agent",
            "heddle-api",
            "heddle-ca",
            "heddle-capture",
            "heddle-catalog",
            "heddle-decide",
            "heddle-dir",
            "heddle-index",
            "heddle-kube",
            "heddle-linkerd",
            "heddle-lower",
            "heddle-proto",
            "heddle-serve",
            "heddle-session",
            "heddle-status",
            "heddle-xds",
        ],
    ),
    // the example
    ("heddle-shop", &[]),
];

/// Crates that exist to test or to generate: they may depend on anything, and nothing above depends on them.
const TOOLS: &[&str] = &["heddle-bench", "heddle-testkit", "heddle-tidy", "xtask"];

/// Dependencies that would break a pure crate, and the crates of layers that own them.
const IMPURE: &[&str] =
    &["tokio", "tonic", "axum", "hyper", "notify", "tracing", "rustix", "kube-client", "kube-runtime"];

fn packages() -> Vec<Value> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut meta: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON");
    match meta["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("packages is {other}"),
    }
}

fn normal_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    let dependencies = package["dependencies"].as_array().expect("an array");
    dependencies.iter().filter(|dependency| dependency["kind"] != "dev")
}

fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name) || name.ends_with("-tests")
}

#[test]
fn arrows_point_one_way() {
    for package in &packages() {
        let name = package["name"].as_str().expect("a name");
        if is_tool(name) {
            continue;
        }
        let row = ARROWS.iter().find(|(from, _)| *from == name);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{name} has no row in ARROWS"));
        for dependency in normal_dependencies(package) {
            let to = dependency["name"].as_str().expect("a name");
            assert!(
                !dependency["path"].is_string() || allowed.contains(&to),
                "{name} must not depend on {to}"
            );
        }
    }
}

#[test]
fn pure_crates_name_nothing_that_does_io() {
    for package in &packages() {
        let name = package["name"].as_str().expect("a name");
        if !PURE.contains(&name) {
            continue;
        }
        for dependency in normal_dependencies(package) {
            let to = dependency["name"].as_str().expect("a name");
            assert!(!IMPURE.contains(&to), "{name} is pure and must not depend on {to}");
        }
    }
}

#[test]
fn only_heddle_kube_and_the_binary_own_a_kubernetes_client() {
    for package in &packages() {
        let name = package["name"].as_str().expect("a name");
        let owns = normal_dependencies(package).any(|dependency| {
            let features = dependency["features"].as_array().cloned().unwrap_or_default();
            dependency["name"] == "kube" && features.iter().any(|feature| feature == "client")
        });
        assert!(!owns || ["heddle-kube", "heddle"].contains(&name) || is_tool(name), "{name} owns a client");
    }
}
