//! Heddle as people get it: `helm install`, a label on a namespace, and the shop's requests are mTLS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_node_tests::image::Image;
use heddle_node_tests::{Node, programs};
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

    world.kubectl(&["-n", "shop", "rollout", "restart", "deployment/cart"]);
    world.kubectl(&["-n", "shop", "rollout", "status", "deployment/cart", "--timeout=60s"]);
    world.say("under Strict the kubelet's probes find new Pods ready");
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

    let audit = std::fs::read_to_string(world.node.folder().join("audit.log")).expect("an audit log");
    let refused: Vec<&str> = audit.lines().filter(|line| line.contains(r#""code":403"#)).collect();
    assert!(refused.is_empty(), "the chart gives too few rights: {}", refused[0]);
    assert!(audit.lines().count() > 20, "the controller asked the API server");
}
