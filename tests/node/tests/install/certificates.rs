//! Certificates that live for seconds.

use crate::world::World;

impl World {
    /// Certificates of both sides are renewed under load.
    pub(crate) fn rotated(&self) {
        self.upgrade("--set=controller.certificateLifetime=30s").unwrap();
        for app in ["cart", "web"] {
            self.roll(app);
        }
        self.no_request_is_lost("certificates that live 30 s are renewed on both sides", 26, || {});
        for app in ["cart", "web"] {
            let count = self.renewals(app);
            assert!(count > 1, "{app} has had {count} certificates");
        }
    }

    /// The certificates that the agent of an application's first Pod has written.
    fn renewals(&self, app: &str) -> u64 {
        let label = format!("app={app}");
        let ip = "jsonpath={.items[0].status.podIP}";
        let ip = self.kubectl(&["-n", "shop", "get", "pods", "-l", &label, "-o", ip]);
        let page = self.get("default", "pod/plain", &format!("http://{ip}:15020/metrics")).expect("metrics");
        let line = page.lines().find_map(|line| line.strip_prefix("heddle_agent_certificates_total "));
        line.and_then(|count| count.parse().ok()).expect("a counter")
    }
}
