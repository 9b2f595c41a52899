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
const TWO_PLANES: &str = "dir:tests/linkerd/manifests";

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

/// The verdict on a request of `client` in a folder with one manifest.
fn verdict(manifest: &str, args: &[&str]) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.yaml"), manifest).expect("it is written");
    let source = format!("dir:{}", folder.path().display());
    let out = heddle(&[&["explain", "--source", &source, "-o", "json"], args].concat());
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)))
}

#[test]
fn the_authority_is_what_a_proxy_would_see() {
    let manifest = include_str!("../../../tests/scenarios/host-header-in-explain/in.yaml");
    let access = |more: &[&str]| {
        let asked = ["--from", "lab/client", "--to", "lab/web:80"];
        let value = verdict(manifest, &[&asked, more].concat());
        value.pointer("/outcome/shares/0/to/endpoints/0/access").cloned().expect("an endpoint")
    };
    for (more, want) in [
        (&["--header", "host=shop.example"][..], "Allowed"),
        (&["--header", "Host: shop.example"][..], "Allowed"),
        (&["--authority", "shop.example"][..], "Allowed"),
        (&["--authority", "shop.example:443"][..], "Denied"),
        (&["--header", "host=shop.example:443"][..], "Denied"),
        (&[][..], "Denied"),
    ] {
        assert_eq!(access(more), want, "{more:?}");
    }
    let by_name = verdict(manifest, &["--from", "lab/client", "--to", "web.lab.svc.cluster.local:80"]);
    assert_eq!(by_name["destination"], serde_json::json!({"kind": "Service", "name": "lab/web:80"}));
    let direct = verdict(manifest, &["--from", "lab/client", "--to", "10.1.0.5:8080"]);
    assert_eq!(direct["destination"], serde_json::json!({"kind": "Workload", "name": "pod/lab/web-1"}));
}

#[test]
fn a_verdict_has_limits_and_changes_to_headers() {
    let manifest = include_str!("../../../tests/scenarios/timeouts-and-retries/in.yaml");
    let asked = ["--from", "shop/web", "--to", "cart.shop.svc:8080", "--path"];
    let limits = |path: &'static str| verdict(manifest, &[&asked[..], &[path]].concat())["outcome"].clone();
    let slow = limits("/slow");
    assert_eq!(slow["route"]["rule"], 0);
    assert_eq!(slow["limits"]["requestTimeoutSeconds"], 1.0);
    assert_eq!(slow["limits"]["attemptTimeoutSeconds"], 0.4);
    let retry = serde_json::json!({"attempts": 3, "codes": [500, 503], "backoffSeconds": 0.1});
    assert_eq!(limits("/retry")["limits"]["retry"], retry);
    let manifest = include_str!("../../../tests/scenarios/header-changes/in.yaml");
    let changed = verdict(manifest, &[&asked[..], &["/both"]].concat())["outcome"].clone();
    let headers = serde_json::json!({
        "remove": ["x-secret"],
        "set": [{"name": "x-role", "value": "mesh"}],
        "add": [{"name": "x-list", "value": "b"}],
    });
    assert_eq!(changed["route"]["requestHeaders"], headers);
    let backend = &changed["shares"][0]["to"]["requestHeaders"];
    assert_eq!(backend["set"][0], serde_json::json!({"name": "x-backend", "value": "v1"}));
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
    fails(&ask("shop/wbe", "shop/cart:8080"), "; did you mean external/shop/web");
    fails(
        &ask("external/shop/wbe", "shop/cart:8080"),
        "there is no such workload; did you mean external/shop/web",
    );
    fails(
        &ask("shop/web", "shop/cart"),
        "--to \"shop/cart\" is not NAMESPACE/SERVICE:PORT, SERVICE.NAMESPACE.svc:PORT or ADDRESS:PORT",
    );
    fails(&ask("shop/web", "cart-v1.cart.shop.svc:80"), "Service shop/cart is not headless");
    fails(
        &[&ask("shop/web", "shop/cart:80")[..], &["--authority", "a", "--header", "host=b"]].concat(),
        "the authority is given 2 times: a, b",
    );
    fails(&ask("shop/web", "shop/none:80"), "--to \"shop/none:80\": no such Service");
    fails(
        &["explain", "--source", "file:x", "--from", "a", "--to", "b"],
        "want \"kubernetes\" or \"dir:FOLDER\"",
    );
}

