//! The requests of a scenario, as written.

use heddle_decide::{Call, Client, HttpCall, Request, Version};
use heddle_model::fact::ServiceForm;
use heddle_model::{ServiceKey, Snapshot, WorkloadKey};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// `requests.yaml`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// The workload whose resources are the golden `xds.yaml`.
    pub client: String,
    /// The requests.
    pub requests: Vec<Ask>,
}

/// One request and what is wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Its name: what it shows.
    pub name: String,
    /// `pod/NAMESPACE/NAME`, `external/NAMESPACE/NAME`, or an address that is nobody's.
    pub from: String,
    /// `NAMESPACE/SERVICE:PORT` (its first virtual IP), or `ADDRESS:PORT`.
    pub to: String,
    /// The call.
    #[serde(default)]
    pub kind: Sent,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The path, with its query.
    #[serde(default = "root")]
    pub path: String,
    /// The authority; unset is `to`.
    pub host: Option<String>,
    /// Headers; one with a list of values is sent as often.
    #[serde(default)]
    pub headers: BTreeMap<String, Values>,
    /// The wanted outcome, as [`crate::Summary`] says it.
    pub want: String,
    /// The workloads that may answer, or addresses that are nobody's.
    pub at: Option<Vec<String>>,
    /// The rule that admits or refuses it.
    pub by: Option<String>,
    /// The rule of the route.
    pub route: Option<String>,
}

/// The values of a header.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// One.
    One(String),
    /// Several, each in a line of its own.
    Several(Vec<String>),
}

impl Values {
    /// The values in order.
    pub fn each(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

/// The call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// An HTTP/1.1 request.
    #[default]
    Http,
    /// An HTTP/2 request with prior knowledge.
    Http2,
    /// Bytes.
    Tcp,
    /// TLS.
    Tls,
}

/// The reason for which a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAsk(pub String);

fn get() -> String {
    "GET".into()
}

fn root() -> String {
    "/".into()
}

impl Ask {
    /// The request in a Snapshot.
    ///
    /// # Errors
    /// Names that are not there, and addresses that are none.
    pub fn request(&self, snapshot: &Snapshot) -> Result<Request, BadAsk> {
        let client = match self.from.parse() {
            Ok(address) => Client::Outside(address),
            Err(_) => Client::Workload(self.from.parse::<WorkloadKey>().map_err(|e| BadAsk(e.to_string()))?),
        };
        let to = self.dialled(snapshot)?;
        Ok(Request { client, address: to.ip(), port: to.port(), call: self.call() })
    }

    /// The address that is dialled.
    ///
    /// # Errors
    /// A Service that is not there, or has no virtual IP.
    pub fn dialled(&self, snapshot: &Snapshot) -> Result<SocketAddr, BadAsk> {
        if let Ok(address) = self.to.parse() {
            return Ok(address);
        }
        let bad = || BadAsk(format!("{:?} is no address and no Service with a virtual IP", self.to));
        let (service, port) = self.to.rsplit_once(':').ok_or_else(bad)?;
        let (namespace, name) = service.split_once('/').ok_or_else(bad)?;
        let found = snapshot.services.get(&ServiceKey::new(namespace, name)).ok_or_else(bad)?;
        let ServiceForm::Virtual(addresses) = &found.form else { return Err(bad()) };
        let address = addresses.first().ok_or_else(bad)?;
        Ok(SocketAddr::new(*address, port.parse().map_err(|_| bad())?))
    }

    /// The lines of its headers: names and values.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers
            .flat_map(|(name, values)| values.each().iter().map(move |value| (name.as_str(), value.as_str())))
    }

    fn call(&self) -> Call {
        match self.kind {
            Sent::Tcp => Call::Tcp,
            Sent::Tls => Call::Tls,
            Sent::Http | Sent::Http2 => {
                let authority = self.host.as_ref().unwrap_or(&self.to);
                let mut call = HttpCall::new(&self.method, authority, &self.path);
                if self.kind == Sent::Http2 {
                    call.version = Version::Http2;
                }
                call.headers =
                    self.lines().map(|(name, value)| (name.to_lowercase(), value.into())).collect();
                Call::Http(call)
            }
        }
    }
}
