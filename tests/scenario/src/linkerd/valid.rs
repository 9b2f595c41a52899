//! Checks for messages that make a proxy panic, or take a whole policy for invalid.

use heddle_proto::google::protobuf::Duration;
use heddle_proto::io::linkerd::proxy::destination::{WeightedAddr, tls_identity};
use heddle_proto::io::linkerd::proxy::http_route::{
    HttpFailureInjector, HttpRouteMatch, header_match, path_match, query_param_match,
};
use heddle_proto::io::linkerd::proxy::http_types::{Headers, http_method};
use heddle_proto::io::linkerd::proxy::meta::{Metadata, metadata};
use heddle_proto::io::linkerd::proxy::outbound::backend::{balance_p2c, endpoint_discovery};
use heddle_proto::io::linkerd::proxy::outbound::failure_accrual;
use heddle_proto::io::linkerd::proxy::outbound::http_route::{Filter, Retry, Rule, distribution, filter};
use heddle_proto::io::linkerd::proxy::outbound::{
    Backend, ExponentialBackoff, OutboundPolicy, backend, opaque_route, proxy_protocol as outbound_protocol,
};
use heddle_proto::io::linkerd::proxy::{inbound, net};
use regex::Regex;

/// Checks that a proxy takes an outbound policy, and does not panic at it.
///
/// # Panics
/// Where it does not: the text says why.
pub fn outbound(policy: &OutboundPolicy) {
    metadata(policy.metadata.as_ref());
    match policy.protocol.as_ref().and_then(|protocol| protocol.kind.as_ref()).expect("a protocol") {
        outbound_protocol::Kind::Detect(detect) => {
            duration(detect.timeout.as_ref().expect("a timeout"));
            let (one, two) = (detect.http1.as_ref().expect("HTTP/1"), detect.http2.as_ref().expect("HTTP/2"));
            for (routes, accrual) in
                [(&one.routes, &one.failure_accrual), (&two.routes, &two.failure_accrual)]
            {
                if let Some(of) = accrual {
                    failures(of.kind.as_ref().expect("a kind of accrual"));
                }
                for route in routes {
                    metadata(route.metadata.as_ref());
                    route.rules.iter().for_each(rule);
                }
            }
            opaque(detect.opaque.as_ref().expect("opaque"));
        }
        outbound_protocol::Kind::Opaque(of) => opaque(of),
        outbound_protocol::Kind::Http1(_)
        | outbound_protocol::Kind::Http2(_)
        | outbound_protocol::Kind::Grpc(_)
        | outbound_protocol::Kind::Tls(_) => panic!("never given"),
    }
}

/// Checks that a proxy takes an inbound policy.
///
/// # Panics
/// Where it does not: the text says why.
pub fn inbound(server: &inbound::Server) {
    assert!(server.labels.contains_key("name"), "labels without a name");
    server.authorizations.iter().for_each(authz);
    match server.protocol.as_ref().and_then(|protocol| protocol.kind.as_ref()).expect("a protocol") {
        inbound::proxy_protocol::Kind::Detect(detect) => {
            duration(detect.timeout.as_ref().expect("a timeout"));
            for route in &detect.http_routes {
                metadata(route.metadata.as_ref());
                route.authorizations.iter().for_each(authz);
                for rule in &route.rules {
                    rule.matches.iter().for_each(matches);
                    for of in &rule.filters {
                        match of.kind.as_ref().expect("a kind of filter") {
                            inbound::http_route::filter::Kind::FailureInjector(of) => failure(of),
                            inbound::http_route::filter::Kind::RequestHeaderModifier(_)
                            | inbound::http_route::filter::Kind::Redirect(_) => panic!("never given"),
                        }
                    }
                }
            }
        }
        inbound::proxy_protocol::Kind::Opaque(_) | inbound::proxy_protocol::Kind::Tls(_) => {}
        inbound::proxy_protocol::Kind::Http1(_)
        | inbound::proxy_protocol::Kind::Http2(_)
        | inbound::proxy_protocol::Kind::Grpc(_) => panic!("never given"),
    }
}

/// Checks that a proxy can dial an endpoint as it is meant.
///
/// # Panics
/// Where it cannot: the text says why.
pub fn endpoint(endpoint: &WeightedAddr) {
    let addr = endpoint.addr.as_ref().expect("an address");
    assert!((1..=65535).contains(&addr.port), "port {}", addr.port);
    ip(addr.ip.as_ref());
    let Some(tls) = &endpoint.tls_identity else {
        assert!(
            endpoint.protocol_hint.is_none_or(|hint| hint.opaque_transport.is_none()),
            "a header without TLS"
        );
        return;
    };
    match tls.strategy.as_ref().expect("an identity") {
        tls_identity::Strategy::DnsLikeIdentity(dns) => {
            assert!(
                !dns.name.is_empty() && !dns.name.ends_with('.') && dns.name.len() <= 253,
                "{}",
                dns.name
            );
        }
        tls_identity::Strategy::UriLikeIdentity(_) => {
            assert!(tls.server_name.is_some(), "a URI without a server name is dialled in plain text");
        }
    }
}

