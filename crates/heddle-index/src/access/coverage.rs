//! The workloads and ports that policies cover, counted over workloads.

use heddle_model::{Diagnostic, SourceRef};
use std::collections::{BTreeMap, BTreeSet};

/// The reason for a port that is a Service's and none of the workloads behind it.
pub(crate) const PORT_NOT_FOUND: &str = "PortNotFound";

/// One policy's coverage of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) policy: SourceRef,
    /// The number of the workload's known ports that it covers.
    pub(crate) ports: usize,
    /// The ports that it names, as this workload has them.
    pub(crate) named: Box<[NamedPort]>,
}

/// A port that a policy names, at one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamedPort {
    port: u16,
    form: PortForm,
}

/// The knowledge of a named port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PortForm {
    /// The workload declares it, or a Service leads to it.
    Known,
    /// A Service's port of this number leads to another port of the workload.
    ServicePort { target: u16 },
    /// Nothing but the policy names it.
    Unknown,
}

/// The ports of a workload that something else than a policy names.
pub(crate) struct KnownPorts {
    pub(crate) ports: BTreeSet<u16>,
    /// Ports of Services that lead to the workload, and where.
    pub(crate) services: BTreeMap<u16, u16>,
}

impl KnownPorts {
    /// Returns the ports that a policy names, as the workload has them.
    pub(crate) fn named(&self, ports: &BTreeSet<u16>) -> Box<[NamedPort]> {
        ports.iter().map(|port| NamedPort { port: *port, form: self.form(*port) }).collect()
    }

    fn form(&self, port: u16) -> PortForm {
        match self.services.get(&port) {
            _ if self.ports.contains(&port) => PortForm::Known,
            Some(target) => PortForm::ServicePort { target: *target },
            None => PortForm::Unknown,
        }
    }
}

/// One policy's coverage, over all workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) workloads: usize,
    pub(crate) ports: usize,
    named: BTreeMap<NamedPort, usize>,
}

impl Total {
    pub(crate) fn add(&mut self, coverage: &Coverage) {
        self.workloads += 1;
        self.ports += coverage.ports;
        for named in &coverage.named {
            *self.named.entry(*named).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, coverage: &Coverage) {
        self.workloads -= 1;
        self.ports -= coverage.ports;
        for named in &coverage.named {
            let count = self.named.entry(*named).or_default();
            *count -= 1;
            if *count == 0 {
                self.named.remove(named);
            }
        }
    }

    /// Returns a diagnostic for each port that the policy names and that no workload it selects is known to have.
    pub(crate) fn diagnostics(&self, policy: &SourceRef) -> Vec<Diagnostic> {
        let known: BTreeSet<u16> =
            self.named.keys().filter(|named| named.form == PortForm::Known).map(port).collect();
        let mut unknown: BTreeMap<u16, &NamedPort> = BTreeMap::new();
        for named in self.named.keys().filter(|named| !known.contains(&named.port)) {
            unknown.entry(named.port).or_insert(named);
        }
        unknown.into_values().map(|named| named.diagnostic(policy)).collect()
    }
}

impl NamedPort {
    fn diagnostic(&self, policy: &SourceRef) -> Diagnostic {
        let port = self.port;
        let (reason, message) = match self.form {
            PortForm::ServicePort { target } => (
                PORT_NOT_FOUND,
                format!(
                    "no selected workload has port {port}, which is a Service's port: name {target}, to which the Service leads"
                ),
            ),
            PortForm::Known | PortForm::Unknown => (
                "PortUnknown",
                format!(
                    "no selected workload declares port {port}, and no Service leads to it: it is not counted as covered"
                ),
            ),
        };
        Diagnostic { object: policy.clone(), field: "spec.ports".into(), reason, message }
    }
}

fn port(named: &NamedPort) -> u16 {
    named.port
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::Kind;

    /// The ports of a workload, and the ports of Services with their targets.
    type Ports<'a> = (&'a [u16], &'a [(u16, u16)]);

    /// Returns the reasons for a policy that names 80 and 8080, over workloads with these ports.
    fn reasons(workloads: &[Ports]) -> Vec<(u16, &'static str)> {
        let policy = SourceRef::new(Kind::AccessPolicy, "shop", "p");
        let mut total = Total::default();
        for (ports, services) in workloads {
            let known = KnownPorts {
                ports: ports.iter().copied().collect(),
                services: services.iter().copied().collect(),
            };
            let named = known.named(&[80, 8080].into());
            total.add(&Coverage { policy: policy.clone(), ports: 0, named });
        }
        let all = total.diagnostics(&policy).into_iter();
        let number =
            |text: &str| text.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse().ok());
        all.map(|found| (number(&found.message).unwrap_or_default(), found.reason)).collect()
    }

    #[test]
    fn a_port_is_known_where_any_selected_workload_has_it() {
        assert_eq!(reasons(&[(&[80], &[]), (&[8080], &[])]), []);
        assert_eq!(reasons(&[(&[8080], &[(80, 8080)])]), [(80, "PortNotFound")]);
        assert_eq!(reasons(&[(&[8080], &[])]), [(80, "PortUnknown")]);
        assert_eq!(reasons(&[(&[], &[]), (&[8080], &[(80, 8080)])]), [(80, "PortNotFound")]);
        assert_eq!(reasons(&[]), []);
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let known = KnownPorts { ports: [80].into(), services: BTreeMap::new() };
        let policy = SourceRef::new(Kind::AccessPolicy, "shop", "p");
        let coverage = Coverage { policy, ports: 1, named: known.named(&[80, 81].into()) };
        let mut total = Total::default();
        total.add(&coverage);
        total.remove(&coverage);
        assert_eq!(total, Total::default());
    }
}
