//! The networks of a cluster, and a node that loses its power.

use crate::world::World;
use std::time::Instant;

const FAMILIES: &str = include_str!("families.yaml");
const SECOND: &str = include_str!("second.yaml");

impl World {
    /// Services of either family and of both, and one of a ServiceCIDR that came later.
    pub(crate) fn networks(&self) {
        let known = "jsonpath={.status.conditions[?(@.type=='NetworksKnown')].message}";
        assert_eq!(
            self.kubectl(&["get", "mesh", "default", "-o", known]),
            "",
            "every Pod is in a known network"
        );
        self.apply(FAMILIES);
        let ready = "--for=condition=Ready";
        self.kubectl(&["wait", "servicecidr/second", ready, "--timeout=30s"]);
        self.until("the API server takes addresses of a second ServiceCIDR", || self.create(SECOND).is_ok());
        let six =
            self.kubectl(&["-n", "shop", "get", "service/both", "-o", "jsonpath={.spec.clusterIPs[1]}"]);
        for url in ["http://cart6/", "http://both/", &format!("http://[{six}]/"), "http://second/"] {
            self.until(&format!("web asks {url} as itself"), || {
                self.get("shop", "deployment/web", url).is_ok_and(|answer| answer.contains("/ns/shop/sa/web"))
            });
        }
        self.kubectl(&["-n", "shop", "delete", "service/cart6", "service/both", "service/second"]);
        self.kubectl(&["delete", "servicecidr/second", "--wait=false"]);
    }

    /// Everything of the node is killed at once and comes up from disk, the mesh with it.
    pub(crate) fn rebooted(&self) {
        let start = Instant::now();
        self.node.reboot().expect("the node comes back");
        self.say("the node is ready after a power cut");
        self.until("web asks cart as itself again", || {
            let answer = self.get("shop", "deployment/web", "http://cart/");
            answer.is_ok_and(|text| text.contains(r#""caller":"spiffe://cluster.local/ns/shop/sa/web""#))
        });
        println!("         {:.1} s after the power went", start.elapsed().as_secs_f32());
        self.until("Heddle is well after a power cut", || self.heddle(&["check"]).0 == Some(0));
        let rollout = ["-n", "shop", "rollout", "status", "deployment/cart", "--timeout=60s"];
        self.kubectl(&rollout);
    }
}
