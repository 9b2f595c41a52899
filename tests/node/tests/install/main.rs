//! Heddle as people get it: `helm install`, a label on a namespace, and the shop's requests are mTLS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod certificates;
mod cni;
mod linkerd;
mod network;
mod protocols;
mod world;

use heddle_node_tests::programs;
use std::time::Duration;
use world::{World, root};

const STRICT: &str = include_str!("strict.yaml");
const PLAIN: &str = include_str!("plain.yaml");
const JOB: &str = include_str!("job.yaml");
const POLICY: &str = include_str!("policy.yaml");
const REFUSED: &str = include_str!("refused.yaml");
const CANARY: &str = include_str!("canary.yaml");
const LOADER: &str = include_str!("loader.yaml");
const DOWN: &str = include_str!("down.yaml");

impl World {
    /// An AccessPolicy admits web alone, and `heddle explain` says so of the cluster.
    fn policy(&self) {
        let refused = self.create(REFUSED).expect_err("no proxy sees such a path");
        assert!(refused.contains("validate.heddle.dev") && refused.contains("paths[0]"), "{refused}");
        self.say("a policy that cannot mean what it says is refused");
        self.apply(POLICY);
        self.until("an AccessPolicy denies who is not named", || {
            self.get("shop", "deployment/cart", "http://cart/").is_err_and(|error| error.contains("403"))
        });
        let answer = self.get("shop", "deployment/web", "http://cart/").expect("web is named");
        assert!(answer.contains("/sa/web"), "{answer}");
        let explained = |app: &str| {
            let from = format!("shop/{}", self.pods_of(app, ".items[0].metadata.name"));
            self.heddle(&["explain", "--from", &from, "--to", "shop/cart:80"])
        };
        let (code, text) = explained("cart");
        assert!(code == Some(2) && text.contains("AccessPolicy shop/cart-callers"), "{text}");
        let (code, text) = explained("web");
        assert_eq!(code, Some(0), "{text}");
        self.say("heddle explain says the same");
    }

    /// Every metric that a dashboard's query names is one that a controller has, and the command reaches all controllers.
    fn dashboards(&self) {
        let pod = ["-n", "heddle-system", "get", "pods", "-o", "jsonpath={.items[0].metadata.name}"];
        let page =
            format!("/api/v1/namespaces/heddle-system/pods/{}:15014/proxy/metrics", self.kubectl(&pod));
        let metrics = self.kubectl(&["get", "--raw", &page]);
        let path = root().join("charts/heddle/dashboards/control-plane.json");
        let dashboard: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let queries = dashboard["panels"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|panel| panel["targets"].as_array().unwrap());
        let text: String = queries.map(|target| target["expr"].as_str().unwrap().to_owned() + " ").collect();
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let named: std::collections::BTreeSet<&str> =
            words.filter(|word| word.starts_with("heddle_")).collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            // A series that nothing has counted yet is known by its help.
            let family =
                ["_total", "_bucket", "_info"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(metrics.contains(&format!("# HELP {family} ")), "no metric {name}\n{metrics}");
        }
        self.say("every metric of the dashboard is there");
        let (code, text) = self.heddle(&["proxies", "-n", "shop", "-o", "json"]);
        let page: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let clients = page["clients"].as_array().unwrap();
        let connected = |app: &str| {
            clients
                .iter()
                .any(|one| one["workload"].as_str().unwrap().starts_with(&format!("pod/shop/{app}-")))
        };
        assert!(code == Some(0) && connected("web") && connected("cart"), "{text}");
        self.say("heddle proxies reaches every controller");
        for client in clients {
            let listeners =
                client["types"].as_array().unwrap().iter().find(|one| one["type"] == "LDS").unwrap();
            let held = listeners["held"].as_u64().unwrap();
            // What comes in, what goes out and what is handed back; beside them one for each port that is called.
            let is_of =
                |app: &str| client["workload"].as_str().unwrap().starts_with(&format!("pod/shop/{app}-"));
            assert!(!is_of("web") || held > 3, "it calls: {client}");
            assert!(!is_of("payments") || held == 3, "it calls nobody: {client}");
        }
        self.say("proxies hold what their workloads call");
    }

