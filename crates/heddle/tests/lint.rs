//! `heddle lint`, as a user types it.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A folder with one file.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("mesh.yaml"), text).expect("it is written");
        Self(folder)
    }

    fn lint(&self, args: &[&str]) -> Output {
        let source = format!("dir:{}", self.0.path().display());
        lint(&[&["--source", &source], args].concat())
    }

    /// The lines, without the folder's own path.
    fn lines(&self) -> Vec<String> {
        let text = text(&self.lint(&[]).stdout).replace(&format!("{}/", self.0.path().display()), "");
        text.lines().map(String::from).collect()
    }
}

fn lint(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let command =
        Command::new(env!("CARGO_BIN_EXE_heddle")).current_dir(root).arg("lint").args(args).output();
    command.expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const MESH: &str = "\
apiVersion: heddle.dev/v1alpha1
kind: Mesh
metadata: {name: default}
spec: {trustDomain: shop.mesh}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 127.1.0.1, selector: {app: web}, ports: [{name: http, port: 8080}]}
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {name: web, namespace: shop, labels: {app: web, heddle.dev/plane: envoy}}
spec: {addresses: [127.0.1.1], serviceAccount: web, ports: [{name: http, port: 8080, protocol: HTTP}]}
---
";

const MISSING: &str = "\
apiVersion: heddle.dev/v1alpha1
kind: AccessPolicy
metadata: {name: only-web, namespace: shop}
spec:
  targetRefs:
  - {kind: Service, name: wbe}
  rules:
  - from: [{serviceAccounts: [{name: web}]}]
";

#[test]
fn a_mesh_without_a_fault_is_quiet() {
    let out = lint(&["--source", "dir:examples/demo", "--strict"]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(0), String::new()));
    assert_eq!(text(&out.stderr), "0 errors, 0 warnings\n");
}

#[test]
fn a_finding_is_one_line_with_file_line_object_field_and_reason() {
    let folder = Folder::new(&format!("{MESH}{MISSING}"));
    let want = "mesh.yaml:21: error: AccessPolicy shop/only-web spec.targetRefs[0]: there is no Service shop/wbe; \
                nothing is covered by such a target [TargetNotFound]";
    assert_eq!(folder.lines(), [want]);
    let out = folder.lint(&[]);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(1), "1 error, 0 warnings\n".into()));
    assert!(!text(&out.stdout).contains('\u{1b}'), "no colour but on a terminal");
    let out = folder.lint(&["--namespace", "other"]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(0), String::new()));
}

#[test]
fn explain_notes_what_lint_finds() {
    let folder = Folder::new(&format!("{MESH}{MISSING}"));
    let source = format!("dir:{}", folder.0.path().display());
    let args = ["explain", "--source", &source, "--from", "203.0.113.7", "--to", "shop/web:8080"];
    let out = Command::new(env!("CARGO_BIN_EXE_heddle")).args(args).output().expect("it starts");
    let want = "there is no Service shop/wbe; nothing is covered by such a target  \
                [AccessPolicy shop/only-web spec.targetRefs[0]: TargetNotFound]";
    assert!(text(&out.stdout).contains(want), "{}", text(&out.stdout));
}

#[test]
fn findings_are_json_too() {
    let folder = Folder::new(&format!("{MESH}{MISSING}"));
    let page: Value = serde_json::from_slice(&folder.lint(&["-o", "json"]).stdout).expect("JSON");
    assert_eq!((&page["errors"], &page["warnings"]), (&1.into(), &0.into()));
    let one = &page["findings"][0];
    for (field, want) in [
        ("severity", "error"),
        ("reason", "TargetNotFound"),
        ("kind", "AccessPolicy"),
        ("namespace", "shop"),
        ("name", "only-web"),
        ("field", "spec.targetRefs[0]"),
    ] {
        assert_eq!(one[field], want, "{field}");
    }
    assert_eq!(one["line"], 21);
    assert!(one["file"].as_str().is_some_and(|file| file.ends_with("/mesh.yaml")), "{one}");
}

#[test]
fn kinds_that_are_not_read_are_named() {
    let folder = Folder::new(&format!("{MESH}---\napiVersion: apps/v1\nkind: Deployment\n"));
    let out = folder.lint(&["-o", "json"]);
    let page: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(page["passedOver"], serde_json::json!(["apps/v1 Deployment"]));
    assert!(text(&out.stderr).contains("apps/v1 Deployment passed over"), "{}", text(&out.stderr));
}

#[test]
fn warnings_fail_only_where_that_is_asked_for() {
    let inbound = |name: &str, mtls: &str| {
        let head = "apiVersion: heddle.dev/v1alpha1\nkind: InboundPolicy\n";
        format!("{head}metadata: {{name: {name}, namespace: shop}}\nspec: {{mtls: {mtls}}}\n---\n")
    };
    let folder = Folder::new(&format!("{MESH}{}{}", inbound("a", "Strict"), inbound("b", "Permissive")));
    let lines = folder.lines();
    assert!(lines.iter().all(|line| line.contains(": warning: InboundPolicy shop/b: ")), "{lines:#?}");
    assert!(!lines.is_empty());
    assert_eq!(folder.lint(&[]).status.code(), Some(0));
    assert_eq!(folder.lint(&["--strict"]).status.code(), Some(1));
}

#[test]
fn what_a_proxy_cannot_enforce_is_a_warning() {
    let text = MESH.replace("heddle.dev/plane: envoy", "heddle.dev/plane: linkerd").replace("HTTP", "TCP");
    let deny = MISSING.replace("wbe", "web").replace("  rules:", "  action: Deny\n  rules:");
    let lines = Folder::new(&format!("{text}{deny}")).lines();
    let line = lines.iter().find(|line| line.contains("[OverDenied]")).expect("a line");
    assert!(
        line.starts_with("mesh.yaml:23: warning: AccessPolicy shop/only-web spec.rules: port 8080"),
        "{line}"
    );
}

#[test]
fn a_folder_that_does_not_parse_is_told_by_file_and_line() {
    let folder = Folder::new(&format!("{MESH}{}", MISSING.replace("targetRefs", "targets")));
    assert_eq!(folder.lines(), ["mesh.yaml:20: error: spec.targets: is not a field [Refused]"]);
    assert_eq!(folder.lint(&[]).status.code(), Some(1));
    let out = lint(&["--source", "dir:/nowhere", "-o", "json"]);
    let page: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!((out.status.code(), &page["findings"][0]["file"]), (Some(1), &"/nowhere".into()));
}