#[test]
fn render_speaks_the_dialect_of_the_workloads_proxy() {
    let render = |args: &[&str]| -> serde_json::Value {
        let out = heddle(&[&["render", "--source", TWO_PLANES, "-o", "json"], args].concat());
        serde_json::from_slice(&out.stdout).expect("JSON")
    };
    let split = render(&["external/clients/web", "--only", "198.18.65.4:8080"]);
    let routes =
        split.pointer("/outbound/0/policy/protocol/detect/http1/routes").and_then(|split| split.as_array());
    assert_eq!(routes.map(Vec::len), Some(4), "one per rule: {split:#}");
    let paths: Vec<_> =
        split["endpoints"].as_array().expect("a list").iter().map(|split| &split["path"]).collect();
    assert_eq!(paths, ["cart-v1.shop.svc.cluster.local:8080", "cart-v2.shop.svc.cluster.local:8080"]);
    let ports = render(&["external/shop/cart-v1"])["inbound"].clone();
    let ports: Vec<_> = ports.as_array().expect("a list").iter().map(|port| port["port"].clone()).collect();
    assert_eq!(ports, [8080, 8090, 9000, 9001, 65535], "one that nobody declares comes last");
    let one = render(&["external/shop/cart-v1", "--only", "9000"]);
    assert!(one.pointer("/inbound/0/server/protocol/tls").is_some(), "{one:#}");
    assert!(render(&["external/shop/edge"])["listeners"].is_array());
    assert!(render(&["external/shop/edge", "--dialect", "linkerd"])["outbound"].is_array());
    fails(
        &["render", "--source", TWO_PLANES, "external/clients/web", "--only", "cart"],
        "\"cart\" is not the name of a Service, want \"<service>.<namespace>.svc.<domain>[:<port>]\"",
    );
}

#[test]
fn explain_notes_what_a_proxy_cannot_do_and_what_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/linkerd/manifests");
    for entry in std::fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry")) {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("it is copied");
    }
    let policies = "
apiVersion: heddle.dev/v1alpha1
kind: AccessPolicy
metadata: {name: no-intruder, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: cart}]
  action: Deny
  rules:
  - from: [{serviceAccounts: [{namespace: clients, name: intruder}]}]
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: lost, namespace: shop}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: nowhere}
  requiredAuthenticationRefs: []
";
    std::fs::write(folder.path().join("policies.yaml"), policies).expect("it is written");
    let source = format!("dir:{}", folder.path().display());
    let ask = ["explain", "--source", &source, "--from", "clients/web", "--to", "shop/cart:9000", "--tcp"];
    let text = told(&heddle(&ask));
    let told_of =
        |object: &str| text.lines().any(|line| line.trim().starts_with("note") && line.contains(object));
    for object in ["AccessPolicy shop/no-intruder spec.rules: OverDenied", "AuthorizationPolicy shop/lost"] {
        assert!(told_of(object), "no {object:?} in:\n{text}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&heddle(&[&ask[..], &["-o", "json"]].concat()).stdout).expect("JSON");
    let reasons = json["notes"].as_array().expect("a list").iter().map(|note| note["reason"].clone());
    assert!(reasons.into_iter().any(|reason| reason == "OverDenied"), "{json:#}");
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
fn render_shows_what_is_told_to_whoever_dials_an_address() {
    let names = |dials: &str, ty: &str| -> Vec<String> {
        let ask = ["render", "--source", DEMO, "external/shop/web", "--dials", dials, "-o", "json"];
        let value: serde_json::Value = serde_json::from_str(&told(&heddle(&ask))).expect("JSON");
        let all = value[ty].as_array().expect("a list");
        all.iter().filter_map(|one| one["name"].as_str()).map(String::from).collect()
    };
    let (cart, nobody) = ("127.1.0.2:8080", "127.1.0.2:9");
    assert_eq!(names(cart, "listeners"), ["handback", "inbound", "outbound", "shop/cart:8080"]);
    assert_eq!(names(cart, "routes").first().map(String::as_str), Some("inbound:8080"));
    let clusters = names(cart, "clusters");
    for want in ["at:127.1.0.2:8080", "shop/cart-v1:8080", "shop/cart-v2:8080"] {
        assert!(clusters.contains(&want.to_string()), "{want}: {clusters:?}");
    }
    assert!(!clusters.contains(&"shop/web:8080".to_string()), "{clusters:?}");
    assert_eq!(names(nobody, "listeners"), ["handback", "inbound", "outbound"]);
    assert!(names(nobody, "clusters").contains(&"at:127.1.0.2:9".to_string()));
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
        "check",
        "check-inject",
        "uninstall",
        "explain",
        "lint",
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
    check(&["--authority", "/nowhere"], "cannot read \"/nowhere/ca.crt\"");
    check(&["--admin", "192.0.2.1:1"], "cannot serve the admin pages at 192.0.2.1:1");
}
