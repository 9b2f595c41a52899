//! One request to etcd: no client is worth having for it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Posts JSON to a plain HTTP server on loopback, and reads JSON.
pub(crate) async fn post(url: &str, body: &str) -> serde_json::Value {
    let rest = url.strip_prefix("http://").expect("a plain URL");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).await.expect("etcd listens");
    let request = format!(
        "POST /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("etcd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("etcd answers");
    let body = answer.split_once("\r\n\r\n").expect("an HTTP answer").1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
