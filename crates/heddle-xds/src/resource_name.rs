//! Names of resources, and their meaning.

use crate::family_port::FamilyPort;
use heddle_model::{Identity, Name, WorkloadKey};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The cluster that is never defined: the share of a broken backend.
pub(crate) const BROKEN: &str = "heddle/broken";

/// The prefix of resources for direct dials.
pub(crate) const DIRECT: &str = "direct:";

/// The meaning of a resource's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A port of a Service, by one of its IP families.
    Service(FamilyPort),
    /// All captured inbound traffic.
    Inbound,
    /// One inbound port that the proxy binds.
    InboundAt(SocketAddr),
    /// The application behind an inbound port.
    Application(u16),
    /// The application behind every captured port that has no cluster of its own.
    OtherApplications,
    /// All captured outbound traffic.
    Outbound,
    /// A workload's own addresses, at ports that are not dialled as all its others are.
    Direct(WorkloadKey),
    /// A workload's own address, at every other port.
    DirectAt(IpAddr),
    /// The dialled address, as this identity.
    DirectTo(Identity),
    /// The dialled address as it is.
    Passthrough,
    /// Nobody.
    Blackhole,
}

impl Subject {
    /// Its name.
    pub(crate) fn name(&self) -> Name {
        self.to_string().into()
    }

    /// Reads a name; `None` for one that no resource has.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "inbound" => return Some(Self::Inbound),
            "inbound:other" => return Some(Self::OtherApplications),
            "outbound" => return Some(Self::Outbound),
            "passthrough" => return Some(Self::Passthrough),
            "blackhole" => return Some(Self::Blackhole),
            _ => {}
        }
        if let Some(rest) = name.strip_prefix("inbound:") {
            let application = rest.parse().ok().map(Self::Application);
            return application.or_else(|| rest.parse().ok().map(Self::InboundAt));
        }
        match name.strip_prefix(DIRECT) {
            Some(rest) => {
                let workload = || rest.parse().ok().map(Self::Direct);
                let address = rest.parse().ok().map(Self::DirectAt);
                address.or_else(workload).or_else(|| identity(rest).map(Self::DirectTo))
            }
            None => FamilyPort::parse(name).map(Self::Service),
        }
    }
}

fn identity(text: &str) -> Option<Identity> {
    let (namespace, account) = text.split_once('/')?;
    Identity::new(namespace, account).ok()
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(port) => write!(f, "{port}"),
            Self::Inbound => f.write_str("inbound"),
            Self::InboundAt(address) => write!(f, "inbound:{address}"),
            Self::Application(port) => write!(f, "inbound:{port}"),
            Self::OtherApplications => f.write_str("inbound:other"),
            Self::Outbound => f.write_str("outbound"),
            Self::Direct(workload) => write!(f, "direct:{workload}"),
            Self::DirectAt(address) => write!(f, "direct:{address}"),
            Self::DirectTo(identity) => write!(f, "direct:{identity}"),
            Self::Passthrough => f.write_str("passthrough"),
            Self::Blackhole => f.write_str("blackhole"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::{Family, ServiceKey, ServicePortKey, WorkloadKind};

    #[test]
    fn a_subject_reads_back_what_it_prints() {
        let port = ServicePortKey { service: ServiceKey::new("shop", "cart"), port: 8080 };
        let second = |family| FamilyPort { port: port.clone(), second: Some(family) };
        let all = [
            ("shop/cart:8080", Subject::Service(FamilyPort::first(port.clone()))),
            ("shop/cart:8080/ipv4", Subject::Service(second(Family::V4))),
            ("shop/cart:8080/ipv6", Subject::Service(second(Family::V6))),
            ("inbound", Subject::Inbound),
            ("inbound:127.0.0.2:8080", Subject::InboundAt(([127, 0, 0, 2], 8080).into())),
            ("inbound:[::1]:8080", Subject::InboundAt((std::net::Ipv6Addr::LOCALHOST, 8080).into())),
            ("inbound:8080", Subject::Application(8080)),
            ("inbound:other", Subject::OtherApplications),
            ("outbound", Subject::Outbound),
            (
                "direct:pod/shop/cart-0",
                Subject::Direct(WorkloadKey::new(WorkloadKind::Pod, "shop", "cart-0")),
            ),
            ("direct:10.0.0.3", Subject::DirectAt([10, 0, 0, 3].into())),
            ("direct:fd00::3", Subject::DirectAt(IpAddr::V6("fd00::3".parse().expect("an address")))),
            ("direct:shop/cart", Subject::DirectTo(Identity::new("shop", "cart").expect("valid"))),
            ("passthrough", Subject::Passthrough),
            ("blackhole", Subject::Blackhole),
        ];
        for (name, subject) in all {
            assert_eq!(subject.to_string(), name);
            assert_eq!(Subject::parse(name), Some(subject));
        }
    }

    #[test]
    fn a_name_that_no_resource_has_is_nothing() {
        for name in [
            "",
            "heddle/broken",
            "shop/cart",
            "shop/cart:99999",
            "shop/cart/ipv6",
            "shop/cart:80/ipv5",
            "inbound:",
            "direct:",
            "direct:shop",
            ":8080",
        ] {
            assert_eq!(Subject::parse(name), None, "{name}");
        }
    }
}
