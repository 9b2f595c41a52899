//! The answers to a scenario's linkerd2-proxies, as YAML.

use super::brief::brief;
use crate::{Detail, Scenario};
use heddle_decide::Client;
use heddle_linkerd::{Answer, ProxyRequest, limitations, names, project, topic};
use heddle_model::fact::DataPlane;
use heddle_model::snapshot::Key;
use heddle_model::{Snapshot, WorkloadKey};
use heddle_proto::io::linkerd::proxy::destination::Update;
use heddle_proto::io::linkerd::proxy::outbound::OutboundPolicy;
use heddle_proto::json::Printer;
use prost::{Message, Name};
use std::collections::BTreeSet;

/// A port that nobody declares.
const UNDECLARED: u16 = 65_535;

/// Returns what the proxies are asked for by the scenario's requests, and what guards each port; `None` where there is no
/// linkerd2-proxy.
pub fn linkerd_text(scenario: &Scenario, snapshot: &Snapshot, detail: Detail) -> Option<String> {
    let servers: Vec<_> =
        snapshot.workloads.iter().filter(|(_, of)| of.plane == Some(DataPlane::Linkerd)).collect();
    if servers.is_empty() {
        return None;
    }
    let mut book =
        Book { snapshot, detail, printer: Printer::new(), printed: BTreeSet::new(), text: String::new() };
    for request in scenario.requests.requests.iter().filter_map(|ask| ask.request(snapshot).ok()) {
        let Client::Workload(key) = &request.client else { continue };
        if servers.iter().any(|(server, _)| *server == key) {
            let target = (request.address, request.port).into();
            book.outbound(key, &ProxyRequest::Outbound { target });
            if detail == Detail::Full {
                book.say::<Profile>(
                    key,
                    &ProxyRequest::Profile { path: format!("{target}") },
                    &format!("profile {target}"),
                );
            }
        }
    }
    for (key, workload) in servers {
        for port in workload.inbound.iter().map(|own| own.port).chain([UNDECLARED]) {
            let name = if port == UNDECLARED { "undeclared".into() } else { port.to_string() };
            book.say::<Server>(
                key,
                &ProxyRequest::Inbound { port: port.into() },
                &format!("inbound {key} {name}"),
            );
        }
        for of in limitations(snapshot, &Key::Workload(key.clone()), &[DataPlane::Linkerd].into()) {
            book.text += &format!("# {} {} {}: {}\n", of.reason, of.object, of.field, of.message);
        }
    }
    Some(book.text)
}

type Profile = heddle_proto::io::linkerd::proxy::destination::DestinationProfile;
type Server = heddle_proto::io::linkerd::proxy::inbound::Server;

struct Book<'a> {
    snapshot: &'a Snapshot,
    detail: Detail,
    printer: Printer,
    printed: BTreeSet<String>,
    text: String,
}

impl Book<'_> {
    fn outbound(&mut self, key: &WorkloadKey, ask: &ProxyRequest) {
        let ProxyRequest::Outbound { target } = ask else { return };
        let Some(bytes) =
            self.say::<OutboundPolicy>(key, ask, &format!("outbound {} {target}", key.namespace))
        else {
            return;
        };
        for path in names(&OutboundPolicy::decode(bytes.as_slice()).expect("an OutboundPolicy")) {
            self.endpoints(key, &path);
        }
    }

    fn endpoints(&mut self, key: &WorkloadKey, path: &str) {
        let topic =
            topic(&ProxyRequest::Endpoints { path: path.into() }, key, self.snapshot).expect("it is there");
        let Answer::Endpoints(all) = project(&topic, self.snapshot).answer else { return };
        let title = format!("endpoints {path}");
        if self.printed.insert(title.clone()) {
            all.whole().into_iter().for_each(|bytes| self.print::<Update>(&title, bytes.to_vec()));
        }
    }

    /// `None` where it was said before.
    fn say<M: Message + Name>(
        &mut self,
        key: &WorkloadKey,
        ask: &ProxyRequest,
        title: &str,
    ) -> Option<Vec<u8>> {
        let topic = topic(ask, key, self.snapshot).expect("a question");
        let Answer::Message(bytes) = project(&topic, self.snapshot).answer else { return None };
        self.printed.insert(title.to_string()).then(|| {
            self.print::<M>(title, bytes.to_vec());
            bytes.to_vec()
        })
    }

    fn print<M: Message + Name>(&mut self, title: &str, bytes: Vec<u8>) {
        let mut body = self.printer.linkerd::<M>(bytes.into()).expect("it prints");
        if self.detail == Detail::Brief {
            body = brief(body);
        }
        self.text += &format!("# {title}\n---\n{}", crate::text::yaml(&body));
    }
}
