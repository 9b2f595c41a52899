//! The question of `heddle explain`, from arguments to a request.

use anyhow::{Context, Result, bail};
use heddle_decide::{Call, Client, HttpCall, Request, Version};
use heddle_model::fact::ServiceForm;
use heddle_model::{ServiceKey, Snapshot, WorkloadKey, WorkloadKind};
use std::net::{IpAddr, SocketAddr};

/// Who asks for what.
#[derive(clap::Args)]
pub(crate) struct Question {
    /// The client: NAMESPACE/NAME, pod/NAMESPACE/NAME, external/NAMESPACE/NAME, linkerd-external/NAMESPACE/NAME, or
    /// an address outside the mesh
    #[arg(long, value_name = "CLIENT")]
    from: String,
    /// What it dials: NAMESPACE/SERVICE:PORT or ADDRESS:PORT
    #[arg(long, value_name = "DESTINATION")]
    to: String,
    /// The method
    #[arg(long, default_value = "GET")]
    method: String,
    /// The path, with its query
    #[arg(long, default_value = "/")]
    path: String,
    /// A header; may be given several times
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Bytes that are not HTTP, instead of a request
    #[arg(long, conflicts_with_all = ["method", "path", "headers", "tls"])]
    tcp: bool,
    /// TLS of the application's own, instead of a request
    #[arg(long, conflicts_with_all = ["method", "path", "headers"])]
    tls: bool,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(['=', ':']).ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_string()))
}

impl Question {
    /// The request, with names looked up in the Snapshot.
    pub(crate) fn ask(&self, snapshot: &Snapshot) -> Result<Request> {
        let (address, port) = dialled(snapshot, &self.to)?;
        let call = match (self.tcp, self.tls) {
            (true, _) => Call::Tcp,
            (_, true) => Call::Tls,
            (false, false) => Call::Http(HttpCall {
                version: Version::Http1,
                authority: self.to.clone(),
                method: self.method.to_ascii_uppercase(),
                path: self.path.clone(),
                headers: self.headers.clone(),
            }),
        };
        Ok(Request { client: client(snapshot, &self.from)?, address, port, call })
    }
}

fn client(snapshot: &Snapshot, text: &str) -> Result<Client> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Client::Outside(address));
    }
    if let Ok(key) = text.parse::<WorkloadKey>() {
        return Ok(Client::Workload(key));
    }
    let (namespace, name) = text
        .split_once('/')
        .with_context(|| format!("--from {text:?} is not a workload, want NAMESPACE/NAME or an address"))?;
    let found = WorkloadKind::ALL.map(|kind| WorkloadKey::new(kind, namespace, name));
    let found = found.into_iter().find(|key| snapshot.workloads.contains_key(key));
    match found {
        Some(key) => Ok(Client::Workload(key)),
        None => bail!("--from {text:?}: no Pod and no ExternalWorkload of this name"),
    }
}

fn dialled(snapshot: &Snapshot, text: &str) -> Result<(IpAddr, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((address.ip(), address.port()));
    }
    let wanted = || format!("--to {text:?} is not NAMESPACE/SERVICE:PORT or ADDRESS:PORT");
    let (service, port) = text.rsplit_once(':').with_context(wanted)?;
    let port: u16 = port.parse().with_context(wanted)?;
    let (namespace, name) = service.split_once('/').with_context(wanted)?;
    let key = ServiceKey::new(namespace, name);
    let service = snapshot.services.get(&key).with_context(|| format!("--to {text:?}: no such Service"))?;
    match &service.form {
        ServiceForm::Virtual(addresses) => {
            let first =
                addresses.first().with_context(|| format!("--to {text:?}: the Service has no address"))?;
            Ok((*first, port))
        }
        ServiceForm::Headless => {
            bail!("--to {text:?}: the Service is headless; name an endpoint's ADDRESS:PORT")
        }
        ServiceForm::External(host) => {
            bail!(
                "--to {text:?}: an ExternalName of {host} is no destination of the mesh; name an ADDRESS:PORT"
            )
        }
    }
}
