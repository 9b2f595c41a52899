//! Paths as a real Envoy compares them with policies: `heddle_model::path` says the same.

use crate::certificates::Authority;
use crate::load::folder;
use crate::proxy::{Proxy, application, exchange};
use crate::view::{View, snapshot};
use heddle_model::{Identity, WorkloadKey, WorkloadKind, path};
use heddle_xds::{Capture, Client};
use std::net::SocketAddr;

const SERVER: &str = "127.55.0.3";

fn at(port: u16) -> SocketAddr {
    SocketAddr::new(SERVER.parse().expect("an address"), port)
}

fn start() -> Proxy {
    application(at(18080));
    let client = Client {
        workload: WorkloadKey::new(WorkloadKind::External, "shop", "path"),
        capture: Capture::Bound(Some("127.56.0.0/16".parse().expect("a network"))),
    };
    let folder = folder("paths");
    let identity = Identity::new("shop", "path").expect("valid");
    Authority::new("roots").write(&folder, &identity, "cluster.local");
    let bootstrap = View::of(&client, &snapshot(include_str!("paths.yaml"))).bootstrap();
    Proxy::start(&folder, &bootstrap, 9370, at(8080))
}

/// The path that arrives behind the proxy, or the status that the proxy answers.
fn arrives(port: u16, path: &str) -> Result<String, u16> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: any\r\n\r\n");
    let answer = exchange(at(port), request.as_bytes(), is_whole);
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let line = body.lines().next().and_then(|line| line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1"));
    line.map(String::from).ok_or(status)
}

/// Returns whether an answer is there with all that it says it has.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Rows of the table: a path as sent, what becomes of it where policies look at paths, and where none does.
type Row<'a> = (&'a str, Result<String, u16>, Result<String, u16>);

fn table() -> Vec<Row<'static>> {
    let rows = include_str!("../../../../tests/paths.tsv").lines().filter(|line| !line.starts_with("# "));
    rows.map(|line| match line.split_once('\t').expect("two columns") {
        (sent, "-") => (sent, Err(400), Err(400)),
        (sent, "400") => (sent, Err(400), Ok(sent.into())),
        (sent, resolved) => (sent, Ok(resolved.into()), Ok(sent.into())),
    })
    .collect()
}

/// Paths put together from what spellings are made of, always the same ones.
fn made_up() -> Vec<String> {
    const PARTS: [&str; 25] = [
        "/", "/", "/", ".", ".", "..", "%2e", "%2E", "%2F", "%5c", "\\", ";", ";", "a", "b", "%61", "%7b",
        "{", "%", "%2", "%00", "%3B", "~", "=", "%c3",
    ];
    let mut state: u64 = 1;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % below).expect("it is small")
    };
    (0..1000)
        .map(|_| (0..next(10)).map(|_| PARTS[next(25)]).fold("/".into(), |path: String, part| path + part))
        .collect()
}

#[test]
fn a_real_envoy_resolves_paths_as_the_model_does() {
    let _proxy = start();
    for (sent, resolved, plain) in table() {
        assert_eq!(arrives(8080, sent), resolved, "{sent}");
        assert_eq!(arrives(8081, sent), plain, "{sent} where no policy looks at paths");
    }
    for sent in made_up() {
        assert_eq!(arrives(8080, &sent), path::resolve(&sent).ok_or(400), "{sent}");
    }
}
