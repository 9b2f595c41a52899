//! The question: one request or connection, by one client, to one address.

use heddle_model::{WorkloadKey, header};
use std::net::IpAddr;

/// One request or connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The caller.
    pub client: Client,
    /// The address that is dialled. A name was resolved before: the mesh decides by address.
    pub address: IpAddr,
    /// The port that is dialled.
    pub port: u16,
    /// The content of the call.
    pub call: Call,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// A workload of the mesh's objects, with or without a proxy.
    Workload(WorkloadKey),
    /// Somebody the mesh knows nothing of, at this address.
    Outside(IpAddr),
}

/// The content of a call, as the application writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// An HTTP request in plain text (a proxy adds mesh TLS).
    Http(HttpCall),
    /// Bytes that are not HTTP.
    Tcp,
    /// TLS of the application's own.
    Tls,
}

/// The HTTP version of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
}

/// The way in which a proxy takes several lines of one header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// An Envoy joins those of some names.
    Joined,
    /// A linkerd2-proxy joins none.
    Apart,
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The HTTP version.
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

    /// Returns whether the request asks for a tunnel (RFC 9110, section 9.3.6). Its target is an authority and no path.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.method == "CONNECT"
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

    /// Returns the values of a header, each of which is compared by itself.
    pub(crate) fn values(&self, name: &str, joined: Lines) -> Vec<String> {
        if name == "host" || name == ":authority" {
            return vec![self.authority.clone()];
        }
        let lines = self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let lines: Vec<&str> = lines.collect();
        match (joined, self.version, name) {
            (Lines::Apart, _, _) => lines.iter().map(ToString::to_string).collect(),
            (Lines::Joined, Version::Http2, header::COOKIE) if !lines.is_empty() => vec![lines.join("; ")],
            (Lines::Joined, Version::Http1 | Version::Http2, _) => header::compared(name, &lines),
        }
    }

    /// Returns the request as an Envoy that received it sends it on.
    pub(crate) fn sent_on(&self, version: Version) -> Self {
        let cookies = self
            .values(header::COOKIE, Lines::Joined)
            .into_iter()
            .map(|value| (header::COOKIE.to_string(), value));
        let others = self.headers.iter().filter(|(name, _)| name != header::COOKIE).cloned();
        Self { version, headers: others.chain(cookies).collect(), ..self.clone() }
    }
}
