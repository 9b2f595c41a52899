//! Heddle as people get it: `helm install`, a label on a namespace, and the shop's requests are mTLS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_node_tests::image::Image;
use heddle_node_tests::{Node, programs};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The images of the test, packed from what is built.
fn images() -> Vec<Image> {
    let shop = programs::built("shop");
    let one = |name: &str, path: &str, program: PathBuf, args: &[&str]| Image {
        name: name.into(),
        files: vec![(path.into(), program)],
        entrypoint: std::iter::once(format!("/{path}")).chain(args.iter().map(ToString::to_string)).collect(),
        user: "65532:65532".into(),
    };
    let envoy =
        Image { name: "heddle.test/envoy:test".into(), user: "65532:65532".into(), ..Image::default() };
    vec![
        one("heddle.test/pause:test", "shop", shop.clone(), &["pause"]),
        one("heddle.test/shop:test", "shop", shop, &[]),
        one("heddle.test/heddle:test", "usr/local/bin/heddle", programs::built("heddle"), &[]),
        envoy.with_libraries("usr/local/bin/envoy", &programs::envoy()).expect("ldd"),
    ]
}

struct World {
    node: Node,
    start: Instant,
}

impl World {
    fn start() -> Self {
        let start = Instant::now();
        let folder = programs::folder().join("install");
        let node = Node::start(&folder, &programs::folder(), &programs::etcd()).expect("a node");
        let world = Self { node, start };
        world.say("the node is ready");
        for image in images() {
            world.node.load(&image).unwrap_or_else(|error| panic!("{}: {error:#}", image.name));
        }
        world.say("images are loaded");
        world
    }

    fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.start.elapsed().as_secs_f32());
    }

    fn kubectl(&self, args: &[&str]) -> String {
        self.node.kubectl(args).unwrap_or_else(|error| panic!("{error:#}\n{}", self.state()))
    }

    /// Everything that tells why something does not come about.
    fn state(&self) -> String {
        let show = |args: &[&str]| self.node.kubectl(args).unwrap_or_else(|error| format!("{error:#}"));
        [
            show(&["get", "pods", "-A", "-o", "wide"]),
            show(&["get", "events", "-A", "--sort-by=.lastTimestamp"]),
            show(&["-n", "heddle-system", "logs", "-l", "app.kubernetes.io/name=heddle", "--tail=40"]),
            show(&["-n", "shop", "logs", "-l", "app=web", "-c", "heddle-proxy", "--tail=40"]),
        ]
        .join("\n----\n")
    }

    fn apply(&self, manifest: &str) {
        let file = self.node.folder().join("manifest.yaml");
        std::fs::write(&file, manifest).unwrap();
        self.kubectl(&["apply", "-f", &file.display().to_string()]);
    }

    fn install(&self) {
        let chart = root().join("charts/heddle").display().to_string();
        let helm = [
            "install",
            "heddle",
            &chart,
            "-n",
            "heddle-system",
            "--create-namespace",
            "--set=image.repository=heddle.test/heddle,image.tag=test,proxy.image=heddle.test/envoy:test",
            "--wait",
            "--timeout=120s",
        ];
        self.node.helm(&helm).unwrap_or_else(|error| panic!("{error:#}\n{}", self.state()));
    }

    fn shop(&self) {
        self.kubectl(&["create", "namespace", "shop"]);
        self.kubectl(&["label", "namespace", "shop", "heddle.dev/inject=envoy"]);
        let manifest = root().join("examples/shop/shop.yaml").display().to_string();
        self.kubectl(&["-n", "shop", "apply", "-f", &manifest]);
        for deployment in ["cart", "web"] {
            self.kubectl(&[
                "-n",
                "shop",
                "rollout",
                "status",
                &format!("deployment/{deployment}"),
                "--timeout=120s",
            ]);
        }
    }

    /// Returns what `shop get` prints in a container.
    fn get(&self, namespace: &str, from: &str, url: &str) -> Result<String, String> {
        let args = [
            "-n",
            namespace,
            "exec",
            from,
            "-c",
            from.rsplit('/').next().unwrap(),
            "--",
            "/shop",
            "get",
            url,
        ];
        self.node.kubectl(&args).map_err(|error| format!("{error:#}"))
    }

    /// Asks cart from web for some seconds while `disturb` runs. Returns what `shop load` counted.
    fn under_load(&self, seconds: u64, disturb: impl FnOnce()) -> Value {
        let time = format!("--seconds={seconds}");
        let load = [
            "-n",
            "shop",
            "exec",
            "deployment/web",
            "-c",
            "web",
            "--",
            "/shop",
            "load",
            "http://cart/",
            &time,
        ];
        std::thread::scope(|scope| {
            let loaded = scope.spawn(|| self.kubectl(&load));
            // The first requests are under way.
            std::thread::sleep(Duration::from_secs(1));
            disturb();
            serde_json::from_str(&loaded.join().expect("the load ends")).expect("counts")
        })
    }

    fn no_request_is_lost(&self, what: &str, seconds: u64, disturb: impl FnOnce()) {
        let counts = self.under_load(seconds, disturb);
        assert_eq!(counts["failed"], 0, "{what}: {counts}\n{}", self.state());
        assert!(counts["sent"].as_u64().is_some_and(|sent| sent > 100), "{what}: {counts}");
        self.say(&format!("{what}: 0 of {} requests lost", counts["sent"]));
    }

    fn scale(&self, replicas: u32) {
        let replicas = format!("--replicas={replicas}");
        self.kubectl(&["-n", "heddle-system", "scale", "deployment/heddle", &replicas]);
        let gone = ["-n", "heddle-system", "rollout", "status", "deployment/heddle", "--timeout=60s"];
        self.kubectl(&gone);
    }

    fn create(&self, pod: &str) -> Result<String, String> {
        let file = self.node.folder().join("pod.yaml");
        std::fs::write(&file, pod).unwrap();
        let file = file.display().to_string();
        self.node.kubectl(&["create", "-f", &file]).map_err(|error| format!("{error:#}"))
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

    fn upgrade(&self, set: &str) -> Result<String, String> {
        let chart = root().join("charts/heddle").display().to_string();
        let helm = [
            "upgrade",
            "heddle",
            &chart,
            "-n",
            "heddle-system",
            "--reuse-values",
            set,
            "--wait",
            "--timeout=20s",
        ];
        self.node.helm(&helm).map_err(|error| format!("{error:#}"))
    }

    /// With the controller dead, Pods that are not to be injected start, and those that are do not start without a proxy.
    fn without_controller(&self) {
        self.scale(0);
        let replicas = ["-n", "heddle-system", "get", "pods", "-o", "name"];
        self.until("no controller is left", || self.kubectl(&replicas).is_empty());
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
        let wrong = self.create(&pod("wrong", "default", ", labels: {heddle.dev/inject: envoi}"));
        assert!(wrong.expect_err("no such proxy").contains("none of envoy, linkerd and none"));
        self.say("bad Pods are refused with the reason");
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}\n{}", self.state());
            std::thread::sleep(Duration::from_millis(200));
        }
        self.say(what);
    }
}

