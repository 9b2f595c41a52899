//! Reasons for which a Service port has no endpoint that gets requests.

use crate::tables::Tables;
use heddle_model::fact::{Service, ServicePort, Slice};
use heddle_model::{Name, ServiceKey, SourceRef};

/// A Service port and what was found behind it.
pub(crate) struct Found<'a> {
    pub(crate) key: &'a ServiceKey,
    pub(crate) service: &'a Service,
    pub(crate) port: &'a ServicePort,
    /// The number of its endpoints, and whether one of them gets requests.
    pub(crate) endpoints: usize,
    pub(crate) answers: bool,
    /// The Service has endpoints whose addresses belong to others.
    pub(crate) refused: bool,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It passes as workloads come and become ready.
    Passing(String),
    /// It stays until an object is changed.
    Lasting(String),
}

/// Returns the reason for which a port has no endpoint; `None` where it has one.
pub(crate) fn reason(tables: &Tables, found: &Found) -> Option<Reason> {
    let Found { key, service, port, endpoints, answers, refused } = found;
    if *answers {
        return None;
    }
    if *endpoints > 0 {
        return Some(Reason::Passing(format!("none of its endpoints ({endpoints}) is ready")));
    }
    let slices: Vec<_> = slices(tables, key).collect();
    let unnamed = slices.iter().find(|(_, slice)| !slice.ports.iter().any(|(name, _)| *name == port.name));
    Some(match unnamed {
        _ if *refused => Reason::Lasting("the addresses of its endpoints belong to others".into()),
        Some((source, slice)) => Reason::Lasting(format!(
            "the Service's port is {}, and {source} has {}",
            called(&port.name),
            listed(slice)
        )),
        None if !slices.is_empty() => {
            Reason::Lasting("no endpoint has an address of the Service's families".into())
        }
        None if service.selector.is_empty() => {
            Reason::Lasting("it has no selector, and no EndpointSlice that lists an endpoint".into())
        }
        None => Reason::Passing(
            "no EndpointSlice lists an endpoint, and no ExternalWorkload that it selects has its port".into(),
        ),
    })
}

impl Reason {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Passing(text) | Self::Lasting(text) => text,
        }
    }
}

fn slices<'a>(
    tables: &'a Tables,
    key: &'a ServiceKey,
) -> impl Iterator<Item = (&'a SourceRef, &'a Slice)> + 'a {
    let all = tables.slices.of(key).iter().filter_map(|source| Some((source, tables.slice(source)?)));
    all.filter(|(_, slice)| !slice.endpoints.is_empty())
}

fn called(name: &Name) -> String {
    if name.is_empty() { "without a name".into() } else { format!("named {name:?}") }
}

fn listed(slice: &Slice) -> String {
    match slice.ports.as_slice() {
        [] => "no port".into(),
        [(name, _)] => format!("one {}", called(name)),
        ports => {
            let names: Vec<_> = ports.iter().map(|(name, _)| format!("{name:?}")).collect();
            format!("ports named {}", names.join(", "))
        }
    }
}
