//! Arguments about a linkerd2-proxy.

use anyhow::{Result, bail};
use heddle_agent::linkerd::{Given, Sidecar, VARIABLES};
use heddle_model::{Identity, Name, WorkloadKey, WorkloadKind};
use std::net::{IpAddr, SocketAddr};

/// The proxy that is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum For {
    /// Envoy, or whatever else reads certificates from files.
    #[default]
    Envoy,
    /// linkerd2-proxy.
    Linkerd,
}

/// The workload, as its linkerd2-proxy must know it.
#[derive(clap::Args)]
#[command(next_help_heading = "With --for linkerd")]
pub(crate) struct Workload {
    /// The workload's ServiceAccount, if it is not called as the workload
    #[arg(long, env = "HEDDLE_SERVICE_ACCOUNT", value_name = "NAME")]
    service_account: Option<String>,
    /// The suffix of identity names, as the Mesh states it
    #[arg(long, env = "HEDDLE_IDENTITY_SUFFIX", value_name = "NAME", default_value = "heddle.cluster.local")]
    identity_suffix: String,
    /// An address of the workload; may be given several times
    #[arg(long = "address", env = "HEDDLE_ADDRESSES", value_name = "ADDRESS", value_delimiter = ',')]
    addresses: Vec<IpAddr>,
    /// A port of the application; may be given several times, and each must be
    #[arg(long = "port", env = "HEDDLE_PORTS", value_name = "PORT", value_delimiter = ',')]
    ports: Vec<u16>,
    /// The address at which the proxy's own /ready and /metrics are served
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:4191")]
    proxy_admin: SocketAddr,
}

impl Workload {
    /// The sidecar of a workload, where these variables are set already.
    pub(crate) fn of(self, workload: WorkloadKey, given: Given) -> Result<Sidecar> {
        let Self { service_account, identity_suffix, addresses, ports, proxy_admin } = self;
        let account = match (service_account, workload.kind) {
            (Some(account), _) => Name::from(account),
            (None, WorkloadKind::External | WorkloadKind::LinkerdExternal) => workload.name.clone(),
            (None, WorkloadKind::Pod) => {
                bail!("{workload}: a Pod is not called as its ServiceAccount: name it with --service-account")
            }
        };
        let identity = Identity::new(workload.namespace.clone(), account)?.dns(&identity_suffix);
        Ok(Sidecar { workload, identity, addresses, ports, admin: proxy_admin, given })
    }
}

/// The variables of linkerd2-proxy that are set.
pub(crate) fn given() -> Given {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with("LINKERD2_PROXY_")).collect()
}

/// Returns what `--help` says of the environment.
pub(crate) fn help() -> String {
    let lines: String =
        VARIABLES.iter().map(|(name, value)| format!("  {name}\n        {value}\n")).collect();
    format!("With --for linkerd these variables are set, each unless it is set already:\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar(workload: &str, service_account: Option<&str>) -> Result<String, String> {
        let args = Workload {
            service_account: service_account.map(Into::into),
            identity_suffix: "heddle.test".into(),
            addresses: Vec::new(),
            ports: Vec::new(),
            proxy_admin: "0.0.0.0:4191".parse().expect("valid"),
        };
        let made = args.of(workload.parse().expect("valid"), Given::new());
        made.map(|sidecar| sidecar.identity).map_err(|error| error.to_string())
    }

    #[test]
    fn an_identity_is_that_of_the_service_account() {
        let name = |account: &str| Ok(format!("{account}.shop.serviceaccount.identity.heddle.test"));
        assert_eq!(sidecar("external/shop/web", None), name("web"));
        assert_eq!(sidecar("external/shop/web-1", Some("web")), name("web"));
        assert_eq!(sidecar("pod/shop/web-1", Some("web")), name("web"));
        let want =
            "pod/shop/web-1: a Pod is not called as its ServiceAccount: name it with --service-account";
        assert_eq!(sidecar("pod/shop/web-1", None), Err(want.into()));
    }
}
