//! Certificates that live for seconds.

use crate::world::World;
use std::time::{Duration, Instant};

impl World {
    /// A bundle that somebody took out of the webhook is back before anybody waits for it.
    pub(crate) fn bundle_is_kept(&self) {
        let remove = r#"[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]"#;
        let webhook = "mutatingwebhookconfiguration/heddle-injector";
        self.kubectl(&["patch", webhook, "--type=json", "-p", remove]);
        let start = Instant::now();
        let bundle = "jsonpath={.webhooks[0].clientConfig.caBundle}";
        self.until("a bundle that was taken out of the webhook is back", || {
            !self.kubectl(&["get", webhook, "-o", bundle]).is_empty()
        });
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }

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
        let ip = self.pods_of(app, ".items[0].status.podIP");
        let page = self.get("default", "pod/plain", &format!("http://{ip}:15020/metrics")).expect("metrics");
        let line = page.lines().find_map(|line| line.strip_prefix("heddle_agent_certificates_total "));
        line.and_then(|count| count.parse().ok()).expect("a counter")
    }
}
