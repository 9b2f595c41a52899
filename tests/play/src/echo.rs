//! The application of every workload: it says who it is and what it saw.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// Makes the application wait before it answers, in milliseconds.
pub(crate) const DELAY: &str = "x-echo-delay";
/// Makes the application answer 503 so many times before it answers.
pub(crate) const FAIL: &str = "x-echo-fail";

/// Serves one listener until the runtime ends.
pub(crate) async fn serve(listener: std::net::TcpListener, who: Arc<str>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let failures = Arc::new(AtomicU32::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, who.clone(), failures.clone()));
    }
}

async fn answer(mut stream: TcpStream, who: Arc<str>, failures: Arc<AtomicU32>) {
    let mut start = [0; 1];
    let Ok(1..) = stream.peek(&mut start).await else { return };
    let kind = match start[0] {
        0x16 => "tls",
        1 => "tcp",
        _ => return http(stream, who, failures).await,
    };
    drop(stream.write_all(format!("{kind} {who}\n").as_bytes()).await);
    drop(stream.shutdown().await);
    // What the client wrote is read, or the kernel would reset the connection and the answer with it.
    let mut rest = Vec::new();
    drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await);
}

async fn http(stream: TcpStream, who: Arc<str>, failures: Arc<AtomicU32>) {
    let service = service_fn(move |request| respond(request, who.clone(), failures.clone()));
    let server = auto::Builder::new(TokioExecutor::new());
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(
    request: Request<Incoming>,
    who: Arc<str>,
    failures: Arc<AtomicU32>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = |name: &str| request.headers().get(name)?.to_str().ok()?.parse::<u32>().ok();
    if let Some(delay) = number(DELAY) {
        tokio::time::sleep(Duration::from_millis(delay.into())).await;
    }
    let fails = number(FAIL).unwrap_or(0);
    let status = if fails > 0 && failures.fetch_add(1, Ordering::Relaxed) % (fails + 1) < fails {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let host =
        request.headers().get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let authority = request.uri().authority().map(ToString::to_string).or(host).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let target = format!("{authority}{path}");
    let body = json!({ "who": &*who, "target": target, "headers": headers(request.headers()) }).to_string();
    let response = Response::builder().status(status).header("server", "echo").header("x-echo", "1");
    Ok(response.body(Full::new(Bytes::from(body))).expect("own headers"))
}

/// Headers as text, several of one name joined.
pub(crate) fn headers(map: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in map {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(name.to_string()).and_modify(|all| *all += &format!(",{value}")).or_insert(value);
    }
    headers
}

/// Reads what [`serve`] answered.
pub(crate) fn read(body: &[u8]) -> Option<(String, String, BTreeMap<String, String>)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let headers = value["headers"].as_object()?;
    let headers = headers.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().into())).collect();
    Some((value["who"].as_str()?.into(), value["target"].as_str()?.into(), headers))
}
