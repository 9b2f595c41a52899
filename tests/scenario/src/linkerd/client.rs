//! The client's side.

use super::{matching, valid};
use heddle_decide::{Call, HttpCall};
use heddle_linkerd::{Answer, ProxyRequest, project, topic};
use heddle_model::{Snapshot, WorkloadKey};
use heddle_proto::io::linkerd::proxy::destination::{
    TlsIdentity, Update, WeightedAddr, protocol_hint, tls_identity, update,
};
use heddle_proto::io::linkerd::proxy::http_route::RequestHeaderModifier;
use heddle_proto::io::linkerd::proxy::net::{TcpAddress, ip_address};
use heddle_proto::io::linkerd::proxy::outbound::backend::{self, endpoint_discovery};
use heddle_proto::io::linkerd::proxy::outbound::http_route::{self, distribution, filter};
use heddle_proto::io::linkerd::proxy::outbound::opaque_route;
use heddle_proto::io::linkerd::proxy::outbound::proxy_protocol::{Detect, Kind, Opaque};
use heddle_proto::io::linkerd::proxy::outbound::{Backend, HttpRoute, OutboundPolicy};
use prost::Message;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The connection is closed.
    Closed,
    /// The proxy answers.
    Answered(u16),
    /// It goes to one of these, by weight.
    Forwarded(Vec<(u32, ShareTo)>),
}

/// The target of a share.
#[derive(Clone, Debug, PartialEq)]
pub enum ShareTo {
    /// The proxy answers.
    Answered(u16),
    /// To one of these.
    Endpoints(BTreeMap<SocketAddr, Dialled>),
}

/// The transport to an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialled {
    /// The name that the server must prove; `None` is plain text.
    pub identity: Option<String>,
    /// It goes to the server's direct port, with a header.
    pub direct: bool,
    /// It is carried as requests.
    pub requests: bool,
    /// The call.
    pub call: Call,
}

/// A share's place, and what is sent there.
struct To<'a> {
    snapshot: &'a Snapshot,
    client: &'a WorkloadKey,
    requests: bool,
    call: Call,
}

/// Returns what the client's proxy does.
///
/// # Panics
/// Where an answer is nothing that a proxy would take.
pub fn client(snapshot: &Snapshot, client: &WorkloadKey, target: SocketAddr, call: &Call) -> Outcome {
    let topic = topic(&ProxyRequest::Outbound { target }, client, snapshot).expect("a target");
    let Answer::Message(bytes) = project(&topic, snapshot).answer else { panic!("{target} has no policy") };
    let policy = OutboundPolicy::decode(bytes).expect("an OutboundPolicy");
    valid::outbound(&policy);
    let to = To { snapshot, client, requests: false, call: call.clone() };
    match (policy.protocol.and_then(|protocol| protocol.kind).expect("a protocol"), call) {
        (Kind::Detect(detect), Call::Http(http)) => {
            let Detect { timeout: _, opaque: _, http1, http2 } = detect;
            let (one, two) = (http1.expect("HTTP/1"), http2.expect("HTTP/2"));
            assert_eq!(one.routes, two.routes, "both are routed alike");
            To { requests: true, ..to }.request(&one.routes, http)
        }
        (Kind::Detect(detect), Call::Tcp | Call::Tls) => to.bytes(&detect.opaque.expect("bytes")),
        (Kind::Opaque(opaque), _) => to.bytes(&opaque),
        (Kind::Http1(_) | Kind::Http2(_) | Kind::Grpc(_) | Kind::Tls(_), _) => panic!("never given"),
    }
}