    /// A Prometheus without an identity reads a Pod whose every port is Strict, at the address that its annotations name.
    fn scraped(&self) {
        let of_cart = |field: &str| self.pods_of("cart", &format!(".items[0]{field}"));
        let port = of_cart(r".metadata.annotations.prometheus\.io/port");
        let path = of_cart(r".metadata.annotations.prometheus\.io/path");
        let page = format!("http://{}:{port}{path}", of_cart(".status.podIP"));
        let text = self.get("default", "pod/plain", &page).expect("metrics");
        for name in ["heddle_agent_proxy_read 1", "envoy_server_live", "shop_answers_total"] {
            assert!(text.contains(&format!("\n{name}")), "{name}: {text}");
        }
        self.say("the metrics of agent, proxy and application are one page");
    }

    /// An application that stops to listen before its clients know costs requests, each with its own proxy's answer.
    fn rolled_without_pre_stop(&self) {
        let patch = r#"[{"op": "remove", "path": "/spec/template/spec/containers/0/lifecycle"}]"#;
        self.kubectl(&["-n", "shop", "patch", "deployment/cart", "--type=json", "-p", patch]);
        self.kubectl(&["-n", "shop", "rollout", "status", "deployment/cart", "--timeout=60s"]);
        let counts = self.under_load(12, || {
            self.roll("cart");
        });
        let failures = counts["failures"].as_object().unwrap();
        assert!(failures.keys().all(|text| text.starts_with("http://cart/: 503 ")), "{counts}");
        self.say(&format!(
            "cart is rolled without a preStop: {} of {} lost",
            counts["failed"], counts["sent"]
        ));
        let manifest = root().join("examples/shop/shop.yaml").display().to_string();
        self.kubectl(&["-n", "shop", "apply", "-f", &manifest]);
        self.kubectl(&["-n", "shop", "rollout", "status", "deployment/cart", "--timeout=60s"]);
    }

