//! Grants as a proxy is told of them.

use super::callers::{By, Grant, Who};
use super::client::Clients;
use crate::l5d::inbound as l5d_in;
use crate::{l5d, meta, net};
use heddle_model::access::Network;
use heddle_model::fact::Mesh;
use l5d_in::authn::permit_mesh_tls::{Clients as Permitted, PermitClientIdentities};
use l5d_in::authn::{Permit, PermitMeshTls, PermitUnauthenticated};

/// All of them.
pub(crate) fn messages(grants: &[Grant], mesh: &Mesh) -> Vec<l5d_in::Authz> {
    let message = |grant: &Grant| {
        let metadata = match &grant.by {
            By::Policy(source) => meta::source(source),
            // The one name at which a proxy logs whom it admits.
            By::Audit => meta::default("audit"),
            By::Posture => meta::default("posture"),
        };
        authz(grant.networks.iter().map(network).collect(), permit(&grant.who, mesh), metadata)
    };
    grants.iter().map(message).collect()
}

/// Everyone.
pub(crate) fn anyone(name: &str) -> l5d_in::Authz {
    let all = net::everywhere().map(|cidr| network(&Network { cidr, except: Vec::new() }));
    authz(all.into(), Permit::Unauthenticated(PermitUnauthenticated {}), meta::default(name))
}

fn authz(networks: Vec<l5d_in::Network>, permit: Permit, metadata: l5d::Metadata) -> l5d_in::Authz {
    l5d_in::Authz {
        networks,
        authentication: Some(l5d_in::Authn { permit: Some(permit) }),
        metadata: Some(metadata),
        ..l5d_in::Authz::default()
    }
}

fn permit(who: &Who, mesh: &Mesh) -> Permit {
    let clients = match who {
        Who::Anyone => return Permit::Unauthenticated(PermitUnauthenticated {}),
        Who::Clients(clients) => clients,
    };
    let mut all = PermitClientIdentities::default();
    for of in clients {
        match (of, of.suffix(mesh)) {
            (Clients::Account(account), _) => {
                all.identities.push(l5d_in::Identity { name: account.dns(&mesh.identity_suffix) });
            }
            (Clients::Namespace(_) | Clients::Mesh, suffix) => {
                let parts = suffix.unwrap_or_default().split('.').map(String::from).collect();
                all.suffixes.push(l5d_in::IdentitySuffix { parts });
            }
        }
    }
    Permit::MeshTls(PermitMeshTls { clients: Some(Permitted::Identities(all)) })
}

fn network(Network { cidr, except }: &Network) -> l5d_in::Network {
    l5d_in::Network { net: Some(net::network(cidr)), except: except.iter().map(net::network).collect() }
}
