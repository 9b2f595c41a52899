//! What is asked: one request or connection, by one client, to one address.

use heddle_model::WorkloadKey;
use std::net::IpAddr;

/// One request or connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who calls.
    pub client: Client,
    /// The address that is dialled. A name was resolved before: the mesh decides by address.
    pub address: IpAddr,
    /// The port that is dialled.
    pub port: u16,
    /// What is sent.
    pub call: Call,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// A workload of the mesh's objects, with or without a proxy.
    Workload(WorkloadKey),
    /// Somebody the mesh knows nothing of, at this address.
    Outside(IpAddr),
}

/// What is sent, as the application writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// An HTTP request in plain text (a proxy adds mesh TLS).
    Http(HttpCall),
    /// Bytes that are not HTTP.
    Tcp,
    /// TLS of the application's own.
    Tls,
}

/// How a request is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// How it is framed.
    pub version: Version,
    /// `Host` or `:authority`. Decides only where a header match names `host`.
    pub authority: String,
    /// The method, in upper case.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The headers, names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
}

impl HttpCall {
    /// A request without headers.
    pub fn new(method: &str, authority: &str, path: &str) -> Self {
        let (authority, method, path) = (authority.into(), method.into(), path.into());
        Self { version: Version::default(), authority, method, path, headers: Vec::new() }
    }

    /// The path without its query.
    pub(crate) fn bare_path(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }

    /// The first value of a query parameter, as sent (not decoded: neither does Envoy).
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let query = self.path.split('#').next()?.split_once('?')?.1;
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value of a header; several of one name are one list (RFC 9110, 5.3).
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        if name == "host" || name == ":authority" {
            return Some(self.authority.clone());
        }
        let values: Vec<&str> =
            self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}