impl To<'_> {
    fn request(&self, routes: &[HttpRoute], call: &HttpCall) -> Outcome {
        let rules: Vec<_> = routes.iter().flat_map(|route| &route.rules).collect();
        let Some(rule) = matching::best(rules.iter().map(|rule| (rule, rule.matches.as_slice())), call)
        else {
            return Outcome::Answered(404);
        };
        let (call, answer) = filtered(&rule.filters, call.clone());
        if let Some(status) = answer {
            return Outcome::Answered(status);
        }
        let distribution =
            rule.backends.as_ref().and_then(|backend| backend.kind.as_ref()).expect("backends");
        let shares = match distribution {
            distribution::Kind::Empty(_) => return Outcome::Answered(503),
            distribution::Kind::FirstAvailable(first) => vec![(1, first.backends.first().expect("one"))],
            distribution::Kind::RandomAvailable(random) => random
                .backends
                .iter()
                .map(|backend| (backend.weight, backend.backend.as_ref().expect("a backend")))
                .collect(),
        };
        let share = |(weight, of)| (weight, self.share(of, &call));
        Outcome::Forwarded(shares.into_iter().map(share).collect())
    }

    fn share(&self, backend: &http_route::RouteBackend, call: &HttpCall) -> ShareTo {
        let (call, answer) = filtered(&backend.filters, call.clone());
        match answer {
            Some(status) => ShareTo::Answered(status),
            None => self.endpoints(backend.backend.as_ref().expect("a backend"), &Call::Http(call)),
        }
    }

    fn bytes(&self, opaque: &Opaque) -> Outcome {
        let [route] = opaque.routes.as_slice() else { panic!("one route") };
        let [rule] = route.rules.as_slice() else { panic!("one rule") };
        if !rule.filters.is_empty() {
            return Outcome::Closed;
        }
        match rule.backends.as_ref().and_then(|backend| backend.kind.as_ref()).expect("backends") {
            opaque_route::distribution::Kind::FirstAvailable(first) => {
                let backend =
                    first.backends.first().and_then(|backend| backend.backend.as_ref()).expect("one");
                Outcome::Forwarded(vec![(1, self.endpoints(backend, &self.call))])
            }
            opaque_route::distribution::Kind::Empty(_)
            | opaque_route::distribution::Kind::RandomAvailable(_) => panic!("never given"),
        }
    }

    fn endpoints(&self, backend: &Backend, call: &Call) -> ShareTo {
        let all = match backend.kind.as_ref() {
            Some(backend::Kind::Forward(endpoint)) => vec![endpoint.clone()],
            Some(backend::Kind::Balancer(balancer)) => {
                let discovery = balancer.discovery.as_ref().and_then(|discovery| discovery.kind.as_ref());
                let Some(endpoint_discovery::Kind::Dst(get)) = discovery else { panic!("a name") };
                self.resolved(&get.path)
            }
            None => return ShareTo::Answered(502),
        };
        ShareTo::Endpoints(
            all.iter().map(|one| (socket(one.addr.as_ref()), self.dialled(one, call))).collect(),
        )
    }

    fn resolved(&self, path: &str) -> Vec<WeightedAddr> {
        let ask = ProxyRequest::Endpoints { path: path.into() };
        let topic = topic(&ask, self.client, self.snapshot).expect("policies name what is there");
        let Answer::Endpoints(all) = project(&topic, self.snapshot).answer else {
            panic!("{path} has no answer")
        };
        let updates = all.whole().into_iter().map(|bytes| Update::decode(bytes).expect("an Update"));
        let sets = updates.map(|one| match one.update.expect("an update says what") {
            update::Update::Add(set) => set.addrs,
            update::Update::NoEndpoints(_) => Vec::new(),
            update::Update::Remove(_) => panic!("a remove is never first"),
        });
        sets.flatten().inspect(valid::endpoint).collect()
    }

    fn dialled(&self, endpoint: &WeightedAddr, call: &Call) -> Dialled {
        let hint = endpoint.protocol_hint.unwrap_or_default();
        let opaque = matches!(hint.protocol, Some(protocol_hint::Protocol::Opaque(_)));
        Dialled {
            identity: endpoint.tls_identity.as_ref().map(name),
            direct: hint.opaque_transport.is_some(),
            requests: self.requests && !opaque,
            call: call.clone(),
        }
    }
}

/// The call after the filters, and the answer of one that answers.
fn filtered(filters: &[http_route::Filter], mut call: HttpCall) -> (HttpCall, Option<u16>) {
    for of in filters {
        match of.kind.as_ref().expect("a filter says what") {
            filter::Kind::FailureInjector(of) => {
                let status = u16::try_from(of.status).expect("a status");
                return (call, Some(status));
            }
            filter::Kind::RequestHeaderModifier(change) => change_headers(change, &mut call),
            filter::Kind::ResponseHeaderModifier(_) => {}
            filter::Kind::Redirect(of) => {
                return (call, Some(u16::try_from(of.status).expect("a status")));
            }
        }
    }
    (call, None)
}

/// Add, set, remove, in this order.
fn change_headers(change: &RequestHeaderModifier, call: &mut HttpCall) {
    let pairs =
        |of: &Option<heddle_proto::io::linkerd::proxy::http_types::Headers>| -> Vec<(String, String)> {
            let all = of.iter().flat_map(|one| &one.headers);
            all.map(|one| (one.name.clone(), String::from_utf8_lossy(&one.value).into_owned())).collect()
        };
    call.headers.extend(pairs(&change.add));
    for (name, value) in pairs(&change.set) {
        call.headers.retain(|(own, _)| *own != name);
        call.headers.push((name, value));
    }
    call.headers.retain(|(own, _)| !change.remove.contains(own));
}

fn name(identity: &TlsIdentity) -> String {
    match identity.strategy.as_ref().expect("an identity") {
        tls_identity::Strategy::DnsLikeIdentity(dns) => dns.name.clone(),
        tls_identity::Strategy::UriLikeIdentity(_) => panic!("never given"),
    }
}

fn socket(address: Option<&TcpAddress>) -> SocketAddr {
    let address = address.expect("an address");
    let ip: IpAddr = match address.ip.as_ref().and_then(|ip| ip.ip.as_ref()).expect("an address") {
        ip_address::Ip::Ipv4(ip) => Ipv4Addr::from(*ip).into(),
        ip_address::Ip::Ipv6(ip) => Ipv6Addr::from((u128::from(ip.first) << 64) | u128::from(ip.last)).into(),
    };
    SocketAddr::new(ip, u16::try_from(address.port).expect("a port"))
}