const STRICT: &str = "
apiVersion: heddle.dev/v1alpha1
kind: InboundPolicy
metadata: {name: strict, namespace: shop}
spec: {mtls: Strict}
";

const PLAIN: &str = "
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: default}
spec:
  containers: [{name: plain, image: 'heddle.test/shop:test', imagePullPolicy: Never, args: [pause]}]
";

const JOB: &str = "
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: web
      containers: [{name: once, image: 'heddle.test/shop:test', imagePullPolicy: Never, args: [get, 'http://cart/']}]
";

const DOWN: &str = "
apiVersion: v1
kind: Pod
metadata: {name: down, namespace: shop}
spec:
  containers:
    - name: down
      image: heddle.test/shop:test
      imagePullPolicy: Never
      args: [serve, --name=down]
      livenessProbe: {tcpSocket: {port: PORT}, periodSeconds: 1, failureThreshold: 1}
";

#[test]
fn a_labelled_namespace_has_mtls() {
    let world = World::start();
    world.install();
    world.say("helm install is done");
    world.shop();
    world.say("the shop runs");
    world.until("web asks cart as itself", || {
        let answer = world.get("shop", "deployment/web", "http://cart/");
        answer.is_ok_and(|text| text.contains(r#""caller":"spiffe://cluster.local/ns/shop/sa/web""#))
    });
    let web = world.get("shop", "deployment/cart", "http://web/").expect("an answer");
    assert!(web.contains(r#""caller":"spiffe://cluster.local/ns/shop/sa/cart""#), "{web}");

    world.apply(PLAIN);
    world.kubectl(&["wait", "pod/plain", "--for=condition=Ready", "--timeout=60s"]);
    let plain = world.get("default", "pod/plain", "http://cart.shop/").expect("Permissive takes plain text");
    assert!(plain.contains(r#""caller":null"#), "{plain}");
    world.apply(STRICT);
    world.until("Strict refuses who proves nothing", || {
        world.get("default", "pod/plain", "http://cart.shop/").is_err()
    });
    let answer = world.get("shop", "deployment/web", "http://cart/").expect("and takes who is of the mesh");
    assert!(answer.contains("/sa/web"), "{answer}");

    world.no_request_is_lost("cart is rolled, its Pods ready under Strict", 12, || {
        world.kubectl(&["-n", "shop", "rollout", "restart", "deployment/cart"]);
        world.kubectl(&["-n", "shop", "rollout", "status", "deployment/cart", "--timeout=60s"]);
    });
    world.no_request_is_lost("the controllers are killed", 10, || {
        let pods = ["-n", "heddle-system", "delete", "pods", "-l", "app.kubernetes.io/name=heddle"];
        world.kubectl(&[&pods[..], &["--grace-period=0", "--force"]].concat());
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
    world.say("a Job with a proxy completes");

    world.mesh_from_values();
    world.without_controller();

    let audit = std::fs::read_to_string(world.node.folder().join("audit.log")).expect("an audit log");
    let refused: Vec<&str> = audit.lines().filter(|line| line.contains(r#""code":403"#)).collect();
    assert!(refused.is_empty(), "the chart gives too few rights: {}", refused[0]);
    assert!(audit.lines().count() > 20, "the controller asked the API server");
}
