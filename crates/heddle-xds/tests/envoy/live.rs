//! Three real Envoys with certificates, and calls between them: what is projected is what happens.

use crate::certificates::Authority;
use crate::load::folder;
use crate::proxy::{Proxy, application, exchange, get};
use crate::view::{View, snapshot};
use heddle_model::{Identity, Snapshot, WorkloadKey, WorkloadKind};
use heddle_xds::{Capture, Client};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

const WEB: &str = "127.42.0.1";
const THIEF: &str = "127.44.0.1";
const PAY: &str = "127.40.0.3";

/// The proxies of `web`, `thief` and `pay`, and the application behind the last.
struct Mesh {
    _proxies: Vec<Proxy>,
    // Is let go after the proxies have ended.
    _alone: MutexGuard<'static, ()>,
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), port)
}

fn start(snapshot: &Snapshot, authority: &Authority, name: &str, net: &str, ready: SocketAddr) -> Proxy {
    let client = Client {
        workload: WorkloadKey::new(WorkloadKind::External, "shop", name),
        capture: Capture::Bound(Some(net.parse().expect("a network"))),
    };
    let folder = folder(name);
    let identity = Identity::new("shop", name).expect("valid");
    authority.write(&folder, &identity, "cluster.local");
    let bootstrap = View::of(&client, snapshot).bootstrap();
    Proxy::start(&folder, &bootstrap, 9310 + u16::from(name.as_bytes()[0]), ready)
}

/// The proxies with this access log. One mesh at a time: it has its addresses for itself.
fn mesh(access_log: &str) -> Mesh {
    static ALONE: Mutex<()> = Mutex::new(());
    static APPLICATION: Once = Once::new();
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = include_str!("live.yaml").replace("accessLog: All", &format!("accessLog: {access_log}"));
    let snapshot = snapshot(&text);
    let authority = Authority::new("roots");
    APPLICATION.call_once(|| application(at(PAY, 18080)));
    let pay = start(&snapshot, &authority, "pay", "127.43.0.0/16", at(PAY, 8080));
    let web = start(&snapshot, &authority, "web", "127.42.0.0/16", at(WEB, 8080));
    let thief = start(&snapshot, &authority, "thief", "127.44.0.0/16", at(THIEF, 8080));
    Mesh { _proxies: vec![pay, web, thief], _alone: alone }
}

#[track_caller]
fn status(ip: &str, port: u16, path: &str, want: u16) -> String {
    let (got, text) =
        get(at(ip, port), path, "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/boss\r\n");
    assert_eq!(got, want, "GET {ip}:{port}{path}\n{text}");
    text
}

#[track_caller]
fn bytes(ip: &str, port: u16, want: &str) {
    let got = exchange(at(ip, port), b"hello\n", |got| got.ends_with(b"\n"));
    assert_eq!(String::from_utf8_lossy(&got), want, "bytes to {ip}:{port}");
}

/// A TLS server may say goodbye to plain text with an alert (RFC 8446, 6): nothing of it is an answer.
#[track_caller]
fn refused_by_tls(ip: &str, port: u16) {
    const ALERT: u8 = 21;
    let got = exchange(at(ip, port), b"hello\n", |got| got.ends_with(b"\n"));
    assert!(got.is_empty() || (got[0] == ALERT && got.len() <= 7), "bytes to {ip}:{port}: {got:?}");
}

/// Waits for what Envoy writes with a delay; the whole log when it is there.
fn logged(workload: &str, want: &[&str]) -> String {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(workload).join("access.log");
    let patience = Instant::now() + Duration::from_secs(15);
    loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if text.lines().any(|line| want.iter().all(|part| line.contains(part))) {
            return text;
        }
        assert!(Instant::now() < patience, "no line with {want:?} in\n{text}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_is_projected_is_what_happens() {
    let _mesh = mesh("All");
    // The server sees who calls, and no client can say otherwise.
    let text = status(WEB, 8080, "/", 200);
    assert!(text.contains("URI=spiffe://cluster.local/ns/shop/sa/web"), "{text}");
    assert!(!text.contains("boss"), "{text}");
    // Allow: one account, by its certificate alone.
    status(THIEF, 8080, "/", 403);
    status(PAY, 8080, "/", 403);
    bytes(WEB, 9000, "hello\n");
    bytes(THIEF, 9000, "");
    bytes(PAY, 9000, "");
    // Told from the first bytes.
    status(WEB, 7000, "/", 200);
    bytes(WEB, 7000, "hello\n");
    status(THIEF, 7000, "/", 403);
    bytes(THIEF, 7000, "");
    // Strict: no plain text.
    for port in [8081, 7001] {
        status(WEB, port, "/", 200);
        status(THIEF, port, "/", 200);
        status(PAY, port, "/", 0);
    }
    bytes(WEB, 6001, "hello\n");
    refused_by_tls(PAY, 6001);
    // Disabled: nobody speaks mesh TLS.
    let text = status(WEB, 5001, "/", 200);
    assert!(!text.contains("spiffe"), "{text}");
    status(PAY, 5001, "/", 200);
    // Deny, however the path is spelt.
    for path in ["/admin", "/admin/x", "//admin", "/x/../admin", "/%2Fadmin", "/x/..%2fadmin", "/admin?a=b"] {
        status(WEB, 8080, path, 403);
    }
    status(WEB, 8080, "/administrator", 200);
    // The log names the rule that refused, and what an audited one would have done.
    logged("pay", &["AccessPolicy/shop/no-admin/0", "\"http.response.status_code\":403"]);
    logged("pay", &["\"heddle.audit.allow.result\":\"denied\"", "ns/shop/sa/thief"]);
    logged("web", &["\"heddle.server.identity\":\"spiffe://cluster.local/ns/shop/sa/pay\""]);
}

#[test]
fn errors_are_what_failed_or_a_policy_refused_and_nothing_else() {
    let _mesh = mesh("Errors");
    status(WEB, 8080, "/", 200);
    status(WEB, 8080, "/forbidden", 403);
    bytes(WEB, 9000, "hello\n");
    bytes(THIEF, 9000, "");
    status(WEB, 8080, "/admin", 403);
    // The last to happen is there, so whatever of the others is logged is there too.
    let log = logged("pay", &["rbac_access_denied_matched_policy[AccessPolicy/shop/no-admin/0]"]);
    let refused = logged("pay", &["ns/shop/sa/thief", "rbac_access_denied_matched_policy[none]"]);
    assert!(!log.contains("/forbidden") && !refused.contains("/forbidden"), "{refused}");
    assert_eq!(refused.lines().count(), 2, "{refused}");
}
