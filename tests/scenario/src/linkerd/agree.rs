//! Agreement of linkerd2-proxies with the decisions.

use super::{Arrival, Dialled, Outcome, ShareTo, client, server};
use heddle_decide::verdict::{Admission, Candidate, Carried, Dial, Forward, Outcome as Meant, ShareTarget};
use heddle_decide::{Call, Client, Request, decide};
use heddle_linkerd::limitations;
use heddle_model::fact::DataPlane;
use heddle_model::snapshot::Key;
use heddle_model::{Snapshot, WorkloadKey};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Follows a request through the linkerd2-proxies on its way.
///
/// # Errors
/// Where they do otherwise than is decided, and `limitations` does not say so.
pub fn difference(snapshot: &Snapshot, request: &Request) -> Result<(), String> {
    let meant = decide(snapshot, request).outcome;
    let target = SocketAddr::new(request.address, request.port);
    match linkerd_client(snapshot, &request.client) {
        Some(key) => compare(snapshot, request, &meant, &client(snapshot, key, target, &request.call)),
        None => from_another(snapshot, request, &meant),
    }
}

fn linkerd_client<'a>(snapshot: &Snapshot, client: &'a Client) -> Option<&'a WorkloadKey> {
    let Client::Workload(key) = client else { return None };
    let found = snapshot.workloads.get(key)?;
    let proxied = found.plane == Some(DataPlane::Linkerd) && !found.host_network && found.identity.is_some();
    proxied.then_some(key)
}

/// The client's side is another's: only linkerd2-proxies at the server's side are asked.
fn from_another(snapshot: &Snapshot, request: &Request, meant: &Meant) -> Result<(), String> {
    let Meant::Forwarded(Forward { carried: _, limits: _, route, shares, mirrors: _ }) = meant else {
        return Ok(());
    };
    for share in shares {
        let ShareTarget::Endpoints { candidates, filters, .. } = &share.to else { continue };
        for candidate in candidates {
            let identity = match &candidate.transport {
                Dial::Mesh(identity) => Some(identity.dns(&snapshot.mesh.identity_suffix)),
                Dial::Plain => None,
                Dial::Refused => continue,
            };
            // What the client changes of the request is not seen from here.
            if !filters.is_empty() || route.as_ref().is_some_and(|route| !route.filters.is_empty()) {
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
                let plain = all.get(&at).is_some_and(|one| one.identity.is_none());
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
            let total: u64 = shares.iter().map(|(weight, _)| u64::from(*weight)).sum();
            for (meant, (weight, got)) in forward.shares.iter().zip(shares) {
                if meant.weight * total != u64::from(*weight) * meant.total {
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
        (ShareTarget::Broken { status, .. }, ShareTo::Answered(got)) if status == got => Ok(()),
        (ShareTarget::Endpoints { candidates, .. }, got) => {
            let meant: BTreeMap<SocketAddr, &Candidate> = candidates
                .iter()
                .filter(|candidate| candidate.transport != Dial::Refused)
                .map(|candidate| (SocketAddr::new(candidate.address, candidate.port), candidate))
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
        Admission::Denied(_) | Admission::Answered { .. } | Admission::Refused { .. } => false,
        Admission::Unenforced { .. } => return Ok(()),
    };
    let Some(found) = snapshot.workloads.get(key) else { return Ok(()) };
    let is_ours = found.plane == Some(DataPlane::Linkerd) && !found.host_network;
    if !is_ours || found.skip_inbound_ports.contains(&meant.port) {
        return Ok(());
    }
    let (name, from) = caller(snapshot, request, meant.address);
    let client = name.filter(|_| got.identity.is_some());
    let arrival = Arrival { client, from, direct: got.direct, requests: got.requests, call: &got.call };
    match (wanted, server(snapshot, key, meant.port, &arrival)) {
        (true, true) | (false, false) => Ok(()),
        (true, false) if is_told(snapshot, key, meant, &got.call) => Ok(()),
        (_, admits) => Err(format!("{key} admits: {admits}, but {:?} (dialled {got:?})", meant.admission)),
    }
}

/// Returns whether it is told that more is refused of what arrives so.
fn is_told(snapshot: &Snapshot, key: &WorkloadKey, meant: &Candidate, call: &Call) -> bool {
    let requests = meant.arrives == Some(Carried::Http);
    let odd = |c: char| !c.is_ascii_graphic() || r#"\%"<>^`{|}"#.contains(c);
    let is_odd = |path: &str| path.contains("//") || path.contains("/.") || path.contains(odd);
    let spelled = matches!(call, Call::Http(call) if is_odd(&call.path));
    let planes = [DataPlane::Linkerd].into();
    limitations(snapshot, &Key::Workload(key.clone()), &planes).iter().any(|limitation| {
        match limitation.reason {
            "PathSpelling" => requests && spelled,
            "OverDenied" => !requests,
            "SeveralValues" => requests && is_repeated(call),
            "HeaderMatch" | "TooManyRoutes" => requests,
            other => panic!("{other}: when does it hold?"),
        }
    })
}

fn is_repeated(call: &Call) -> bool {
    let Call::Http(call) = call else { return false };
    let names = call.headers.iter().map(|(name, _)| name);
    names.collect::<BTreeSet<_>>().len() < call.headers.len()
}

fn caller(snapshot: &Snapshot, request: &Request, to: IpAddr) -> (Option<String>, Option<IpAddr>) {
    match &request.client {
        Client::Outside(address) => (None, Some(*address)),
        Client::Workload(key) => {
            let found = snapshot.workloads.get(key);
            let identity = found
                .and_then(|found| found.identity.as_ref())
                .map(|identity| identity.dns(&snapshot.mesh.identity_suffix));
            let addresses = found.map(|found| found.addresses.as_slice()).unwrap_or_default();
            let same =
                addresses.iter().find(|address| address.is_ipv4() == to.is_ipv4()).or(addresses.first());
            (identity, same.copied())
        }
    }
}
