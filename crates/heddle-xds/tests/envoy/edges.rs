//! No value of any field makes Envoy refuse a listener, a cluster or a table: the edges of what objects can say, loaded.

use crate::certificates::Authority;
use crate::load::{folder, validate};
use crate::view::{View, clients, snapshot, write};
use heddle_model::Identity;
use serde_json::{Value, json};

/// The longest label of a DNS name.
fn label() -> String {
    "a".repeat(63)
}

fn object(kind: &str, api: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn mesh(connect_timeout: &str) -> Value {
    let spec = json!({
        "trustDomain": "cluster.local", "identitySuffix": format!("{}.{}", "s".repeat(50), "t".repeat(50)),
        "networks": ["10.0.0.0/8", "fd00::/8", "0.0.0.0/0", "::/0"], "connectTimeout": connect_timeout,
        "accessLog": "Errors",
    });
    let mut mesh = object("Mesh", "heddle.dev/v1alpha1", "", "default", spec);
    mesh["metadata"] = json!({"name": "default"});
    mesh
}

/// A workload with an Envoy, of the longest names, at the first and last ports, in a zone and a region of odd names.
fn workloads(namespace: &str) -> Vec<Value> {
    let zone = "z\u{e9}/\u{1f600} \"%\\";
    let mut node = object("Node", "v1", "", "n", json!({}));
    node["metadata"] = json!({"name": "n", "labels": {
        "topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": zone,
    }});
    let ports = |place: &str| -> Vec<Value> {
        PORTS.iter().map(|port| json!({"name": format!("{place}{port}"), "containerPort": port})).collect()
    };
    let mut pod = object(
        "Pod",
        "v1",
        namespace,
        &"p".repeat(253),
        json!({
            "serviceAccountName": label(), "nodeName": "n", "containers": [{"name": "app", "ports": ports("p")}],
        }),
    );
    pod["metadata"]["labels"] = json!({"app": "x", "heddle.dev/plane": "envoy"});
    pod["metadata"]["annotations"] =
        json!({"heddle.dev/skip-inbound-ports": "1,15001,15006,15090,65534,65535"});
    pod["status"] = json!({"phase": "Running", "podIPs": [{"ip": "10.1.0.1"}, {"ip": "fd00::1"}]});
    let mut external = object(
        "ExternalWorkload",
        "heddle.dev/v1alpha1",
        namespace,
        "external",
        json!({
            "addresses": ["10.1.0.2", "fd00::2"], "serviceAccount": label(), "zone": zone,
            "ports": PORTS.iter().map(|port| json!({"port": port, "targetPort": 65535 - port + 1})).collect::<Vec<_>>(),
        }),
    );
    external["metadata"]["labels"] = json!({"app": "x", "heddle.dev/plane": "envoy"});
    vec![node, pod, external]
}

const PORTS: [u16; 8] = [1, 80, 15000, 15001, 15006, 15090, 65534, 65535];

/// A Service of the longest name, whose ports speak everything, with extremes of Linkerd's failure accrual.
fn services(namespace: &str) -> Vec<Value> {
    let protocols =
        ["http", "http2", "grpc", "tcp", "https", "kubernetes.io/ws", "example.com/x", "grpc-web"];
    let name = |port: &u16| format!("n{port}");
    let ports: Vec<_> = PORTS
        .iter()
        .zip(protocols)
        .map(|(port, app)| json!({"name": name(port), "port": port, "targetPort": port, "appProtocol": app}))
        .collect();
    let mut service = object(
        "Service",
        "v1",
        namespace,
        &label(),
        json!({
            "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00:96::1"], "selector": {"app": "x"},
            "ports": ports, "trafficDistribution": "PreferSameNode",
        }),
    );
    let accrual = "balancer.linkerd.io/failure-accrual";
    service["metadata"]["annotations"] = json!({
        accrual: "consecutive",
        format!("{accrual}-consecutive-max-failures"): "4294967295",
        format!("{accrual}-consecutive-min-penalty"): "106751991167d",
        format!("{accrual}-consecutive-max-penalty"): "106751991167d",
        format!("{accrual}-consecutive-jitter-ratio"): "100.0",
        "retry.linkerd.io/http": "5xx", "retry.linkerd.io/limit": "65535", "retry.linkerd.io/timeout": "99999d",
        "timeout.linkerd.io/request": "99999d", "timeout.linkerd.io/response": "99999d",
    });
    let endpoint =
        |address: &str| json!({"addresses": [address], "conditions": {"ready": true}, "nodeName": "n"});
    let slice = |name: &str, family: &str, address: &str| {
        let mut slice = object("EndpointSlice", "discovery.k8s.io/v1", namespace, name, json!({}));
        slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": label()});
        slice["addressType"] = family.into();
        slice["ports"] = PORTS.iter().map(|port| json!({"name": name_of(*port), "port": port})).collect();
        slice["endpoints"] = json!([endpoint(address)]);
        slice
    };
    vec![service, slice("four", "IPv4", "10.1.0.1"), slice("six", "IPv6", "fd00::1")]
}

