//! An unmodified linkerd2-proxy beside Envoys, where a binary of it is given.

use crate::world::World;
use heddle_node_tests::programs;

const PODS: &str = include_str!("linkerd.yaml");

impl World {
    /// A namespace that asks for linkerd2-proxies and one of Envoys, each the other's client and server.
    pub(crate) fn linkerd(&self) {
        if programs::linkerd2_proxy().is_none() {
            self.say("no linkerd2-proxy is injected: HEDDLE_LINKERD2_PROXY names none");
            return;
        }
        self.apply(PODS);
        self.kubectl(&["-n", "l5d", "wait", "pod/web", "--for=condition=Ready", "--timeout=60s"]);
        self.say("a linkerd2-proxy is ready, its application's probe answered under Strict");
        self.until("a linkerd2-proxy asks an Envoy as itself", || {
            let answer = self.get("l5d", "pod/web", "http://cart.shop/");
            answer.is_ok_and(|text| text.contains(r#""caller":"spiffe://cluster.local/ns/l5d/sa/default""#))
        });
        self.until("an Envoy asks a linkerd2-proxy", || {
            self.get("shop", "deployment/web", "http://web.l5d/")
                .is_ok_and(|text| text.contains(r#""name":"web""#))
        });
        self.until("a linkerd2-proxy refuses who proves nothing", || {
            self.get("default", "pod/plain", "http://web.l5d/").is_err()
        });
        let ip = self.kubectl(&["-n", "l5d", "get", "pod/web", "-o", "jsonpath={.status.podIP}"]);
        let metrics =
            self.get("default", "pod/plain", &format!("http://{ip}:15020/metrics")).expect("metrics");
        assert!(metrics.contains("\nshop_answers_total ") && metrics.contains("\nprocess_"), "{metrics}");
        self.kubectl(&["delete", "namespace", "l5d", "--timeout=60s"]);
    }
}
