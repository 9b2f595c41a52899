//! Certificates over the wire.

use crate::client::{all, check};
use crate::world::{World, grant, rules};
use heddle_ca::PrivateKey;
use heddle_ca::token::{self, Liveness, TokenKey};
use heddle_proto::google::protobuf::{Struct, Value, value::Kind};
use heddle_proto::istio::v1::auth::IstioCertificateRequest;
use heddle_proto::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use heddle_serve::peer::Leaf;
use heddle_session::ResourceType;
use std::time::{Duration, SystemTime};
use tonic::{Code, Request, Status};

/// Asks for a CA's certificate that names `spiffe://cluster.local/ns/bank/sa/vault`; made with openssl.
const GREEDY: &str = include_str!("greedy.pem");

fn asking(csr: &str) -> IstioCertificateRequest {
    IstioCertificateRequest { csr: csr.into(), ..Default::default() }
}

/// Returns what comes of a request with this token, from a peer without a certificate unless told.
async fn ask(
    world: &World,
    token: Option<&str>,
    request: IstioCertificateRequest,
) -> Result<Vec<String>, Status> {
    let credential = token.is_none().then(|| world.credential("web"));
    let mut client = IstioCertificateServiceClient::new(world.channel(credential).await);
    let mut request = Request::new(request);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    Ok(client.create_certificate(request).await?.into_inner().cert_chain)
}

fn leaf(chain: &[String]) -> Leaf {
    let (_, pem) = x509_parser::pem::parse_x509_pem(chain[0].as_bytes()).unwrap();
    Leaf::parse(&pem.contents).unwrap()
}

#[tokio::test]
async fn a_token_and_a_key_make_a_chain_down_from_the_roots() {
    let world = World::start().await;
    let key = PrivateKey::generate();
    let request = IstioCertificateRequest { validity_duration: 60, ..asking(&key.request_pem()) };
    let chain = ask(&world, Some(&world.token("web", "web-0")), request).await.unwrap();
    assert_eq!(chain.len(), 3);
    assert_eq!(chain[2], world.authority.bundle().pem());
    let leaf = leaf(&chain);
    assert_eq!(
        (leaf.identity.to_string().as_str(), leaf.trust_domain.as_str()),
        ("shop/web", "cluster.local")
    );
    let left = leaf.not_after.duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(60), "{left:?}");
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"ok\"}"), 1.0);
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    stream.hear().await;
    let seen = world.only_client().await.certificate_expires.unwrap();
    assert_eq!(SystemTime::UNIX_EPOCH + Duration::from_secs(seen), leaf.not_after);
}

#[tokio::test]
async fn what_a_request_asks_to_be_called_is_ignored() {
    let world = World::start().await;
    let request = IstioCertificateRequest { validity_duration: i64::MAX, ..asking(GREEDY) };
    let chain = ask(&world, Some(&world.token("web", "web-0")), request).await.unwrap();
    let leaf = leaf(&chain);
    assert_eq!(leaf.identity.to_string(), "shop/web");
    let left = leaf.not_after.duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(3600), "{left:?}");
    let (_, pem) = x509_parser::pem::parse_x509_pem(chain[0].as_bytes()).unwrap();
    assert!(!pem.parse_x509().unwrap().is_ca());
}

#[tokio::test]
async fn nobody_is_given_the_identity_of_another() {
    let world = World::start().await;
    let value = Value { kind: Some(Kind::StringValue("spiffe://cluster.local/ns/bank/sa/vault".into())) };
    let metadata = Some(Struct { fields: [("ImpersonatedIdentity".to_string(), value)].into() });
    let request = IstioCertificateRequest { metadata, ..asking(&PrivateKey::generate().request_pem()) };
    let status = ask(&world, Some(&world.token("web", "web-0")), request).await.expect_err("refused");
    let text = "an impersonated identity was asked for, which is not allowed";
    check(&status, Code::PermissionDenied, text);
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"denied\"}"), 1.0);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused() {
    let world = World::start().await;
    let token = world.token("web", "web-0");
    let status = ask(&world, Some(&token), asking("no")).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().starts_with("the certificate request is refused: certificate request"),
        "{status}"
    );
    let large = asking(&"x".repeat(100_000));
    let status = ask(&world, Some(&token), large).await.expect_err("refused");
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().ends_with(" bytes, want at most 16384"), "{status}");
}

#[tokio::test]
async fn a_certificate_renews_nothing() {
    let world = World::start().await;
    let status = ask(&world, None, asking(GREEDY)).await.expect_err("refused");
    let text = "a certificate is given to the bearer of a token only, and none came";
    check(&status, Code::Unauthenticated, text);
}

#[tokio::test]
async fn a_token_that_proves_nothing_makes_no_certificate() {
    let world = World::start().await;
    let text = "external/shop/web-9 is not known yet, try again";
    let status = ask(&world, Some(&world.token("web", "web-9")), asking(GREEDY)).await.expect_err("refused");
    check(&status, Code::Unavailable, text);
    world.liveness("external/shop/web-0", Liveness::Gone);
    let text = "the token is refused: external/shop/web-0 is gone";
    let status = ask(&world, Some(&world.token("web", "web-0")), asking(GREEDY)).await.expect_err("refused");
    check(&status, Code::Unauthenticated, text);
    let minute = Duration::from_secs(60);
    let foreign = TokenKey::generate();
    let foreign = token::issue(&foreign, &grant("web", "web-1", minute), &rules("heddle"), SystemTime::now());
    let status = ask(&world, Some(&foreign), asking(GREEDY)).await.expect_err("refused");
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"unauthenticated\"}"), 2.0);
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"unavailable\"}"), 1.0);
}
