//! The namespaces, applications and proxies of one scenario.

use crate::envoy::Envoy;
use crate::expect::OUTSIDE;
use crate::linkerd::Proxy;
use crate::net::Namespace;
use crate::{certificates, config, echo};
use heddle_ca::Authority;
use heddle_capture::{CapturedBy, Direction};
use heddle_decide::verdict::{Candidate, Outcome, ShareTarget};
use heddle_decide::{Client, Request, Verdict};
use heddle_model::fact::DataPlane;
use heddle_model::snapshot::Workload;
use heddle_model::{Owner, Reach, Snapshot, WorkloadKey};
use heddle_xds::Capture;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// A scenario's places, by who is there.
pub(crate) struct Site {
    places: BTreeMap<String, Place>,
    _switch: Namespace,
    folder: PathBuf,
    dialled: BTreeSet<SocketAddr>,
}

/// One workload, or whoever is outside.
struct Place {
    // Ends before its namespace does.
    envoy: Option<Envoy>,
    namespace: Namespace,
    addresses: BTreeSet<IpAddr>,
    applications: Vec<AbortHandle>,
    /// The part of a linkerd2-proxy, where we play it.
    linkerd: Option<Proxy>,
}

/// The places that a scenario needs.
#[derive(Default)]
struct Plan {
    addresses: BTreeMap<String, BTreeSet<IpAddr>>,
    ports: BTreeMap<String, BTreeSet<u16>>,
    workloads: BTreeSet<WorkloadKey>,
    /// Every address that is dialled.
    dialled: BTreeSet<SocketAddr>,
}

/// The parts that all sites share.
pub(crate) struct Ground<'a> {
    pub(crate) authority: &'a Authority,
    pub(crate) envoy: &'a Path,
    pub(crate) runtime: &'a Handle,
}

impl Site {
    /// Builds everything that these requests touch, and waits until all proxies are ready.
    pub(crate) fn build(
        ground: &Ground,
        name: &str,
        snapshot: &Snapshot,
        requests: &[(Request, Verdict)],
    ) -> Result<Self, String> {
        let plan = Plan::of(snapshot, requests);
        let switch = Namespace::new(&format!("{name}s"))?;
        switch.become_switch()?;
        let folder = std::env::temp_dir().join(name);
        let mut site = Self { places: BTreeMap::new(), _switch: switch, folder, dialled: plan.dialled };
        for (index, (who, addresses)) in plan.addresses.iter().enumerate() {
            let namespace = Namespace::new(&format!("{name}p{index}"))?;
            let listed: Vec<IpAddr> = addresses.iter().copied().collect();
            namespace.plug(&site._switch, index, &listed)?;
            let ports = plan.ports.get(who).cloned().unwrap_or_default();
            let applications = applications(ground, &namespace, who, &ports)?;
            let addresses = addresses.clone();
            site.places.insert(
                who.clone(),
                Place { envoy: None, namespace, addresses, applications, linkerd: None },
            );
        }
        for key in &plan.workloads {
            site.mesh(ground, snapshot, key)?;
        }
        for (who, place) in &mut site.places {
            if let Some(envoy) = &mut place.envoy {
                envoy.wait(&place.namespace).map_err(|error| format!("{who}: {error}"))?;
            }
        }
        Ok(site)
    }

    /// The namespace of a client.
    pub(crate) fn of(&self, client: &Client) -> Option<&Namespace> {
        self.places.get(&who_calls(client)).map(|place| &place.namespace)
    }

    /// Returns what a client's linkerd2-proxy would do.
    pub(crate) fn linkerd(&self, client: &Client) -> Option<&Proxy> {
        self.places.get(&who_calls(client))?.linkerd.as_ref()
    }

    /// Returns where a workload's proxy has its files.
    pub(crate) fn folder(&self, key: &WorkloadKey) -> PathBuf {
        self.folder.join(key.to_string().replace('/', "_"))
    }

    /// Every address that is dialled here.
    pub(crate) fn dialled(&self) -> &BTreeSet<SocketAddr> {
        &self.dialled
    }

    /// Returns who is at an address.
    pub(crate) fn at(&self, address: IpAddr) -> &str {
        let found = self.places.iter().find(|(_, place)| place.addresses.contains(&address));
        found.map_or(OUTSIDE, |(who, _)| who)
    }

    /// The ends of the proxies' logs.
    pub(crate) fn logs(&self) -> String {
        let proxies = self.places.iter().filter_map(|(who, place)| Some((who, place.envoy.as_ref()?)));
        let tails = proxies.map(|(who, envoy)| (who, envoy.tail())).filter(|(_, tail)| !tail.is_empty());
        tails.map(|(who, tail)| format!("  log of {who}:\n{tail}\n")).collect()
    }

