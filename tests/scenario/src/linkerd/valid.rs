//! What makes a proxy panic, or take a whole policy for invalid.

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

/// Whether a proxy takes an outbound policy, and does not panic at it.
///
/// # Panics
/// Where it does not: the text says why.
pub fn outbound(policy: &OutboundPolicy) {
    metadata(policy.metadata.as_ref());
    match policy.protocol.as_ref().and_then(|of| of.kind.as_ref()).expect("a protocol") {
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

/// Whether a proxy takes an inbound policy.
///
/// # Panics
/// Where it does not: the text says why.
pub fn inbound(server: &inbound::Server) {
    assert!(server.labels.contains_key("name"), "labels without a name");
    server.authorizations.iter().for_each(authz);
    match server.protocol.as_ref().and_then(|of| of.kind.as_ref()).expect("a protocol") {
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

/// Whether a proxy can dial an endpoint as it is meant.
///
/// # Panics
/// Where it cannot: the text says why.
pub fn endpoint(of: &WeightedAddr) {
    let addr = of.addr.as_ref().expect("an address");
    assert!((1..=65535).contains(&addr.port), "port {}", addr.port);
    ip(addr.ip.as_ref());
    let Some(tls) = &of.tls_identity else {
        assert!(of.protocol_hint.is_none_or(|hint| hint.opaque_transport.is_none()), "a header without TLS");
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

fn rule(of: &Rule) {
    of.matches.iter().for_each(matches);
    of.filters.iter().for_each(http_filter);
    if let Some(timeouts) = &of.timeouts {
        [&timeouts.request, &timeouts.response, &timeouts.idle].into_iter().flatten().for_each(duration);
    }
    of.retry.iter().for_each(retry);
    match of.backends.as_ref().and_then(|of| of.kind.as_ref()).expect("backends") {
        distribution::Kind::Empty(_) => {}
        distribution::Kind::FirstAvailable(all) => {
            assert!(!all.backends.is_empty(), "a distribution over nobody");
            for of in &all.backends {
                of.filters.iter().for_each(http_filter);
                backend(of.backend.as_ref());
            }
        }
        distribution::Kind::RandomAvailable(all) => {
            let sum: u64 = all.backends.iter().map(|of| u64::from(of.weight)).sum();
            assert!(sum > 0 && sum <= u64::from(u32::MAX), "weights add up to {sum}");
            for of in &all.backends {
                let of = of.backend.as_ref().expect("a backend");
                of.filters.iter().for_each(http_filter);
                backend(of.backend.as_ref());
            }
        }
    }
}

fn opaque(of: &outbound_protocol::Opaque) {
    let [route] = of.routes.as_slice() else { panic!("{} opaque routes", of.routes.len()) };
    metadata(route.metadata.as_ref());
    let [rule] = route.rules.as_slice() else { panic!("{} opaque rules", route.rules.len()) };
    assert!(rule.filters.iter().all(|of| of.kind.is_some()), "a filter of no kind");
    match rule.backends.as_ref().and_then(|of| of.kind.as_ref()).expect("backends") {
        opaque_route::distribution::Kind::Empty(_) => {}
        opaque_route::distribution::Kind::FirstAvailable(all) => {
            assert!(!all.backends.is_empty(), "a distribution over nobody");
            all.backends.iter().for_each(|of| backend(of.backend.as_ref()));
        }
        opaque_route::distribution::Kind::RandomAvailable(_) => panic!("never given"),
    }
}

fn backend(of: Option<&Backend>) {
    let of = of.expect("a backend");
    metadata(of.metadata.as_ref());
    duration(of.queue.as_ref().and_then(|of| of.failfast_timeout.as_ref()).expect("a queue"));
    match &of.kind {
        None => {}
        Some(backend::Kind::Forward(of)) => endpoint(of),
        Some(backend::Kind::Balancer(of)) => {
            let discovery = of.discovery.as_ref().and_then(|of| of.kind.as_ref()).expect("a discovery");
            let endpoint_discovery::Kind::Dst(get) = discovery;
            name_and_port(&get.path);
            match of.load.as_ref().expect("a load") {
                balance_p2c::Load::PeakEwma(of) => {
                    duration(of.decay.as_ref().expect("a decay"));
                    duration(of.default_rtt.as_ref().expect("a round trip"));
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

fn retry(of: &Retry) {
    assert!(of.max_retries <= u32::from(u16::MAX), "{} retries", of.max_retries);
    for range in &of.conditions.as_ref().expect("conditions").status_ranges {
        assert!(range.start >= 1 && range.start <= range.end && range.end <= 599, "{range:?}");
    }
    of.timeout.iter().for_each(duration);
    of.backoff.iter().for_each(backoff);
}

fn failures(of: &failure_accrual::Kind) {
    match of {
        failure_accrual::Kind::ConsecutiveFailures(of) => backoff(of.backoff.as_ref().expect("a backoff")),
        failure_accrual::Kind::Unified(_) => panic!("never given"),
    }
}

fn backoff(of: &ExponentialBackoff) {
    let (min, max) = (of.min_backoff.as_ref().expect("a least"), of.max_backoff.as_ref().expect("a most"));
    let length = |of: &Duration| {
        duration(of);
        (of.seconds, of.nanos)
    };
    assert!(length(min) <= length(max) && length(max) > (0, 0), "{of:?}");
    assert!((0.0..=100.0).contains(&of.jitter_ratio), "{of:?}");
}

fn duration(of: &Duration) {
    assert!(of.seconds >= 0 && (0..1_000_000_000).contains(&of.nanos), "{of:?}");
}

fn http_filter(of: &Filter) {
    match of.kind.as_ref().expect("a kind of filter") {
        filter::Kind::FailureInjector(of) => failure(of),
        filter::Kind::RequestHeaderModifier(of) => {
            [&of.add, &of.set].into_iter().flatten().for_each(headers);
            of.remove.iter().for_each(|name| header_name(name));
        }
        filter::Kind::ResponseHeaderModifier(of) => {
            [&of.add, &of.set].into_iter().flatten().for_each(headers);
            of.remove.iter().for_each(|name| header_name(name));
        }
        filter::Kind::Redirect(_) => panic!("never given"),
    }
}

fn failure(of: &HttpFailureInjector) {
    assert!((100..=599).contains(&of.status), "status {}", of.status);
    assert!(of.ratio.is_none(), "a ratio");
}

fn matches(of: &HttpRouteMatch) {
    if let Some(path) = &of.path {
        match path.kind.as_ref().expect("a kind of path") {
            path_match::Kind::Regex(text) => drop(Regex::new(text).expect("an expression")),
            path_match::Kind::Exact(text) | path_match::Kind::Prefix(text) => {
                assert!(!text.is_empty(), "an empty path")
            }
        }
    }
    for of in &of.headers {
        header_name(&of.name);
        match of.value.as_ref().expect("a value") {
            header_match::Value::Exact(value) => header_value(value),
            header_match::Value::Regex(text) => drop(Regex::new(text).expect("an expression")),
        }
    }
    for of in &of.query_params {
        assert!(!of.name.is_empty(), "a parameter without a name");
        match of.value.as_ref().expect("a value") {
            query_param_match::Value::Exact(_) => {}
            query_param_match::Value::Regex(text) => drop(Regex::new(text).expect("an expression")),
        }
    }
    if let Some(method) = &of.method {
        match method.r#type.as_ref().expect("a method") {
            http_method::Type::Registered(number) => assert!((0..=8).contains(number), "method {number}"),
            http_method::Type::Unregistered(name) => header_name(name),
        }
    }
}

fn headers(of: &Headers) {
    for of in &of.headers {
        header_name(&of.name);
        header_value(&of.value);
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

fn authz(of: &inbound::Authz) {
    use inbound::authn::{Permit, permit_mesh_tls::Clients};
    // What an authorization of this name admits is logged: meant where a policy is in Audit, and nowhere else a name.
    if !of.metadata.as_ref().is_some_and(is_audit) {
        metadata(of.metadata.as_ref());
    }
    assert!(!of.networks.is_empty(), "an authorization of no network");
    for of in &of.networks {
        [of.net.as_ref()].into_iter().chain(of.except.iter().map(Some)).for_each(network);
    }
    match of.authentication.as_ref().and_then(|of| of.permit.as_ref()).expect("whom it permits") {
        Permit::Unauthenticated(_) => {}
        Permit::MeshTls(of) => match of.clients.as_ref().expect("which clients") {
            Clients::Unauthenticated(_) => panic!("TLS without a client's certificate is no identity"),
            Clients::Identities(of) => {
                assert!(!of.identities.is_empty() || !of.suffixes.is_empty(), "nobody");
                assert!(of.suffixes.iter().all(|of| !of.parts.is_empty()), "whoever has any certificate");
            }
        },
    }
}

fn network(of: Option<&net::IpNetwork>) {
    let of = of.expect("a network");
    let bits = match ip(of.ip.as_ref()) {
        net::ip_address::Ip::Ipv4(_) => 32,
        net::ip_address::Ip::Ipv6(_) => 128,
    };
    assert!(of.prefix_len <= bits, "/{}", of.prefix_len);
}

fn ip(of: Option<&net::IpAddress>) -> &net::ip_address::Ip {
    of.and_then(|of| of.ip.as_ref()).expect("an address")
}

fn is_audit(of: &Metadata) -> bool {
    matches!(&of.kind, Some(metadata::Kind::Default(name)) if name == "audit")
}

fn metadata(of: Option<&Metadata>) {
    match of.and_then(|of| of.kind.as_ref()).expect("metadata") {
        metadata::Kind::Default(name) => assert!(!name.is_empty() && name != "audit", "metadata {name:?}"),
        metadata::Kind::Resource(of) => {
            let all = [&of.group, &of.kind, &of.name, &of.namespace];
            assert!(all.iter().all(|of| !of.is_empty()), "metadata {of:?}");
        }
    }
}
