use super::*;

const WEB: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 127.1.0.1
  ports:
    - port: 80
";

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

/// The faults of one file.
#[track_caller]
fn check(text: &str, want: &[&str]) {
    check_files(&[("a.yaml", text)], want);
}

#[track_caller]
fn check_files(texts: &[(&str, &str)], want: &[&str]) {
    let faults = parse(&files(texts)).err().unwrap_or_default();
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{texts:?}");
}

/// A manifest of a kind of `heddle.dev` whose `spec` begins in line 4.
fn ours(kind: &str, spec: &str) -> String {
    let name = if kind == "Mesh" { "default" } else { "x" };
    format!("apiVersion: heddle.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

#[test]
fn every_kind_has_a_complete_list() {
    let text = format!("# a comment\n{WEB}---\n{}---\n", ours("Mesh", "  trustDomain: td\n"));
    let json = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": 5}]}"#;
    let lists = parse(&files(&[("a.yaml", &text), ("b.json", json)])).expect("parses");
    assert_eq!(lists.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), Kind::ALL);
    let found: Vec<_> = lists
        .iter()
        .flat_map(|(_, objects)| objects)
        .map(|object| format!("{} {}", object.source, object.meta.origin.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(found, ["Namespace shop b.json:2", "Service shop/web a.yaml:2", "Mesh default a.yaml:10"]);
}

#[test]
fn a_text_that_is_no_yaml_says_where() {
    check("a: b: c\n", &["a.yaml:1: mapping values are not allowed in this context"]);
    check("a: 1\na: 2\n", &["a.yaml:2: duplicate mapping key `a` is not allowed here"]);
    check("kind: Service\n", &["a.yaml:1: has no apiVersion and kind"]);
    check("- a\n", &["a.yaml:1: has no apiVersion and kind"]);
    check("", &[]);
}

#[test]
fn a_kind_that_nothing_reads_is_a_fault_unless_it_says_nothing_to_a_mesh() {
    let object =
        |version: &str, kind: &str| format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n");
    check(
        &object("heddle.dev/v1alpha1", "AccesPolicy"),
        &["a.yaml:2: kind: heddle.dev/v1alpha1 AccesPolicy is not a kind that Heddle reads"],
    );
    check(
        &object("gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
        &[
            "a.yaml:2: kind: gateway.networking.k8s.io/v1beta1 HTTPRoute is not read, want gateway.networking.k8s.io/v1",
        ],
    );
    check(&object("apps/v1", "StatefulSet"), &[]);
    check(&object("v1", "ServiceAccount"), &[]);
    check(&object("rbac.authorization.k8s.io/v1", "ClusterRole"), &[]);
}

#[test]
fn linkerds_kinds_are_read_in_each_of_their_versions_and_a_part_that_cannot_be_is_a_fault() {
    let server = |version: &str, port: &str| {
        format!(
            "apiVersion: policy.linkerd.io/{version}\nkind: Server\nmetadata: {{name: x}}\nspec:\n  podSelector: {{}}\n  port: {port}\n"
        )
    };
    for version in ["v1beta3", "v1beta2", "v1beta1"] {
        check(&server(version, "80"), &[]);
    }
    check(
        &server("v1", "80"),
        &["a.yaml:2: kind: policy.linkerd.io/v1 Server is not read, want policy.linkerd.io/v1beta3"],
    );
    check(&server("v1beta3", "0"), &["a.yaml:6: spec.port: 0 is not an integer from 1 to 65535"]);
    let two = "apiVersion: policy.linkerd.io/v1beta3\nkind: HTTPRoute\nmetadata: {name: web}\nspec: {}\n---\n\
               apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\nspec: {}\n";
    check(two, &[]);
}

#[test]
fn a_second_object_of_one_name_names_the_first() {
    check_files(
        &[("a.yaml", WEB), ("b.yaml", &format!("---\n{WEB}"))],
        &["b.yaml:2: metadata.name: Service shop/web is there twice, first at a.yaml:1"],
    );
}

#[test]
fn what_an_api_server_would_refuse_is_a_fault_with_its_line() {
    check(
        &ours("Mesh", "  trustdomain: td\n"),
        &["a.yaml:4: spec.trustDomain: is required", "a.yaml:5: spec.trustdomain: is not a field"],
    );
    check(
        &ours(
            "AccessPolicy",
            "  rules:\n  - from:\n    - identities: ['*']\n    - namespaces: [shop, Shop]\n",
        ),
        &[
            r#"a.yaml:8: spec.rules[0].from[1].namespaces[1]: "Shop" does not match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"#,
        ],
    );
    check(&ours("AccessPolicy", "  action: Deny\n"), &["a.yaml:4: spec: a Deny needs at least one rule"]);
    check(
        &ours("InboundPolicy", "  mtls: Strict\n").replace("{name: x}", "{name: X, nam: y}"),
        &[
            r#"a.yaml:3: metadata.name: "X" is not a DNS name in lower case of at most 253 characters"#,
            "a.yaml:3: metadata.nam: is not a field",
        ],
    );
}

#[test]
fn a_field_that_kubernetes_does_not_know_is_a_fault_with_its_line() {
    check(
        &WEB.replace("- port: 80", "- port: 80\n      targetport: 81"),
        &["a.yaml:8: spec.ports[0].targetport: is not a field"],
    );
    check(
        &WEB.replace("port: 80", "port: http"),
        &[r#"a.yaml:7: spec.ports[0].port: invalid type: string "http", expected i32"#],
    );
    check(
        &WEB.replace("port: 80", "port: 0"),
        &["a.yaml:7: spec.ports[0].port: 0 is not an integer from 1 to 65535"],
    );
    check(
        &WEB.replace("127.1.0.1", "127.1.0"),
        &[r#"a.yaml:5: spec.clusterIP: "127.1.0" is not an IP address"#],
    );
    let route = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{group: '', kind: Service, name: web}]
  rules:
  - backendRef:
    - {name: web, port: 80}
";
    check(route, &["a.yaml:7: spec.rules[0].backendRef: is not a field"]);
    check(&route.replace("backendRef:", "backendRefs:"), &[]);
    check(
        &route.replace("backendRef:", "backendRefs:").replace(", port: 80", ""),
        &[
            "a.yaml:8: spec.rules[0].backendRefs[0]: breaks the rule (size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
        ],
    );
    let timeout = route.replace("  - backendRef:", "  - timeouts: {request: 5}\n    backendRefs:");
    check(&timeout, &["a.yaml:7: spec.rules[0].timeouts.request: 5 is not a string"]);
    check(
        &timeout.replace("request: 5", "request: 5 s"),
        &[r#"a.yaml:7: spec.rules[0].timeouts.request: "5 s" does not match ^([0-9]{1,5}(h|m|s|ms)){1,4}$"#],
    );
}

/// Something sound that is not supported is named by status and diagnostics, as in a cluster.
#[test]
fn what_is_not_supported_is_no_fault() {
    let route = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  rules:
  - filters: [{type: CORS, cors: {allowOrigins: [https://a.example]}}]
";
    let lists = parse(&files(&[("a.yaml", route)])).expect("parses");
    let reasons: Vec<_> =
        lists.iter().flat_map(|(_, list)| list).flat_map(|found| &found.diagnostics).collect();
    assert_eq!(reasons.len(), 1);
}

#[test]
fn all_faults_of_all_files_are_named() {
    check_files(
        &[("a.yaml", "a: b: c\n"), ("b.yaml", "kind: X\n---\nkind: Y\n"), ("c.yaml", WEB)],
        &[
            "a.yaml:1: mapping values are not allowed in this context",
            "b.yaml:1: has no apiVersion and kind",
            "b.yaml:3: has no apiVersion and kind",
        ],
    );
}

#[test]
fn only_manifests_of_the_folder_itself_are_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    write("web.yaml", WEB);
    for name in [".hidden.yaml", "web.yaml~", "README.md", "web.yaml.swp"] {
        write(name, "broken: [");
    }
    std::fs::create_dir(dir.path().join("more.yaml")).expect("made");
    let lists = read(dir.path()).expect("parses");
    assert_eq!(lists.lists.iter().map(|(_, list)| list.len()).sum::<usize>(), 1);
    std::fs::write(dir.path().join("bytes.yml"), [0xff, 0xfe, 0xfd]).expect("written");
    let faults = read(dir.path()).expect_err("no UTF-8");
    assert_eq!(faults[0].to_string(), "bytes.yml: stream did not contain valid UTF-8");
}

#[test]
fn a_folder_that_is_not_there_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("absent");
    let faults = read(&path).expect_err("absent");
    assert_eq!(faults[0].to_string(), format!("{}: No such file or directory (os error 2)", path.display()));
}

#[test]
fn a_folder_read_again_is_as_if_it_were_read_anew() {
    let cart = WEB.replace("web", "cart");
    let mut folder = Folder::new();
    for texts in [
        &[("a.yaml", WEB)][..],
        &[("a.yaml", WEB), ("b.yaml", &cart)],
        &[("a.yaml", &cart), ("b.yaml", WEB)],
        &[("a.yaml", "a: ["), ("b.yaml", WEB)],
        &[("b.yaml", WEB), ("c.yaml", WEB)],
        &[("c.yaml", WEB)],
        &[],
    ] {
        let found = folder.update(files(texts)).map(|found| found.lists);
        assert_eq!(found, parse(&files(texts)), "{texts:?}");
    }
}

/// The objects of case `wrong-group`, and kinds that are none of Heddle's.
#[test]
fn a_kind_under_a_wrong_group_names_the_right_one_and_others_are_passed_over() {
    let policy = "apiVersion: policy/v1\nkind: AccessPolicy\nmetadata: {name: closed, namespace: lab}\nspec: {rules: []}\n";
    let route =
        "apiVersion: networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: lab}\nspec: {}\n";
    check_files(
        &[("a.yaml", policy), ("b.yaml", route), ("c.yaml", "apiVersion: apps/v1\nkind: Pod\n")],
        &[
            "a.yaml:2: kind: policy/v1 AccessPolicy is not read, want heddle.dev/v1alpha1",
            "b.yaml:2: kind: networking.k8s.io/v1 HTTPRoute is not read, want gateway.networking.k8s.io/v1",
            "c.yaml:2: kind: apps/v1 Pod is not read, want v1",
        ],
    );
    let others = [
        "apiVersion: apps/v1\nkind: Deployment\n",
        "apiVersion: apps/v1\nkind: Deployment\n",
        "apiVersion: example.com/v1\nkind: Widget\n",
        "apiVersion: serving.knative.dev/v1\nkind: Service\n",
        WEB,
    ];
    let found = Folder::new().update(files(&[("a.yaml", &others.join("---\n"))])).expect("nothing is wrong");
    let passed_over: Vec<_> = found.passed_over.iter().map(String::as_str).collect();
    assert_eq!(
        passed_over,
        ["apps/v1 Deployment", "example.com/v1 Widget", "serving.knative.dev/v1 Service"]
    );
    assert_eq!(found.lists.iter().map(|(_, list)| list.len()).sum::<usize>(), 1);
}

#[test]
fn whatever_lies_in_the_folder_is_named_and_waited_for_by_nobody() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe.yaml"), rustix::fs::Mode::RWXU).expect("made");
    let _socket = std::os::unix::net::UnixListener::bind(at("socket.yaml")).expect("bound");
    symlink("/dev/zero", at("device.json")).expect("linked");
    symlink("pipe.yaml", at("link.yml")).expect("linked");
    symlink("nowhere", at("dangling.yaml")).expect("linked");
    std::fs::write(at("upper.YAML"), WEB).expect("written");
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.yaml")), WEB).expect("written");
    std::fs::write(at("web.yaml"), WEB).expect("written");
    let faults = read(dir.path()).expect_err("seven faults");
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "dangling.yaml: is a link that leads nowhere",
            "device.json: is a device, want a regular file",
            "link.yml: is a pipe, want a regular file",
            "pipe.yaml: is a pipe, want a regular file",
            "socket.yaml: is a socket, want a regular file",
            "upper.YAML: ends in upper case: name it .yaml, .yml or .json",
            "\u{fffd}.yaml: has a name that is not UTF-8: rename it",
        ]
    );
}
