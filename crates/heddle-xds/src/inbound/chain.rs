//! The filter chains of one inbound port, by its mTLS mode and protocol.
//!
//! Mesh TLS is told from the application's own by its server name. A connection finds its chain by port, server name,
//! transport protocol and ALPN, in this order and without going back: so each fallback repeats what its siblings ask.
//!
//! | | Http, Http2, Grpc | Tcp, Opaque | Detect |
//! |---|---|---|---|
//! | Strict | mesh: requests | mesh: bytes | mesh with HTTP's ALPN: requests; mesh: bytes |
//! | Permissive | and what Disabled has | and what Disabled has, TLS and plain apart | and what Disabled has |
//! | Disabled | TLS: bytes; plain: requests | bytes | TLS: bytes; plain HTTP: requests; plain: bytes |
//!
//! All chains that see requests take their routes, and with them what policies say of requests, from the one route
//! configuration of the port ([`super::routes`]).
//!
//! Under Strict the server name is not asked for: whatever is not mesh TLS fails the handshake, and gRPC
//! libraries send no name.

use crate::access_log::Direction;
use crate::http::{Manager, Paths};
use crate::rbac::Sees;
use crate::tls::Alpn;
use crate::{http, rbac, tcp, tls, xds};
use heddle_model::PortRules;
use heddle_model::fact::{Mesh, Mtls, Protocol};

/// An inbound port.
pub(crate) struct Port<'a> {
    pub(crate) mesh: &'a Mesh,
    /// The match by which its connections are told from those of other ports; `None` where they need not be, or cannot.
    pub(crate) number: Option<u16>,
    pub(crate) rules: PortRules<'a>,
    /// The application.
    pub(crate) cluster: String,
}

/// The connections that a chain takes.
#[derive(Clone, Copy)]
enum Takes {
    /// Mesh TLS, by its server name.
    Mesh,
    /// Mesh TLS, by its server name, that says it carries HTTP.
    MeshHttp,
    /// TLS, whatever it is for.
    Tls,
    /// TLS that says it carries HTTP.
    TlsHttp,
    /// No TLS.
    Plain,
    /// No TLS, and HTTP by its first bytes.
    PlainHttp,
    /// Everything.
    Anything,
}

