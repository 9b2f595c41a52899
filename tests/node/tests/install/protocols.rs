//! Every protocol of the shop: who calls, what is on the wire, and what a roll costs.

use crate::world::World;
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Words that the shop sends: a path, the preface of HTTP/2 (gRPC compresses its headers) and a line.
const WORDS: [&str; 3] = ["/a-path-of-its-own", "PRI * HTTP/2.0", "payments-1 is ready"];

impl World {
    /// Web asks each service in its protocol, each server's proxy has verified it, and no word of it is on the wire.
    pub(crate) fn protocols(&self) {
        self.until("web asks HTTP, gRPC and TCP services", || {
            self.get("shop", "deployment/cart", "http://web/").is_ok_and(|answer| {
                ["\"name\":\"cart\"", "serving", "payments-1 is ready"]
                    .iter()
                    .all(|part| answer.contains(part))
            })
        });
        for app in ["cart", "catalogue", "payments"] {
            let stats = self.proxy_stats(app);
            let counted =
                |name: &str| stats.lines().find(|line| line.contains(name) && !line.ends_with(" 0"));
            assert!(counted("ssl_handshake").is_some(), "{stats}");
            assert_eq!(counted("ssl_fail_verify").or_else(|| counted("ssl_no_certificate")), None, "{app}");
        }
        self.say("each server's proxy has verified its callers");
        let meshed = self.wire("meshed", "shop", "deployment/web");
        let found: Vec<&str> = WORDS.into_iter().filter(|word| contains(&meshed, word)).collect();
        assert!(found.is_empty() && meshed.len() > 10_000, "{} bytes, {found:?}", meshed.len());
        let plain = self.wire("plain", "default", "pod/plain");
        let missed: Vec<&str> = WORDS.into_iter().filter(|word| !contains(&plain, word)).collect();
        assert!(missed.is_empty(), "plain text would have been seen: {missed:?}");
        self.say("nothing that the mesh sends can be read on the wire");
    }

    /// Deployments are rolled under HTTP/2 and gRPC.
    pub(crate) fn rolled_under_other_protocols(&self) {
        for (app, address) in [("cart", "h2c://cart/"), ("catalogue", "grpc://catalogue:9090")] {
            let counts = self.load(address, 12, || self.roll(app));
            assert_eq!(counts["failed"], 0, "{address}: {counts}");
            self.say(&format!("{app} is rolled under {address}: 0 of {} requests lost", counts["sent"]));
        }
    }

    /// A proxy outlives a Job's own container by 3 seconds at most.
    pub(crate) fn job_ends_with_its_container(&self) {
        let ended = |list: &str, name: &str| {
            let path =
                format!("{{.items[0].status.{list}[?(@.name=='{name}')].state.terminated.finishedAt}}");
            let path = format!("jsonpath={path}");
            second_of_day(&self.kubectl(&["-n", "shop", "get", "pods", "-l", "job-name=once", "-o", &path]))
        };
        let later = ended("initContainerStatuses", "heddle-proxy") - ended("containerStatuses", "once");
        // Both are cut to whole seconds.
        assert!((0..=3).contains(&later), "{later} s");
        self.say(&format!("a Job with a proxy completes, the proxy ends {later} s after its container"));
    }

    pub(crate) fn roll(&self, app: &str) {
        let deployment = format!("deployment/{app}");
        self.kubectl(&["-n", "shop", "rollout", "restart", &deployment]);
        self.kubectl(&["-n", "shop", "rollout", "status", &deployment, "--timeout=60s"]);
    }

    /// Statistics of the proxies of all of an application's Pods, without their comments.
    fn proxy_stats(&self, app: &str) -> String {
        let ips = self.pods_of(app, ".items[*].status.podIP");
        let page =
            |ip: &str| self.get("default", "pod/plain", &format!("http://{ip}:15090/stats/prometheus"));
        // An answer comes without its last line's end.
        let pages: Vec<String> = ips.split(' ').map(|ip| page(ip).expect("statistics")).collect();
        pages.join("\n").lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    /// The bytes that Pods send, at every interface of the node, while somebody asks every service.
    fn wire(&self, name: &str, namespace: &str, from: &str) -> Vec<u8> {
        let file = self.node.folder().join(format!("{name}.pcap"));
        let mut sniffer = self.sniffer(&file.display().to_string());
        for address in [
            "http://cart.shop/a-path-of-its-own",
            "grpc://catalogue.shop:9090",
            "tcp://payments-1.payments.shop:7000",
        ] {
            self.get(namespace, from, address).expect("an answer");
        }
        std::thread::sleep(Duration::from_millis(500));
        sniffer.kill().expect("it runs");
        sniffer.wait().expect("it ends");
        fs::read(file).expect("packets")
    }

    fn sniffer(&self, file: &str) -> Child {
        let mut command = self.node.command();
        // Of Pods: what kubectl exec carries goes over the node's own loopback.
        let of_pods = "src net 198.18.0.0/16 or src net fd00:198:18::/56";
        command
            .args(["tcpdump", "-i", "any", "--immediate-mode", "-U", "-w", file, of_pods])
            .stderr(Stdio::null());
        let sniffer = command.spawn().expect("tcpdump runs");
        std::thread::sleep(Duration::from_secs(1));
        sniffer
    }
}

/// Reads hours, minutes and seconds of an RFC 3339 time.
fn second_of_day(time: &str) -> i64 {
    let parts: Vec<i64> = time[11..19].split(':').map(|part| part.parse().expect("a number")).collect();
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}
