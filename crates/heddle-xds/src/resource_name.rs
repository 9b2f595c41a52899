//! Names of resources, and their meaning.

use crate::family_port::FamilyPort;
use crate::resource::ResourceKey;
use heddle_model::Name;
use heddle_proto::ResourceType;
use std::fmt;
use std::net::SocketAddr;

/// The cluster that is never defined: the share of a broken backend.
pub(crate) const BROKEN: &str = "heddle/broken";

/// The prefix of the clusters of dialled addresses.
pub(crate) const AT: &str = "at:";

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
    /// Connections that were handed back, on their way to the listener of the dialled address.
    Handback,
    /// A dialled address and port.
    At(SocketAddr),
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

    /// The key of its resource of a type.
    pub(crate) fn key(&self, ty: ResourceType) -> ResourceKey {
        ResourceKey { ty, name: self.name() }
    }

    /// Reads a name; `None` for one that no resource has.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "inbound" => return Some(Self::Inbound),
            "inbound:other" => return Some(Self::OtherApplications),
            "outbound" => return Some(Self::Outbound),
            "handback" => return Some(Self::Handback),
            "passthrough" => return Some(Self::Passthrough),
            "blackhole" => return Some(Self::Blackhole),
            _ => {}
        }
        if let Some(rest) = name.strip_prefix("inbound:") {
            let application = rest.parse().ok().map(Self::Application);
            return application.or_else(|| rest.parse().ok().map(Self::InboundAt));
        }
        match name.strip_prefix(AT) {
            Some(rest) => rest.parse().ok().map(Self::At),
            None => FamilyPort::parse(name).map(Self::Service),
        }
    }
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
            Self::Handback => f.write_str("handback"),
            Self::At(address) => write!(f, "{AT}{address}"),
            Self::Passthrough => f.write_str("passthrough"),
            Self::Blackhole => f.write_str("blackhole"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::{Family, ServiceKey, ServicePortKey};

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
            ("handback", Subject::Handback),
            ("at:10.0.0.3:8080", Subject::At(([10, 0, 0, 3], 8080).into())),
            ("at:[fd00::3]:8080", Subject::At("[fd00::3]:8080".parse().expect("an address"))),
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
            "at:",
            "at:10.0.0.3",
            "at:10.0.0.3:*",
            ":8080",
        ] {
            assert_eq!(Subject::parse(name), None, "{name}");
        }
    }
}