fn name_of(port: u16) -> String {
    format!("n{port}")
}

/// Headers with every character that some field takes, and some that none should.
fn odd_headers() -> Vec<Value> {
    let names =
        ["x", "!#$%&'*+-.^_`|~", "connection", "content-length", "te", ":path", "host", "a b", "\u{e9}", ""];
    let values = ["v", "%REQ(x)%", "%", "\u{e9}\u{1f600}", "a\nb", "a\rb", "a\u{0}b", "\t", " ", "\u{7f}"];
    let long = ["n".repeat(256), "v".repeat(4096)];
    let mut all: Vec<_> = names.iter().map(|name| json!({"name": name, "value": "v"})).collect();
    all.extend(
        values.iter().enumerate().map(|(at, value)| json!({"name": format!("x-{at}"), "value": value})),
    );
    all.push(json!({"name": long[0], "value": long[1]}));
    all
}

/// Redirects, rewrites and mirrors with odd paths, hosts, ports and shares.
fn filtered(paths: &[&str], backend: &Value) -> Vec<Value> {
    let longest = [vec!["l".repeat(63); 3], vec!["l".repeat(61)]].concat().join(".");
    let hosts = ["a", "0", "a-b.c", &longest, "*", "a.", "A", "%", "a:80", "[::1]", ""];
    let plain = ["/~!$&'()*+,;=:@-._", "/%41%00", "/%", "/$1", "/a/./b"];
    let paths = paths.iter().chain(&plain).flat_map(|path| {
        [
            json!({"type": "ReplaceFullPath", "replaceFullPath": path}),
            json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": path}),
        ]
    });
    let mut bodies: Vec<Value> = paths.map(|path| json!({"path": path})).collect();
    bodies.extend(hosts.iter().map(|host| json!({"hostname": host})));
    let redirect = |body: &Value| json!({"type": "RequestRedirect", "requestRedirect": body});
    let mut all: Vec<Value> = Vec::new();
    for of in ["/", "/a", "/a.b/"] {
        let matches = json!([{"path": {"type": "PathPrefix", "value": of}}]);
        for body in &bodies {
            let rewrite = json!({"type": "URLRewrite", "urlRewrite": body});
            all.push(json!({"matches": matches, "filters": [redirect(body)]}));
            all.push(json!({"matches": matches, "filters": [rewrite], "backendRefs": [backend]}));
        }
    }
    for port in [1, 80, 443, 65535] {
        for scheme in ["http", "https"] {
            all.push(
                json!({"filters": [redirect(&json!({"port": port, "scheme": scheme, "statusCode": 308}))]}),
            );
        }
    }
    let shares = [
        json!({}),
        json!({"percent": 0}),
        json!({"percent": 100}),
        json!({"fraction": {"numerator": 1, "denominator": i32::MAX}}),
    ];
    let mirrors = shares.map(|mut body| {
        body["backendRef"] = json!({"name": backend["name"], "port": backend["port"]});
        json!({"type": "RequestMirror", "requestMirror": body})
    });
    all.push(json!({"filters": mirrors, "backendRefs": [backend]}));
    all
}

