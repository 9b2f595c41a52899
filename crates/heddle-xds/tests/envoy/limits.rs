//! Traffic that passes without a mesh passes two Envoys: one row per thing that Envoy refuses, drops or cuts of its own accord.

mod application;

use crate::certificates::Authority;
use crate::load::folder;
use crate::proxy::Proxy;
use crate::view::{View, snapshot};
use heddle_model::{Identity, Snapshot, WorkloadKey, WorkloadKind};
use heddle_xds::{Capture, Client};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The address of the Service at the client's Envoy.
const SERVICE: &str = "127.67.0.1";
const APP: &str = "127.65.0.3";

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), port)
}

fn start(
    snapshot: &Snapshot,
    authority: &Authority,
    name: &str,
    net: &str,
    id: u16,
    ready: SocketAddr,
) -> Proxy {
    let client = Client {
        workload: WorkloadKey::new(WorkloadKind::External, "shop", name),
        capture: Capture::Bound(Some(net.parse().expect("a network"))),
    };
    let folder = folder(&format!("limits-{name}"));
    let identity = Identity::new("shop", name).expect("valid");
    authority.write(&folder, &identity, "cluster.local");
    Proxy::start(&folder, &View::of(&client, snapshot).bootstrap(), id, ready)
}

/// Sends a request, what follows once an answer begins, and reads until `want` is there, or nothing comes any more.
fn talk(to: SocketAddr, request: &str, then: &str, want: &str) -> String {
    let mut stream = TcpStream::connect(to).expect("Envoy listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("not zero");
    let _cut = stream.write_all(request.as_bytes());
    let (mut got, mut then, mut buffer) = (Vec::new(), then, [0; 65536]);
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if !then.is_empty() && text.contains("\r\n\r\n") {
            let _cut = stream.write_all(then.as_bytes());
            then = "";
        }
        if text.contains(want) {
            return text;
        }
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => got.extend_from_slice(&buffer[..length]),
            Ok(0) | Err(_) => return text,
        }
    }
}

fn request(start: &str, headers: &str) -> String {
    format!("{start} HTTP/1.1\r\nhost: app\r\n{headers}\r\n")
}

/// A name, the request, what follows once it is answered, and the answer.
struct Row(&'static str, String, &'static str, &'static str);

fn rows() -> Vec<Row> {
    let numbered: String = (0..120).map(|index| format!("x-n{index}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(70 * 1024));
    let upgrade = |name: &str| request("GET /", &format!("connection: upgrade\r\nupgrade: {name}\r\n"));
    let chunked = "transfer-encoding: chunked\r\n";
    vec![
        Row("120 request headers", request("GET /", &numbered), "", "; 120 numbered"),
        Row("120 response headers", request("GET /headers/120", ""), "", "x-n119: 1"),
        Row("70 KiB of request headers", request("GET /", &long), "", "; long 71680"),
        Row("70 KiB of response headers", request("GET /long", ""), "", "GET /long HTTP/1.1"),
        Row("WebSocket", upgrade("websocket"), "hello\n", "raw hello"),
        Row("Upgrade: SPDY/3.1", upgrade("SPDY/3.1"), "hello\n", "raw hello"),
        Row("Upgrade: tcp", upgrade("tcp"), "hello\n", "raw hello"),
        Row("a method of HTTP's", request("TRACE /", ""), "", "TRACE / HTTP/1.1; "),
        Row("a method that HTTP does not name", request("FROBNICATE /", ""), "", "FROBNICATE / HTTP/1.1; "),
        Row("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n".into(), "", "; host localhost"),
        Row(
            "trailers of a request",
            request("POST /", chunked) + "2\r\nok\r\n0\r\nx-end: yes\r\n\r\n",
            "",
            "; trailers x-end: yes.",
        ),
        Row("trailers of a response", request("GET /trailers", "te: trailers\r\n"), "", "x-end: yes"),
        Row(
            "Expect: 100-continue",
            request("POST /", "expect: 100-continue\r\ncontent-length: 2\r\n"),
            "ok",
            "; expect 100-continue",
        ),
        Row("early hints", request("GET /early", ""), "", "HTTP/1.1 103 "),
        // What Envoy cannot be told to pass: `docs/limits.md`.
        Row("OPTIONS *", request("OPTIONS *", ""), "", "HTTP/1.1 404 "),
        Row("an upgrade that it is not told by name", upgrade("frob/1"), "", "HTTP/1.1 403 "),
        Row("a fragment in a path", request("GET /a#b", ""), "", "HTTP/1.1 400 "),
        Row(
            "another coding than chunked",
            request("POST /", "transfer-encoding: gzip, chunked\r\n"),
            "",
            "HTTP/1.1 501 ",
        ),
    ]
}

#[test]
fn what_passes_without_a_mesh_passes_two_envoys() {
    let snapshot = snapshot(include_str!("limits.yaml"));
    let authority = Authority::new("roots");
    application::serve(at(APP, 18080));
    let _app = start(&snapshot, &authority, "app", "127.68.0.0/16", 9501, at(APP, 8080));
    let _web = start(&snapshot, &authority, "web", "127.67.0.0/16", 9502, at(SERVICE, 8080));
    for Row(name, request, then, want) in rows() {
        for port in [8080, 7000] {
            let got = talk(at(SERVICE, port), &request, then, want);
            assert!(
                got.contains(want),
                "{name} at {port}: want {want:?}, got {:?}",
                got.get(..300).unwrap_or(&got)
            );
        }
    }
    // Where it is detected, a request must be told by its first 64 KiB.
    let path = request(&format!("GET /{}", "a".repeat(70 * 1024)), "");
    let got = talk(at(SERVICE, 8080), &path, "", "; host app");
    assert!(got.contains("; host app"), "a path of 70 KiB: {:?}", got.get(..300));
    let connect = "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n";
    for (port, want) in [(8080, "raw hello"), (7000, "raw hello"), (8081, "HTTP/1.1 403 ")] {
        let got = talk(at(SERVICE, port), connect, "hello\n", want);
        assert!(got.contains(want), "CONNECT at {port}: {got:?}");
    }
}
