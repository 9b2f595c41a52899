//! The names by which our policies call sets of endpoints.

use heddle_model::{Family, ServiceKey, ServicePortKey};

/// The domain behind `.svc.` in the names that policies give. Any other is understood too.
const DOMAIN: &str = "cluster.local";
/// The same in the names of the second family of a dual-stack Service.
const FAMILY_DOMAINS: [(Family, &str); 2] =
    [(Family::V4, "ipv4.cluster.local"), (Family::V6, "ipv6.cluster.local")];
/// The port of a name without one.
const DEFAULT_PORT: u16 = 80;
/// The longest DNS name.
const LONGEST: usize = 253;

/// `<service>.<namespace>.svc.cluster.local:<port>`, where `second` names the second family of a dual-stack Service;
/// `None` where a proxy would not take that for a name, and panic.
pub(crate) fn of_port(port: &ServicePortKey, second: Option<Family>) -> Option<String> {
    let ServicePortKey { service: ServiceKey { namespace, name }, port } = port;
    let domain = FAMILY_DOMAINS.iter().find(|(family, _)| Some(*family) == second);
    let host = format!("{name}.{namespace}.svc.{}", domain.map_or(DOMAIN, |(_, domain)| domain));
    let valid = is_label(name) && is_label(namespace) && host.len() <= LONGEST && *port != 0;
    valid.then(|| format!("{host}:{port}"))
}

/// The port of a Service that a name means, and the family if it names one.
///
/// # Errors
/// Says what was wanted instead.
pub(crate) fn parse(path: &str) -> Result<(ServicePortKey, Option<Family>), String> {
    let bad = |why: &str| {
        let path: String = path.chars().take(LONGEST).collect();
        format!("{path:?} {why}, want \"<service>.<namespace>.svc.<domain>[:<port>]\"")
    };
    let (host, port) = match path.rsplit_once(':') {
        Some((host, port)) => (
            host,
            port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(|| bad("has no valid port"))?,
        ),
        None => (path, DEFAULT_PORT),
    };
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return Err(bad("is an address"));
    }
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [name, namespace, "svc", domain @ ..] if is_label(name) && is_label(namespace) => {
            let named = FAMILY_DOMAINS.iter().find(|(_, known)| known.split('.').eq(domain.iter().copied()));
            let port = ServicePortKey { service: ServiceKey::new(*namespace, *name), port };
            Ok((port, named.map(|(family, _)| *family)))
        }
        [_, _, _, "svc", ..] => Err(bad("names one instance of a Service, which is not known by name")),
        _ => Err(bad("is not the name of a Service")),
    }
}

fn is_label(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(good)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, want: Result<&str, &str>) {
        let got = parse(path).map(|(port, _)| port.to_string());
        assert_eq!(got, want.map(String::from).map_err(String::from));
    }

    #[test]
    fn a_name_reads_back_as_its_port() {
        let port = ServicePortKey { service: ServiceKey::new("shop", "cart"), port: 8080 };
        for (second, name) in [
            (None, "cart.shop.svc.cluster.local:8080"),
            (Some(Family::V4), "cart.shop.svc.ipv4.cluster.local:8080"),
            (Some(Family::V6), "cart.shop.svc.ipv6.cluster.local:8080"),
        ] {
            assert_eq!(of_port(&port, second).as_deref(), Some(name));
            assert_eq!(parse(name), Ok((port.clone(), second)));
        }
    }

    #[test]
    fn any_domain_and_no_port_are_understood() {
        check("cart.shop.svc.example.org.:8080", Ok("shop/cart:8080"));
        check("cart.shop.svc", Ok("shop/cart:80"));
    }

    #[test]
    fn what_is_no_name_of_a_service_says_what_is_wanted() {
        const WANT: &str = "want \"<service>.<namespace>.svc.<domain>[:<port>]\"";
        check("10.0.0.1:80", Err(&format!("\"10.0.0.1:80\" is an address, {WANT}")));
        check("[fd00::1]:80", Err(&format!("\"[fd00::1]:80\" is an address, {WANT}")));
        check("cart.shop.svc:0", Err(&format!("\"cart.shop.svc:0\" has no valid port, {WANT}")));
        check("example.org:80", Err(&format!("\"example.org:80\" is not the name of a Service, {WANT}")));
        let instance = "db-0.db.shop.svc.cluster.local:5432";
        let text =
            format!("{instance:?} names one instance of a Service, which is not known by name, {WANT}");
        check(instance, Err(&text));
    }

    #[test]
    fn a_name_that_a_proxy_would_not_take_is_not_given() {
        for (name, namespace, port) in
            [("Cart", "shop", 80), ("cart", "", 80), ("-", "shop", 80), ("cart", "shop", 0)]
        {
            let port = ServicePortKey { service: ServiceKey::new(namespace, name), port };
            assert_eq!(of_port(&port, None), None);
        }
    }
}
