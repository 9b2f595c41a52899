//! The question of `heddle explain`, from arguments to a request.

use super::client::client;
use super::destination::Destination;
use anyhow::{Result, bail};
use heddle_decide::{Call, HttpCall, Request, Version};
use heddle_model::Snapshot;

/// The question: a client and a request.
#[derive(clap::Args)]
pub(crate) struct Question {
    /// The client: NAMESPACE/NAME, pod/NAMESPACE/NAME, external/NAMESPACE/NAME, linkerd-external/NAMESPACE/NAME, or
    /// an address outside the mesh
    #[arg(long, value_name = "CLIENT")]
    from: String,
    /// The dialled destination: NAMESPACE/SERVICE:PORT, a cluster DNS name (SERVICE.NAMESPACE.svc:PORT, and
    /// POD.SERVICE.NAMESPACE.svc:PORT of a headless Service) or ADDRESS:PORT
    #[arg(long, value_name = "DESTINATION")]
    to: String,
    /// The method
    #[arg(long, default_value = "GET")]
    method: String,
    /// The path, with its query
    #[arg(long, default_value = "/")]
    path: String,
    /// The authority (Host header), with its port if it has one; unset is the name that is dialled
    #[arg(long)]
    authority: Option<String>,
    /// A header; may be given several times, for several values of one name too
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Bytes that are not HTTP, instead of a request
    #[arg(long, conflicts_with_all = ["method", "path", "headers", "authority", "tls"])]
    tcp: bool,
    /// TLS of the application's own, instead of a request
    #[arg(long, conflicts_with_all = ["method", "path", "headers", "authority"])]
    tls: bool,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(['=', ':']).ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_string()))
}

impl Question {
    /// The request, with names looked up in the Snapshot.
    pub(crate) fn ask(&self, snapshot: &Snapshot) -> Result<Request> {
        let destination: Destination = self.to.parse()?;
        let (address, port) = destination.dialled(snapshot)?;
        let call = match (self.tcp, self.tls) {
            (true, _) => Call::Tcp,
            (_, true) => Call::Tls,
            (false, false) => Call::Http(self.http(&destination)?),
        };
        Ok(Request { client: client(snapshot, &self.from)?, address, port, call })
    }

    /// The request. A header `host` is its authority, as it is to a proxy.
    fn http(&self, destination: &Destination) -> Result<HttpCall> {
        let is_host = |(name, _): &&(String, String)| name == "host" || name == ":authority";
        let hosts = self.headers.iter().filter(is_host).map(|(_, value)| value.clone());
        let named: Vec<String> = self.authority.iter().cloned().chain(hosts).collect();
        let authority = match named.as_slice() {
            [] => destination.authority(),
            [one] => one.clone(),
            several => bail!("the authority is given {} times: {}", several.len(), several.join(", ")),
        };
        Ok(HttpCall {
            version: Version::Http1,
            authority,
            method: self.method.to_ascii_uppercase(),
            path: self.path.clone(),
            headers: self.headers.iter().filter(|header| !is_host(header)).cloned().collect(),
        })
    }
}
