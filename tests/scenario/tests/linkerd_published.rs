//! Answers to proxies are read by the published crate, and taken by its own conversions.

use heddle_linkerd::{Answer, ProxyRequest, project, topic};
use heddle_model::Snapshot;
use heddle_model::fact::ServiceForm;
use heddle_scenario_tests::all;
use linkerd2_proxy_api::destination::{Update, WeightedAddr, update};
use linkerd2_proxy_api::http_route::HttpRouteMatch;
use linkerd2_proxy_api::inbound::{Authz, Server, proxy_protocol as inbound};
use linkerd2_proxy_api::outbound::{OutboundPolicy, proxy_protocol as outbound};
use prost::Message;
use std::net::SocketAddr;

#[test]
fn the_published_crate_takes_what_proxies_are_told() {
    let mut read = 0;
    for scenario in all() {
        let snapshot = scenario.switched(|_| true).snapshot();
        for client in snapshot.workloads.keys() {
            for ask in asks(&snapshot) {
                let Ok(topic) = topic(&ask, client, &snapshot) else { continue };
                read += 1;
                match (project(&topic, &snapshot).answer, &ask) {
                    (Answer::Endpoints(all), _) => {
                        all.whole().into_iter().for_each(|bytes| endpoints(&bytes))
                    }
                    (Answer::Message(bytes), ProxyRequest::Inbound { .. }) => {
                        server(Server::decode(bytes).expect("a Server"))
                    }
                    (Answer::Message(bytes), _) => {
                        policy(OutboundPolicy::decode(bytes).expect("an OutboundPolicy"))
                    }
                    (Answer::AskAgain, _) => panic!("{ask:?} was just asked"),
                }
            }
        }
    }
    assert!(read > 1000, "{read} answers");
}

fn asks(snapshot: &Snapshot) -> Vec<ProxyRequest> {
    let mut asks = vec![ProxyRequest::Inbound { port: 65_535 }];
    for service in snapshot.services.values() {
        let ServiceForm::Virtual(addresses) = &service.form else { continue };
        for port in &service.ports {
            let path = format!("{}.{}.svc:{}", service.key.name, service.key.namespace, port.number);
            asks.push(ProxyRequest::Endpoints { path });
            asks.extend(
                addresses
                    .iter()
                    .map(|ip| ProxyRequest::Outbound { target: SocketAddr::new(*ip, port.number) }),
            );
        }
    }
    for workload in snapshot.workloads.values() {
        asks.extend(workload.inbound.iter().map(|port| ProxyRequest::Inbound { port: port.port.into() }));
        asks.extend(
            workload
                .addresses
                .iter()
                .map(|ip| ProxyRequest::Outbound { target: SocketAddr::new(*ip, 65_535) }),
        );
    }
    asks
}

fn endpoints(bytes: &[u8]) {
    match Update::decode(bytes).expect("an Update").update.expect("what changes") {
        update::Update::Add(set) => set.addrs.into_iter().for_each(endpoint),
        update::Update::NoEndpoints(_) => {}
        update::Update::Remove(_) => panic!("a remove is never first"),
    }
}

fn endpoint(endpoint: WeightedAddr) {
    SocketAddr::try_from(endpoint.addr.expect("an address")).expect("an address");
}

fn server(server: Server) {
    server.authorizations.into_iter().for_each(authz);
    let Some(inbound::Kind::Detect(detect)) = server.protocol.expect("a protocol").kind else { return };
    for route in detect.http_routes {
        route.authorizations.into_iter().for_each(authz);
        route.rules.into_iter().flat_map(|rule| rule.matches).for_each(matches);
    }
}

fn authz(authz: Authz) {
    for network in authz.networks {
        for net in network.net.into_iter().chain(network.except) {
            ipnet::IpNet::try_from(net).expect("a network");
        }
    }
}

fn policy(policy: OutboundPolicy) {
    let Some(outbound::Kind::Detect(detect)) = policy.protocol.expect("a protocol").kind else { return };
    let routes = detect.http1.expect("HTTP/1").routes;
    routes.into_iter().flat_map(|route| route.rules).flat_map(|rule| rule.matches).for_each(matches);
}

fn matches(matcher: HttpRouteMatch) {
    if let Some(method) = matcher.method {
        http::Method::try_from(method).expect("a method");
    }
    for header in matcher.headers {
        http::HeaderName::from_bytes(header.name.as_bytes()).expect("a header");
    }
}