fn rule(rule: &Rule) {
    rule.matches.iter().for_each(matches);
    rule.filters.iter().for_each(http_filter);
    if let Some(timeouts) = &rule.timeouts {
        [&timeouts.request, &timeouts.response, &timeouts.idle].into_iter().flatten().for_each(duration);
    }
    rule.retry.iter().for_each(retry);
    match rule.backends.as_ref().and_then(|backend| backend.kind.as_ref()).expect("backends") {
        distribution::Kind::Empty(_) => {}
        distribution::Kind::FirstAvailable(all) => {
            assert!(!all.backends.is_empty(), "a distribution over nobody");
            for rule in &all.backends {
                rule.filters.iter().for_each(http_filter);
                backend(rule.backend.as_ref());
            }
        }
        distribution::Kind::RandomAvailable(all) => {
            let sum: u64 = all.backends.iter().map(|backend| u64::from(backend.weight)).sum();
            assert!(sum > 0 && sum <= u64::from(u32::MAX), "weights add up to {sum}");
            for rule in &all.backends {
                let rule = rule.backend.as_ref().expect("a backend");
                rule.filters.iter().for_each(http_filter);
                backend(rule.backend.as_ref());
            }
        }
    }
}

fn opaque(opaque: &outbound_protocol::Opaque) {
    let [route] = opaque.routes.as_slice() else { panic!("{} opaque routes", opaque.routes.len()) };
    metadata(route.metadata.as_ref());
    let [rule] = route.rules.as_slice() else { panic!("{} opaque rules", route.rules.len()) };
    assert!(rule.filters.iter().all(|filter| filter.kind.is_some()), "a filter of no kind");
    match rule.backends.as_ref().and_then(|backend| backend.kind.as_ref()).expect("backends") {
        opaque_route::distribution::Kind::Empty(_) => {}
        opaque_route::distribution::Kind::FirstAvailable(all) => {
            assert!(!all.backends.is_empty(), "a distribution over nobody");
            all.backends.iter().for_each(|one| backend(one.backend.as_ref()));
        }
        opaque_route::distribution::Kind::RandomAvailable(_) => panic!("never given"),
    }
}

fn backend(given: Option<&Backend>) {
    let given = given.expect("a backend");
    metadata(given.metadata.as_ref());
    duration(given.queue.as_ref().and_then(|queue| queue.failfast_timeout.as_ref()).expect("a queue"));
    match &given.kind {
        None => {}
        Some(backend::Kind::Forward(given)) => endpoint(given),
        Some(backend::Kind::Balancer(given)) => {
            let discovery =
                given.discovery.as_ref().and_then(|discovery| discovery.kind.as_ref()).expect("a discovery");
            let endpoint_discovery::Kind::Dst(get) = discovery;
            name_and_port(&get.path);
            match given.load.as_ref().expect("a load") {
                balance_p2c::Load::PeakEwma(given) => {
                    duration(given.decay.as_ref().expect("a decay"));
                    duration(given.default_rtt.as_ref().expect("a round trip"));
                }
                balance_p2c::Load::PenaltyPeakEwma(_) => panic!("never given"),
            }
        }
    }
}

fn name_and_port(path: &str) {
    let (name, port) = path.rsplit_once(':').expect("a port");
    assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{path}");
    assert!(name.parse::<std::net::IpAddr>().is_err(), "{path} is an address");
    let label = |of: &str| {
        let plain = of.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !of.is_empty() && of.len() <= 63 && plain && !of.starts_with('-') && !of.ends_with('-')
    };
    assert!(name.len() <= 253 && name.split('.').all(label), "{path}");
}

fn retry(retry: &Retry) {
    assert!(retry.max_retries <= u32::from(u16::MAX), "{} retries", retry.max_retries);
    for range in &retry.conditions.as_ref().expect("conditions").status_ranges {
        assert!(range.start >= 1 && range.start <= range.end && range.end <= 599, "{range:?}");
    }
    retry.timeout.iter().for_each(duration);
    retry.backoff.iter().for_each(backoff);
}

fn failures(kind: &failure_accrual::Kind) {
    match kind {
        failure_accrual::Kind::ConsecutiveFailures(kind) => {
            backoff(kind.backoff.as_ref().expect("a backoff"))
        }
        failure_accrual::Kind::Unified(_) => panic!("never given"),
    }
}

fn backoff(backoff: &ExponentialBackoff) {
    let (min, max) =
        (backoff.min_backoff.as_ref().expect("a least"), backoff.max_backoff.as_ref().expect("a most"));
    let length = |backoff: &Duration| {
        duration(backoff);
        (backoff.seconds, backoff.nanos)
    };
    assert!(length(min) <= length(max) && length(max) > (0, 0), "{backoff:?}");
    assert!((0.0..=100.0).contains(&backoff.jitter_ratio), "{backoff:?}");
}

fn duration(duration: &Duration) {
    assert!(duration.seconds >= 0 && (0..1_000_000_000).contains(&duration.nanos), "{duration:?}");
}