impl Port<'_> {
    /// Returns whether TLS must be told from its first bytes.
    pub(crate) fn needs_tls_told(&self) -> bool {
        match (self.rules.mtls, self.rules.protocol) {
            (Mtls::Strict, Protocol::Opaque) | (Mtls::Disabled, Protocol::Tcp | Protocol::Opaque) => false,
            (Mtls::Strict | Mtls::Permissive | Mtls::Disabled, _) => true,
        }
    }

    /// Returns whether HTTP in plain text must be told from its first bytes.
    pub(crate) fn needs_http_told(&self) -> bool {
        self.rules.protocol == Protocol::Detect && self.rules.mtls != Mtls::Strict
    }

    /// Returns whether a client may rightly wait for the server's first word, so that telling must give up.
    pub(crate) fn may_hear_the_server_first(&self) -> bool {
        match (self.rules.mtls, self.rules.protocol) {
            (Mtls::Permissive, Protocol::Tcp | Protocol::Opaque | Protocol::Detect)
            | (Mtls::Disabled, Protocol::Detect) => true,
            (Mtls::Strict, _)
            | (Mtls::Permissive | Mtls::Disabled, Protocol::Http | Protocol::Http2 | Protocol::Grpc)
            | (Mtls::Disabled, Protocol::Tcp | Protocol::Opaque) => false,
        }
    }

    /// Returns whether some of its chains see requests, and take their routes from one configuration.
    pub(crate) fn sees_requests(protocol: Protocol) -> bool {
        match protocol {
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => true,
            Protocol::Tcp | Protocol::Opaque => false,
        }
    }

    /// Its chains.
    pub(crate) fn chains(&self) -> Vec<xds::FilterChain> {
        let (meshed, others) = match self.rules.mtls {
            Mtls::Strict => (self.strict(), &[][..]),
            Mtls::Permissive => (self.meshed(), self.permissive_others()),
            Mtls::Disabled => (&[][..], self.disabled()),
        };
        let meshed = meshed.iter().map(|(takes, sees)| self.chain("mesh", *takes, *sees));
        meshed.chain(others.iter().map(|(takes, sees)| self.chain("open", *takes, *sees))).collect()
    }

    fn strict(&self) -> &'static [(Takes, Sees)] {
        match self.rules.protocol {
            Protocol::Http | Protocol::Http2 | Protocol::Grpc => &[(Takes::Tls, Sees::Requests)],
            Protocol::Tcp => &[(Takes::Tls, Sees::Bytes)],
            Protocol::Opaque => &[(Takes::Anything, Sees::Bytes)],
            Protocol::Detect => &[(Takes::TlsHttp, Sees::Requests), (Takes::Tls, Sees::Bytes)],
        }
    }

    fn meshed(&self) -> &'static [(Takes, Sees)] {
        match self.rules.protocol {
            Protocol::Http | Protocol::Http2 | Protocol::Grpc => &[(Takes::Mesh, Sees::Requests)],
            Protocol::Tcp | Protocol::Opaque => &[(Takes::Mesh, Sees::Bytes)],
            Protocol::Detect => &[(Takes::MeshHttp, Sees::Requests), (Takes::Mesh, Sees::Bytes)],
        }
    }

    fn permissive_others(&self) -> &'static [(Takes, Sees)] {
        match self.rules.protocol {
            Protocol::Tcp | Protocol::Opaque => &[(Takes::Tls, Sees::Bytes), (Takes::Plain, Sees::Bytes)],
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => self.disabled(),
        }
    }

    fn disabled(&self) -> &'static [(Takes, Sees)] {
        match self.rules.protocol {
            Protocol::Http | Protocol::Http2 | Protocol::Grpc => {
                &[(Takes::Tls, Sees::Bytes), (Takes::Plain, Sees::Requests)]
            }
            Protocol::Tcp | Protocol::Opaque => &[(Takes::Anything, Sees::Bytes)],
            Protocol::Detect => {
                &[(Takes::Tls, Sees::Bytes), (Takes::PlainHttp, Sees::Requests), (Takes::Plain, Sees::Bytes)]
            }
        }
    }

    fn chain(&self, side: &str, takes: Takes, sees: Sees) -> xds::FilterChain {
        let port = self.number.map_or("*".to_string(), |number| number.to_string());
        let alpn = match sees {
            Sees::Requests => Alpn::Http,
            Sees::Bytes => Alpn::None,
        };
        xds::FilterChain {
            name: format!("{port}/{side}/{}", takes.word()),
            filter_chain_match: Some(takes.criteria(self.mesh, self.number)),
            transport_socket: (side == "mesh").then(|| tls::server(self.mesh, alpn)),
            filters: match sees {
                Sees::Requests => vec![self.requests()],
                Sees::Bytes => self.bytes(),
            },
            ..xds::FilterChain::default()
        }
    }

    fn requests(&self) -> xds::Filter {
        let cluster = &self.cluster;
        let manager = Manager {
            mesh: self.mesh,
            direction: Direction::Inbound,
            stat_prefix: cluster.clone(),
            paths: if self.rules.access.minds_paths() { Paths::Resolved } else { Paths::AsSent },
            filters: rbac::http_filters(),
            routes: http::named_routes(cluster),
        };
        manager.filter()
    }

    fn bytes(&self) -> Vec<xds::Filter> {
        let mut filters = rbac::network(self.rules.access, &self.mesh.trust_domain, &self.cluster);
        filters.push(tcp::proxy(self.mesh, Direction::Inbound, &self.cluster));
        filters
    }
}

impl Takes {
    fn word(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::MeshHttp => "mesh-http",
            Self::Tls => "tls",
            Self::TlsHttp => "tls-http",
            Self::Plain => "plain",
            Self::PlainHttp => "plain-http",
            Self::Anything => "any",
        }
    }

    fn criteria(self, mesh: &Mesh, port: Option<u16>) -> xds::FilterChainMatch {
        let (names, transport, alpn): (Option<String>, &str, &[&str]) = match self {
            Self::Mesh => (Some(tls::mesh_names(mesh)), "tls", &[]),
            Self::MeshHttp => (Some(tls::mesh_names(mesh)), "tls", &["h2", "http/1.1"]),
            Self::Tls => (None, "tls", &[]),
            Self::TlsHttp => (None, "tls", &["h2", "http/1.1"]),
            Self::Plain => (None, "raw_buffer", &[]),
            Self::PlainHttp => (None, "raw_buffer", &["http/1.0", "http/1.1", "h2c"]),
            Self::Anything => (None, "", &[]),
        };
        xds::FilterChainMatch {
            destination_port: port.and_then(|port| xds::number(port.into())),
            server_names: names.into_iter().collect(),
            transport_protocol: transport.into(),
            application_protocols: alpn.iter().map(|name| (*name).into()).collect(),
            ..xds::FilterChainMatch::default()
        }
    }
}

/// A chain that takes everything at a port.
pub(crate) fn at_port(port: u16, word: &str, filter: xds::Filter) -> xds::FilterChain {
    xds::FilterChain {
        name: format!("{port}/{word}"),
        filter_chain_match: Some(xds::FilterChainMatch {
            destination_port: xds::number(port.into()),
            ..xds::FilterChainMatch::default()
        }),
        filters: vec![filter],
        ..xds::FilterChain::default()
    }
}
