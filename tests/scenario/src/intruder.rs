//! A namespace that claims the addresses of everyone else.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use crate::Scenario;
use heddle_model::fact::{Fact, ServiceForm};
use heddle_model::{AddressKey, Event, Kind, Lowered, Name, Owner, Snapshot};
use heddle_testkit::Objects;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

/// The namespace.
pub const INTRUDER: &str = "intruder";

/// The objects of a namespace that claims every address of a scenario: in an ExternalWorkload, in a headless Service with
/// endpoints that no Pod backs, in a Service with a virtual IP, and as endpoints of that; and where something lives there,
/// as a virtual IP. All are younger than what the scenario has.
pub fn intruder(scenario: &Scenario) -> Objects {
    let snapshot = scenario.snapshot();
    let mut text = String::new();
    let known = addresses(&snapshot).into_iter().chain(scenario.requests.requests.iter().filter_map(|ask| {
        let address = ask.to.parse::<std::net::SocketAddr>().ok()?;
        Some(address.ip())
    }));
    for (index, address) in known.collect::<BTreeSet<_>>().into_iter().enumerate() {
        let lives = match snapshot.addresses.get(&AddressKey::of_mesh(address)) {
            Some(Owner::Service(_) | Owner::Node(_) | Owner::ApiServer) => true,
            Some(Owner::Workload(key)) => key.kind.object() == Kind::Pod,
            Some(Owner::Endpoints(_)) | None => false,
        };
        claims(&mut text, index, address, if lives { "virtual" } else { "free" });
    }
    heddle_testkit::read(&text).unwrap_or_else(|error| panic!("{}: {error}", scenario.name))
}

/// Every address that a workload, a Service or an endpoint has.
fn addresses(snapshot: &Snapshot) -> BTreeSet<IpAddr> {
    let workloads = snapshot.workloads.values().flat_map(|workload| workload.addresses.iter());
    let services = snapshot.services.values().flat_map(|service| match &service.form {
        ServiceForm::Virtual(addresses) => addresses.as_slice(),
        ServiceForm::Headless | ServiceForm::External(_) => &[],
    });
    let endpoints = snapshot.endpoints.values().flat_map(|all| all.items.iter().map(|item| &item.address));
    let owned = snapshot.addresses.keys().map(|key| &key.address);
    workloads.chain(services).chain(endpoints).chain(owned).copied().collect()
}

fn claims(text: &mut String, index: usize, address: IpAddr, kind: &str) {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let cluster_ip = if kind == "virtual" { address.to_string() } else { String::new() };
    let meta = |name: &str, labels: &str| {
        format!(
            "metadata: {{namespace: {INTRUDER}, name: {name}-{index}, creationTimestamp: \"2100-01-01T00:00:00Z\", labels: {{{labels}}}}}"
        )
    };
    let ports = "ports: [{name: tcp-a, port: 443}, {name: tcp-b, port: 8080}, {name: http, port: 80}]";
    for (name, ip) in [("headless", "None"), ("virtual", cluster_ip.as_str())] {
        let slice = format!("kubernetes.io/service-name: {name}-{index}");
        write!(
            text,
            "---\napiVersion: v1\nkind: Service\n{}\nspec: {{clusterIP: \"{ip}\", {ports}}}\n\
             ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n{}\naddressType: {family}\n{ports}\nendpoints: [{{addresses: [\"{address}\"]}}]\n",
            meta(name, ""),
            meta(name, &slice),
        )
        .expect("a String takes everything");
    }
    write!(
        text,
        "---\napiVersion: heddle.dev/v1alpha1\nkind: ExternalWorkload\n{}\nspec: {{addresses: [\"{address}\"], serviceAccount: x, ports: [{{port: 443}}, {{port: 8080}}]}}\n\
         ---\napiVersion: workload.linkerd.io/v1beta1\nkind: ExternalWorkload\n{}\nspec: {{meshTLS: {{identity: \"spiffe://cluster.local/ns/{INTRUDER}/sa/x\", serverName: \"x.{INTRUDER}.serviceaccount.identity.heddle.cluster.local\"}}, workloadIPs: [{{ip: \"{address}\"}}], ports: [{{port: 80}}]}}\n",
        meta("vm", "heddle.dev/plane: envoy"),
        meta("vm", ""),
    )
    .expect("a String takes everything");
}

impl Scenario {
    /// The objects of the scenario and more, as complete lists.
    pub fn with(&self, more: &Objects) -> Vec<Event> {
        let all = self.objects.lowered.iter().chain(&more.lowered).cloned().collect();
        Objects { lowered: all }.lists()
    }

    /// The same objects, but nothing that lives in this namespace.
    pub fn without(&self, namespace: &Name) -> Vec<Event> {
        let others = |one: &&Lowered| one.source.namespace != *namespace;
        Objects { lowered: self.objects.lowered.iter().filter(others).cloned().collect() }.lists()
    }

    /// Returns whether a namespace claims by hand, or lists, an address at which something of another lives.
    pub fn loses_to(&self, claimant: &Name, owner: &Name) -> bool {
        let snapshot = self.snapshot();
        let lives = |address: &IpAddr| match snapshot.addresses.get(&AddressKey::of_mesh(*address)) {
            Some(Owner::Service(key)) => key.namespace == *owner,
            Some(Owner::Workload(key)) => key.namespace == *owner && key.kind.object() == Kind::Pod,
            Some(Owner::ApiServer) => &**owner == "default",
            Some(Owner::Node(_) | Owner::Endpoints(_)) | None => false,
        };
        let mut own = self.objects.lowered.iter().filter(|one| one.source.namespace == *claimant);
        own.any(|one| match &one.fact {
            Fact::Workload(workload) if one.source.kind != Kind::Pod => workload.addresses.iter().any(lives),
            Fact::Slice(slice) => slice.endpoints.iter().any(|item| lives(&item.address)),
            _ => false,
        })
    }
}
