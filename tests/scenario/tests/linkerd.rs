//! What linkerd2-proxies do with what they are told is what is decided.
//!
//! Every scenario is read a second time with linkerd2-proxies in the place of its Envoys.

use heddle_decide::verdict::{Admission, Candidate, Dial, Forward, Outcome as Meant, ShareTarget};
use heddle_decide::{Call, Client, Request, decide};
use heddle_linkerd::unenforceable;
use heddle_model::fact::{DataPlane, Mtls, Protocol};
use heddle_model::snapshot::{Owner, Workload};
use heddle_model::{Snapshot, WorkloadKey};
use heddle_scenario_tests::linkerd::{Arrival, Dialled, Outcome, ShareTo, client, server};
use heddle_scenario_tests::{Scenario, all};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

#[test]
fn proxies_do_what_is_decided() {
    let wrong: Vec<String> =
        all().iter().flat_map(|scenario| differences(scenario, scenario.snapshot())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn proxies_in_the_place_of_envoys_do_what_is_decided() {
    check(|_| true);
}

#[test]
fn proxies_beside_envoys_do_what_is_decided() {
    check(|place| place % 2 == 0);
    check(|place| place % 2 == 1);
}

#[track_caller]
fn check(is_chosen: fn(usize) -> bool) {
    let all = all();
    let snapshot = |scenario: &Scenario| scenario.switched(is_chosen).snapshot();
    let wrong: Vec<String> = all.iter().flat_map(|of| differences(of, snapshot(of))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn differences(scenario: &Scenario, snapshot: Snapshot) -> Vec<String> {
    let asks = scenario.requests.requests.iter();
    let different = asks.filter_map(|ask| {
        let request = ask.request(&snapshot).ok()?;
        let why = difference(&snapshot, &request).err()?;
        Some(format!("{}: {}: {why}", scenario.name, ask.name))
    });
    different.collect()
}

fn difference(snapshot: &Snapshot, request: &Request) -> Result<(), String> {
    if is_undeclared(snapshot, request) {
        return Ok(());
    }
    let meant = decide(snapshot, request).outcome;
    let target = SocketAddr::new(request.address, request.port);
    match linkerd_client(snapshot, &request.client) {
        Some(key) => compare(snapshot, request, &meant, &client(snapshot, key, target, &request.call)),
        None => from_another(snapshot, request, &meant),
    }
}

/// A workload's own address at a port that nobody declares: with mesh TLS here, and decided otherwise until Envoys do
/// that too.
fn is_undeclared(snapshot: &Snapshot, request: &Request) -> bool {
    let Some(Owner::Workload(key)) = snapshot.addresses.get(&request.address) else { return false };
    let found = snapshot.workloads.get(key);
    found.is_some_and(|of| !of.inbound.iter().any(|own| own.port == request.port))
}

fn linkerd_client<'a>(snapshot: &Snapshot, client: &'a Client) -> Option<&'a WorkloadKey> {
    let Client::Workload(key) = client else { return None };
    let found = snapshot.workloads.get(key)?;
    let proxied = found.plane == Some(DataPlane::Linkerd) && !found.host_network && found.identity.is_some();
    proxied.then_some(key)
}

/// The client's side is another's: only linkerd2-proxies at the server's side are asked.
fn from_another(snapshot: &Snapshot, request: &Request, meant: &Meant) -> Result<(), String> {
    let Meant::Forwarded(Forward { carried: _, route, shares }) = meant else { return Ok(()) };
    for share in shares {
        let ShareTarget::Endpoints { candidates, request_headers: changes, .. } = &share.to else { continue };
        for candidate in candidates {
            let identity = match &candidate.transport {
                Dial::Mesh(identity) => Some(identity.dns(&snapshot.mesh.identity_suffix)),
                Dial::Plain => None,
                Dial::Refused => continue,
            };
            // What the client changes of the request is not seen from here.
            if !changes.is_empty() || route.as_ref().is_some_and(|of| !of.request_headers.is_empty()) {
                continue;
            }
            let call = request.call.clone();
            let dialled = Dialled { identity, direct: false, requests: false, call };
            admitted(snapshot, request, candidate, &dialled)?;
        }
    }
    Ok(())
}

fn compare(snapshot: &Snapshot, request: &Request, meant: &Meant, got: &Outcome) -> Result<(), String> {
    let differ = || Err(format!("{got:?}, but {meant:?}"));
    match (meant, got) {
        (Meant::PassedThrough, Outcome::Forwarded(shares)) => match shares.as_slice() {
            [(_, ShareTo::Endpoints(all))] => {
                let at = SocketAddr::new(request.address, request.port);
                let plain = all.get(&at).is_some_and(|of| of.identity.is_none());
                if all.len() == 1 && plain { Ok(()) } else { differ() }
            }
            _ => differ(),
        },
        (Meant::Refused { .. }, Outcome::Closed | Outcome::Answered(403)) => Ok(()),
        (Meant::Answered { status, .. }, Outcome::Answered(got)) if status == got => Ok(()),
        (Meant::Forwarded(forward), Outcome::Closed) if dialable(forward).is_empty() => Ok(()),
        (Meant::Forwarded(forward), Outcome::Answered(403)) if dialable(forward).is_empty() => Ok(()),
        (Meant::Forwarded(forward), Outcome::Forwarded(shares)) => {
            if forward.shares.len() != shares.len() {
                return differ();
            }
            let of: u64 = shares.iter().map(|(weight, _)| u64::from(*weight)).sum();
            for (meant, (weight, got)) in forward.shares.iter().zip(shares) {
                if meant.weight * of != u64::from(*weight) * meant.of {
                    return differ();
                }
                share(snapshot, request, &meant.to, got)?;
            }
            Ok(())
        }
        _ => differ(),
    }
}

fn dialable(forward: &Forward) -> Vec<&Candidate> {
    let all = forward.shares.iter().flat_map(|share| match &share.to {
        ShareTarget::Endpoints { candidates, .. } => candidates.as_slice(),
        ShareTarget::Broken { .. } => &[],
    });
    all.filter(|candidate| candidate.transport != Dial::Refused).collect()
}

fn share(snapshot: &Snapshot, request: &Request, meant: &ShareTarget, got: &ShareTo) -> Result<(), String> {
    match (meant, got) {
        (ShareTarget::Broken { .. }, ShareTo::Answered(500)) => Ok(()),
        (ShareTarget::Endpoints { candidates, .. }, got) => {
            let meant: BTreeMap<SocketAddr, &Candidate> = candidates
                .iter()
                .filter(|of| of.transport != Dial::Refused)
                .map(|of| (SocketAddr::new(of.address, of.port), of))
                .collect();
            match got {
                ShareTo::Answered(503) if meant.is_empty() => Ok(()),
                ShareTo::Endpoints(got) if got.keys().eq(meant.keys()) => meant
                    .values()
                    .zip(got.values())
                    .try_for_each(|(meant, got)| reached(snapshot, request, meant, got)),
                ShareTo::Answered(_) | ShareTo::Endpoints(_) => Err(format!("{got:?}, but {candidates:?}")),
            }
        }
        (ShareTarget::Broken { .. }, _) => Err(format!("{got:?}, but {meant:?}")),
    }
}

fn reached(snapshot: &Snapshot, request: &Request, meant: &Candidate, got: &Dialled) -> Result<(), String> {
    let identity = match &meant.transport {
        Dial::Mesh(identity) => Some(identity.dns(&snapshot.mesh.identity_suffix)),
        Dial::Plain | Dial::Refused => None,
    };
    if identity != got.identity {
        return Err(format!("dialled as {:?}, but {:?}", got.identity, meant.transport));
    }
    admitted(snapshot, request, meant, got)
}

/// Less than was meant is admitted only where that is told.
fn admitted(snapshot: &Snapshot, request: &Request, meant: &Candidate, got: &Dialled) -> Result<(), String> {
    let Some(key) = &meant.workload else { return Ok(()) };
    let wanted = match &meant.admission {
        Admission::Allowed(_) => true,
        Admission::Denied(_) | Admission::Refused { .. } => false,
        Admission::Unenforced { .. } => return Ok(()),
    };
    let Some(found) = snapshot.workloads.get(key) else { return Ok(()) };
    let is_ours = found.plane == Some(DataPlane::Linkerd) && !found.host_network;
    if !is_ours || found.skip_inbound_ports.contains(&meant.port) {
        return Ok(());
    }
    if got.identity.is_some() && !got.direct && is_never_looked_at(found, meant.port) {
        return Ok(());
    }
    let (name, from) = caller(snapshot, request, meant.address);
    let client = name.filter(|_| got.identity.is_some());
    let arrival = Arrival { client, from, direct: got.direct, requests: got.requests, call: &got.call };
    match (wanted, server(snapshot, key, meant.port, &arrival)) {
        (true, true) | (false, false) => Ok(()),
        (true, false) if is_told(snapshot, key, &arrival) => Ok(()),
        (_, admits) => Err(format!("{key} admits: {admits}, but {:?} (dialled {got:?})", meant.admission)),
    }
}

/// A port whose bytes no proxy looks at takes mesh TLS by its direct port only, which Envoys do not know: until they
/// dial it in plain text, the application gets what it does not understand.
fn is_never_looked_at(workload: &Workload, port: u16) -> bool {
    let mut ports = workload.inbound.iter().filter(|own| own.port == port);
    ports.any(|own| own.protocol == Protocol::Opaque && own.mtls == Mtls::Permissive)
}

fn is_told(snapshot: &Snapshot, key: &WorkloadKey, arrival: &Arrival) -> bool {
    let requests = matches!(arrival.call, Call::Http(_));
    let is_odd = |path: &str| path.contains("//") || path.contains("/.") || path.contains(['\\', '%']);
    let spelled = matches!(arrival.call, Call::Http(call) if is_odd(&call.path));
    unenforceable(snapshot, key).iter().any(|of| match of.reason {
        "PathSpelling" => spelled,
        "OverDenied" => !requests || (arrival.direct && !arrival.requests),
        "AuthorityMatch" | "TooManyRoutes" => requests,
        other => panic!("{other}: when does it hold?"),
    })
}

fn caller(snapshot: &Snapshot, request: &Request, to: IpAddr) -> (Option<String>, Option<IpAddr>) {
    match &request.client {
        Client::Outside(address) => (None, Some(*address)),
        Client::Workload(key) => {
            let found = snapshot.workloads.get(key);
            let identity =
                found.and_then(|of| of.identity.as_ref()).map(|of| of.dns(&snapshot.mesh.identity_suffix));
            let addresses = found.map(|of| of.addresses.as_slice()).unwrap_or_default();
            let same = addresses.iter().find(|of| of.is_ipv4() == to.is_ipv4()).or(addresses.first());
            (identity, same.copied())
        }
    }
}