/// One route per odd thing, so that one that cannot be read hides no other.
fn routes(namespace: &str) -> Vec<Value> {
    let backend = |weight: u32| json!({"name": label(), "port": 80, "weight": weight});
    let long = format!("/{}", "p".repeat(1023));
    let paths = [
        "/", "/a", "/a?b", "/a#b", "/%00", "/a//b", "/a b", "/\u{e9}", "/{a}", "/a/", "//", "*", "/*", "a",
        "", &long,
    ];
    let kinds = ["Exact", "PathPrefix", "RegularExpression"];
    let of_path = |path: &str, kind: &str| json!({"matches": [{"path": {"type": kind, "value": path}}], "backendRefs": [backend(1)]});
    let mut rules: Vec<Value> = paths
        .iter()
        .flat_map(|path| kinds.iter().map(|kind| of_path(path, kind)).collect::<Vec<_>>())
        .collect();
    for header in odd_headers() {
        let filter = |kind: &str, field: &str, how: &str| json!({"type": kind, field: {how: [header]}});
        for how in ["set", "add"] {
            rules.push(json!({"filters": [filter("RequestHeaderModifier", "requestHeaderModifier", how)], "backendRefs": [backend(1)]}));
            rules.push(json!({"filters": [filter("ResponseHeaderModifier", "responseHeaderModifier", how)], "backendRefs": [backend(1)]}));
        }
        let remove =
            json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [header["name"]]}});
        rules.push(json!({"backendRefs": [{"name": label(), "port": 80, "filters": [remove]}]}));
        for kind in ["Exact", "RegularExpression"] {
            let matcher = json!({"name": header["name"], "value": header["value"], "type": kind});
            rules.push(json!({"matches": [{"headers": [matcher]}], "backendRefs": [backend(1)]}));
            rules.push(json!({"matches": [{"queryParams": [matcher]}], "backendRefs": [backend(1)]}));
        }
    }
    for method in ["GET", "CONNECT", "TRACE", "x", ""] {
        rules.push(json!({"matches": [{"method": method}], "backendRefs": [backend(1)]}));
    }
    let codes: Vec<u16> = (400..600).collect();
    for span in ["0s", "1ms", "99999h99999h99999h99999h"] {
        let retry = json!({"attempts": i32::MAX, "backoff": span, "codes": codes});
        let timeouts = json!({"request": span, "backendRequest": span});
        rules.push(json!({"timeouts": timeouts, "retry": retry, "backendRefs": [backend(1)]}));
    }
    let weights = [vec![0], vec![0, 0], vec![1_000_000; 16], vec![0, 1_000_000]];
    rules.extend(
        weights
            .iter()
            .map(|all| json!({"backendRefs": all.iter().map(|one| backend(*one)).collect::<Vec<_>>()})),
    );
    rules.extend(filtered(&paths, &backend(1)));
    let parent = json!({"group": "", "kind": "Service", "name": label()});
    let named = |at: usize| format!("{at:0>253}");
    let route = |(at, rule): (usize, Value)| {
        let spec = json!({"parentRefs": [parent], "rules": [rule]});
        object("HTTPRoute", "gateway.networking.k8s.io/v1", namespace, &named(at), spec)
    };
    rules.into_iter().enumerate().map(route).collect()
}

/// Policies of both kinds about every edge port, in every mode, and with requests of odd paths and headers.
fn policies(namespace: &str) -> Vec<Value> {
    let heddle = "heddle.dev/v1alpha1";
    let mut all = Vec::new();
    for (at, mtls) in ["Strict", "Permissive", "Disabled"].iter().enumerate() {
        for (protocol, ports) in [("Opaque", &PORTS[..]), ("Detect", &PORTS[2..]), ("GRPC", &PORTS[6..])] {
            let spec = json!({"ports": ports, "mtls": mtls, "protocol": protocol});
            all.push(object(
                "InboundPolicy",
                heddle,
                namespace,
                &format!("{protocol}-{at}").to_lowercase(),
                spec,
            ));
        }
    }
    let networks =
        json!([{"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}, {"cidr": "::/0"}, {"cidr": "10.0.0.1/32"}]);
    let from = json!([{"identities": ["*"]}, {"namespaces": [label()]}, {"serviceAccounts": [{"name": label()}]}, {"networks": networks}]);
    let paths = ["/", "/a/", "/%41", "/\u{e9}", "/a b", "", "a", "/{}|^"];
    let mut requests: Vec<Value> = paths
        .iter()
        .flat_map(|path| ["Exact", "Prefix"].map(|kind| json!({"paths": [{"type": kind, "value": path}]})))
        .collect();
    requests.extend(odd_headers().into_iter().map(|header| json!({"headers": [header]})));
    requests.extend(["GET", "FROB", "a b", ""].map(|method| json!({"methods": [method]})));
    for (at, request) in requests.into_iter().enumerate() {
        let action = if at % 2 == 0 { "Allow" } else { "Deny" };
        let mode = if at % 3 == 0 { "Audit" } else { "Enforce" };
        let spec = json!({"action": action, "mode": mode, "ports": PORTS, "rules": [{"from": from, "requests": [request]}]});
        all.push(object("AccessPolicy", heddle, namespace, &format!("{at:0>253}"), spec));
    }
    all
}

#[test]
fn a_real_envoy_takes_the_edges_of_every_field() {
    let folder = folder("edges");
    let identity = Identity::new("default", "test").expect("valid");
    Authority::new("roots").write(&folder, &identity, "cluster.local");
    let namespace = label();
    for connect_timeout in ["1ms", "99999h"] {
        let groups = [
            vec![mesh(connect_timeout)],
            workloads(&namespace),
            services(&namespace),
            routes(&namespace),
            policies(&namespace),
        ];
        let escaped = |object: &Value| object.to_string().replace('\u{7f}', "\\u007f");
        let text: Vec<String> = groups.concat().iter().map(escaped).collect();
        let snapshot = snapshot(&text.join("\n---\n"));
        for client in clients(&snapshot) {
            write(&folder, &View::of(&client, &snapshot).bootstrap());
            assert_eq!(validate(&folder), Ok(()), "{connect_timeout} {}", client.capture);
        }
    }
}
