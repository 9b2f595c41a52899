//! A linkerd2-proxy's answers as JSON, in the words of its API.

use anyhow::Result;
use heddle_linkerd::{Answer, ProxyRequest, names, project, questions, topic};
use heddle_model::{Snapshot, WorkloadKey};
use heddle_proto::io::linkerd::proxy::destination::{DestinationProfile, Update};
use heddle_proto::io::linkerd::proxy::inbound::Server;
use heddle_proto::io::linkerd::proxy::outbound::OutboundPolicy;
use heddle_proto::json::Printer;
use prost::{Message, Name};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Returns what one workload's proxy is answered, whatever it asks; only about a port, an address or a name if `only` is it.
pub(crate) fn of(workload: &WorkloadKey, snapshot: &Snapshot, only: Option<&str>) -> Result<Value> {
    let mut book = Book { workload, snapshot, printer: Printer::new(), endpoints: BTreeMap::new() };
    let (mut inbound, mut outbound) = (Vec::new(), Vec::new());
    for ask in asks(workload, snapshot, only) {
        match ask {
            ProxyRequest::Inbound { port } => {
                let server = book.message::<Server>(&ask)?.map(|(_, body)| body);
                inbound.push(json!({"port": port, "server": server}));
            }
            ProxyRequest::Outbound { target } => outbound.push(book.outbound(target)?),
            ProxyRequest::Endpoints { path } => book.endpoints(path)?,
            ProxyRequest::Profile { .. } | ProxyRequest::OutboundName { .. } => {}
        }
    }
    let endpoints =
        book.endpoints.into_iter().map(|(path, updates)| json!({"path": path, "updates": updates}));
    Ok(json!({"inbound": inbound, "outbound": outbound, "endpoints": endpoints.collect::<Vec<_>>()}))
}

/// An address may be one that the mesh does not know, as a proxy's may.
fn asks(workload: &WorkloadKey, snapshot: &Snapshot, only: Option<&str>) -> Vec<ProxyRequest> {
    let Some(only) = only else { return questions(workload, snapshot) };
    let ask = match (only.parse(), only.parse()) {
        (Ok(port), _) => ProxyRequest::Inbound { port },
        (_, Ok(target)) => ProxyRequest::Outbound { target },
        _ => ProxyRequest::Endpoints { path: only.into() },
    };
    vec![ask]
}

struct Book<'a> {
    workload: &'a WorkloadKey,
    snapshot: &'a Snapshot,
    printer: Printer,
    /// By the name that was asked for.
    endpoints: BTreeMap<String, Vec<Value>>,
}

impl Book<'_> {
    fn answer(&self, ask: &ProxyRequest) -> Result<Answer> {
        Ok(project(&topic(ask, self.workload, self.snapshot)?, self.snapshot).answer)
    }

    /// Decoded, and as JSON; nothing where a proxy would be told to ask again.
    fn message<M: Message + Name + Default>(&self, ask: &ProxyRequest) -> Result<Option<(M, Value)>> {
        let Answer::Message(bytes) = self.answer(ask)? else { return Ok(None) };
        Ok(Some((M::decode(bytes.clone())?, self.printer.linkerd::<M>(bytes)?)))
    }

    fn outbound(&mut self, target: SocketAddr) -> Result<Value> {
        let policy = self.message::<OutboundPolicy>(&ProxyRequest::Outbound { target })?;
        for path in policy.iter().flat_map(|(policy, _)| names(policy)) {
            self.endpoints(path)?;
        }
        let profile =
            self.message::<DestinationProfile>(&ProxyRequest::Profile { path: target.to_string() })?;
        let (policy, profile) = (policy.map(|(_, body)| body), profile.map(|(_, body)| body));
        Ok(json!({"target": target.to_string(), "policy": policy, "profile": profile}))
    }

    fn endpoints(&mut self, path: String) -> Result<()> {
        if self.endpoints.contains_key(&path) {
            return Ok(());
        }
        let Answer::Endpoints(all) = self.answer(&ProxyRequest::Endpoints { path: path.clone() })? else {
            return Ok(());
        };
        let updates = all.whole().into_iter().map(|update| Ok(self.printer.linkerd::<Update>(update)?));
        let updates = updates.collect::<Result<_>>()?;
        self.endpoints.insert(path, updates);
        Ok(())
    }
}
