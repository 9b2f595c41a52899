//! The environment of a linkerd2-proxy: its identity and its addresses. All else comes from the controller.

use super::Sidecar;
use crate::Config;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// The sources of the environment.
pub struct Settings<'a> {
    /// The agent's settings.
    pub config: &'a Config,
    /// The workload.
    pub sidecar: &'a Sidecar,
    /// The folder of the key.
    pub folder: &'a Path,
    /// The roots in PEM.
    pub anchors: &'a str,
}

/// Every variable that is set unless it is set already, and what it is set to or why.
pub const VARIABLES: [(&str, &str); 27] = [
    ("LINKERD2_PROXY_IDENTITY_DIR", "identity/ below --dir, where key.p8 and csr.der are"),
    ("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "the text of --roots as it is at the start"),
    ("LINKERD2_PROXY_IDENTITY_TOKEN_FILE", "--token"),
    ("LINKERD2_PROXY_IDENTITY_LOCAL_NAME", "the workload's identity, a DNS name"),
    ("LINKERD2_PROXY_IDENTITY_SVC_ADDR", "--controller"),
    ("LINKERD2_PROXY_IDENTITY_SVC_NAME", "--server-name"),
    ("LINKERD2_PROXY_DESTINATION_SVC_ADDR", "--controller"),
    ("LINKERD2_PROXY_DESTINATION_SVC_NAME", "--server-name"),
    ("LINKERD2_PROXY_DESTINATION_CONTEXT", "the workload"),
    ("LINKERD2_PROXY_DESTINATION_PROFILE_SUFFIXES", "a name that never occurs: no profiles are asked for"),
    ("LINKERD2_PROXY_POLICY_SVC_ADDR", "--controller"),
    ("LINKERD2_PROXY_POLICY_SVC_NAME", "--server-name"),
    ("LINKERD2_PROXY_POLICY_WORKLOAD", "the workload"),
    ("LINKERD2_PROXY_INBOUND_IPS", "--address"),
    ("LINKERD2_PROXY_INBOUND_PORTS", "--port: the first connection to any other is refused"),
    ("LINKERD2_PROXY_INBOUND_DEFAULT_POLICY", "deny: nothing is admitted before the controller said so"),
    ("LINKERD2_PROXY_INBOUND_LISTEN_ADDR", "0.0.0.0:4143"),
    ("LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR", "127.0.0.1:4140"),
    ("LINKERD2_PROXY_ADMIN_LISTEN_ADDR", "--proxy-admin"),
    ("LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT", "10s: a controller that says nothing is left"),
    ("LINKERD2_PROXY_CONTROL_STREAM_IDLE_TIMEOUT", "1d: quiet streams stay open"),
    ("LINKERD2_PROXY_OUTBOUND_DISCOVERY_IDLE_TIMEOUT", "60s: a pause between requests ends no stream"),
    ("LINKERD2_PROXY_OUTBOUND_HTTP_FAILFAST_TIMEOUT", "1s, for endpoints that cannot be reached"),
    ("LINKERD2_PROXY_OUTBOUND_TCP_FAILFAST_TIMEOUT", "1s, likewise"),
    ("LINKERD2_PROXY_INBOUND_ACCEPT_KEEPALIVE", "10s: peers that are gone are noticed"),
    ("LINKERD2_PROXY_OUTBOUND_CONNECT_KEEPALIVE", "10s, likewise"),
    ("LINKERD2_PROXY_SHUTDOWN_GRACE_PERIOD", "a little less than --grace"),
];

/// Set together or not at all: with the first alone every stream would end so long after it began.
const TIMEOUTS: [&str; 3] = [
    "LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT",
    "LINKERD2_PROXY_CONTROL_STREAM_IDLE_TIMEOUT",
    "LINKERD2_PROXY_CONTROL_STREAM_LIFETIME",
];

impl Settings<'_> {
    /// The variables that nobody set yet.
    pub fn environment(&self) -> BTreeMap<&'static str, OsString> {
        let given = &self.sidecar.given;
        let streams_are_given = TIMEOUTS.iter().any(|name| given.contains(*name));
        let taken = |name: &str| given.contains(name) || (streams_are_given && TIMEOUTS.contains(&name));
        let all = VARIABLES.iter().filter(|(name, _)| !taken(name));
        all.filter_map(|(name, _)| Some((*name, self.value(name.strip_prefix("LINKERD2_PROXY_")?)?)))
            .collect()
    }

    /// The value of one of [`VARIABLES`], by its name without the prefix; nothing where there is nothing to say.
    fn value(&self, name: &str) -> Option<OsString> {
        let Self { config, sidecar, folder, anchors } = self;
        let Sidecar { workload, identity, addresses, ports, admin, given: _ } = sidecar;
        let list = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
        let text = match name {
            "IDENTITY_DIR" => return Some((*folder).into()),
            // The child's working directory is another.
            "IDENTITY_TOKEN_FILE" => return Some(std::path::absolute(&config.token).ok()?.into()),
            "IDENTITY_TRUST_ANCHORS" => (*anchors).to_string(),
            "IDENTITY_LOCAL_NAME" => identity.clone(),
            "IDENTITY_SVC_ADDR" | "DESTINATION_SVC_ADDR" | "POLICY_SVC_ADDR" => config.controller.clone(),
            "IDENTITY_SVC_NAME" | "DESTINATION_SVC_NAME" | "POLICY_SVC_NAME" => config.server_name.clone(),
            // Both come back to the controller as they are.
            "DESTINATION_CONTEXT" | "POLICY_WORKLOAD" => workload.to_string(),
            "DESTINATION_PROFILE_SUFFIXES" => "never.invalid.".into(),
            "INBOUND_IPS" => list(addresses.iter().map(ToString::to_string).collect())?,
            "INBOUND_PORTS" => list(ports.iter().map(ToString::to_string).collect())?,
            "INBOUND_DEFAULT_POLICY" => "deny".into(),
            "INBOUND_LISTEN_ADDR" => "0.0.0.0:4143".into(),
            "OUTBOUND_LISTEN_ADDR" => "127.0.0.1:4140".into(),
            "ADMIN_LISTEN_ADDR" => admin.to_string(),
            "CONTROL_STREAM_INITIAL_TIMEOUT" | "INBOUND_ACCEPT_KEEPALIVE" | "OUTBOUND_CONNECT_KEEPALIVE" => {
                "10s".into()
            }
            "CONTROL_STREAM_IDLE_TIMEOUT" => "1d".into(),
            "OUTBOUND_DISCOVERY_IDLE_TIMEOUT" => "60s".into(),
            "OUTBOUND_HTTP_FAILFAST_TIMEOUT" | "OUTBOUND_TCP_FAILFAST_TIMEOUT" => "1s".into(),
            // So that the proxy ends by itself before it is killed.
            "SHUTDOWN_GRACE_PERIOD" => format!("{}ms", config.grace.as_millis() * 9 / 10),
            other => unreachable!("{other} is not in VARIABLES"),
        };
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Proxy;
    use std::time::Duration;

    fn environment(given: &[&str]) -> BTreeMap<&'static str, OsString> {
        let sidecar = Sidecar {
            workload: "pod/shop/web-0".parse().expect("valid"),
            identity: "web.shop.serviceaccount.identity.heddle.cluster.local".into(),
            addresses: vec!["10.1.0.4".parse().expect("valid")],
            ports: vec![8080, 9090],
            admin: "0.0.0.0:4191".parse().expect("valid"),
            given: given.iter().map(ToString::to_string).collect(),
        };
        let config = Config {
            folder: "/run/heddle".into(),
            controller: "heddle.heddle-system.svc:15012".into(),
            server_name: "heddle.heddle-system.svc".into(),
            trust_anchors: "/run/roots.pem".into(),
            token: "/run/token".into(),
            proxy: Proxy::Linkerd(sidecar.clone()),
            probe: None,
            application: crate::application::Application::default(),
            drain: Duration::ZERO,
            grace: Duration::from_secs(10),
        };
        let folder = Path::new("/run/heddle/identity");
        Settings { config: &config, sidecar: &sidecar, folder, anchors: "PEM" }.environment()
    }

    #[test]
    fn every_variable_is_set_and_says_who_and_where() {
        let all = environment(&[]);
        assert_eq!(all.len(), VARIABLES.len());
        let check = |name: &str, want: &str| {
            assert_eq!(all[format!("LINKERD2_PROXY_{name}").as_str()], *want, "{name}");
        };
        check("IDENTITY_DIR", "/run/heddle/identity");
        check("IDENTITY_TRUST_ANCHORS", "PEM");
        check("IDENTITY_TOKEN_FILE", "/run/token");
        check("POLICY_SVC_ADDR", "heddle.heddle-system.svc:15012");
        check("POLICY_SVC_NAME", "heddle.heddle-system.svc");
        check("POLICY_WORKLOAD", "pod/shop/web-0");
        check("DESTINATION_CONTEXT", "pod/shop/web-0");
        check("INBOUND_IPS", "10.1.0.4");
        check("INBOUND_PORTS", "8080,9090");
        check("INBOUND_DEFAULT_POLICY", "deny");
        check("SHUTDOWN_GRACE_PERIOD", "9000ms");
    }

    #[test]
    fn what_is_given_wins() {
        let given = ["LINKERD2_PROXY_INBOUND_PORTS", "LINKERD2_PROXY_ADMIN_LISTEN_ADDR"];
        let all = environment(&given);
        assert_eq!(all.len(), VARIABLES.len() - given.len());
        assert!(given.iter().all(|name| !all.contains_key(name)));
    }

    #[test]
    fn an_initial_timeout_never_stands_without_an_idle_one() {
        for name in TIMEOUTS {
            let all = environment(&[name]);
            assert!(TIMEOUTS.iter().all(|timeout| !all.contains_key(timeout)), "{name}");
        }
    }
}