    /// Proxies go first, then Heddle; definitions stay, and Heddle comes back with the mesh that it left.
    fn uninstall(&self) {
        self.kubectl(&["label", "namespace", "shop", "heddle.dev/inject-"]);
        self.kubectl(&["-n", "shop", "delete", "httproute,grpcroute,accesspolicy,inboundpolicy", "--all"]);
        self.kubectl(&["-n", "shop", "delete", "jobs", "--all"]);
        let lone =
            ["-n", "shop", "delete", "pods", "-l", "!pod-template-hash,app!=payments", "--grace-period=1"];
        self.kubectl(&lone);
        for kind in ["deployment", "statefulset"] {
            self.kubectl(&["-n", "shop", "rollout", "restart", kind]);
        }
        self.until("no Pod has a proxy any more", || self.heddle(&["check", "--uninstall"]).0 == Some(0));
        self.node.helm(&["uninstall", "heddle", "-n", "heddle-system", "--wait", "--timeout=60s"]).unwrap();
        let plain =
            self.get("shop", "deployment/web", "http://cart/").expect("Pods without proxies serve on");
        assert!(plain.contains(r#""caller":null"#), "{plain}");
        assert_eq!(
            self.kubectl(&["get", "mesh", "default", "-o", "jsonpath={.spec.trustDomain}"]),
            "cluster.local"
        );
        let (code, text) = self.heddle(&["check"]);
        assert!(code == Some(1) && text.contains("HI02 installation: no controller runs"), "{text}");
        let (code, text) = self.heddle(&["uninstall"]);
        assert!(code == Some(0) && text.contains("meshes.heddle.dev, with 1 objects"), "{text}");
        self.say("Heddle is uninstalled, its definitions and objects stay");
        self.until("the last controller has ended", || self.controllers().is_empty());
        // As an older Kubernetes would have it, and with capture by the node.
        let older = "--set=injector.agentFrom=Copy,injector.rootsFrom=ConfigMap";
        self.install(&[older, &format!("--set={}", self.cni_values())]);
        self.until("Heddle is installed again", || self.heddle(&["check"]).0 == Some(0));
        let before = self.audit().len();
        self.kubectl(&["label", "namespace", "shop", "heddle.dev/inject=envoy"]);
        self.kubectl(&["-n", "shop", "rollout", "restart", "deployment"]);
        self.until("the shop is meshed again", || {
            let answer = self.get("shop", "deployment/web", "http://cart/");
            answer.is_ok_and(|text| text.contains(r#""caller":"spiffe://cluster.local/ns/shop/sa/web""#))
        });
        let names = self.pods_of("web", ".items[*].spec.initContainers[*].name");
        assert!(names.contains("heddle-verify") && names.contains("heddle-copy"), "{names}");
        self.nothing_was_forbidden(before);
    }

    fn controllers(&self) -> String {
        self.kubectl(&["-n", "heddle-system", "get", "pods", "-o", "name"])
    }

    /// The requests of Heddle's account, one a line.
    fn audit(&self) -> String {
        std::fs::read_to_string(self.node.folder().join("audit.log")).expect("an audit log")
    }

    /// Every right that was asked for, since the log had so many bytes, is one that the chart gives.
    fn nothing_was_forbidden(&self, since: usize) {
        let audit = self.audit();
        let lines = audit[since..].lines();
        let refused: Vec<&str> = lines.filter(|line| line.contains(r#""code":403"#)).collect();
        assert!(refused.is_empty(), "the chart gives too few rights: {}", refused[0]);
        assert!(audit.lines().count() > 20, "the controller asked the API server");
    }

    /// With nothing that depends on it, all that is left can be deleted.
    fn purge(&self) {
        let refused = self.heddle(&["uninstall", "--purge"]).0;
        assert_eq!(refused, Some(1), "Heddle is still installed");
        self.kubectl(&["delete", "namespace", "shop", "--timeout=60s"]);
        self.node.helm(&["uninstall", "heddle", "-n", "heddle-system", "--wait", "--timeout=60s"]).unwrap();
        let (code, text) = self.heddle(&["uninstall", "--purge"]);
        assert!(code == Some(0) && text.contains("deleted Secret heddle-system/heddle-root"), "{text}");
        self.until("nothing is left", || self.heddle(&["uninstall"]).1 == "nothing of Heddle is left\n");
    }

    fn check(&self, args: &[&str], code: Option<i32>, wanted: &str) {
        let (found, text) = self.heddle(&[&["check"], args].concat());
        assert!(found == code && text.contains(wanted), "{found:?}\n{text}");
    }

    /// Runs the command on the cluster. Returns its code and what it printed; of one that failed its errors too.
    pub(crate) fn heddle(&self, args: &[&str]) -> (Option<i32>, String) {
        let heddle = programs::built("heddle").display().to_string();
        let out = self.node.within(&[&[heddle.as_str()], args].concat()).unwrap();
        let errors = if out.status.success() { &[][..] } else { &out.stderr };
        (out.status.code(), String::from_utf8_lossy(&[&out.stdout, errors].concat()).into_owned())
    }

    /// The Gateway API comes after Heddle, and a route of it counts without a restart.
    fn canary(&self) {
        for plural in ["httproutes", "grpcroutes"] {
            let file = format!("crates/heddle-api/gateway/{plural}.yaml");
            self.kubectl(&["apply", "--server-side", "-f", &root().join(file).display().to_string()]);
            let definition = format!("crd/{plural}.gateway.networking.k8s.io");
            self.kubectl(&["wait", &definition, "--for=condition=Established", "--timeout=30s"]);
        }
        self.apply(CANARY);
        self.kubectl(&["-n", "shop", "wait", "pod/cart-v2", "--for=condition=Ready", "--timeout=60s"]);
        self.until("an HTTPRoute shares requests between two versions", || {
            let answers: Vec<_> =
                (0..20).map(|_| self.get("shop", "deployment/web", "http://cart/")).collect();
            let count = |name: &str| {
                let wanted = format!(r#""name":"{name}""#);
                answers
                    .iter()
                    .filter(|answer| answer.as_ref().is_ok_and(|text| text.contains(&wanted)))
                    .count()
            };
            count("cart") > 0 && count("cart-v2") > 0 && count("cart") + count("cart-v2") == answers.len()
        });
        let redirected = self.get("shop", "deployment/web", "http://cart/old").expect_err("a redirect");
        assert!(redirected.contains("302"), "{redirected}");
        let calls = || self.get("shop", "deployment/cart", "grpc://catalogue:9090");
        self.until("a GRPCRoute without the method that is called refuses it", || calls().is_err());
        let accepted = r#"--for=jsonpath={.status.parents[0].conditions[?(@.type=="Accepted")].status}=True"#;
        self.kubectl(&["-n", "shop", "wait", "grpcroute/catalogue", accepted, "--timeout=30s"]);
        let health = r#"[{"op": "add", "path": "/spec/rules/0/matches/-",
            "value": {"method": {"service": "grpc.health.v1.Health", "method": "Check"}}}]"#;
        self.kubectl(&["-n", "shop", "patch", "grpcroute", "catalogue", "--type=json", "-p", health]);
        self.until("and with it takes it", || calls().is_ok());
    }

    /// The values make the Mesh; a field that somebody else sets wins and is named; another trust domain changes nothing.
    fn mesh_from_values(&self) {
        let field =
            |path: &str| self.kubectl(&["get", "mesh", "default", "-o", &format!("jsonpath={{{path}}}")]);
        assert_eq!(field(".spec.trustDomain"), "cluster.local");
        assert_eq!(field(".status.conditions[?(@.type=='ValuesApplied')].status"), "True");
        self.kubectl(&[
            "patch",
            "mesh",
            "default",
            "--type=merge",
            "-p",
            r#"{"spec": {"accessLog": "All"}}"#,
        ]);
        self.upgrade("--set=mesh.accessLog=Errors").unwrap();
        let message = ".status.conditions[?(@.type=='ValuesApplied')].message";
        self.until("a value that somebody else set is named", || {
            let text = field(message);
            text.contains("spec.accessLog") && text.contains("kubectl-patch")
        });
        assert_eq!(field(".spec.accessLog"), "All");
        let refused = self.upgrade("--set=mesh.trustDomain=other.example").expect_err("a trust domain stays");
        self.say(&format!(
            "another trust domain fails the upgrade: {}",
            refused.lines().next().unwrap_or_default()
        ));
        let logs =
            ["-n", "heddle-system", "logs", "-l", "app.kubernetes.io/name=heddle", "--tail=20", "--prefix"];
        let logs = self.kubectl(&logs);
        assert!(logs.contains("a trust domain cannot be changed"), "{logs}");
        let answer = self.get("shop", "deployment/web", "http://cart/").expect("the old replicas serve on");
        assert!(answer.contains("/sa/web"), "{answer}");
        self.node.helm(&["rollback", "heddle", "-n", "heddle-system", "--wait", "--timeout=60s"]).unwrap();
        self.say("the rollback holds");
    }

    /// Another image is rolled out and back, Pods that the one before injected go on, and the command names them.
    fn upgraded(&self) {
        self.no_request_is_lost("Heddle is upgraded to another image", 14, || {
            self.upgrade("--set=image.tag=next").unwrap();
        });
        self.check(
            &["--proxy"],
            Some(0),
            "HP05 proxies: Pods injected with other settings than the controllers': shop/",
        );
        self.no_request_is_lost("the image is rolled back", 14, || {
            self.node
                .helm(&["rollback", "heddle", "-n", "heddle-system", "--wait", "--timeout=60s"])
                .unwrap();
        });
        self.check(
            &["--proxy"],
            Some(0),
            "HP05 proxies: Pods injected with other settings than the controllers': none",
        );
    }

    /// With the API server away requests go on, and it needs nobody's help when it is back.
    fn without_api_server(&self) {
        self.apply(LOADER);
        self.kubectl(&["-n", "shop", "wait", "pod/loader", "--for=condition=Ready", "--timeout=60s"]);
        self.node.restart_apiserver(Duration::from_secs(5)).unwrap();
        let phase = "--for=jsonpath={.status.phase}=Succeeded";
        self.kubectl(&["-n", "shop", "wait", "pod/loader", phase, "--timeout=60s"]);
        let counts = self.kubectl(&["-n", "shop", "logs", "pod/loader", "-c", "loader"]);
        let counts: serde_json::Value = serde_json::from_str(&counts).expect("counts");
        assert_eq!(counts["failed"], 0, "{counts}\n{}", self.state());
        self.say(&format!("the API server is away for 5 s: 0 of {} requests lost", counts["sent"]));
        self.kubectl(&["-n", "shop", "delete", "pod/loader", "--grace-period=1"]);
        self.until("Heddle is well again", || self.heddle(&["check"]).0 == Some(0));
    }

    /// With the controller dead, Pods that are not to be injected start, and those that are do not start without a proxy.
    fn without_controller(&self) {
        self.scale(0);
        self.until("no controller is left", || self.controllers().is_empty());
        let pod = |name: &str, namespace: &str, labels: &str| {
            PLAIN.replace(
                "{name: plain, namespace: default}",
                &format!("{{name: {name}, namespace: {namespace}{labels}}}"),
            )
        };
        self.create(&pod("outside", "default", "")).expect("an unlabelled namespace needs no controller");
        self.create(&pod("without", "shop", ", labels: {heddle.dev/inject: none}"))
            .expect("nor does who opts out");
        let refused = self.create(&pod("within", "shop", "")).expect_err("Fail is the policy");
        assert!(refused.contains("namespace.inject.heddle.dev"), "{refused}");
        let refused = self.create(&pod("within", "default", ", labels: {heddle.dev/inject: envoy}"));
        assert!(refused.expect_err("it asked for a proxy").contains("pod.inject.heddle.dev"));
        self.kubectl(&["wait", "pod/outside", "--for=condition=Ready", "--timeout=60s"]);
        self.say("without a controller, Pods that want no proxy start");
        let first_use = std::time::Instant::now();
        let unheard = self.get("shop", "deployment/catalogue", "http://cart/");
        assert!(self.get("shop", "deployment/web", "http://cart/").is_ok(), "what is in use goes on");
        let seconds = first_use.elapsed().as_secs();
        assert!(unheard.is_err() && seconds < 30, "{unheard:?} after {seconds} s");
        self.say("what was never dialled is closed, what is in use goes on");
        self.scale(2);
        // kube-proxy learns of the new Pods a little later than the Deployment.
        self.until("the controller is back", || self.create(&pod("within", "shop", "")).is_ok());
        let user =
            PLAIN.replace("name: plain, image", "name: plain, securityContext: {runAsUser: 2102}, image");
        let user = user.replace("{name: plain, namespace: default}", "{name: user, namespace: shop}");
        let refused = self.create(&user).expect_err("the proxy's user is taken");
        assert!(refused.contains("runs as user 2102"), "{refused}");
        let host = pod("host", "shop", "").replace("spec:", "spec:\n  hostNetwork: true");
        self.create(&host).expect("a Pod on its Node's network is left alone");
        let containers = ["-n", "shop", "get", "pod/host", "-o", "jsonpath={.spec.initContainers}"];
        assert_eq!(self.kubectl(&containers), "");
        self.kubectl(&["create", "namespace", "tight"]);
        let labels = ["heddle.dev/inject=envoy", "pod-security.kubernetes.io/enforce=restricted"];
        self.kubectl(&[&["label", "namespace", "tight"][..], &labels].concat());
        let refused = self.create(&pod("within", "tight", "")).expect_err("capture is refused there");
        assert!(refused.contains("namespace tight enforces the baseline or the restricted"), "{refused}");
        self.kubectl(&["delete", "namespace", "tight", "--wait=false"]);
        let wrong = self.create(&pod("wrong", "default", ", labels: {heddle.dev/inject: envoi}"));
        assert!(wrong.expect_err("no such proxy").contains("none of envoy, linkerd and none"));
        self.say("bad Pods are refused with the reason");
    }
}

#[test]
fn a_labelled_namespace_has_mtls() {
    let world = World::start();
    world.install(&[]);
    world.say("helm install is done");
    world.shop();
    world.say("the shop runs");
    world.until("web asks cart as itself", || {
        let answer = world.get("shop", "deployment/web", "http://cart/");
        answer.is_ok_and(|text| text.contains(r#""caller":"spiffe://cluster.local/ns/shop/sa/web""#))
    });
    let web = world.get("shop", "deployment/cart", "http://web/").expect("an answer");
    assert!(web.contains(r#""caller":"spiffe://cluster.local/ns/shop/sa/cart""#), "{web}");

    world.dashboards();

    world.apply(PLAIN);
    world.kubectl(&["wait", "pod/plain", "--for=condition=Ready", "--timeout=60s"]);
    let plain = world.get("default", "pod/plain", "http://cart.shop/").expect("Permissive takes plain text");
    assert!(plain.contains(r#""caller":null"#), "{plain}");
    world.protocols();
    world.apply(STRICT);
    world.until("Strict refuses who proves nothing", || {
        world.get("default", "pod/plain", "http://cart.shop/").is_err()
    });
    let answer = world.get("shop", "deployment/web", "http://cart/").expect("and takes who is of the mesh");
    assert!(answer.contains("/sa/web"), "{answer}");

    world.scraped();

    world.no_request_is_lost("cart is rolled, its Pods ready under Strict", 12, || {
        world.roll("cart");
    });
    world.rolled_under_other_protocols();
    world.rolled_without_pre_stop();
    world.no_request_is_lost("the controllers are killed", 10, || {
        let pods = ["-n", "heddle-system", "delete", "pods", "-l", "app.kubernetes.io/name=heddle"];
        world.kubectl(&[&pods[..], &["--grace-period=0", "--force"]].concat());
    });
    world.until("new controllers inject Pods", || {
        world.node.kubectl(&["-n", "shop", "run", "new", "--image=new", "--dry-run=server"]).is_ok()
    });
    world.apply(&DOWN.replace("PORT", "8080"));
    world.kubectl(&["-n", "shop", "wait", "pod/down", "--for=condition=Ready", "--timeout=60s"]);
    world.kubectl(&["-n", "shop", "delete", "pod/down", "--grace-period=1"]);
    world.apply(&DOWN.replace("PORT", "8081"));
    world.until("a probe of a port where nobody listens restarts the container", || {
        let restarts = "jsonpath={.status.containerStatuses[0].restartCount}";
        let count = world.kubectl(&["-n", "shop", "get", "pod/down", "-o", restarts]);
        count.parse::<u32>().is_ok_and(|count| count > 0)
    });
    world.kubectl(&["-n", "shop", "delete", "pod/down", "--grace-period=1"]);

    world.apply(JOB);
    world.kubectl(&["-n", "shop", "wait", "job/once", "--for=condition=Complete", "--timeout=60s"]);
    world.job_ends_with_its_container();

    world.check(&[], Some(0), "HI06 installation: the API server trusts the validator");
    world.check(&["--proxy"], Some(0), "HP01 proxies: Pods that should have a proxy and have none: none");
    world.check(&["--uninstall"], Some(1), "HU01");
    world.say("heddle check finds nothing to mend");
    world
        .node
        .helm(&["test", "heddle", "-n", "heddle-system", "--timeout=60s"])
        .expect("mTLS between two Pods");
    world.say("helm test proves mTLS");
    world.bundle_is_kept();
    world.networks();
    world.linkerd();
    world.policy();
    world.canary();
    world.mesh_from_values();
    world.upgraded();
    // Read before the API server starts anew, which refuses everyone until it knows the rights, and before helm takes them away.
    world.nothing_was_forbidden(0);
    world.without_api_server();
    world.rebooted();
    world.without_controller();
    world.rotated();
    world.uninstall();
    world.cni();
    world.cni_removed();
    world.purge();
}
