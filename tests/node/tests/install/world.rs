//! A node with Heddle's images, and what is asked of it.

use heddle_node_tests::{Node, images, programs};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A node with Heddle's images.
pub(crate) struct World {
    pub(crate) node: Node,
    start: Instant,
}

impl World {
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        let folder = programs::folder().join("install");
        let node = Node::start(&folder, &programs::folder()).expect("a node");
        let world = Self { node, start };
        world.say("the node is ready");
        for image in images::all().expect("images") {
            world.node.load(&image).unwrap_or_else(|error| panic!("{}: {error:#}", image.name));
        }
        world.say("images are loaded");
        world
    }

    pub(crate) fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.start.elapsed().as_secs_f32());
    }

    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.node.kubectl(args).unwrap_or_else(|error| panic!("{error:#}\n{}", self.state()))
    }

    /// Everything that tells why something does not come about.
    pub(crate) fn state(&self) -> String {
        let show = |args: &[&str]| self.node.kubectl(args).unwrap_or_else(|error| format!("{error:#}"));
        [
            show(&["get", "pods", "-A", "-o", "wide"]),
            show(&["get", "events", "-A", "--sort-by=.lastTimestamp"]),
            show(&["-n", "heddle-system", "logs", "-l", "app.kubernetes.io/name=heddle", "--tail=40"]),
            show(&["-n", "shop", "logs", "-l", "app=web", "-c", "heddle-proxy", "--tail=40"]),
        ]
        .join("\n----\n")
    }

    /// Returns a field of the shop's Pods of an application: `.items[0].status.podIP`.
    pub(crate) fn pods_of(&self, app: &str, field: &str) -> String {
        let (label, path) = (format!("app={app}"), format!("jsonpath={{{field}}}"));
        self.kubectl(&["-n", "shop", "get", "pods", "-l", &label, "-o", &path])
    }

    pub(crate) fn apply(&self, manifest: &str) {
        let file = self.node.folder().join("manifest.yaml");
        std::fs::write(&file, manifest).unwrap();
        self.kubectl(&["apply", "-f", &file.display().to_string()]);
    }

    pub(crate) fn install(&self, values: &[&str]) {
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
        let linkerd =
            programs::linkerd2_proxy().map(|_| "--set=linkerdProxy.image=heddle.test/linkerd2-proxy:test");
        let helm: Vec<&str> = helm.into_iter().chain(linkerd).chain(values.iter().copied()).collect();
        self.node.helm(&helm).unwrap_or_else(|error| panic!("{error:#}\n{}", self.state()));
    }

    pub(crate) fn shop(&self) {
        self.kubectl(&["create", "namespace", "shop"]);
        self.kubectl(&["label", "namespace", "shop", "heddle.dev/inject=envoy"]);
        let manifest = root().join("examples/shop/shop.yaml").display().to_string();
        self.kubectl(&["-n", "shop", "apply", "-f", &manifest]);
        for workload in ["deployment/cart", "deployment/catalogue", "statefulset/payments", "deployment/web"]
        {
            self.kubectl(&["-n", "shop", "rollout", "status", workload, "--timeout=120s"]);
        }
    }

    /// Returns what `shop get` prints in a container.
    pub(crate) fn get(&self, namespace: &str, from: &str, url: &str) -> Result<String, String> {
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
    pub(crate) fn under_load(&self, seconds: u64, disturb: impl FnOnce()) -> Value {
        self.load("http://cart/", seconds, disturb)
    }

    /// As [`Self::under_load`], of any address.
    pub(crate) fn load(&self, address: &str, seconds: u64, disturb: impl FnOnce()) -> Value {
        let time = format!("--seconds={seconds}");
        let load =
            ["-n", "shop", "exec", "deployment/web", "-c", "web", "--", "/shop", "load", address, &time];
        std::thread::scope(|scope| {
            let loaded = scope.spawn(|| self.kubectl(&load));
            // The first requests are under way.
            std::thread::sleep(Duration::from_secs(1));
            disturb();
            serde_json::from_str(&loaded.join().expect("the load ends")).expect("counts")
        })
    }

    pub(crate) fn no_request_is_lost(&self, what: &str, seconds: u64, disturb: impl FnOnce()) {
        let counts = self.under_load(seconds, disturb);
        assert_eq!(counts["failed"], 0, "{what}: {counts}\n{}", self.state());
        assert!(counts["sent"].as_u64().is_some_and(|sent| sent > 100), "{what}: {counts}");
        self.say(&format!("{what}: 0 of {} requests lost", counts["sent"]));
    }

    pub(crate) fn scale(&self, replicas: u32) {
        let replicas = format!("--replicas={replicas}");
        self.kubectl(&["-n", "heddle-system", "scale", "deployment/heddle", &replicas]);
        let gone = ["-n", "heddle-system", "rollout", "status", "deployment/heddle", "--timeout=60s"];
        self.kubectl(&gone);
    }

    pub(crate) fn create(&self, pod: &str) -> Result<String, String> {
        let file = self.node.folder().join("pod.yaml");
        std::fs::write(&file, pod).unwrap();
        let file = file.display().to_string();
        self.node.kubectl(&["create", "-f", &file]).map_err(|error| format!("{error:#}"))
    }

    pub(crate) fn upgrade(&self, set: &str) -> Result<String, String> {
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

    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}\n{}", self.state());
            std::thread::sleep(Duration::from_millis(200));
        }
        self.say(what);
    }
}
