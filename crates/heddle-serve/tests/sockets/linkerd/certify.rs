//! Certificates, as linkerd2-proxy asks for them: no client certificate, the token in the message.

use crate::client::check;
use crate::world::{World, grant, rules};
use heddle_ca::PrivateKey;
use heddle_ca::token::{self, Liveness, TokenKey};
use heddle_serve::peer::Leaf;
use linkerd2_proxy_api::identity::identity_client::IdentityClient;
use linkerd2_proxy_api::identity::{CertifyRequest, CertifyResponse};
use std::time::{Duration, SystemTime};
use tonic::{Code, Status};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const NAME: &str = "web.shop.serviceaccount.identity.heddle.cluster.local";

fn asking(token: &str) -> CertifyRequest {
    let pem = PrivateKey::generate().request_pem();
    let (_, request) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    CertifyRequest {
        identity: NAME.into(),
        token: token.into(),
        certificate_signing_request: request.contents,
    }
}

async fn ask(world: &World, request: CertifyRequest) -> Result<CertifyResponse, Status> {
    let mut client = IdentityClient::new(world.plain_http2(None).await);
    client.certify(request).await.map(tonic::Response::into_inner)
}

/// A token of `web-0` for an audience.
fn token_for(world: &World, audience: &str) -> String {
    let grant = grant("web", "web-0", Duration::from_secs(600));
    token::issue(&world.tokens, &grant, &rules(audience), SystemTime::now())
}

#[tokio::test]
async fn a_token_of_either_audience_makes_a_leaf_with_its_dns_name_first() {
    let world = World::start().await;
    for audience in ["heddle", "identity.l5d.io"] {
        let answer = ask(&world, asking(&token_for(&world, audience))).await.unwrap();
        let (_, leaf) = X509Certificate::from_der(&answer.leaf_certificate).unwrap();
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        let uri = "spiffe://cluster.local/ns/shop/sa/web";
        assert_eq!(names.value.general_names, [GeneralName::DNSName(NAME), GeneralName::URI(uri)]);
        let [intermediate] = &answer.intermediate_certificates[..] else { panic!("one intermediate") };
        let (_, intermediate) = X509Certificate::from_der(intermediate).unwrap();
        leaf.verify_signature(Some(intermediate.public_key())).unwrap();
        let until = Leaf::parse(&answer.leaf_certificate).unwrap().not_after;
        let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(answer.valid_until.unwrap().seconds, i64::try_from(until).unwrap());
    }
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"ok\"}"), 2.0);
}

#[tokio::test]
async fn nobody_is_given_the_name_of_another() {
    let world = World::start().await;
    let other = "vault.bank.serviceaccount.identity.heddle.cluster.local";
    for asked in [other, ""] {
        let request = CertifyRequest { identity: asked.into(), ..asking(&token_for(&world, "heddle")) };
        let text = format!("a certificate for {asked:?} was asked for, and the token is of {NAME:?}");
        check(&ask(&world, request).await.expect_err("refused"), Code::FailedPrecondition, &text);
    }
    assert_eq!(world.metric("heddle_certificates_issued_total{result=\"invalid\"}"), 2.0);
}

#[tokio::test]
async fn a_token_that_proves_nothing_makes_no_certificate() {
    let world = World::start().await;
    let refused = async |token: &str| ask(&world, asking(token)).await.expect_err("refused");
    let text = "a certificate is given to the bearer of a token only, and none came";
    check(&refused("").await, Code::Unauthenticated, text);
    let text = "the token is refused: token is for audience [\"vault\"], want one of {\"heddle\", \"identity.l5d.io\"}";
    check(&refused(&token_for(&world, "vault")).await, Code::Unauthenticated, text);
    let foreign = grant("web", "web-0", Duration::from_secs(60));
    let foreign = token::issue(&TokenKey::generate(), &foreign, &rules("heddle"), SystemTime::now());
    assert_eq!(refused(&foreign).await.code(), Code::Unauthenticated);
    let unknown = world.token("web", "web-9");
    check(&refused(&unknown).await, Code::Unavailable, "external/shop/web-9 is not known yet, try again");
    world.liveness("external/shop/web-0", Liveness::Gone);
    let text = "the token is refused: external/shop/web-0 is gone";
    check(&refused(&token_for(&world, "heddle")).await, Code::Unauthenticated, text);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused() {
    let world = World::start().await;
    let token = token_for(&world, "heddle");
    for (request, text) in [
        (
            vec![],
            "the certificate request is refused: certificate request is not one PEM block \"CERTIFICATE REQUEST\"",
        ),
        (vec![0x30, 1], "the certificate request is refused: certificate request is not PKCS#10 in DER"),
    ] {
        let request = CertifyRequest { certificate_signing_request: request, ..asking(&token) };
        check(&ask(&world, request).await.expect_err("refused"), Code::InvalidArgument, text);
    }
    let large = CertifyRequest { certificate_signing_request: vec![0; 100_000], ..asking(&token) };
    assert_eq!(ask(&world, large).await.expect_err("refused").code(), Code::ResourceExhausted);
}
