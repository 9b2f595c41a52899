//! The clients: as linkerd2-proxies connect, and nothing behind them.

use super::link::{Credential, Plan};
use anyhow::{Context, Result};
use futures::future::try_join_all;
use hyper_util::rt::TokioIo;
use linkerd2_proxy_api::destination::destination_client::DestinationClient;
use linkerd2_proxy_api::destination::{GetDestination, Update};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

/// Does as its standard input says, until that ends.
pub(crate) fn run() -> Result<()> {
    Runtime::new()?.block_on(async {
        let mut said = said();
        let plan = said.recv().await.context("a plan comes first")?;
        let plan: Plan = serde_json::from_str(&plan)?;
        follow(&plan, said).await
    })
}

/// Returns what comes over standard input, line by line.
fn said() -> mpsc::UnboundedReceiver<String> {
    let (say, said) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| say.send(line))
    });
    said
}

async fn follow(plan: &Plan, mut said: mpsc::UnboundedReceiver<String>) -> Result<()> {
    let mut channels = Vec::new();
    for _ in 0..plan.connections {
        channels.push(connect(plan).await?);
    }
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let mut open = 0;
    let mut report = Some(arrivals);
    while let Some(line) = said.recv().await {
        let each: usize = line.parse()?;
        for nth in open..each {
            try_join_all(channels.iter().map(|channel| ask(channel, nth % plan.services, &arrived))).await?;
        }
        open = each;
        println!("open");
        // Only one round of opening is timed.
        if let Some(arrivals) = report.take() {
            tokio::spawn(tell(arrivals, each * plan.connections));
        }
    }
    Ok(())
}

/// Opens a stream and hears its first state; the arrivals of all that comes then are told.
async fn ask(channel: &Channel, service: usize, arrived: &mpsc::UnboundedSender<u128>) -> Result<()> {
    let request = GetDestination {
        path: format!("s{service}.bench.svc.cluster.local:8080"),
        context_token: r#"{"ns":"bench","pod":"s0-0"}"#.into(),
        ..Default::default()
    };
    let mut stream = DestinationClient::new(channel.clone()).get(request).await?.into_inner();
    stream.message().await?.context("a first state")?;
    tokio::spawn(listen(stream, arrived.clone()));
    Ok(())
}

async fn listen(mut stream: Streaming<Update>, arrived: mpsc::UnboundedSender<u128>) {
    while let Ok(Some(_)) = stream.message().await {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let _ = arrived.send(since.as_nanos());
    }
}

/// Prints a line when every stream has heard one more message.
async fn tell(mut arrivals: mpsc::UnboundedReceiver<u128>, streams: usize) {
    let mut all = Vec::with_capacity(streams);
    while arrivals.recv_many(&mut all, streams).await > 0 {
        while all.len() >= streams {
            let mut line = String::new();
            for at in all.drain(..streams) {
                let _ = write!(line, "{at} ");
            }
            println!("{}", line.trim_end());
        }
    }
}

/// One HTTP/2 connection with prior knowledge: TLS 1.3 without ALPN, or plain.
async fn connect(plan: &Plan) -> Result<Channel> {
    let socket = TcpStream::connect(plan.address).await?;
    socket.set_nodelay(true)?;
    let endpoint = Endpoint::from_static("http://localhost");
    let Some(credential) = &plan.credential else {
        return Ok(endpoint.connect_with_connector(once(TokioIo::new(socket))).await?);
    };
    let connector = TlsConnector::from(Arc::new(config(credential)?));
    let stream = connector.connect(ServerName::try_from("localhost")?, socket).await?;
    Ok(endpoint.connect_with_connector(once(TokioIo::new(stream))).await?)
}

/// A connector that has one connection.
fn once<T>(
    io: T,
) -> impl tower::Service<
    hyper::Uri,
    Response = T,
    Error = std::io::Error,
    Future = std::future::Ready<std::io::Result<T>>,
> {
    let mut only = Some(io);
    tower::service_fn(move |_| {
        std::future::ready(only.take().ok_or_else(|| std::io::Error::other("the connection is gone")))
    })
}

fn config(credential: &Credential) -> Result<ClientConfig> {
    let Credential { roots, chain, key } = credential;
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(CertificateDer::from(root.clone()))?;
    }
    let chain = chain.iter().cloned().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    Ok(builder.with_root_certificates(store).with_client_auth_cert(chain, key)?)
}