fn http_filter(given: &Filter) {
    match given.kind.as_ref().expect("a kind of filter") {
        filter::Kind::FailureInjector(given) => failure(given),
        filter::Kind::RequestHeaderModifier(given) => {
            [&given.add, &given.set].into_iter().flatten().for_each(headers);
            given.remove.iter().for_each(|name| header_name(name));
        }
        filter::Kind::ResponseHeaderModifier(given) => {
            [&given.add, &given.set].into_iter().flatten().for_each(headers);
            given.remove.iter().for_each(|name| header_name(name));
        }
        filter::Kind::Redirect(given) => {
            assert!((300..400).contains(&given.status), "status {}", given.status)
        }
    }
}

fn failure(failure: &HttpFailureInjector) {
    assert!((100..=599).contains(&failure.status), "status {}", failure.status);
    assert!(failure.ratio.is_none(), "a ratio");
}

fn matches(matcher: &HttpRouteMatch) {
    if let Some(path) = &matcher.path {
        match path.kind.as_ref().expect("a kind of path") {
            path_match::Kind::Regex(text) => drop(Regex::new(text).expect("an expression")),
            path_match::Kind::Exact(text) | path_match::Kind::Prefix(text) => {
                assert!(!text.is_empty(), "an empty path")
            }
        }
    }
    for matcher in &matcher.headers {
        header_name(&matcher.name);
        match matcher.value.as_ref().expect("a value") {
            header_match::Value::Exact(value) => header_value(value),
            header_match::Value::Regex(text) => drop(Regex::new(text).expect("an expression")),
        }
    }
    for matcher in &matcher.query_params {
        assert!(!matcher.name.is_empty(), "a parameter without a name");
        match matcher.value.as_ref().expect("a value") {
            query_param_match::Value::Exact(_) => {}
            query_param_match::Value::Regex(text) => drop(Regex::new(text).expect("an expression")),
        }
    }
    if let Some(method) = &matcher.method {
        match method.r#type.as_ref().expect("a method") {
            http_method::Type::Registered(number) => assert!((0..=8).contains(number), "method {number}"),
            http_method::Type::Unregistered(name) => header_name(name),
        }
    }
}

fn headers(headers: &Headers) {
    for headers in &headers.headers {
        header_name(&headers.name);
        header_value(&headers.value);
    }
}

fn header_name(name: &str) {
    assert!(
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte)),
        "{name:?}"
    );
}

fn header_value(value: &[u8]) {
    assert!(value.iter().all(|byte| *byte == b'\t' || (*byte >= 32 && *byte != 127)), "{value:?}");
}

fn authz(authz: &inbound::Authz) {
    use inbound::authn::{Permit, permit_mesh_tls::Clients};
    // What an authorization of this name admits is logged: meant where a policy is in Audit, and nowhere else a name.
    if !authz.metadata.as_ref().is_some_and(is_audit) {
        metadata(authz.metadata.as_ref());
    }
    assert!(!authz.networks.is_empty(), "an authorization of no network");
    for authz in &authz.networks {
        [authz.net.as_ref()].into_iter().chain(authz.except.iter().map(Some)).for_each(network);
    }
    match authz
        .authentication
        .as_ref()
        .and_then(|authentication| authentication.permit.as_ref())
        .expect("whom it permits")
    {
        Permit::Unauthenticated(_) => {}
        Permit::MeshTls(authz) => match authz.clients.as_ref().expect("which clients") {
            Clients::Unauthenticated(_) => panic!("TLS without a client's certificate is no identity"),
            Clients::Identities(authz) => {
                assert!(!authz.identities.is_empty() || !authz.suffixes.is_empty(), "nobody");
                assert!(
                    authz.suffixes.iter().all(|suffix| !suffix.parts.is_empty()),
                    "whoever has any certificate"
                );
            }
        },
    }
}

fn network(network: Option<&net::IpNetwork>) {
    let network = network.expect("a network");
    let bits = match ip(network.ip.as_ref()) {
        net::ip_address::Ip::Ipv4(_) => 32,
        net::ip_address::Ip::Ipv6(_) => 128,
    };
    assert!(network.prefix_len <= bits, "/{}", network.prefix_len);
}

fn ip(address: Option<&net::IpAddress>) -> &net::ip_address::Ip {
    address.and_then(|one| one.ip.as_ref()).expect("an address")
}

fn is_audit(given: &Metadata) -> bool {
    matches!(&given.kind, Some(metadata::Kind::Default(name)) if name == "audit")
}

fn metadata(given: Option<&Metadata>) {
    match given.and_then(|one| one.kind.as_ref()).expect("metadata") {
        metadata::Kind::Default(name) => assert!(!name.is_empty() && name != "audit", "metadata {name:?}"),
        metadata::Kind::Resource(given) => {
            let all = [&given.group, &given.kind, &given.name, &given.namespace];
            assert!(all.iter().all(|one| !one.is_empty()), "metadata {given:?}");
        }
    }
}
