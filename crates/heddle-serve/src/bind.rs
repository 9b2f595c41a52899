//! Binding a stream to its workload: the node id must be the caller's.

use crate::auth::{Caller, Proof};
use crate::engine::Published;
use crate::refusal::{Ended, Refusal};
use heddle_model::{Name, Snapshot, WorkloadKey};

/// The workload that `node_id` names, if `caller` may speak for it.
///
/// What the caller may not name is refused before the workload is looked up: nobody learns from the answer
/// whether another's workload exists, but for those of its own identity.
///
/// # Errors
/// Says which of the two is wrong, or that the workload is not known (yet).
pub(crate) fn bind(node_id: &str, caller: &Caller, snapshot: &Snapshot) -> Result<WorkloadKey, Refusal> {
    bind_workload(node_id.parse()?, caller, snapshot)
}

/// The workload `named`, if `caller` may speak for it: as [`bind`].
pub(crate) fn bind_workload(
    named: WorkloadKey,
    caller: &Caller,
    snapshot: &Snapshot,
) -> Result<WorkloadKey, Refusal> {
    match &caller.proof {
        Proof::Certificate(came) if *came != snapshot.mesh.trust_domain => {
            let want = snapshot.mesh.trust_domain.clone();
            return Err(Refusal::TrustDomain { came: came.clone(), want });
        }
        Proof::Token(Some(own)) if *own != named => {
            return Err(Refusal::OtherWorkload { named, own: own.clone() });
        }
        Proof::Certificate(_) | Proof::Token(_) => {}
    }
    let other = |named| Refusal::OtherIdentity { named, caller: caller.identity.clone() };
    if named.namespace != caller.identity.namespace {
        return Err(other(named));
    }
    match snapshot.workloads.get(&named) {
        None => Err(Refusal::Unknown(named)),
        Some(workload) if workload.identity.as_ref() != Some(&caller.identity) => Err(other(named)),
        Some(_) => Ok(named),
    }
}

/// Returns why the stream of `workload` must end under `state`, if it must.
pub(crate) fn ended<P: Published>(workload: &WorkloadKey, caller: &Caller, state: &P) -> Option<Ended> {
    ended_in(workload, caller, state.snapshot(), state.uid(workload))
}

fn ended_in(
    workload: &WorkloadKey,
    caller: &Caller,
    snapshot: &Snapshot,
    uid: Option<Name>,
) -> Option<Ended> {
    let Some(live) = snapshot.workloads.get(workload) else { return Some(Ended::Gone) };
    if live.identity.as_ref() != Some(&caller.identity) {
        return Some(Ended::Identity);
    }
    (uid != caller.uid).then_some(Ended::Replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::access::{Access, Posture};
    use heddle_model::fact::Mtls;
    use heddle_model::snapshot::{InboundDefault, Workload};
    use heddle_model::{Identity, WorkloadKind};
    use std::sync::Arc;
    use std::time::SystemTime;

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (name, account) in
            [("web-0", Some("web")), ("web-1", Some("web")), ("db-0", Some("db")), ("x", None)]
        {
            let key = WorkloadKey::new(WorkloadKind::Pod, "shop", name);
            let access = Arc::new(Access {
                posture: Posture::Allow,
                posture_source: None,
                policies: vec![],
                routes: None,
            });
            let workload = Workload {
                key: key.clone(),
                identity: account.map(|account| Identity::new("shop", account).unwrap()),
                addresses: vec![],
                plane: None,
                node: None,
                region: None,
                zone: None,
                host_network: false,
                skip_inbound_ports: Default::default(),
                uses: None,
                inbound: vec![],
                undeclared: InboundDefault { mtls: Mtls::Permissive, mtls_source: None, access },
            };
            snapshot.workloads.insert(key, Arc::new(workload));
        }
        snapshot
    }

    fn caller(account: &str, proof: Proof) -> Caller {
        Caller {
            identity: Identity::new("shop", account).unwrap(),
            proof,
            uid: Some("1".into()),
            expires: SystemTime::UNIX_EPOCH,
        }
    }

    #[track_caller]
    fn check(node: &str, caller: &Caller, want: Result<&str, &str>) {
        let got = bind(node, caller, &snapshot()).map(|key| key.to_string()).map_err(|e| e.to_string());
        assert_eq!(got, want.map(String::from).map_err(String::from));
    }

    #[test]
    fn a_certificate_may_name_any_workload_of_its_identity() {
        let web = caller("web", Proof::Certificate("cluster.local".into()));
        check("pod/shop/web-0", &web, Ok("pod/shop/web-0"));
        check("pod/shop/web-1", &web, Ok("pod/shop/web-1"));
        let text = "the node id pod/shop/db-0 is not the caller's: the caller is shop/web";
        check("pod/shop/db-0", &web, Err(text));
        check("pod/shop/x", &web, Err("the node id pod/shop/x is not the caller's: the caller is shop/web"));
        check(
            "pod/pay/web-0",
            &web,
            Err("the node id pod/pay/web-0 is not the caller's: the caller is shop/web"),
        );
        check("pod/shop/web-9", &web, Err("the workload pod/shop/web-9 is not known yet, try again"));
    }

    #[test]
    fn a_token_may_name_its_own_workload_only() {
        let own = WorkloadKey::new(WorkloadKind::Pod, "shop", "web-0");
        let web = caller("web", Proof::Token(Some(own)));
        check("pod/shop/web-0", &web, Ok("pod/shop/web-0"));
        let text = "the node id pod/shop/web-1 is not the caller's: the token is of pod/shop/web-0";
        check("pod/shop/web-1", &web, Err(text));
    }

    #[test]
    fn another_trust_domain_is_not_ours_even_if_its_root_is_trusted() {
        let web = caller("web", Proof::Certificate("elsewhere".into()));
        let text = "the client certificate is of trust domain \"elsewhere\", want \"cluster.local\"";
        check("pod/shop/web-0", &web, Err(text));
    }

    #[test]
    fn a_stream_ends_with_its_workload_its_identity_and_its_uid() {
        let web = caller("web", Proof::Certificate("cluster.local".into()));
        let key = WorkloadKey::new(WorkloadKind::Pod, "shop", "web-0");
        let mut now = snapshot();
        let ended = |now: &Snapshot, uid: &str| ended_in(&key, &web, now, Some(uid.into()));
        assert_eq!(ended(&now, "1"), None);
        assert_eq!(ended(&now, "2"), Some(Ended::Replaced));
        let mut changed = Workload::clone(now.workloads.get(&key).unwrap());
        changed.identity = Some(Identity::new("shop", "db").unwrap());
        now.workloads.insert(key.clone(), Arc::new(changed));
        assert_eq!(ended(&now, "1"), Some(Ended::Identity));
        now.workloads.remove(&key);
        assert_eq!(ended(&now, "1"), Some(Ended::Gone));
    }
}