    /// Captures a workload's traffic, and starts its proxy if it can have one.
    fn mesh(&mut self, ground: &Ground, snapshot: &Snapshot, key: &WorkloadKey) -> Result<(), String> {
        let Some(workload) = snapshot.workloads.get(key).filter(|workload| is_captured(workload)) else {
            return Ok(());
        };
        let folder = self.folder(key);
        let Some(place) = self.places.get_mut(&key.to_string()) else { return Ok(()) };
        let skips: Vec<u16> = workload.skip_inbound_ports.iter().copied().collect();
        let is_envoy = workload.plane == Some(DataPlane::Envoy);
        let direction = if is_envoy { Direction::Both } else { Direction::Inbound };
        place.namespace.capture(CapturedBy::Envoy, &skips, direction)?;
        let Some(identity) = &workload.identity else { return Ok(()) };
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        certificates::write(ground.authority, identity, &snapshot.mesh, &folder)?;
        let client = heddle_xds::Client { workload: key.clone(), capture: Capture::Captured };
        config::write(&client, snapshot, &self.dialled, &folder)?;
        place.envoy = Some(Envoy::start(ground.envoy, &place.namespace, &folder)?);
        place.linkerd = (!is_envoy).then(|| Proxy::load(&folder)).transpose()?;
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let applications = self.places.values().flat_map(|place| &place.applications);
        applications.for_each(AbortHandle::abort);
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Plan {
    fn of(snapshot: &Snapshot, requests: &[(Request, Verdict)]) -> Self {
        let mut plan = Self::default();
        for (request, verdict) in requests {
            plan.add_client(snapshot, &request.client);
            plan.dialled.insert(SocketAddr::new(request.address, request.port));
            for candidate in candidates(verdict) {
                plan.add_candidate(snapshot, candidate);
            }
        }
        for (request, verdict) in requests {
            if verdict.outcome == Outcome::PassedThrough {
                let known = plan.addresses.iter().find(|(_, all)| all.contains(&request.address));
                let who = known.map_or(OUTSIDE.to_string(), |(who, _)| who.clone());
                plan.add(who, [request.address], Some(request.port));
            }
        }
        plan
    }

    fn add(&mut self, who: String, addresses: impl IntoIterator<Item = IpAddr>, port: Option<u16>) {
        self.ports.entry(who.clone()).or_default().extend(port);
        self.addresses.entry(who).or_default().extend(addresses);
    }

    fn add_client(&mut self, snapshot: &Snapshot, client: &Client) {
        match client {
            Client::Outside(address) => self.add(who_calls(client), [*address], None),
            Client::Workload(key) => self.add_workload(snapshot, key, None),
        }
    }

    fn add_candidate(&mut self, snapshot: &Snapshot, candidate: &Candidate) {
        let Some(key) = &candidate.workload else {
            return self.add(OUTSIDE.into(), [candidate.address], Some(candidate.port));
        };
        let workload = snapshot.workloads.get(key);
        let declared = workload.and_then(|w| w.inbound.iter().find(|port| port.port == candidate.port));
        let behind = declared.filter(|_| workload.is_some_and(|w| is_captured(w)));
        // No application can bind a port that the proxy itself has.
        let free = workload.is_none_or(|workload| !workload.captures_at(candidate.port));
        let port = free.then(|| behind.map_or(candidate.port, |port| port.app_port));
        self.add_workload(snapshot, key, port);
    }

    fn add_workload(&mut self, snapshot: &Snapshot, key: &WorkloadKey, port: Option<u16>) {
        let Some(workload) = snapshot.workloads.get(key) else { return };
        let own = |address: &&IpAddr| {
            let reach = Reach::Namespace(key.namespace.clone());
            let owner = snapshot.addresses.seen_from(&reach, **address);
            workload.host_network || owner == Some(&Owner::Workload(key.clone()))
        };
        let addresses: Vec<IpAddr> = workload.addresses.iter().filter(own).copied().collect();
        self.add(key.to_string(), addresses, port);
        self.workloads.insert(key.clone());
    }
}

/// Every endpoint of a verdict.
pub(crate) fn candidates(verdict: &Verdict) -> impl Iterator<Item = &Candidate> {
    let shares = match &verdict.outcome {
        Outcome::Forwarded(forward) => forward.shares.as_slice(),
        Outcome::PassedThrough | Outcome::Refused { .. } | Outcome::Answered { .. } => &[],
    };
    shares.iter().flat_map(|share| match &share.to {
        ShareTarget::Endpoints { candidates, .. } => candidates.as_slice(),
        ShareTarget::Broken { .. } => &[],
    })
}

fn who_calls(client: &Client) -> String {
    match client {
        Client::Outside(address) => format!("client {address}"),
        Client::Workload(key) => key.to_string(),
    }
}

fn is_captured(workload: &Workload) -> bool {
    workload.plane.is_some() && !workload.host_network
}

fn applications(
    ground: &Ground,
    namespace: &Namespace,
    who: &str,
    ports: &BTreeSet<u16>,
) -> Result<Vec<AbortHandle>, String> {
    let bind = |port: &u16| {
        let bound = namespace.within(|| -> std::io::Result<TcpListener> {
            let listener = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = bound.map_err(|error| format!("{who} at port {port}: {error}"))?;
        Ok(ground.runtime.spawn(echo::serve(listener, who.into())).abort_handle())
    };
    ports.iter().map(bind).collect()
}
