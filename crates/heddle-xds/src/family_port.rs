//! A port of a Service for clients that dialled one IP family.
//!
//! A Service of one family has one set of resources per port, which has the port's name. A dual-stack Service has two:
//! its first family has the port's name, so that a Service that gains a family keeps what it has, and the second
//! family has a name of its own (`shop/cart:80/ipv6`).

use heddle_model::fact::ServiceForm;
use heddle_model::snapshot::{Endpoints, Service, ServicePort};
use heddle_model::{Families, Family, ServiceKey, ServicePortKey, Snapshot};
use std::fmt;
use std::sync::Arc;

const WORDS: [(Family, &str); 2] = [(Family::V4, "/ipv4"), (Family::V6, "/ipv6")];

/// A port of a Service for clients that dialled one IP family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FamilyPort {
    /// The port.
    pub(crate) port: ServicePortKey,
    /// The second family of a dual-stack Service; `None` is the first or only one.
    pub(crate) second: Option<Family>,
}

impl FamilyPort {
    /// Returns the first or only family of a port.
    pub(crate) fn first(port: ServicePortKey) -> Self {
        Self { port, second: None }
    }

    /// Returns every family of a port, each with a set of resources.
    pub(crate) fn all(port: &ServicePortKey, families: Families) -> impl Iterator<Item = Self> + use<> {
        let second = families.second().map(|second| Self { port: port.clone(), second: Some(second) });
        [Self::first(port.clone())].into_iter().chain(second)
    }

    /// Returns the family that serves clients that dialled `dialled`.
    pub(crate) fn serving(port: &ServicePortKey, families: Families, dialled: Option<Family>) -> Self {
        let second = families.second().filter(|second| families.serving(dialled) == Some(*second));
        Self { port: port.clone(), second }
    }

    /// Returns whether a Service with these families has it.
    pub(crate) fn is_of(&self, families: Families) -> bool {
        self.second.is_none() || self.second == families.second()
    }

    /// Returns the family of its virtual IPs and endpoints, or `None` where all are one set.
    pub(crate) fn family(&self, service: &Service) -> Option<Family> {
        self.second.or(service.families.serving(None))
    }

    /// Returns the Service and the port; `None` for a Service that the mesh does not carry, and for a family that it lacks.
    pub(crate) fn look_up<'a>(&self, snapshot: &'a Snapshot) -> Option<(&'a Service, &'a ServicePort)> {
        let service = snapshot.services.get(&self.port.service)?;
        match service.form {
            ServiceForm::Virtual(_) | ServiceForm::Headless => {}
            ServiceForm::External(_) => return None,
        }
        let port = service.ports.iter().find(|port| port.number == self.port.port)?;
        self.is_of(service.families).then_some((&**service, port))
    }

    /// Returns its endpoints.
    pub(crate) fn endpoints(&self, service: &Service, snapshot: &Snapshot) -> Arc<Endpoints> {
        let all = snapshot.endpoints.get(&self.port).cloned().unwrap_or_default();
        let family = self.family(service);
        if all.items.iter().all(|item| family.is_none_or(|family| item.family() == family)) {
            return all;
        }
        Arc::new(Endpoints { items: all.of_family(family).cloned().collect(), absent: None })
    }

    /// Reads a name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let word = WORDS.iter().find_map(|(family, word)| Some((*family, text.strip_suffix(word)?)));
        let (second, text) = word.map_or((None, text), |(family, rest)| (Some(family), rest));
        let (service, port) = text.rsplit_once(':')?;
        let (namespace, name) = service.split_once('/')?;
        let port = ServicePortKey { service: ServiceKey::new(namespace, name), port: port.parse().ok()? };
        Some(Self { port, second })
    }
}

/// A Service's ports, by each of its families.
pub(crate) fn ports(service: &Service) -> impl Iterator<Item = FamilyPort> {
    service.ports.iter().flat_map(|port| {
        let port = ServicePortKey { service: service.key.clone(), port: port.number };
        FamilyPort::all(&port, service.families)
    })
}

impl fmt::Display for FamilyPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, second } = self;
        let word = WORDS.iter().find(|(family, _)| Some(*family) == *second).map_or("", |(_, word)| word);
        write!(f, "{port}{word}")
    }
}
