//! Connections that stand through a real Envoy while the networks of the cluster change.

use crate::call::connect;
use crate::net::Namespace;
use crate::site::{Ground, Site};
use crate::{certificates, config, envoy};
use bytes::Bytes;
use heddle_decide::decide;
use heddle_model::fact::{Egress, Mesh, Node};
use heddle_model::{Event, Fact, Kind, Lowered, Meta, Snapshot, SourceRef, WorkloadKey, WorkloadKind};
use heddle_scenario_tests::{Ask, Scenario};
use heddle_xds::{Capture, Client};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time that anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The fate of connections that were open before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Bytes to a Pod in a network.
    pub bytes: bool,
    /// Requests to a Pod in a network, one before the change and one after it.
    pub requests: bool,
    /// Bytes to an address outside of every network.
    pub outside: bool,
}

/// Plays a Node that joins, and then a Mesh that denies egress, under open connections.
///
/// # Errors
/// Where nothing can be played: no Envoy, no root, or a connection that does not come about.
pub fn through_changes(scenario: &Scenario) -> Result<[Alive; 2], String> {
    let binary = envoy::Binary::copied()?;
    let authority = certificates::authority()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let ground = Ground { authority: &authority, envoy: binary.path(), runtime: runtime.handle() };
    let mut index = scenario.index();
    let snapshot = index.snapshot();
    let decided = |ask: &Ask| {
        let request = ask.request(&snapshot).map_err(|bad| bad.0)?;
        let verdict = decide(&snapshot, &request);
        Ok((request, verdict))
    };
    let decided = scenario.requests.requests.iter().map(decided).collect::<Result<Vec<_>, String>>()?;
    let site = Site::build(&ground, &format!("hs{}", std::process::id()), &snapshot, &decided)?;
    let mut change = |source: SourceRef, fact: Fact| {
        let (diagnostics, meta) = (Vec::new(), Meta::default());
        index.apply(Event::Set(Box::new(Lowered { source, fact, diagnostics, meta })));
        index.resolve();
        index.snapshot()
    };
    let network = "10.5.0.0/24".parse().expect("a network");
    let node = Node { pod_cidrs: vec![network], ..Node::default() };
    let joined = change(SourceRef::new(Kind::Node, "", "n2"), Fact::Node(node));
    let mesh = Mesh { egress: Egress::Deny, ..Mesh::clone(&snapshot.mesh) };
    let denied = change(SourceRef::new(Kind::Mesh, "", "default"), Fact::Mesh(mesh));
    let client =
        Client { workload: WorkloadKey::new(WorkloadKind::Pod, "lab", "client"), capture: Capture::Captured };
    runtime.block_on(async {
        let first = Standing::open(&site, &client).await?.through(&joined).await?;
        let second = Standing::open(&site, &client).await?.through(&denied).await?;
        Ok([first, second])
    })
}

/// Open connections of one client.
struct Standing<'a> {
    site: &'a Site,
    client: &'a Client,
    bytes: TcpStream,
    requests: http1::SendRequest<Empty<Bytes>>,
    outside: TcpStream,
}

impl<'a> Standing<'a> {
    async fn open(site: &'a Site, client: &'a Client) -> Result<Self, String> {
        let from = namespace(site, client)?;
        let dial = |to: &str| {
            let to: SocketAddr = to.parse().expect("an address");
            connect(from, to).ok_or_else(|| format!("no connection to {to}"))
        };
        let shake = http1::handshake(TokioIo::new(dial("10.1.0.2:7000")?)).await;
        let (mut requests, connection) = shake.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        if !answers(&mut requests).await {
            return Err("the first request is not answered".into());
        }
        Ok(Self { site, client, bytes: dial("10.1.0.2:7000")?, requests, outside: dial("10.2.0.4:7000")? })
    }

    /// Gives the proxy another configuration, waits until it has drained what changed, and uses the connections.
    async fn through(mut self, snapshot: &Snapshot) -> Result<Alive, String> {
        let from = namespace(self.site, self.client)?;
        let before = envoy::stat(from, "listener_manager.listener_in_place_updated");
        config::write(self.client, snapshot, self.site.dialled(), &self.site.folder(&self.client.workload))?;
        let deadline = Instant::now() + PATIENCE;
        let done = || {
            envoy::stat(from, "listener_manager.listener_in_place_updated") > before
                && envoy::stat(from, "listener_manager.total_filter_chains_draining") == Some(0)
        };
        while !done() {
            if Instant::now() > deadline {
                return Err(format!("the configuration does not change: {}", self.site.logs()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Alive {
            bytes: echoes(&mut self.bytes).await,
            requests: answers(&mut self.requests).await,
            outside: echoes(&mut self.outside).await,
        })
    }
}

fn namespace<'a>(site: &'a Site, client: &Client) -> Result<&'a Namespace, String> {
    site.of(&heddle_decide::Client::Workload(client.workload.clone())).ok_or_else(|| "no such client".into())
}

async fn answers(requests: &mut http1::SendRequest<Empty<Bytes>>) -> bool {
    let request = Request::builder().uri("/").header("host", "cart").body(Empty::new());
    let answer = async {
        requests.ready().await?;
        let response = requests.send_request(request.expect("a request")).await?;
        let good = response.status().is_success();
        response.into_body().collect().await.map(|_| good)
    };
    matches!(tokio::time::timeout(PATIENCE, answer).await, Ok(Ok(true)))
}

async fn echoes(stream: &mut TcpStream) -> bool {
    let mut heard = Vec::new();
    let echo = async {
        stream.write_all(b"\x01hello\n").await?;
        stream.read_to_end(&mut heard).await
    };
    matches!(tokio::time::timeout(PATIENCE, echo).await, Ok(Ok(_))) && heard.starts_with(b"tcp ")
}
