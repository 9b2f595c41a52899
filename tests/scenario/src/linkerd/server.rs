//! The server's side.

use super::{matching, valid};
use heddle_decide::{Call, HttpCall};
use heddle_linkerd::{Answer, ProxyRequest, project, topic};
use heddle_model::{Snapshot, WorkloadKey};
use heddle_proto::io::linkerd::proxy::inbound::authn::{Permit, permit_mesh_tls::Clients};
use heddle_proto::io::linkerd::proxy::inbound::http_route::filter;
use heddle_proto::io::linkerd::proxy::inbound::proxy_protocol::Kind;
use heddle_proto::io::linkerd::proxy::inbound::{Authz, HttpRoute, Server};
use heddle_proto::io::linkerd::proxy::net::{IpNetwork, ip_address};
use prost::Message;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A connection as it arrives.
pub struct Arrival<'a> {
    /// The client's name, where it comes with mesh TLS.
    pub client: Option<String>,
    /// The caller's address.
    pub from: Option<IpAddr>,
    /// It came to the direct port, with a header that says whether it is HTTP.
    pub direct: bool,
    /// It is carried as requests.
    pub requests: bool,
    /// The call.
    pub call: &'a Call,
}

/// Returns whether a proxy lets a connection, or the request on it, through to its application's port.
///
/// # Panics
/// Where the answer is no policy that a proxy would take.
pub fn server(snapshot: &Snapshot, workload: &WorkloadKey, port: u16, arrival: &Arrival) -> bool {
    let ask = ProxyRequest::Inbound { port: port.into() };
    let topic = topic(&ask, workload, snapshot).expect("the workload is there");
    let Answer::Message(bytes) = project(&topic, snapshot).answer else { panic!("{ask:?} has no policy") };
    let server = Server::decode(bytes).expect("a Server");
    valid::inbound(&server);
    let kind = server.protocol.as_ref().and_then(|protocol| protocol.kind.as_ref()).expect("a protocol");
    match kind {
        // Nothing is looked at, so mesh TLS would reach the application.
        Kind::Opaque(_) if arrival.client.is_some() && !arrival.direct => false,
        Kind::Opaque(_) | Kind::Tls(_) => {
            !(arrival.direct && arrival.requests) && admits(&server.authorizations, arrival)
        }
        Kind::Detect(detect) => match http(arrival) {
            Some(call) => request(&detect.http_routes, &server.authorizations, call, arrival),
            None => admits(&server.authorizations, arrival),
        },
        Kind::Http1(_) | Kind::Http2(_) | Kind::Grpc(_) => panic!("never given"),
    }
}

/// By the header at the direct port, else by the first bytes.
fn http<'a>(arrival: &Arrival<'a>) -> Option<&'a HttpCall> {
    match arrival.call {
        Call::Http(call) => (!arrival.direct || arrival.requests).then_some(call),
        Call::Tcp | Call::Tls => None,
    }
}

fn request(routes: &[HttpRoute], everywhere: &[Authz], call: &HttpCall, arrival: &Arrival) -> bool {
    let call = named(call, arrival);
    let rules = routes.iter().flat_map(|route| route.rules.iter().map(move |rule| (route, rule)));
    let pairs: Vec<_> = rules.collect();
    let matched = matching::best(pairs.iter().map(|pair| (pair, pair.1.matches.as_slice())), &call);
    let Some((route, rule)) = matched else { return false };
    let fails = rule.filters.iter().any(|one| matches!(one.kind, Some(filter::Kind::FailureInjector(_))));
    !fails && (admits(&route.authorizations, arrival) || admits(everywhere, arrival))
}

/// The proxy writes the client's name itself, and strips what the client wrote.
fn named(call: &HttpCall, arrival: &Arrival) -> HttpCall {
    let mut call = call.clone();
    call.headers.retain(|(name, _)| name != "l5d-client-id");
    call.headers.extend(arrival.client.clone().map(|name| ("l5d-client-id".to_string(), name)));
    call
}

fn admits(authorizations: &[Authz], arrival: &Arrival) -> bool {
    let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    arrival.from.is_some_and(|from| {
        local.contains(&from)
            || authorizations.iter().any(|authorization| admits_by(authorization, from, arrival))
    })
}

fn admits_by(authz: &Authz, from: IpAddr, arrival: &Arrival) -> bool {
    let near = authz.networks.iter().any(|network| {
        let holes = network.except.iter().any(|hole| contains(hole, from));
        contains(network.net.as_ref().expect("a network"), from) && !holes
    });
    let permit = authz
        .authentication
        .as_ref()
        .and_then(|authentication| authentication.permit.as_ref())
        .expect("whom it permits");
    near && match permit {
        Permit::Unauthenticated(_) => true,
        Permit::MeshTls(tls) => match (tls.clients.as_ref().expect("which clients"), &arrival.client) {
            (_, None) => false,
            (Clients::Unauthenticated(_), Some(_)) => true,
            (Clients::Identities(all), Some(client)) => {
                let suffix = |parts: &[String]| match parts {
                    [] => String::new(),
                    parts => format!(".{}", parts.join(".")),
                };
                all.identities.iter().any(|identity| identity.name == *client)
                    || all.suffixes.iter().any(|one| client.ends_with(&suffix(&one.parts)))
            }
        },
    }
}

fn contains(net: &IpNetwork, address: IpAddr) -> bool {
    let length = net.prefix_len;
    match (net.ip.as_ref().and_then(|ip| ip.ip.as_ref()).expect("an address"), address) {
        (ip_address::Ip::Ipv4(ip), IpAddr::V4(address)) => {
            same(u128::from(*ip), u32::from(address).into(), 32 - length)
        }
        (ip_address::Ip::Ipv6(ip), IpAddr::V6(address)) => {
            let ip = (u128::from(ip.first) << 64) | u128::from(ip.last);
            same(ip, address.into(), 128 - length)
        }
        (ip_address::Ip::Ipv4(_), IpAddr::V6(_)) | (ip_address::Ip::Ipv6(_), IpAddr::V4(_)) => false,
    }
}

/// Returns whether two addresses are equal but for their last bits.
fn same(one: u128, other: u128, bits: u32) -> bool {
    bits >= 128 || one >> bits == other >> bits
}
