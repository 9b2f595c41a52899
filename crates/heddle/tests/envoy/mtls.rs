//! Each mTLS mode against clients of the mesh, in plain text, and with TLS of the application's own.

use crate::shop::{Shop, actor};
use anyhow::{Context, Result};
use heddle::demo::{Actor, Client, Stage};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const BASE: u8 = 2;
const STRICT: Actor = actor("strict", 1);
const PERMISSIVE: Actor = actor("permissive", 2);
const DISABLED: Actor = actor("disabled", 3);
const CLIENT: Actor = actor("client", 4);

fn policy(name: &str, mode: &str) -> String {
    format!(
        "
apiVersion: heddle.dev/v1alpha1
kind: InboundPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{matchLabels: {{app: {name}}}}}, mtls: {mode}}}
"
    )
}

/// The answer that a client gets: the application's, with the caller's identity if there was one; or nothing.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    From(Option<String>),
    Nothing,
}

async fn http(url: &str) -> Result<Got> {
    let Ok(reply) = Client::new().get(url, &[]).await else { return Ok(Got::Nothing) };
    match reply.status {
        200 => Ok(Got::From(reply.seen()?.peer().map(String::from))),
        status => anyhow::bail!("{url} answered {status}: {}", reply.text()),
    }
}

/// An application that speaks TLS of its own: greets, and ends.
async fn tls_application(address: String) -> Result<()> {
    let own = rcgen::generate_simple_self_signed(["app.example".to_string()])?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![own.cert.der().clone()], key.into())?;
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind(address).await?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.write_all(b"hello").await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    Ok(())
}

/// A client of the application's own TLS. Returns whether the application greeted.
async fn foreign_tls(address: &str) -> bool {
    let greet = async {
        let config = rustls::ClientConfig::builder().dangerous();
        let config = config.with_custom_certificate_verifier(Arc::new(anyone::Anyone)).with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("app.example")?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let mut text = [0; 5];
        stream.read_exact(&mut text).await?;
        anyhow::Ok(text == *b"hello")
    };
    let within = tokio::time::timeout(std::time::Duration::from_secs(5), greet).await;
    within.is_ok_and(|greeted| greeted.unwrap_or(false))
}

/// Trusts every certificate: these clients test who answers, not whether it is whom they meant.
mod anyone {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            rustls::crypto::aws_lc_rs::default_provider()
                .signature_verification_algorithms
                .supported_schemes()
        }
    }
}

#[tokio::test]
async fn each_mode_admits_the_clients_that_it_says() -> Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let policies =
        [policy("strict", "Strict"), policy("permissive", "Permissive"), policy("disabled", "Disabled")];
    let policies = policies.join("---");
    let actors = [STRICT, PERMISSIVE, DISABLED, CLIENT];
    let shop = Shop::open(BASE, &actors, &[("policies.yaml", &policies)]).await?;
    for server in [STRICT, PERMISSIVE, DISABLED] {
        tls_application(format!("{}:9443", shop.stage.address(server.place))).await?;
    }
    check(&shop.stage).await?;
    shop.close().await
}

async fn check(stage: &Stage) -> Result<()> {
    let named = Got::From(Some("spiffe://test.mesh/ns/shop/sa/client".into()));
    let modes = [
        (STRICT, &named, Got::Nothing, false),
        (PERMISSIVE, &named, Got::From(None), true),
        (DISABLED, &Got::From(None), Got::From(None), true),
    ];
    for (server, mesh, plain, foreign) in modes {
        let name = server.name;
        let got = http(&stage.url(CLIENT.place, server.place, "/")).await.with_context(|| name)?;
        assert_eq!(got, *mesh, "a client of the mesh calls {name}");
        let address = stage.address(server.place);
        let got = http(&format!("http://{address}:8080/")).await.with_context(|| name)?;
        assert_eq!(got, plain, "plain text to {name}");
        assert_eq!(
            foreign_tls(&format!("{address}:8443")).await,
            foreign,
            "TLS of the application's own to {name}"
        );
    }
    Ok(())
}
