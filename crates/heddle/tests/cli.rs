//! The commands, as a user types them.

use std::path::Path;
use std::process::{Command, Output};

fn heddle(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_heddle")).current_dir(root).args(args).output().expect("it starts")
}

fn told(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[track_caller]
fn fails(args: &[&str], want: &str) {
    let out = heddle(args);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && text.contains(want), "heddle {}: {text}", args.join(" "));
}

const DEMO: &str = "dir:examples/demo";

#[test]
fn explain_names_what_decides() {
    let ask = [
        "explain",
        "--source",
        DEMO,
        "--from",
        "shop/web",
        "--to",
        "shop/cart:8080",
        "--header",
        "x-canary=yes",
    ];
    let out = heddle(&ask);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let text = told(&out);
    for part in ["HTTPRoute shop/cart", "cart-v2", "spec.rules[0]"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    let json = heddle(&[&ask[..], &["-o", "json"]].concat());
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(value["apiVersion"], "cli.heddle.dev/v1");
    assert_eq!(value["outcome"]["shares"][0]["to"]["endpoints"][0]["transport"]["mtls"], true);
}

#[test]
fn a_request_that_cannot_succeed_is_a_finding() {
    let out = heddle(&["explain", "--source", DEMO, "--from", "203.0.113.7", "--to", "127.0.1.4:8080"]);
    assert_eq!(out.status.code(), Some(2), "{}", told(&out));
}

#[test]
fn questions_that_cannot_be_asked_say_why() {
    let ask =
        |from: &'static str, to: &'static str| ["explain", "--source", DEMO, "--from", from, "--to", to];
    fails(
        &ask("shop/nobody", "shop/cart:8080"),
        "--from \"shop/nobody\": no Pod and no ExternalWorkload of this name",
    );
    fails(&ask("shop/web", "shop/cart"), "--to \"shop/cart\" is not NAMESPACE/SERVICE:PORT or ADDRESS:PORT");
    fails(&ask("shop/web", "shop/none:80"), "--to \"shop/none:80\": no such Service");
    fails(
        &["explain", "--source", "file:x", "--from", "a", "--to", "b"],
        "want \"kubernetes\" or \"dir:FOLDER\"",
    );
}

#[test]
fn render_prints_what_envoy_reads_and_always_the_same() {
    let ask = ["render", "--source", DEMO, "external/shop/web", "--capture", "bound", "-o", "json"];
    let first = told(&heddle(&ask));
    assert_eq!(first, told(&heddle(&ask)));
    let value: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    let names = |ty: &str| -> Vec<String> {
        let all = value[ty].as_array().expect("a list");
        all.iter().filter_map(|one| one["name"].as_str()).map(String::from).collect()
    };
    assert!(names("clusters").contains(&"shop/cart-v2:8080".to_string()), "{:?}", names("clusters"));
    assert!(names("routes").contains(&"shop/cart:8080".to_string()), "{:?}", names("routes"));
    fails(&["render", "--source", DEMO, "external/shop/nobody"], "there is no workload external/shop/nobody");
}

#[test]
fn a_token_is_made_for_external_workloads_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("text");
    let out = heddle(&["token", "create", "--state", state, "--workload", "external/shop/web"]);
    assert_eq!(told(&out).trim().split('.').count(), 3, "a compact JWS");
    fails(
        &["token", "create", "--state", state, "--workload", "pod/shop/web"],
        "a Pod's token is made by Kubernetes",
    );
    fails(
        &["token", "create", "--state", state, "--workload", "external/shop/web", "--service-account", "a.b"],
        "service account \"a.b\" is not a DNS label",
    );
}

#[test]
fn every_command_has_help_and_a_completion() {
    let help = told(&heddle(&["--help"]));
    let commands = [
        "controller",
        "agent",
        "demo",
        "render",
        "explain",
        "proxies",
        "bootstrap",
        "token",
        "version",
        "completion",
    ];
    for command in commands {
        assert!(help.contains(command), "--help does not name {command}");
        assert!(heddle(&[command, "--help"]).status.success(), "{command} --help");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(told(&heddle(&["completion", shell])).contains("explain"), "{shell}");
    }
    assert!(told(&heddle(&["version", "-o", "json"])).contains("\"version\""));
}

#[test]
fn a_controller_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("text");
    let start = |more: &[&str]| -> Vec<String> {
        let base = ["controller", "--source", DEMO, "--state", state];
        base.iter().chain(more).map(ToString::to_string).collect()
    };
    let check = |more: &[&str], want: &str| {
        let args = start(more);
        fails(&args.iter().map(String::as_str).collect::<Vec<_>>(), want);
    };
    check(&["--certificate-lifetime", "1s"], "--certificate-lifetime must be at least 5s");
    check(&["--certificate-lifetime", "soon"], "\"soon\" is not a duration");
    check(&["--log", "=,="], "is no filter");
    check(&["--authority", "/nowhere"], "cannot read /nowhere/tls.key");
    check(&["--admin", "192.0.2.1:1"], "cannot serve the admin pages at 192.0.2.1:1");
}
