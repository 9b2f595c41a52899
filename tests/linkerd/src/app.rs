//! The application of every workload: HTTP of both versions and gRPC, bytes, and a greeting before any.

use anyhow::{Context, Result};
use bytes::Bytes;
use heddle::demo::app::Seen;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// HTTP/1.1 and HTTP/2.
pub const HTTP: u16 = 8080;
/// gRPC.
pub const GRPC: u16 = 8090;
/// Says `<name> heard <line>` of each line.
pub const BYTES: u16 = 9000;
/// Says `<name> greets` at once, then as [`BYTES`].
pub const GREETS: u16 = 9001;
/// Every port of the application.
pub const PORTS: [u16; 4] = [HTTP, GRPC, BYTES, GREETS];

struct App {
    name: String,
    tried: Mutex<BTreeSet<String>>,
}

/// Listens where the calling thread is, and serves on the runtime `on` until that ends.
///
/// # Errors
/// If a port is taken.
pub fn start(name: &str, on: &tokio::runtime::Handle) -> Result<()> {
    let app = Arc::new(App { name: name.into(), tried: Mutex::default() });
    for port in PORTS {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
        let listener = listener.with_context(|| format!("{name} cannot listen at {port}"))?;
        listener.set_nonblocking(true)?;
        on.spawn(serve(listener, port, app.clone()));
    }
    Ok(())
}

async fn serve(listener: TcpListener, port: u16, app: Arc<App>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener that does not block");
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        tokio::spawn(async move {
            match port {
                BYTES | GREETS => talk(stream, &app.name, port == GREETS).await.unwrap_or_default(),
                _ => requests(stream, app).await,
            }
        });
    }
}

async fn talk(mut stream: TcpStream, name: &str, greets: bool) -> std::io::Result<()> {
    if greets {
        stream.write_all(format!("{name} greets\n").as_bytes()).await?;
    }
    let mut heard = [0; 256];
    loop {
        let length = stream.read(&mut heard).await?;
        if length == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&heard[..length]);
        stream.write_all(format!("{name} heard {text}").as_bytes()).await?;
    }
}

async fn requests(stream: TcpStream, app: Arc<App>) {
    let service = service_fn(move |request| answer(request, app.clone()));
    // How a client goes away does not matter here.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// As the demo's application: `?ms=` waits, `?once=` answers 503 to the first with this key. gRPC has trailers.
async fn answer(request: Request<Incoming>, app: Arc<App>) -> Result<Response<Body>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    if let Some(ms) = value("ms").and_then(|ms| ms.parse().ok()) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let first = value("once").is_some_and(|key| app.first(key));
    let is_grpc = request.headers().get("content-type").is_some_and(|kind| kind == "application/grpc");
    let seen = Seen {
        workload: app.name.clone(),
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or("/".into(), ToString::to_string),
        protocol: format!("{:?}", request.version()),
        headers: joined(request.headers()),
    };
    let body = Full::new(serde_json::to_vec(&seen).expect("plain data").into());
    let status = if first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut response = Response::new(body.boxed());
    if is_grpc {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().expect("a name"), HeaderValue::from(0))]);
        response = response.map(|body| body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed());
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    }
    *response.status_mut() = status;
    Ok(response)
}

impl App {
    fn first(&self, key: &str) -> bool {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into())
    }
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.to_string())
            .and_modify(|so_far| *so_far += &format!(",{value}"))
            .or_insert(value.into());
    }
    all
}
