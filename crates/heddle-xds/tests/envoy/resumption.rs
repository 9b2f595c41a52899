//! Sessions of mesh TLS are not resumed: no connection passes on the certificate of an earlier one.

use crate::certificates::{Authority, SUFFIX};
use crate::load::folder;
use crate::proxy::{Proxy, application};
use crate::view::{View, snapshot};
use heddle_model::{Identity, WorkloadKey, WorkloadKind};
use heddle_xds::{Capture, Client};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

const PAY: &str = "127.45.0.3";
/// Long enough for two calls, however busy the machine is.
const LIFETIME: Duration = Duration::from_secs(8);

const MESH: &str = "
apiVersion: heddle.dev/v1alpha1
kind: Mesh
metadata: {name: default}
spec: {trustDomain: cluster.local}
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {name: pay, namespace: shop, labels: {app: pay, heddle.dev/plane: envoy}}
spec:
  addresses: [127.45.0.3]
  serviceAccount: pay
  ports: [{name: http, port: 8080, targetPort: 18080, protocol: HTTP}]
";

fn at(port: u16) -> SocketAddr {
    SocketAddr::new(PAY.parse().expect("an address"), port)
}

fn identity(name: &str) -> Identity {
    Identity::new("shop", name).expect("valid")
}

fn start(authority: &Authority) -> Proxy {
    let client = Client {
        workload: WorkloadKey::new(WorkloadKind::External, "shop", "pay"),
        capture: Capture::Bound(None),
    };
    let folder = folder("resumption");
    authority.write(&folder, &identity("pay"), "cluster.local");
    application(at(18080));
    Proxy::start(&folder, &View::of(&client, &snapshot(MESH)).bootstrap(), 9440, at(8080))
}

/// A caller that keeps what it takes to resume its sessions, with a certificate that ends at `not_after`.
fn caller(authority: &Authority, not_after: OffsetDateTime) -> Arc<ClientConfig> {
    let (leaf, key) = authority.leaf(&identity("web"), "cluster.local", not_after);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(authority.root().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.3")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![leaf.der().clone()], key);
    Arc::new(config.expect("the key is the certificate's"))
}

/// Returns how the handshake went and the status line, over a connection of its own.
fn call(config: &Arc<ClientConfig>) -> io::Result<(HandshakeKind, String)> {
    let name = ServerName::try_from(identity("pay").dns(SUFFIX)).expect("a DNS name");
    let connection = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(at(8080))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: pay\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let kind = stream.conn.handshake_kind().expect("it was answered");
    Ok((kind, answer.lines().next().unwrap_or_default().into()))
}

#[test]
fn a_certificate_is_looked_at_in_every_connection_and_refused_when_it_has_expired() {
    let authority = Authority::new("roots");
    let _pay = start(&authority);
    let not_after = OffsetDateTime::now_utc() + LIFETIME;
    let (caller, stranger) = (caller(&authority, not_after), || caller(&authority, not_after));
    for attempt in ["first", "second"] {
        let (kind, status) = call(&caller).expect("the certificate is good");
        assert_ne!(kind, HandshakeKind::Resumed, "{attempt} call");
        assert_eq!(status, "HTTP/1.1 200 OK", "{attempt} call");
    }
    let patience = Instant::now() + 4 * LIFETIME;
    while call(&stranger()).is_ok() {
        assert!(Instant::now() < patience, "an expired certificate without a session is taken");
        std::thread::sleep(Duration::from_millis(100));
    }
    let error = call(&caller).expect_err("the certificate has expired").to_string();
    assert_eq!(error, "received fatal alert: CertificateExpired");
}
