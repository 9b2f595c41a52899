use super::*;
use crate::metrics::Metrics;
use crate::registry::Registry;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Level(Mutex<String>);

impl LogLevel for Level {
    fn get(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn set(&self, filter: &str) -> Result<(), String> {
        if filter.contains(' ') {
            return Err(format!("{filter:?} is no filter"));
        }
        *self.0.lock().unwrap() = filter.into();
        Ok(())
    }
}

fn pages(waiting: &'static [&'static str]) -> Pages {
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::new(&mut registry, "0.1.0", "abc");
    let snapshot: Page = Arc::new(|query: &BTreeMap<String, String>| {
        query.get("key").filter(|key| *key == "pod/shop/web").map(|key| json!({ "key": key }))
    });
    Pages {
        waiting: Arc::new(|| waiting.iter().map(ToString::to_string).collect()),
        warnings: Arc::new(|| vec!["the authority ends".into()]),
        metrics: Arc::new(registry),
        clients: Arc::new(Registry::new(4, metrics)),
        debug: BTreeMap::from([("snapshot", snapshot)]),
        log: Some(Arc::new(Level(Mutex::new("info".into())))),
    }
}

async fn start(pages: Pages) -> (SocketAddr, Drain) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, drain) = (listener.local_addr().unwrap(), Drain::new());
    tokio::spawn(serve(listener, pages, drain.clone()));
    (address, drain)
}

/// The status and the body of one request.
async fn ask(address: SocketAddr, line: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

#[tokio::test]
async fn readiness_names_what_it_waits_for() {
    let (address, _drain) = start(pages(&["the first list of Pod"])).await;
    let want = r#"{"ready":false,"waiting":["the first list of Pod"],"warnings":["the authority ends"]}"#;
    assert_eq!(ask(address, "GET /ready").await, (503, want.into()));
    assert_eq!(ask(address, "GET /live").await, (200, "live\n".into()));
}

#[tokio::test]
async fn readiness_fails_while_draining() {
    let (address, drain) = start(pages(&[])).await;
    assert_eq!(
        ask(address, "GET /ready").await,
        (200, r#"{"ready":true,"waiting":[],"warnings":["the authority ends"]}"#.into())
    );
    drain.begin();
    let want = r#"{"ready":false,"waiting":["nothing: the process is shutting down"],"warnings":["the authority ends"]}"#;
    assert_eq!(ask(address, "GET /ready").await, (503, want.into()));
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let (address, _drain) = start(pages(&[])).await;
    let (code, body) = ask(address, "GET /metrics").await;
    assert_eq!(code, 200);
    assert!(body.contains("# EOF"), "{body}");
}

#[tokio::test]
async fn debug_pages_answer_for_their_keys() {
    let (address, _drain) = start(pages(&[])).await;
    let index = r#"["/debug/clients","/debug/log","/debug/snapshot"]"#;
    assert_eq!(ask(address, "GET /debug").await, (200, index.into()));
    assert_eq!(ask(address, "GET /debug/clients").await, (200, "[]".into()));
    let page = r#"{"key":"pod/shop/web"}"#;
    assert_eq!(ask(address, "GET /debug/snapshot?key=pod/shop/web").await, (200, page.into()));
    let nothing = "nothing is known by that key\n";
    assert_eq!(ask(address, "GET /debug/snapshot?key=no").await, (404, nothing.into()));
    assert_eq!(ask(address, "GET /debug/secret").await, (404, "no such page: see /debug\n".into()));
}

#[tokio::test]
async fn the_log_level_changes_while_running() {
    let (address, _drain) = start(pages(&[])).await;
    assert_eq!(ask(address, "GET /debug/log").await, (200, "info\n".into()));
    let debug = "heddle=debug\n";
    assert_eq!(ask(address, "POST /debug/log?filter=heddle=debug").await, (200, debug.into()));
    assert_eq!(ask(address, "GET /debug/log").await, (200, debug.into()));
    let bad = "\"a b\" is no filter\n";
    assert_eq!(ask(address, "PUT /debug/log?filter=a%20b").await, (400, bad.into()));
    let usage = "want ?filter=<directives>, as in heddle=debug,info\n";
    assert_eq!(ask(address, "PUT /debug/log").await, (400, usage.into()));
}

#[tokio::test]
async fn what_is_too_much_is_closed() {
    let (address, _drain) = start(pages(&[])).await;
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    let mut one_more = TcpStream::connect(address).await.unwrap();
    assert_eq!(one_more.read(&mut [0; 1]).await.unwrap(), 0);
}
