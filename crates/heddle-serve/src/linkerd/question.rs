//! A request as a question.

use heddle_linkerd::ProxyRequest;
use heddle_proto::io::linkerd::proxy::destination::GetDestination;
use heddle_proto::io::linkerd::proxy::inbound::PortSpec;
use heddle_proto::io::linkerd::proxy::net::{TcpAddress, ip_address::Ip};
use heddle_proto::io::linkerd::proxy::outbound::{TrafficSpec, traffic_spec::Target};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tonic::Status;

/// A question, with the asker and the time that the answer is listened to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) who: String,
    pub(super) ask: ProxyRequest,
    pub(super) kind: Kind,
    pub(super) extent: Extent,
}

/// The subject of a question, by the name of the method that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    GetProfile,
    WatchPort,
    Watch,
}

/// The time that an answer is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The first state and every newer one.
    Follow,
    /// One message: the first state.
    Once,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Get, Self::GetProfile, Self::WatchPort, Self::Watch];

    /// As the debug pages and the metrics call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "Get",
            Self::GetProfile => "GetProfile",
            Self::WatchPort => "WatchPort",
            Self::Watch => "Watch",
        }
    }
}

/// `Destination.Get`
pub(super) fn endpoints(request: GetDestination) -> Question {
    let GetDestination { scheme: _, path, context_token: who } = request;
    Question { who, ask: ProxyRequest::Endpoints { path }, kind: Kind::Get, extent: Extent::Follow }
}

/// `Destination.GetProfile`
pub(super) fn profile(request: GetDestination) -> Question {
    let GetDestination { scheme: _, path, context_token: who } = request;
    Question { who, ask: ProxyRequest::Profile { path }, kind: Kind::GetProfile, extent: Extent::Follow }
}

/// `InboundServerPolicies.WatchPort` and `GetPort`
pub(super) fn inbound(request: PortSpec, extent: Extent) -> Question {
    let PortSpec { workload: who, port } = request;
    Question { who, ask: ProxyRequest::Inbound { port }, kind: Kind::WatchPort, extent }
}

/// `OutboundPolicies.Watch` and `Get`
///
/// # Errors
/// `INVALID_ARGUMENT` where nothing is asked about.
pub(super) fn outbound(request: TrafficSpec, extent: Extent) -> Result<Question, Status> {
    let TrafficSpec { source_workload: who, target } = request;
    let ask = match target {
        Some(Target::Addr(address)) => ProxyRequest::Outbound { target: socket(&address)? },
        Some(Target::Authority(authority)) => ProxyRequest::OutboundName { authority },
        None => return Err(Status::invalid_argument("the question has no target")),
    };
    Ok(Question { who, ask, kind: Kind::Watch, extent })
}

fn socket(address: &TcpAddress) -> Result<SocketAddr, Status> {
    let TcpAddress { ip, port } = address;
    let ip = match ip.as_ref().and_then(|ip| ip.ip.as_ref()) {
        Some(Ip::Ipv4(bits)) => IpAddr::V4(Ipv4Addr::from(*bits)),
        Some(Ip::Ipv6(ip)) => IpAddr::V6(Ipv6Addr::from(u128::from(ip.first) << 64 | u128::from(ip.last))),
        None => return Err(Status::invalid_argument("the target has no IP address")),
    };
    match u16::try_from(*port) {
        Ok(port) if port > 0 => Ok(SocketAddr::new(ip, port)),
        Ok(_) | Err(_) => {
            Err(Status::invalid_argument(format!("the target has port {port}, want 1 to 65535")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_proto::io::linkerd::proxy::net::{IPv6, IpAddress};

    #[track_caller]
    fn check(ip: Option<Ip>, port: u32, want: Result<&str, &str>) {
        let got = socket(&TcpAddress { ip: Some(IpAddress { ip }), port });
        let got = got.map(|socket| socket.to_string()).map_err(|status| status.message().to_string());
        assert_eq!(got, want.map(String::from).map_err(String::from));
    }

    #[test]
    fn an_address_is_read_as_the_proxy_writes_it() {
        check(Some(Ip::Ipv4(0x0a00_0001)), 80, Ok("10.0.0.1:80"));
        let ip = IPv6 { first: 0x2001_0db8_0000_0000, last: 1 };
        check(Some(Ip::Ipv6(ip)), 443, Ok("[2001:db8::1]:443"));
        check(Some(Ip::Ipv4(0)), 0, Err("the target has port 0, want 1 to 65535"));
        check(Some(Ip::Ipv4(0)), 65_536, Err("the target has port 65536, want 1 to 65535"));
        check(None, 80, Err("the target has no IP address"));
    }
}
